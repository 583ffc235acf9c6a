"""Terms that a kernel left out, counted twice or with the wrong sign, inferred from a few entries.

All terms of some entries are computed in float64. What an entry lacks is compared with the sums of
its terms over whole images, channels, rows, and the parts that kernels divide sums into. That is a
search, not a proof: the caller checks what it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pybridge.bounds.entry_terms import EntryTerms
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Index, Mask
from pybridge.engine.upward import Float64
from pybridge.problem.computation import Computation
from pybridge.problem.geometry import index_names
from pybridge.problem.operands import Operand
from pybridge.problem.parts import Indices, Loops, Merge

__all__ = ["SPLITS", "Missing", "missing"]

_FACTORS: Mapping[int, str] = {1: "left out", -1: "counted twice", 2: "of the wrong sign"}
"""How many times the terms are missing."""

_NAMES: Mapping[str, str] = {
    "batch": "batch element",
    "inChannels": "input channel",
    "outChannels": "output channel",
    "kernelH": "kernel row",
    "kernelW": "kernel column",
    "outputH": "output row",
    "outputW": "output column",
    "B": "batch element",
    "M": "row",
    "N": "column",
    "K": "inner position",
}
"""What the loops of a sum count; channels are counted within a group."""

_RANGES = 512
"""The most indices of an axis for which all ranges are tried; of longer axes, only single indices
and ranges at an end.
"""

SPLITS = (2, 4, 8, 16, 32, 64, 128)
"""Into how many parts of consecutive terms kernels divide sums."""

_TAIL = 4096
"""Up to so many terms at the end are tried as missing."""

_FITTING = 8
"""The most fitting parts of a family that are compared with others, beside the last one."""

_NEAR = 0.01
"""Two parts fit about as well if what they leave differs by no more than this, in units of what is
allowed.
"""

_TRIED = 3
"""The most parts that are named, the likeliest first."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the terms: from `start` to `stop` in the order of these axes. `rank` says how unusual
    it is that just these are missing, `words` what they are.
    """

    axes: tuple[int, ...]
    start: int
    stop: int
    rank: int
    words: str

    def mask(self, shape: Sequence[int]) -> Mask:
        """Return a mask of these terms among all."""
        marked = np.zeros(shape, bool)
        sizes = [shape[axis] for axis in self.axes]
        chosen = np.zeros(math.prod(sizes), bool)
        chosen[self.start : self.stop] = True
        np.moveaxis(marked, self.axes, range(len(self.axes)))[chosen.reshape(sizes)] = True
        return marked


@dataclass(frozen=True, slots=True)
class _Family:
    """Parts of the terms in the order of some axes, by their starts and stops."""

    name: str
    axes: tuple[int, ...]
    rank: int
    starts: Indices
    stops: Indices

    def part(self, k: int, shape: Sequence[int]) -> _Part:
        """Return the part number k."""
        start, stop = int(self.starts[k]), int(self.stops[k])
        size = math.prod(shape[axis] for axis in self.axes)
        length = stop - start
        if "{" in self.name:
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
        if self.name == "term":
            words += f" of {size} in order"
        return _Part(self.axes, start, stop, self.rank + usual, words)


@dataclass(frozen=True, slots=True)
class Missing:
    """Terms that are missing `factor` times; `alone` if no other part fits about as well."""

    part: _Part
    factor: int
    shape: tuple[int, ...]
    alone: bool

    @property
    def words(self) -> str:
        """What a kernel did to get such a result, as a clause: `as if …`."""
        others = "" if self.alone else " (other terms fit as well)"
        return f"as if {self.part.words} were {_FACTORS[self.factor]}{others}"

    def of(self, returned: KernelResult) -> KernelResult | None:
        """Return the result of which these terms are missing.

        None unless a factor has an entry of its own for each term of a sum.
        """
        loops = Loops.of(returned.computation)
        for key in returned.computation.factors:
            indices = _read_indices(loops, loops.operands[key])
            if indices is None:
                continue
            mask = self.part.mask(self.shape)[indices]
            operand = returned.operands[key]
            factors = np.where(mask, 1 - self.factor, 1).astype(operand.value.dtype)
            with np.errstate(over="ignore"):
                values = np.ascontiguousarray(operand.value * factors)
            changed = {**returned.operands, key: Operand(values, operand.eps)}
            return replace(returned, operands=changed)
        return None


def _read_indices(loops: Loops, merges: Sequence[Merge | None]) -> tuple[Indices, ...] | None:
    """Return the index of each loop of the sum at which each entry of an operand is read, or
    None.
    """
    indices: dict[int, Indices] = {}
    for axis, merge in enumerate(merges):
        if merge is None:
            return None
        size = math.prod(loops.sizes[loop] for loop in merge)
        position = np.arange(size).reshape([-1 if k == axis else 1 for k in range(len(merges))])
        for loop in reversed(merge):
            if loop >= loops.outs:
                indices[loop - loops.outs] = position % loops.sizes[loop]
            position = position // loops.sizes[loop]
    summed = range(len(loops.sizes) - loops.outs)
    if any(loop not in indices and loops.sizes[loops.outs + loop] > 1 for loop in summed):
        return None
    return tuple(indices.get(loop, np.zeros(1, np.intp)) for loop in summed)


def missing(
    returned: KernelResult, indices: Sequence[Index], lacking: Float64, allowance: Float64
) -> Iterator[Missing]:
    """Yield the parts whose terms sum to what entries lack, up to what is allowed.

    `lacking` is the right values of the entries at `indices` less their actual values.
    """
    values = {key: operand.value for key, operand in returned.operands.items()}
    sums = EntryTerms(returned.computation, values)
    terms = np.array([sums.products(index) for index in indices])
    shape = terms.shape[1:]
    if not shape:
        return
    every = tuple(range(1, terms.ndim))
    allowed = allowance + np.abs(terms).sum(axis=every) * 2.0**-50
    fits: list[tuple[float, _Part, int]] = []
    for family in _families(_names(returned.computation), shape):
        summed = tuple(k + 1 for k in range(len(shape)) if k not in family.axes)
        totals = np.zeros((len(terms), math.prod(shape[axis] for axis in family.axes) + 1))
        np.cumsum(terms.sum(axis=summed).reshape(len(terms), -1), axis=1, out=totals[:, 1:])
        between = totals[:, family.stops] - totals[:, family.starts]
        for factor in _FACTORS:
            with np.errstate(all="ignore"):
                off = np.abs(lacking[:, None] - factor * between) / allowed[:, None]
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
        yield Missing(part, factor, shape, len(different) == 1)


def _names(computation: Computation) -> list[str]:
    """Return what each loop of the sum counts."""
    loops, counted = Loops.of(computation), dict(_NAMES)
    windows = getattr(computation.geometry, "windows", ())
    for axis, what in enumerate(index_names(len(windows))):
        counted |= {f"kernel{axis}": f"kernel {what}", f"output{axis}": f"output {what}"}
        counted[f"size{axis}"] = f"input {what}"
    for operand, name in zip(computation.factors, "PQ", strict=False):
        counted[name] = f"inner position of {computation.called(operand)} alone"
    return [counted.get(name or "", f"index of {name}") for name in loops.names[loops.outs :]]


def _families(names: Sequence[str], shape: Sequence[int]) -> Iterator[_Family]:
    every = tuple(range(len(shape)))
    for axis, what in enumerate(names):
        yield _Family(what, (axis,), 10 * axis, *_ranges(shape[axis]))
    if len(names) > 1:
        yield from _pairs(names, shape)
    yield _Family("term", every, 10 * (len(every) + 1), *_runs(math.prod(shape)))


def _pairs(names: Sequence[str], shape: Sequence[int]) -> Iterator[_Family]:
    """Yield single iterations of two loops: the taps of a kernel, or the first two loops."""
    axes, words = (0, 1), f"{names[1]} {{1}} of {names[0]} {{0}}"
    taps = tuple(axis for axis, name in enumerate(names) if name.startswith("kernel "))
    if len(taps) == 2:
        axes, words = (taps[0], taps[1]), "kernel tap ({}, {})"
    singles = np.arange(shape[axes[0]] * shape[axes[1]])
    if min(shape[axis] for axis in axes) > 1:
        yield _Family(words, axes, 10 * len(shape), singles, singles + 1)


def _runs(size: int) -> tuple[Indices, Indices]:
    """Return the starts and stops of the parts that kernels divide sums of so many terms into."""
    each = sorted({-(-size // splits) for splits in SPLITS} - {size})
    starts = np.concatenate([np.arange(0, size, length) for length in each] or [np.arange(0)])
    stops = np.concatenate(
        [np.minimum(np.arange(0, size, n) + n, size) for n in each] or [np.arange(0)]
    )
    tails = np.arange(size - min(size - 1, _TAIL), size)
    return np.concatenate([starts, tails]), np.concatenate([stops, np.full(len(tails), size)])


def _ranges(size: int) -> tuple[Indices, Indices]:
    """Return the starts and stops of ranges of an axis that are neither empty nor all of it."""
    starts, stops = np.triu_indices(min(size, _RANGES) + 1, 1)
    if size > _RANGES:
        every = np.arange(size)
        starts = np.concatenate([every, np.zeros(size, np.intp), every])
        stops = np.concatenate([every + 1, every + 1, np.full(size, size)])
        _, unique = np.unique(starts * (size + 1) + stops, return_index=True)
        starts, stops = starts[unique], stops[unique]
    kept = stops - starts < size
    return starts[kept], stops[kept]
