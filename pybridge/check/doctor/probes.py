"""Operations whose right result is known from exact arithmetic, as bit patterns.

Nothing here is computed in floating point, so that a machine that computes wrongly does not make
the expectations wrong as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from random import Random
from typing import Literal

from pybridge.engine.laws_exact import half_ulp, round_even
from pybridge.problem.formats import FloatFormat

__all__ = ["Operation", "Probe", "hexadecimal", "probes"]

Operation = Literal["add", "multiply", "multiply and add"]

_RANDOM = 24


@dataclass(frozen=True, slots=True)
class Probe:
    """An operation on numbers of a format, and its right result, all as bit patterns."""

    operation: Operation
    operands: tuple[int, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class _Coder:
    """Numbers of a format as bit patterns."""

    format: FloatFormat

    @property
    def sign(self) -> int:
        return 1 << (8 * self.format.dtype.itemsize - 1)

    @property
    def infinity(self) -> int:
        f = self.format
        return (f.max_exponent - f.min_exponent + 2) << (f.precision - 1)

    @property
    def largest(self) -> Fraction:
        f = self.format
        return ((1 << f.precision) - 1) * _power(f.max_exponent - f.precision + 1)

    def encode(self, x: Fraction) -> int:
        ulp = 2 * half_ulp(x, self.format)
        binade = (ulp / (2 * half_ulp(Fraction(0), self.format))).numerator.bit_length() - 1
        significand = abs(x) / ulp
        assert significand.denominator == 1, "a probe's operand is a number of its format"
        bits = significand.numerator + (binade << (self.format.precision - 1))
        return bits | self.sign if x < 0 else bits

    def rounded(self, x: Fraction) -> Fraction:
        found = round_even(x, self.format)
        assert found is not None, "a probe that overflows says so itself"
        return found

    def add(self, a: Fraction, b: Fraction) -> Probe:
        return Probe("add", (self.encode(a), self.encode(b)), self.encode(self.rounded(a + b)))

    def multiply(self, a: Fraction, b: Fraction) -> Probe:
        result = self.encode(self.rounded(a * b))
        if not result and a * b < 0:
            result = self.sign
        return Probe("multiply", (self.encode(a), self.encode(b)), result)


def _power(exponent: int) -> Fraction:
    return Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)


@lru_cache
def probes(format: FloatFormat) -> Mapping[str, tuple[Probe, ...]]:
    """The probes of a format, by what they are to show."""
    coder = _Coder(format)
    rng = Random(format.name)
    return {
        "round to nearest, ties to even": tuple(_nearest(coder, rng)),
        "one rounding per operation": tuple(_once(coder, rng)),
        "subnormal numbers": tuple(_subnormal(coder, rng)),
        "overflow and signed zeros": tuple(_edges(coder)),
        "a*b + c without fusing": tuple(_separate(coder, rng)),
    }


def _significand(coder: _Coder, rng: Random) -> Fraction:
    """A number of full precision in [1, 2)."""
    p = coder.format.precision
    return rng.randrange(2 ** (p - 1), 2**p) * _power(1 - p)


def _nearest(coder: _Coder, rng: Random) -> Iterator[Probe]:
    """Sums and products half-way between two numbers, and others."""
    p = coder.format.precision
    half = _power(-p)
    one = Fraction(1)
    yield coder.add(one, half)
    yield coder.add(one + 2 * half, half)
    yield coder.add(2 - 2 * half, half)
    yield coder.add(one, -half / 2)
    for _ in range(_RANDOM):
        a = _significand(coder, rng)
        for steps in (1, 3, 5):
            yield coder.add(a, steps * half)
            yield coder.add(-a, -steps * half)
        yield coder.multiply(a, _significand(coder, rng))
        yield coder.multiply(-a, _significand(coder, rng) / 2)
        yield _tied_product(coder, rng)


def _tied_product(coder: _Coder, rng: Random) -> Probe:
    """Odd significands whose product has one bit more than the format."""
    p = coder.format.precision
    left = p // 2 + 1
    while True:
        x = rng.randrange(2 ** (left - 1), 2**left) | 1
        y = rng.randrange(2 ** (p - left), 2 ** (p + 1 - left)) | 1
        if (x * y).bit_length() == p + 1:
            return coder.multiply(x * _power(1 - left), y * _power(left - p))


def _once(coder: _Coder, rng: Random) -> Iterator[Probe]:
    """Sums and products so close to half-way that a first rounding to more bits would hide it."""
    f = coder.format
    p = f.precision
    half = _power(-p)
    for _ in range(_RANDOM):
        a = _significand(coder, rng)
        yield coder.add(a, half + half * _power(1 - p))
        yield coder.add(a, half - half * _power(-p))
    middle = f.min_exponent // 2
    for _ in range(_RANDOM):
        a, b = _significand(coder, rng), _significand(coder, rng)
        yield coder.multiply(a * _power(middle), b * _power(f.min_exponent - 1 - middle))
    middle = (f.min_exponent - p) // 2
    small = _power(-(p // 2) - 2)
    a = 3 * (1 - small) * _power(middle)
    b = (1 + small) * _power(f.min_exponent - p - middle)
    yield coder.multiply(a, b)
    yield coder.multiply(-a, b)


def _subnormal(coder: _Coder, rng: Random) -> Iterator[Probe]:
    """Subnormal operands, and results that are subnormal."""
    f = coder.format
    least = _power(f.min_exponent - f.precision + 1)
    normal = _power(f.min_exponent)
    yield coder.add(normal, -least)
    yield coder.add(least, least)
    yield coder.multiply(least, Fraction(1))
    yield coder.multiply(normal, Fraction(1, 2))
    yield coder.multiply(least, Fraction(1, 2))
    yield coder.multiply(3 * least, Fraction(1, 2))
    for _ in range(_RANDOM):
        a, b = (rng.randrange(1, 2 ** (f.precision - 1)) * least for _ in range(2))
        yield coder.add(a, b)
        yield coder.add(a, -b)
        yield coder.add(normal + a, -normal)
        yield coder.multiply(a, Fraction(1, 2))
        yield coder.multiply(a, 2 * _significand(coder, rng))
        yield coder.multiply(-a, _power(f.precision))
        yield coder.multiply(normal + a, _significand(coder, rng) / 4)


def _edges(coder: _Coder) -> Iterator[Probe]:
    """Around the largest number, and results that are zero."""
    f = coder.format
    largest = coder.encode(coder.largest)
    half = _power(f.max_exponent - f.precision)
    two, negative = coder.encode(Fraction(2)), coder.sign
    one = coder.encode(Fraction(1))
    least = coder.encode(_power(f.min_exponent - f.precision + 1))
    below = coder.encode(half - half * _power(1 - f.precision))
    yield Probe("add", (largest, coder.encode(half)), coder.infinity)
    yield Probe("add", (largest, below), largest)
    yield Probe("add", (largest | negative, coder.encode(-half)), coder.infinity | negative)
    yield Probe("multiply", (largest, two), coder.infinity)
    yield Probe("multiply", (largest | negative, two), coder.infinity | negative)
    yield Probe("add", (negative, negative), negative)
    yield Probe("add", (0, negative), 0)
    yield Probe("add", (one, one | negative), 0)
    yield Probe("multiply", (negative, one), negative)
    yield Probe("multiply", (negative, one | negative), 0)
    yield Probe("multiply", (least, least | negative), negative)


def _separate(coder: _Coder, rng: Random) -> Iterator[Probe]:
    """Products that are rounded, plus what is left when they are not rounded first."""
    found = 0
    while found < 2 * _RANDOM:
        a, b = _significand(coder, rng), _significand(coder, rng)
        product = coder.rounded(a * b)
        other = -product if found % 2 else coder.rounded(-_significand(coder, rng))
        separately = coder.rounded(product + other)
        if separately != coder.rounded(a * b + other):
            operands = (coder.encode(a), coder.encode(b), coder.encode(other))
            yield Probe("multiply and add", operands, coder.encode(separately))
            found += 1


def hexadecimal(bits: int, format: FloatFormat) -> str:
    """A bit pattern as a hexadecimal float."""
    coder = _Coder(format)
    sign = "-" if bits & coder.sign else ""
    size = bits & ~coder.sign
    if size >= coder.infinity:
        return sign + ("inf" if size == coder.infinity else "nan")
    if size == 0:
        return f"{sign}0x0p+0"
    exponent, fraction = divmod(size, 1 << (format.precision - 1))
    significand = fraction | ((1 << (format.precision - 1)) if exponent else 0)
    below = significand.bit_length() - 1
    scale = max(exponent, 1) - 1 + format.min_exponent - format.precision + 1 + below
    digits = f"{(significand - (1 << below)) << (-below % 4):x}".rjust((below + 3) // 4, "0")
    point = "." if digits.rstrip("0") else ""
    return f"{sign}0x1{point}{digits.rstrip('0')}p{scale:+d}"
