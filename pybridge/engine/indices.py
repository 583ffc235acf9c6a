"""Where the terms of a contraction read, as arithmetic progressions.

An index along an operand's axis is (Σ cₖ·oₖ + b) / d with b fixed by the reduction index. When it
depends on one output dimension, the outputs for which it divides exactly and is within the extent
form an arithmetic progression, and so do the indices: both sides are strided views of arrays, and
nothing is gathered or masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import gcd
from types import EllipsisType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.exported.document import Access
from pybridge.exported.expressions import DefinitionsError, size_value

__all__ = [
    "Block",
    "Progression",
    "Reader",
    "Region",
    "View",
    "blocks",
    "dimensions_alone",
    "locate",
    "solve",
]


Region: TypeAlias = tuple[slice | EllipsisType, ...]


class Progression(NamedTuple):
    """start, start + step, …, `length` numbers."""

    start: int
    step: int
    length: int

    @property
    def slice(self) -> slice:
        """The slice of an axis that the numbers select; the step is positive."""
        return slice(self.start, self.start + self.step * (self.length - 1) + 1, self.step)


_EMPTY = Progression(0, 1, 0)


@lru_cache(maxsize=1 << 16)
def solve(factor: int, base: int, divisor: int, extent: int, count: int) -> Progression:
    """Return the j in [0, count) with (factor·j + base) / divisor an integer in [0, extent).

    The factor is not zero, the divisor positive.
    """
    common = gcd(factor, divisor)
    if base % common:
        return _EMPTY
    step = divisor // common
    residue = (-base // common * pow(factor // common, -1, step)) % step if step > 1 else 0
    largest = divisor * (extent - 1) - base
    if factor > 0:
        first, last = -(base // factor), largest // factor
    else:
        first, last = -(largest // -factor), base // -factor
    first, last = max(first, 0), min(last, count - 1)
    first += (residue - first) % step
    if last < first:
        return _EMPTY
    return Progression(first, step, (last - first) // step + 1)


@dataclass(frozen=True, slots=True)
class AxisReader:
    """An operand axis: its index's coefficients, and the stride of the array in entries."""

    out: tuple[int, ...]
    red: tuple[int, ...]
    offset: int
    divisor: int
    extent: int
    stride: int

    def always_inside(self, out_sizes: Sequence[int], red_sizes: Sequence[int]) -> bool:
        """Return whether every output and reduction index reads an entry, without any division."""
        low = high = self.offset
        pairs = zip(self.out + self.red, (*out_sizes, *red_sizes), strict=True)
        for reach in (coefficient * (size - 1) for coefficient, size in pairs):
            low, high = low + min(reach, 0), high + max(reach, 0)
        return self.divisor == 1 and low >= 0 and high < self.extent


@dataclass(frozen=True, slots=True)
class Reader:
    """An operand of a contraction at certain parameters: its axes, in order."""

    name: str
    axes: tuple[AxisReader, ...]

    @classmethod
    def of(cls, operand: Access, parameters: Mapping[str, int]) -> Reader:
        """Return the reader of a row-major operand; `DefinitionsError` for a divisor below one."""
        axes: list[AxisReader] = []
        stride = 1
        for axis in reversed(operand.axes):
            index = axis.index
            extent = size_value(axis.extent, parameters)
            divisor = size_value(index.divisor, parameters)
            if divisor < 1:
                raise DefinitionsError(f"an index of {operand.name} is divided by {divisor}")
            axes.append(
                AxisReader(
                    out=tuple(size_value(size, parameters) for size in index.out),
                    red=tuple(size_value(size, parameters) for size in index.red),
                    offset=size_value(index.offset, parameters),
                    divisor=divisor,
                    extent=extent,
                    stride=stride,
                )
            )
            stride *= extent
        return cls(operand.name, tuple(reversed(axes)))

    def resized(self, number: int, extent: int) -> Reader:
        """Return the reader of an array that has another extent along an axis."""
        axes: list[AxisReader] = []
        stride = 1
        for k, axis in reversed(list(enumerate(self.axes))):
            axes.append(replace(axis, extent=extent if k == number else axis.extent, stride=stride))
            stride *= axes[-1].extent
        return Reader(self.name, tuple(reversed(axes)))

    def begun(self, reduced: int, start: int) -> Reader:
        """Return the reader in which a reduction starts at a later step."""
        axes = (replace(axis, offset=axis.offset + start * axis.red[reduced]) for axis in self.axes)
        return Reader(self.name, tuple(axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the operand."""
        return tuple(axis.extent for axis in self.axes)


class Block(NamedTuple):
    """A box of outputs: its first index and its size along each loop dimension."""

    start: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def slices(self) -> tuple[slice, ...]:
        """The slices that select the block from an array over all loop dimensions."""
        return tuple(
            slice(start, start + size) for start, size in zip(self.start, self.sizes, strict=True)
        )


def dimensions_alone(
    readers: Sequence[Reader], out_sizes: Sequence[int], red_sizes: Sequence[int]
) -> frozenset[int]:
    """Return the output dimensions that have to be walked one index at a time.

    Once these are fixed, each index that may fall outside or that is divided depends on at most one
    dimension.
    """
    alone: set[int] = set()
    for reader in readers:
        for axis in reader.axes:
            if not axis.always_inside(out_sizes, red_sizes):
                moving = [k for k, c in enumerate(axis.out) if c and k not in alone]
                alone.update(moving[:-1])
    return frozenset(alone)


def blocks(out_sizes: Sequence[int], alone: frozenset[int], largest: int) -> Iterator[Block]:
    """Yield boxes of at most `largest` outputs, of size 1 along `alone`, that cover all outputs."""
    sizes = list(out_sizes)
    room = largest
    for k in reversed(range(len(sizes))):
        sizes[k] = 1 if k in alone else min(sizes[k], max(room, 1))
        room //= max(sizes[k], 1)
    starts = (range(0, total, size) for total, size in zip(out_sizes, sizes, strict=True))
    for start in product(*starts):
        ends = zip(start, sizes, out_sizes, strict=True)
        yield Block(start, tuple(min(size, total - first) for first, size, total in ends))


class View(NamedTuple):
    """A strided view of a row-major array: first entry, and strides, in entries."""

    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]

    def of(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the view of a C-contiguous array; its bounds are checked by NumPy."""
        itemsize = array.itemsize
        return np.ndarray(
            self.shape,
            array.dtype,
            array.reshape(-1).view(np.uint8).data,
            self.offset * itemsize,
            tuple(stride * itemsize for stride in self.strides),
        )


def locate(
    readers: Sequence[Reader], block: Block, reduction: Sequence[int]
) -> tuple[Region, list[View]] | None:
    """Return the outputs of a block that have a term at a reduction index, and each operand's view.

    The region selects the outputs from an array over the block; the views have its shape. None if
    no output has a term.
    """
    region = [Progression(0, 1, size) for size in block.sizes]
    bases: list[list[int]] = []
    for reader in readers:
        bases.append([])
        for axis in reader.axes:
            base = axis.offset
            for coefficient, index in zip(axis.out, block.start, strict=True):
                base += coefficient * index
            for coefficient, index in zip(axis.red, reduction, strict=True):
                base += coefficient * index
            bases[-1].append(base)
            moving = [k for k, c in enumerate(axis.out) if c and block.sizes[k] > 1]
            if not moving:
                if base % axis.divisor or not 0 <= base // axis.divisor < axis.extent:
                    return None
            elif len(moving) == 1:
                k = moving[0]
                region[k] = _narrow(region[k], axis, axis.out[k], base)
                if region[k].length == 0:
                    return None
    shape = tuple(progression.length for progression in region)
    views = []
    for reader, reader_bases in zip(readers, bases, strict=True):
        offset = 0
        strides = [0] * len(region)
        for axis, base in zip(reader.axes, reader_bases, strict=True):
            for k, (coefficient, progression) in enumerate(zip(axis.out, region, strict=True)):
                if coefficient and block.sizes[k] > 1:
                    base += coefficient * progression.start
                    if progression.length > 1:
                        step = coefficient * progression.step // axis.divisor
                        strides[k] += step * axis.stride
            offset += base // axis.divisor * axis.stride
        views.append(View(offset, tuple(strides), shape))
    return (*(progression.slice for progression in region), ...), views


def _narrow(within: Progression, axis: AxisReader, factor: int, base: int) -> Progression:
    inside = solve(
        factor * within.step,
        base + factor * within.start,
        axis.divisor,
        axis.extent,
        within.length,
    )
    return Progression(
        within.start + within.step * inside.start, within.step * inside.step, inside.length
    )
