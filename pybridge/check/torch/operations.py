"""Operations other than conv2d, at the sizes of real models and at sizes that a seed draws."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from pybridge.check.fuzz.drawing import Seeded, draw_shape
from pybridge.problem.geometry import Geometry
from pybridge.problem.shapes import Product, Shape

__all__ = ["Example", "examples", "unseen"]

_UNSEEN = 24


@dataclass(frozen=True, slots=True)
class Example:
    """An operation at given sizes. `addend` says whether a product has one."""

    label: str
    geometry: Shape
    addend: bool = True

    def operands(self, seed: int = 0) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return normal operands, the second factor scaled so that sums are around 1."""
        rng = np.random.default_rng([seed, zlib.crc32(self.label.encode())])
        drawn = {name: rng.standard_normal(size) for name, size in self.geometry.shapes.items()}
        for name in ("weight", "y"):
            if name in drawn:
                drawn[name] /= math.sqrt(prod(drawn[name].shape[1:]))
        if not self.addend:
            del drawn["addend"]
        return drawn


def examples() -> list[Example]:
    """Return layers of models: speech, video, images and their generators, and attention."""
    of = Geometry.of
    return [
        Example("conv1d-speech", of((2, 64, 400), (64, 64, 3), stride=2, rank=1)),
        Example("conv3d-video", of((1, 16, 8, 14, 14), (32, 16, 3, 3, 3), padding=1, rank=3)),
        Example("transposed1d-vocoder", of((1, 64, 60), (64, 32, 16), stride=8, padding=4, rank=1,
                transposed=True)),
        Example("transposed2d-generator", of((2, 64, 8, 8), (64, 32, 4, 4), stride=2, padding=1,
                transposed=True)),
        Example("transposed3d-segmentation", of((1, 16, 4, 8, 8), (16, 8, 2, 2, 2), stride=2,
                rank=3, transposed=True)),
        Example("linear-mlp", Product(M=196, N=256, K=192), addend=False),
        Example("addmm-mlp", Product(M=196, N=256, K=192)),
        Example("matmul-attention", Product(B=6, M=100, N=100, K=64), addend=False),
        Example("baddbmm-attention", Product(B=6, M=100, N=64, K=100)),
    ]  # fmt: skip


def unseen(seed: int) -> list[Example]:
    """Return shapes of any operation that a seed draws; labels are `unseen-NUMBER-OPERATION`."""
    drawn = []
    for number in range(_UNSEEN):
        choices = Seeded(f"against {seed} {number}")
        shape = draw_shape(choices, 4000)
        addend = choices.choose((True, False)) or not isinstance(shape, Product)
        drawn.append(Example(f"unseen-{number}-{shape.operation}", shape, addend))
    return drawn
