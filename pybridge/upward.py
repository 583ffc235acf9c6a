"""Float64 arithmetic rounded upward, and the exact binades of sums and products.

Bounds are nonnegative float64 arrays (or floats, which stand for a constant); an operation returns
the least float64 that is not below the exact result (`mul_up`, beyond the magnitudes of ordinary
data, may return the next one). Infinity stands for every number
above the largest float64. NumPy's warnings about overflow and nan are the caller's to silence.
"""

from __future__ import annotations

from typing import Any, TypeAlias

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
    "sum_binade",
    "two_product",
    "two_sum",
]

Float64: TypeAlias = npt.NDArray[np.float64]
_Nonnegative: TypeAlias = float | Float64

_EXPONENT = np.int64(0x7FF0_0000_0000_0000)
_FRACTION = np.int64(0x000F_FFFF_FFFF_FFFF)
_LEAST = 2.0**-1074
_SPLIT = 2.0**27 + 1


def _is_zero(a: _Nonnegative) -> bool:
    return np.ndim(a) == 0 and bool(a == 0)


def _next_up(a: Float64, where: npt.NDArray[np.bool_]) -> Float64:
    """In place, the next larger float64 at the marked entries, which are finite and not −0."""
    bits = a.view(np.int64)
    np.add(bits, where, out=bits)
    return a


def add_up(a: _Nonnegative, b: _Nonnegative) -> _Nonnegative:
    """a + b rounded upward; exact sums are returned as they are."""
    if _is_zero(a):
        return b
    if _is_zero(b):
        return a
    total = np.asarray(np.add(a, b))
    return _next_up(total, np.subtract(total, np.maximum(a, b)) < np.minimum(a, b))


def mul_up(a: _Nonnegative, b: _Nonnegative) -> _Nonnegative:
    """a·b rounded upward; zero when a factor is zero, the other one being infinite or not."""
    if _is_zero(a) or _is_zero(b):
        return 0.0
    nonzero = np.asarray(np.not_equal(a, 0) & np.not_equal(b, 0))
    product = np.zeros(nonzero.shape)
    np.multiply(a, b, out=product, where=nonzero)
    settled = ~(nonzero & (product < np.inf))
    settled |= _splits(a) & _splits(b) & (two_product(a, b)[1] <= 0)
    return _next_up(product, ~settled)


def scale_up(a: _Nonnegative, exponent: int) -> _Nonnegative:
    """a·2^exponent for exponent ≥ 0: exact, or infinity."""
    return a if exponent == 0 else np.multiply(a, 2.0**exponent)


def scale_down(a: _Nonnegative, exponent: int) -> _Nonnegative:
    """a·2^−exponent for exponent ≥ 0, rounded upward."""
    if exponent == 0:
        return a
    scaled = np.asarray(np.multiply(a, 2.0**-exponent))
    return _next_up(scaled, np.multiply(scaled, 2.0**exponent) < a)


def two_sum(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> tuple[Float64, Float64]:
    """The rounded sums s and the errors e with a + b = s + e exactly, when s does not overflow."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


def two_product(a: _Nonnegative, b: _Nonnegative) -> tuple[Float64, Float64]:
    """The rounded products p and the errors e with a·b = p + e exactly (Dekker, Veltkamp).

    The operands' magnitudes are zero or in [2⁻⁴⁰⁰, 2⁴⁰⁰].
    """
    product = np.asarray(np.multiply(a, b))
    a_high, a_low = _split(np.asarray(a))
    b_high, b_low = _split(np.asarray(b))
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _splits(a: _Nonnegative) -> npt.NDArray[np.bool_]:
    """Whether `two_product` applies to nonzero factors."""
    return np.asarray(np.less(2.0**-400, a) & np.less(a, 2.0**400))


def _split(a: Float64) -> tuple[Float64, Float64]:
    carry = _SPLIT * a
    high = carry - (carry - a)
    return high, a - high


def _power_of_two(a: Float64) -> tuple[Float64, npt.NDArray[np.intp]]:
    """2^⌊log₂|a|⌋ (0 for subnormals) and the flat indices at which that is |a| itself."""
    bits = a.view(np.int64)
    powers = np.asarray(bits & _EXPONENT).view(np.float64)
    candidates = np.flatnonzero(((bits & _FRACTION) == 0) & (powers != 0))
    return powers, candidates


def sum_binade(a: Float64, b: Float64) -> Float64:
    """2^⌊log₂|a + b|⌋ of the exact sums, 0 where that is below 2⁻¹⁰²² or the sum is zero."""
    total = np.asarray(np.add(a, b))
    powers, at = _power_of_two(total)
    if at.size:
        a, b = np.broadcast_arrays(a, b)
        rounded, error = two_sum(a.flat[at], b.flat[at])
        powers.flat[at[error * np.sign(rounded) < 0]] *= 0.5
    return powers


def product_binade(a: Float64, b: Float64, *, exact: bool) -> Float64:
    """2^⌊log₂|a·b|⌋ of the exact products, 2⁻¹⁰²² or less where that is below 2⁻¹⁰²².

    `exact` says that float64 holds every product.
    """
    product = np.asarray(np.multiply(a, b))
    if exact:
        return np.asarray(product.view(np.int64) & _EXPONENT).view(np.float64)
    powers, at = _power_of_two(product)
    if at.size:
        a, b = np.broadcast_arrays(a, b)
        rounded, error = two_product(np.frexp(a.flat[at])[0], np.frexp(b.flat[at])[0])
        powers.flat[at[error * np.sign(rounded) < 0]] *= 0.5
    return powers


def half_ulp(binade: Float64, precision: int, min_exponent: int, scale: int) -> Float64:
    """2^(max(e, min_exponent) − precision + scale) of binades 2^e, rounded upward.

    This is the exported `halfUlp` times 2^scale, which is below the least float64 in the one case
    of binary64's subnormals without scaling.
    """
    half = np.asarray(np.maximum(binade, 2.0**min_exponent))
    half *= 2.0 ** (scale - precision)
    np.maximum(half, _LEAST, out=half)
    return half
