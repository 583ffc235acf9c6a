"""Averages of windows: their sums, each divided by one number."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pybridge.bounds.arguments import held
from pybridge.bounds.operation import Operation
from pybridge.errors import InputError, InputTypeError
from pybridge.ops.bilinear import Bilinear, Eps
from pybridge.problem.computation import Arrangement, Integers, computation_of
from pybridge.problem.geometry import Geometry, Pair
from pybridge.problem.shapes import Pooling

__all__ = ["avg_pool2d"]

_NAMES = {"x": "input", "grad_output": "grad_output"}


def avg_pool2d(
    input: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    eps: Eps = None,
) -> Operation:
    """Return the averages of windows of input [N, C, H, W] or [C, H, W], as by `avg_pool2d` of
    PyTorch.

    `eps` says by name how far the exact operand may be from the one passed. For the gradient of
    input, a kernel divides the entries of grad_output before it sums them, as PyTorch does.
    """
    array = held("input", input)
    outer = tuple(map(int, array.shape))
    if len(outer) not in (3, 4):
        raise InputError(f"input has shape {outer}, expected axes [N, C, H, W] or [C, H, W]")
    batched = len(outer) == 4
    # Without images, one of zeros is computed, of which no entry is returned.
    shape = (outer[0] or 1, *outer[1:]) if batched else (1, *outer)
    kernel = _pair("kernel_size", kernel_size)
    steps = kernel if stride is None else _pair("stride", stride)
    pads = _pair("padding", padding)
    if any(2 * pad > size for pad, size in zip(pads, kernel, strict=True)):
        raise InputError(f"padding: expected at most half of the kernel {kernel}, got {pads}")
    pooled = [
        _PooledAxis.of(*axis, ceil_mode)
        for axis in zip(shape[2:], kernel, steps, pads, strict=True)
    ]
    windows = Geometry.of(
        shape,
        (shape[1], 1, *kernel),
        stride=steps,
        padding=tuple((axis.pad, axis.pad_end) for axis in pooled),
        groups=shape[1],
        called="input",
    ).windows
    divisor: int | Integers
    if divisor_override is None:
        counts = [axis.counts(count_include_pad) for axis in pooled]
        each = np.outer(*counts)[None, None]
        divisor = each if (each != each.flat[0]).any() else int(each.flat[0])
    else:
        divisor = divisor_override
        if isinstance(divisor, bool) or not isinstance(divisor, int):
            raise InputTypeError(f"divisor_override: expected an integer, got {divisor!r:.60}")
        if not 1 <= divisor <= 2**31:
            raise InputError(f"divisor_override: expected a number from 1 to 2^31, got {divisor}")
    pooling = Pooling(batch=shape[0], channels=shape[1], windows=windows)
    arranged = {
        role: Arrangement.plain((*outer[:1] * batched, *inner[1:]), inner)
        for role, inner in pooling.shapes.items()
    }
    axes = (*("batch element",) * batched, "channel", "row", "column")
    results = {
        role: computation_of(pooling, name)
        .called_by(noun=noun, axes=axes, names=_NAMES, arranged=arranged, result=arranged[role])
        .divided_by(divisor, first=role == "x")
        for role, name, noun in (
            ("grad_output", "output", "output"),
            ("x", "input", "input gradient"),
        )
    }
    return Bilinear("avg_pool2d", results, _NAMES).output({"x": array}, eps)


class _PooledAxis(NamedTuple):
    """One axis: its size, how windows lie on it, and how many there are."""

    size: int
    kernel: int
    stride: int
    pad: int
    output: int

    @classmethod
    def of(cls, size: int, kernel: int, stride: int, pad: int, ceil_mode: bool) -> _PooledAxis:
        """Return an axis; with `ceil_mode`, windows may end beyond the padding, but not begin
        there.
        """
        moves = size + 2 * pad - kernel + (stride - 1) * bool(ceil_mode)
        output = moves // stride + 1
        return cls(
            size, kernel, stride, pad, output - (ceil_mode and (output - 1) * stride >= size + pad)
        )

    @property
    def pad_end(self) -> int:
        """The padding at the end that all windows need."""
        return max((self.output - 1) * self.stride + self.kernel - self.size - self.pad, self.pad)

    def counts(self, with_padding: bool) -> Integers:
        """Return how many entries each window has, those of the padding included if they count."""
        begin = np.arange(self.output, dtype=np.int64) * self.stride - self.pad
        end = np.minimum(begin + self.kernel, self.size + self.pad)
        if not with_padding:
            begin, end = np.maximum(begin, 0), np.minimum(end, self.size)
        return end - begin


def _pair(name: str, value: Any) -> tuple[int, int]:
    """Return one number for each axis; a single number is for both."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if any(isinstance(n, bool) or not isinstance(n, int) for n in pair):
        raise InputTypeError(f"{name}: expected an integer or two, got {value!r:.60}")
    if len(pair) != 2 or min(pair) < (name != "padding"):
        raise InputError(f"{name}: expected one positive number or two, got {value!r:.60}")
    return pair[0], pair[1]
