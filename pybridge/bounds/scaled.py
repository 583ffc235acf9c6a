"""Operands of results that are scaled, as by `alpha` and `beta`: the numbers that are summed.

α·Σx·y + β·c is the same contraction of the operands α·x, y and β·c (Lean:
`Contraction.near_scaled`, `Contraction.near_addend`). A sum that is divided by d, times d, is
compared with the sum itself (`Contraction.near_divided`), and so is a sum of quotients.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.coefficients import round_up
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.problem.computation import Integers
from pybridge.problem.formats import FloatArray
from pybridge.problem.operands import Operand

__all__ = ["divided_up", "in_two_parts", "scaled_exactly", "scaled_within", "times_integers"]

Factor: TypeAlias = Fraction | Float64
"""One number, or an array of positive ones that float64 rounded once."""

_LEAST = 2.0**-1022
_LARGEST_ODD = 2**26
"""Odd integers up to this, times half a mantissa, are exact in float64."""


def scaled_exactly(name: str, operand: Operand, factor: float) -> Operand:
    """Return a multiple of an operand, in float64; `InputError` if that does not hold it."""
    exact = Fraction(factor)
    product, rounded = _product(operand.value, exact)
    if rounded:
        raise _not_held(name, f"{factor:g}")
    return Operand(product, round_up(Fraction(operand.eps) * abs(exact)))


def times_integers(name: str, operand: Operand, factors: Integers) -> Operand:
    """Return the entries of an operand times a positive integer each, as `scaled_exactly` does."""
    product, rest = in_two_parts(name, operand.value, factors)
    if rest is not None:
        raise _not_held(name, f"{factors.max()}")
    return Operand(product, round_up(Fraction(operand.eps) * int(factors.max())))


def in_two_parts(
    name: str, values: FloatArray, factor: int | Integers
) -> tuple[Float64, Float64 | None]:
    """Multiples of numbers by positive integers, each the sum of two float64 numbers.

    The second are what rounding the first left, None if that is nothing. Those of nan and
    infinities are as they are. Raises `InputError` for integers whose odd part is beyond 2^26, and
    for a multiple that overflows.
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


def _not_held(name: str, times: str) -> InputError:
    return InputError(
        f"{name}: float64 does not hold {times} times each entry, which a comparison needs: "
        "expected float32 or shorter, or a power of two as factor"
    )


def scaled_within(name: str, operand: Operand, factor: Factor, dtype: np.dtype[Any]) -> Operand:
    """Return a multiple of an operand, rounded to a dtype; its eps covers that.

    Raises `InputError` where it overflows.
    """
    exact = False
    if isinstance(factor, Fraction):
        product, left = _product(operand.value, factor)
        exact, most = not left, abs(factor)
    else:
        product = operand.value.astype(np.float64) * factor
        most = Fraction(float(np.nextafter(factor.max(initial=0.0), np.inf)))
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
    """Numbers that are not negative divided by divisors, rounded up."""
    if isinstance(divisor, int) and divisor == 1:
        return values
    return np.asarray(np.nextafter(values / divisor, np.inf))


def _product(values: FloatArray, factor: Fraction) -> tuple[Float64, bool]:
    """Values times a factor in float64, and whether any of the products was rounded.

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
        return product, bool(wide.any())
    fits = (mantissas & ((1 << bits) - 1)) == 0
    normal = np.isfinite(product) & (np.abs(product) >= _LEAST)
    return product, not bool(((fits & normal) | (wide == 0)).all())
