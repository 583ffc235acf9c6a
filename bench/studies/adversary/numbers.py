"""Binary formats and their rounding in exact integer arithmetic.

A number v is an integer n in units of 2^−unit: v = n·2^−unit. A unit is chosen for each case, so
that all operands and products are integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

__all__ = [
    "BINARY",
    "Direction",
    "Exceeds",
    "Flushing",
    "Format",
    "Round",
    "finest",
    "format_of_dtype",
    "integers",
    "largest",
    "rounding",
    "to_float",
]

Direction: TypeAlias = Literal["nearest", "toward-zero", "ties-either"]
Flushing: TypeAlias = Literal["never", "always", "random"]
Round: TypeAlias = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of so many bits: 2^least is its least normal number, 2^most its largest power."""

    name: str
    bits: int
    least: int
    most: int
    dtype: np.dtype[Any] | None = None

    @property
    def quantum(self) -> int:
        """log₂ of the least positive number."""
        return self.least - self.bits + 1

    @property
    def largest(self) -> Fraction:
        """The largest finite number."""
        return Fraction(2) ** self.most * (2 - Fraction(2) ** (1 - self.bits))

    @property
    def threshold(self) -> Fraction:
        """The least number that is rounded to infinity by rounding to nearest."""
        return Fraction(2) ** self.most * (2 - Fraction(2) ** -self.bits)

    def holds(self, other: Format) -> bool:
        """Return whether every number of another format is a number of this one."""
        return self.bits >= other.bits and self.most >= other.most and self.quantum <= other.quantum


BINARY = {
    format.name: format
    for format in (
        Format("float16", 11, -14, 15, np.dtype(np.float16)),
        Format("bfloat16", 8, -126, 127, np.dtype(ml_dtypes.bfloat16)),
        Format("tf32", 11, -126, 127),
        Format("float32", 24, -126, 127, np.dtype(np.float32)),
        Format("float64", 53, -1022, 1023, np.dtype(np.float64)),
    )
}


def format_of_dtype(dtype: np.dtype[Any]) -> Format:
    """Return the format of a dtype in any byte order, those of 8 bits included."""
    native = dtype.newbyteorder("=")
    for format in BINARY.values():
        if format.dtype is not None and format.dtype == native:
            return format
    info = ml_dtypes.finfo(native)  # type: ignore[no-untyped-call]
    most = math.frexp(float(info.max))[1] - 1
    return Format(native.name, info.nmant + 1, info.minexp, most, native)


@cache
def largest(format: Format, unit: int) -> int:
    """Return a format's largest number in units of 2^−unit, rounded down."""
    return math.floor(format.largest * Fraction(2) ** unit)


class Exceeds(Exception):
    """A rounded number is beyond the format's largest; `sign` is its sign."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.sign = sign


def rounding(
    format: Format,
    unit: int,
    direction: Direction,
    flushing: Flushing,
    random: Random,
    *,
    saturates: bool = False,
) -> Round:
    """Return a function that rounds integers in units of 2^−unit to a format.

    It rounds to nearest with ties to even or at random, or toward zero; subnormal results become
    zero never, always or at random. It raises `Exceeds` beyond the largest number, except if it
    rounds toward zero and `saturates`: then the result is the largest number.
    """
    base, least, bits = unit + 1, format.least, format.bits
    normal = 1 << max(least + unit, 0)
    above = largest(format, unit)

    def rounded(value: int) -> int:
        size = abs(value)
        shift = max(size.bit_length() - base, least) + base - bits
        if shift > 0:
            kept = size >> shift
            if direction != "toward-zero":
                lost, half = size - (kept << shift), 1 << (shift - 1)
                if lost > half:
                    kept += 1
                elif lost == half:
                    kept += kept & 1 if direction == "nearest" else random.getrandbits(1)
            size = kept << shift
        if size > above:
            if not (saturates and direction == "toward-zero"):
                raise Exceeds(1 if value > 0 else -1)
            size = above
        if (
            flushing != "never"
            and size < normal
            and (flushing == "always" or random.random() < 0.5)
        ):
            return 0
        return size if value > 0 else -size

    return rounded


def finest(values: npt.NDArray[Any]) -> int:
    """Return the least unit ≥ 0 in which all values are integers."""
    mantissas, exponents = _decoded(values)
    finest_exponent = 0
    for mantissa, exponent in zip(mantissas, exponents, strict=True):
        if mantissa:
            finest_exponent = max(
                finest_exponent, -exponent - (mantissa & -mantissa).bit_length() + 1
            )
    return finest_exponent


def integers(values: npt.NDArray[Any], unit: int) -> list[int]:
    """Return the values in units of 2^−unit, row-major, which have to be integers."""
    numbers = []
    for mantissa, exponent in zip(*_decoded(values), strict=True):
        shift = exponent + unit
        number = mantissa << shift if shift >= 0 else mantissa >> -shift
        assert shift >= 0 or number << -shift == mantissa
        numbers.append(number)
    return numbers


def _decoded(values: npt.NDArray[Any]) -> tuple[Sequence[int], Sequence[int]]:
    wide = values.astype(np.float64).ravel()
    fractions, exponents = np.frexp(wide)
    return np.ldexp(fractions, 53).astype(np.int64).tolist(), (exponents - 53).tolist()


def to_float(value: int, unit: int) -> float:
    """Return a number as a float64, which has to hold it."""
    if value == 0:
        return 0.0
    zeros = (value & -value).bit_length() - 1
    return math.ldexp(value >> zeros, zeros - unit)
