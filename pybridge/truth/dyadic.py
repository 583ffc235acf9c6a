"""Arrays of dyadic rationals, and products of their matrices by python-flint.

Floats are dyadic rationals: over a common power of two an array of them is one of integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import flint
import numpy as np
import numpy.typing as npt

__all__ = ["Dyadic", "Integers", "multiply"]

Integers: TypeAlias = npt.NDArray[np.object_]
"""An array of Python integers."""


@dataclass(frozen=True, slots=True, eq=False)
class Dyadic:
    """An array of rationals numerators·2^exponent; the numerators are Python integers."""

    numerators: Integers
    exponent: int

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Dyadic:
        """Return the exact values of an array of floats of at most 53 bits of precision."""
        with np.errstate(all="ignore"):
            significands, exponents = np.frexp(values.astype(np.float64))
            integers = np.ldexp(significands, 53).astype(np.int64).astype(object)
        least = int(exponents.min())
        shifts = (exponents - least).astype(object)
        return cls(np.asarray(integers << shifts, dtype=object), least - 53)

    def over(self, exponent: int) -> Dyadic:
        """Return the same values over 2^exponent, which is at most the present one."""
        shift = self.exponent - exponent
        return Dyadic(np.asarray(self.numerators * 2**shift, dtype=object), exponent)

    def __add__(self, other: Dyadic) -> Dyadic:
        """Return the entrywise sums, broadcast."""
        exponent = min(self.exponent, other.exponent)
        total = self.over(exponent).numerators + other.over(exponent).numerators
        return Dyadic(np.asarray(total, dtype=object), exponent)

    def __mul__(self, other: Dyadic) -> Dyadic:
        """Return the entrywise products, broadcast."""
        product = np.asarray(self.numerators * other.numerators, dtype=object)
        return Dyadic(product, self.exponent + other.exponent)

    def sum(self, axes: tuple[int, ...]) -> Dyadic:
        """Return the sums along some axes."""
        total = self.numerators.sum(axis=axes) if axes else self.numerators
        return Dyadic(np.asarray(total, dtype=object), self.exponent)

    def fractions(self) -> list[Fraction]:
        """Return the values, row-major."""
        if self.exponent >= 0:
            return [Fraction(int(n) << self.exponent) for n in self.numerators.flat]
        denominator = 1 << -self.exponent
        return [Fraction(int(n), denominator) for n in self.numerators.flat]


def multiply(a: Integers, b: Integers) -> Integers:
    """Return the products of integer matrices [batch, m, k] and [batch, k, n]."""
    result = np.zeros((a.shape[0], a.shape[1], b.shape[2]), dtype=object)
    for left, right, out in zip(a, b, result, strict=True):
        product = flint.fmpz_mat(left.tolist()) * flint.fmpz_mat(right.tolist())
        out.reshape(-1)[:] = [int(entry) for entry in product.entries()]
    return result
