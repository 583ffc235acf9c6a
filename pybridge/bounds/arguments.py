"""The arguments of functions on results that something else computed, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from pybridge.bounds.kernel_result import KernelResult
from pybridge.engine.backend import Array, backend_of, dtype_of
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import load_definitions
from pybridge.problem.arrays import stay, to_numpy
from pybridge.problem.computation import conv2d_computation
from pybridge.problem.formats import FORMATS, FloatFormat, format_array, format_of
from pybridge.problem.geometry import Geometry, Parameters, Window
from pybridge.problem.operands import Operand, check_eps
from pybridge.problem.results import Result

__all__ = ["read_result"]

_FORMATS = {format.dtype: format for format in FORMATS.values()}


def read_result(
    which: Result,
    values: Any,
    operands: Mapping[str, Any],
    parameters: Parameters,
    *,
    eps: Mapping[str, object] | None = None,
    finite: bool = True,
    stays: bool = False,
) -> KernelResult:
    """A kernel's result and its operands by name, each an array or None, with their eps by name.

    `finite` refuses a nan or an infinity of the result; `stays` leaves tensors where they are, if
    they can be computed with there. Raises `InputError` and `InputTypeError` for what does not fit,
    or is missing.
    """
    name = "output" if which is Result.OUTPUT else "gradient"
    stays = stays and stay(values, *operands.values())
    eps = eps or {}
    known: dict[str, Operand] = {}
    least_normals: dict[str, float] = {}
    for key, array in operands.items():
        if array is not None:
            known[key], least_normals[key] = _operand(key, array, eps.get(key, 0.0), stays)
    for key in which.operands:
        if key not in known and key != "bias":
            raise InputTypeError(f"{key}: {which.words} depends on it, got None")
    if which is Result.OUTPUT and "bias" not in known and eps.get("bias"):
        raise InputError(f"eps_bias: expected 0 without a bias, got {eps['bias']}")
    result, format = _result(name, values, finite, stays)
    shapes = {key: tuple(operand.value.shape) for key, operand in known.items()}
    geometry = _geometry(which, tuple(result.shape), shapes, parameters)
    computation = conv2d_computation(which, geometry)
    _require_shape(name, result.shape, computation.shape)
    if "bias" in known:
        _require_shape("bias", shapes["bias"], geometry.bias_shape)
    used = [key for key in which.operands if key in known]
    return KernelResult(
        computation,
        result,
        format,
        {key: known[key] for key in used},
        {key: least_normals[key] for key in used},
    )


def _geometry(
    which: Result,
    shape: tuple[int, ...],
    shapes: Mapping[str, tuple[int, ...]],
    parameters: Parameters,
) -> Geometry:
    """The geometry of operands' shapes; that of a gradient may stand for its operand's, and the
    bias gradient needs grad_output alone.
    """
    own = {Result.WEIGHT: {"weight": shape}, Result.INPUT: {"x": shape}}.get(which, {})
    every = {**own, **shapes}
    if "x" in every and "weight" in every:
        return Geometry.of(
            every["x"], every["weight"], every.get("grad_output"), **parameters._asdict()
        )
    return _pointwise(shapes["grad_output"])


def _pointwise(shape: tuple[int, ...]) -> Geometry:
    """A conv2d with a kernel of one entry, of which an array is the output."""
    if len(shape) != 4:
        raise InputError(
            f"grad_output has shape {shape}, expected four axes [batch, channels, height, width]"
        )
    batch, channels, height, width = shape
    return Geometry(
        batch=batch,
        out_channels=channels,
        windows=(Window(size=height, kernel=1), Window(size=width, kernel=1)),
    )


def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(shape) != expected:
        raise InputError(f"{name} has shape {tuple(shape)}, expected {expected}")


def _result(name: str, values: Any, finite: bool, stays: bool) -> tuple[Array, FloatFormat]:
    tensor = _tensor(values, finite) if stays else None
    if tensor is not None:
        return tensor, _FORMATS[dtype_of(tensor)]
    array = to_numpy(name, values)
    format = _FORMATS.get(array.dtype)
    if format is None:
        known = ", ".join(dtype.name for dtype in _FORMATS)
        raise InputTypeError(f"{name}: expected one of {known}, got {array.dtype.name}")
    format_of(format.name, load_definitions())
    if finite:
        return format_array(name, array, format), format
    if array.size == 0:
        raise InputError(f"{name} has shape {array.shape}: it has no entries")
    return np.ascontiguousarray(array), format


def _tensor(values: Any, finite: bool) -> Array | None:
    """A tensor as it is used where it is, if it has entries and they are as expected."""
    tensor = values.detach().resolve_neg().contiguous()
    if not tensor.numel() or (finite and not math.isfinite(backend_of(tensor).largest(tensor))):
        return None
    return tensor


def _operand(name: str, values: Any, eps: object, stays: bool) -> tuple[Operand, float]:
    """An operand in its own format, or in one that holds its dtype, and the least normal number of
    that dtype.
    """
    tensor = _tensor(values, finite=True) if stays else None
    if tensor is not None:
        operand = Operand(tensor, check_eps(f"eps_{name}", eps))
        return operand, 2.0 ** _FORMATS[dtype_of(tensor)].min_exponent
    array = to_numpy(name, values)
    format = _FORMATS.get(array.dtype) or _holder(array.dtype)
    operand = Operand(format_array(name, array, format), check_eps(f"eps_{name}", eps))
    try:
        least = float(ml_dtypes.finfo(array.dtype).smallest_normal)  # type: ignore[no-untyped-call]
    except ValueError:
        least = 0.0
    return operand, least


def _holder(dtype: np.dtype[Any]) -> FloatFormat:
    """The first format that holds every value of another floating-point dtype, as of 8 bits."""
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
