"""A new operation, from Lean to NumPy: `python -m examples.correlation`.

Lean proves the theorems of `Correlation`, prints the operation, and evaluates a case of it. What is
printed is executed by `pybridge.engine.reference`, as the library's operations are, and compared
with what Lean computed and with the textbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np

from examples.library import Library, is_outward, run_example
from pybridge.engine.reference import evaluate
from pybridge.exported.document import Operation, load_definitions, parse_operations
from pybridge.lean import parse_results
from pybridge.lean.protocol import TensorResult
from pybridge.problem.formats import FloatArray, find_format
from pybridge.problem.operands import Operand

__all__ = ["SIZES", "Answer", "ask", "compare", "operands", "textbook"]

SIZES = {"batch": 2, "channels": 3, "length": 5, "displacements": 4, "reach": 2}


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lean printed: the operation, and the values, exact values and bounds of the output."""

    operation: Operation
    output: TensorResult


def operands() -> dict[str, Operand]:
    """Two signals in binary32, with their eps."""
    rng = np.random.default_rng(1)
    shape = (SIZES["batch"], SIZES["channels"], SIZES["length"])
    eps = {"x": 2.0**-20, "y": 0.0}
    return {name: Operand(rng.standard_normal(shape).astype(np.float32), eps[name]) for name in eps}


def ask(library: Library) -> Answer:
    """Proves the theorems, and has Lean print the operation and evaluate a case of it."""
    library.prove("Correlation.Theorems")
    lines = ["case a", "format binary32", "operation correlation"]
    lines.append(f"sizes {' '.join(map(str, SIZES.values()))}")
    for name, operand in operands().items():
        entries = " ".join(float(entry).hex() for entry in operand.value.flat)
        lines.append(f"{name} {operand.eps.hex()} {entries}")
    text = library.run("Correlation", "correlationMain", "\n".join([*lines, "end", ""]))
    exported, _, results = text.partition("\n")
    (operation,) = parse_operations(exported).values()
    return Answer(operation, parse_results(results)["a"].tensors["output"])


def textbook(x: FloatArray, y: FloatArray) -> list[Fraction]:
    """The exact correlations: each output entry is summed over the channels."""
    batch, channels, length, displacements, reach = SIZES.values()
    total = []
    for b, d, t in product(range(batch), range(displacements), range(length)):
        shifted = t + d - reach
        total.append(
            sum(
                (
                    Fraction(float(x[b, c, t])) * Fraction(float(y[b, c, shifted]))
                    for c in range(channels)
                    if 0 <= shifted < length
                ),
                Fraction(0),
            )
        )
    return total


def compare(answer: Answer) -> list[str]:
    """What does not hold of an answer of Lean; nothing, if all does."""
    given, lean = operands(), answer.output
    contraction, laws = answer.operation.results["output"], load_definitions().data.laws
    found = evaluate(contraction, laws, SIZES, find_format("binary32"), given)
    exact = textbook(given["x"].value, given["y"].value)
    wrong = []
    if len(lean.value) != prod(found.value.shape):
        wrong.append(f"Lean has {len(lean.value)} entries, NumPy {prod(found.value.shape)}")
    if [Fraction(float(entry)) for entry in found.value.flat] != list(lean.value):
        wrong.append("NumPy's values are not Lean's")
    if not all(map(is_outward, found.bound.flat, lean.bound)):
        wrong.append("NumPy's bounds are not Lean's, rounded outward")
    if list(lean.exact) != exact:
        wrong.append("Lean's exact values are not the textbook's")
    values = zip(lean.value, exact, lean.bound, strict=False)
    if any(v is None or abs(v - e) > b for v, e, b in values):
        wrong.append("an error is beyond its bound")
    return wrong


if __name__ == "__main__":
    run_example(
        lambda library: compare(ask(library)),
        "proved; values and bounds are Lean's, exact values the textbook's, errors within bounds",
    )
