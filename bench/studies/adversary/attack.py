"""Runs cases: hostile operands, kernels that keep their promise, results that do not."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from random import Random
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

import pybridge
from bench.studies.adversary import calls
from bench.studies.adversary.calls import Accumulation, Array
from bench.studies.adversary.data import KINDS, Kind, random_array, random_dtype, random_eps
from bench.studies.adversary.kernels import Computed, Kernel
from bench.studies.adversary.loops import RESULTS, Shapes, Which, long_shapes, random_shapes
from bench.studies.adversary.numbers import BINARY, Exceeds, Format, integers, rounding
from bench.studies.adversary.problem import Problem
from bench.studies.adversary.promise import Promise, random_promise
from bench.studies.adversary.results import Result, hostile, native, of_kernel
from bench.studies.adversary.tally import Finding, Tally
from bench.studies.adversary.verdicts import Verdicts, decimal, ratio_of

__all__ = ["Attack"]

_T = TypeVar("_T")

_METHODS = ("replay", "replay-reference", "any-order", "enclosure")
_RESULTS = [BINARY[name] for name in ("float32", "float32", "float64", "float16", "bfloat16")]
_ORDERS: tuple[Literal["=", ">"], ...] = ("=", ">")
_REFUSED = "operands that overflow what they are rounded to are refused"
_STATED = "the replay's values are those of the stated order"
_PRODUCTS = (20, 20, 300, 300, 3000, 3000, 3000, 12_000, 12_000)
"""The most products of an output."""
_LONG = 0.005
"""How often entries have many terms."""
_DOCUMENTED = "no other exceptions than the documented ones"


class RefusedError(Exception):
    """The package said that nothing is proved, or that something overflows."""


class Attack:
    """Tries cases and counts. A case is reproduced by its seed and number."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tally = Tally()
        self.case = ""
        self.strict = False

    def run(self, number: int) -> None:
        """Run one case. In half of them, NumPy's errors and warnings are raised."""
        self.case = f"{self.seed}/{number}"
        self.tally.cases += 1
        random = Random(self.case)
        self.strict = random.random() < 0.5
        kind = random.choice(KINDS)
        format = random.choice(_RESULTS)
        own = random.random() < 0.3
        long = random.random() < _LONG
        if long:
            which, shapes = long_shapes(random, 2 * 10**5 if random.random() < 0.9 else 10**6)
            chosen = [which]
        else:
            shapes = random_shapes(
                random, 60_000 if random.random() < 0.03 else random.choice(_PRODUCTS)
            )
            chosen = random.sample([w for w in RESULTS if _has(shapes, w)], 2)
        arrays = _arrays(random, shapes, kind, format, own)
        for which in chosen:
            problem = Problem(which, shapes, arrays)
            label = "many terms" if long else kind
            if own and not long:
                self._own(problem, format, label, random)
            else:
                self._others(problem, format, label, random)

    def find(self, rule: str, what: str) -> None:
        """Keep a finding."""
        self.tally.findings.append(Finding(self.case, rule, what))

    def call(self, name: str, function: Callable[[], _T]) -> _T:
        """Call a public function; `RefusedError` if it refuses as documented."""
        self.tally.checks[_DOCUMENTED] += 1
        try:
            with self._environment():
                return function()
        except (pybridge.InputError, pybridge.RoundingOverflowError) as error:
            kind = type(error).__name__
            self.tally.refused[f"{name}: {kind}"] += 1
            raise RefusedError from None
        except Exception as error:
            self.find(_DOCUMENTED, f"{name}: {type(error).__name__}: {error}"[:400])
            raise RefusedError from None

    @contextmanager
    def _environment(self) -> Iterator[None]:
        if not self.strict:
            yield
            return
        with np.errstate(all="raise"), warnings.catch_warnings():
            warnings.simplefilter("error")
            yield

    # Results that something else computed

    def _others(self, problem: Problem, format: Format, kind: str, random: Random) -> None:
        promise, accumulation = _promise(problem, format, random)
        if random.random() < 0.3:
            problem.prepare({n: random_eps(random, problem.arrays[n]) for n in problem.used})
        try:
            read = problem.read(promise)
        except Exceeds:
            self._overflowing(problem, format, accumulation)
            return
        sums = problem.sums(read)
        plain = problem.plain(promise, read[problem.names[-1]])
        maker = "kernels on this machine"
        computed = native(problem, promise, random) if random.random() < 0.5 else None
        if computed is None:
            maker = "simulated kernels"
            kernel = Kernel(promise, problem.unit, random, problem.longest)
            multiplied = problem.multiplied(promise, random)
            computed = [kernel(*terms) for terms in problem.terms(multiplied)]
        honest = of_kernel(problem, format, computed)
        self.tally.count(len(computed), kind=kind, format=format.name, maker=maker)
        ranges = problem.ranges()
        for method in ("enclosure", "any-order"):
            self._certify(problem, honest, ranges, method, accumulation)
        self._tolerance(problem, promise, honest)
        arguments = (problem, sums, promise, plain, accumulation)
        verdicts = Verdicts(*arguments, self.tally, self.case)
        self._compare(verdicts, honest, accumulation, random, honest=computed)
        wrong = hostile(problem, format, sums, promise, plain, random)
        self.tally.count(len(computed), kind=kind, format=format.name, maker="hostile results")
        self._compare(verdicts, wrong, accumulation, random)
        if random.random() < 0.5:
            self._certify(problem, wrong, ranges, "enclosure", None)

    def _overflowing(
        self, problem: Problem, format: Format, accumulation: Accumulation | None
    ) -> None:
        """Check that calls are refused if a kernel rounds an operand to infinity."""
        zeros: Array = np.zeros(problem.shape, format.dtype)
        attempts: dict[str, Callable[[], object]] = {
            "compare": lambda: calls.compare(problem, zeros, accumulation),
            "certify, any-order": lambda: calls.certify(problem, zeros, "any-order", accumulation),
        }
        for name, attempt in attempts.items():
            self.tally.checks[_REFUSED] += 1
            with suppress(RefusedError):
                self.call(name, attempt)
                self.find(_REFUSED, f"{problem.text}: {accumulation!r}, {name}")

    def _certify(
        self,
        problem: Problem,
        result: Result,
        ranges: Sequence[tuple[int, int]],
        method: str,
        accumulation: Accumulation | None,
    ) -> None:
        promised = accumulation if method == "any-order" else None
        try:
            certificate = self.call(
                f"certify, {method}",
                lambda: calls.certify(problem, result.finite, method, promised),
            )
        except RefusedError:
            return
        self._within(
            f"certify, {method}: bound ≥ error", problem, certificate.bound, result, ranges
        )

    def _within(
        self,
        rule: str,
        problem: Problem,
        bounds: npt.NDArray[np.float64],
        result: Result,
        ranges: Sequence[tuple[int, int]],
    ) -> None:
        """Check that bounds are not below the errors; an infinite bound is a bound."""
        unit = max(result.unit, problem.unit)
        up, more = unit - result.unit, unit - problem.unit
        entries = zip(result.values, ranges, bounds.ravel().tolist(), strict=True)
        for k, (value, (low, high), bound) in enumerate(entries):
            if value is None:
                continue
            self.tally.checks[rule] += 1
            value <<= up
            error = max(value - (low << more), (high << more) - value)
            limit = Fraction(bound) * 2**unit if math.isfinite(bound) else None
            if math.isnan(bound) or bound < 0 or (limit is not None and error > limit):
                numbers = (
                    f"error {decimal(error, unit)}, bound {bound!r}, value {decimal(value, unit)}"
                )
                self.find(rule, f"{problem.text}, entry {k}: {numbers}")
            if limit:
                self.tally.near(rule, ratio_of(error, limit))

    def _compare(
        self,
        verdicts: Verdicts,
        result: Result,
        accumulation: Accumulation | None,
        random: Random,
        honest: Sequence[Computed] | None = None,
    ) -> None:
        problem = verdicts.problem
        order = random.choice(_ORDERS)
        array = result.array
        if array.dtype.kind == "f":
            array = array.astype(array.dtype.newbyteorder(order))
        try:
            comparison = self.call("compare", lambda: calls.compare(problem, array, accumulation))
            verdicts.check(result, comparison, honest)
            if random.random() < 0.1:
                passed = self.call("assert", lambda: calls.passes(problem, array, accumulation))
                if passed != comparison.passed:
                    self.find("assertions say what comparisons say", f"{problem.text}: {passed}")
        except RefusedError:
            return

    def _tolerance(self, problem: Problem, promise: Promise, result: Result) -> None:
        """Check that the tolerance is not below errors; it assumes a bias in the sums' format."""
        if promise.flushed:
            known = [promise.accumulate.least, promise.output.least]
            known += [promise.operands.least] if promise.operands else []
            if max(problem.formats[name].least for name in problem.used) > max(known):
                return
        if problem.has_bias:
            rnd = rounding(promise.accumulate, problem.unit, "nearest", "never", Random(0))
            try:
                if any(rnd(value) != value for value in problem.integers["bias"]):
                    return
            except Exceeds:
                return
        accumulation = calls.accumulation_of(promise, output=True)
        try:
            proved = self.call("tolerance", lambda: calls.tolerance(problem, accumulation))
        except RefusedError:
            return
        bounds = np.broadcast_to(proved.per_entry, problem.shape)
        totals = [
            sum(products) + sum(addends) for products, addends in problem.terms(problem.integers)
        ]
        exact = [(total, total) for total in totals]
        self._within("tolerance ≥ error", problem, np.asarray(bounds), result, exact)

    # The package's own results

    def _own(self, problem: Problem, format: Format, kind: str, random: Random) -> None:
        if random.random() < 0.6:
            problem.prepare({n: random_eps(random, problem.arrays[n]) for n in problem.used})
        ranges = problem.ranges()
        unit = max(problem.unit, -format.quantum)
        stated = _stated(problem, format)
        for method in _METHODS:
            try:
                computed = self.call(
                    f"compute, {method}",
                    lambda method=method: calls.bounded(problem, method, format.name),  # type: ignore[misc]
                )
            except RefusedError:
                continue
            values = integers(computed.value, unit)
            self.tally.count(len(values), kind=kind, format=format.name, maker=f"compute, {method}")
            result = Result(computed.value, values, unit)
            self._within(
                f"compute, {method}: bound ≥ error", problem, computed.bound, result, ranges
            )
            if method.startswith("replay") and problem.shapes.stated:
                self.tally.checks[_STATED] += len(values)
                shift = unit - problem.unit
                wanted = [None if value is None else value << shift for value in stated]
                if values != wanted:
                    self.find(_STATED, f"{problem.text}, {method}")


def _stated(problem: Problem, format: Format) -> list[int | None]:
    """Return the values of the stated order, each operation rounded to nearest even."""
    rnd = rounding(format, problem.unit, "nearest", "never", Random(0))
    depths: list[int | None] = []
    for products, addends in problem.terms(problem.integers):
        total = 0
        try:
            for product in products:
                total = rnd(total + rnd(product))
            for addend in addends:
                total = rnd(total + addend)
        except Exceeds:
            depths.append(None)
        else:
            depths.append(total)
    return depths


def _arrays(
    random: Random, shapes: Shapes, kind: Kind, format: Format, own: bool
) -> dict[str, Array]:
    """Return operands, which the format holds if the package shall compute in it (`own`)."""
    fitting = [f for f in BINARY.values() if f.dtype is not None and format.holds(f)]
    same = random_dtype(random)

    def dtype() -> np.dtype[np.generic]:
        if not own:
            return same if random.random() < 0.6 else random_dtype(random)
        chosen = (format if random.random() < 0.7 else random.choice(fitting)).dtype
        assert chosen is not None
        return chosen.newbyteorder(random.choice(_ORDERS)) if chosen.kind == "f" else chosen

    sums = BINARY["float32"] if format.bits < 24 else format
    arrays = {
        name: _laid_out(random_array(random, shapes.shape(name), dtype(), kind, sums), random)
        for name in ("x", "weight", "grad_output", "bias")
    }
    bias = arrays["bias"]
    if random.random() < 0.5:
        scale = [math.ldexp(1, random.randint(-20, 20)) for _ in range(bias.size)]
        factors = np.array(scale).reshape(bias.shape)
        with np.errstate(all="ignore"):
            scaled = np.asarray(bias.astype(np.float64) * factors).astype(bias.dtype)
        arrays["bias"] = np.where(np.isfinite(scaled), scaled, bias).astype(bias.dtype)
    if "bias" not in shapes.names or (
        random.random() < 0.3 and shapes.function not in ("addmm", "baddbmm")
    ):
        del arrays["bias"]
    return arrays


def _has(shapes: Shapes, which: Which) -> bool:
    """Return whether an operation has a result."""
    return which != "bias" or "bias" in shapes.names


def _laid_out(array: Array, random: Random) -> Array:
    """Return the same array, in some order of memory."""
    order = random.random()
    if order < 0.7 or not array.ndim:
        return array
    return np.asfortranarray(array) if order < 0.85 else array[..., ::-1].copy()[..., ::-1]


def _promise(
    problem: Problem, format: Format, random: Random
) -> tuple[Promise, Accumulation | None]:
    """Return a promise of a kernel with a result in this format, also as the package's object."""
    if random.random() < 0.4:
        return _default(problem, format), None
    promise = random_promise(random, format, problem.most)
    # If it is not stated, the output's format is the sums', or the narrower format of the array.
    implied = promise.summed if format.holds(promise.summed) else format
    explicit = promise.output != implied or random.random() < 0.5
    return promise, calls.accumulation_of(promise, output=explicit)


def _default(problem: Problem, format: Format) -> Promise:
    """Return the default promise: factors that the format does not hold are rounded to it."""
    operands = None
    for name in problem.names:
        rnd = rounding(format, problem.units[name], "nearest", "never", Random(0))
        try:
            if any(rnd(value) != value for value in problem.integers[name]):
                operands = format
        except Exceeds:
            operands = format
    accumulate = format if format.bits >= 24 else BINARY["float32"]
    return Promise(accumulate=accumulate, output=format, operands=operands)
