"""Unfolds conv2d's output and gradients into the terms of all entries at once.

Arrays of terms have the terms on the leading axis, in the order of loops over (batch, row, column)
for the kernel and bias gradients, (channel, kernel row, kernel column) for the output and the input
gradient. Nothing here comes from the exported definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.computation import conv2d_computation
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.results import Result

__all__ = ["Unfolded", "unfold"]

_Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Unfolded:
    """Factors of all entries' terms, [n, …], that broadcast; zeros stand for padding.

    The result of summing their products over n is reshaped to `shape`.
    """

    x: _Array
    y: _Array
    shape: tuple[int, ...]


def unfold(name: str, geometry: Geometry, operands: Mapping[str, _Array]) -> Unfolded:
    """Return the factors of all entries' terms; `operands` are x, weight, bias and grad_output."""
    g = geometry
    shape = conv2d_computation(Result(name), g).shape
    if name == "bias":
        grads = operands["grad_output"].transpose(0, 2, 3, 1).reshape(-1, shape[0])
        return Unfolded(np.ones((len(grads), 1), grads.dtype), grads, shape)
    if name == "weight":
        patches = _patches(g, operands["x"]).transpose(0, 5, 6, 1, 2, 3, 4)
        x = patches.reshape(-1, g.groups, 1, g.in_channels * g.height.kernel * g.width.kernel)
        grads = operands["grad_output"].transpose(0, 2, 3, 1)
        return Unfolded(x, grads.reshape(-1, g.groups, g.out_channels, 1), shape)
    weight = operands["weight"].reshape(
        g.groups, g.out_channels, g.in_channels, g.height.kernel, g.width.kernel
    )
    if name == "output":
        patches = _patches(g, operands["x"]).transpose(2, 3, 4, 0, 1, 5, 6)
        x = patches.reshape(
            g.in_channels * g.height.kernel * g.width.kernel, g.batch, g.groups, 1, -1
        )
        y = weight.transpose(2, 3, 4, 0, 1).reshape(-1, 1, g.groups, g.out_channels, 1)
        if "bias" in operands:
            x = np.concatenate([x, np.ones((1, *x.shape[1:]), x.dtype)])
            y = np.concatenate([y, operands["bias"].reshape(1, *y.shape[1:])])
        return Unfolded(x, y, shape)
    grads = _scattered(g, operands["grad_output"]).transpose(2, 3, 4, 0, 1, 5, 6)
    x = weight.transpose(1, 3, 4, 0, 2).reshape(-1, 1, g.groups, g.in_channels, 1)
    return Unfolded(x, grads.reshape(len(x), g.batch, g.groups, 1, -1), shape)


def _slices(g: Geometry) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    """Yield each kernel position, and what it reads of the padded input."""
    h, w = g.height, g.width
    for i in range(h.kernel):
        for j in range(w.kernel):
            yield i, j, (_reads(h, i), _reads(w, j))


def _reads(window: Window, tap: int) -> slice:
    start = tap * window.dilation
    return slice(start, start + (window.output - 1) * window.stride + 1, window.stride)


def _inner(g: Geometry) -> tuple[slice, slice]:
    """Return where the padded input holds the input."""
    top, left = g.height.pad_begin, g.width.pad_begin
    return slice(top, top + g.height.size), slice(left, left + g.width.size)


def _patches(g: Geometry, x: _Array) -> _Array:
    """Return what each output reads, [batch, groups, in_channels, KH, KW, OH, OW]."""
    h, w = g.height, g.width
    padded = np.zeros((g.batch, g.groups, g.in_channels, h.padded, w.padded), x.dtype)
    padded[..., *_inner(g)] = x.reshape(g.batch, g.groups, g.in_channels, h.size, w.size)
    shape = (g.batch, g.groups, g.in_channels, h.kernel, w.kernel, h.output, w.output)
    patches = np.empty(shape, x.dtype)
    for i, j, read in _slices(g):
        patches[:, :, :, i, j] = padded[..., *read]
    return patches


def _scattered(g: Geometry, grads: _Array) -> _Array:
    """Return what each input is multiplied with, [batch, groups, out_channels, KH, KW, H, W]."""
    h, w = g.height, g.width
    grads = grads.reshape(g.batch, g.groups, g.out_channels, h.output, w.output)
    shape = (g.batch, g.groups, g.out_channels, h.kernel, w.kernel, h.size, w.size)
    scattered = np.empty(shape, grads.dtype)
    for i, j, read in _slices(g):
        padded = np.zeros((*grads.shape[:3], h.padded, w.padded), grads.dtype)
        padded[..., *read] = grads
        scattered[:, :, :, i, j] = padded[..., *_inner(g)]
    return scattered
