"""Kernel gradients with rigorous errors by other packages, on the same operands.

All multiply the matrix of the gradient of the output, [O, N·OH·OW], by the matrix of the patches.
Times are for the products, and for converting the entries of NumPy arrays to the packages' numbers;
laying out the patches and reading the results is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np

from bench.baselines import patch_matrix
from bench.shapes import Shape
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray

__all__ = ["Matrices", "Peer", "Sample", "arb", "fmpz", "fraction", "interval"]


class Matrices:
    """The factors of the kernel gradient of a shape with one group, in float32."""

    def __init__(self, shape: Shape) -> None:
        grad = shape.grad_output
        self.left = grad.swapaxes(0, 1).reshape(grad.shape[1], -1)
        self.right = patch_matrix(shape)
        self._geometry = shape.geometry

    def order(self, entries: Sequence[float]) -> Float64:
        """Return the entries of the product, row-major, as a kernel gradient [O, I, KH, KW]."""
        g = self._geometry
        split = np.array(entries).reshape(-1, g.height.kernel, g.width.kernel, g.in_channels)
        return split.transpose(0, 3, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Peer:
    """Converts operands, multiplies them, and reads what the products enclose.

    `read` returns the centres, to the nearest float64, and radii of the products' entries.
    """

    convert: Callable[[], Any]
    multiply: Callable[[Any], Any]
    read: Callable[[Any], tuple[Float64, Float64]]

    def both(self) -> object:
        """Convert and multiply."""
        return self.multiply(self.convert())


def arb(matrices: Matrices) -> Peer:
    """Return the gradient in balls of 53 bits: `flint.arb_mat`."""

    def read(product: Any) -> tuple[Float64, Float64]:
        balls = product.entries()
        return (
            matrices.order([float(ball.mid()) for ball in balls]),
            matrices.order([float(ball.rad()) for ball in balls]),
        )

    return Peer(
        lambda: (
            flint.arb_mat(matrices.left.tolist()),
            flint.arb_mat(matrices.right.tolist()),
        ),
        _product,
        read,
    )


def _product(factors: tuple[Any, Any]) -> Any:
    left, right = factors
    return left * right


def fmpz(matrices: Matrices) -> Peer:
    """Return the gradient in exact integers over a power of two: `flint.fmpz_mat`."""
    exponents = [_least_exponent(matrix) for matrix in (matrices.left, matrices.right)]

    def convert() -> tuple[Any, Any]:
        left, right = (
            flint.fmpz_mat(_integers(matrix, exponent))
            for matrix, exponent in zip((matrices.left, matrices.right), exponents, strict=True)
        )
        return left, right

    def read(product: Any) -> tuple[Float64, Float64]:
        unit = Fraction(2) ** sum(exponents)
        centres = matrices.order([float(int(entry) * unit) for entry in product.entries()])
        return centres, np.zeros(centres.shape)

    return Peer(convert, _product, read)


def _least_exponent(matrix: FloatArray) -> int:
    """Return an e such that all entries are multiples of 2^e."""
    return int(np.frexp(matrix[matrix != 0])[1].min()) - 24


def _integers(matrix: FloatArray, exponent: int) -> Any:
    """Return the entries over 2^exponent, as lists of int; `OverflowError` if one exceeds int64."""
    scaled = np.ldexp(matrix.astype(np.float64), -exponent)
    if np.abs(scaled).max() >= 2.0**63:
        raise OverflowError("the operands' exponents are too far apart for int64")
    return scaled.astype(np.int64).tolist()


@dataclass(frozen=True, eq=False)
class Sample:
    """Some entries of a kernel gradient, each a sum of products without zeros from padding.

    `left` and `right` hold the factors of each, in float32; `places` the indices of the entries.
    """

    places: tuple[tuple[int, int, int, int], ...]
    left: tuple[FloatArray, ...]
    right: tuple[FloatArray, ...]

    @classmethod
    def of(cls, shape: Shape, count: int) -> Sample:
        """Return the first entries of the kernel's middle taps, one for each output channel."""
        g = shape.geometry
        tap = g.height.pad_begin, g.width.pad_begin
        places = tuple((o, o % g.in_channels, *tap) for o in range(min(count, g.out_channels)))
        met = shape.x[:, :, :: g.height.stride, :: g.width.stride]
        return cls(
            places,
            tuple(shape.grad_output[:, place[0]].ravel() for place in places),
            tuple(met[:, place[1]].ravel() for place in places),
        )

    @property
    def products(self) -> int:
        """The number of multiply-adds."""
        return sum(len(factor) for factor in self.left)

    def at(self, array: Float64) -> Float64:
        """Return the sampled entries of an array of the gradient's shape."""
        return np.array([array[place] for place in self.places])

    def pairs(self, number: Callable[[float], Any]) -> list[list[tuple[Any, Any]]]:
        """Return the factors as numbers of a package, for each entry."""
        return [
            [(number(a), number(b)) for a, b in zip(one.tolist(), other.tolist(), strict=True)]
            for one, other in zip(self.left, self.right, strict=True)
        ]


def interval(sample: Sample) -> Peer:
    """Return the sampled entries in intervals of 53 bits: `mpmath.iv`."""

    def read(totals: Any) -> tuple[Float64, Float64]:
        ends = [[Fraction(*_ratio(end)) for end in (total.a, total.b)] for total in totals]
        return (
            np.array([float((low + high) / 2) for low, high in ends]),
            np.array([float((high - low) / 2) for low, high in ends]),
        )

    return Peer(lambda: sample.pairs(mpmath.iv.mpf), _sums, read)


def _ratio(end: Any) -> tuple[int, int]:
    """Return the numerator and the denominator of an interval's end."""
    sign, man, exponent, _ = end._mpi_[0]
    numerator = -int(man) if sign else int(man)
    return (numerator << exponent, 1) if exponent >= 0 else (numerator, 1 << -exponent)


def fraction(sample: Sample) -> Peer:
    """Return the sampled entries exactly: `fractions.Fraction`."""

    def read(totals: Any) -> tuple[Float64, Float64]:
        return np.array([float(total) for total in totals]), np.zeros(len(totals))

    return Peer(lambda: sample.pairs(Fraction), _sums, read)


def _sums(pairs: Sequence[Sequence[tuple[Any, Any]]]) -> list[Any]:
    """Return the sum of products of each entry."""
    totals = []
    for terms in pairs:
        total = terms[0][0] * terms[0][1]
        for left, right in terms[1:]:
            total += left * right
        totals.append(total)
    return totals
