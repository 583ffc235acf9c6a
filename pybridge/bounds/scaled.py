"""Operands times the factors of a scaled result, as `alpha` and `beta`: the numbers it sums.

α·Σx·y + β·c is the same contraction of the operands α·x, y and β·c (Lean:
`Contraction.near_scaled`, `Contraction.near_addend`). A sum that is divided by d, times d, is
compared with the sum itself (`Contraction.near_divided`), and so is a sum of quotients.

To compare with a kernel's result, products must be exact (`scaled_exactly`), or two numbers each
(`in_two_parts`). To compute a result in a format, they are rounded, and eps covers that
(`scaled_within`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.coefficients import round_up
from pybridge.engine.upward import Float64, significand_error
from pybridge.errors import InputError
from pybridge.problem.computation import Integers
from pybridge.problem.formats import FloatArray
from pybridge.problem.operands import Operand

__all__ = ["divided_up", "in_two_parts", "scaled_exactly", "scaled_within"]

Factor: TypeAlias = Fraction | Float64
"""One number, or an array of positive ones that float64 rounded once."""

_LARGEST_ODD = 2**26
"""Odd integers up to this, times half a mantissa, are exact in float64."""


def scaled_exactly(name: str, operand: Operand, factor: float | Integers) -> Operand:
    """Return the entries of an operand times one number, or each times a positive integer.

    The products are in float64; raises `InputError` if it does not hold one.
    """
    most = Fraction(abs(factor)) if isinstance(factor, float) else Fraction(int(factor.max()))
    product, exact = _product(operand.value, np.asarray(factor, np.float64))
    if not exact.all():
        raise InputError(
            f"{name}: float64 does not hold {float(most):g} times each entry, which a comparison "
            "needs: expected float32 or shorter, or a power of two as factor"
        )
    return Operand(product, round_up(Fraction(operand.eps) * most))


def in_two_parts(
    name: str, values: FloatArray, factor: int | Integers
) -> tuple[Float64, Float64 | None]:
    """Return multiples of numbers by positive integers, each as the sum of two float64 numbers.

    The second ones are the rounding errors of the first, None if all are zero. Nan and infinities
    are kept. Raises `InputError` for integers whose odd part is beyond 2^26, and for a multiple
    that overflows.
    """
    factors = np.asarray(factor)
    if factors.dtype != np.int64 or (factors // (factors & -factors)).max() > _LARGEST_ODD:
        raise InputError(
            "divisor: a comparison needs a common multiple of the divisors of a sum whose odd part "
            f"is at most 2^26, got {factors.max()}"
        )
    finite = np.isfinite(values)
    wide = np.where(finite, values, np.zeros_like(values)).astype(np.float64)
    # Half of the bits, and the other half: each times a factor is exact.
    upper = (wide.view(np.int64) & ~np.int64((1 << 27) - 1)).view(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        first, second = upper * factors, (wide - upper) * factors
        total = first + second
        part = total - first
        rest = (first - (total - part)) + (second - part)
    if not np.isfinite(total).all():
        raise InputError(f"{name}: {factors.max()} times an entry overflows float64")
    total = np.where(finite, total, values.astype(np.float64))
    return total, rest if rest.any() else None


def scaled_within(name: str, operand: Operand, factor: Factor, dtype: np.dtype[Any]) -> Operand:
    """Return a multiple of an operand, rounded to a dtype; its eps covers the rounding.

    Raises `InputError` if a product overflows.
    """
    factors = np.asarray(float(factor) if isinstance(factor, Fraction) else factor)
    product, fits = _product(operand.value, factors)
    if isinstance(factor, Fraction):
        most, exact = abs(factor), Fraction(float(factor)) == factor and bool(fits.all())
    else:
        most, exact = Fraction(float(np.nextafter(factor.max(initial=0.0), np.inf))), False
    with np.errstate(all="ignore"):
        rounded: FloatArray = product.astype(dtype)
    if not np.isfinite(rounded).all():
        raise InputError(f"{name}: {float(most):g} times it overflows {dtype.name}")
    off = Fraction(float(np.abs(rounded.astype(np.float64) - product).max(initial=0.0)))
    deviation = most * Fraction(operand.eps) + off * (1 + Fraction(1, 2**40))
    if not exact:
        # The factor and the product are each rounded by one part in 2⁵³.
        largest = Fraction(float(np.abs(product).max(initial=0.0)))
        deviation += largest * Fraction(1, 2**51) + Fraction(1, 2**1073)
    return Operand(rounded, round_up(deviation))


def divided_up(values: Float64, divisor: int | Integers) -> Float64:
    """Return nonnegative numbers divided by positive divisors, rounded up."""
    if isinstance(divisor, int) and divisor == 1:
        return values
    return np.asarray(np.nextafter(values / divisor, np.inf))


def _product(values: FloatArray, factors: Float64) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Return values times factors in float64, and which of the products are exact."""
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        product = wide * factors
        (x, p), (y, q) = np.frexp(np.abs(wide)), np.frexp(np.abs(factors))
        held = np.multiply(x, y) == np.ldexp(np.abs(product), -(p + q))  # False if it underflows.
    return product, held & (significand_error(x, y) == 0)
