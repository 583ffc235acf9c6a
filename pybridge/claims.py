"""An array that is claimed to be a gradient or the output of a conv2d, with what it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from pybridge.accumulation import Accumulation
from pybridge.anyorder import READ, Estimator, estimator
from pybridge.arrays import to_numpy
from pybridge.contraction import Given
from pybridge.conv2d import check_eps
from pybridge.definitions import load_definitions
from pybridge.errors import InputError, InputTypeError
from pybridge.formats import FORMATS, FloatArray, FloatFormat, format_array, format_of
from pybridge.geometry import Geometry, Padding, Pair, Window

__all__ = ["Claim", "Gradient", "gradient_claim", "output_claim"]

Gradient: TypeAlias = Literal["bias", "weight", "input"]

_FORMATS = {format.dtype: format for format in FORMATS.values()}


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A result (forward, bias, weight, input) of the geometry's shape, and its operands."""

    name: str
    result: FloatArray
    format: FloatFormat
    geometry: Geometry
    operands: Mapping[str, Given]

    @property
    def shown(self) -> str:
        """How messages name it: `the output`, `the weight gradient`."""
        return "the output" if self.name == "forward" else f"the {self.name} gradient"

    def estimator(self) -> Estimator:
        """What computes the result and its bounds."""
        return estimator(self.name, self.geometry, self.operands, load_definitions())

    def promise(self, accumulation: Accumulation | None) -> Accumulation:
        """What the kernel promises, by default `Accumulation.assumed`, with this result's dtype."""
        values = [operand.value for operand in self.operands.values()]
        found = accumulation or Accumulation.assumed(self.format, values)
        return found.returned_in(self.format)


def gradient_claim(
    gradient: Any,
    x: Any,
    weight: Any,
    grad_output: Any,
    *,
    which: Gradient,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    eps: Sequence[object] = (0.0, 0.0, 0.0),
    finite: bool = True,
) -> Claim:
    """The arguments of `certify_gradient`, read; `finite` refuses a nan or an infinity."""
    if which not in get_args(Gradient):
        known = ", ".join(get_args(Gradient))
        raise InputError(f"which: expected one of {known}, got {which!r:.60}")
    given = {
        "x": _operand("x", x, eps[0]),
        "weight": _operand("weight", weight, eps[1]),
        "gradOutput": _operand("grad_output", grad_output, eps[2]),
    }
    found = {key: operand for key, operand in given.items() if operand is not None}
    result, format = _result("gradient", gradient, finite)
    for key in READ[which]:
        if key not in found:
            shown = "grad_output" if key == "gradOutput" else key
            raise InputTypeError(f"{shown}: the {which} gradient depends on it, got None")
    geometry = _geometry(
        which, result.shape, found, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return Claim(which, result, format, geometry, {key: found[key] for key in READ[which]})


def output_claim(
    output: Any,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    eps: Sequence[object] = (0.0, 0.0, 0.0),
    finite: bool = True,
) -> Claim:
    """The arguments of `certify_output`, read; `finite` refuses a nan or an infinity."""
    operands = {
        key: operand
        for key, operand in (
            ("x", _operand("x", x, eps[0])),
            ("weight", _operand("weight", weight, eps[1])),
            ("bias", _operand("bias", bias, eps[2])),
        )
        if operand is not None
    }
    for key in ("x", "weight"):
        if key not in operands:
            raise InputTypeError(f"{key}: the output depends on it, got None")
    if "bias" not in operands and eps[2]:
        raise InputError(f"eps_bias: expected 0 without a bias, got {eps[2]}")
    result, format = _result("output", output, finite)
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
    return Claim("forward", result, format, geometry, operands)


def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise InputError(f"{name} has shape {shape}, expected {expected}")


def _result(name: str, values: Any, finite: bool) -> tuple[FloatArray, FloatFormat]:
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
