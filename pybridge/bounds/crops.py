"""A part of a result as a result of its own: some iterations of its free loops, with all terms.

For a convolution these are some images and channels, for a product some rows and columns.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Index, Mask
from pybridge.engine.backend import backend_of
from pybridge.problem.operands import Operand
from pybridge.problem.parts import Indices, Loops, Part

__all__ = ["Indices", "Region", "crop", "multiply_adds"]

_MOST = 8
"""The most indices along an axis of a region, so that words can list them."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The entries of a result at these iterations of its free loops."""

    returned: KernelResult
    chosen: Mapping[int, Indices]

    @classmethod
    def whole(cls, returned: KernelResult) -> Self:
        """Return the region of all entries."""
        return cls(returned, {})

    @classmethod
    def around(cls, returned: KernelResult, failures: Mask, worst: Index, work: int) -> Self:
        """Return a few entries that take at most `work` multiply-adds, or as few as possible.

        They are at iterations with failing entries, also at those of the worst entry.
        """
        loops = Loops.of(returned.computation)
        free = [loop for loop in loops.free if loop < loops.outs]
        if not free:
            return cls.whole(returned)
        places = failures.reshape(loops.result_sizes)
        first = np.unravel_index(np.ravel_multi_index(worst, failures.shape), loops.result_sizes)
        axes = range(loops.outs)
        hits = {
            loop: np.flatnonzero(places.any(axis=tuple(k for k in axes if k != loop)))
            for loop in free
        }
        counts = {loop: len(hit) for loop, hit in hits.items()}
        each = multiply_adds(returned) / math.prod(loops.sizes[loop] for loop in free)
        limits: list[tuple[list[int], float]] = [(free, work / each)]
        listed = [[loop for loop in merge if loop in free] for merge in loops.result]
        limits += [(merge, _MOST) for merge in listed if merge]
        for group, most in limits:
            while math.prod(counts[loop] for loop in group) > most:
                largest = max(group, key=lambda loop: counts[loop])
                if counts[largest] == 1:
                    break
                counts[largest] = (counts[largest] + 1) // 2
        chosen = {loop: _spread(hits[loop], int(first[loop]), counts[loop]) for loop in free}
        return cls(returned, {k: of for k, of in chosen.items() if len(of) < loops.sizes[k]})

    @classmethod
    def drawn(cls, returned: KernelResult, share: float, chosen: random.Random) -> Self:
        """Draw at least a share of the entries at random: some iterations of free loops, the
        longest loops first.
        """
        loops = Loops.of(returned.computation)
        free = [loop for loop in loops.free if loop < loops.outs]
        drawn = {}
        for loop in sorted(free, key=lambda loop: -loops.sizes[loop]):
            size = loops.sizes[loop]
            count = math.ceil(share * size)
            if count < size:
                drawn[loop] = np.array(sorted(chosen.sample(range(size), count)), np.intp)
                share *= size / count
        return cls(returned, drawn)

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return math.prod(self.part.computation.shape)

    def index(self, own: Index) -> Index:
        """Return the caller's index in the result of an entry of this region."""
        if self.is_whole:
            return own
        along = self.part.result_indices()
        inner = (i if of is None else int(of[i]) for i, of in zip(own, along, strict=True))
        return self.returned.computation.outer_index(tuple(inner))

    @property
    def is_whole(self) -> bool:
        """Whether these are all entries."""
        return not self.chosen

    @property
    def part(self) -> Part:
        """The part of the computation that has these entries."""
        return Part.of(self.returned.computation, self.chosen)

    @property
    def words(self) -> str:
        """Which entries, and how many, in words."""
        count = math.prod(self.of_result(self.returned.values).shape)
        where = ", ".join(self._listed())
        words = f"{count} of {self.returned.values.size} entries"
        return f"{words}: {where}" if where else words

    def of_result(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the entries of an array of the result's shape."""
        return values if self.is_whole else np.asarray(self.part.of_result(values))

    def _listed(self) -> Iterator[str]:
        """Yield the indices along each axis, where the caller's axes are the contraction's."""
        computation = self.returned.computation
        if computation.result is not None and not computation.result.is_plain:
            return
        for name, indices in zip(computation.axes, self.part.result_indices(), strict=True):
            if indices is not None:
                *first, last = (str(int(i)) for i in indices)
                yield f"{name}s {', '.join(first)} and {last}" if first else f"{name} {last}"


def multiply_adds(returned: KernelResult) -> int:
    """Return how many products all entries of a result sum at most."""
    return int(returned.computation.terms * returned.values.size)


def crop(region: Region, returned: KernelResult | None = None) -> KernelResult:
    """Return the result of the entries of a region, with the operands' entries that they depend on.

    `returned` may be another result of the same shapes.
    """
    whole = region.returned if returned is None else returned
    if region.is_whole:
        return whole
    part = Part.of(whole.computation, region.chosen)
    contiguous = backend_of(whole.values).contiguous
    operands = {
        key: Operand(contiguous(part.operand(key, operand.value)), operand.eps)
        for key, operand in whole.operands.items()
    }
    values = contiguous(part.of_result(whole.values))
    rest = None if whole.rest is None else contiguous(part.of_result(whole.rest))
    return replace(whole, computation=part.computation, values=values, operands=operands, rest=rest)


def _spread(indices: Indices, first: int, count: int) -> Indices:
    """Return `count` of the indices: `first`, the last, and others evenly between."""
    if count >= len(indices):
        return indices
    even = indices[np.linspace(len(indices) - 1, 0, count).astype(int)]
    kept = [first, *(int(i) for i in even if i != first)][:count]
    return np.array(sorted(kept), np.intp)
