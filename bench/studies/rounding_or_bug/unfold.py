"""The terms of conv2d's output and gradients: of all entries at once, or of chosen ones.

Arrays of terms have the terms on the leading axis, in the order of loops over (batch, row, column)
for the kernel and bias gradients, (channel, kernel row, kernel column) for the output and the input
gradient. Nothing here comes from the exported definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.computation import conv2d_computation
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.results import Result

__all__ = ["Unfolded", "entry_terms", "nominal_terms", "result_shape", "unfold"]

_Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Unfolded:
    """Factors of all entries' terms, [n, …], that broadcast; zeros stand for padding.

    The result of summing their products over n is reshaped to `shape`.
    """

    x: _Array
    y: _Array
    shape: tuple[int, ...]


def result_shape(name: str, geometry: Geometry) -> tuple[int, ...]:
    """The shape of `output` or of the `bias`, `weight` or `input` gradient."""
    return conv2d_computation(Result(name), geometry).shape


def nominal_terms(name: str, geometry: Geometry) -> int:
    """How many terms an entry has where padding and stride leave them all, as recipes count."""
    g = geometry
    taps = g.height.kernel * g.width.kernel
    return {
        "output": g.in_channels * taps,
        "bias": g.batch * g.height.output * g.width.output,
        "weight": g.batch * g.height.output * g.width.output,
        "input": g.out_channels * taps,
    }[name]


def unfold(name: str, geometry: Geometry, operands: Mapping[str, _Array]) -> Unfolded:
    """The factors of all entries' terms; `operands` are x, weight, bias and grad_output."""
    g = geometry
    shape = result_shape(name, g)
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
    """Each kernel position, and what it reads of the padded input."""
    h, w = g.height, g.width
    for i in range(h.kernel):
        for j in range(w.kernel):
            yield i, j, (_reads(h, i), _reads(w, j))


def _reads(window: Window, tap: int) -> slice:
    start = tap * window.dilation
    return slice(start, start + (window.output - 1) * window.stride + 1, window.stride)


def _inner(g: Geometry) -> tuple[slice, slice]:
    """Where the padded input holds the input."""
    top, left = g.height.pad_begin, g.width.pad_begin
    return slice(top, top + g.height.size), slice(left, left + g.width.size)


def _patches(g: Geometry, x: _Array) -> _Array:
    """[batch, groups, in_channels, KH, KW, OH, OW]: what each output reads."""
    h, w = g.height, g.width
    padded = np.zeros((g.batch, g.groups, g.in_channels, h.padded, w.padded), x.dtype)
    padded[..., *_inner(g)] = x.reshape(g.batch, g.groups, g.in_channels, h.size, w.size)
    shape = (g.batch, g.groups, g.in_channels, h.kernel, w.kernel, h.output, w.output)
    patches = np.empty(shape, x.dtype)
    for i, j, read in _slices(g):
        patches[:, :, :, i, j] = padded[..., *read]
    return patches


def _scattered(g: Geometry, grads: _Array) -> _Array:
    """[batch, groups, out_channels, KH, KW, H, W]: what each input is multiplied with."""
    h, w = g.height, g.width
    given = grads.reshape(g.batch, g.groups, g.out_channels, h.output, w.output)
    shape = (g.batch, g.groups, g.out_channels, h.kernel, w.kernel, h.size, w.size)
    scattered = np.empty(shape, grads.dtype)
    for i, j, read in _slices(g):
        padded = np.zeros((*given.shape[:3], h.padded, w.padded), grads.dtype)
        padded[..., *read] = given
        scattered[:, :, :, i, j] = padded[..., *_inner(g)]
    return scattered


def entry_terms(
    name: str, geometry: Geometry, operands: Mapping[str, _Array], index: Sequence[int]
) -> tuple[_Array, _Array]:
    """The factors of one entry's terms, those alone that padding and stride leave; no bias."""
    g = geometry
    if name == "bias":
        grads = operands["grad_output"][:, index[0]].ravel()
        return np.ones_like(grads), grads
    first, second, row, column = index
    if name == "output":
        channels = slice(*_range(second // g.out_channels, g.in_channels))
        a, y = _inside(g.height, row * g.height.stride, g.height.dilation, g.height.kernel)
        b, x = _inside(g.width, column * g.width.stride, g.width.dilation, g.width.kernel)
        read = operands["x"][first, channels][:, y][:, :, x]
        return read.ravel(), operands["weight"][second][:, a][:, :, b].ravel()
    if name == "weight":
        channel = first // g.out_channels * g.in_channels + second
        oy, y = _inside(g.height, row * g.height.dilation, g.height.stride, g.height.output)
        ox, x = _inside(g.width, column * g.width.dilation, g.width.stride, g.width.output)
        read = operands["x"][:, channel][:, y][:, :, x]
        return read.ravel(), operands["grad_output"][:, first][:, oy][:, :, ox].ravel()
    group, i = divmod(second, g.in_channels)
    outs = slice(*_range(group, g.out_channels))
    a, oy = _readers(g.height, row)
    b, ox = _readers(g.width, column)
    weight = operands["weight"][outs, i][:, a][:, :, b]
    return weight.ravel(), operands["grad_output"][first, outs][:, oy][:, :, ox].ravel()


def _range(group: int, size: int) -> tuple[int, int]:
    return group * size, (group + 1) * size


def _inside(
    window: Window, start: int, step: int, count: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The k < count for which start + k·step is in the input, and these places of it."""
    k = np.arange(count)
    places = start + k * step - window.pad_begin
    found = (places >= 0) & (places < window.size)
    return k[found], places[found]


def _readers(window: Window, place: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The taps and outputs that read a place of the input."""
    pairs = [
        (tap, steps // window.stride)
        for tap in range(window.kernel)
        if (steps := place + window.pad_begin - tap * window.dilation) % window.stride == 0
        and 0 <= steps // window.stride < window.output
    ]
    taps, outputs = np.array(pairs, np.intp).reshape(-1, 2).T
    return taps, outputs
