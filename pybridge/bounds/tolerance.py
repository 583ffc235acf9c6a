"""The proved absolute tolerance of an operation of which only shapes and magnitudes are known.

An entry of n terms, of operands of at most X and Y in magnitude that the kernel rounds or flushes
by at most Dx and Dy, is within

  ρ·n·X·Y + (1 + ρ)·n·(Dx·(Y + Dy) + X·Dy) + η

of the exact one, in whatever order it was summed (Lean: `ErrorBound.tolerance`), where (ρ, η) is
what Lean proves about the kernel's sums. With the operands at hand, `pybridge.testing` allows far
less.

`python -m pybridge.tolerance` prints it for a shape, beside what tests commonly use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import prod

import numpy as np

from pybridge.bounds.kernel_result import scaled_promise
from pybridge.bounds.theorems import Theorem, proofs
from pybridge.engine.accumulation import Accumulation, ScaledAccumulation, parameters_of
from pybridge.engine.coefficients import ErrorBound, formula, operation, power_up, round_up
from pybridge.engine.dense import split_contraction
from pybridge.engine.upward import Float64
from pybridge.errors import NotProvedError
from pybridge.exported.document import load_definitions
from pybridge.problem.computation import Computation
from pybridge.problem.rounding import largest

__all__ = ["Tolerance", "tolerance_of"]

_SHORT = ("bfloat16", "float16")
"""Formats to which a kernel that rounds its factors may round a bias, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Tolerance:
    """How far a result may be from the exact one.

    `per_entry` is float64 and broadcasts to `shape`; an axis has size one if all its entries have
    as many terms. `terms` is the largest number of products that an entry sums. `derivation` says
    in words and numbers where `absolute` comes from. `theorem` is the Lean theorem whose conclusion
    it is; `theorems` also has the theorems that state the assumptions about the kernel.
    """

    which: str
    shape: tuple[int, ...]
    terms: int
    largest: float
    accumulation: Accumulation
    per_entry: Float64
    derivation: str
    theorems: tuple[Theorem, ...]

    @property
    def theorem(self) -> Theorem:
        """The theorem whose conclusion the tolerance is."""
        return self.theorems[0]

    @property
    def absolute(self) -> float:
        """The tolerance that holds for every entry."""
        return float(self.per_entry.max())


def tolerance_of(
    computation: Computation,
    sizes: Mapping[str, Fraction],
    addend: Fraction,
    accumulation: Accumulation | None,
    subject: str,
) -> Tolerance:
    """Return the tolerance of a result of factors and an addend of at most these magnitudes.

    `subject` is what the derivation calls the operation.
    """
    promise = accumulation or Accumulation()
    if computation.is_scaled:
        promise = scaled_promise(computation, promise, addend > 0)
        addend *= max((_scale(computation, name) for name in computation.addends), default=0)
        sizes = {name: size * _scale(computation, name) for name, size in sizes.items()}
    elif not computation.multiplies:
        promise = promise.of_numbers()
    for name, size in sizes.items():
        _require_held(f"max_{computation.called(name)}", size, promise.operands)
    for name in computation.addends:
        _require_held(f"max_{computation.called(name)}", addend, promise.accumulate)
        if promise.operands in _SHORT:
            _require_held(f"max_{computation.called(name)}", addend, promise.operands)
    counts = split_contraction(computation.contraction, computation.numbers).counts
    each = np.stack(np.broadcast_arrays(counts, computation.unit))
    distinct, inverse = np.unique(each.reshape(2, -1), axis=1, return_inverse=True)
    bounds = [
        _Bound.of(computation, int(n), int(unit), promise, sizes, addend) for n, unit in distinct.T
    ]
    most = max(bounds, key=lambda bound: bound.total / bound.unit)
    totals = np.array([round_up(bound.total / bound.unit) for bound in bounds])
    per_entry = totals[inverse].reshape(each.shape[1:])
    if computation.result and not computation.result.is_plain:
        per_entry = computation.outward(np.broadcast_to(per_entry, computation.shape))
    return Tolerance(
        which=computation.name,
        shape=computation.outer_shape,
        terms=most.terms,
        largest=round_up(most.magnitude / most.unit),
        accumulation=promise,
        per_entry=per_entry,
        derivation=most.derivation(subject),
        theorems=proofs(computation, "tolerance", promise),
    )


def _scale(computation: Computation, name: str) -> Fraction:
    """Return the largest factor of an operand, in the unit of the sums."""
    if computation.divided_first:
        return Fraction(int(np.max(computation.unit)), min(computation.divisors))
    return abs(Fraction(computation.scales.get(name, 1.0)))


def _require_held(name: str, size: Fraction, format: str | None) -> None:
    """Raise `NotProvedError` if a magnitude is above the largest number of a format."""
    if format is None:
        return
    most = Fraction(largest(parameters_of(format, load_definitions())))
    if size > most:
        raise NotProvedError(
            f"{name} is {_short(size)}, above the largest number of {format}, {_short(most)}: "
            "nothing is proved about a kernel that rounds operands to it"
        )


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound of an entry of `terms` products, times `unit`, and its ingredients."""

    computation: Computation
    terms: int
    unit: int
    promise: Accumulation
    sizes: Mapping[str, Fraction]
    bias: Fraction
    summed: int
    depth: int
    error: ErrorBound
    magnitude: Fraction
    deviations: tuple[Fraction, Fraction]
    total: Fraction

    @classmethod
    def of(
        cls,
        computation: Computation,
        terms: int,
        unit: int,
        promise: Accumulation,
        sizes: Mapping[str, Fraction],
        bias: Fraction,
    ) -> _Bound:
        definitions = load_definitions()
        if isinstance(promise, ScaledAccumulation):
            promise = promise.of_divisor(unit)
        longest = computation.terms
        summed = terms + (bias > 0)
        depth = promise.first_roundings(summed, longest)
        flushed = _flushed(promise)
        read = ErrorBound(absolute=flushed)
        if promise.operands is not None:
            mode = "nearest" if promise.operand_rounding == "nearest" else "towardZero"
            once = operation(parameters_of(promise.operands, definitions), mode)
            read = ErrorBound(once.relative, once.absolute + flushed)
        values = {"bound.relative": read.relative, "bound.absolute": read.absolute}
        off = [
            formula(definitions, "operandDeviation", values | {"magnitude": size})
            for size in sizes.values()
        ]
        addend = min(flushed, bias)
        if bias and promise.operands in _SHORT:
            addend = formula(definitions, "operandDeviation", values | {"magnitude": bias})
        read_sizes = [size + d for size, d in zip(sizes.values(), off, strict=True)]
        factors = [(size, promise.largest_excess(size, definitions)) for size in read_sizes]
        shortfall = promise.shortfall(factors, definitions)
        error = promise.error(summed, definitions, longest=longest, shortfall=shortfall)
        most = list(sizes.values())
        if len(most) == 1:
            most.insert(0, Fraction(1))
            off.insert(0, Fraction(0))
        total = formula(
            definitions,
            "tolerance",
            {
                "terms": terms,
                "bound.relative": error.relative,
                "bound.absolute": error.absolute,
                "firstMagnitude": most[0],
                "secondMagnitude": most[1],
                "addendMagnitude": bias,
                "firstDeviation": off[0],
                "secondDeviation": off[1],
                "addendDeviation": addend,
            },
        )
        magnitude = terms * prod(most, start=Fraction(1)) + bias
        rest = (summed, depth, error, magnitude, (off[0], off[1]), total)
        return cls(computation, terms, unit, promise, sizes, bias, *rest)

    def derivation(self, subject: str) -> str:
        """Return words and numbers that can be pasted into a review."""
        called, unit = self.computation.scaled_name, self.unit
        known = [f"|{called(name)}| ≤ {_short(size)}" for name, size in self.sizes.items()]
        if self.bias:
            known += [
                f"|{called(name)}| ≤ {_short(self.bias)}" for name in self.computation.addends
            ]
        sized = "·".join(_short(size) for size in self.sizes.values())
        magnitude = f"{self.terms}·{sized}" + (f" + {_short(self.bias)}" if self.bias else "")
        lines = [
            f"Tolerance for {self.computation.words} of {subject}: {_up(self.total / unit)}",
            f"An entry sums at most {self.terms} products; {', '.join(known)}.",
            f"The kernel promises {self.promise.sentence}, {self.promise.order}. Then "
            "|computed − exact| is at most",
            f"  {_up(self.error.relative)} · ({magnitude})  [every term, by all roundings on its "
            f"way: {self._roundings()}]",
        ]
        rest = self.total - self.error.relative * self.magnitude
        if rest:
            what = (
                "operands rounded or flushed, and underflow"
                if any(self.deviations)
                else ("underflow")
            )
            lines.append(f"  + {_up(rest)}  [{what}]")
        if unit != 1:
            lines.append(f"  divided by {unit}")
        lines.append(
            "This is a theorem, proved in Lean: "
            + ", ".join(proofs(self.computation, "tolerance", self.promise))
        )
        return "\n".join(lines)

    def _roundings(self) -> str:
        """Return in words where the relative error comes from."""
        promise, definitions = self.promise, load_definitions()
        last = promise.last_rounding(definitions).relative
        returned = f"; output {promise.output}: {_power(last)}" if last else ""
        if promise.core:
            return f"{promise.core.text}, n = {self.summed}{returned}"
        unit = operation(parameters_of(promise.accumulate, definitions), promise.mode).relative
        by_depth = power_up(1 + unit, self.depth) - 1 if self.depth < self.summed else None
        if by_depth is not None and (promise.mode != "nearest" or by_depth < self.summed * unit):
            words = f"(1 + u)^d − 1 with d = {self.depth}"
        elif promise.mode == "nearest":
            words = f"n·u with n = {self.summed}"
        else:
            words = f"(1 + u)^n − 1 with n = {self.summed}"
        words += f", u = {_power(unit)}"
        if promise.across:
            words += f"; {promise.splits} partial sums in {promise.across}"
        return words + returned


def _flushed(promise: Accumulation) -> Fraction:
    """Return the least normal number of the formats in which operands may become zero."""
    if not promise.flushed:
        return Fraction(0)
    names = {promise.accumulate, promise.operand_dtype, promise.operands or promise.accumulate}
    exponents = [parameters_of(name, load_definitions()).min_exponent for name in names]
    return Fraction(2) ** max(exponents)


def _short(value: Fraction) -> str:
    return f"{float(value):g}"


def _up(value: Fraction) -> str:
    """Format a number in four digits, rounded up."""
    number = Decimal(round_up(value))
    return f"{Context(prec=4, rounding=ROUND_CEILING).plus(number):g}"


def _power(value: Fraction) -> str:
    """Format a number, a power of two as such."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return f"2^{exponent}" if value == Fraction(2) ** exponent else _up(value)
