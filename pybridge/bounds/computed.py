"""Results computed in a format, each with its proved error bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from pybridge.bounds.applied import Applied
from pybridge.bounds.theorems import Proved, Theorem, proofs
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import require_finite
from pybridge.engine.upward import Float64
from pybridge.errors import InputError, RoundingOverflowError
from pybridge.problem.computation import Computation
from pybridge.problem.formats import FloatArray, FloatFormat

__all__ = ["Bounded", "Method", "bounded"]

Method: TypeAlias = Literal["replay", "replay-reference", "any-order", "enclosure"]


@dataclass(frozen=True, slots=True, eq=False)
class Bounded:
    """A rounded result and how far each entry may be from the exact one.

    `value` has the format's dtype, `bound` is float64, both of the result's shape: every exact
    result, for all exact operands within their eps of the passed ones, is within `bound` of
    `value`. A bound above the largest float64 is infinite. `theorems` are the Lean theorems that
    prove it.
    """

    value: FloatArray
    bound: Float64
    theorems: tuple[Theorem, ...] = ()

    @property
    def theorem(self) -> Theorem:
        """The Lean theorem whose conclusion the bound is, with its file and line."""
        return self.theorems[0]

    @property
    def bound_linf(self) -> float:
        """The largest bound of an entry (Lean: `linfNorm` of the bound tensor)."""
        return float(self.bound.max(initial=0.0))


def bounded(applied: Applied, method: Method, format: FloatFormat) -> Bounded:
    """Return the result of a method and its bound."""
    if not isinstance(method, str) or method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise InputError(f"method: expected one of {known}, got {method!r:.60}")
    computation = applied.computation
    if method in ("replay", "replay-reference"):
        evaluation = applied.evaluate(format, fast=method == "replay")
        _require_no_overflow(computation, evaluation.overflow, format)
        value, bound = map(computation.outward, (evaluation.value, evaluation.bound))
        return Bounded(value, bound, proofs(computation, method))
    estimates = applied.estimator()
    value = estimates.rounded(format)
    _require_no_overflow(computation, ~np.isfinite(value), format)
    promise: Accumulation | None = None
    proved: Proved = "any-order"
    if method == "any-order":
        promise = Accumulation.of(format.name)
        bound = estimates.any_order(promise)
    else:
        bound, proved = applied.enclosure(value)
    require_finite(f"the bound of {computation.words}", bound)
    value, bound = map(computation.outward, (value, bound))
    return Bounded(value, bound, proofs(computation, proved, promise))


def _require_no_overflow(
    computation: Computation, overflow: npt.NDArray[np.bool_], format: FloatFormat
) -> None:
    if overflow.any():
        first = np.unravel_index(int(np.argmax(overflow)), overflow.shape)
        index = computation.outer_index(tuple(int(i) for i in first))
        count = int(np.count_nonzero(overflow))
        raise RoundingOverflowError(computation.words, index, count, format.name)
