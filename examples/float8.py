"""New formats, from Lean to NumPy: `python -m examples.float8`.

Lean proves the bounds of conv2d in eight bits, prints the formats, rounds numbers and evaluates a
case. ml_dtypes computes in the formats, and is compared with Lean's rounding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np

from examples.library import Library, is_outward, run_example
from pybridge.bounds.applied import Applied
from pybridge.engine.laws_exact import round_even
from pybridge.exported.document import FormatParameters
from pybridge.lean import CaseResult, parse_number, parse_results
from pybridge.problem.case import Case
from pybridge.problem.computation import conv2d_computation
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

__all__ = ["DTYPES", "Answer", "ask", "case", "compare", "compare_casts", "sweep"]

DTYPES = {
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float8_e4m3": np.dtype(ml_dtypes.float8_e4m3),
}
"""The dtypes of Lean's formats."""

_OCP = np.dtype(ml_dtypes.float8_e4m3fn)
_LARGEST_OCP = 448


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lean printed for each format: parameters, rounded numbers (None: overflow), results."""

    formats: Mapping[str, FormatParameters]
    rounded: Mapping[str, list[Fraction | None]]
    results: Mapping[str, CaseResult]


def sweep(dtype: np.dtype[Any]) -> FloatArray:
    """Return a dtype's finite numbers, the next one, midpoints, and the neighbours of all these."""
    every = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    held = np.unique(every[np.isfinite(every)])
    held = np.append(held, 2 * held[-1] - held[-2])
    points = np.append(held, (held[1:] + held[:-1]) / 2)
    beside = [np.nextafter(points, np.float32(end)) for end in (-np.inf, np.inf)]
    return np.unique(np.concatenate([points, *beside]))


def case() -> Case:
    """Return a conv2d whose operands both formats hold, some of them subnormal in E4M3."""
    geometry = Geometry(
        batch=2, windows=(Window(size=3, kernel=2), Window(size=4, kernel=2, pad_end=1))
    )
    rng = np.random.default_rng(8)

    def numbers(shape: tuple[int, ...]) -> FloatArray:
        return np.ldexp(rng.integers(-3, 4, shape), rng.integers(-8, 2, shape)).astype(np.float32)

    return Case(
        label="float8",
        format="binary32",
        geometry=geometry,
        operands={
            name: Operand(numbers(shape), 2.0**-8 if name == "x" else 0.0)
            for name, shape in geometry.shapes.items()
        },
    )


def ask(library: Library) -> Answer:
    """Prove the bounds, and let Lean print the formats, round the sweeps and evaluate the case."""
    library.prove("Float8.Theorems")
    points = np.concatenate([sweep(dtype) for dtype in DTYPES.values()])
    words = " ".join(float(x).hex() for x in points)
    lines = [words, *case().to_text().splitlines()[1:-1]]
    exported, *rest = library.run("Float8", "float8Main", "\n".join(lines)).split("\n")
    rounded = {}
    for name, line in zip(DTYPES, rest, strict=False):
        printed = line.removeprefix(f"{name} ").split(" ")
        rounded[name] = [None if word == "overflow" else parse_number(word) for word in printed]
    return Answer(
        {
            name: FormatParameters.model_validate(value)
            for name, value in json.loads(exported).items()
        },
        rounded,
        parse_results("\n".join(rest[len(DTYPES) :]), list(DTYPES)),
    )


def _fractions(array: FloatArray) -> list[Fraction | None]:
    """Return the numbers of an array, with None for infinity and NaN."""
    wide = array.astype(np.float64).ravel().tolist()
    return [Fraction(x) if np.isfinite(x) else None for x in wide]


def compare_casts(answer: Answer) -> list[str]:
    """Return how casts of ml_dtypes or `pybridge.engine.laws_exact` differ from Lean's rounding."""
    points = np.concatenate([sweep(dtype) for dtype in DTYPES.values()])
    wrong = []
    with np.errstate(all="ignore"):
        for name, dtype in DTYPES.items():
            if _fractions(points.astype(dtype)) != answer.rounded[name]:
                wrong.append(f"{name}: a cast of ml_dtypes is not Lean's rounding")
            exact = [round_even(Fraction(float(x)), answer.formats[name]) for x in points]
            if exact != answer.rounded[name]:
                wrong.append(f"{name}: pybridge.engine.laws_exact does not round as Lean does")
        more = answer.formats["float8_e4m3"].model_copy(update={"max_exponent": 8})
        points = np.concatenate([points, sweep(_OCP)])
        exact = [round_even(Fraction(float(x)), more) for x in points]
        ocp = [x if x is not None and abs(x) <= _LARGEST_OCP else None for x in exact]
        if _fractions(points.astype(_OCP)) != ocp:
            wrong.append("OCP's E4M3 is not e4m3 with one more binade and nan for 480")
    return wrong


def compare_operations(name: str, parameters: FormatParameters) -> list[str]:
    """Return which operations of ml_dtypes on numbers of a format are not rounded correctly."""
    every = np.arange(256, dtype=np.uint8).view(DTYPES[name])
    held = every[np.isfinite(every.astype(np.float32))]
    left, right = np.meshgrid(held, held)
    wrong = []
    for word, operation in (("sum", np.add), ("product", np.multiply)):
        with np.errstate(all="ignore"):
            computed = operation(left, right).astype(np.float64)
        exact, inverse = np.unique(
            operation(left.astype(np.float64), right.astype(np.float64)), return_inverse=True
        )
        rounded = [round_even(Fraction(x), parameters) for x in exact.tolist()]
        expected = np.array([np.nan if x is None else float(x) for x in rounded])[inverse.ravel()]
        computed = np.where(np.isfinite(computed), computed, np.nan).ravel()
        if not np.array_equal(computed, expected, equal_nan=True):
            wrong.append(f"{name}: a {word} of ml_dtypes is not the rounded exact one")
    return wrong


def compare(answer: Answer) -> list[str]:
    """Return what is wrong with Lean's answer, a line each."""
    wrong = compare_casts(answer)
    wide = case()
    for name, parameters in answer.formats.items():
        wrong += compare_operations(name, parameters)
        format = FloatFormat(
            name,
            DTYPES[name],
            parameters.precision,
            parameters.min_exponent,
            parameters.max_exponent,
        )
        operands = {
            key: Operand(operand.value.astype(format.dtype), operand.eps)
            for key, operand in wide.operands.items()
        }
        tensors = answer.results[name].tensors
        for which, tensor in tensors.items():
            computation = conv2d_computation(Result(which), wide.convolution)
            computed = Applied(computation, operands).evaluate(format)
            if _fractions(computed.value) != list(tensor.value):
                wrong.append(f"{name}: NumPy's values of {which} are not Lean's")
            if not all(map(is_outward, computed.bound.flat, tensor.bound)):
                wrong.append(f"{name}: NumPy's bounds of {which} are not Lean's, rounded outward")
            for value, exact, bound in zip(tensor.value, tensor.exact, tensor.bound, strict=True):
                if value is None or abs(value - exact) > bound:
                    wrong.append(f"{name}: an error of {which} is beyond its bound")
    return wrong


if __name__ == "__main__":
    run_example(
        lambda library: compare(ask(library)),
        "proved; casts, sums and products of ml_dtypes are Lean's, and so are values and bounds",
    )
