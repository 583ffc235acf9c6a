"""Operands with block scales: dot products made to lose digits, and the instructions' operands.

A problem has only the numbers, as a user passes them to an assertion. The instruction needs values
and scales, which are not unique: the least scales that fit have no needlessly subnormal value, the
largest ones have as many as possible. Nothing here uses the package's own search for scales; all
scales are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from bench.tensor_cores.units import Unit
from pybridge.problem.blocks import BLOCK_FORMATS

__all__ = ["SCALED_DOTS", "Chosen", "divided", "held_in_blocks", "scaled_dots"]

_Array: TypeAlias = npt.NDArray[Any]
Chosen: TypeAlias = Literal["least", "largest"]

_PARTS = 32
"""The terms of a part: every unit's blocks are whole parts, or half of one."""
_MOST = 24
"""How many binary digits a scale may be larger than the least that fits."""


def _numbers(dtype: np.dtype[Any]) -> _Array:
    """Return the positive finite numbers of a dtype of at most eight bits, in order."""
    bits = ml_dtypes.finfo(dtype).bits  # type: ignore[no-untyped-call]
    numbers = np.arange(2**bits, dtype=np.uint8).view(dtype).astype(np.float64)
    return np.unique(numbers[np.isfinite(numbers) & (numbers > 0)])


def _dtypes(name: str) -> tuple[np.dtype[Any], np.dtype[Any], int]:
    """Return the dtypes of numbers and of scales, and how many numbers share a scale."""
    form = BLOCK_FORMATS[name]
    return *(
        np.dtype(getattr(ml_dtypes, one)) for one in (form.elements[0], form.scale)
    ), form.block


def _in_blocks(values: _Array, block: int) -> _Array:
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % block)])
    return padded.reshape(*values.shape[:-1], -1, block).astype(np.float64)


def _least_scales(blocks: _Array, most: float, scale: np.dtype[Any]) -> _Array:
    """Return the least scales for which no value is beyond the format's largest, or nearly so."""
    wanted = np.abs(blocks).max(axis=-1) / most
    if scale.name == "float8_e8m0fnu":
        exponent = np.ceil(np.log2(np.where(wanted > 0, wanted, 2.0**-127)))
        return np.asarray(np.exp2(np.clip(exponent, -127, 127)))
    numbers = _numbers(scale)
    return np.asarray(numbers[np.searchsorted(numbers, wanted).clip(max=len(numbers) - 1)])


def held_in_blocks(values: _Array, name: str) -> _Array:
    """Return values [..., K], each rounded to a number of its block with the least scale."""
    dtype, scale, block = _dtypes(name)
    blocks = _in_blocks(values, block)
    most = _numbers(dtype)[-1]
    scales = _least_scales(blocks, most, scale)[..., None]
    held = np.clip(blocks / scales, -most, most).astype(dtype).astype(np.float64) * scales
    return held.reshape(*values.shape[:-1], -1)[..., : values.shape[-1]].astype(np.float32)


def divided(values: _Array, name: str, chosen: Chosen) -> tuple[_Array, _Array]:
    """Return numbers and scales whose products are the values [..., K], padded to whole blocks.

    Raises `ValueError` if there are none.
    """
    dtype, scale, block = _dtypes(name)
    blocks = _in_blocks(values, block)
    scales = _least_scales(blocks, _numbers(dtype)[-1], scale)
    if scale.name == "float8_e8m0fnu":
        tried = [np.exp2(np.clip(np.log2(scales) + step, -127, 127)) for step in range(_MOST)]
    else:
        largest = np.abs(blocks).max(axis=-1)
        quotients = [largest / number for number in _numbers(dtype)[::-1]]
        tried = [np.where(largest > 0, one.astype(scale).astype(float), 1.0) for one in quotients]
        tried = [np.where(one > 0, one, 1.0) for one in tried]
    used = np.zeros(scales.shape)
    for one in tried:
        quotient = blocks / one[..., None]
        held = quotient.astype(dtype).astype(np.float64)
        fits = (held * one[..., None] == blocks).all(axis=-1)
        used = np.where(fits & ((used == 0) | (chosen == "largest")), one, used)
    if not used.all():
        raise ValueError(f"{name}: the numbers are not in blocks")
    parts = (blocks / used[..., None]).astype(dtype)
    return parts.reshape(*values.shape[:-1], -1), used.astype(scale)


class _Rows:
    """Dot products of a unit's numbers, in parts that share a scale."""

    def __init__(self, unit: Unit, rows: int, terms: int, rng: np.random.Generator) -> None:
        self.unit, self.rng, self.terms = unit, rng, terms
        self.parts = -(-terms // _PARTS)
        self.shape = rows, self.parts * _PARTS
        self.x, self.y = (_numbers(_dtypes(name)[0]) for name in (unit.x, unit.y))
        self.few = "nvfp4" in (unit.x, unit.y)

    def of(self, exponents: Any, x: Any, y: Any) -> tuple[_Array, _Array]:
        """Return numbers x and y of the formats, times scales whose exponents add up to `exponents`
        in each part.
        """
        low, high = (-9, 8) if self.few else (-100, 60)
        wanted = np.broadcast_to(exponents, (self.shape[0], self.parts)) + (16 if self.few else 0)
        first = np.clip(wanted // 2, low, high)
        second = np.clip(wanted - first, low, high)
        pair = []
        for numbers, exponent in ((x, first), (y, second)):
            whole = np.broadcast_to(numbers, self.shape) * np.exp2(np.repeat(exponent, _PARTS, -1))
            pair.append(whole[:, : self.terms].astype(np.float32))
        return pair[0], pair[1]

    def drawn(self, numbers: _Array) -> _Array:
        """Draw numbers of a format, with random signs."""
        signs = self.rng.choice([-1.0, 1.0], self.shape)
        return np.asarray(self.rng.choice(numbers, self.shape) * signs)

    def drops(self) -> _Array:
        """Return for each row how many binary digits its small parts are below its largest.

        The numbers near 25 and 35 are first: there a unit just cuts off.
        """
        near = [*range(18, 28), *range(30, 38)]
        all_of_them = [*near, *(set(range(2, 46)) - set(near))]
        return np.resize(np.array(all_of_them)[:: 1 if self.shape[0] > 20 else 2], self.shape[0])[
            :, None
        ]


def _normal(rows: _Rows) -> tuple[_Array, _Array]:
    """Draw normal numbers, in blocks."""
    x, y = (rows.rng.standard_normal(rows.shape)[:, : rows.terms] for _ in "xy")
    return held_in_blocks(x, rows.unit.x), held_in_blocks(y, rows.unit.y)


def _below(rows: _Rows) -> tuple[_Array, _Array]:
    """Return a large first part, and others that it just cuts off, of one sign in each row."""
    exponents = np.where(np.arange(rows.parts) == 0, 0, -rows.drops())
    sign = rows.rng.choice([-1.0, 1.0], (rows.shape[0], 1))
    sign = np.where(np.arange(rows.shape[1]) < _PARTS, 1.0, sign)
    return rows.of(exponents, rows.x[-1] * sign, rows.y[-1])


def _swallowed(rows: _Rows) -> tuple[_Array, _Array]:
    """Return a first part, and others whose sums the accumulator just cannot keep."""
    kept = np.resize(np.array([23, 22, 24, 25, 34, 35]), rows.shape[0])[:, None]
    exponents = np.where(np.arange(rows.parts) == 0, 0, -kept)
    place = np.arange(rows.shape[1])
    # One term of a part, or all of them but with odd ones that keep digits below the last kept.
    alone = (place % _PARTS == 0) | (np.arange(rows.shape[0])[:, None] % 2 == 0)
    return rows.of(exponents, np.where(alone, rows.x[-1], 0.0), rows.rng.choice(rows.y, rows.shape))


def _spread(rows: _Rows) -> tuple[_Array, _Array]:
    """Draw numbers with scales of all sizes."""
    width = rows.rng.integers(1, 14 if rows.few else 60, (rows.shape[0], 1))
    exponents = -np.floor(rows.rng.random((rows.shape[0], rows.parts)) * width).astype(int)
    return rows.of(exponents, rows.drawn(rows.x), rows.drawn(rows.y))


def _cancelling(rows: _Rows) -> tuple[_Array, _Array]:
    """Return terms that cancel within their groups, or parts that do, and a few that remain."""
    x, y = rows.drawn(rows.x), rows.drawn(rows.y)
    near = np.arange(rows.shape[0]) % 2 == 0
    odd = np.arange(rows.shape[1]) % 2 == 1
    second = np.arange(rows.shape[1]) // _PARTS % 2 == 1
    for values, sign in ((x, -1), (y, 1)):
        values[:, odd] = np.where(near[:, None], sign * values[:, ~odd], values[:, odd])
        whole = second.sum()
        values[:, second] = np.where(
            near[:, None], values[:, second], sign * values[:, ~second][:, :whole]
        )
    remains = rows.rng.random(rows.shape) < 0.05
    x = np.where(remains, rows.drawn(rows.x), x)
    exponents = np.where(near[:, None], -np.arange(rows.parts) % 7, 0)
    return rows.of(exponents, x, y)


def _subnormal(rows: _Rows) -> tuple[_Array, _Array]:
    """Return least numbers with large scales, beside parts that are just cut off at these."""
    first = np.arange(rows.shape[1]) % (4 * _PARTS) < _PARTS
    wide = round(np.log2(rows.x[-1] / rows.x[0]))
    exponents = np.where(np.arange(rows.parts) % 4 == 0, 0, -rows.drops() - wide + 18)
    return rows.of(exponents, np.where(first, rows.x[0], rows.x[-1]), rows.y[-1])


def _least(rows: _Rows) -> tuple[_Array, _Array]:
    """Return products near the least numbers, and zeros."""
    width = rows.rng.integers(1, 30, (rows.shape[0], 1))
    base = -34 if rows.few else -150
    exponents = base + np.floor(rows.rng.random((rows.shape[0], rows.parts)) * width).astype(int)
    zero = rows.rng.random(rows.shape) < rows.rng.random((rows.shape[0], 1))
    return rows.of(exponents, np.where(zero, 0.0, rows.drawn(rows.x)), rows.drawn(rows.y))


SCALED_DOTS: Mapping[str, Callable[[_Rows], tuple[_Array, _Array]]] = {
    "normal in blocks": _normal,
    "just cut off": _below,
    "swallowed": _swallowed,
    "spread of exponents": _spread,
    "cancelling": _cancelling,
    "subnormal operands": _subnormal,
    "least numbers and zeros": _least,
}
"""Kinds of dot products with block scales; all but the first lose as much as possible."""


def scaled_dots(data: str, unit: Unit, rows: int, terms: int, seed: int) -> Sequence[_Array]:
    """Return the factors [rows, terms] of dot products of a kind."""
    numbers = [seed, rows, terms, *f"{data} {unit.name}".encode()]
    return SCALED_DOTS[data](_Rows(unit, rows, terms, np.random.default_rng(numbers)))
