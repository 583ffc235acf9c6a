"""Draws hostile numbers: operands of every dtype at the edges of the formats."""

from __future__ import annotations

import math
from random import Random
from typing import Any, Literal, TypeAlias, get_args

import ml_dtypes
import numpy as np
import numpy.typing as npt

from bench.studies.adversary.numbers import BINARY, Format, format_of_dtype

__all__ = ["KINDS", "Kind", "random_array", "random_dtype", "random_eps"]

Kind: TypeAlias = Literal[
    "plain",
    "wide",
    "underflow",
    "subnormal",
    "large",
    "huge",
    "ties",
    "edges",
    "cancelling",
    "mixed",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_NARROW = [
    np.dtype(getattr(ml_dtypes, name))
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "float8_e3m4")
    if hasattr(ml_dtypes, name)
]
_DTYPES: list[np.dtype[Any]] = [
    np.dtype(name) for name in ("f4", "f4", "f4", "f8", "f8", "f2", "f2", ">f4", ">f8", ">f2")
]
_DTYPES += [np.dtype(ml_dtypes.bfloat16)] * 2


def random_dtype(random: Random) -> np.dtype[Any]:
    """Draw a dtype of operands."""
    return random.choice(_NARROW if random.random() < 0.08 else _DTYPES)


def random_array(
    random: Random, shape: tuple[int, ...], dtype: np.dtype[Any], kind: Kind, sums: Format
) -> npt.NDArray[Any]:
    """Draw numbers of a kind; `sums` is the probable format of the sums of their products."""
    format = format_of_dtype(dtype)
    values = [_number(random, format, kind, sums) for _ in range(math.prod(shape))]
    if kind == "cancelling" and len(values) > 1:
        for k in range(1, len(values), 2):
            if random.random() < 0.8:
                values[k] = -values[k - 1]
    wide = np.array(values, np.float64)
    largest = float(format.largest)
    if format.bits == 4:
        largest = float(ml_dtypes.finfo(format.dtype).max)  # type: ignore[no-untyped-call]
    with np.errstate(all="ignore"):
        array: npt.NDArray[Any] = np.clip(wide, -largest, largest).astype(dtype)
        array[~np.isfinite(array)] = 0
    return array.reshape(shape)


def _number(random: Random, format: Format, kind: Kind, sums: Format) -> float:
    if random.random() < 0.06:
        return 0.0
    if kind == "mixed":
        kind = random.choice(KINDS[:-1])
    bits = format.bits
    if kind == "edges":
        # Next to powers of two where formats begin or end: what rounds up to a normal number.
        edges = [f.least for f in BINARY.values()] + [0, sums.least // 2, format.most, format.least]
        mantissa = 2**bits - random.choice((1, 1, 2, 3, 2 ** (bits // 2)))
        exponent = random.choice(edges) - random.choice((0, 1, 1))
        if random.random() < 0.3:
            mantissa, exponent = 2 ** (bits - 1) + random.choice((0, 1)), exponent + 1
    elif kind == "ties":
        steps = (0, 0, 1, 2, 3, 2 ** (bits - 2), 2 ** (bits - 1) - 1)
        mantissa = 2 ** (bits - 1) + min(random.choice(steps), 2 ** (bits - 1) - 1)
        fall = random.choice((0, 0, 0, 1, sums.bits - 1, sums.bits, sums.bits + 1, sums.bits // 2))
        exponent = random.choice((0, 1, 2)) - fall
    else:
        mantissa = random.getrandbits(bits - 1) | 1 << (bits - 1)
        exponent = _exponent(random, format, kind, sums)
    exponent = min(max(exponent, format.quantum - 1), format.most)
    sign = -1 if random.random() < 0.5 else 1
    return sign * math.ldexp(mantissa, exponent - bits + 1)


def _exponent(random: Random, format: Format, kind: Kind, sums: Format) -> int:
    if kind == "wide":
        return random.randint(format.quantum - 1, format.most)
    if kind == "underflow":
        return (sums.least + random.randint(-8, 8)) // 2 + random.randint(-6, 4)
    if kind == "subnormal":
        return random.randint(format.quantum - 1, format.least + 1)
    if kind == "large":
        return (sums.most - random.randint(0, 6)) // 2
    if kind == "huge":
        return format.most - random.choice((0, 0, 1, 2, 5))
    return random.randint(-3, 3)


def random_eps(random: Random, values: npt.NDArray[Any]) -> float:
    """Draw an eps of operands, often zero."""
    if random.random() < 0.5:
        return 0.0
    largest = float(np.abs(values.astype(np.float64)).max())
    exponent = math.frexp(largest)[1] if largest else 0
    exponent -= random.choice((0, 1, 5, 12, 24, 40))
    return math.ldexp(1 + random.getrandbits(8) / 256, min(max(exponent, -1060), 1020))


assert all(
    format.dtype is None or format_of_dtype(format.dtype) == format for format in BINARY.values()
)
