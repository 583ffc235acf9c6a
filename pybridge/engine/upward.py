"""Float64 arithmetic rounded upward, and the exact binades of sums and products.

Bounds are nonnegative float64 arrays (or floats, which stand for a constant); an operation returns
the least float64 that is not below the exact result. Infinity stands for every number above the
largest float64. NumPy's warnings about overflow and nan are the caller's to silence.

Whether a rounded result is above or below the exact one is decided exactly:

* A sum s = fl(a + b) with |a| ≥ |b| is above or below a + b as s − a, which float64 holds, is above
  or below b (Lean: `Format.representable_round_add_sub`, `Format.round_add_lt_iff`).
* A product A·B of significands, integers of at most 53 bits, differs from its rounded value R·2⁵²
  by less than 2⁶³: arithmetic modulo 2⁶⁴ gives the difference (Lean: `Format.bmod_product_error`).
* The binade of an exact result is the rounded result's, or the one below if rounding reached a
  power of two from below (Lean: `Format.floorLog2_eq_of_round`).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "Float64",
    "add_up",
    "half_ulp",
    "mul_up",
    "product_binade",
    "scale_down",
    "scale_up",
    "significand_error",
    "sum_binade",
]

Float64: TypeAlias = npt.NDArray[np.float64]
_Nonnegative: TypeAlias = float | Float64

_EXPONENT = np.int64(0x7FF0_0000_0000_0000)
_FRACTION = np.int64(0x000F_FFFF_FFFF_FFFF)
_LEAST = 2.0**-1074
_LEAST_NORMAL = 2.0**-1022


def _is_zero(a: _Nonnegative) -> bool:
    return np.ndim(a) == 0 and bool(a == 0)


def _next_up(a: Float64, where: npt.NDArray[np.bool_]) -> Float64:
    """Store the next larger float64 at the marked entries, which are finite and not −0."""
    bits = a.view(np.int64)
    np.add(bits, where, out=bits)
    return a


def add_up(a: _Nonnegative, b: _Nonnegative) -> _Nonnegative:
    """Return a + b rounded upward; exact sums are returned as they are."""
    if _is_zero(a):
        return b
    if _is_zero(b):
        return a
    total = np.asarray(np.add(a, b))
    return _next_up(total, np.subtract(total, np.maximum(a, b)) < np.minimum(a, b))


def mul_up(a: _Nonnegative, b: _Nonnegative) -> _Nonnegative:
    """Return a·b rounded upward; zero if a factor is zero, even if the other is infinite."""
    if _is_zero(a) or _is_zero(b):
        return 0.0
    nonzero = np.asarray(np.not_equal(a, 0) & np.not_equal(b, 0))
    product = np.zeros(nonzero.shape)
    np.multiply(a, b, out=product, where=nonzero)
    (x, x_exponent), (y, y_exponent) = np.frexp(a), np.frexp(b)
    above = significand_error(x, y) > 0
    if (product <= _LEAST_NORMAL).any():
        # Subnormal products have fewer bits than x·y. The exact product is above where x·y is.
        near, far = np.multiply(x, y), np.ldexp(product, -np.add(x_exponent, y_exponent))
        above = (near > far) | ((near == far) & above)
    return _next_up(product, above & nonzero & (product < np.inf))


def scale_up(a: _Nonnegative, exponent: int) -> _Nonnegative:
    """Return a·2^exponent for exponent ≥ 0: exact, or infinity."""
    return a if exponent == 0 else np.multiply(a, 2.0**exponent)


def scale_down(a: _Nonnegative, exponent: int) -> _Nonnegative:
    """Return a·2^−exponent for exponent ≥ 0, rounded upward."""
    if exponent == 0:
        return a
    scaled = np.asarray(np.multiply(a, 2.0**-exponent))
    return _next_up(scaled, np.multiply(scaled, 2.0**exponent) < a)


def significand_error(a: _Nonnegative, b: _Nonnegative) -> npt.NDArray[np.int64]:
    """Return 2¹⁰⁶·(a·b − fl(a·b)) exactly, where 2⁵³·a and 2⁵³·b are integers of at most 53 bits.

    These are the significands that `np.frexp` gives. Their rounded product is a multiple of 2⁻⁵⁴.
    """
    x, y, rounded = (
        np.asarray(np.multiply(number, scale)).astype(np.int64)
        for number, scale in ((a, 2.0**53), (b, 2.0**53), (np.multiply(a, b), 2.0**54))
    )
    # The integers' products wrap around: the difference is right modulo 2⁶⁴, and below 2⁶³.
    error = np.subtract(np.multiply(x, y), np.left_shift(rounded, 52))
    return np.asarray(error)


def _power_of_two(a: Float64) -> tuple[Float64, npt.NDArray[np.intp]]:
    """Return 2^⌊log₂|a|⌋ (0 for subnormals), and the flat indices where this may be |a| itself."""
    bits = a.view(np.int64)
    powers = np.asarray(bits & _EXPONENT).view(np.float64)
    candidates = np.flatnonzero(((bits & _FRACTION) == 0) & (powers != 0))
    return powers, candidates


def sum_binade(a: Float64, b: Float64) -> Float64:
    """Return 2^⌊log₂|a + b|⌋ of the exact sums, 0 where it is below 2⁻¹⁰²² or the sum is zero."""
    total = np.asarray(np.add(a, b))
    powers, at = _power_of_two(total)
    if at.size:
        rounded = total.flat[at]
        x, y = (np.sign(rounded) * addend.flat[at] for addend in np.broadcast_arrays(a, b))
        powers.flat[at[np.abs(rounded) - np.maximum(x, y) > np.minimum(x, y)]] *= 0.5
    return powers


def product_binade(a: Float64, b: Float64, *, exact: bool) -> Float64:
    """Return 2^⌊log₂|a·b|⌋ of the exact products, at most 2⁻¹⁰²² where it is below that.

    `exact` says that float64 holds every product.
    """
    product = np.asarray(np.multiply(a, b))
    if exact:
        return np.asarray(product.view(np.int64) & _EXPONENT).view(np.float64)
    powers, at = _power_of_two(product)
    if at.size:
        x, y = (np.frexp(np.abs(factor.flat[at]))[0] for factor in np.broadcast_arrays(a, b))
        powers.flat[at[significand_error(x, y) < 0]] *= 0.5
    return powers


def half_ulp(binade: Float64, precision: int, min_exponent: int, scale: int) -> Float64:
    """Return 2^(max(e, min_exponent) − precision + scale) for binades 2^e, rounded upward.

    This is the exported `halfUlp` times 2^scale, which is below the least float64 in the one case
    of binary64's subnormals without scaling (Lean: `Format.halfUlp_eq_max_mul`,
    `Format.pow2_le_max_round`).
    """
    half = np.asarray(np.maximum(binade, 2.0**min_exponent))
    half *= 2.0 ** (scale - precision)
    np.maximum(half, _LEAST, out=half)
    return half
