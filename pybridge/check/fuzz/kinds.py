"""The kinds of entries that a fuzzed operand is made of, and what each is meant to provoke."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from random import Random

import numpy as np

from pybridge.check.generate import KINDS as PLAIN
from pybridge.errors import InputError
from pybridge.problem.formats import FloatArray, FloatFormat

__all__ = ["KINDS", "Kind", "mixed_entries"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entries: how one is drawn, what it is, and the corner that it is meant to reach.

    `reaches` names a count of `Corners`.
    """

    draw: Callable[[Random, FloatFormat], float]
    meaning: str
    reaches: str


def _signed(rng: Random, value: float) -> float:
    return -value if rng.getrandbits(1) else value


def _least_normal(rng: Random, format: FloatFormat) -> float:
    """Return a number a few units from the least normal one."""
    p = format.precision
    units = 2 ** (p - 1) + rng.getrandbits(64) % 7 - 3
    return _signed(rng, math.ldexp(units, format.min_exponent - p + 1))


def _largest(rng: Random, format: FloatFormat) -> float:
    """Return a number a few units below the largest one, or half of it."""
    p = format.precision
    units = 2**p - 1 - rng.getrandbits(64) % 4
    exponent = format.max_exponent - p + 1 - rng.getrandbits(64) % 2
    return _signed(rng, math.ldexp(units, exponent))


def _power(rng: Random, format: FloatFormat) -> float:
    return _signed(
        rng,
        math.ldexp(1.0, rng.getrandbits(64) % (2 * format.precision + 3) - format.precision - 1),
    )


KINDS: Mapping[str, Kind] = {
    "normal": Kind(PLAIN["normal"], "around 1, all digits used", "inexact additions"),
    "integer": Kind(PLAIN["integer"], "−3 … 3: every operation is exact", "exact operations"),
    "powers of two": Kind(_power, "±2^k, from ulps to the next binades", "inexact additions"),
    "ties": Kind(PLAIN["ties"], "sums and products half-way between two numbers", "tied additions"),
    "cancelling": Kind(
        PLAIN["cancelling"], "±(1 + a few ulps): sums lose their digits", "cancelled additions"
    ),
    "signed zeros": Kind(PLAIN["zero"], "0 and −0", "zeros of either sign read"),
    "tiny": Kind(
        PLAIN["tiny"], "products around the least normal number", "inexact subnormal products"
    ),
    "subnormal": Kind(PLAIN["subnormal"], "subnormal numbers and zero", "subnormal outputs"),
    "least normal": Kind(
        _least_normal, "the least normal number and its neighbours", "subnormal outputs"
    ),
    "mixed": Kind(PLAIN["mixed"], "every magnitude up to the square root of the largest",
                  "absorbed addends"),
    "huge": Kind(PLAIN["huge"], "products around the largest number", "overflowed outputs"),
    "largest": Kind(_largest, "the largest numbers: sums overflow", "overflowed outputs"),
}  # fmt: skip


def mixed_entries(
    kinds: Sequence[str], shape: Sequence[int], format: FloatFormat, seed: str
) -> FloatArray:
    """Return an array each of whose entries is of one of the kinds, determined by the seed.

    Raises `InputError` if a kind is unknown, or there is none.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        entry = repr(unknown[0])[:60] if unknown else "none"
        raise InputError(f"kinds: expected some of {', '.join(KINDS)}, got {entry}")
    rng = Random(seed)
    draws = [KINDS[kind].draw for kind in kinds]
    numbers = [draws[rng.getrandbits(64) % len(draws)](rng, format) for _ in range(prod(shape))]
    array: FloatArray = np.array(numbers).astype(format.dtype)
    return array.reshape(tuple(shape))
