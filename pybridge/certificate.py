"""Proved bounds for gradients and outputs that something else computed: PyTorch, for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.anyorder import (
    READ,
    Arithmetic,
    arithmetic_of,
    enclosure_bound,
    estimator,
    require_finite,
)
from pybridge.arrays import to_numpy
from pybridge.contraction import Given
from pybridge.conv2d import check_eps
from pybridge.definitions import load_definitions
from pybridge.errors import InputError, InputTypeError
from pybridge.formats import FORMATS, FloatArray, FloatFormat, format_array, format_of
from pybridge.geometry import Geometry, Padding, Pair, Window
from pybridge.upward import Float64

__all__ = ["THEOREMS", "Certificate", "Gradient", "Method", "certify_gradient", "certify_output"]

Gradient: TypeAlias = Literal["bias", "weight", "input"]
Method: TypeAlias = Literal["enclosure", "any-order"]

_FORMATS = {format.dtype: format for format in FORMATS.values()}
THEOREMS: Mapping[tuple[str, str], str] = {
    ("forward", "enclosure"): "RuntimeApprox.conv2d_enclosure",
    ("bias", "enclosure"): "RuntimeApprox.conv2d_bias_enclosure",
    ("weight", "enclosure"): "RuntimeApprox.conv2d_kernel_enclosure",
    ("input", "enclosure"): "RuntimeApprox.conv2d_input_enclosure",
    ("forward", "any-order"): "RuntimeApprox.conv2d_any_order",
    ("bias", "any-order"): "RuntimeApprox.conv2d_bias_any_order",
    ("weight", "any-order"): "RuntimeApprox.conv2d_kernel_any_order",
    ("input", "any-order"): "RuntimeApprox.conv2d_input_any_order",
}
"""The Lean theorem for each result (forward, bias, weight, input) and method."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """How far each entry of a given array may be from the exact one, and what proves it.

    `bound` is float64, of the array's shape; `theorem` the Lean theorem's name.
    """

    bound: Float64
    method: Method
    theorem: str

    @property
    def bound_linf(self) -> float:
        """The largest bound of an entry."""
        return float(self.bound.max())


def certify_gradient(
    gradient: npt.ArrayLike,
    x: npt.ArrayLike | None,
    weight: npt.ArrayLike | None,
    grad_output: npt.ArrayLike,
    *,
    which: Gradient,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    method: Method = "enclosure",
    arithmetic: Arithmetic | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_grad_output: float = 0.0,
) -> Certificate:
    """A proved bound of the error of an array that is claimed to be a gradient of conv2d.

    `which` says which gradient: bias [O], weight [O, I/groups, KH, KW] or input [N, I, H, W]. Its
    operands have the shapes and the parameters that `conv2d_backward` says; one that it does not
    depend on may be None. Arrays are NumPy's or PyTorch's (or have `__dlpack__`), finite; the
    gradient in binary16, bfloat16, binary32 or binary64, the operands of any dtype whose values
    float64 holds. The bound covers every exact operand within `eps_…` of the given one.

    The method `enclosure` holds whoever computed the gradient, by whatever algorithm, and is the
    smaller bound but for a part in 2²⁸. A gradient in binary64 is compared with exact arithmetic,
    which is refused where that would take minutes. `any-order` does not read the gradient's
    entries: it holds where a sum of products was evaluated, in any order, in `arithmetic`; by
    default in the gradient's format, or in binary32 for the formats with 16 bits, operands that
    this format does not hold being rounded to it first.

    Raises `InputError` for shapes, values or parameters that do not fit, `InputTypeError` for a
    wrong type, and `RoundingOverflowError` where the bound is beyond the largest float64.
    """
    name = _member("which", which, ("bias", "weight", "input"))
    given = {
        "x": _operand("x", x, eps_x),
        "weight": _operand("weight", weight, eps_weight),
        "gradOutput": _operand("grad_output", grad_output, eps_grad_output),
    }
    found = {key: operand for key, operand in given.items() if operand is not None}
    result, format = _result("gradient", gradient)
    for key in READ[name]:
        if key not in found:
            shown = "grad_output" if key == "gradOutput" else key
            raise InputTypeError(f"{shown}: the {name} gradient depends on it, got None")
    geometry = _geometry(
        name, result.shape, found, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    operands = {key: found[key] for key in READ[name]}
    return _certify(name, result, format, geometry, operands, method, arithmetic)


def certify_output(
    output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    method: Method = "enclosure",
    arithmetic: Arithmetic | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_bias: float = 0.0,
) -> Certificate:
    """A proved bound of the error of an array that is claimed to be a conv2d's output.

    As `certify_gradient`, for an output [N, O, OH, OW]; bias is [O].
    """
    operands = {
        key: operand
        for key, operand in (
            ("x", _operand("x", x, eps_x)),
            ("weight", _operand("weight", weight, eps_weight)),
            ("bias", _operand("bias", bias, eps_bias)),
        )
        if operand is not None
    }
    for key in ("x", "weight"):
        if key not in operands:
            raise InputTypeError(f"{key}: the output depends on it, got None")
    if "bias" not in operands and eps_bias:
        raise InputError(f"eps_bias: expected 0 without a bias, got {eps_bias}")
    result, format = _result("output", output)
    geometry = Geometry.of(
        operands["x"].value.shape,
        operands["weight"].value.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    _require_shape("output", result.shape, geometry.output_shape)
    if "bias" in operands:
        _require_shape("bias", operands["bias"].value.shape, geometry.bias_shape)
    return _certify("forward", result, format, geometry, operands, method, arithmetic)


def _certify(
    name: str,
    result: FloatArray,
    format: FloatFormat,
    geometry: Geometry,
    operands: Mapping[str, Given],
    method: Method,
    arithmetic: Arithmetic | None,
) -> Certificate:
    definitions = load_definitions()
    format_of(format.name, definitions)
    if _member("method", method, ("enclosure", "any-order")) == "enclosure":
        if arithmetic is not None:
            raise InputError("arithmetic: the method enclosure assumes none, expected None")
        bound = enclosure_bound(name, result, geometry, operands, definitions)
    else:
        assumed = _assumed(format, operands) if arithmetic is None else arithmetic
        bound = estimator(name, geometry, operands, definitions).any_order(assumed)
    shown = "the output" if name == "forward" else f"the {name} gradient"
    require_finite(f"the bound of {shown}", bound)
    return Certificate(bound, method, THEOREMS[name, method])


def _assumed(format: FloatFormat, operands: Mapping[str, Given]) -> Arithmetic:
    arithmetic = arithmetic_of(format)
    if all(np.can_cast(operand.value.dtype, format.dtype, "safe") for operand in operands.values()):
        return arithmetic
    return Arithmetic(arithmetic.accumulate, format.name, arithmetic.output)


def _member(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"{name}: expected one of {', '.join(allowed)}, got {value!r:.60}")
    return str(value)


def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise InputError(f"{name} has shape {shape}, expected {expected}")


def _result(name: str, values: Any) -> tuple[FloatArray, FloatFormat]:
    array = to_numpy(name, values)
    format = _FORMATS.get(array.dtype)
    if format is None:
        known = ", ".join(dtype.name for dtype in _FORMATS)
        raise InputTypeError(f"{name}: expected one of {known}, got {array.dtype.name}")
    return format_array(name, array, format), format


def _operand(name: str, values: Any, eps: object) -> Given | None:
    """An operand in its own format, or in binary64."""
    if values is None:
        return None
    array = to_numpy(name, values)
    format = _FORMATS.get(array.dtype, FORMATS["binary64"])
    return Given(format_array(name, array, format), check_eps(f"eps_{name}", eps))


def _geometry(
    name: str,
    shape: tuple[int, ...],
    operands: Mapping[str, Given],
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Geometry:
    """The geometry of a gradient of this shape; that of the bias needs grad_output alone."""
    shapes = {key: operand.value.shape for key, operand in operands.items()}
    if name == "weight":
        shapes.setdefault("weight", shape)
    elif name == "input":
        shapes.setdefault("x", shape)
    if "x" in shapes and "weight" in shapes:
        geometry = Geometry.of(
            shapes["x"],
            shapes["weight"],
            shapes["gradOutput"],
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
    else:
        geometry = _pointwise(shapes["gradOutput"])
    expected = {
        "bias": geometry.bias_shape,
        "weight": geometry.weight_shape,
        "input": geometry.x_shape,
    }
    _require_shape("gradient", shape, expected[name])
    return geometry


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
        height=Window(size=height, kernel=1),
        width=Window(size=width, kernel=1),
    )
