"""Error bounds by the formulas that Lean exports, exact, then rounded up once.

A kernel's result v is near the sum of its terms: |v − Σtᵢ| ≤ relative·Σ|tᵢ| + absolute. The pair is
an `ErrorBound` (Lean: `ErrorBound`, `Near`). Every printed bound is a sum of coefficients times
magnitudes that were computed in floating point. `weigh` returns float64 coefficients for which Lean
proves that the sum, evaluated in float64, is not below its exact value (Lean: `weight`,
`constantWeight`). No formula here is Python's own: `formula` evaluates the exported ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from pybridge.engine.dense import Counts
from pybridge.engine.upward import Float64
from pybridge.errors import NotProvedError
from pybridge.exported.document import Definitions, FormatParameters
from pybridge.exported.expressions import DefinitionsError, Formula

__all__ = [
    "EXACT",
    "Broadcast",
    "ErrorBound",
    "Numbers",
    "Part",
    "Weights",
    "followed_by",
    "formula",
    "formula_value",
    "nearest",
    "numbers",
    "operation",
    "power_up",
    "round_up",
    "shortfall",
    "tensor_core_sum",
    "times",
    "tree",
    "weigh",
    "weigh_counts",
]

Numbers: TypeAlias = Mapping[str, Fraction | int]
"""The numbers that formulas name."""

_BITS = 128
"""Powers are rounded up to so many bits."""


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """How far a value may be from an exact one: relative·(a magnitude) + absolute."""

    relative: Fraction = Fraction(0)
    absolute: Fraction = Fraction(0)


EXACT = ErrorBound()
"""No error."""


def operation(format: FormatParameters, mode: str = "nearest") -> ErrorBound:
    """Return the error of an operation of a format (Lean: `Mode.roundoff`, `Mode.underflow`).

    `mode` is nearest, towardZero, nearestFlushed or towardZeroFlushed.
    """
    errors = format.errors[mode]
    return ErrorBound(Fraction(2) ** errors.relative, Fraction(2) ** errors.absolute)


def formula(
    definitions: Definitions,
    name: str,
    numbers: Numbers,
    depths: Mapping[str, int] | None = None,
) -> Fraction:
    """Return the value of an exported formula for the numbers and exponents (`depths`) it names."""
    named = definitions.data.formulas.get(name)
    if named is None:
        raise DefinitionsError(f"the definitions lack the formula {name!r}")
    return formula_value(named, numbers, depths or {})


def formula_value(formula: Formula, numbers: Numbers, depths: Mapping[str, int]) -> Fraction:
    """Return the value of a formula: exact, but for powers, which are rounded up (`power_up`).

    Raises `DefinitionsError` for an unknown name or node, and for a division by zero.
    """
    match formula.op:
        case "var":
            if formula.name not in numbers:
                raise DefinitionsError(f"unknown variable {formula.name!r} of a formula")
            return Fraction(numbers[formula.name])
        case "nat":
            return Fraction(formula.value)
        case "pow":
            if formula.name not in depths:
                raise DefinitionsError(f"unknown exponent {formula.name!r} of a formula")
            base = formula_value(formula.args[0], numbers, depths)
            return power_up(base, depths[formula.name])
    left, right = (formula_value(arg, numbers, depths) for arg in formula.args)
    match formula.op:
        case "add":
            return left + right
        case "sub":
            return left - right
        case "mul":
            return left * right
        case "div" if right:
            return left / right
        case "div":
            raise DefinitionsError("a formula divides by zero")
    raise DefinitionsError(f"unknown node {formula.op!r} of a formula")


def power_up(base: Fraction, exponent: int) -> Fraction:
    """Return a number that is at least baseⁿ, by at most n parts in 2¹²⁰, for a base of at least
    one.

    Squares and products are rounded up, so that the numbers stay short. Lean's theorems take any
    number that is at least (1 + u)ⁿ.
    """
    power = Fraction(1)
    for digit in f"{exponent:b}":
        power = _shortened(power * power)
        if digit == "1":
            power = _shortened(power * base)
    return power


def _shortened(value: Fraction) -> Fraction:
    """Return the least number of `_BITS` bits, or one more, that is not below a positive one."""
    shift = value.numerator.bit_length() - value.denominator.bit_length() - _BITS
    unit = Fraction(2) ** shift
    return math.ceil(value / unit) * unit


def round_up(exact: Fraction) -> float:
    """Return the least float64 that is not below a number ≥ 0; infinity above the largest."""
    try:
        nearest = float(exact)
    except OverflowError:
        return math.inf
    return nearest if nearest >= exact else math.nextafter(nearest, math.inf)


def nearest(definitions: Definitions, terms: int, unit: ErrorBound) -> ErrorBound:
    """Return the error of a sum of terms, rounded to nearest (Lean: `ErrorBound.nearest`).

    It holds in any order, fused or not, and for every number of terms; zeros do not count
    (Jeannerod and Rump 2013).
    """
    values: Numbers = {"terms": terms, "roundoff": unit.relative, "underflow": unit.absolute}
    return ErrorBound(
        formula(definitions, "nearestRelative", values),
        formula(definitions, "nearestAbsolute", values),
    )


def numbers(definitions: Definitions, terms: int, unit: ErrorBound) -> ErrorBound:
    """Return the error of a sum of numbers of the format itself (Lean: `ErrorBound.numbers`)."""
    values: Numbers = {"terms": max(terms, 1), "roundoff": unit.relative}
    return ErrorBound(
        formula(definitions, "numbersRelative", values),
        formula(definitions, "numbersAbsolute", values),
    )


def tree(
    definitions: Definitions, terms: int, unit: ErrorBound, depth: int | None = None
) -> ErrorBound:
    """Return the error of a sum of terms by operations of one error (Lean: `ErrorBound.tree`).

    No term passes more than `depth` operations, by default as many as there are terms.
    """
    passed = terms if depth is None else depth
    growth = formula(definitions, "growth", {"roundoff": unit.relative}, {"depth": passed})
    values: Numbers = {"terms": terms, "underflow": unit.absolute, "growth": growth}
    return ErrorBound(
        formula(definitions, "treeRelative", values), formula(definitions, "treeAbsolute", values)
    )


def followed_by(definitions: Definitions, first: ErrorBound, second: ErrorBound) -> ErrorBound:
    """Return the error of two steps, as partial sums and their sum (`ErrorBound.followedBy`)."""
    values = {
        "bound.relative": first.relative,
        "bound.absolute": first.absolute,
        "next.relative": second.relative,
        "next.absolute": second.absolute,
    }
    return ErrorBound(
        formula(definitions, "followedRelative", values),
        formula(definitions, "followedAbsolute", values),
    )


def tensor_core_sum(
    definitions: Definitions,
    unit: str,
    terms: int,
    steps: int,
    cut: Fraction,
    rounding: ErrorBound,
    shortfall: Fraction,
) -> ErrorBound:
    """Return the error of a matrix unit's sum in any tree of steps (Lean: `TensorCore.bound`).

    `unit` is aligned, staged, interleaved, grouped or exact (Lean: `TensorCore.Unit`). `terms` is
    the number of terms that are cut one by one, `cut` the most that a number loses, relative to the
    largest power of two, `rounding` the error of a step's rounding, and `shortfall` how much an
    exponent may be too large.
    """
    counted: Numbers = {"terms": terms, "steps": steps}
    losses = int(formula(definitions, f"{unit}Losses", counted))
    growth = formula(
        definitions,
        "tensorCoreGrowth",
        {"cut": cut, "roundoff": rounding.relative},
        {"losses": losses, "steps": steps},
    )
    values: Numbers = {
        "steps": steps,
        "losses": losses,
        "cut": cut,
        "shortfall": shortfall,
        "underflow": rounding.absolute,
        "growth": growth,
    }
    return ErrorBound(
        formula(definitions, "tensorCoreRelative", values),
        formula(definitions, "tensorCoreAbsolute", values),
    )


def shortfall(
    definitions: Definitions,
    first: tuple[Fraction, Fraction],
    second: tuple[Fraction, Fraction],
    least: Fraction,
) -> Fraction:
    """Return how much the exponent of a product may be too large (Lean: `shortfall`).

    Each factor is its largest magnitude, and a bound of 2^exponent of its entries that are
    subnormal in their format or block, 0 if none is; `least` is 2^exponent of zeros and of a
    subnormal accumulator.
    """
    values = {
        "firstMagnitude": first[0],
        "firstLeast": first[1],
        "secondMagnitude": second[0],
        "secondLeast": second[1],
        "least": least,
    }
    return formula(definitions, "shortfall", values)


def times(definitions: Definitions, bound: ErrorBound, parts: int) -> ErrorBound:
    """Return the error of partial sums together, each of one bound (Lean: `ErrorBound.times`)."""
    values: Numbers = {
        "terms": parts,
        "bound.relative": bound.relative,
        "bound.absolute": bound.absolute,
    }
    return ErrorBound(
        formula(definitions, "timesRelative", values),
        formula(definitions, "timesAbsolute", values),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A coefficient, and the error of the computed magnitude that it multiplies."""

    coefficient: Fraction
    computed: ErrorBound = EXACT


@dataclass(frozen=True, slots=True)
class Weights:
    """Float64 coefficients, so that Σ coefficient·magnitude + constant, evaluated in float64 in any
    order, is not below the exact sum of the exact magnitudes. A coefficient of zero says that the
    magnitude is not needed.
    """

    coefficients: tuple[float, ...]
    constant: float


def weigh(definitions: Definitions, parts: Sequence[Part], constant: Fraction) -> Weights:
    """Return the weights of magnitudes that were computed with errors (Lean: `weight`,
    `constantWeight`).

    Raises `NotProvedError` if the error of a computed magnitude is not below the magnitude.
    """
    unit = operation(definitions.data.formats["binary64"])
    summed = sum(1 for part in parts if part.coefficient)
    evaluation = nearest(definitions, summed + 1, unit)
    weights = []
    residues = Fraction(0)
    for part in parts:
        if part.computed.relative >= 1:
            raise NotProvedError(
                "a sum of magnitudes has so many terms that its own rounding may be as large as "
                "itself: nothing is proved"
            )
        values = {
            "coefficient": part.coefficient,
            "sum.relative": part.computed.relative,
            "sum.absolute": part.computed.absolute,
            "evaluation.relative": evaluation.relative,
            "evaluation.absolute": evaluation.absolute,
        }
        weights.append(round_up(formula(definitions, "weight", values)))
        residues += formula(definitions, "residue", values)
    values = {
        "constant": constant,
        "residues": residues,
        "evaluation.relative": evaluation.relative,
        "evaluation.absolute": evaluation.absolute,
    }
    return Weights(tuple(weights), round_up(formula(definitions, "constantWeight", values)))


Broadcast: TypeAlias = float | Float64


def weigh_counts(
    counts: Counts, weights: Callable[[int], Weights], shape: Sequence[int]
) -> tuple[list[Broadcast], Broadcast]:
    """Return the weights of all entries of a result, and the constants: floats, or arrays that
    broadcast to `shape`.

    `counts` holds the entries' numbers of terms, with axes of size one where they are constant;
    `weights` returns the weights of one number of terms, and is called once for each.
    """
    distinct, inverse = np.unique(counts, return_inverse=True)
    each = [weights(int(n)) for n in distinct]
    where = np.broadcast_to(inverse.reshape(counts.shape), _row(counts.shape, shape))

    def spread(values: Sequence[float]) -> Broadcast:
        return values[0] if min(values) == max(values) else np.array(values)[where]

    columns = zip(*(w.coefficients for w in each), strict=True)
    return [spread(values) for values in columns], spread([w.constant for w in each])


def _row(counts: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of coefficients with rows long enough that arithmetic with them is fast."""
    row: list[int] = list(counts)
    length = 1
    for k in reversed(range(len(row))):
        if length < 512 or row[k] > 1:
            row[k] = shape[k] if length < 512 else row[k]
        length *= row[k]
    return tuple(row)
