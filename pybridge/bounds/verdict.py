"""Whether rounding explains how far a result is from the exact one, entry by entry.

The operands are rounded as the kernel promises to round them, exactly. The error of an entry is
enclosed: a result g′ of these operands that is computed in binary64 is within a proved slack of the
exact one, so that the error of g is within the slack of |g − g′|. What the promise allows is the
proved bound for sums in any order. An error that is at most that passes, one that is more fails.
Where the enclosure leaves it open, the entry is computed in integers, so that every verdict is what
exact arithmetic says of the error and of the allowance that is given. Where numbers are too large
for float64, what is allowed is computed in integers, too; elsewhere it is above the exact bound by
what float64 and the enclosure of |exact| in the last rounding cost, some parts in 10⁵ at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.bounds.claim import Claim
from pybridge.bounds.enclosure import exact_result
from pybridge.bounds.hints import diagnose
from pybridge.bounds.theorems import proofs
from pybridge.engine.accumulation import Accumulation, parameters_of
from pybridge.engine.coefficients import ErrorBound, Part, formula, operation, round_up, weigh
from pybridge.engine.estimator import Operand
from pybridge.engine.upward import Float64
from pybridge.errors import NotProvedError
from pybridge.exported.document import load_definitions
from pybridge.truth.entry import exact_entry

__all__ = ["Comparison", "Entry", "compare"]

_Mask: TypeAlias = npt.NDArray[np.bool_]
_Index: TypeAlias = tuple[int, ...]

_EXACT_TERMS = 2**24
"""The most terms of entries that are computed in integers because float64 overflows."""


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

    `depth` is the least depth that would explain the result, how many roundings a term would have
    passed; None where none would. `best_depth` is that of a result that is computed in float64 and
    rounded once, `most` how many a term may pass by the promise. `power` is the share of the
    entries with an exact value other than zero at which a zero would be noticed, `needed` the depth
    that a promise would have to state for half of them.
    """

    shown: str
    accumulation: Accumulation
    shape: tuple[int, ...]
    failed: int
    nonfinite: int
    worst: Entry
    theorems: tuple[str, ...]
    depth: int | None = None
    best_depth: int | None = None
    most: int = 0
    power: float = 1.0
    needed: int = 0
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
                f"  promise: {promise}, {self.accumulation.order}\n  {self._depths}\n"
                f"  power: {self._power}\n  nearest to it: {shown}"
            )
        lines = [
            f"{self.shown}: rounding cannot explain this",
            f"{self.failed} of {self.entries} entries {_are(self.failed)} beyond what is allowed "
            f"by {promise}, {self.accumulation.order}",
        ]
        if self.nonfinite:
            lines.append(f"{self.nonfinite} of them {_are(self.nonfinite)} nan or infinite")
        lines.append(f"worst: {shown}")
        if not self.nonfinite:
            lines.append(self._depths)
        lines += [f"pattern: {pattern}" for pattern in self.patterns]
        if self.explanations:
            lines.append(f"would be explained by {' or '.join(self.explanations[:3])}")
        elif not (self.patterns or self.nonfinite):
            lines.append("no standard promise would explain it")
        lines.append(f"theorems: {', '.join(self.theorems)}")
        return "\n  ".join(lines)

    @property
    def _depths(self) -> str:
        """The depth that is promised, that of this result, and that of the best one."""
        least = (
            "none explains this result"
            if self.depth is None
            else (f"this result needs {self.depth}")
        )
        best = (
            ""
            if self.best_depth is None
            else (f", one from float64, rounded once, {self.best_depth}")
        )
        return f"depth: {self.most} promised, {least}{best}"

    @property
    def _power(self) -> str:
        return f"a zero would be noticed at {100 * self.power:.3g} % of the entries"

    @property
    def weakness(self) -> str | None:
        """What to do about a promise under which most zeros would not be noticed."""
        if self.power >= 0.5:
            return None
        words = f"{self.shown}: {self._power} under {self.accumulation.sentence}"
        if 0 < self.needed < self.most:
            words += f"; a promise of depth {self.needed} or less would notice half of them"
        else:
            words += ", whatever the depth"
        return f"{words}; operands of pybridge.testing.sharp_operands have more power"


@np.errstate(all="ignore")
def compare(claim: Claim, accumulation: Accumulation | None) -> Comparison:
    """Compares a claimed result with what a promise allows; by default `Claim.promise`'s.

    Raises `NotProvedError` where nothing is proved of that promise: an operand overflows the format
    that it is rounded to, or too many entries are too large for float64. And, of results in
    binary64, as `exact_result` does.
    """
    promise = claim.promise(accumulation)
    judge = Judge(claim)
    found = judge(promise)
    errors = found.errors
    failed = int(np.count_nonzero(found.failures))
    comparison = Comparison(
        shown=claim.shown,
        accumulation=promise,
        shape=errors.shape,
        failed=failed,
        nonfinite=int(np.count_nonzero(found.failures & ~errors.finite)),
        worst=errors.entry(errors.worst(found.allowance, found.failures), found.allowance),
        theorems=tuple(proofs(claim.name, "comparison", promise)),
        **_depths(errors, found.allowance, promise),
        errors=errors.upper,
        allowance=found.allowance,
        failures=found.failures,
    )
    if failed:
        diagnosis = diagnose(
            claim, promise, errors.reference, found.failures, found.allowance, judge.ratio
        )
        comparison = replace(
            comparison, patterns=diagnosis.patterns, explanations=diagnosis.explanations
        )
    return comparison


def _depths(errors: Errors, allowance: Float64, promise: Accumulation) -> dict[str, Any]:
    """The fields of a `Comparison` about depth and power."""
    size = np.abs(errors.reference)
    there = (errors.reference != 0) & np.isfinite(size)
    noticed = there & (size - errors.slack > allowance)
    count = int(np.count_nonzero(there))
    depths = _Depths(errors, promise)
    half = depths.half(there)
    counts = errors.estimates.counts
    return {
        "depth": depths.least(np.where(errors.finite, errors.upper, np.inf)),
        "best_depth": depths.least(errors.rounded_once()),
        "most": promise.roundings(int(counts.max(initial=0)), errors.estimates.longest),
        "power": int(np.count_nonzero(noticed)) / count if count else 1.0,
        "needed": half,
    }


class _Depths:
    """Errors in units of the depth that would explain them. These numbers are no bounds."""

    def __init__(self, errors: Errors, promise: Accumulation) -> None:
        definitions = load_definitions()
        self.errors = errors
        last = promise.last_rounding(definitions)
        self.w, self.omega = float(last.relative), float(last.absolute)
        unit = operation(parameters_of(promise.accumulate, definitions), promise.mode)
        self.unit = float(unit.relative)
        terms = int(errors.estimates.counts.max(initial=1))
        self.eta = float(2 * terms * unit.absolute)
        self.sizes = np.broadcast_to(errors.estimates.sizes(), errors.shape)

    def _depth(self, relative: float) -> int | None:
        """The depth d with (1 + u)ᵈ − 1 = relative."""
        if not math.isfinite(relative):
            return None
        return max(math.ceil(math.log1p(relative) / math.log1p(self.unit) - 1e-9), 0)

    def least(self, error: Float64) -> int | None:
        """The least depth that explains errors."""
        size = np.abs(self.errors.reference) + self.errors.slack
        before = (error - self.w * size - self.omega) / (1 + self.w) - self.eta
        ratio = np.where(before > 0, before / self.sizes, 0.0)
        return self._depth(float(np.where(np.isnan(ratio), np.inf, ratio).max(initial=0.0)))

    def half(self, there: _Mask) -> int:
        """The largest depth at which half of the zeros are noticed; 0 if there is none."""
        size = np.abs(self.errors.reference)
        room = (size * (1 - self.w) - self.omega) / (1 + self.w) - self.eta
        ratios = (room / self.sizes)[there & (self.sizes > 0)]
        if not ratios.size:
            return 0
        middle = float(np.median(ratios))
        return int(math.log1p(middle) / math.log1p(self.unit)) if middle > 0 else 0


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The errors of a result, what a promise allows, and where the errors are beyond that."""

    errors: Errors
    allowance: Float64
    failures: _Mask


class Judge:
    """Judges one result by several promises; those that round operands alike share references."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.known: list[tuple[dict[str, Operand], Errors]] = []

    def __call__(self, promise: Accumulation) -> Judgement:
        """What becomes of the result under a promise."""
        operands = self.claim.multiplied(promise)
        errors = self._errors(operands)
        allowance = errors.allowance(promise, operands)
        return Judgement(errors, allowance, errors.beyond(allowance, promise, operands))

    def ratio(self, promise: Accumulation) -> float:
        """The largest error in units of what a promise allows; infinite where it fails one."""
        found = self(promise)
        if (found.failures & ~found.errors.finite).any():
            return math.inf
        ratios = np.where(found.errors.upper > 0, found.errors.upper / found.allowance, 0.0)
        return float(np.where(np.isnan(ratios), math.inf, ratios).max())

    def _errors(self, operands: Mapping[str, Operand]) -> Errors:
        for before, errors in self.known:
            if all(_same(before[key].value, operands[key].value) for key in operands):
                return errors
        found = Errors(self.claim, {key: Operand(given.value) for key, given in operands.items()})
        self.known.append((dict(operands), found))
        return found


def _same(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> bool:
    return a is b or (a.dtype == b.dtype and np.array_equal(a, b))


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


def combined(parts: Sequence[tuple[Fraction, Float64]], constant: Fraction) -> Float64:
    """Σ coefficient·magnitude + constant, of nonnegative float64 arrays, rounded up (`weigh`)."""
    weights = weigh(load_definitions(), [Part(c) for c, _ in parts], constant)
    total = np.zeros(())
    for (_, size), weight in zip(parts, weights.coefficients, strict=True):
        if weight:
            total = total + size * weight
    return np.asarray(total + weights.constant)


def _after(error: ErrorBound) -> tuple[Fraction, Fraction, Fraction]:
    """The exported coefficients of a value that is then off by `error`: of the bound that it had
    before, of its magnitude, and the constant.
    """
    values = {"bound.relative": error.relative, "bound.absolute": error.absolute}
    names = ("deviation", "magnitude", "constant")
    found = [formula(load_definitions(), name, values) for name in names]
    return found[0], found[1], found[2]


class Errors:
    """The errors of a result to the exact one of given operands: upper ends, and what decides.

    `reference` is near the exact result, within `slack`; `distance` is |result − reference|, of
    which float64's own error is not larger than u·|result − reference|. Both may be infinite or nan
    where numbers are too large for float64.
    """

    def __init__(self, claim: Claim, operands: Mapping[str, Operand]) -> None:
        self.claim = claim
        self.operands = operands
        self.estimates = claim.estimator(operands)
        self.shape = claim.result.shape
        self.finite = np.isfinite(claim.result)
        self.computed = np.where(self.finite, claim.result, 0).astype(np.float64)
        self.exact: dict[_Index, Fraction] = {}
        unit = operation(load_definitions().data.formats["binary64"])
        self.once = ErrorBound(unit.relative)
        if claim.format.precision > 24:
            self._compute_exactly()
        else:
            self._enclose()

    def _enclose(self) -> None:
        self.reference = np.broadcast_to(self.estimates.value(np.float64), self.shape)
        slack = self.estimates.any_order(Accumulation(accumulate="float64"))
        empty = np.broadcast_to(self.estimates.counts == 0, self.shape)
        self.slack = np.where(empty, 0.0, slack)
        self.distance = np.abs(self.computed - self.reference)
        weights = weigh(load_definitions(), [Part(Fraction(1), self.once), Part(Fraction(1))], _0)
        self.upper = self.distance * weights.coefficients[0]
        self.upper += self.slack * weights.coefficients[1]
        self.upper += weights.constant
        self.upper[empty] = self.distance[empty]

    def _compute_exactly(self) -> None:
        claim = self.claim
        values = {key: given.value for key, given in self.operands.items()}
        exact = exact_result(claim.name, claim.geometry, values)
        self.reference = np.array([_nearest(value) for value in exact]).reshape(self.shape)
        self.slack = np.spacing(np.abs(self.reference))
        computed = self.computed.ravel().tolist()
        errors = [abs(Fraction(v) - e) for v, e in zip(computed, exact, strict=True)]
        self.upper = np.array([round_up(error) for error in errors]).reshape(self.shape)
        self.distance = np.full(self.shape, math.nan)
        places = np.ndindex(*self.shape)
        self.exact = dict(zip(places, exact, strict=True))

    def rounded_once(self) -> Float64:
        """The errors of the reference, rounded to the result's format."""
        rounded = self.reference.astype(self.claim.result.dtype).astype(np.float64)
        own = self.slack if self.claim.format.precision <= 24 else 0.0
        return np.asarray(np.abs(rounded - self.reference) + own)

    def allowance(self, promise: Accumulation, operands: Mapping[str, Operand]) -> Float64:
        """What a promise allows each entry to err by; infinite where float64 is too small for it.

        A sum that is within B of the exact value e, and then rounded with w and ω, is within
        B + w·(|e| + B) + ω of it (Lean: `last_rounding`).
        """
        deviates = any(given.deviates for given in operands.values())
        found = self.claim.estimator(operands) if deviates else self.estimates
        sums = found.any_order(promise, finished=False)
        bound = np.array(np.broadcast_to(sums, self.shape))
        last = promise.last_rounding(load_definitions())
        if last.relative or last.absolute:
            before, size, constant = _after(last)
            magnitudes = ((before, bound), (size, np.abs(self.reference)), (size, self.slack))
            bound = combined(magnitudes, constant)
        bound[np.isnan(bound)] = math.inf
        return bound

    def beyond(
        self, allowance: Float64, promise: Accumulation, operands: Mapping[str, Operand]
    ) -> _Mask:
        """Where the error is not within what is allowed."""
        known = np.isfinite(allowance) & np.isfinite(self.upper)
        within = known & (self.upper <= allowance)
        unit, _, _ = _after(self.once)
        limit = combined(((unit, allowance), (unit, self.slack)), _0)
        beyond: _Mask = self.finite & known & ~within & (self.distance > limit)
        large = _places(~known)
        terms = int(self.estimates.counts.max(initial=1))
        if len(large) * terms > _EXACT_TERMS:
            raise NotProvedError(
                f"{self.claim.shown}: what is allowed is beyond float64 at {len(large)} entries, "
                "too many to be computed exactly: nothing is proved; scale the operands by a power "
                "of two, or make a stronger promise"
            )
        for place in _places(known & self.finite & ~within & ~beyond):
            error = abs(Fraction(float(self.computed[place])) - self.entry_exact(place))
            self.upper[place] = round_up(error)
            beyond[place] = error > Fraction(float(allowance[place]))
        exact = {place: self._exact_allowance(place, promise, operands) for place in large}
        for place, allowed in exact.items():
            error = abs(Fraction(float(self.computed[place])) - self.entry_exact(place))
            self.upper[place] = round_up(error)
            beyond[place] = self.finite[place] and error > allowed
        return beyond | (~self.finite & ~self._overflows(allowance, promise, exact))

    def _exact_allowance(
        self, place: _Index, promise: Accumulation, operands: Mapping[str, Operand]
    ) -> Fraction:
        """What a promise allows an entry to err by, in exact arithmetic."""
        claim = self.claim
        sizes = {key: np.abs(given.value.astype(np.float64)) for key, given in operands.items()}
        size = exact_entry(claim.name, claim.geometry, sizes, place)
        off = self._exact_deviation(place, sizes, operands)
        counts = np.broadcast_to(self.estimates.counts, self.shape)
        error = self.estimates.sum_error(promise, int(counts[place]))
        before, relative, constant = _after(error)
        bound = relative * size + before * off + constant
        before, relative, constant = _after(promise.last_rounding(load_definitions()))
        return before * bound + relative * abs(self.entry_exact(place)) + constant

    def _exact_deviation(
        self, place: _Index, sizes: Mapping[str, Float64], operands: Mapping[str, Operand]
    ) -> Fraction:
        """Σ Dx·|y| + Σ|x|·Dy + Σ Dx·Dy + Db, in exact arithmetic."""
        claim = self.claim
        off = {
            key: np.broadcast_to(np.asarray(given.deviation), sizes[key].shape)
            for key, given in operands.items()
        }
        factors = [key for key in off if key != "bias"]
        total = Fraction(0)
        for moved in product((False, True), repeat=len(factors)):
            if any(moved):
                chosen = {
                    key: (off if move else sizes)[key]
                    for key, move in zip(factors, moved, strict=True)
                }
                total += exact_entry(claim.name, claim.geometry, chosen, place)
        if "bias" in off:
            total += Fraction(float(off["bias"][place[1]]))
        return total

    def _overflows(
        self, allowance: Float64, promise: Accumulation, exact: Mapping[_Index, Fraction]
    ) -> _Mask:
        """Where an infinity is right: a result within what is allowed overflows to it."""
        right = np.zeros(self.shape, bool)
        if self.finite.all():
            return right
        result = self.claim.result
        infinite = np.isinf(result)
        sign = np.where(infinite, np.sign(result.astype(np.float64)), 1.0)
        largest = promise.largest(self.claim.format)
        least = _nearest(largest) / 2
        may = ~(sign * self.reference + self.slack + allowance < least)
        may |= ~np.isfinite(self.reference)
        for place in _places(infinite & may):
            allowed = exact.get(place)
            if allowed is None:
                allowed = Fraction(float(allowance[place]))
            right[place] = int(sign[place]) * self.entry_exact(place) + allowed >= largest
        return right

    def entry_exact(self, place: _Index) -> Fraction:
        """The exact value of an entry."""
        if place not in self.exact:
            claim = self.claim
            values = {key: given.value for key, given in self.operands.items()}
            self.exact[place] = exact_entry(claim.name, claim.geometry, values, place)
        return self.exact[place]

    def worst(self, allowance: Float64, failures: _Mask) -> _Index:
        """The place of the entry of the largest ratio; of the first that is not finite, if any."""
        odd = failures & ~self.finite
        if odd.any():
            flat = int(np.argmax(odd))
        else:
            ratios = np.where(self.upper > 0, self.upper / allowance, 0.0)
            ratios[~self.finite | np.isnan(ratios)] = -1.0
            if failures.any():
                ratios = np.where(failures, np.maximum(ratios, 0.0), -1.0)
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


_0 = Fraction(0)


def _places(mask: _Mask) -> Sequence[_Index]:
    return [tuple(int(i) for i in place) for place in np.argwhere(mask)]


def _nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
