"""The part of a result in which its failing entries are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Mask
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.parts import Indices
from pybridge.problem.shapes import Pooling

__all__ = ["extent"]

_CHANCE = 0.01
"""The largest probability that entries at random would all be in a part that is named."""

_OVER_PIXELS = ("output", "input")
"""The results of convolutions and poolings over whose last axes windows move."""


def extent(returned: KernelResult, failures: Mask) -> Iterator[str]:
    """Yield the part of the result in which all failing entries are, if it is not the whole."""
    computation = returned.computation
    failures = np.asarray(computation.outward(failures))
    failed = np.count_nonzero(failures)
    geometry = computation.geometry if isinstance(computation.geometry, Geometry) else None
    windows: dict[int, Window] = {}
    if computation.name in _OVER_PIXELS and isinstance(computation.geometry, Geometry | Pooling):
        moving = computation.geometry.windows
        windows = dict(enumerate(moving, failures.ndim - len(moving)))
    for axis, name in enumerate(computation.axes):
        others = tuple(k for k in range(failures.ndim) if k != axis)
        size = failures.shape[axis]
        hit = np.flatnonzero(failures.any(axis=others))
        if (hit.size / size) ** (failed - 1) > _CHANCE:
            continue
        if hit.size == 1:
            yield f"only {name} {hit[0]}"
        elif geometry is not None and (group := _group(geometry, name, size, hit)) is not None:
            yield f"only group {group}"
        elif axis in windows and _is_border(windows[axis], size, hit):
            yield f"only {name}s at the border"
        elif 2 * hit.size <= size and hit[-1] - hit[0] == hit.size - 1:
            yield f"only {name}s {hit[0]} to {hit[-1]}"
    if len(windows) < 2:
        return
    inner = failures
    for axis, window in windows.items():
        size, width = failures.shape[axis], _border(window)
        others = tuple(k for k in range(failures.ndim) if k != axis)
        if size <= 2 * width or failures.any(axis=others).sum() < size:
            return
        inner = np.take(inner, np.arange(width, size - width), axis)
    share = 1 - inner.size / failures.size
    if not inner.any() and share ** (failed - 1) <= _CHANCE:
        *first, last = (f"{computation.axes[axis]}s" for axis in windows)
        yield f"only {', '.join(first)} and {last} at the border"


def _group(geometry: Geometry, name: str, size: int, hit: Indices) -> int | None:
    """Return the group that these channels make up; None if they are no whole group."""
    channels = {"output channel": geometry.out_channels, "input channel": geometry.in_channels}
    each = channels.get(name)
    if each is None or geometry.groups == 1 or size != geometry.groups * each or hit.size != each:
        return None
    first, last = int(hit[0]) // each, int(hit[-1]) // each
    return first if first == last else None


def _border(window: Window) -> int:
    return max(window.pad_begin, window.pad_end, 1)


def _is_border(window: Window, size: int, hit: Indices) -> bool:
    width = _border(window)
    return size > 2 * width and bool(((hit < width) | (hit >= size - width)).all())
