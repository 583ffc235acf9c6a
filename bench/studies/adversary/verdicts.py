"""Checks comparisons against exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from bench.studies.adversary.calls import Accumulation
from bench.studies.adversary.kernels import Computed
from bench.studies.adversary.numbers import BINARY
from bench.studies.adversary.problem import Problem, Sums
from bench.studies.adversary.promise import Limit, Promise
from bench.studies.adversary.results import Result
from bench.studies.adversary.tally import Finding, Tally
from pybridge import testing

__all__ = ["FALSE_ALARM", "Verdicts", "decimal", "ratio_of"]

FALSE_ALARM = "a kernel that keeps its promise passes"
_FAILS = "an entry that fails is beyond what is allowed"
_PASSES = "an entry that passes is within what is allowed"
_INFINITE = "an infinity passes exactly where a sum may be rounded to it; nan never does"
_REPORTED = "errors and allowances are not below the exact ones"


class Verdicts:
    """Checks comparisons of results of one problem with one promise."""

    def __init__(
        self,
        problem: Problem,
        sums: Sequence[Sums],
        promise: Promise,
        plain: bool,
        accumulation: Accumulation | None,
        tally: Tally,
        case: str,
    ) -> None:
        self.problem, self.sums, self.promise, self.plain = problem, sums, promise, plain
        self.tally, self.case = tally, case
        said = "default promise" if accumulation is None else repr(accumulation)
        self.where = f"{problem.text}, {said}"
        # Magnitudes are summed in float32 if no array is float64, or operands are rounded.
        wide = any(problem.arrays[name].dtype.itemsize > 4 for name in problem.used)
        self.wide = wide and promise.operands in (None, BINARY["float64"])

    def find(self, rule: str, entry: int, what: str) -> None:
        """Keep a finding."""
        self.tally.findings.append(Finding(self.case, rule, f"{self.where}, entry {entry}: {what}"))

    def check(
        self, result: Result, comparison: testing.Comparison, computed: Sequence[Computed] | None
    ) -> None:
        """Check a comparison; `computed` is what a simulated kernel says of its own result."""
        failures = comparison.failures.ravel().tolist()
        errors, allowances = (
            comparison.errors.ravel().tolist(),
            comparison.allowance.ravel().tolist(),
        )
        floats = result.array.astype(np.float64).ravel().tolist()
        limits: dict[int, Limit] = {}
        for k, entry in enumerate(self.sums):
            if entry.terms not in limits:
                limits[entry.terms] = self._limit(entry.terms, result.unit)
            limit = limits[entry.terms]
            allowed = limit(entry.magnitude, entry.deviation, entry.exact)
            exact, value = entry.exact << limit.up, result.values[k]
            if value is None:
                late = computed is not None and computed[k].late
                self._infinite(k, entry, limit, floats[k], failures[k], late)
                continue
            error = abs((value << limit.fine - result.unit) - exact)
            self._finite(k, entry, limit, (error, allowed), failures[k])
            if computed is not None:
                self.tally.checks[FALSE_ALARM] += 1
                if not failures[k]:
                    self.tally.near(FALSE_ALARM, ratio_of(error, allowed))
                if failures[k]:
                    self.find(FALSE_ALARM, k, f"{floats[k]}, {_parts(error, allowed, limit)}")
            self.tally.checks[_REPORTED] += 1
            if not (
                _at_least(errors[k], error, limit) and _at_least(allowances[k], allowed, limit)
            ):
                said = f"{errors[k]} and {allowances[k]}"
                self.find(_REPORTED, k, f"{said} for {_parts(error, allowed, limit)}")
        self._summary(comparison, sum(failures))

    def _limit(self, terms: int, unit: int) -> Limit:
        problem = self.problem
        return Limit(self.promise, terms, problem.longest, self.plain, problem.unit, unit)

    def _finite(
        self, k: int, entry: Sums, limit: Limit, numbers: tuple[int, int], failed: bool
    ) -> None:
        error, allowed = numbers
        rule = _FAILS if failed else _PASSES
        self.tally.checks[rule] += 1
        if failed and error <= allowed:
            self.find(rule, k, _parts(error, allowed, limit))
        if not failed and error > allowed:
            if error > allowed + self._slack(allowed, entry, limit):
                self.find(rule, k, _parts(error, allowed, limit))
            elif allowed >> max(limit.fine - 100, 0):
                self.tally.near(rule, ratio_of(error, allowed))

    def _infinite(
        self,
        k: int,
        entry: Sums,
        limit: Limit,
        value: float,
        failed: bool,
        late: bool,
    ) -> None:
        self.tally.checks[_INFINITE] += 1
        threshold = self.promise.threshold * 2**limit.fine
        allowed = limit.of_sum(entry.magnitude, entry.deviation)
        reach = int(math.copysign(1, value)) * (entry.exact << limit.up) + allowed
        slack = 0 if failed else self._slack(allowed, entry, limit)
        right = not math.isnan(value) and reach + slack >= threshold
        if right == failed:
            self.find(_INFINITE, k, f"{value} {'fails' if failed else 'passes'}")
        if late and failed and self.promise.rounding == "nearest":
            self.find(FALSE_ALARM, k, f"{value} of the last operation")

    def _slack(self, allowed: int, entry: Sums, limit: Limit) -> int:
        """Return by how much a computed allowance may be above the exact one.

        This is a part in 10⁹, or the rounding of magnitudes summed in float32; and the last
        rounding's share is computed from the exact value as far as float64 knows it.
        """
        known = 2 * entry.terms * (entry.magnitude << limit.up - limit.more) >> 53
        total = allowed // 10**9 + limit.last * known + _power(limit, entry.terms, -1070)
        if not self.wide:
            total += 4 * entry.terms * allowed // 2**24 + _power(limit, entry.terms, -146)
        return total

    def _summary(self, comparison: testing.Comparison, failed: int) -> None:
        """Check the numbers of a comparison as a whole."""
        worst = comparison.worst
        entry = int(np.ravel_multi_index(worst.index, self.problem.shape))
        exact = Fraction(self.sums[entry].exact, 2**self.problem.unit)
        if comparison.failed != failed or comparison.passed != (failed == 0):
            self.find(
                "verdicts are those of the entries", entry, f"{comparison.failed} for {failed}"
            )
        if not worst.lower <= exact <= worst.upper:
            self.find("the interval has the exact value", entry, f"[{worst.lower}, {worst.upper}]")


def _power(limit: Limit, terms: int, exponent: int) -> int:
    """Return 8·(terms + 1)·2^exponent·(2 + ρ), rounded, in units of 2^−fine."""
    most = 8 * (terms + 1) * (2 + limit.relative // limit.one)
    shift = exponent + limit.fine
    return most << shift if shift >= 0 else most >> -shift


def _at_least(value: float, number: int, limit: Limit) -> bool:
    if not math.isfinite(value):
        return value > 0
    return bool(Fraction(value) * 2**limit.fine >= number)


def ratio_of(a: int | Fraction, b: int | Fraction) -> float:
    """Return a/b to the nearest float64, and 0 for 0/0."""
    if not b:
        return math.inf if a else 0.0
    try:
        return float(Fraction(a) / Fraction(b))
    except OverflowError:
        return math.inf


def decimal(number: int, unit: int) -> str:
    """Return number·2^−unit as text for a message."""
    try:
        return repr(float(Fraction(number, 2**unit)))
    except OverflowError:
        return f"2^{number.bit_length() - unit}"


def _parts(error: int, allowed: int, limit: Limit) -> str:
    ratio = ratio_of(error, allowed)
    return (
        f"error {decimal(error, limit.fine)}, allowed {decimal(allowed, limit.fine)}, ratio {ratio}"
    )
