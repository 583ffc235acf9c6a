"""Generates entries of a stated kind in a format, the same on every machine and version."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from math import prod
from random import Random

import numpy as np

from pybridge.errors import InputError
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.npz import LARGEST

__all__ = ["KINDS", "entries"]


def _below(rng: Random, bound: int) -> int:
    """Return a number in [0, bound), by `getrandbits`: Python does not change its sequence."""
    return rng.getrandbits(64) % bound


def _signed(rng: Random, value: float) -> float:
    return -value if rng.getrandbits(1) else value


def _number(rng: Random, format: FloatFormat, low: int, high: int) -> float:
    """Return a number of full precision whose exponent is in [low, high)."""
    p = format.precision
    exponent = low + _below(rng, high - low)
    significand = 2 ** (p - 1) + _below(rng, 2 ** (p - 1))
    lost = max(format.min_exponent - exponent, 0)
    return _signed(rng, math.ldexp(significand >> lost, exponent + lost - p + 1))


def _normal(rng: Random, format: FloatFormat) -> float:
    return _number(rng, format, -2, 2)


def _integer(rng: Random, format: FloatFormat) -> float:
    return float(_below(rng, 7) - 3)


def _tiny(rng: Random, format: FloatFormat) -> float:
    middle = format.min_exponent // 2
    return _number(rng, format, middle - 3, middle + 2)


def _subnormal(rng: Random, format: FloatFormat) -> float:
    p = format.precision
    return _signed(rng, math.ldexp(_below(rng, 2 ** (p - 1)), format.min_exponent - p + 1))


def _mixed(rng: Random, format: FloatFormat) -> float:
    return _number(
        rng, format, format.min_exponent - format.precision + 1, format.max_exponent // 2 - 2
    )


def _cancelling(rng: Random, format: FloatFormat) -> float:
    step = 2.0 ** (1 - format.precision)
    return _signed(rng, 1 + _below(rng, 4) * step)


def _ties(rng: Random, format: FloatFormat) -> float:
    p = format.precision
    choices = (
        1.0,
        1 + 2.0 ** (1 - p),
        1 - 2.0**-p,
        1 + 2.0 ** (2 - p),
        2.0 ** (1 - p),
        2.0**-p,
        2.0 ** (-p - 1) if p < 11 or format.min_exponent < -p - 1 else 2.0**-p,
        1 + 2.0 ** (1 - p // 2),
    )
    return _signed(rng, choices[_below(rng, len(choices))])


def _huge(rng: Random, format: FloatFormat) -> float:
    middle = format.max_exponent // 2
    return _number(rng, format, middle - 1, middle + 2)


KINDS: Mapping[str, Callable[[Random, FloatFormat], float]] = {
    "normal": _normal,
    "integer": _integer,
    "tiny": _tiny,
    "subnormal": _subnormal,
    "mixed": _mixed,
    "cancelling": _cancelling,
    "ties": _ties,
    "huge": _huge,
    "zero": lambda rng, format: _signed(rng, 0.0),
}


def entries(kind: str, shape: Sequence[int], format: FloatFormat, seed: str) -> FloatArray:
    """Return an array with entries of a kind, determined by the seed.

    Kinds: normal (around 1), integer (small, so that every operation is exact), tiny (products
    around the least normal number), subnormal, mixed (all magnitudes), cancelling (±(1 + a few
    units in the last place)), ties (sums and products half-way between two numbers, or just below a
    power of two), huge (products around the largest number), zero. Raises `InputError` for another
    kind, and for more than 2²² entries.
    """
    if kind not in KINDS:
        raise InputError(f"kind: unknown {kind!r:.60}, expected one of {', '.join(KINDS)}")
    if prod(shape) > LARGEST:
        raise InputError(
            f"an array of shape {tuple(shape)} has {prod(shape)} entries, expected at most "
            f"{LARGEST} of generated data"
        )
    rng = Random(seed)
    numbers = np.array([KINDS[kind](rng, format) for _ in range(prod(shape))])
    array: FloatArray = numbers.astype(format.dtype)
    return array.reshape(tuple(shape))
