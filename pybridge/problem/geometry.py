"""The shape of a convolution: batch, groups, channels, and a window along each spatial axis."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from math import prod
from typing import Annotated, Any, ClassVar, NamedTuple, Self, SupportsIndex, TypeAlias

from pydantic import Field, Strict, model_validator

from pybridge.errors import InputError, InputTypeError
from pybridge.model import Model

__all__ = ["Geometry", "Padding", "Pair", "Parameters", "Window", "axis_names", "index_names"]

Pair: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
Padding: TypeAlias = Pair | Sequence[Pair]


class Parameters(NamedTuple):
    """The parameters of a convolution as a user writes them: see `Geometry.of`."""

    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: int = 1


_LARGEST = 2**31 - 1
_Positive = Annotated[int, Strict(), Field(ge=1, le=_LARGEST)]
_Natural = Annotated[int, Strict(), Field(ge=0, le=_LARGEST)]


class Window(Model):
    """One spatial axis (Lean: `Window`): the size of x and how the kernel moves, in entries.

    A transposed window is the adjoint's: x is spread out by the stride, and padding is cut off.
    """

    size: _Positive
    kernel: _Positive
    stride: _Positive = 1
    pad_begin: _Natural = 0
    pad_end: _Natural = 0
    dilation: _Positive = 1
    transposed: bool = False
    output_padding: _Natural = 0

    @property
    def padded(self) -> int:
        """The size of the padded x."""
        return self.size + self.pad_begin + self.pad_end

    @property
    def reach(self) -> int:
        """How many entries the dilated kernel spans."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> int:
        """The size of the output.

        ⌊(padded − reach) / stride⌋ + 1; of a transposed window (size − 1)·stride + reach + output
        padding − padding.
        """
        if self.transposed:
            spread = (self.size - 1) * self.stride + self.reach + self.output_padding
            return spread - self.pad_begin - self.pad_end
        return (self.padded - self.reach) // self.stride + 1

    def parameters(self, axis: int) -> dict[str, int]:
        """Return the values of the parameters that the exported definitions name for the axis of
        this number.
        """
        return {
            f"size{axis}": self.size,
            f"kernel{axis}": self.kernel,
            f"stride{axis}": self.stride,
            f"padBegin{axis}": self.pad_begin,
            f"padEnd{axis}": self.pad_end,
            f"dilation{axis}": self.dilation,
            **({f"outputPadding{axis}": self.output_padding} if self.transposed else {}),
            f"output{axis}": self.output,
        }

    @model_validator(mode="after")
    def _kernel_fits(self) -> Self:
        if not self.transposed and self.output_padding:
            raise ValueError(
                "output padding is of transposed convolutions only, "
                f"expected 0, got {self.output_padding}"
            )
        if not self.transposed and self.reach > self.padded:
            raise ValueError(
                f"the kernel spans {self.reach} entries ({self.kernel} with dilation "
                f"{self.dilation}), but the padded input has only {self.padded}"
            )
        if self.transposed and self.output_padding >= max(self.stride, self.dilation):
            raise ValueError(
                f"output padding: expected less than stride {self.stride} or dilation "
                f"{self.dilation}, got {self.output_padding}"
            )
        if self.transposed and self.output < 1:
            raise ValueError(
                f"padding of {self.pad_begin} and {self.pad_end} leaves nothing of the output"
            )
        return self


class Geometry(Model):
    """The shape of a convolution of one or more spatial axes, or of a transposed one.

    Channels are counted per group, x's as `in_channels`. Shapes:

    * x: [batch, groups·in_channels, …]
    * weight: [groups·out_channels, in_channels, …], of a transposed convolution
      [groups·in_channels, out_channels, …]
    * bias: [groups·out_channels]
    * output and grad_output: [batch, groups·out_channels, …]
    """

    batch: _Positive = 1
    groups: _Positive = 1
    in_channels: _Positive = 1
    out_channels: _Positive = 1
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]

    results: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "output": ("x", "weight", "bias"),
        "bias": ("grad_output",),
        "weight": ("x", "grad_output"),
        "input": ("weight", "grad_output"),
    }
    """The operands of each result, a gradient being named by its operand, x's `input`."""

    @model_validator(mode="after")
    def _windows_agree(self) -> Self:
        if len({window.transposed for window in self.windows}) > 1:
            raise ValueError("windows: expected all or none of them transposed")
        return self

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
        output_padding: Pair = 0,
        transposed: bool = False,
        rank: int = 2,
        called: str = "x",
    ) -> Self:
        """Return the geometry of operand shapes and parameters, with `rank` spatial axes.

        `stride`, `dilation` and `output_padding` are an int or one for each axis; `padding` is an
        int, one for each axis, or (begin, end) for each axis: ((top, bottom), (left, right)).
        `called` is how messages name x. Raises `InputError` if shapes or parameters do not fit each
        other, and `InputTypeError` for a parameter that is not made of integers.
        """
        axes = axis_names(rank)
        x_meaning, weight_meaning = ("batch", "channels"), _WEIGHT_AXES[transposed]
        batch, channels, *sizes = _shape(called, (*x_meaning, *axes), x_shape)
        first, second, *kernels = _shape("weight", (*weight_meaning, *axes), weight_shape)
        groups = _integer("groups", groups)
        if groups < 1:
            raise InputError(f"groups: expected a positive integer, got {groups}")
        expected = first if transposed else groups * second
        if channels != expected:
            raise InputError(
                f"{called} has {channels} channels, but weight of shape {tuple(weight_shape)} with "
                f"groups={groups} expects {expected}"
            )
        if first % groups:
            raise InputError(
                f"weight has {first} {'input' if transposed else 'output'} channels, "
                f"expected a multiple of groups={groups}"
            )
        strides = _each("stride", stride, axes)
        dilations = _each("dilation", dilation, axes)
        pads = _padding(padding, axes)
        extras = _each("output_padding", output_padding, axes)
        geometry = cls(
            batch=batch,
            groups=groups,
            in_channels=channels // groups,
            out_channels=second if transposed else first // groups,
            windows=tuple(
                _window(
                    axis,
                    size=sizes[i],
                    kernel=kernels[i],
                    stride=strides[i],
                    pad_begin=pads[i][0],
                    pad_end=pads[i][1],
                    dilation=dilations[i],
                    transposed=transposed,
                    output_padding=extras[i],
                )
                for i, axis in enumerate(axes)
            ),
        )
        if grad_output_shape is None:
            return geometry
        received = _sequence(grad_output_shape)
        if received is None:
            raise InputTypeError(
                f"grad_output's shape: expected {_NUMERALS.get(2 + rank, 2 + rank)} integers, "
                f"got {_beginning(grad_output_shape)}"
            )
        if tuple(received) != geometry.output_shape:
            raise InputError(
                f"grad_output has shape {tuple(received)}, but {called} of shape "
                f"{tuple(x_shape)} and weight of shape {tuple(weight_shape)} with stride={strides},"
                f" padding={pads}, dilation={dilations}, groups={groups} give an output of shape "
                f"{geometry.output_shape}"
            )
        return geometry

    def moving(self, *windows: Window) -> Self:
        """Return the same batch and channels with other windows."""
        return type(self)(
            batch=self.batch,
            groups=self.groups,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            windows=windows,
        )

    @property
    def operation(self) -> str:
        """The exported name: `conv2d`, `convTranspose1d`."""
        return f"{'convTranspose' if self.transposed else 'conv'}{self.rank}d"

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.windows)

    @property
    def transposed(self) -> bool:
        """Whether the convolution is transposed."""
        return self.windows[0].transposed

    @property
    def height(self) -> Window:
        """The first window of two."""
        height, _ = self.windows
        return height

    @property
    def width(self) -> Window:
        """The second window of two."""
        _, width = self.windows
        return width

    @property
    def x_shape(self) -> tuple[int, ...]:
        """[batch, groups·in_channels, …], also the shape of the input gradient."""
        return self.batch, self.groups * self.in_channels, *(w.size for w in self.windows)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """[groups·out_channels, in_channels, …].

        Of a transposed convolution [groups·in_channels, out_channels, …].
        """
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return self.groups * first, second, *(w.kernel for w in self.windows)

    @property
    def bias_shape(self) -> tuple[int]:
        """[groups·out_channels]."""
        return (self.groups * self.out_channels,)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """[batch, groups·out_channels, …], also the shape of grad_output."""
        return self.batch, self.groups * self.out_channels, *(w.output for w in self.windows)

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
    def result_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the results."""
        return {
            "output": self.output_shape,
            "bias": self.bias_shape,
            "weight": self.weight_shape,
            "input": self.x_shape,
        }

    @property
    def options(self) -> Parameters:
        """The parameters as `Geometry.of` takes them, for each axis and side."""
        windows: Any = self.windows
        return Parameters(
            stride=tuple(w.stride for w in windows),
            padding=tuple((w.pad_begin, w.pad_end) for w in windows),
            dilation=tuple(w.dilation for w in windows),
            groups=self.groups,
        )

    @property
    def multiply_adds(self) -> int:
        """The terms of the forward pass, padding included; each gradient has about as many."""
        moved = self.x_shape if self.transposed else self.output_shape
        return prod(moved) * prod(self.weight_shape[1:])

    def parameters(self) -> dict[str, int]:
        """Return the values of the parameters that the exported definitions name."""
        channels = {
            "batch": self.batch,
            "groups": self.groups,
            "inChannels": self.in_channels,
            "outChannels": self.out_channels,
        }
        if self.rank == 2 and not self.transposed:
            return channels | _conv2d_parameters(self.height, self.width)
        for i, w in enumerate(self.windows):
            channels |= w.parameters(i)
        return channels


def _conv2d_parameters(height: Window, width: Window) -> dict[str, int]:
    return {
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


_WEIGHT_AXES = {
    False: ("out channels", "in channels / groups"),
    True: ("in channels", "out channels / groups"),
}
_NUMERALS = {3: "three", 4: "four", 5: "five"}


def axis_names(rank: int) -> tuple[str, ...]:
    """Return the names of the spatial axes, in order."""
    if rank <= 3:
        return (("length",), ("height", "width"), ("depth", "height", "width"))[rank - 1]
    return tuple(f"axis {i}" for i in range(rank))


def index_names(rank: int) -> tuple[str, ...]:
    """Return what an index along each spatial axis counts, in order."""
    names = {1: ("position",), 2: ("row", "column"), 3: ("depth", "row", "column")}
    return names.get(rank) or tuple(f"index of axis {i}" for i in range(rank))


def _window(axis: str, **numbers: Any) -> Window:
    try:
        return Window(**numbers)
    except InputError as error:
        raise InputError(f"{axis}: {error}") from None


def _shape(name: str, axes: tuple[str, ...], shape: Sequence[int]) -> tuple[int, ...]:
    count = _NUMERALS.get(len(axes), str(len(axes)))
    items = _sequence(shape)
    if items is None:
        raise InputTypeError(f"{name}'s shape: expected {count} integers, got {_beginning(shape)}")
    sizes = tuple(_integer(f"{name}'s shape", size) for size in items)
    if len(sizes) != len(axes):
        raise InputError(f"{name} has shape {sizes}, expected {count} axes [{', '.join(axes)}]")
    if 0 in sizes:
        raise InputError(f"{name} has shape {sizes}: it has no entries")
    return sizes


def _integer(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool"):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise InputTypeError(f"{name}: expected an integer, got {_beginning(value)}") from None
    if number.bit_length() > 63:
        raise InputError(f"{name}: expected an integer below 2^31, got one of more than 63 bits")
    return number


def _sequence(value: Any) -> list[object] | None:
    """Return the items of a sequence or of an array with axes; None for anything else, also for
    sets and dicts.
    """
    if isinstance(value, str | bytes | bytearray | memoryview):
        return None
    if isinstance(value, Sequence) or getattr(value, "ndim", None):
        return list(value)
    return None


def _beginning(value: object) -> str:
    """Return the beginning of a value's representation, in one line."""
    return " ".join(repr(value).split())[:60]


def _each(name: str, value: object, axes: tuple[str, ...]) -> tuple[int, ...]:
    """Return an integer for each axis."""
    items = _sequence(value)
    if items is None:
        return (_integer(name, value),) * len(axes)
    if len(items) != len(axes):
        one_each = ", ".join(axes) + ("," if len(axes) == 1 else "")
        raise InputError(f"{name}: expected an integer or ({one_each}), got {_beginning(value)}")
    return tuple(_integer(name, item) for item in items)


def _padding(value: object, axes: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    items = _sequence(value)
    if items is None:
        items = [value] * len(axes)
    elif len(items) != len(axes):
        one_each = ", ".join(axes) + ("," if len(axes) == 1 else "")
        two_each = "((top, bottom), (left, right))" if len(axes) == 2 else "(begin, end) for each"
        raise InputError(
            f"padding: expected an integer, ({one_each}) or {two_each}, got {_beginning(value)}"
        )
    return tuple(_begin_and_end(item) for item in items)


def _begin_and_end(value: object) -> tuple[int, int]:
    begin, end = _each("padding", value, ("begin", "end"))
    return begin, end
