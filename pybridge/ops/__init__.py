"""Operations on operands that have not been computed, with the signatures of PyTorch.

What each function returns can be computed with a proved bound (`compute`), certified (`certify`),
explained (`explain`), differentiated (`grad`), and is what `pybridge.testing.assert_close` and
`compare` compare a kernel's result with.
"""

from __future__ import annotations

from pybridge.bounds.operation import Operation
from pybridge.ops.convolutions import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from pybridge.ops.exported import contraction
from pybridge.ops.pooling import avg_pool2d
from pybridge.ops.products import addmm, baddbmm, bmm, einsum, linear, matmul

__all__ = [
    "Operation",
    "addmm",
    "avg_pool2d",
    "baddbmm",
    "bmm",
    "contraction",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "einsum",
    "linear",
    "matmul",
]
