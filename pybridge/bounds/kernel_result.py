"""A result that a kernel computed, with its operands and what the kernel does to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from pybridge.bounds.applied import Applied
from pybridge.engine.accumulation import (
    Accumulation,
    ScaledAccumulation,
    format_parameters,
    parameters_of,
    require_accumulation,
)
from pybridge.engine.backend import Array, backend_of, dtype_of
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.upward import Float64, add_up
from pybridge.errors import InputError, NotProvedError
from pybridge.exported.document import FormatParameters, load_definitions
from pybridge.problem.arrays import to_numpy
from pybridge.problem.computation import Computation
from pybridge.problem.formats import (
    FORMATS,
    FloatArray,
    FloatFormat,
    find_format,
)
from pybridge.problem.operands import Operand
from pybridge.problem.rounding import Direction, holds, least_normal, midpoints, round_to

__all__ = ["Gradient", "KernelResult", "holds_values", "scaled_promise"]

Gradient: TypeAlias = Literal["bias", "weight", "input"]

_FORMATS = {format.dtype: format for format in FORMATS.values()}


@dataclass(frozen=True, slots=True, eq=False)
class KernelResult:
    """A result of the computation's shape, and its operands.

    `least_normals` has the least normal number of each operand's own dtype, `largest` the largest
    magnitudes of operands as far as they are known. All arrays are NumPy's, or all are PyTorch's;
    methods other than `promise` need NumPy's (`on_host`). If the computation divides, the kernel's
    values times its unit are `values` + `rest`, where `values` are rounded to float64.
    """

    computation: Computation
    values: Array
    format: FloatFormat
    operands: Mapping[str, Operand]
    least_normals: Mapping[str, float]
    largest: Mapping[str, float] = field(default_factory=dict)
    rest: Float64 | None = None

    @property
    def applied(self) -> Applied:
        """The computation on the operands."""
        return Applied(self.computation, self.operands)

    def on_host(self) -> KernelResult:
        """Return the same result with NumPy arrays, itself if it has them."""
        if isinstance(self.values, np.ndarray):
            return self
        values = np.asarray(to_numpy(self.computation.words, self.values), order="C")
        operands = {
            key: Operand(np.asarray(to_numpy(key, operand.value), order="C"), operand.eps)
            for key, operand in self.operands.items()
        }
        return replace(self, values=values, operands=operands)

    def estimator(self, operands: Mapping[str, Inexact] | None = None) -> Estimator:
        """Return the estimator of the result for operands, by default its own."""
        return self.applied.estimator(operands)

    def promise(self, accumulation: Accumulation | None) -> Accumulation:
        """Return what the kernel promises.

        The default is `Accumulation.of` the result's dtype, or of the dtype that the result was
        `narrowed` to. Operands that the dtype does not hold are rounded to it first.
        """
        stated = require_accumulation(accumulation)
        if self.computation.is_scaled:
            return self._scaled(stated or Accumulation.of(self.format.name))
        if stated is not None:
            kept = stated if self.computation.multiplies else stated.of_numbers()
            return kept.returned_in(self.format)
        promise = Accumulation.of(self.narrowed or self.format.name)
        factors = [self.operands[key].value for key in self.computation.factors]
        if self.format.dtype.itemsize > 1 and not all(
            holds_values(self.format, values) for values in factors
        ):
            promise = promise.model_copy(update={"operands": self.format.dtype.name})
        return promise.returned_in(self.format)

    def _scaled(self, promise: Accumulation) -> Accumulation:
        """Return the promise with the computation's scales; `InputError` if it rounds operands
        first.
        """
        definitions = load_definitions()
        promise = promise.returned_in(self.format)
        sums = parameters_of(promise.across or promise.accumulate, definitions)
        if not holds(sums, format_parameters(self.format.name, definitions)):
            raise InputError(
                "accumulation: with alpha, beta or a divisor, sums have to be in a format that "
                f"holds the result's, {self.format.dtype.name}"
            )
        added = any(key in self.operands for key in self.computation.addends)
        return scaled_promise(self.computation, promise, added)

    @property
    def narrowed(self) -> str | None:
        """The 16-bit dtype that a float32 result was rounded to before it became float32, as far as
        can be seen: all operands have the dtype, and all entries are numbers of it.

        A kernel of such operands that returns float32 sums passes under either promise.
        """
        dtypes = {self._own_dtype(key) for key in self.operands}
        if self.format.name != "binary32" or len(dtypes) != 1:
            return None
        name = dtypes.pop()
        if self.computation.is_scaled or name not in ("bfloat16", "float16"):
            return None
        return name if _are_numbers_of(find_format(name), self.values) else None

    def _own_dtype(self, key: str) -> str:
        """Return the name of an operand's dtype, or "" if its values are held in a wider one."""
        dtype = dtype_of(self.operands[key].value)
        own = self.least_normals[key] == 2.0 ** _FORMATS[dtype].min_exponent
        return str(dtype.name) if own else ""

    def multiplied(self, promise: Accumulation) -> dict[str, Inexact]:
        """Return the operands as a kernel of this promise rounds them, exactly.

        Their deviations cover what is left to the kernel: whether subnormal numbers become zero,
        how ties are rounded to tf32, and whether it rounds a bias to the format of its sums, or
        like the factors to 16 bits, as autocast does. Raises `NotProvedError` if an operand
        overflows the format that it is rounded to.
        """
        if self.computation.is_scaled:
            # The operands are summed as they are, and an addend is rounded when scaled.
            _require_as_given(promise)
            return {key: Inexact(operand.value) for key, operand in self.operands.items()}
        rounded = {}
        for key, operand in self.operands.items():
            value: FloatArray = operand.value
            deviation: float | Float64 = 0.0
            if key in self.computation.addends:
                deviation = self.addend_rounding(key, promise)
            elif promise.operands is not None:
                value, deviation = self._rounded(key, value, promise)
            if promise.flushed:
                deviation = add_up(deviation, self._flushed(key, value, promise))
            rounded[key] = Inexact(value, deviation)
        return rounded

    def unrounded(self, promise: Accumulation) -> dict[str, Inexact]:
        """Return the operands without rounding. The deviation of each covers both its eps and how
        far a kernel of this promise rounds it.
        """
        operands = {}
        for key, read in self.multiplied(promise).items():
            operand = self.operands[key]
            deviation = add_up(read.deviation, float(operand.eps))
            if read.value is not operand.value:
                off = np.abs(read.value.astype(np.float64) - operand.value.astype(np.float64))
                deviation = add_up(off, deviation)
            operands[key] = Inexact(operand.value, deviation)
        return operands

    def addend_rounding(self, key: str, promise: Accumulation) -> float | Float64:
        """Return how far rounding to the sums' format, or to 16 bits like the factors, moves an
        addend.
        """
        addend: FloatArray = to_numpy(key, self.operands[key].value)
        formats = [(promise.accumulate, promise.rounding)]
        if promise.operands in ("bfloat16", "float16"):
            formats.append((promise.operands, promise.operand_rounding))
        off = np.zeros(addend.shape)
        for name, direction in formats:
            parameters = parameters_of(name, load_definitions())
            rounded = self._round(key, addend, parameters, name, direction)
            off = np.maximum(off, np.abs(rounded - addend.astype(np.float64)))
        return off if off.any() else 0.0

    def _flushed(self, key: str, rounded: FloatArray, promise: Accumulation) -> float | Float64:
        """Return the magnitudes of entries that may become zero: of those that are subnormal in
        their own dtype, or once rounded, in a format that they are rounded to or summed in.
        """
        names = [promise.accumulate, *([promise.operands] if promise.operands else [])]
        definitions = load_definitions()
        least = max(least_normal(parameters_of(name, definitions)) for name in names)
        size = np.abs(rounded.astype(np.float64))
        unrounded = np.abs(self.operands[key].value.astype(np.float64))
        own = max(least, self.least_normals[key]) if rounded is self.operands[key].value else least
        subnormal = (size < own) | (unrounded < self.least_normals[key])
        return np.where(subnormal, size, 0.0) if subnormal.any() else 0.0

    def _rounded(
        self, key: str, values: FloatArray, promise: Accumulation
    ) -> tuple[FloatArray, float | Float64]:
        """Return the values as the promise rounds operands, and how far ties may be from these."""
        assert promise.operands is not None
        parameters = parameters_of(promise.operands, load_definitions())
        rounded = self._round(key, values, parameters, promise.operands, promise.operand_rounding)
        deviation: float | Float64 = 0.0
        if promise.operands == "tf32" and promise.operand_rounding == "nearest":
            tied = midpoints(values, parameters)
            if tied.any():
                # Both roundings of a tie are half an ulp from it, so a whole ulp from each other.
                deviation = np.where(tied, 2 * np.abs(rounded - values.astype(np.float64)), 0.0)
        if (rounded == values).all():
            return values, deviation
        narrow = np.float64 if promise.operands == "float64" else np.float32
        return rounded.astype(narrow), deviation

    def _round(
        self,
        key: str,
        values: FloatArray,
        parameters: FormatParameters,
        format: str,
        direction: Direction,
    ) -> Float64:
        rounded = round_to(values, parameters, direction)
        if not np.isfinite(rounded).all():
            index = np.unravel_index(int(np.argmax(~np.isfinite(rounded))), values.shape)
            entry = self.computation.entry(key, tuple(int(i) for i in index))
            raise NotProvedError(
                f"{entry} is {values[index]}, which overflows {format}: nothing is proved about a "
                "kernel that rounds it to that"
            )
        return rounded


def scaled_promise(
    computation: Computation, promise: Accumulation, added: bool
) -> ScaledAccumulation:
    """Return a promise with the factors and divisors of a computation, `added` if it has an addend.

    Raises `InputError` for a promise that rounds operands before they are multiplied: nothing is
    proved about scaled operands that are rounded.
    """
    scaled = ScaledAccumulation(
        **dict(promise),
        scales=computation.alphas,
        added=added,
        divisors=computation.units,
        divided_first=computation.divided_first,
    )
    _require_as_given(scaled)
    return scaled


def _require_as_given(promise: Accumulation) -> None:
    """Refuse promises that round operands: nothing is proved about scaled operands that are."""
    if promise.operands is not None or promise.flushed or promise.core is not None:
        raise InputError(
            "accumulation: with alpha, beta or a divisor, nothing is proved about kernels that "
            "round or flush operands, or about matrix units"
        )


def holds_values(format: FloatFormat, values: Array) -> bool:
    """Return whether a format holds every value of an array."""
    dtype = dtype_of(values)
    if dtype == format.dtype or np.can_cast(dtype, format.dtype, "safe"):
        return True
    return _are_numbers_of(format, values)


def _are_numbers_of(format: FloatFormat, values: Array) -> bool:
    """Return whether each value that is not nan is one of a format, or infinite."""
    if not isinstance(values, np.ndarray):
        short = backend_of(values).cast(values, format.dtype).to(values.dtype)
        return bool(((short == values) | values.isnan()).all())
    numbers = values[~np.isnan(values)]
    parameters = format_parameters(format.name, load_definitions())
    return bool((round_to(numbers, parameters) == numbers).all())
