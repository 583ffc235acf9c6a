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

__all__ = ["Depths", "power"]


@dataclass(frozen=True, slots=True)
class Depths:
    """What a `Comparison` says about depth and power."""

    depth: int | None
    best_depth: int | None
    most: int
    power: float
    needed: int

    @classmethod
    def of(cls, judgement: Judgement, promise: Accumulation, format: FloatFormat) -> Depths:
        """Measure a result of a format that was judged by a promise."""
        errors, estimates = judgement.errors, judgement.estimates
        scale = _Scale(judgement, promise)
        size = np.abs(errors.reference)
        there = (size != 0) & np.isfinite(size)
        rounded = errors.reference.astype(format.dtype).astype(np.float64)
        best = np.abs(rounded - errors.reference)
        if format.precision <= 24:
            best += errors.slack
        return cls(
            depth=scale.least(np.where(errors.finite, errors.upper, np.inf)),
            best_depth=scale.least(best),
            most=promise.roundings(int(estimates.counts.max(initial=0)), estimates.longest),
            power=power(judgement),
            needed=scale.half(there),
        )


def power(judgement: Judgement, where: Mask | None = None) -> float:
    """The share of the entries, by default of all, whose exact value is not zero and at which a
    zero would be noticed; 1 if there are none.
    """
    errors = judgement.errors
    size = np.abs(errors.reference)
    there = (size != 0) & np.isfinite(size)
    if where is not None:
        there &= where
    noticed = there & (size - errors.slack > judgement.allowance)
    count = int(np.count_nonzero(there))
    return int(np.count_nonzero(noticed)) / count if count else 1.0


class _Scale:
    """Depths that correspond to errors under a promise."""

    def __init__(self, judgement: Judgement, promise: Accumulation) -> None:
        definitions = load_definitions()
        errors, estimates = judgement.errors, judgement.estimates
        last = promise.last_rounding(definitions)
        self.w, self.omega = float(last.relative), float(last.absolute)
        unit = operation(parameters_of(promise.accumulate, definitions), promise.mode)
        self.unit = float(unit.relative)
        terms = int(estimates.counts.max(initial=1))
        self.eta = float(2 * terms * unit.absolute)
        self.terms = np.broadcast_to(estimates.sizes(), errors.reference.shape)
        self.magnitude = np.abs(errors.reference)
        self.slack = errors.slack

    def least(self, error: Float64) -> int | None:
        """The least depth that explains errors."""
        size = self.magnitude + self.slack
        before = (error - self.w * size - self.omega) / (1 + self.w) - self.eta
        ratios = np.where(before > 0, before / self.terms, 0.0)
        largest = float(np.where(np.isnan(ratios), np.inf, ratios).max(initial=0.0))
        if not math.isfinite(largest):
            return None
        # The depth d with (1 + u)ᵈ − 1 = largest.
        return max(math.ceil(math.log1p(largest) / math.log1p(self.unit) - 1e-9), 0)

    def half(self, there: Mask) -> int:
        """The largest depth at which half of the zeros are noticed; 0 if there is none."""
        room = (self.magnitude * (1 - self.w) - self.omega) / (1 + self.w) - self.eta
        ratios = (room / self.terms)[there & (self.terms > 0)]
        if not ratios.size:
            return 0
        middle = float(np.median(ratios))
        return int(math.log1p(middle) / math.log1p(self.unit)) if middle > 0 else 0
