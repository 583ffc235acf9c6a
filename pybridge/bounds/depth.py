"""Errors in units of the depth that would explain them, and how much a promise can notice.

The depth of a sum is how many roundings a term passes. These numbers are no bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pybridge.bounds.judge import Judgement
from pybridge.bounds.true_errors import Mask
from pybridge.engine.accumulation import Accumulation, parameters_of
from pybridge.engine.coefficients import operation
from pybridge.engine.upward import Float64
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FloatFormat

__all__ = ["ENOUGH_POWER", "Depths", "needed_depth", "power"]

ENOUGH_POWER = 0.5
"""The share of entries at which a promise must notice a zero, for hints to rely on it."""


@dataclass(frozen=True, slots=True)
class Depths:
    """The depths and the power of a `Comparison`."""

    depth: int | None
    best_depth: int | None
    most: int
    power: float
    needed: int

    @classmethod
    def of(cls, judgement: Judgement, promise: Accumulation, format: FloatFormat) -> Depths:
        """Compute them for a result of a format that was judged by a promise."""
        errors, estimates = judgement.errors, judgement.estimates
        most = int(estimates.counts.max(initial=0))
        scale = _Scale.of(promise, max(most, 1))
        terms = np.broadcast_to(estimates.sizes(), errors.reference.shape)
        size = np.abs(errors.reference)
        rounded = errors.reference.astype(format.dtype).astype(np.float64)
        best = np.where(np.isfinite(rounded), np.abs(rounded - errors.reference), 0.0)
        if format.precision <= 24:
            best += errors.slack
        # Infinities that do not fail are right to overflow: they need no depth.
        unexplained = np.where(judgement.failures, np.inf, 0.0)
        error = np.where(errors.finite, errors.upper, unexplained)
        return cls(
            depth=scale.least(error, size + errors.slack, terms),
            best_depth=scale.least(best, size + errors.slack, terms),
            most=promise.roundings(most, estimates.longest),
            power=power(judgement),
            needed=needed_depth(promise, max(most, 1), size, terms),
        )


def power(judgement: Judgement, where: Mask | None = None) -> float:
    """Return the share of the entries, by default of all, whose exact value is not zero and at
    which a zero would be noticed; 1 if there are none.
    """
    errors = judgement.errors
    size = np.abs(errors.reference)
    there = (size != 0) & np.isfinite(size)
    if where is not None:
        there &= where
    noticed = there & (size - errors.slack > judgement.allowance)
    count = int(np.count_nonzero(there))
    return int(np.count_nonzero(noticed)) / count if count else 1.0


def needed_depth(promise: Accumulation, most: int, magnitudes: Float64, terms: Float64) -> int:
    """Return the largest depth at which half of the zeros are noticed; 0 if there is none.

    `magnitudes` are the magnitudes of exact values, `terms` the sums of their terms' magnitudes,
    `most` is the largest number of terms.
    """
    scale = _Scale.of(promise, most)
    there = (magnitudes != 0) & np.isfinite(magnitudes) & (terms > 0)
    if not there.any():
        return 0
    middle = float(np.median(scale.noticed(magnitudes[there]) / terms[there]))
    return int(math.log1p(middle) / math.log1p(scale.unit)) if middle > 0 else 0


@dataclass(frozen=True, slots=True)
class _Scale:
    """The depths that explain errors under a promise, by roundings that err by `unit` and `eta`,
    and a last one that errs by `w` and `omega`.
    """

    w: float
    omega: float
    unit: float
    eta: float

    @classmethod
    def of(cls, promise: Accumulation, most: int) -> _Scale:
        """Return the scale of sums of at most so many terms."""
        definitions = load_definitions()
        last = promise.last_rounding(definitions)
        unit = operation(parameters_of(promise.accumulate, definitions), promise.mode)
        eta = float(2 * most * unit.absolute)
        return cls(float(last.relative), float(last.absolute), float(unit.relative), eta)

    def least(self, error: Float64, sizes: Float64, terms: Float64) -> int | None:
        """Return the least depth that explains errors of values of these sizes."""
        before = (error - self.w * sizes - self.omega) / (1 + self.w) - self.eta
        ratios = np.where(before > 0, before / terms, 0.0)
        largest = float(np.where(np.isnan(ratios), np.inf, ratios).max(initial=0.0))
        if not math.isfinite(largest):
            return None
        # The depth d with (1 + u)ᵈ − 1 = largest.
        return max(math.ceil(math.log1p(largest) / math.log1p(self.unit) - 1e-9), 0)

    def noticed(self, magnitudes: Float64) -> Float64:
        """Return how large an error before the last rounding may be if a zero is to be noticed."""
        return (magnitudes * (1 - self.w) - self.omega) / (1 + self.w) - self.eta
