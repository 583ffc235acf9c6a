"""Exact conv2d results by python-flint, from the textbook definition.

Floats are dyadic rationals: over a common power of two the operands are integers, and unfolding
the padded input turns conv2d and its gradients into products of integer matrices, as PyTorch
computes them (unfold, multiply, fold). Nothing here comes from the exported definitions, so this is
an independent check of what they compute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import flint
import numpy as np
import numpy.typing as npt

from pybridge.problem.geometry import Geometry

__all__ = ["Dyadic", "exact_conv2d"]

_Integers: TypeAlias = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Dyadic:
    """An array of rationals numerators·2^exponent; the numerators are Python integers."""

    numerators: _Integers
    exponent: int

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Dyadic:
        """The exact values of an array of floats of at most 53 bits of precision."""
        with np.errstate(all="ignore"):
            significands, exponents = np.frexp(values.astype(np.float64))
            integers = np.ldexp(significands, 53).astype(np.int64).astype(object)
        least = int(exponents.min())
        shifts = (exponents - least).astype(object)
        return cls(np.asarray(integers << shifts, dtype=object), least - 53)

    def over(self, exponent: int) -> Dyadic:
        """The same values over 2^exponent, which is at most the present one."""
        shift = self.exponent - exponent
        return Dyadic(np.asarray(self.numerators * 2**shift, dtype=object), exponent)

    def __add__(self, other: Dyadic) -> Dyadic:
        """The entrywise sums, broadcast."""
        exponent = min(self.exponent, other.exponent)
        total = self.over(exponent).numerators + other.over(exponent).numerators
        return Dyadic(np.asarray(total, dtype=object), exponent)

    def __mul__(self, other: Dyadic) -> Dyadic:
        """The entrywise products, broadcast."""
        product = np.asarray(self.numerators * other.numerators, dtype=object)
        return Dyadic(product, self.exponent + other.exponent)

    def fractions(self) -> list[Fraction]:
        """The values, row-major."""
        if self.exponent >= 0:
            return [Fraction(int(n) << self.exponent) for n in self.numerators.flat]
        denominator = 1 << -self.exponent
        return [Fraction(int(n), denominator) for n in self.numerators.flat]


def exact_conv2d(
    geometry: Geometry,
    x: Dyadic,
    weight: Dyadic,
    bias: Dyadic,
    grad_output: Dyadic,
    *,
    names: Iterable[str] = ("output", "bias", "weight", "input"),
) -> Mapping[str, Dyadic]:
    """The exact forward result and gradients named, of operands of the geometry's shapes."""
    computed = {
        "output": lambda: _forward(geometry, x, weight) + _per_channel(bias),
        "bias": lambda: Dyadic(
            np.asarray(grad_output.numerators.sum(axis=(0, 2, 3)), dtype=object),
            grad_output.exponent,
        ),
        "weight": lambda: _weight(geometry, x, grad_output),
        "input": lambda: _input(geometry, weight, grad_output),
    }
    return {name: computed[name]() for name in names}


def _per_channel(bias: Dyadic) -> Dyadic:
    return Dyadic(bias.numerators.reshape(1, -1, 1, 1), bias.exponent)


def _multiply(a: _Integers, b: _Integers) -> _Integers:
    """The product of integer matrices."""
    product = flint.fmpz_mat(a.tolist()) * flint.fmpz_mat(b.tolist())
    entries = [int(entry) for entry in product.entries()]
    result = np.empty(len(entries), dtype=object)
    result[:] = entries
    return result.reshape(a.shape[0], b.shape[1])


def _windows(geometry: Geometry, padded: _Integers) -> Iterable[tuple[int, int, _Integers]]:
    """Each kernel position, and the view of the padded input's entries that it meets."""
    height, width = geometry.height, geometry.width
    for i in range(height.kernel):
        top = i * height.dilation
        rows = slice(top, top + (height.output - 1) * height.stride + 1, height.stride)
        for j in range(width.kernel):
            left = j * width.dilation
            columns = slice(left, left + (width.output - 1) * width.stride + 1, width.stride)
            yield i, j, padded[:, :, rows, columns]


def _zeros(geometry: Geometry) -> _Integers:
    """A padded input of zeros."""
    batch, channels, _, _ = geometry.x_shape
    return np.zeros((batch, channels, geometry.height.padded, geometry.width.padded), object)


def _inner(geometry: Geometry, padded: _Integers) -> _Integers:
    """The view of a padded input without its padding."""
    top, left = geometry.height.pad_begin, geometry.width.pad_begin
    rows = slice(top, top + geometry.height.size)
    columns = slice(left, left + geometry.width.size)
    return padded[:, :, rows, columns]


def _columns(geometry: Geometry, x: _Integers) -> _Integers:
    """[groups, in_channels·KH·KW, batch·OH·OW]: the unfolded input of each group."""
    g = geometry
    padded = _zeros(g)
    _inner(g, padded)[...] = x
    patches = np.stack([patch for _, _, patch in _windows(g, padded)])
    patches = patches.reshape(
        g.height.kernel * g.width.kernel, g.batch, g.groups, g.in_channels, -1
    )
    return patches.transpose(2, 3, 0, 1, 4).reshape(
        g.groups, g.in_channels * g.height.kernel * g.width.kernel, -1
    )


def _rows(geometry: Geometry, grad_output: _Integers) -> _Integers:
    """[groups, out_channels, batch·OH·OW]."""
    g = geometry
    split = grad_output.reshape(g.batch, g.groups, g.out_channels, -1)
    return split.transpose(1, 2, 0, 3).reshape(g.groups, g.out_channels, -1)


def _forward(geometry: Geometry, x: Dyadic, weight: Dyadic) -> Dyadic:
    g = geometry
    matrices = weight.numerators.reshape(g.groups, g.out_channels, -1)
    columns = _columns(g, x.numerators)
    product = np.stack([_multiply(a, b) for a, b in zip(matrices, columns, strict=True)])
    split = product.reshape(g.groups, g.out_channels, g.batch, -1).transpose(2, 0, 1, 3)
    return Dyadic(split.reshape(g.output_shape), x.exponent + weight.exponent)


def _weight(geometry: Geometry, x: Dyadic, grad_output: Dyadic) -> Dyadic:
    rows, columns = _rows(geometry, grad_output.numerators), _columns(geometry, x.numerators)
    product = np.stack([_multiply(a, b.T) for a, b in zip(rows, columns, strict=True)])
    return Dyadic(product.reshape(geometry.weight_shape), x.exponent + grad_output.exponent)


def _input(geometry: Geometry, weight: Dyadic, grad_output: Dyadic) -> Dyadic:
    g = geometry
    matrices = weight.numerators.reshape(g.groups, g.out_channels, -1)
    rows = _rows(g, grad_output.numerators)
    product = np.stack([_multiply(a.T, b) for a, b in zip(matrices, rows, strict=True)])
    patches = product.reshape(
        g.groups,
        g.in_channels,
        g.height.kernel,
        g.width.kernel,
        g.batch,
        g.height.output,
        g.width.output,
    ).transpose(2, 3, 4, 0, 1, 5, 6)
    padded = _zeros(g)
    for i, j, view in _windows(g, padded):
        view += patches[i, j].reshape(view.shape)
    return Dyadic(_inner(g, padded), weight.exponent + grad_output.exponent)
