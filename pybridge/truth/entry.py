"""Exact values of single entries of a conv2d's output and gradients, in integers.

Where the whole result would take too long (`pybridge.truth.conv2d`), a sample of its entries does
not. Each is the textbook's nested sum over the terms that padding, stride and dilation leave.
Nothing here comes from the exported definitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.geometry import Geometry, Window
from pybridge.truth.conv2d import Dyadic

__all__ = ["exact_entry"]

_Floats: TypeAlias = npt.NDArray[Any]
_Indices: TypeAlias = npt.NDArray[np.intp]


def exact_entry(
    name: str, geometry: Geometry, operands: Mapping[str, _Floats], index: Sequence[int]
) -> Fraction:
    """The exact entry of `output` or of the `bias`, `weight` or `input` gradient at an index.

    `operands` are x, weight, bias and grad_output, of the geometry's shapes and of dtypes whose
    values float64 holds; those that the result does not depend on may be left out.
    """
    g = geometry
    if name == "bias":
        return _dot(operands["grad_output"][:, index[0]])
    if name == "output":
        n, o, row, column = index
        first = o // g.out_channels * g.in_channels
        a, y = _taps(g.height, row)
        b, x = _taps(g.width, column)
        given = operands["x"][n, first : first + g.in_channels][:, y][:, :, x]
        total = _dot(given, operands["weight"][o][:, a][:, :, b])
        return total + _dot(operands["bias"][o]) if "bias" in operands else total
    if name == "weight":
        o, i, row, column = index
        channel = o // g.out_channels * g.in_channels + i
        y, oy = _positions(g.height, row)
        x, ox = _positions(g.width, column)
        given = operands["x"][:, channel][:, y][:, :, x]
        return _dot(given, operands["grad_output"][:, o][:, oy][:, :, ox])
    n, channel, row, column = index
    group, i = divmod(channel, g.in_channels)
    outs = slice(group * g.out_channels, (group + 1) * g.out_channels)
    a, oy = _readers(g.height, row)
    b, ox = _readers(g.width, column)
    given = operands["weight"][outs, i][:, a][:, :, b]
    return _dot(given, operands["grad_output"][n, outs][:, oy][:, :, ox])


def _taps(window: Window, output: int) -> tuple[_Indices, _Indices]:
    """The kernel indices that an output index reads with, and the input indices that it reads."""
    kernel = np.arange(window.kernel)
    read = output * window.stride + kernel * window.dilation - window.pad_begin
    inside = (read >= 0) & (read < window.size)
    return kernel[inside], read[inside]


def _positions(window: Window, tap: int) -> tuple[_Indices, _Indices]:
    """The input indices that a kernel index reads, and the output indices that it does so for."""
    output = np.arange(window.output)
    read = output * window.stride + tap * window.dilation - window.pad_begin
    inside = (read >= 0) & (read < window.size)
    return read[inside], output[inside]


def _readers(window: Window, place: int) -> tuple[_Indices, _Indices]:
    """The kernel indices and the output indices that read an input index."""
    kernel = np.arange(window.kernel)
    steps = place + window.pad_begin - kernel * window.dilation
    output = steps // window.stride
    reads = (steps % window.stride == 0) & (output >= 0) & (output < window.output)
    return kernel[reads], output[reads]


def _dot(a: _Floats, b: _Floats | None = None) -> Fraction:
    """The exact sum of the products of two arrays' entries, or of one array's entries."""
    if a.size == 0:
        return Fraction(0)
    terms = Dyadic.of(a) if b is None else Dyadic.of(a) * Dyadic.of(b)
    total: int = sum(terms.numerators.ravel().tolist())
    return total * Fraction(2) ** terms.exponent
