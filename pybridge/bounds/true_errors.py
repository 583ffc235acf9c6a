"""True errors, the distances of entries from the exact ones, enclosed by float64 arrays.

A recomputation in binary64 is within a proved slack of the exact result. Hence the error of an
entry is within the slack of its distance to the recomputation, whatever computed it. That is
elementwise arithmetic on whole arrays; exact arithmetic decides what it leaves open
(`pybridge.bounds.exact_entries`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.accumulation import Accumulation
from pybridge.engine.coefficients import ErrorBound, Part, formula, operation, round_up, weigh
from pybridge.engine.estimator import Estimator
from pybridge.engine.sliced import remainder
from pybridge.engine.upward import Float64
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FloatArray

__all__ = [
    "Index",
    "Mask",
    "TrueErrors",
    "after",
    "nearest_float",
    "weighted_sum",
]

Mask: TypeAlias = npt.NDArray[np.bool_]
Index: TypeAlias = tuple[int, ...]

_MARGIN = 2.0**-50
"""Covers the roundings of `lower`."""


@dataclass(slots=True, eq=False)
class TrueErrors:
    """|result − exact| of every entry; all arrays have the result's shape.

    `computed` is the result in float64, with zeros where it is not `finite`. `reference` is within
    `slack` of the exact result. `distance`, up to one rounding, is within `uncertainty` of the
    error. `upper` is at least the error. All but `computed` may be infinite or nan if numbers are
    too large for float64; `upper` is then infinite. `sliced` says that exact products of slices
    were subtracted from the result. If `rest` is not None, the result is `computed` + `rest`.
    """

    finite: Mask
    computed: Float64
    reference: Float64
    slack: Float64
    distance: Float64
    upper: Float64
    uncertainty: Float64
    sliced: bool = False
    rest: Float64 | None = None

    @classmethod
    def enclose(cls, result: FloatArray, estimates: Estimator) -> Self:
        """Enclose the errors of a result by a recomputation in binary64."""
        shape = result.shape
        finite, computed = _finite(result)
        with np.errstate(all="ignore"):
            reference = np.broadcast_to(estimates.value(np.float64), shape)
            slack = estimates.any_order(Accumulation(accumulate="float64"))
            distance = np.subtract(computed, reference)
            np.abs(distance, out=distance)
            upper = weighted_sum(
                [(distance, Part(Fraction(1), _rounded_once())), (slack, Part(Fraction(1)))]
            )
        empty = np.broadcast_to(estimates.counts == 0, shape)
        if empty.any():
            slack[empty] = 0.0
            upper[empty] = distance[empty]
        upper[np.isnan(upper)] = math.inf
        return cls(finite, computed, reference, slack, distance, upper, slack)

    @classmethod
    def by_slices(
        cls, result: FloatArray, estimates: Estimator, rest: Float64 | None = None
    ) -> Self | None:
        """Enclose the errors of a result in binary64 by exact products of slices.

        The operands of `estimates` have no deviation. None if their exponents are beyond what
        slices cover. (Lean: `Contraction.sliced_reference`.)
        """
        finite, computed = _finite(result)
        left = remainder(estimates, computed)
        if left is None:
            return None
        with np.errstate(all="ignore"):
            reference = computed - left.value
            one = Part(Fraction(1))
            uncertainty = left.uncertainty
            slack = weighted_sum([(uncertainty, one), (np.spacing(np.abs(reference)), one)])
            distance = np.abs(left.value)
            if rest is not None:
                distance = np.abs(left.value + rest)
                off = np.where(rest == 0, 0.0, np.spacing(distance))
                uncertainty = weighted_sum([(uncertainty, one), (off, one)])
            upper = weighted_sum([(distance, one), (uncertainty, one)])
        upper[uncertainty == 0] = distance[uncertainty == 0]
        return cls(finite, computed, reference, slack, distance, upper, uncertainty, True, rest)

    @classmethod
    def exactly(
        cls, result: FloatArray, exact: Sequence[Fraction], rest: Float64 | None = None
    ) -> Self:
        """Compute the errors from all exact entries, in row-major order, rounded up.

        There is no distance (nan): only `upper` holds the errors.
        """
        shape = result.shape
        finite, computed = _finite(result)
        reference = np.array([nearest_float(value) for value in exact]).reshape(shape)
        values = map(Fraction, computed.ravel().tolist())
        if rest is not None:
            values = map(operator.add, values, map(Fraction, rest.ravel().tolist()))
        errors = [abs(v - e) for v, e in zip(values, exact, strict=True)]
        upper = np.array([round_up(error) for error in errors]).reshape(shape)
        with np.errstate(all="ignore"):  # Numbers next to subnormal ones count as underflow.
            slack = np.spacing(np.abs(reference))
        distance = np.full(shape, math.nan)
        return cls(finite, computed, reference, slack, distance, upper, slack, rest=rest)

    @property
    def lower(self) -> Float64:
        """Lower ends of the errors; negative or nan if nothing is known."""
        with np.errstate(all="ignore"):
            return np.asarray(self.distance * (1 - _MARGIN) - self.uncertainty * (1 + _MARGIN))

    def within(self, allowance: Float64) -> Mask:
        """Return a mask of the errors that are certainly at most a finite allowance."""
        return np.isfinite(allowance) & (self.upper <= allowance)

    def beyond(self, allowance: Float64, where: Mask) -> Mask:
        """Return a mask of the errors that are certainly more than a finite allowance, among
        `where`.

        The distance, less its uncertainty and its rounding, is beyond the allowance (Lean:
        `exceeds_printed`).
        """
        mask = np.zeros(where.shape, bool)
        if where.any():
            growth = Part(after(_rounded_once())[0])
            with np.errstate(all="ignore"):
                limit = weighted_sum(
                    [(allowance[where], growth), (self.uncertainty[where], growth)]
                )
                mask[where] = self.distance[where] > limit
        return mask

    def settle(self, index: Index, exact: Fraction) -> Fraction:
        """Return the error of an entry from its exact value; it is stored in `upper`, rounded up.

        An entry that is not finite counts as zero.
        """
        value = Fraction(float(self.computed[index]))
        if self.rest is not None:
            value += Fraction(float(self.rest[index]))
        error = abs(value - exact)
        self.upper[index] = round_up(error)
        return error


def _finite(result: FloatArray) -> tuple[Mask, Float64]:
    finite = np.isfinite(result)
    return finite, np.where(finite, result, 0).astype(np.float64)


def _rounded_once() -> ErrorBound:
    """Return the error of one operation in binary64."""
    return ErrorBound(operation(load_definitions().data.formats["binary64"]).relative)


def after(error: ErrorBound) -> tuple[Fraction, Fraction, Fraction]:
    """Return the exported coefficients of the bound of a value after a further `error`: of the
    bound before, of its magnitude, and the constant.
    """
    values = {"bound.relative": error.relative, "bound.absolute": error.absolute}
    names = ("deviation", "magnitude", "constant")
    before, magnitude, constant = (formula(load_definitions(), name, values) for name in names)
    return before, magnitude, constant


def weighted_sum(
    parts: Sequence[tuple[Float64, Part]], constant: Fraction = Fraction(0)
) -> Float64:
    """Return Σ coefficient·magnitude + constant of nonnegative float64 arrays, rounded up."""
    weights = weigh(load_definitions(), [part for _, part in parts], constant)
    total: Float64 | None = None
    for (size, _), weight in zip(parts, weights.coefficients, strict=True):
        if weight:
            term = size * weight
            total = term if total is None else np.add(total, term, out=total)
    if total is None:
        return np.full(parts[0][0].shape, weights.constant)
    total += weights.constant
    return total


def nearest_float(value: Fraction) -> float:
    """Return the nearest float64, infinite beyond the largest."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
