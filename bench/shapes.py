"""The convolutions that are measured: their geometries, and operands from a fixed seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand

__all__ = ["NAMES", "Shape", "channels", "shape"]

NAMES = ("tiny", "small", "rn28", "rn56", "depthwise", "strided")
"""The shapes: rn28 and rn56 are layers of a ResNet, depthwise and strided are variants of rn28."""

# size, input channels, output channels, groups, stride
_Sizes = tuple[int, int, int, int, int]

_SIZES: Mapping[str, _Sizes] = {
    "tiny": (8, 1, 1, 1, 1),
    "small": (16, 16, 16, 1, 1),
    "rn28": (28, 64, 64, 1, 1),
    "rn56": (56, 64, 64, 1, 1),
    "depthwise": (28, 64, 64, 64, 1),
    "strided": (28, 64, 64, 1, 2),
}
_QUICK: Mapping[str, _Sizes] = {
    "tiny": (4, 1, 1, 1, 1),
    "small": (6, 2, 3, 1, 1),
    "rn28": (7, 4, 5, 1, 1),
    "rn56": (9, 4, 5, 1, 1),
    "depthwise": (7, 4, 4, 4, 1),
    "strided": (7, 4, 4, 1, 2),
}


@dataclass(frozen=True, eq=False)
class Shape:
    """A conv2d of float32 operands, which are drawn from the standard normal distribution."""

    name: str
    geometry: Geometry

    @cached_property
    def operands(self) -> Mapping[str, Operand]:
        """The operands by their exported names, of the geometry's shapes, without eps."""
        g = self.geometry
        rng = np.random.default_rng(0)
        shapes = {
            "x": g.x_shape,
            "weight": g.weight_shape,
            "grad_output": g.output_shape,
            "bias": g.bias_shape,
        }
        return {
            name: Operand(rng.standard_normal(shape, dtype=np.float32))
            for name, shape in shapes.items()
        }

    @property
    def x(self) -> FloatArray:
        """[N, I, H, W]."""
        x: FloatArray = self.operands["x"].value
        return x

    @property
    def weight(self) -> FloatArray:
        """[O, I/groups, KH, KW]."""
        weight: FloatArray = self.operands["weight"].value
        return weight

    @property
    def grad_output(self) -> FloatArray:
        """[N, O, OH, OW]."""
        grad_output: FloatArray = self.operands["grad_output"].value
        return grad_output

    @property
    def description(self) -> str:
        """The shape in words."""
        g = self.geometry
        text = f"{'×'.join(map(str, g.x_shape))} to {g.output_shape[1]} channels"
        if g.groups > 1:
            text += f", {g.groups} groups"
        if g.height.stride > 1:
            text += f", stride {g.height.stride}"
        return text


def shape(name: str, *, quick: bool = False) -> Shape:
    """Return a shape by name; if `quick`, one whose measurements take milliseconds."""
    size, inputs, outputs, groups, stride = (_QUICK if quick else _SIZES)[name]
    return Shape(name, _geometry(size, inputs, outputs, groups, stride))


def channels(count: int, *, quick: bool = False) -> Shape:
    """Return a 3×3 convolution of images of 28×28, with `count` channels in and out."""
    return Shape(f"{count} channels", _geometry(7 if quick else 28, count, count, 1, 1))


def _geometry(size: int, inputs: int, outputs: int, groups: int, stride: int) -> Geometry:
    """Return the geometry of a 3×3 kernel, padded by one."""
    window = Window(size=size, kernel=3, stride=stride, pad_begin=1, pad_end=1)
    return Geometry(
        groups=groups,
        in_channels=inputs // groups,
        out_channels=outputs // groups,
        windows=(window, window),
    )
