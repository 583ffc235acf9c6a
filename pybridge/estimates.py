"""The exported coefficients of error estimates: exact, then rounded up once.

An estimate of an entry of n terms is

  product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant

with coefficients that are rational functions of what operations and operands err by
(`Data.estimates`, Lean: `Errors.productCoefficient`, …). The sums are computed in floating point,
and so is the estimate: both are sums of nonnegative terms, of which Lean proves (`Errors.exact_le`)
that the exact one is at most (computed + residue)·inflation. `Weights` holds the coefficients with
these factors taken in, so that what float64 makes of the estimate is not below the exact one
(`Measured.le_computed`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from pybridge.definitions import Definitions, DefinitionsError, Estimates, FormatParameters, Formula
from pybridge.errors import InputError
from pybridge.pieces import Counts
from pybridge.upward import Float64

__all__ = [
    "Coefficients",
    "Errors",
    "Weights",
    "coefficients",
    "formula_value",
    "round_up",
    "unit",
    "upward_factors",
    "weigh",
    "weigh_counts",
]


@dataclass(frozen=True, slots=True)
class Errors:
    """By what a kernel's operations, its last rounding and its operands err (Lean: `Errors`).

    Each product and sum errs by at most roundoff·|exact| + underflow, the last rounding by
    output_roundoff·|exact| + output_underflow, and the factors by relative·|entry| + absolute.
    """

    terms: int
    roundoff: Fraction = Fraction(0)
    underflow: Fraction = Fraction(0)
    output_roundoff: Fraction = Fraction(0)
    output_underflow: Fraction = Fraction(0)
    first_relative: Fraction = Fraction(0)
    first_absolute: Fraction = Fraction(0)
    second_relative: Fraction = Fraction(0)
    second_absolute: Fraction = Fraction(0)

    def variable(self, name: str) -> Fraction:
        """The value of a variable of the exported formulas."""
        match name:
            case "terms":
                return Fraction(self.terms)
            case "roundoff":
                return self.roundoff
            case "underflow":
                return self.underflow
            case "outputRoundoff":
                return self.output_roundoff
            case "outputUnderflow":
                return self.output_underflow
            case "firstRelative":
                return self.first_relative
            case "firstAbsolute":
                return self.first_absolute
            case "secondRelative":
                return self.second_relative
            case "secondAbsolute":
                return self.second_absolute
        raise DefinitionsError(f"unknown variable {name!r} of a formula")


def unit(format: FormatParameters) -> tuple[Fraction, Fraction]:
    """The relative and the absolute error of a rounding to nearest: 2^−p and 2^(least − p)."""
    relative = Fraction(1, 2**format.precision)
    return relative, relative * Fraction(2) ** format.min_exponent


def formula_value(formula: Formula, errors: Errors) -> Fraction:
    """The exact value of an exported formula; `DefinitionsError` for a division by zero."""
    match formula:
        case Formula("var", name=name):
            return errors.variable(name)
        case Formula("nat", value=value):
            return Fraction(value)
    left, right = (formula_value(arg, errors) for arg in formula.args)
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


def round_up(exact: Fraction) -> float:
    """The least float64 that is not below a number ≥ 0; infinity above the largest."""
    try:
        nearest = float(exact)
    except OverflowError:
        return math.inf
    return nearest if nearest >= exact else math.nextafter(nearest, math.inf)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The exact coefficients of an estimate of entries of so many terms."""

    product: Fraction
    first: Fraction
    second: Fraction
    constant: Fraction


def coefficients(definitions: Definitions, errors: Errors) -> Coefficients:
    """The exported coefficients of an estimate (Lean: `Errors.productCoefficient`, …).

    Raises `InputError` when n·u is not below one: nothing is proved then.
    """
    _require_small(errors.terms, errors.roundoff, "the arithmetic")
    found = definitions.data.estimates
    formulas = (found.product, found.first, found.second, found.constant)
    return Coefficients(*(formula_value(formula, errors) for formula in formulas))


@dataclass(frozen=True, slots=True)
class Weights:
    """Float64 coefficients of an estimate, for sums that were computed in a format.

    distance·|g − g′| + product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant, evaluated in float64
    in any order, is not below the exact estimate of the exact sums. A coefficient of zero says that
    the sum is not needed.
    """

    product: float
    first: float
    second: float
    constant: float
    distance: float


def weigh(
    definitions: Definitions,
    errors: Errors,
    sums: str,
    *,
    factors: int = 2,
    longest: int = 0,
    addend_eps: Fraction = Fraction(0),
    distance: bool = False,
) -> Weights:
    """The weights of entries of `errors.terms` terms, for sums computed in the format `sums`.

    The sums may have been computed with zeros between their terms, of up to `longest` terms in all.
    With one factor, y, the other stands for 1: Σ|x||y| is Σ|y|, and Σ|x| the number of terms. Where
    an addend, which counts as a term, is within `addend_eps` of the exact one, that adds to the
    constant. `distance` says that |g − g′| is a part of the estimate.

    Raises `InputError` when n·u is not below one, in the kernel's arithmetic or in that of the
    sums: nothing is proved then.
    """
    estimates = definitions.data.estimates
    n = errors.terms
    found = coefficients(definitions, errors)
    product, first, second, constant = found.product, found.first, found.second, found.constant
    if addend_eps:
        exact_one = replace(errors, first_relative=Fraction(0), second_absolute=addend_eps)
        constant += formula_value(estimates.first, exact_one)
    if factors == 1:
        constant, first = constant + n * first, Fraction(0)
    inflation, residue = upward_factors(definitions, sums, max(n, longest))
    parts = [product * inflation, first * inflation, second * inflation]
    constant += sum(parts) * residue
    if distance:
        once, rest = upward_factors(definitions, "binary64", 1)
        parts.append(once)
        constant += once * rest
    outer, rest = upward_factors(definitions, "binary64", sum(map(bool, parts)) + 1)
    inflated = [round_up(part * outer) for part in parts]
    return Weights(
        product=inflated[0],
        first=inflated[1],
        second=inflated[2],
        constant=round_up((constant + rest) * outer),
        distance=inflated[3] if distance else 0.0,
    )


def upward_factors(definitions: Definitions, format: str, terms: int) -> tuple[Fraction, Fraction]:
    """The inflation and the residue of sums of so many nonnegative terms in an exported format.

    The exact sum is at most (computed + residue)·inflation. Raises `InputError` when the number of
    terms times the unit roundoff is not below one, `DefinitionsError` for an unknown format.
    """
    parameters = definitions.data.formats.get(format)
    if parameters is None:
        raise DefinitionsError(f"the definitions lack the format {format}")
    roundoff, underflow = unit(parameters)
    _require_small(terms, roundoff, format)
    errors = Errors(terms, roundoff, underflow)
    estimates: Estimates = definitions.data.estimates
    return formula_value(estimates.inflation, errors), formula_value(estimates.residue, errors)


def _require_small(terms: int, roundoff: Fraction, what: str) -> None:
    if terms * roundoff >= 1:
        raise InputError(
            f"an entry has {terms} terms: with the unit roundoff 2^{_exponent(roundoff)} of {what} "
            "their number times it is not below 1, and no bound is proved"
        )


def _exponent(value: Fraction) -> int:
    return value.numerator.bit_length() - value.denominator.bit_length()


def weigh_counts(
    counts: Counts, weights: Callable[[int], Weights], shape: Sequence[int]
) -> dict[str, float | Float64]:
    """The weights of all entries of a result, by name: floats, or arrays that broadcast to `shape`.

    `counts` holds the entries' numbers of terms, of size one where they are constant; `weights`
    gives those of one number, and is called once for each.
    """
    distinct, inverse = np.unique(counts, return_inverse=True)
    found = [weights(int(n)) for n in distinct]
    where = np.broadcast_to(inverse.reshape(counts.shape), _row(counts.shape, shape))
    weighed: dict[str, float | Float64] = {}
    for name in ("product", "first", "second", "constant", "distance"):
        values = [getattr(w, name) for w in found]
        constant = min(values) == max(values)
        weighed[name] = values[0] if constant else np.array(values)[where]
    return weighed


def _row(counts: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of coefficients with rows long enough that arithmetic with them is fast."""
    row: list[int] = list(counts)
    length = 1
    for k in reversed(range(len(row))):
        if length < 512 or row[k] > 1:
            row[k] = shape[k] if length < 512 else row[k]
        length *= row[k]
    return tuple(row)
