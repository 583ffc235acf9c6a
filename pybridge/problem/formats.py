"""The floating-point formats and their rounded operations on arrays.

Each operation is the NumPy dtype's and rounds the exact result once, to nearest, ties to even,
subnormals included:

* binary32 and binary64 are the machine's IEEE operations.
* binary16 is computed by NumPy through binary32, which has 24 ≥ 2·11 + 2 bits: the second rounding
  of a sum is then innocuous (Figueroa). Products have at most 22 bits, the last at 2⁻⁴⁸ or above,
  so they are exact in binary32.
* bfloat16 is computed by ml_dtypes through binary32, with 24 ≥ 2·8 + 2 bits for sums. A product
  has at most 16 bits. If it is at least 2⁻¹³⁴, half the least bfloat16, then its last bit is at
  2⁻¹⁴⁹ or above and binary32 holds it exactly; if it is smaller, binary32 rounds it to at most
  2⁻¹³⁴, and that becomes zero (a tie, zero being even) as it should. Sums of subnormals are exact.

Where the wider format overflows, so does the narrower one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import Definitions
from pybridge.exported.expressions import DefinitionsError

__all__ = [
    "EIGHT_BITS",
    "FORMATS",
    "FloatArray",
    "FloatFormat",
    "dtype_name",
    "find_format",
    "format_among",
    "format_array",
    "format_of",
    "is_floating",
    "require_ieee",
]

FloatArray: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A binary floating-point format (Lean: `Format`) and its dtype.

    Its normal numbers are ±m·2^(e − precision + 1), with 2^(precision − 1) ≤ m < 2^precision and
    min_exponent ≤ e ≤ max_exponent.
    """

    name: str
    dtype: np.dtype[Any]
    precision: int
    min_exponent: int
    max_exponent: int

    @property
    def products_fit_float64(self) -> bool:
        """Whether float64 holds every product of two values."""
        least = self.min_exponent - self.precision + 1
        return 2 * self.precision <= 53 and 2 * least >= -1074 and 2 * self.max_exponent < 1022

    def add(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Return the rounded sums of arrays of this format."""
        total: FloatArray = np.add(a, b, dtype=self.dtype)
        return total

    def mul(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Return the rounded products of arrays of this format."""
        product: FloatArray = np.multiply(a, b, dtype=self.dtype)
        return product


def _probe(dtype: npt.DTypeLike, precision: int, least: int) -> tuple[FloatArray, ...]:
    """Return the least normal number, its half, 1, half an ulp of it and an ulp, each in an
    array.
    """
    exponents = (least, least - 1, 0, -precision, 1 - precision)
    return tuple(np.array([math.ldexp(1.0, e)], dtype) for e in exponents)


_PROBES = (_probe(np.float32, 24, -126), _probe(np.float64, 53, -1022))


def require_ieee() -> None:
    """Raise `FloatingPointError` if this thread does not compute as IEEE 754 has it by default.

    A library that was compiled for speed may have set it to flush subnormals to zero, or another
    rounding direction may be set: then neither values nor bounds would be the proved ones.
    """
    for tiny, half_tiny, one, half, unit in _PROBES:
        with np.errstate(all="ignore"):
            halved = tiny * 0.5
            kept = (halved == half_tiny) & (halved + halved == tiny)
            nearest = (one + half == one) & ((one + unit) + half == one + (unit + unit))
        if not kept[0]:
            raise FloatingPointError("this thread flushes subnormal numbers to zero")
        if not nearest[0]:
            raise FloatingPointError("this thread does not round to nearest, ties to even")


FORMATS = {
    format.name: format
    for format in (
        FloatFormat("binary16", np.dtype(np.float16), 11, -14, 15),
        FloatFormat("bfloat16", np.dtype(ml_dtypes.bfloat16), 8, -126, 127),
        FloatFormat("binary32", np.dtype(np.float32), 24, -126, 127),
        FloatFormat("binary64", np.dtype(np.float64), 53, -1022, 1023),
    )
}
EIGHT_BITS = {
    name: FloatFormat(name, np.dtype(getattr(ml_dtypes, name)), *sizes)
    for name, sizes in (("float8_e4m3fn", (4, -6, 8)), ("float8_e5m2", (3, -14, 15)))
}
"""Formats of operands and results, in which nothing is computed."""
_ALIASES = {"float16": "binary16", "float32": "binary32", "float64": "binary64"}


def dtype_name(dtype: Any) -> str:
    """Return the name of whatever NumPy, PyTorch or JAX accept as a dtype; of anything else, its
    text.
    """
    text = str(dtype).removeprefix("torch.")
    if isinstance(dtype, str) or dtype is None or text == "bfloat16":
        return text
    try:
        return str(np.dtype(dtype).name)
    except TypeError:
        return text


def find_format(name: str) -> FloatFormat:
    """Return the format of a name: binary16/32/64 or float16/32/64, or bfloat16.

    Raises `InputError` for another name, `InputTypeError` for what is not a name.
    """
    if not isinstance(name, str):
        raise InputTypeError(f"format: expected a name, got {name!r:.60}")
    format = FORMATS.get(_ALIASES.get(name, name))
    if format is None:
        known = ", ".join([*_ALIASES, *FORMATS])
        raise InputError(f"format: unknown name {name!r:.60}, expected one of {known}")
    return format


def format_of(name: str, definitions: Definitions) -> FloatFormat:
    """Return the format of a name, if the exported definitions describe it as its dtype does.

    Raises `DefinitionsError` if they lack it or have other parameters, and as `find_format`.
    """
    format = find_format(name)
    exported = definitions.data.formats.get(format.name)
    if exported is None:
        raise DefinitionsError(f"the definitions lack the format {format.name}")
    got = (exported.precision, exported.min_exponent, exported.max_exponent)
    expected = (format.precision, format.min_exponent, format.max_exponent)
    if got != expected:
        raise DefinitionsError(
            f"the definitions give {format.name} the precision and exponents {got}, "
            f"but its dtype has {expected}"
        )
    return format


def format_among(arrays: Mapping[str, npt.NDArray[Any]]) -> FloatFormat:
    """Return the format whose dtype all arrays have; names are how errors name the arrays.

    Raises `InputTypeError` for a dtype that is no format's, and for arrays of several formats.
    """
    formats = {format.dtype: format for format in FORMATS.values()}
    for name, array in arrays.items():
        if array.dtype not in formats:
            known = ", ".join(dtype.name for dtype in formats)
            hint = ", or format= to say in which to compute" * is_floating(array.dtype)
            raise InputTypeError(f"{name} is {array.dtype.name}: expected {known}{hint}")
    by_dtype = {array.dtype: formats[array.dtype] for array in arrays.values()}
    if len(by_dtype) > 1:
        each = ", ".join(f"{name} is {array.dtype.name}" for name, array in arrays.items())
        raise InputTypeError(f"{each}: expected one dtype, or format= to say in which to compute")
    return next(iter(by_dtype.values()))


def format_array(name: str, values: npt.ArrayLike, format: FloatFormat) -> FloatArray:
    """Return `values` as a C-contiguous array of the format, its entries unchanged.

    Accepts the format's dtype and any floating-point dtype whose values the format holds exactly.
    Raises `InputTypeError` for another dtype, `InputError` for no entries, for a nan or an infinity
    and for a value that the format does not hold. `name` is how errors name the array.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise InputTypeError(f"{name}: expected an array without a mask, got a masked array")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputTypeError(f"{name}: expected an array of floats: {reason}") from None
    if not is_floating(array.dtype):
        raise InputTypeError(
            f"{name}: expected {format.dtype.name}, or a floating-point dtype whose values "
            f"{format.name} holds exactly, got {array.dtype.name}"
        )
    if array.size == 0:
        raise InputError(f"{name} has shape {array.shape}: it has no entries")
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(array)
    if not finite.all():
        place, value = _first(array, ~finite)
        raise InputError(f"{name}[{place}] is {value}, expected finite numbers")
    if array.dtype == format.dtype:
        return np.asarray(array, dtype=format.dtype, order="C")
    with np.errstate(all="ignore"):
        held = array.astype(format.dtype, order="C")
        lost = held.astype(array.dtype) != array
    if lost.any():
        place, value = _first(array, lost)
        raise InputError(f"{name}[{place}] is {value}, which {format.name} does not hold exactly")
    return held


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Return whether NumPy or ml_dtypes has a dtype of real floating-point numbers."""
    if dtype.kind == "f":
        return True
    try:
        ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    except ValueError:
        return False
    return dtype.kind != "c"


def _first(array: FloatArray, mask: npt.NDArray[np.bool_]) -> tuple[str, object]:
    index = np.unravel_index(int(np.argmax(mask)), array.shape)
    return ", ".join(str(int(i)) for i in index), array[index]
