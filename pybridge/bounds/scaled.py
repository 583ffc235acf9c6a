"""Operands of results that are scaled, as by `alpha` and `beta`: the numbers that are summed.

α·Σx·y + β·c is the same contraction of the operands α·x, y and β·c (Lean:
`Contraction.near_scaled`, `Contraction.near_addend`). A sum that is divided by d, times d, is
compared with the sum itself (`Contraction.near_divided`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.engine.coefficients import round_up
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.problem.formats import FloatArray
from pybridge.problem.operands import Operand

__all__ = ["divided_up", "scaled_exactly", "scaled_within", "times_exactly"]

_LEAST = 2.0**-1022


def scaled_exactly(name: str, operand: Operand, factor: float) -> Operand:
    """A multiple of an operand, in float64; `InputError` if that does not hold it."""
    exact = Fraction(factor)
    eps = round_up(Fraction(operand.eps) * abs(exact))
    return Operand(times_exactly(name, operand.value, exact), eps)


def times_exactly(name: str, values: FloatArray, factor: Fraction) -> Float64:
    """Multiples of numbers in float64, those of nan and infinities as they are.

    Raises `InputError` if float64 does not hold one.
    """
    finite = np.isfinite(values)
    product, exact = _product(np.where(finite, values, np.zeros_like(values)), factor)
    if not exact:
        raise InputError(
            f"{name}: float64 does not hold {float(factor):g} times each entry, which a comparison "
            "needs: expected float32 or shorter, or a power of two as factor or divisor"
        )
    return np.where(finite, product, values.astype(np.float64))


def scaled_within(name: str, operand: Operand, factor: Fraction, dtype: np.dtype[Any]) -> Operand:
    """A multiple of an operand, rounded to a dtype; its eps covers that.

    Raises `InputError` where it overflows.
    """
    product, exact = _product(operand.value, factor)
    with np.errstate(all="ignore"):
        rounded: FloatArray = product.astype(dtype)
    if not np.isfinite(rounded).all():
        raise InputError(f"{name}: {float(factor):g} times it overflows {dtype.name}")
    off = Fraction(float(np.abs(rounded.astype(np.float64) - product).max(initial=0.0)))
    deviation = abs(factor) * Fraction(operand.eps) + off * (1 + Fraction(1, 2**40))
    if not exact:
        # The factor and the product are each rounded by one part in 2⁵³.
        largest = Fraction(float(np.abs(product).max(initial=0.0)))
        deviation += largest * Fraction(1, 2**51) + Fraction(1, 2**1073)
    return Operand(rounded, round_up(deviation))


def divided_up(values: Float64, divisor: int) -> Float64:
    """Numbers that are not negative divided by a divisor, rounded up."""
    return values if divisor == 1 else np.nextafter(values / divisor, np.inf)


def _product(values: FloatArray, factor: Fraction) -> tuple[Float64, bool]:
    """Values times a factor in float64, and whether none of the products was rounded.

    A mantissa of 53 bits of which the last a are zero, times an odd number of a bits, has 53 bits.
    """
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        product = wide * float(factor)
    odd = abs(factor).numerator
    odd //= odd & -odd
    bits = odd.bit_length() if odd > 1 else 0
    mantissas: npt.NDArray[np.int64] = np.ldexp(np.frexp(wide)[0], 53).astype(np.int64)
    if bits > 53 or factor.denominator & (factor.denominator - 1):
        return product, not wide.any()
    fits = (mantissas & ((1 << bits) - 1)) == 0
    normal = np.isfinite(product) & (np.abs(product) >= _LEAST)
    return product, bool(((fits & normal) | (wide == 0)).all())
