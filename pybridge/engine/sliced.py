"""Distances of float64 results from the exact ones, by products of slices.

The factors are cut into slices, x = x₁ + … + r, whose entries are multiples of a power of two and
so short that every sum of products of two slices is exact in float64, in any order (Lean:
`Contraction.sum_of_slices_exact`). These sums are subtracted from a result w one after the other,
the largest first, which leaves d. The distance of d from w − exact follows from the magnitudes of
the differences on the way, and from the largest entries of the slices' remainders (Lean:
`Contraction.sliced_reference`, after Ozaki, Ogita, Oishi and Rump 2012).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod

import numpy as np

from pybridge.engine.blas import contract
from pybridge.engine.coefficients import (
    ErrorBound,
    Part,
    formula,
    numbers,
    operation,
    weigh,
)
from pybridge.engine.dense import Split
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray

__all__ = ["Remainder", "remainder"]

_PRECISION = 53
_LEAST_EXPONENT = -1074
_LARGEST_EXPONENT = 900
"""Operands whose entries may be larger than this power of two are not cut."""

_BEYOND = 2.0**-62
"""Products are left out if they are at most this times the mean product of two entries."""

_LONGEST = 50
"""The most bits of a slice."""

_MOST = 12
"""The most slices of an operand; only exponents that spread over 200 binades need more."""


@dataclass(frozen=True, slots=True, eq=False)
class Remainder:
    """The difference of a result and the exact one, up to `uncertainty`.

    Float64 arrays of the result's shape: |(result − exact) − value| ≤ uncertainty.
    """

    value: Float64
    uncertainty: Float64


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    """A slice of an operand: multiples of 2^`exponent`, none larger than `largest`."""

    values: Float64
    exponent: int
    largest: float


@dataclass(slots=True, eq=False)
class _Slices:
    """An operand and its slices of so many bits, which are cut off when they are needed.

    `left[k]` is the largest magnitude after k slices.
    """

    rest: Float64
    bits: int
    slices: list[_Slice] = field(default_factory=list)
    left: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left.append(_largest(self.rest))

    def cut(self) -> _Slice:
        """Cut one more slice off the rest: the multiples of a power of two that are nearest."""
        exponent = math.frexp(self.left[-1])[1] - self.bits
        shift = math.ldexp(1.5, exponent + _PRECISION - 1)
        nearest = self.rest + shift
        nearest -= shift
        self.rest = self.rest - nearest
        self.slices.append(_Slice(nearest, exponent, _largest(nearest)))
        self.left.append(_largest(self.rest))
        return self.slices[-1]

    def until(self, limit: float) -> int | None:
        """Return how many slices leave at most `limit`; None if that takes too many."""
        while self.left[-1] > limit:
            if len(self.slices) == _MOST:
                return None
            self.cut()
        return next(k for k, left in enumerate(self.left) if left <= limit)


@np.errstate(all="ignore")
def remainder(estimates: Estimator, result: Float64) -> Remainder | None:
    """Return the differences of a finite float64 result and the exact one; operands must not
    deviate.

    None if the operands' exponents are too far apart for slices.
    """
    plan = _plan(estimates)
    if plan is None:
        return None
    definitions = estimates.definitions
    value = np.array(np.broadcast_to(result, estimates.shape), np.float64)
    passed = np.zeros(value.shape)
    magnitude = np.empty(value.shape)
    count = 0
    for part in plan.products(estimates):
        value -= part
        passed += np.abs(value, out=magnitude)
        count += 1
    unit = ErrorBound(operation(definitions.data.formats["binary64"]).relative)
    weights = weigh(
        definitions,
        [Part(unit.relative, numbers(definitions, count, unit))],
        plan.bound(estimates),
    )
    passed *= weights.coefficients[0]
    passed += weights.constant
    _clear(estimates, passed)
    return Remainder(value, passed) if np.isfinite(passed.max(initial=0.0)) else None


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The products of slices: slice i of the first factor with the first `with_[i]` slices of the
    second. `tails` has (X, T) for each i, `rest` the largest entry of the first factor's remainder,
    `other` the largest entry of the second factor.
    """

    first: _Slices
    second: _Slices | None
    with_: Sequence[int]
    tails: Sequence[tuple[float, float]]
    rest: float
    other: float

    def products(self, estimates: Estimator) -> Iterator[FloatArray]:
        """Yield the exact sums of the products of slices, the largest first, and then the
        addends.
        """
        pairs = [(i, j) for i, most in enumerate(self.with_) for j in range(most)]
        addends = estimates.addends
        for i, j in sorted(pairs, key=sum):
            factors = [self.first.slices[i].values]
            if self.second is not None:
                factors.append(self.second.slices[j].values)
            yield contract(estimates.split, factors, np.float64)
            yield from self._added(addends)
            addends = []
        yield from self._added(addends)

    def _added(self, addends: Sequence[tuple[Split, Inexact]]) -> Iterator[FloatArray]:
        for split, addend in addends:
            yield contract(split, [addend.value.astype(np.float64)], np.float64)

    def bound(self, estimates: Estimator) -> Fraction:
        """Return a bound of the products that are left out (Lean: `leftBound`)."""
        tails = sum((Fraction(x) * Fraction(t) for x, t in self.tails), Fraction(0))
        values: Mapping[str, Fraction | int] = {
            "terms": prod(estimates.split.red_sizes),
            "tails": tails,
            "rest": Fraction(self.rest),
            "secondMagnitude": Fraction(self.other),
        }
        return formula(estimates.definitions, "left", values)


def _plan(estimates: Estimator) -> _Plan | None:
    values = [np.asarray(factor.value, np.float64) for factor in estimates.factors]
    if any(_largest(value) > 2.0**_LARGEST_EXPONENT for value in values):
        return None
    terms = max(prod(estimates.split.red_sizes), 1)
    room = _PRECISION - (terms - 1).bit_length()
    means = [float(np.mean(np.abs(value))) if value.size else 0.0 for value in values]
    if len(values) == 1:
        only = _Slices(values[0], min(room, _LONGEST))
        count = only.until(means[0] * _BEYOND)
        if count is None or not _is_exact(only.slices, [], terms):
            return None
        return _Plan(only, None, [1] * count, [], only.left[count], 1.0)
    first, second = (_Slices(value, room // 2) for value in values)
    limit = means[0] * means[1] * _BEYOND
    count = first.until(_ratio(limit, second.left[0]))
    if count is None:
        return None
    most = [second.until(_ratio(limit, slice_.largest)) for slice_ in first.slices[:count]]
    with_ = [number for number in most if number is not None]
    if len(with_) < count or not _is_exact(first.slices, second.slices, terms):
        return None
    tails = [
        (slice_.largest, second.left[number])
        for slice_, number in zip(first.slices, with_, strict=False)
    ]
    return _Plan(first, second, with_, tails, first.left[count], second.left[0])


def _is_exact(first: Sequence[_Slice], second: Sequence[_Slice], terms: int) -> bool:
    """Return whether all sums of products of slices are exact: n·X·Y ≤ 2^(p + e + d) and no
    underflow.
    """
    one = [_Slice(np.ones(()), 0, 1.0)]
    for a in first:
        for b in second or one:
            exponent = a.exponent + b.exponent
            total = terms * Fraction(a.largest) * Fraction(b.largest)
            if exponent < _LEAST_EXPONENT or total > Fraction(2) ** (_PRECISION + exponent):
                return False
    return True


def _clear(estimates: Estimator, uncertainty: Float64) -> None:
    """Set the uncertainty to zero where every product is zero and there is no addend: the exact
    sums and all sums of products of slices are then zero.
    """
    uncertainty[np.broadcast_to(estimates.counts == 0, uncertainty.shape)] = 0.0
    if not estimates.addends and not all(np.all(factor.value) for factor in estimates.factors):
        there = [np.asarray(factor.value != 0, np.float32) for factor in estimates.factors]
        zero = np.asarray(contract(estimates.split, there, np.float32)) == 0
        uncertainty[np.broadcast_to(zero, uncertainty.shape)] = 0.0


def _largest(values: Float64) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def _ratio(limit: float, by: float) -> float:
    return limit / by if by else math.inf
