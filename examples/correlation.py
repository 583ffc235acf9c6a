"""A new operation, from Lean to a kernel's verdict: `python -m examples.correlation`.

Lean proves the theorems of `Correlation`, prints the operation, and evaluates a case of it. Python
uses the printed operation like the library's own: NumPy computes it and its gradients, with bounds;
they are compared with Lean's results and with the textbook; and a kernel is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from examples.library import Library, is_outward, run_example
from pybridge import ops, testing
from pybridge.exported.document import Operation, parse_operations
from pybridge.lean import parse_results
from pybridge.lean.protocol import TensorResult
from pybridge.problem.formats import FloatArray
from pybridge.problem.operands import Operand

__all__ = ["SIZES", "Answer", "ask", "compare", "kernel", "operands", "textbook"]

SIZES = {"batch": 2, "channels": 3, "length": 5, "displacements": 4, "reach": 2}


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lean printed: the operation, and the values, exact values and bounds of its results."""

    operation: Operation
    results: Mapping[str, TensorResult]


def operands() -> dict[str, Operand]:
    """Return two signals and a gradient of the output in binary32, with their eps."""
    rng = np.random.default_rng(1)
    signal = (SIZES["batch"], SIZES["channels"], SIZES["length"])
    shapes = {"x": signal, "y": signal}
    shapes["gradOutput"] = (SIZES["batch"], SIZES["displacements"], SIZES["length"])
    eps = {"x": 2.0**-20, "y": 0.0, "gradOutput": 0.0}
    return {
        name: Operand(rng.standard_normal(shape).astype(np.float32), eps[name])
        for name, shape in shapes.items()
    }


def ask(library: Library) -> Answer:
    """Prove the theorems, and let Lean print the operation and evaluate a case of it."""
    library.prove("Correlation.Theorems")
    lines = ["case a", "format binary32", "operation correlation"]
    lines.append(f"sizes {' '.join(map(str, SIZES.values()))}")
    for name, operand in operands().items():
        entries = " ".join(float(entry).hex() for entry in operand.value.flat)
        lines.append(f"{name} {operand.eps.hex()} {entries}")
    text = library.run("Correlation", "correlationMain", "\n".join([*lines, "end", ""]))
    exported, _, results = text.partition("\n")
    (operation,) = parse_operations(exported).values()
    return Answer(operation, parse_results(results)["a"].tensors)


def textbook(x: FloatArray, y: FloatArray) -> list[Fraction]:
    """Return the exact correlations: each output entry is summed over the channels."""
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


def kernel(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the correlations as a kernel may compute them: from slices of a padded signal."""
    length, displacements, reach = (SIZES[n] for n in ("length", "displacements", "reach"))
    padded = np.pad(y, ((0, 0), (0, 0), (reach, displacements)))
    return np.stack([(x * padded[..., d : d + length]).sum(1) for d in range(displacements)], 1)


def dot(array: FloatArray, exact: Sequence[Fraction]) -> Fraction:
    """Return the exact inner product of an array and numbers."""
    terms = zip(array.flat, exact, strict=True)
    return sum((Fraction(float(entry)) * number for entry, number in terms), Fraction(0))


def compare(answer: Answer) -> list[str]:
    """Return what is wrong with Lean's answer, a line each."""
    signals = operands()
    x, y, gradient = (signals[name].value for name in ("x", "y", "gradOutput"))
    operation = ops.contraction(
        answer.operation, {"x": x, "y": y}, SIZES, eps={"x": signals["x"].eps}
    )
    results = {
        "output": operation,
        "x": operation.grad("x", gradient),
        "y": operation.grad("y", gradient),
    }
    wrong = []
    for name, result in results.items():
        computed, lean = result.compute(method="replay-reference"), answer.results[name]
        if [Fraction(float(entry)) for entry in computed.value.flat] != list(lean.value):
            wrong.append(f"NumPy's values of {name} are not Lean's")
        if not all(map(is_outward, computed.bound.flat, lean.bound)):
            wrong.append(f"NumPy's bounds of {name} are not Lean's, rounded outward")
        values = zip(lean.value, lean.exact, lean.bound, strict=False)
        if any(v is None or abs(v - e) > b for v, e, b in values):
            wrong.append(f"an error of {name} is beyond its bound")
    if list(answer.results["output"].exact) != textbook(x, y):
        wrong.append("Lean's exact values are not the textbook's")
    pairs = {"output": gradient, "x": x, "y": y}
    if len({dot(array, answer.results[name].exact) for name, array in pairs.items()}) > 1:
        wrong.append("Lean's exact gradients are not the adjoints")
    exact = ops.contraction(answer.operation, {"x": x, "y": y}, SIZES)
    if not testing.compare(kernel(x, y), exact).passed:
        wrong.append("rounding does not explain the kernel's error")
    if testing.compare(kernel(x, y[..., ::-1].copy()), exact).passed:
        wrong.append("the mirrored signal is not noticed")
    return wrong


if __name__ == "__main__":
    run_example(
        lambda library: compare(ask(library)),
        "proved; values and bounds are Lean's, exact values the textbook's, the kernel is right",
    )
