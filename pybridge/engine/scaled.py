"""The effect of block scales on a matrix unit, which aligns operands by their blocks' exponents.

The scales themselves are not known, only the numbers times their scales. An array is accepted if it
can be divided into blocks along an axis of the reduction such that each block has a scale with
which all its numbers are of the format. The results hold for the largest such scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import Access, Contraction, Definitions, FormatParameters
from pybridge.exported.expressions import size_value
from pybridge.problem.blocks import BLOCK_FORMATS, BlockFormat
from pybridge.problem.rounding import largest, round_to

__all__ = ["BlockAxis", "block_axes", "excess_of_blocks", "largest_excess"]

_LARGEST_SCALE = 127
_E2M1 = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The positive numbers of E2M1."""


@dataclass(frozen=True, slots=True)
class BlockAxis:
    """The blocks of each factor: the axis that they lie along, which has whole sums of `length`
    terms, one for each group.
    """

    axes: tuple[int, ...]
    length: int


def block_axes(contraction: Contraction, parameters: Mapping[str, int]) -> list[BlockAxis]:
    """Return the axes along which all factors can have blocks: axes that one index of the reduction
    walks entry by entry. An index with a single value counts only if all have one.
    """
    out = [size_value(size, parameters) for axis in contraction.out for size in axis]
    red = [size_value(size, parameters) for size in contraction.red]
    fitting = []
    for index, length in enumerate(red):
        if length == 1 and prod(red) > 1:
            continue
        axes = [_axis_of(factor, index, out, red, parameters) for factor in contraction.factors]
        if None not in axes:
            fitting.append(BlockAxis(tuple(axis for axis in axes if axis is not None), length))
    return fitting


def _axis_of(
    factor: Access, index: int, out: Sequence[int], red: Sequence[int], sizes: Mapping[str, int]
) -> int | None:
    """Return the axis of a factor that an index of the reduction walks entry by entry, if every
    other index starts a sum of its own; else None.
    """
    for number, axis in enumerate(factor.axes):
        steps = [size_value(step, sizes) for step in axis.index.red]
        others = [s for i, s in enumerate(steps) if i != index and red[i] > 1]
        starts = [
            size_value(step, sizes)
            for step, size in zip(axis.index.out, out, strict=True)
            if size > 1
        ]
        if (
            steps[index] == 1
            and not any(others)
            and not any(start % red[index] for start in starts)
            and size_value(axis.extent, sizes) % red[index] == 0
            and size_value(axis.index.offset, sizes) == 0
            and size_value(axis.index.divisor, sizes) == 1
        ):
            return number
    return None


def largest_excess(name: str, grouped: bool, size: Fraction, definitions: Definitions) -> Fraction:
    """Return a bound of 2^exponent of the subnormal entries of an array of which only the largest
    magnitude is known.
    """
    form = BLOCK_FORMATS[name]
    if grouped:
        # The least scale of E4M3, 2⁻⁹, is aligned as 2⁻⁶ is; a power of two as itself.
        return 8 * size if form.scale == "float8_e4m3fn" else Fraction(0)
    digits = max(_parameters(element, definitions).precision for element in form.elements)
    return size * (1 << (digits - 1))


def excess_of_blocks(
    name: str,
    grouped: bool,
    factors: Sequence[tuple[str, npt.NDArray[Any]]],
    axes: Sequence[BlockAxis],
    definitions: Definitions,
) -> tuple[Fraction, ...]:
    """Return a bound of 2^exponent of subnormal entries of blocks for each factor; 0 without any.

    `factors` are the names and the arrays. If `grouped`, they are aligned by the scales alone
    (Lean: `Addend.within_inGroup`), otherwise by their own exponents as well
    (`Addend.Within.scaled`). Raises `InputError` if an array does not have such blocks.
    """
    if not axes:
        words = " and ".join(name for name, _ in factors)
        raise InputError(
            f"{name}: no axis of {words} is summed over entry by entry, expected one with blocks"
        )
    wide = [(key, np.abs(values.astype(np.float64))) for key, values in factors]
    fitting, refused = [], []
    for axis in axes:
        try:
            fitting.append(
                [
                    _excess(key, values, number, axis.length, name, grouped, definitions)
                    for (key, values), number in zip(wide, axis.axes, strict=True)
                ]
            )
        except InputError as error:
            refused.append(error)
    if not fitting:
        raise refused[0]
    return tuple(max(column) for column in zip(*fitting, strict=True))


def _excess(
    key: str,
    sizes: Float64,
    axis: int,
    length: int,
    name: str,
    grouped: bool,
    definitions: Definitions,
) -> Fraction:
    """Return the bound for one factor, in blocks along an axis with sums of so many terms."""
    form = BLOCK_FORMATS[name]
    blocks = _blocks(sizes, axis, length, form.block)
    fits = np.zeros(blocks.shape[:-1], bool)
    excess = Fraction(0)
    search = _by_e4m3 if form.scale == "float8_e4m3fn" else _by_powers
    for possible, subnormal in search(blocks, form, definitions, grouped):
        fits |= possible
        excess = max(excess, Fraction(float(subnormal[possible].max(initial=0.0))))
    if not fits.all():
        raise InputError(
            f"{key}: expected {name} in blocks of {form.block} along an axis that is summed over, "
            f"but no scale makes a block, with {blocks[~fits][0].max():.9g} as the largest, "
            f"numbers of {' or '.join(form.elements)}"
        )
    return excess


def _blocks(sizes: Float64, axis: int, length: int, block: int) -> Float64:
    """Return […, sums, blocks, entries]; the last block of a sum is filled with zeros."""
    moved = np.moveaxis(sizes, axis, -1)
    split = moved.reshape(*moved.shape[:-1], -1, length)
    padded = np.pad(split, [(0, 0)] * (split.ndim - 1) + [(0, -length % block)])
    return padded.reshape(*split.shape[:-1], -1, block)


_Readings: TypeAlias = Iterator[tuple[npt.NDArray[np.bool_], Float64]]


def _by_powers(
    blocks: Float64, form: BlockFormat, definitions: Definitions, grouped: bool
) -> _Readings:
    """Yield for each format of the entries which blocks have a power of two as scale, and
    2^exponent of subnormal entries with the largest such scale.

    A number of the format has at most p digits and is a multiple of the least subnormal number; the
    largest scale for which they all are is the best one for the largest entry, too.
    """
    nonzero = blocks > 0
    significands, exponents = np.frexp(blocks)
    whole = np.ldexp(significands, 53).astype(np.int64)
    last = np.frexp((whole & -whole).astype(np.float64))[1] - 1 + exponents - 53
    lowest = np.where(nonzero, last, 2**20).min(axis=-1)
    for element in form.elements:
        narrow = _parameters(element, definitions)
        short = ((exponents - last <= narrow.precision) | ~nonzero).all(axis=-1)
        scale = np.minimum(lowest - narrow.min_exponent + narrow.precision - 1, _LARGEST_SCALE)
        fits = blocks.max(axis=-1) <= np.ldexp(largest(narrow), scale)
        least = np.ldexp(1.0, narrow.min_exponent + scale)
        below = (nonzero & (blocks < least[..., None])).any(axis=-1)
        within = (scale >= -_LARGEST_SCALE) | ~nonzero.any(axis=-1)
        excess = np.where(below & (not grouped), least, 0.0)
        yield short & fits & within, excess


def _by_e4m3(
    blocks: Float64, form: BlockFormat, definitions: Definitions, grouped: bool
) -> _Readings:
    """Yield for each number of E2M1 that a block's largest entry may be which blocks then have a
    scale in E4M3, and half of 2^exponent of the scale, if it is subnormal.
    """
    assert grouped
    scales = _parameters(form.scale, definitions)
    narrow = _parameters(form.elements[0], definitions)
    most = blocks.max(axis=-1)
    empty = most == 0
    least = 2.0**scales.min_exponent
    for quotient in _E2M1:
        scale = np.where(empty, 1.0, most / quotient)
        # Numbers of few digits are exact: if the product is right, so is the quotient.
        fits = (round_to(scale, scales) == scale) & (
            scale * quotient == np.where(empty, quotient, most)
        )
        wide = np.where(fits, scale, 1.0)[..., None]
        fits &= (round_to(blocks / wide, narrow) * wide == blocks).all(axis=-1)
        yield fits, np.where((scale < least) & ~empty, least / 2, 0.0)


def _parameters(name: str, definitions: Definitions) -> FormatParameters:
    return definitions.data.formats[name]
