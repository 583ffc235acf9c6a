"""The shape of a conv2d: batch, groups, channels, and a window along each spatial axis."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Self, SupportsIndex, TypeAlias

from pydantic import Field, Strict, model_validator

from pybridge.errors import InputError, InputTypeError
from pybridge.model import Model

__all__ = ["Geometry", "Padding", "Pair", "Parameters", "Window"]

Pair: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
Padding: TypeAlias = Pair | Sequence[Pair]


class Parameters(NamedTuple):
    """The parameters of a conv2d as a user gives them: see `Geometry.of`."""

    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: int = 1


_LARGEST = 2**31 - 1
_Positive = Annotated[int, Strict(), Field(ge=1, le=_LARGEST)]
_Natural = Annotated[int, Strict(), Field(ge=0, le=_LARGEST)]


class Window(Model):
    """One spatial axis (Lean: `Window`): the input's size and how the kernel moves, in entries."""

    size: _Positive
    kernel: _Positive
    stride: _Positive = 1
    pad_begin: _Natural = 0
    pad_end: _Natural = 0
    dilation: _Positive = 1

    @property
    def padded(self) -> int:
        """The size of the padded input."""
        return self.size + self.pad_begin + self.pad_end

    @property
    def reach(self) -> int:
        """How many entries of the padded input the dilated kernel spans."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> int:
        """The size of the output: ⌊(padded − reach) / stride⌋ + 1."""
        return (self.padded - self.reach) // self.stride + 1

    @model_validator(mode="after")
    def _kernel_fits(self) -> Self:
        if self.reach > self.padded:
            raise ValueError(
                f"the kernel spans {self.reach} entries ({self.kernel} with dilation "
                f"{self.dilation}), but the padded input has only {self.padded}"
            )
        return self


class Geometry(Model):
    """A conv2d's shape (Lean: `Conv2d`); channels are counted per group.

    Shapes: x [batch, groups·in_channels, H, W], weight [groups·out_channels, in_channels, KH, KW],
    bias [groups·out_channels], grad_output [batch, groups·out_channels, OH, OW].
    """

    batch: _Positive = 1
    groups: _Positive = 1
    in_channels: _Positive = 1
    out_channels: _Positive = 1
    height: Window
    width: Window

    @classmethod
    def of(
        cls,
        x_shape: Sequence[int],
        weight_shape: Sequence[int],
        grad_output_shape: Sequence[int] | None = None,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> Self:
        """The geometry of given operand shapes (NCHW and OIHW) and parameters.

        `stride` and `dilation` are an int or (height, width); `padding` is an int, (height, width)
        or ((top, bottom), (left, right)). Raises `InputError` when shapes or parameters do not fit
        each other, and `InputTypeError` for a parameter that is not made of integers.
        """
        batch, channels, height, width = _four("x", "[batch, channels, height, width]", x_shape)
        out_total, in_channels, kernel_h, kernel_w = _four(
            "weight", "[out channels, in channels / groups, height, width]", weight_shape
        )
        groups = _integer("groups", groups)
        if groups < 1:
            raise InputError(f"groups: expected a positive integer, got {groups}")
        if channels != groups * in_channels:
            raise InputError(
                f"x has {channels} channels, but weight of shape {tuple(weight_shape)} with "
                f"groups={groups} expects {groups * in_channels}"
            )
        if out_total % groups:
            raise InputError(
                f"weight has {out_total} output channels, expected a multiple of groups={groups}"
            )
        strides = _pair("stride", stride)
        dilations = _pair("dilation", dilation)
        pads = _padding(padding)
        height_window, width_window = (
            _window(axis, size, kernel, strides[i], pads[i], dilations[i])
            for i, (axis, size, kernel) in enumerate(
                (("height", height, kernel_h), ("width", width, kernel_w))
            )
        )
        geometry = cls(
            batch=batch,
            groups=groups,
            in_channels=in_channels,
            out_channels=out_total // groups,
            height=height_window,
            width=width_window,
        )
        if grad_output_shape is None:
            return geometry
        given = _sequence(grad_output_shape)
        if given is None:
            shown = _shown(grad_output_shape)
            raise InputTypeError(f"grad_output's shape: expected four integers, got {shown}")
        if tuple(given) != geometry.output_shape:
            raise InputError(
                f"grad_output has shape {tuple(given)}, but x of shape "
                f"{tuple(x_shape)} and weight of shape {tuple(weight_shape)} with stride={strides},"
                f" padding={pads}, dilation={dilations}, groups={groups} give an output of shape "
                f"{geometry.output_shape}"
            )
        return geometry

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """[batch, groups·in_channels, H, W], also the shape of the input gradient."""
        return self.batch, self.groups * self.in_channels, self.height.size, self.width.size

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """[groups·out_channels, in_channels, KH, KW]."""
        total = self.groups * self.out_channels
        return total, self.in_channels, self.height.kernel, self.width.kernel

    @property
    def bias_shape(self) -> tuple[int]:
        """[groups·out_channels]."""
        return (self.groups * self.out_channels,)

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """[batch, groups·out_channels, OH, OW], also the shape of grad_output."""
        total = self.groups * self.out_channels
        return self.batch, total, self.height.output, self.width.output

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the operands: x, weight, bias and grad_output."""
        return {
            "x": self.x_shape,
            "weight": self.weight_shape,
            "bias": self.bias_shape,
            "grad_output": self.output_shape,
        }

    @property
    def multiply_adds(self) -> int:
        """The terms of the forward pass, padding included; each gradient has about as many."""
        batch, channels, height, width = self.output_shape
        window = self.in_channels * self.height.kernel * self.width.kernel
        return batch * channels * height * width * window

    def parameters(self) -> dict[str, int]:
        """The values of the parameters that the exported definitions name."""
        height, width = self.height, self.width
        return {
            "batch": self.batch,
            "groups": self.groups,
            "inChannels": self.in_channels,
            "outChannels": self.out_channels,
            "inputH": height.size,
            "inputW": width.size,
            "kernelH": height.kernel,
            "kernelW": width.kernel,
            "strideH": height.stride,
            "strideW": width.stride,
            "padTop": height.pad_begin,
            "padBottom": height.pad_end,
            "padLeft": width.pad_begin,
            "padRight": width.pad_end,
            "dilationH": height.dilation,
            "dilationW": width.dilation,
            "outputH": height.output,
            "outputW": width.output,
        }


def _window(
    axis: str, size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int
) -> Window:
    try:
        return Window(
            size=size,
            kernel=kernel,
            stride=stride,
            pad_begin=pads[0],
            pad_end=pads[1],
            dilation=dilation,
        )
    except InputError as error:
        raise InputError(f"{axis}: {error}") from None


def _four(name: str, meaning: str, shape: Sequence[int]) -> tuple[int, int, int, int]:
    items = _sequence(shape)
    if items is None:
        raise InputTypeError(f"{name}'s shape: expected four integers, got {_shown(shape)}")
    sizes = tuple(_integer(f"{name}'s shape", size) for size in items)
    if len(sizes) != 4:
        raise InputError(f"{name} has shape {sizes}, expected four axes {meaning}")
    if 0 in sizes:
        raise InputError(f"{name} has shape {sizes}: it has no entries")
    first, second, third, fourth = sizes
    return first, second, third, fourth


def _integer(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise InputTypeError(f"{name}: expected an integer, got {_shown(value)}") from None
    if number.bit_length() > 63:
        raise InputError(f"{name}: expected an integer below 2^31, got one of more than 63 bits")
    return number


def _sequence(value: Any) -> list[object] | None:
    """The items of a sequence or of an array with axes; None for all else, sets and dicts too."""
    if isinstance(value, str | bytes | bytearray | memoryview):
        return None
    if isinstance(value, Sequence) or getattr(value, "ndim", None):
        return list(value)
    return None


def _shown(value: object) -> str:
    """The beginning of a value's representation, in one line."""
    return " ".join(repr(value).split())[:60]


def _pair(name: str, value: object) -> tuple[int, int]:
    items = _sequence(value)
    if items is None:
        both = _integer(name, value)
        return both, both
    if len(items) != 2:
        raise InputError(f"{name}: expected an integer or (height, width), got {_shown(value)}")
    return _integer(name, items[0]), _integer(name, items[1])


def _padding(value: object) -> tuple[tuple[int, int], tuple[int, int]]:
    items = _sequence(value)
    if items is None:
        height = width = value
    elif len(items) == 2:
        height, width = items
    else:
        raise InputError(
            "padding: expected an integer, (height, width) or ((top, bottom), (left, right)), "
            f"got {_shown(value)}"
        )
    return _pair("padding", height), _pair("padding", width)
