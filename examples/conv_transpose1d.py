"""A new contraction, from Lean to NumPy: `python -m examples.conv_transpose1d`.

Lean proves the theorems of `ConvTranspose1d`, prints the contraction, and evaluates it. What is
printed is executed by `pybridge.engine.reference`, as the contractions of conv2d are, and compared
with what Lean computed and with the textbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np

from examples.library import Library, is_outward, numbers, run_example
from pybridge.engine.reference import evaluate
from pybridge.exported.document import Contraction, load_definitions
from pybridge.problem.formats import FloatArray, find_format
from pybridge.problem.operands import Operand

__all__ = ["SIZES", "Answer", "ask", "compare", "operands", "textbook"]

SIZES = {
    "batch": 2,
    "groups": 2,
    "inChannels": 2,
    "outChannels": 3,
    "inputW": 4,
    "kernelW": 3,
    "strideW": 2,
    "padLeft": 1,
    "dilationW": 3,
    "outputW": 12,
}
"""The sizes in the order of Lean's `ConvTranspose1d`; strides cut, and the last output is bias."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lean printed: the contraction, and for each entry value, exact value and bound."""

    contraction: Contraction
    value: list[Fraction]
    exact: list[Fraction]
    bound: list[Fraction]


def operands() -> dict[str, Operand]:
    """Input, kernel and bias in binary32, with their eps."""
    n, g, i, o, length, kernel = list(SIZES.values())[:6]
    rng = np.random.default_rng(1)
    shapes = {"x": (n, g * i, length), "weight": (g * i, o, kernel), "bias": (g * o,)}
    eps = {"x": 2.0**-20, "weight": 0.0, "bias": 2.0**-30}
    return {
        name: Operand(rng.standard_normal(shape).astype(np.float32), eps[name])
        for name, shape in shapes.items()
    }


def ask(library: Library) -> Answer:
    """Proves the theorems, and has Lean print and evaluate the contraction."""
    library.prove("ConvTranspose1d.Theorems")
    given = operands()
    lines = [f"sizes {' '.join(map(str, SIZES.values()))}"]
    lines.append(f"eps {' '.join(given[name].eps.hex() for name in given)} 0x0p+0")
    for name, operand in given.items():
        lines.append(f"{name} {' '.join(float(entry).hex() for entry in operand.value.flat)}")
    text = library.run("ConvTranspose1d", "convTranspose1dMain", "\n".join(lines))
    exported, _, results = text.partition("\n")
    found = numbers(results)
    return Answer(
        Contraction.model_validate_json(exported),
        *(found[f"forward.{quantity}"] for quantity in ("value", "exact", "bound")),
    )


def textbook(sizes: Mapping[str, int], x: FloatArray, weight: FloatArray) -> list[Fraction]:
    """The exact transposed convolution without bias: each input entry is spread over the output."""
    n, g, i, o, length, kernel, stride, padding, dilation, output = sizes.values()
    shape = (n, g * o, output)
    total = dict.fromkeys(product(*map(range, shape)), Fraction(0))
    for b, group, c, d, s, k in product(*map(range, (n, g, i, o, length, kernel))):
        place = (b, group * o + d, s * stride + k * dilation - padding)
        if place in total:
            channel = group * i + c
            total[place] += Fraction(float(x[b, channel, s])) * Fraction(
                float(weight[channel, d, k])
            )
    return list(total.values())


def compare(answer: Answer) -> list[str]:
    """What does not hold of an answer of Lean; nothing, if all does."""
    given = operands()
    found = evaluate(
        answer.contraction, load_definitions().data.laws, SIZES, find_format("binary32"), given
    )
    output = SIZES["outputW"]
    bias = [Fraction(float(entry)) for entry in given["bias"].value]
    summed = textbook(SIZES, given["x"].value, given["weight"].value)
    exact = [total + bias[k // output % len(bias)] for k, total in enumerate(summed)]
    wrong = []
    if len(answer.value) != prod(found.value.shape):
        wrong.append(f"Lean has {len(answer.value)} entries, NumPy {prod(found.value.shape)}")
    if [Fraction(float(entry)) for entry in found.value.flat] != answer.value:
        wrong.append("NumPy's values are not Lean's")
    if not all(map(is_outward, found.bound.flat, answer.bound)):
        wrong.append("NumPy's bounds are not Lean's, rounded outward")
    if answer.exact != exact:
        wrong.append("Lean's exact values are not the textbook's")
    if any(abs(v - e) > b for v, e, b in zip(answer.value, exact, answer.bound, strict=False)):
        wrong.append("an error is beyond its bound")
    return wrong


if __name__ == "__main__":
    run_example(
        lambda library: compare(ask(library)),
        "proved; values and bounds are Lean's, exact values the textbook's, errors within bounds",
    )
