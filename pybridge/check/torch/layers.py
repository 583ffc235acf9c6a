"""The convolutions of well-known networks, at their real sizes, with operands of real magnitudes.

Each network is listed by its blocks; `layers` returns every geometry once, under the name of the
first network that has it. The images have 224×224 pixels.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pybridge.problem.geometry import Geometry

__all__ = ["QUICK", "Layer", "layers"]

_SMALL = 14
"""The largest height of x at which the batch has two images, not one."""

QUICK = (
    "mobilenetv1-3to32-3x3-s2-224",
    "mobilenetv1-dw64-3x3-s2-112",
    "mobilenetv2-24to144-1x1-56",
    "resnet50-256to512-1x1-s2-56",
    "resnet50-dilated-256to256-3x3-d2-28",
    "resnet50-512to512-3x3-7",
    "resnext50-128to128-3x3-g32-56",
    "vgg16-512to512-3x3-14",
)
"""The labels of a few layers, one of each kind, which together take some seconds."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution of a network: `label` is `network-INtoOUT-KxK…-size` or `network-dwC-…`.

    `image` says that x is a normalized image, not what follows a ReLU.
    """

    label: str
    geometry: Geometry
    image: bool = False

    def operands(self, seed: int = 0) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return x, weight, bias and grad_output, determined by the seed.

        All are normal. x has deviation 1 and, unless it is an image, zeros in place of negative
        entries; weight has variance 2 / (in_channels·KH·KW), as in Kaiming initialization; bias has
        deviation 0.1, and grad_output 10⁻³.
        """
        g = self.geometry
        rng = np.random.default_rng([seed, zlib.crc32(self.label.encode())])
        x = rng.standard_normal(g.x_shape)
        fan_in = g.in_channels * g.height.kernel * g.width.kernel
        return {
            "x": x if self.image else np.maximum(x, 0.0),
            "weight": math.sqrt(2 / fan_in) * rng.standard_normal(g.weight_shape),
            "bias": 0.1 * rng.standard_normal(g.bias_shape),
            "grad_output": 1e-3 * rng.standard_normal(g.output_shape),
        }


@dataclass(frozen=True, slots=True)
class _Conv:
    """A convolution with a square kernel, padded so that only the stride changes the size."""

    channels: int
    out: int
    kernel: int
    size: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1

    def layer(self, network: str) -> Layer:
        depthwise = self.groups == self.channels > 1
        parts = [
            network,
            f"dw{self.channels}" if depthwise else f"{self.channels}to{self.out}",
            f"{self.kernel}x{self.kernel}",
            *([f"s{self.stride}"] * (self.stride > 1)),
            *([f"d{self.dilation}"] * (self.dilation > 1)),
            *([f"g{self.groups}"] * (self.groups > 1 and not depthwise)),
            str(self.size),
        ]
        geometry = Geometry.of(
            (2 if self.size <= _SMALL else 1, self.channels, self.size, self.size),
            (self.out, self.channels // self.groups, self.kernel, self.kernel),
            stride=self.stride,
            padding=self.dilation * (self.kernel // 2),
            dilation=self.dilation,
            groups=self.groups,
        )
        return Layer("-".join(parts), geometry, image=self.channels == 3)


def _resnet50() -> Iterator[_Conv]:
    """Yield all convolutions; the stride is in the 3×3 ones, as in PyTorch's model."""
    yield _Conv(3, 64, 7, 224, stride=2)
    channels, size = 64, 56
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        yield _Conv(channels, width, 1, size)
        yield _Conv(width, width, 3, size, stride=stride)
        yield _Conv(channels, 4 * width, 1, size, stride=stride)
        channels, size = 4 * width, size // stride
        yield _Conv(width, channels, 1, size)
        yield _Conv(channels, width, 1, size)
        yield _Conv(width, width, 3, size)


def _resnet50_dilated() -> Iterator[_Conv]:
    """Yield the last two stages without strides, as for segmentation."""
    yield _Conv(256, 256, 3, 28, dilation=2)
    yield _Conv(512, 512, 3, 28, dilation=4)


def _resnext50() -> Iterator[_Conv]:
    """Yield the grouped convolutions."""
    yield _Conv(128, 128, 3, 56, groups=32)
    for width, size in ((256, 56), (512, 28), (1024, 14)):
        yield _Conv(width, width, 3, size, stride=2, groups=32)
        yield _Conv(width, width, 3, size // 2, groups=32)


def _vgg16() -> Iterator[_Conv]:
    channels = 3
    for width, size in ((64, 224), (128, 112), (256, 56), (512, 28), (512, 14)):
        yield _Conv(channels, width, 3, size)
        yield _Conv(width, width, 3, size)
        channels = width


def _mobilenetv1() -> Iterator[_Conv]:
    yield _Conv(3, 32, 3, 224, stride=2)
    channels, size = 32, 112
    for out, stride in (
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (1024, 2), (1024, 1),
    ):  # fmt: skip
        yield _Conv(channels, channels, 3, size, stride=stride, groups=channels)
        size //= stride
        yield _Conv(channels, out, 1, size)
        channels = out


def _mobilenetv2() -> Iterator[_Conv]:
    yield _Conv(3, 32, 3, 224, stride=2)
    channels, size = 32, 112
    for expansion, out, blocks, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):  # fmt: skip
        for block in range(blocks):
            step = stride if block == 0 else 1
            wide = expansion * channels
            if expansion > 1:
                yield _Conv(channels, wide, 1, size)
            yield _Conv(wide, wide, 3, size, stride=step, groups=wide)
            size //= step
            yield _Conv(wide, out, 1, size)
            channels = out
    yield _Conv(channels, 1280, 1, size)


_NETWORKS = {
    "resnet50": _resnet50,
    "resnet50-dilated": _resnet50_dilated,
    "resnext50": _resnext50,
    "vgg16": _vgg16,
    "mobilenetv1": _mobilenetv1,
    "mobilenetv2": _mobilenetv2,
}


def layers() -> list[Layer]:
    """Return the convolutions of all networks, each geometry once."""
    distinct: dict[Geometry, Layer] = {}
    for network, convolutions in _NETWORKS.items():
        for convolution in convolutions():
            layer = convolution.layer(network)
            distinct.setdefault(layer.geometry, layer)
    return list(distinct.values())
