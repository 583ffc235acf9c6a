"""A computation as several smaller ones, so that memory stays bounded.

A slice of the result depends on slices of operands (`result_slices`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pybridge.problem.computation import Computation
from pybridge.problem.parts import Loops, Part

__all__ = ["most_slices", "result_slices", "sums_first_axes"]


def sums_first_axes(computation: Computation) -> bool:
    """Return whether a result sums over a free loop that counts the first axis of each factor."""
    return _summed_loop(computation) is not None


def most_slices(computation: Computation) -> int:
    """Return how many parts `result_slices` makes at most of the loop that it prefers."""
    loops = Loops.of(computation)
    return loops.sizes[_cuttable(loops)[0]] if _cuttable(loops) else 1


def result_slices(computation: Computation, parts: int) -> Iterator[Part]:
    """Cut a result into at most so many parts of about one size, along one of its free loops.

    It is the first loop of enough iterations, or the longest.
    """
    yield from _cut(computation, _cuttable(Loops.of(computation)), parts)


def _summed_loop(computation: Computation) -> int | None:
    loops = Loops.of(computation)
    firsts = {loops.operands[name][0] for name in computation.factors if loops.operands[name]}
    if len(firsts) != 1 or len(loops.operands) > len(computation.factors):
        return None
    merge = firsts.pop()
    if merge is None or len(merge) != 1 or merge[0] < loops.outs:
        return None
    return merge[0] if merge[0] in loops.free else None


def _cuttable(loops: Loops) -> list[int]:
    """Return the free loops of the result whose ranges are ranges of every axis, too.

    They come before all loops that are not free.
    """
    merges = [*loops.result, *(m for axes in loops.operands.values() for m in axes if m)]
    bound = [loop for loop in range(loops.outs) if loop not in loops.free]
    return [
        loop
        for loop in loops.free
        if loop < min([loops.outs, *bound])
        and loops.sizes[loop] > 1
        and all(loops.sizes[k] == 1 for m in merges if loop in m for k in m[: m.index(loop)])
    ]


def _cut(computation: Computation, ways: Sequence[int], parts: int) -> Iterator[Part]:
    sizes = Loops.of(computation).sizes
    enough = [loop for loop in ways if sizes[loop] >= parts]
    chosen = enough[:1] or sorted(ways, key=lambda loop: -sizes[loop])[:1]
    if parts <= 1 or not chosen:
        yield Part.of(computation, {})
        return
    size = sizes[chosen[0]]
    parts = min(parts, size)
    for k in range(parts):
        yield Part.of(
            computation, {chosen[0]: np.arange(k * size // parts, (k + 1) * size // parts)}
        )
