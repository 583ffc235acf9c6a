"""Terms that a kernel left out, counted twice or with the wrong sign, found from a few entries.

All terms of some entries are computed in float64. What an entry lacks is compared with the sums of
its terms over whole images, channels, rows, and the parts that kernels divide sums into. That is a
search, not a proof: the caller checks what it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.bounds.crops import geometry_of
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Index, Mask
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Window
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

__all__ = ["Missing", "missing"]

Indices: TypeAlias = npt.NDArray[np.intp]

_FACTORS: Mapping[int, str] = {1: "left out", -1: "counted twice", 2: "of the wrong sign"}
"""How many times the terms are missing."""

_SUMMED: Mapping[Result, tuple[str, str, str]] = {
    Result.OUTPUT: ("input channel", "kernel row", "kernel column"),
    Result.BIAS: ("batch element", "output row", "output column"),
    Result.WEIGHT: ("batch element", "output row", "output column"),
    Result.INPUT: ("output channel", "kernel row", "kernel column"),
}
"""What a result sums over; channels are those of a group."""

_BY_WEIGHT = (Result.OUTPUT, Result.INPUT)
"""The results of which each term has an entry of the weight of its own, for each channel."""

_RANGES = 512
"""The most indices of which all ranges are tried; of more, those that are single or at an end."""

_SPLITS = (2, 4, 8, 16, 32, 64, 128)
"""Into how many parts of consecutive terms kernels divide sums."""

_TAIL = 4096
"""The most terms at the end of which are tried how many are missing."""

_FITTING = 8
"""The most parts of a family that fit which are compared with others, the last one beside."""

_NEAR = 0.01
"""What is left of two parts, in units of what is allowed, that fit about as well."""

_TRIED = 3
"""The most parts that are named, the likeliest first."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the terms: those from `start` to `stop` in the order of these axes; how unusual it is
    that just these are missing, and what they are.
    """

    axes: tuple[int, ...]
    start: int
    stop: int
    rank: int
    words: str

    def mask(self, shape: Sequence[int]) -> Mask:
        """Where these terms are among all."""
        marked = np.zeros(shape, bool)
        sizes = [shape[axis] for axis in self.axes]
        chosen = np.zeros(math.prod(sizes), bool)
        chosen[self.start : self.stop] = True
        np.moveaxis(marked, self.axes, range(len(self.axes)))[chosen.reshape(sizes)] = True
        return marked


@dataclass(frozen=True, slots=True)
class _Family:
    """Parts of the terms in the order of some axes, by where they start and stop."""

    name: str
    axes: tuple[int, ...]
    rank: int
    starts: Indices
    stops: Indices

    def part(self, k: int, shape: Sequence[int]) -> _Part:
        """The part of a number."""
        start, stop = int(self.starts[k]), int(self.stops[k])
        size = math.prod(shape[axis] for axis in self.axes)
        length = stop - start
        if len(self.axes) == 2:
            first, second = divmod(start, shape[self.axes[1]])
            usual, words = int(stop < size), self.name.format(first, second)
        elif length == 1:
            usual = 0 if stop == size else 1
            words = f"{self.name} {start}" if usual else f"the last {self.name} ({start})"
        elif stop == size:
            usual, words = 2, f"the last {length} {self.name}s"
        elif start == 0:
            usual, words = 3, f"the first {length} {self.name}s"
        else:
            usual, words = 4, f"{self.name}s {start} to {stop - 1}"
        if len(self.axes) == 3:
            words += f" of {size} in order"
        return _Part(self.axes, start, stop, self.rank + usual, words)


@dataclass(frozen=True, slots=True)
class Missing:
    """Terms that are missing `factor` times; `alone` if no other part fits about as well."""

    part: _Part
    factor: int
    shape: tuple[int, int, int]
    alone: bool

    @property
    def words(self) -> str:
        """As if what the result was computed."""
        others = "" if self.alone else " (other terms fit as well)"
        return f"as if {self.part.words} were {_FACTORS[self.factor]}{others}"

    def of(self, returned: KernelResult) -> KernelResult:
        """The result of which these terms are missing."""
        marked = self.part.mask(self.shape)
        key = "weight" if returned.computation.name in _BY_WEIGHT else "grad_output"
        operand = returned.operands[key]
        if returned.computation.name == Result.OUTPUT:
            mask = marked[None]
        elif returned.computation.name == Result.INPUT:
            mask = np.tile(marked, (geometry_of(returned).groups, 1, 1))[:, None]
        else:
            mask = marked[:, None]
        factors = np.where(mask, 1 - self.factor, 1).astype(operand.value.dtype)
        with np.errstate(over="ignore"):
            values = operand.value * factors
        operands = {**returned.operands, key: Operand(np.ascontiguousarray(values), operand.eps)}
        return replace(returned, operands=operands)


def missing(
    returned: KernelResult, places: Sequence[Index], lacking: Float64, allowance: Float64
) -> Iterator[Missing]:
    """The parts whose terms are what the entries at some places lack, up to what is allowed.

    `lacking` is what they should be less what they are.
    """
    terms = np.array([_terms(returned, place) for place in places])
    shape = terms.shape[1:]
    allowed = allowance + np.abs(terms).sum(axis=(1, 2, 3)) * 2.0**-50
    fits: list[tuple[float, _Part, int]] = []
    for family in _families(Result(returned.computation.name), shape):
        summed = tuple(k + 1 for k in range(3) if k not in family.axes)
        totals = np.zeros((len(terms), math.prod(shape[axis] for axis in family.axes) + 1))
        np.cumsum(terms.sum(axis=summed).reshape(len(terms), -1), axis=1, out=totals[:, 1:])
        sums = totals[:, family.stops] - totals[:, family.starts]
        for factor in _FACTORS:
            with np.errstate(all="ignore"):
                off = np.abs(lacking[:, None] - factor * sums) / allowed[:, None]
            worst = off.max(axis=0)
            fitting = np.flatnonzero(worst <= 1)
            nearest = fitting[np.argsort(worst[fitting], kind="stable")[:_FITTING]]
            for k in {*nearest.tolist(), *fitting[-1:].tolist()}:
                fits.append((float(worst[k]), family.part(k, shape), factor))
    best = min((off for off, _, _ in fits), default=0.0)
    near = [fit for fit in fits if fit[0] <= 2 * best + _NEAR]
    near.sort(key=lambda fit: (fit[1].rank, fit[2] != 1, fit[0]))
    different: dict[tuple[int, bytes], _Part] = {}
    for _, part, factor in near:
        different.setdefault((factor, part.mask(shape).tobytes()), part)
    for (factor, _), part in [*different.items()][:_TRIED]:
        yield Missing(part, factor, (shape[0], shape[1], shape[2]), len(different) == 1)


def _families(which: Result, shape: Sequence[int]) -> Iterator[_Family]:
    first, second, _ = names = _SUMMED[which]
    for axis, what in enumerate(names):
        yield _Family(what, (axis,), 10 * axis, *_ranges(shape[axis]))
    if which in _BY_WEIGHT:
        axes, words = (1, 2), "kernel tap ({}, {})"
    else:
        axes, words = (0, 1), f"{second} {{1}} of {first} {{0}}"
    singles = np.arange(shape[axes[0]] * shape[axes[1]])
    if min(shape[axis] for axis in axes) > 1:
        yield _Family(words, axes, 30, singles, singles + 1)
    size = math.prod(shape)
    each = sorted({-(-size // splits) for splits in _SPLITS} - {size})
    starts = np.concatenate([np.arange(0, size, length) for length in each] or [singles[:0]])
    stops = np.concatenate(
        [np.minimum(np.arange(0, size, n) + n, size) for n in each] or [singles[:0]]
    )
    tails = np.arange(size - min(size - 1, _TAIL), size)
    yield _Family(
        "term",
        (0, 1, 2),
        40,
        np.concatenate([starts, tails]),
        np.concatenate([stops, np.full(len(tails), size)]),
    )


def _ranges(size: int) -> tuple[Indices, Indices]:
    """Where ranges of an axis start and stop that are neither empty nor all of it."""
    starts, stops = np.triu_indices(min(size, _RANGES) + 1, 1)
    if size > _RANGES:
        every = np.arange(size)
        starts = np.concatenate([every, np.zeros(size, np.intp), every])
        stops = np.concatenate([every + 1, every + 1, np.full(size, size)])
        _, unique = np.unique(starts * (size + 1) + stops, return_index=True)
        starts, stops = starts[unique], stops[unique]
    kept = stops - starts < size
    return starts[kept], stops[kept]


def _terms(returned: KernelResult, place: Index) -> Float64:
    """The products of an entry, padding included, along the axes of `_SUMMED`."""
    g = geometry_of(returned)
    values = {key: operand.value for key, operand in returned.operands.items()}
    if returned.computation.name == Result.BIAS:
        return np.asarray(values["grad_output"][:, place[0]].astype(np.float64))
    windows = (g.height, g.width)
    if returned.computation.name == Result.WEIGHT:
        output, channel = place[:2]
        group = output // g.out_channels
        x = values["x"][:, group * g.in_channels + channel]
        reads = [
            np.arange(w.output) * w.stride + k * w.dilation - w.pad_begin
            for w, k in zip(windows, place[2:], strict=True)
        ]
        return np.asarray(_read(x, *reads) * values["grad_output"][:, output].astype(np.float64))
    image, channel = place[:2]
    if returned.computation.name == Result.OUTPUT:
        group = channel // g.out_channels
        x = values["x"][image, group * g.in_channels : (group + 1) * g.in_channels]
        reads = [
            i * w.stride + np.arange(w.kernel) * w.dilation - w.pad_begin
            for w, i in zip(windows, place[2:], strict=True)
        ]
        return np.asarray(_read(x, *reads) * values["weight"][channel].astype(np.float64))
    group, own = divmod(channel, g.in_channels)
    outputs = slice(group * g.out_channels, (group + 1) * g.out_channels)
    reads = [_reading(w, i) for w, i in zip(windows, place[2:], strict=True)]
    grad = _read(values["grad_output"][image, outputs], *reads)
    return np.asarray(grad * values["weight"][outputs, own].astype(np.float64))


def _reading(window: Window, position: int) -> Indices:
    """For each entry of the kernel, which output reads a position through it; −1 if none does."""
    reached = position + window.pad_begin - np.arange(window.kernel) * window.dilation
    whole = (reached >= 0) & (reached % window.stride == 0)
    return np.where(whole, reached // window.stride, -1)


def _read(values: FloatArray, rows: Indices, columns: Indices) -> Float64:
    """Entries along the last two axes, zero where they are outside."""
    height, width = values.shape[-2:]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    taken = values[..., rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    return np.where(inside, taken.astype(np.float64), 0.0)
