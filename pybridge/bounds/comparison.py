"""The outcome of comparing a result with a promise: verdict, message and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.bounds.depth import Depths
from pybridge.bounds.hints import diagnose
from pybridge.bounds.judge import Judge, Judgement
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.scaled import divided_up
from pybridge.bounds.screen import Passed, first_look, screen
from pybridge.bounds.sure import Sure
from pybridge.bounds.theorems import Proved, proofs
from pybridge.bounds.true_errors import Index, Mask, nearest_float
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.problem.computation import Computation

__all__ = ["Comparison", "Entry", "compare"]

_NEAR_HALF = (0.4, 0.6)
"""Between these powers at a sample of entries, the power at all entries is computed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a result: its index, and what is certified about it.

    The exact value is in [lower, upper]; `error` is at least the distance to it, and the exact
    distance rounded up where that had to be computed; `ratio` is error / allowance.
    """

    index: Index
    value: float
    lower: float
    upper: float
    error: float
    allowance: float

    @property
    def ratio(self) -> float:
        """The error / allowance; above 1, rounding cannot explain the error."""
        if not math.isfinite(self.value):
            return math.inf
        if self.allowance == 0:
            return math.inf if self.error else 0.0
        return self.error / self.allowance


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a `Comparison` that are computed together."""

    worst: Entry
    most: int
    power: float
    needed: int


class Details:
    """The details of a comparison, computed when they are first read.

    `sure` is known if a first look sufficed, `passed` if the screen did, otherwise `judgement`.
    """

    def __init__(
        self,
        returned: KernelResult,
        promise: Accumulation,
        *,
        sure: Sure | None = None,
        passed: Passed | None = None,
        judgement: Judgement | None = None,
    ) -> None:
        self._returned, self._promise = returned, promise
        self.sure, self._passed, self._known = sure, passed, judgement

    @cached_property
    def figures(self) -> Figures:
        """The worst entry, depths and power.

        Raises as `judgement` does if the arrays no longer pass.
        """
        passed = self._passed
        if passed is None and self._known is None:
            passed = screen(self._returned, self._promise)
        if passed is None:
            depths, worst = self.depths, _entry(self.judgement, self._returned.on_host())
            return Figures(worst, depths.most, depths.power, depths.needed)
        worst = _passed_entry(passed, self._returned.computation)
        return Figures(worst, passed.most, passed.power, passed.needed)

    @cached_property
    def judgement(self) -> Judgement:
        """The judgement of every entry.

        Raises `InputError` if the arrays passed, and no longer do.
        """
        if self._known is not None:
            return self._known
        judgement = Judge(self._returned.on_host())(self._promise)
        if judgement.failures.any():
            raise InputError(
                f"{self._returned.computation.words}: an array was changed after it was compared, "
                "so that its errors are no longer known; compare copies"
            )
        return judgement

    @cached_property
    def depths(self) -> Depths:
        """The depths of the judgement."""
        with np.errstate(all="ignore"):
            return Depths.of(self.judgement, self._promise, self._returned.format)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """The outcome of comparing a result with a promise.

    `failed` counts the entries whose error is beyond what `accumulation` allows, `nonfinite` the
    failed entries that are nan or infinite. `worst` is the entry of the largest ratio. If entries
    fail, `patterns` says what they have in common, and `explanations` which standard promises would
    allow them all, the tightest first.

    `errors` and `allowance` are float64 arrays of the result's shape, `failures` a mask. If all
    entries pass, these and the depths are computed when they are first read, on the host, from the
    arrays that were compared, which must not have changed since.

    `basis` says how the promise was inferred, if it was not stated and does not follow from the
    result's dtype alone.

    A depth is how many roundings a term passes; `most` is how many it may by the promise. `power`
    is the share of the entries with an exact value other than zero at which a zero would be
    noticed, `needed` the depth that a promise would have to state for half of them.
    """

    computation: Computation
    accumulation: Accumulation
    shape: tuple[int, ...]
    failed: int
    nonfinite: int
    theorems: tuple[str, ...]
    basis: str | None = None
    patterns: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    details: Details = field(kw_only=True)

    def __repr__(self) -> str:
        verdict = f"{self.failed} of {self.entries} entries fail" if self.failed else "passed"
        promise = f"{self.accumulation.sentence}, {self.accumulation.order}"
        return f"<Comparison of {self.computation.words} {self.shape}: {verdict}; {promise}>"

    def __str__(self) -> str:
        return self.message

    @property
    def worst(self) -> Entry:
        """The entry of the largest ratio."""
        return self.details.figures.worst

    @property
    def most(self) -> int:
        """The depth that is promised."""
        return self.details.figures.most

    @property
    def power(self) -> float:
        """The share of the entries other than zero at which a zero would be noticed."""
        return self.details.figures.power

    @property
    def needed(self) -> int:
        """The depth that a promise would have to state to notice half of the zeros."""
        return self.details.figures.needed

    @property
    def errors(self) -> Float64:
        """Upper bounds of the errors of all entries."""
        return self._divided(self.details.judgement.errors.upper)

    @property
    def allowance(self) -> Float64:
        """The largest error that the promise allows, per entry."""
        return self._divided(self.details.judgement.allowance)

    @property
    def failures(self) -> Mask:
        """A mask of the entries whose error is beyond the allowance."""
        return self._outward(self.details.judgement.failures)

    def _divided(self, array: Float64) -> Float64:
        return self._outward(divided_up(array, self.computation.unit))

    def _outward(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(self.computation.outward(array))

    @property
    def depth(self) -> int | None:
        """The least depth that would explain the result; None if no depth does."""
        return self.details.depths.depth

    @property
    def best_depth(self) -> int | None:
        """The least depth of a result that is computed in float64 and rounded once."""
        return self.details.depths.best_depth

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
        """The worst entry's error / allowance; zero if every entry rightly overflowed."""
        if self.passed and not math.isfinite(self.worst.value):
            return 0.0
        return self.worst.ratio

    @property
    def message(self) -> str:
        """The verdict in a few lines."""
        if not self.entries:
            return f"{self.computation.words}: it has no entries"
        worst, promise = self.worst, self.accumulation.sentence
        index = ", ".join(map(str, worst.index))
        low, high = interval(worst.lower, worst.upper)
        exact = f"the exact value is in [{low}, {high}]"
        entry = f"[{index}] is {_number(worst.value)}, {exact}"
        if math.isfinite(worst.value):
            entry += (
                f": error {worst.error:.3g}, allowed {worst.allowance:.3g}, ratio {worst.ratio:.3g}"
            )
        if self.passed:
            return (
                f"{self.computation.words}: rounding explains all {self.entries} entries\n"
                f"  promise: {promise}, {self.accumulation.order}{self._basis}\n  {self._depths}\n"
                f"  power: {self._power}\n  nearest to it: {entry}"
            )
        lines = [
            f"{self.computation.words}: rounding cannot explain this",
            f"{self.failed} of {self.entries} entries {_are(self.failed)} beyond what is allowed "
            f"by {promise}, {self.accumulation.order}{self._basis}",
        ]
        if self.nonfinite:
            lines.append(f"{self.nonfinite} of them {_are(self.nonfinite)} nan or infinite")
        lines.append(f"worst: {entry}")
        if not self.nonfinite:
            lines.append(self._depths)
        lines += [f"pattern: {pattern}" for pattern in self.patterns]
        if self.explanations:
            lines.append(f"would be explained by {' or '.join(self.explanations[:3])}")
        elif not (self.patterns or self.nonfinite):
            lines.append("no standard promise that has power would explain it")
        lines.append(f"theorems: {', '.join(self.theorems)}")
        return "\n  ".join(lines)

    @property
    def _basis(self) -> str:
        return f" ({self.basis})" if self.basis else ""

    @property
    def _depths(self) -> str:
        """The depths: the promised one, the least for this result, and the least for the best
        one.
        """
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
        """Advice about a promise under which most zeros would not be noticed; None for others.

        After a first look, this is the power at a sample of entries, unless it is near one half.
        """
        sure = self.details.sure
        if sure is not None and not _NEAR_HALF[0] < sure.power < _NEAR_HALF[1]:
            power, needed, most, of = sure.power, sure.needed, sure.most, " a sample of"
        else:
            power, needed, most, of = self.power, self.needed, self.most, ""
        if power >= 0.5:
            return None
        words = (
            f"{self.computation.words}: a zero would be noticed at {100 * power:.3g} % of{of} the "
            f"entries under {self.accumulation.sentence}"
        )
        if 0 < needed < most:
            words += f"; a promise of depth {needed} or less would notice half of them"
        else:
            words += ", whatever the depth"
        return f"{words}; operands of pybridge.testing.sharp_operands have more power"


@np.errstate(all="ignore")
def compare(
    returned: KernelResult, accumulation: Accumulation | None, *, at_first_look: bool = False
) -> Comparison:
    """Compare a kernel's result with what a promise allows; by default `KernelResult.promise`.

    `at_first_look` is for callers who want the verdict: if a first look shows that all entries
    pass, the numbers, like the errors, are computed only if they are read.

    Raises `NotProvedError` if nothing is proved about that promise: an operand overflows the format
    that it is rounded to, or too many entries are too large for float64. For results in binary64,
    raises what `exact_result` does.
    """
    promise = returned.promise(accumulation)
    basis = _basis(returned) if accumulation is None else None
    sure = first_look(returned, promise) if at_first_look else None
    proved: Proved = "comparison" if sure is None else "first look"
    theorems: tuple[str, ...] = proofs(returned.computation, proved, promise)
    passed = screen(returned, promise) if sure is None else None
    if sure is not None or passed is not None:
        return Comparison(
            computation=returned.computation,
            accumulation=promise,
            shape=returned.computation.outer_shape,
            failed=0,
            nonfinite=0,
            theorems=theorems,
            basis=basis,
            details=Details(returned, promise, sure=sure, passed=passed),
        )
    returned = returned.on_host()
    judge = Judge(returned)
    judgement = judge(promise)
    errors, failures = judgement.errors, judgement.failures
    if errors.sliced:
        theorems += proofs(returned.computation, "slices")
    failed = int(np.count_nonzero(failures))
    comparison = Comparison(
        computation=returned.computation,
        accumulation=promise,
        shape=returned.computation.outer_shape,
        failed=failed,
        nonfinite=int(np.count_nonzero(failures & ~errors.finite)),
        theorems=theorems,
        basis=basis,
        details=Details(returned, promise, judgement=judgement),
    )
    _ = comparison.details.figures  # Computed now, since the caller may change the arrays.
    if failed:
        diagnosis = diagnose(returned, promise, judge)
        comparison = replace(
            comparison, patterns=diagnosis.patterns, explanations=diagnosis.explanations
        )
    return comparison


def _passed_entry(passed: Passed, computation: Computation) -> Entry:
    """Return the worst entry of a result that was screened."""
    lower, upper = passed.reference - passed.slack, passed.reference + passed.slack
    if passed.slack:
        lower, upper = math.nextafter(lower, -math.inf), math.nextafter(upper, math.inf)
    return Entry(
        index=computation.outer_index(passed.worst),
        value=passed.value,
        lower=lower,
        upper=upper,
        error=passed.error,
        allowance=passed.allowance,
    )


def _basis(returned: KernelResult) -> str | None:
    """Return how the default promise was inferred, if not from the result's dtype alone."""
    narrow = returned.narrowed
    if narrow is None:
        return None
    return f"taken from the operands, which are {narrow}, as is every number of the result"


def _entry(judgement: Judgement, returned: KernelResult) -> Entry:
    """Return the worst entry of a judgement."""
    errors, index = judgement.errors, judgement.worst
    known = judgement.exact.known.get(index)
    if known is not None:
        middle = nearest_float(known)
        widened = not math.isfinite(middle) or Fraction(middle) != known
        lower = upper = middle
    else:
        middle, slack = float(errors.reference[index]), float(errors.slack[index])
        widened = slack != 0
        lower, upper = middle - slack, middle + slack
    if widened:
        lower, upper = math.nextafter(lower, -math.inf), math.nextafter(upper, math.inf)
    divisor = returned.computation.unit_of(index)
    if divisor != 1:
        lower = math.nextafter(lower / divisor, -math.inf)
        upper = math.nextafter(upper / divisor, math.inf)
    error, allowance = (
        float(divided_up(of[index], divisor)) for of in (errors.upper, judgement.allowance)
    )
    return Entry(
        index=returned.computation.outer_index(index),
        value=_value(returned, index, divisor),
        lower=-math.inf if math.isnan(lower) else lower,
        upper=math.inf if math.isnan(upper) else upper,
        error=error if errors.finite[index] else math.nan,
        allowance=allowance,
    )


def _value(returned: KernelResult, index: Index, divisor: int) -> float:
    """Return the entry as the kernel returned it."""
    value = float(returned.values[index])
    if divisor == 1 or not math.isfinite(value):
        return value
    rest = 0.0 if returned.rest is None else float(returned.rest[index])
    return nearest_float((Fraction(value) + Fraction(rest)) / divisor)


def interval(lower: float, upper: float) -> tuple[str, str]:
    """Return the ends of an interval in ten digits, rounded outward."""
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
