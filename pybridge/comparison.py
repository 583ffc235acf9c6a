"""Whether rounding explains how far a result is from the exact one, entry by entry.

The error of an entry is enclosed: a result g′ that is computed in binary64 is within a proved slack
of the exact one, so that the error of g is within the slack of |g − g′|. What the promise allows is
the proved estimate for sums in any order. An error that is at most that passes, one that is more
fails; where the enclosure leaves it open, the entry is computed in integers. The verdict is thus
that of exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.accumulation import Accumulation, format_parameters
from pybridge.anyorder import Estimator, exact_result
from pybridge.claims import Claim
from pybridge.definitions import load_definitions
from pybridge.diagnosis import diagnose
from pybridge.entries import exact_entry
from pybridge.estimates import round_up, unit
from pybridge.formats import find_format
from pybridge.upward import Float64

__all__ = ["Comparison", "Entry", "compare"]

_Mask: TypeAlias = npt.NDArray[np.bool_]
_Index: TypeAlias = tuple[int, ...]

_MARGIN = 2.0**-50
"""Covers the few float64 roundings in which the enclosure's ends are computed."""

_KERNELS = {"forward": "conv2d", "bias": "conv2d_bias", "weight": "conv2d_kernel"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a result: its place, and what is certified of it.

    The exact value is in [lower, upper]; `error` is at least the distance to it, and the exact
    distance rounded up where that had to be computed; `ratio` is error / allowance.
    """

    index: _Index
    value: float
    lower: float
    upper: float
    error: float
    allowance: float

    @property
    def ratio(self) -> float:
        """How many times the error is what is allowed: above 1 where rounding cannot explain it."""
        if not math.isfinite(self.value):
            return math.inf
        if self.allowance == 0:
            return math.inf if self.error else 0.0
        return self.error / self.allowance


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What became of comparing a result with what a promise allows.

    `failed` counts the entries whose error is beyond what `accumulation` allows, `nonfinite` those
    of them that are nan or infinite. `worst` is the entry of the largest ratio. Where some fail,
    `patterns` says what they have in common, and `explanations` which standard promises would
    allow them all, the tightest first. `errors` and `allowance` are float64 arrays of the result's
    shape, `failures` a mask.
    """

    shown: str
    accumulation: Accumulation
    shape: tuple[int, ...]
    failed: int
    nonfinite: int
    worst: Entry
    theorems: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    errors: Float64 = field(repr=False, default_factory=lambda: np.zeros(0))
    allowance: Float64 = field(repr=False, default_factory=lambda: np.zeros(0))
    failures: _Mask = field(repr=False, default_factory=lambda: np.zeros(0, bool))

    @property
    def passed(self) -> bool:
        """Whether rounding explains every entry."""
        return self.failed == 0

    @property
    def entries(self) -> int:
        """How many entries the result has."""
        return math.prod(self.shape)

    @property
    def ratio(self) -> float:
        """The worst entry's."""
        return self.worst.ratio

    @property
    def message(self) -> str:
        """The verdict in a few lines."""
        worst, promise = self.worst, self.accumulation.sentence
        index = ", ".join(map(str, worst.index))
        low, high = interval(worst.lower, worst.upper)
        exact = f"the exact value is in [{low}, {high}]"
        shown = f"[{index}] is {_number(worst.value)}, {exact}"
        if math.isfinite(worst.value):
            shown += (
                f": error {worst.error:.3g}, allowed {worst.allowance:.3g}, ratio {worst.ratio:.3g}"
            )
        if self.passed:
            return (
                f"{self.shown}: rounding explains all {self.entries} entries\n"
                f"  promise: {promise}, in any order\n  nearest to it: {shown}"
            )
        lines = [
            f"{self.shown}: rounding cannot explain this",
            f"{self.failed} of {self.entries} entries {_are(self.failed)} beyond what is allowed "
            f"by {promise}, in any order",
        ]
        if self.nonfinite:
            lines.append(f"{self.nonfinite} of them {_are(self.nonfinite)} nan or infinite")
        lines.append(f"worst: {shown}")
        lines += [f"pattern: {pattern}" for pattern in self.patterns]
        if self.explanations:
            lines.append(f"would be explained by {' or '.join(self.explanations[:3])}")
        elif not (self.patterns or self.nonfinite):
            lines.append("no standard promise would explain it")
        lines.append(f"theorems: {', '.join(self.theorems)}")
        return "\n  ".join(lines)


def compare(claim: Claim, accumulation: Accumulation | None) -> Comparison:
    """Compares a claimed result with what a promise allows; by default `Claim.promise`'s.

    Raises `InputError` where nothing is proved of that promise: the number of terms times the unit
    roundoff is not below one. And, of results in binary64, as `exact_result` does.
    """
    promise = claim.promise(accumulation)
    errors = _Errors(claim)
    allowed = _allowances(errors)
    allowance = allowed(promise)
    failures = errors.beyond(allowance, promise)
    failed = int(np.count_nonzero(failures))
    comparison = Comparison(
        shown=claim.shown,
        accumulation=promise,
        shape=errors.shape,
        failed=failed,
        nonfinite=int(np.count_nonzero(failures & ~errors.finite)),
        worst=errors.entry(errors.worst(allowance, failures), allowance),
        theorems=_theorems(claim.name, promise),
        errors=errors.upper,
        allowance=allowance,
        failures=failures,
    )
    if failed:
        diagnosis = diagnose(claim, promise, errors.reference, failures, allowed, errors.upper)
        comparison = replace(
            comparison, patterns=diagnosis.patterns, explanations=diagnosis.explanations
        )
    return comparison


def interval(lower: float, upper: float) -> tuple[str, str]:
    """The ends of an interval in ten digits, rounded outward."""
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return str(lower), str(upper)
    return (
        f"{Context(prec=10, rounding=ROUND_FLOOR).plus(Decimal(lower)).normalize():g}",
        f"{Context(prec=10, rounding=ROUND_CEILING).plus(Decimal(upper)).normalize():g}",
    )


def _number(value: float) -> str:
    return f"{value:.9g}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _theorems(name: str, promise: Accumulation) -> tuple[str, ...]:
    kernel = f"RuntimeApprox.{_KERNELS.get(name, 'conv2d_input')}"
    order = "any_order" if promise.across in (None, promise.accumulate) else "split_k"
    rounded = any(promise.last_rounding(load_definitions()))
    last = ("RuntimeApprox.last_rounding",) if rounded else ()
    return f"{kernel}_enclosure", f"{kernel}_{order}", *last


def _bias_eps(claim: Claim, promise: Accumulation) -> float:
    """By how much a kernel changes the bias that it reads in the format of its sums."""
    bias = claim.operands.get("bias")
    if bias is None:
        return 0.0
    wide = bias.value.astype(np.float64)
    if promise.accumulate == "tf32":
        relative, absolute = unit(format_parameters("tf32", load_definitions()))
        off = np.abs(wide) * float(2 * relative) + float(2 * absolute)
    else:
        with np.errstate(all="ignore"):
            narrow = wide.astype(find_format(promise.accumulate).dtype).astype(np.float64)
        off = np.abs(wide - narrow) * (1 + promise.truncated)
    largest = float(off.max())
    return largest if math.isfinite(largest) else 0.0


def _allowances(errors: _Errors) -> Callable[[Accumulation], Float64]:
    """What a promise allows each entry to err by.

    A sum that is within B of the exact value e, and then rounded with w and ω, is within
    B + w·(|e| + B) + ω of it (Lean: `last_rounding`).
    """
    claim = errors.claim
    definitions = load_definitions()
    estimators = {(0.0, 0.0): errors.estimates}

    def estimates(promise: Accumulation) -> Estimator:
        off = promise.operand_eps(claim.format), _bias_eps(claim, promise)
        if off not in estimators:
            eps = {key: math.fsum(off) if key == "bias" else off[0] for key in claim.operands}
            operands = {
                key: replace(given, eps=eps[key] and math.nextafter(eps[key], math.inf))
                for key, given in claim.operands.items()
            }
            estimators[off] = replace(claim, operands=operands).estimator()
        return estimators[off]

    def allowance(promise: Accumulation) -> Float64:
        found = estimates(promise)
        bound = np.array(np.broadcast_to(found.any_order(promise.unrounded), claim.result.shape))
        relative, absolute = map(float, promise.last_rounding(definitions))
        if relative:
            with np.errstate(all="ignore"):
                magnitude = np.abs(errors.reference) + errors.slack + bound
                bound = (bound + relative * magnitude + absolute) * (1 + _MARGIN)
        bound[np.isnan(bound)] = math.inf
        return bound

    return allowance


class _Errors:
    """The errors of a result: lower and upper ends, and where needed the exact ones.

    `reference` is near the exact result, within `slack`.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.estimates = claim.estimator()
        self.shape = claim.result.shape
        self.finite = np.isfinite(claim.result)
        with np.errstate(all="ignore"):
            self.computed = np.where(self.finite, claim.result, 0).astype(np.float64)
        self.exact: dict[_Index, Fraction] = {}
        if claim.format.precision > 24:
            self._compute_exactly()
        else:
            self._enclose()

    def _enclose(self) -> None:
        self.reference = np.broadcast_to(self.estimates.value(np.float64), self.shape)
        slack = self.estimates.any_order(Accumulation(accumulate="float64"))
        empty = np.broadcast_to(self.estimates.counts == 0, self.shape)
        self.slack = np.where(empty, 0.0, slack)
        with np.errstate(all="ignore"):
            distance = np.abs(self.computed - self.reference)
            self.lower = distance * (1 - _MARGIN) - self.slack * (1 + _MARGIN)
            self.upper = (distance * (1 + _MARGIN) + self.slack) * (1 + _MARGIN)
            self.upper[empty] = distance[empty]

    def _compute_exactly(self) -> None:
        claim = self.claim
        exact = exact_result(claim.name, claim.geometry, claim.operands)
        self.reference = np.array([_nearest(value) for value in exact]).reshape(self.shape)
        self.slack = np.spacing(np.abs(self.reference))
        values = self.computed.ravel().tolist()
        errors = [abs(Fraction(v) - e) for v, e in zip(values, exact, strict=True)]
        self.upper = np.array([round_up(error) for error in errors]).reshape(self.shape)
        self.lower = np.nextafter(self.upper, -math.inf)
        places = np.ndindex(*self.shape)
        self.exact = dict(zip(places, exact, strict=True))

    def beyond(self, allowance: Float64, promise: Accumulation) -> _Mask:
        """Where the error is not within what is allowed."""
        with np.errstate(invalid="ignore"):
            within = (self.upper <= allowance) | (allowance == np.inf)
            beyond: _Mask = self.finite & ~within & (self.lower > allowance)
        for place in _places(self.finite & ~within & ~beyond):
            error = abs(Fraction(float(self.computed[place])) - self._exact(place))
            self.upper[place] = round_up(error)
            beyond[place] = error > Fraction(float(allowance[place]))
        return beyond | (~self.finite & ~self._overflows(allowance, promise))

    def _overflows(self, allowance: Float64, promise: Accumulation) -> _Mask:
        """Where an infinity is right: a result within what is allowed overflows to it."""
        right = np.zeros(self.shape, bool)
        if self.finite.all():
            return right
        result = self.claim.result
        with np.errstate(invalid="ignore"):
            infinite = np.isinf(result)
            sign = np.where(infinite, np.sign(result.astype(np.float64)), 1.0)
        largest = promise.largest(self.claim.format)
        least = _nearest(largest) / 2
        with np.errstate(all="ignore"):
            may = ~(sign * self.reference + self.slack + allowance < least)
        for place in _places(infinite & may):
            allowed = float(allowance[place])
            signed = int(sign[place]) * self._exact(place)
            right[place] = allowed == math.inf or signed + Fraction(allowed) >= largest
        return right

    def _exact(self, place: _Index) -> Fraction:
        if place not in self.exact:
            claim = self.claim
            values = {key: given.value for key, given in claim.operands.items()}
            self.exact[place] = exact_entry(claim.name, claim.geometry, values, place)
        return self.exact[place]

    def worst(self, allowance: Float64, failures: _Mask) -> _Index:
        """The place of the entry of the largest ratio; of the first that is not finite, if any."""
        odd = failures & ~self.finite
        if odd.any():
            flat = int(np.argmax(odd))
        else:
            with np.errstate(all="ignore"):
                ratios = np.where(self.upper > 0, self.upper / allowance, 0.0)
            ratios[~self.finite | np.isnan(ratios)] = -1.0
            if failures.any():
                ratios[~failures] = -1.0
            flat = int(np.argmax(ratios))
        return tuple(int(i) for i in np.unravel_index(flat, self.shape))

    def entry(self, place: _Index, allowance: Float64) -> Entry:
        """What is certified of an entry."""
        reference, slack = float(self.reference[place]), float(self.slack[place])
        if place in self.exact:
            nearest = _nearest(self.exact[place])
            exact = Fraction(nearest) == self.exact[place] if math.isfinite(nearest) else False
            lower = nearest if exact else math.nextafter(nearest, -math.inf)
            upper = nearest if exact else math.nextafter(nearest, math.inf)
        else:
            lower = math.nextafter(reference - slack, -math.inf) if slack else reference
            upper = math.nextafter(reference + slack, math.inf) if slack else reference
        return Entry(
            index=place,
            value=float(self.claim.result[place]),
            lower=-math.inf if math.isnan(lower) else lower,
            upper=math.inf if math.isnan(upper) else upper,
            error=float(self.upper[place]) if self.finite[place] else math.nan,
            allowance=float(allowance[place]),
        )


def _places(mask: _Mask) -> Sequence[_Index]:
    return [tuple(int(i) for i in place) for place in np.argwhere(mask)]


def _nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
