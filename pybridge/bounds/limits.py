"""Limits that float64 arithmetic may compare distances with, so that nothing passes wrongly.

The distance d of a result to a reference in float64 is compared with

  α·Σ|x||y| + β·|reference| + γ,

which is below what `pybridge.bounds.judge` allows by more than the slack of the reference and all
that float64 rounds on the way: the coefficients of each number of terms are derived from the
judge's, exactly, with a margin of 2⁻⁴⁰. Deviations of operands only add to what is allowed, and are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pybridge.bounds.true_errors import after, nearest_float
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import Estimator

__all__ = ["Limit", "limits"]

_MARGIN = Fraction(1, 2**40)
_GROWTH = 1 + Fraction(1, 2**44)
"""Covers what float64 rounds in the judge's own sums."""
_LEAST = Fraction(1, 2**1000)
"""Constants below this are not distinguished from the cost of underflow."""


@dataclass(frozen=True, slots=True)
class Limit:
    """α, β, γ of an entry; and a, c, s, r, so that a sum is allowed a·size + c and the reference is
    within s·size + r.
    """

    alpha: float
    beta: float
    gamma: float
    sums: tuple[float, float]
    slack: tuple[float, float]

    @classmethod
    def of(
        cls,
        sums: tuple[float, float],
        slack: tuple[float, float],
        last: tuple[Fraction, Fraction, Fraction],
    ) -> Limit | None:
        """Return the limit of an entry; None if it is not above the error of the reference, or is
        beyond float64.
        """
        if not all(map(math.isfinite, (*sums, *slack))):
            return None
        before, size, constant = last
        (a, c), (s, r) = (tuple(map(Fraction, pair)) for pair in (sums, slack))
        alpha = before * a + (size - _GROWTH) * s
        gamma = before * c + constant + (size - _GROWTH) * r - _LEAST
        if alpha < 0 or gamma < _LEAST:
            return None
        down = 1 - _MARGIN
        first, second, third = (nearest_float(w * down) for w in (alpha, size, gamma))
        if not math.isfinite(first + second + third):
            return None
        return cls(first, second, third, sums, slack)

    def allowance(self, size: float, reference: float, last: Any) -> float:
        """Return the judge's allowance at an entry, up to roundings."""
        before, relative, constant = last
        bound = before * Fraction(self.sums[0] * size + self.sums[1]) + constant
        total = bound + relative * (Fraction(abs(reference)) + Fraction(self.off(size)))
        return nearest_float(total)

    def off(self, size: float) -> float:
        """Return how far the reference may be from the exact value."""
        return self.slack[0] * size + self.slack[1]


_NOTHING = Limit(0.0, 0.0, 2.0**-1000, (0.0, 0.0), (0.0, 0.0))
"""The limit of an entry without terms."""


def limits(
    estimates: Estimator, promise: Accumulation, counts: Iterable[int], *, wide: bool
) -> dict[int, Limit] | None:
    """Return the limit of each number of terms; None if there is not one for each.

    Magnitudes are summed in float64 if `wide`, else in float32.
    """
    sums = estimates.coefficients(promise, finished=False, wide=wide)
    slack = estimates.coefficients(Accumulation(accumulate="float64"), wide=wide)
    last = after(promise.last_rounding(estimates.definitions))
    by_count: dict[int, Limit] = {}
    for n in counts:
        limit = Limit.of(sums(n), slack(n), last) if n else _NOTHING
        if limit is None:
            return None
        by_count[n] = limit
    return by_count
