"""The arguments of functions on results that something else computed, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from pybridge.bounds.kernel_result import KernelResult, holds_values
from pybridge.bounds.scaled import in_two_parts, scaled_exactly
from pybridge.engine.backend import Array, backend_of, dtype_of
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import load_definitions
from pybridge.problem.arrays import may_stay, shared_tensor, to_numpy
from pybridge.problem.computation import Computation
from pybridge.problem.formats import EIGHT_BITS, FORMATS, FloatFormat, format_array, format_of
from pybridge.problem.operands import Operand

__all__ = ["held", "inward", "read_kernel_result"]

_FORMATS = {format.dtype: format for format in FORMATS.values()}


def held(name: str, values: Any) -> Any:
    """Return an array or a tensor as it is, or as `shared_tensor` has it, and what else holds
    numbers as a NumPy array.
    """
    values = shared_tensor(values)
    return (
        values if hasattr(values, "shape") and hasattr(values, "dtype") else to_numpy(name, values)
    )


def read_kernel_result(
    computation: Computation,
    values: Any,
    arrays: Mapping[str, Any],
    eps: Mapping[str, float] | None = None,
    name: str = "actual",
    *,
    finite: bool = True,
    stays: bool = False,
) -> KernelResult:
    """Return a kernel's result with its operands, which are passed by the contraction's names in
    the caller's shapes.

    An addend that is missing is zero. `finite` refuses nan and infinities in the result; `stays`
    leaves tensors where they are, if they can be computed with there. Raises `InputError` and
    `InputTypeError` for arguments that do not fit.
    """
    stays = stays and values is not None and not computation.is_scaled
    stays = stays and may_stay(values, *arrays.values())
    operands: dict[str, Operand] = {}
    least_normals: dict[str, float] = {}
    largest: dict[str, float] = {}
    for key in computation.operands:
        called = computation.called(key)
        if key not in arrays:
            continue
        deviation = eps.get(key, 0.0) if eps else 0.0
        operand, least_normals[key], most = _operand(called, arrays[key], deviation, stays)
        if most is not None and not computation.is_scaled:
            largest[key] = most
        operands[key] = inward(computation, key, operand)
    result, format = _result(name, values, finite, stays)
    if tuple(result.shape) != computation.outer_shape:
        raise InputError(
            f"{name} has shape {tuple(result.shape)}, expected {computation.outer_shape}"
        )
    values = _contiguous(computation.inward(result))
    rest = None
    if computation.divides:
        values, rest = in_two_parts(name, values, computation.unit)
        for key, operand in operands.items():
            _require_held(computation.called(key), operand, format)
            if computation.divided_first:
                times = computation.unit // np.asarray(computation.divisor)
                operands[key] = scaled_exactly(computation.called(key), operand, times)
    for key, factor in computation.scales.items():
        if key in operands:
            operands[key] = _scaled(computation.called(key), operands[key], factor, format)
    return KernelResult(computation, values, format, operands, least_normals, largest, rest)


def _scaled(name: str, operand: Operand, factor: float, format: FloatFormat) -> Operand:
    """Return an operand times a number, exactly; the result's format must hold the operand."""
    with np.errstate(over="ignore"):
        single = float(np.float32(factor))
    if format.precision <= 24 and single != factor:
        raise InputError(
            f"alpha or beta is {factor!r}, but a kernel of {format.dtype.name} multiplies by "
            f"float32 numbers, expected {single!r}"
        )
    _require_held(name, operand, format)
    return scaled_exactly(name, operand, factor)


def _require_held(name: str, operand: Operand, format: FloatFormat) -> None:
    sums = FORMATS["binary32"] if format.dtype.itemsize == 1 else format
    if not holds_values(sums, operand.value):
        raise InputError(
            f"{name}: with alpha, beta or a divisor, expected numbers that {sums.dtype.name} holds"
        )


def inward(computation: Computation, key: str, operand: Operand) -> Operand:
    """Return an operand in the contraction's axes; `InputError` for another shape."""
    expected = computation.outer(key)
    if tuple(operand.value.shape) != expected:
        raise InputError(
            f"{computation.called(key)} has shape {tuple(operand.value.shape)}, expected {expected}"
        )
    arranged = computation.arranged.get(key)
    if arranged is None or arranged.is_plain:
        return operand
    return Operand(_contiguous(arranged.inward(operand.value)), operand.eps)


def _contiguous(array: Array) -> Array:
    """Return the array, or a C-contiguous copy of it."""
    return np.asarray(array, order="C") if isinstance(array, np.ndarray) else array.contiguous()


def _result(name: str, values: Any, finite: bool, stays: bool) -> tuple[Array, FloatFormat]:
    if stays and (not finite or math.isfinite(_largest(values))):
        tensor = _tensor(values)
        return tensor, _FORMATS[dtype_of(tensor)]
    array = to_numpy(name, values)
    eight_bits = EIGHT_BITS.get(array.dtype.name)
    if eight_bits is not None:
        if finite and not np.isfinite(array.astype(np.float32)).all():
            raise InputError(f"{name}: expected finite numbers")
        return _contiguous(array.astype(np.float32)), eight_bits
    format = _FORMATS.get(array.dtype)
    if format is None:
        known = ", ".join([*(dtype.name for dtype in _FORMATS), *EIGHT_BITS])
        raise InputTypeError(f"{name}: expected one of {known}, got {array.dtype.name}")
    format_of(format.name, load_definitions())
    if finite and array.size:
        return format_array(name, array, format), format
    return _contiguous(array), format


def _tensor(values: Any) -> Array:
    """Return a tensor without its graph, contiguous, with its negations carried out."""
    return values.detach().resolve_neg().contiguous()


def _largest(values: Any) -> float:
    """Return the largest magnitude of a tensor; 0 of one without entries."""
    return backend_of(values).largest(values.detach()) if values.numel() else 0.0


def _operand(
    name: str, values: Any, eps: float, stays: bool
) -> tuple[Operand, float, float | None]:
    """Return an operand in its own format, or in one that holds its dtype, the least normal number
    of that dtype, and its largest magnitude if that is known.
    """
    if stays and math.isfinite(largest := _largest(values)):
        tensor = _tensor(values)
        return Operand(tensor, eps), 2.0 ** _FORMATS[dtype_of(tensor)].min_exponent, largest
    array = to_numpy(name, values)
    format = _FORMATS.get(array.dtype) or _holder(array.dtype)
    operand = Operand(format_array(name, array, format), eps)
    try:
        least = float(ml_dtypes.finfo(array.dtype).smallest_normal)  # type: ignore[no-untyped-call]
    except ValueError:
        least = 0.0
    return operand, least, None


def _holder(dtype: np.dtype[Any]) -> FloatFormat:
    """Return the first format that holds every value of another floating-point dtype, such as one
    of 8 bits.
    """
    try:
        info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    except ValueError:
        return FORMATS["binary64"]
    for name in ("binary16", "bfloat16", "binary32"):
        format = FORMATS[name]
        least = 2.0 ** (format.min_exponent - format.precision + 1)
        fits = info.nmant < format.precision and info.smallest_subnormal >= least
        if fits and float(info.max) < 2.0**format.max_exponent * 2:
            return format
    return FORMATS["binary64"]
