"""Operands of results that are scaled, as by `alpha` and `beta`: the numbers that are summed.

α·Σx·y + β·c is the same contraction of the operands α·x, y and β·c (Lean:
`Contraction.near_scaled`, `Contraction.near_addend`).
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

__all__ = ["scaled_exactly", "scaled_within"]

_LEAST = 2.0**-1022


def scaled_exactly(name: str, operand: Operand, factor: float) -> Operand:
    """A multiple of an operand, in float64.

    Raises `InputError` where that does not hold it.
    """
    product, exact = _product(operand.value, factor)
    if not exact:
        raise InputError(
            f"{name}: float64 does not hold {factor} times each entry, which a comparison needs: "
            "expected operands in float32 or shorter, or a power of two as factor"
        )
    return Operand(product, round_up(Fraction(operand.eps) * abs(Fraction(factor))))


def scaled_within(name: str, operand: Operand, factor: float, dtype: np.dtype[Any]) -> Operand:
    """A multiple of an operand, rounded to a dtype; its eps covers that.

    Raises `InputError` where it overflows.
    """
    product, exact = _product(operand.value, factor)
    with np.errstate(all="ignore"):
        rounded: FloatArray = product.astype(dtype)
    if not np.isfinite(rounded).all():
        raise InputError(f"{name}: {factor} times it overflows {dtype.name}")
    off = Fraction(float(np.abs(rounded.astype(np.float64) - product).max(initial=0.0)))
    deviation = abs(Fraction(factor)) * Fraction(operand.eps) + off * (1 + Fraction(1, 2**40))
    if not exact:
        largest = Fraction(float(np.abs(product).max(initial=0.0)))
        deviation += largest * Fraction(1, 2**52) + Fraction(1, 2**1074)
    return Operand(rounded, round_up(deviation))


def _product(values: FloatArray, factor: float) -> tuple[Float64, bool]:
    """Values times a factor in float64, and whether none of the products was rounded.

    A mantissa of 53 bits of which the last a are zero, times an odd number of a bits, has 53 bits.
    """
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        product = wide * factor
    odd = abs(Fraction(factor)).numerator
    odd //= odd & -odd
    bits = odd.bit_length() if odd > 1 else 0
    mantissas: npt.NDArray[np.int64] = np.ldexp(np.frexp(wide)[0], 53).astype(np.int64)
    fits = (mantissas & ((1 << bits) - 1)) == 0
    normal = np.isfinite(product) & (np.abs(product) >= _LEAST)
    return product, bool(((fits & normal) | (wide == 0)).all())
