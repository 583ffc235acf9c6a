"""An operation on operands that has not been computed, and what can be computed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from pybridge.bounds.applied import Applied
from pybridge.bounds.arguments import inward, read_kernel_result
from pybridge.bounds.certify import Method as CertifyMethod
from pybridge.bounds.certify import ProvedBound, certify
from pybridge.bounds.comparison import Comparison, compare
from pybridge.bounds.computed import Bounded, Method, bounded
from pybridge.bounds.explain import Explanation, checked_index, explain_entry
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.scaled import scaled_within
from pybridge.bounds.tolerance import Tolerance, tolerance_of
from pybridge.engine.accumulation import Accumulation, require_accumulation
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.problem.arrays import to_numpy
from pybridge.problem.computation import Computation
from pybridge.problem.formats import FloatFormat, format_among, format_array, format_of
from pybridge.problem.operands import Operand

__all__ = ["Operation"]

Gradient = Callable[[Any, float], "Operation"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Operation:
    """One result of an operation on operands, which is computed only when it is asked for.

    The functions of `pybridge.ops` return it. `arrays` and `eps` are by the contraction's names of
    the operands, the arrays in the caller's shapes; each eps says how far the exact operand's
    entries may be from the array's. `argument` is what messages call a kernel's result.
    """

    function: str
    computation: Computation
    arrays: Mapping[str, Any]
    eps: Mapping[str, float] = field(default_factory=dict)
    gradients: Mapping[str, Gradient] = field(default_factory=dict)
    argument: str = "actual"

    def __repr__(self) -> str:
        called = self.computation.called
        arrays = (f"{called(n)} {tuple(a.shape)} {a.dtype}" for n, a in self.arrays.items())
        words, of = self.computation.words, ", ".join(arrays)
        return f"<Operation {self.function}: {words} {self.shape} of {of}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.computation.outer_shape

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of the operands whose gradients `grad` gives."""
        return tuple(self.gradients)

    def grad(self, name: str, grad_output: Any, *, eps: float = 0.0) -> Operation:
        """Return the gradient of an operand for a cotangent of the result, as an operation.

        `grad_output` has the result's shape, and may be off the exact cotangent by `eps`. Raises
        `InputError` for a name that has no gradient.
        """
        make = self.gradients.get(name) if isinstance(name, str) else None
        if make is None:
            expected = f"expected one of {', '.join(self.gradients)}"
            if not self.gradients:
                what = f"{self.computation.words} of {self.function}"
                expected = f"{what} is a sum of grad_output alone and has no gradients"
            raise InputError(f"name: {expected}, got {name!r:.60}")
        return make(grad_output, eps)

    def compute(self, *, method: Method = "replay", format: str | None = None) -> Bounded:
        """Return the result and its proved bound, as NumPy arrays.

        The methods, the formats and the errors raised are those of `pybridge.conv2d_backward`.
        """
        divisors = () if self.computation.divided_first else self.computation.divisors
        if len(divisors) > 1:
            return self._by_divisor(divisors, method, format)
        held, operands = self._held(format)
        if method in ("replay", "replay-reference"):
            operands = self._with_addends(operands, held)
        return bounded(Applied(self.computation, operands), method, held)

    def _by_divisor(self, divisors: Sequence[int], method: Method, format: str | None) -> Bounded:
        """Return the result of entries with several divisors, computed for one after the other."""
        bounded: Bounded | None = None
        every = self.computation.outward(
            np.broadcast_to(self.computation.divisor, self.computation.shape)
        )
        for divisor in divisors:
            alone = replace(self, computation=self.computation.divided_by(divisor))
            own = alone.compute(method=method, format=format)
            if bounded is None:
                bounded = own
            else:
                here = every == divisor
                value, bound = bounded.value.copy(), bounded.bound.copy()
                value[here], bound[here] = own.value[here], own.bound[here]
                bounded = Bounded(value, bound, bounded.theorems)
        assert bounded is not None
        return bounded

    def certify(
        self,
        actual: Any,
        *,
        method: CertifyMethod = "enclosure",
        accumulation: Accumulation | None = None,
    ) -> ProvedBound:
        """Return how far each entry of an array may be from the exact one: see
        `certify_gradient`.
        """
        returned = read_kernel_result(
            self.computation, actual, self.arrays, self.eps, self.argument
        )
        return certify(returned, method, accumulation)

    def compare(self, actual: Any, *, accumulation: Accumulation | None = None) -> Comparison:
        """Return whether rounding explains what a kernel returned: see
        `pybridge.testing.compare`.
        """
        return compare(self.returned(actual), accumulation)

    def returned(self, actual: Any) -> KernelResult:
        """Read what a kernel returned for it; tensors stay where they are if they can."""
        for name, eps in self.eps.items():
            if eps:
                raise InputError(
                    f"eps: {self.computation.called(name)} has {eps}, but a comparison is with the "
                    "exact result of the operands as they are, expected 0"
                )
        return read_kernel_result(
            self.computation, actual, self.arrays, name=self.argument, finite=False, stays=True
        )

    def tolerance(self, *, accumulation: Accumulation | None = None) -> Tolerance:
        """Return the proved absolute tolerance for operands of at most the arrays' magnitudes.

        See `pybridge.testing.tolerance`. Addends are assumed to be numbers of the format of the
        sums.
        """
        what = self.computation
        sizes = {name: self._largest(name) for name in what.factors}
        addend = sum((self._largest(name) for name in what.addends), Fraction(0))
        shapes = [f"{what.called(n)} {tuple(a.shape)}" for n, a in self.arrays.items()]
        subject = f"{self.function} with {' and '.join(shapes)}"
        return tolerance_of(what, sizes, addend, require_accumulation(accumulation), subject)

    def explain(self, index: int | Sequence[int], *, format: str | None = None) -> Explanation:
        """Return what contributes to the bound of an entry of `compute()`: see
        `pybridge.explain`.
        """
        what = self.computation
        names = {name: what.scaled_name(name) for name in what.operands}
        if what.divides and not what.divided_first:
            inner = checked_index(index, what)
            divisor = what.unit_of(what.result.inner_index(inner) if what.result else inner)
            self = replace(self, computation=what.divided_by(divisor))
        if what.divides:
            divisors = np.unique(self.computation.divisor)
            part = f"1/{divisors[0]}" if divisors.size == 1 else "1/d"
            names = {name: f"{part}·{called}" for name, called in names.items()}
        held, operands = self._held(format)
        operands = self._with_addends(operands, held)
        named = replace(self.computation, names=names)
        return explain_entry(named, operands, held.name, index, self.function)

    def _held(self, format: str | None) -> tuple[FloatFormat, dict[str, Operand]]:
        """Return the format, by default the arrays' own, and the operands in it."""
        called = self.computation.called
        arrays = {name: to_numpy(called(name), array) for name, array in self.arrays.items()}
        if format is None:
            format = format_among({called(name): array for name, array in arrays.items()}).name
        held = format_of(format, load_definitions())
        operands = {}
        for name, array in arrays.items():
            value = format_array(called(name), array, held)
            operand = inward(self.computation, name, Operand(value, self.eps.get(name, 0.0)))
            factor = self._factor(name)
            if not isinstance(factor, Fraction) or factor != 1:
                operand = scaled_within(called(name), operand, factor, held.dtype)
            operands[name] = operand
        return held, operands

    def _factor(self, name: str) -> Fraction | Float64:
        """Return what an operand is multiplied by, instead of the sum."""
        what = self.computation
        divisor = what.divisor if name == what.factors[0] else 1
        if not isinstance(divisor, int):
            return 1.0 / divisor.astype(np.float64)
        return Fraction(what.scales.get(name, 1.0)) / divisor

    def _with_addends(
        self, operands: Mapping[str, Operand], format: FloatFormat
    ) -> dict[str, Operand]:
        """Return the operands, and zeros for addends that are missing."""
        shapes = self.computation.shapes
        missing = [name for name in self.computation.addends if name not in operands]
        zeros = {name: Operand(np.zeros(shapes[name], format.dtype)) for name in missing}
        return {**operands, **zeros}

    def _largest(self, name: str) -> Fraction:
        if name not in self.arrays:
            return Fraction(0)
        called = self.computation.called(name)
        array = to_numpy(called, self.arrays[name])
        if not np.isfinite(array).all():
            raise InputError(f"{called}: expected finite numbers")
        size = float(np.abs(array.astype(np.float64)).max(initial=0.0))
        return Fraction(size) + Fraction(self.eps.get(name, 0.0))
