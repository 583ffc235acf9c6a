"""Whether the errors of a result are within what a promise allows, decided entry by entry.

The operands are rounded exactly as the kernel promises to round them. The errors are enclosed
(`TrueErrors`); the allowance is the proved bound for sums in any order. An entry passes if its
error is at most the allowance, and fails if it is more. If the enclosure leaves this open, the
entry is computed in integers, so that every verdict is the one of exact arithmetic on the error and
the allowance. If numbers are too large for float64, the allowance is computed in integers, too;
otherwise it exceeds the exact bound by the cost of float64, of the enclosure of |exact| in the last
rounding, and of magnitudes that are summed in float32: n parts in 2²⁴ for n terms, 2 to 4 % at
most.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pybridge.bounds.applied import exact_result
from pybridge.bounds.exact_entries import ExactEntries
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import (
    Index,
    Mask,
    TrueErrors,
    after,
    nearest_float,
    weighted_sum,
)
from pybridge.engine.accumulation import Accumulation, ScaledAccumulation, format_parameters
from pybridge.engine.coefficients import Part
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.upward import Float64
from pybridge.errors import NotProvedError
from pybridge.exported.document import load_definitions

__all__ = ["Judge", "Judgement"]

_EXACT_TERMS = 2**24
"""The most terms of entries that are computed in integers because float64 overflows."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """What judgements with the same rounded operands share."""

    operands: Mapping[str, Inexact]
    estimates: Estimator
    exact: ExactEntries
    errors: TrueErrors

    @classmethod
    def of(cls, returned: KernelResult, operands: Mapping[str, Inexact]) -> _Reference:
        values = {key: operand.value for key, operand in operands.items()}
        estimates = returned.estimator({key: Inexact(value) for key, value in values.items()})
        exact = ExactEntries(returned.computation, values)
        if returned.format.precision <= 24:
            errors = TrueErrors.enclose(returned.values, estimates)
            return cls(operands, estimates, exact, errors)
        by_slices = TrueErrors.by_slices(returned.values, estimates, returned.rest)
        if by_slices is not None:
            return cls(operands, estimates, exact, by_slices)
        entries = exact_result(returned.computation, values)
        exact.remember(entries, returned.values.shape)
        errors = TrueErrors.exactly(returned.values, entries, returned.rest)
        return cls(operands, estimates, exact, errors)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The errors of a result, what a promise allows, and a mask of the errors beyond that.

    `estimates` and `exact` are of the rounded operands, without deviations.
    """

    errors: TrueErrors
    allowance: Float64
    failures: Mask
    estimates: Estimator
    exact: ExactEntries

    @property
    def ratio(self) -> float:
        """The largest error in units of what is allowed; infinite if a finite entry fails."""
        if (self.failures & ~self.errors.finite).any():
            return math.inf
        ratios = self._ratios()
        return float(np.where(np.isnan(ratios), math.inf, ratios).max())

    @property
    def worst(self) -> Index:
        """The index of the largest ratio, or of the first entry that fails and is not finite."""
        odd = self.failures & ~self.errors.finite
        if odd.any():
            flat = int(np.argmax(odd))
        else:
            ratios = self._ratios()
            ratios[~self.errors.finite | np.isnan(ratios)] = -1.0
            if self.failures.any():
                ratios = np.where(self.failures, np.maximum(ratios, 0.0), -1.0)
            flat = int(np.argmax(ratios))
        return tuple(int(i) for i in np.unravel_index(flat, self.failures.shape))

    def _ratios(self) -> Float64:
        with np.errstate(all="ignore"):
            return np.where(self.errors.upper > 0, self.errors.upper / self.allowance, 0.0)


class Judge:
    """Judges one result by several promises; promises that round operands alike share
    references.
    """

    def __init__(self, returned: KernelResult) -> None:
        self.returned = returned
        self._known: list[_Reference] = []

    @np.errstate(all="ignore")
    def __call__(self, promise: Accumulation) -> Judgement:
        """Judge the result by a promise.

        Raises `NotProvedError` if too many entries are too large for float64.
        """
        operands = self.returned.multiplied(promise)
        reference = self._reference(operands)
        decision = Decision(self.returned, promise, operands, reference)
        allowance = decision.allowance()
        failures = decision.failures(allowance)
        return Judgement(
            reference.errors, allowance, failures, reference.estimates, reference.exact
        )

    def _reference(self, operands: Mapping[str, Inexact]) -> _Reference:
        for known in self._known:
            if all(_same(known.operands[key].value, operands[key].value) for key in operands):
                return known
        self._known.append(_Reference.of(self.returned, operands))
        return self._known[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """A promise, with operands that may deviate from the reference's, and the errors to judge."""

    returned: KernelResult
    promise: Accumulation
    operands: Mapping[str, Inexact]
    reference: _Reference

    def allowance(self) -> Float64:
        """Return the largest error that the promise allows each entry; infinite beyond float64."""
        promise = self.promise
        if not isinstance(promise, ScaledAccumulation) or len(promise.divisors) == 1:
            return self._allowance(promise)
        allowed = np.empty(self.returned.values.shape)
        divisors = np.broadcast_to(self.returned.computation.unit, allowed.shape)
        for divisor in promise.divisors:
            own = divisors == divisor
            allowed[own] = self._allowance(promise.of_divisor(divisor))[own]
        return allowed

    def _promise(self, index: Index) -> Accumulation:
        """Return the promise of an entry."""
        if not isinstance(self.promise, ScaledAccumulation):
            return self.promise
        return self.promise.of_divisor(self.returned.computation.unit_of(index))

    def _allowance(self, promise: Accumulation) -> Float64:
        """Return the allowance of a promise that is the same for all entries.

        A sum that is within B of the exact value e, and then rounded with w and ω, is within B +
        w·(|e| + B) + ω of it (Lean: `last_rounding`).
        """
        estimates = self.reference.estimates
        if any(operand.deviates for operand in self.operands.values()):
            estimates = self.returned.estimator(self.operands)
        bound = estimates.any_order(promise, finished=False)
        last = promise.last_rounding(load_definitions())
        if last.relative or last.absolute:
            before, size, constant = after(last)
            reference, slack = self._enclosure()
            parts = (
                (bound, Part(before)),
                (np.abs(reference), Part(size)),
                (slack, Part(size)),
            )
            bound = weighted_sum(parts, constant)
        bound[np.isnan(bound)] = math.inf
        return bound

    def _enclosure(self) -> tuple[Float64, Float64]:
        """Return numbers, and how far the exact entries are from them at most.

        The slices leave the same uncertainty everywhere; a recomputation is nearer to small
        entries.
        """
        errors = self.reference.errors
        if not errors.sliced:
            return errors.reference, errors.slack
        plain = TrueErrors.enclose(self.returned.values, self.reference.estimates)
        nearer = np.isfinite(plain.reference) & (plain.slack < errors.slack)
        return (
            np.where(nearer, plain.reference, errors.reference),
            np.where(nearer, plain.slack, errors.slack),
        )

    def failures(self, allowance: Float64) -> Mask:
        """Return a mask of the entries whose error is beyond the allowance."""
        errors = self.reference.errors
        known = np.isfinite(allowance) & np.isfinite(errors.upper)
        open_ = known & errors.finite & ~errors.within(allowance)
        failures = errors.beyond(allowance, open_)
        for index in _indices(open_ & ~failures):
            error = errors.settle(index, self.reference.exact.value(index))
            failures[index] = error > Fraction(float(allowance[index]))
        exact = self._exact_allowances(~known)
        for index, allowed in exact.items():
            error = errors.settle(index, self.reference.exact.value(index))
            failures[index] = errors.finite[index] and error > allowed
        return failures | (~errors.finite & ~self._overflows(allowance, exact))

    def _exact_allowances(self, large: Mask) -> dict[Index, Fraction]:
        """Return the exact allowances of entries that are too large for float64."""
        count = int(np.count_nonzero(large))
        if count * int(self.reference.estimates.counts.max(initial=1)) > _EXACT_TERMS:
            raise NotProvedError(
                f"{self.returned.computation.words}: what is allowed is beyond float64 at {count} "
                "entries, too many to be computed exactly: nothing is proved; scale the operands "
                "by a power of two, or make a stronger promise"
            )
        counts = np.broadcast_to(self.reference.estimates.counts, large.shape)
        return {index: self._exactly(index, int(counts[index])) for index in _indices(large)}

    def _exactly(self, index: Index, terms: int) -> Fraction:
        exact, promise = self.reference.exact, self._promise(index)
        before, relative, constant = after(self.reference.estimates.sum_error(promise, terms))
        off = exact.deviation(index, self.operands)
        bound = relative * exact.magnitude(index) + before * off + constant
        before, relative, constant = after(promise.last_rounding(load_definitions()))
        return before * bound + relative * abs(exact.value(index)) + constant

    def _overflows(self, allowance: Float64, exact: Mapping[Index, Fraction]) -> Mask:
        """Return a mask of the infinities that are right: a sum within the allowance rounds to
        them.
        """
        errors = self.reference.errors
        right = np.zeros(errors.finite.shape, bool)
        if errors.finite.all():
            return right
        result = self.returned.values
        infinite = np.isinf(result)
        sign = np.where(infinite, np.sign(result.astype(np.float64)), 1.0)
        if format_parameters(self.returned.format.name, load_definitions()).reserved:
            infinite = np.isnan(result)  # The format has no infinities.
            sign = np.where(infinite & (errors.reference < 0), -1.0, 1.0)
        least = nearest_float(self.promise.largest(self.returned.format)) / 2
        may = ~(sign * errors.reference + errors.slack + allowance < least)
        may |= ~np.isfinite(errors.reference)
        for index in _indices(infinite & may):
            allowed = exact.get(index)
            if allowed is None:
                allowed = Fraction(float(allowance[index]))
            value = self.reference.exact.value(index)
            promise = self._promise(index)
            before, relative, constant = after(promise.last_rounding(load_definitions()))
            summed = (allowed - relative * abs(value) - constant) / before
            most = promise.largest(self.returned.format)
            right[index] = int(sign[index]) * value + summed >= most
        return right


def _same(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> bool:
    return a is b or (a.dtype == b.dtype and np.array_equal(a, b))


def _indices(mask: Mask) -> Iterator[Index]:
    return (tuple(int(i) for i in index) for index in np.argwhere(mask))
