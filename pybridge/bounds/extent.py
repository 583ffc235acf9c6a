"""In which part of a result its failing entries are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Mask

__all__ = ["extent"]

Indices: TypeAlias = npt.NDArray[np.intp]

_CHANCE = 0.01
"""How likely a part may be that all failing entries are in it, were they anywhere at random."""


def extent(returned: KernelResult, failures: Mask) -> Iterator[str]:
    """The part of the result in which all failing entries are, if it is not the whole."""
    failures = np.asarray(returned.computation.outward(failures))
    failed = np.count_nonzero(failures)
    for axis, name in enumerate(returned.computation.axes):
        others = tuple(k for k in range(failures.ndim) if k != axis)
        size = failures.shape[axis]
        hit = np.flatnonzero(failures.any(axis=others))
        if (hit.size / size) ** (failed - 1) > _CHANCE:
            continue
        if hit.size == 1:
            yield f"only {name} {hit[0]}"
        elif (group := _group(returned, axis, hit)) is not None:
            yield f"only group {group}"
        elif name in ("row", "column") and _is_border(returned, axis, size, hit):
            yield f"only {name}s at the border"
        elif 2 * hit.size <= size and hit[-1] - hit[0] == hit.size - 1:
            yield f"only {name}s {hit[0]} to {hit[-1]}"
    if returned.computation.axes[2:] == ("row", "column"):
        inner = failures
        for axis in (2, 3):
            size = failures.shape[axis]
            width = _border(returned, axis)
            if size <= 2 * width or failures.any(axis=(0, 1, 5 - axis)).sum() < size:
                return
            inner = np.take(inner, np.arange(width, size - width), axis)
        share = 1 - inner.size / failures.size
        if not inner.any() and share ** (failed - 1) <= _CHANCE:
            yield "only rows and columns at the border"


def _group(returned: KernelResult, axis: int, hit: Indices) -> int | None:
    """The one group that channels are in, and are all of."""
    g = returned.computation.geometry
    if g is None:
        return None
    channels = {("output", 1): g.out_channels, ("weight", 0): g.out_channels}
    channels |= {("bias", 0): g.out_channels, ("input", 1): g.in_channels}
    each = channels.get((returned.computation.name, axis))
    if each is None or g.groups == 1 or hit.size != each:
        return None
    first, last = int(hit[0]) // each, int(hit[-1]) // each
    return first if first == last else None


def _border(returned: KernelResult, axis: int) -> int:
    geometry = returned.computation.geometry
    if geometry is None:
        return 1
    window = geometry.height if axis == 2 else geometry.width
    return max(window.pad_begin, window.pad_end, 1)


def _is_border(returned: KernelResult, axis: int, size: int, hit: Indices) -> bool:
    width = _border(returned, axis)
    return size > 2 * width and bool(((hit < width) | (hit >= size - width)).all())
