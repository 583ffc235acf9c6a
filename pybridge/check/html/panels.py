"""Where the entries of a tensor are drawn: a small panel for each kernel or image.

A tensor of four axes is a table of panels, its first axis downward, its second to the right (N × C,
O × I). Where a row of them is too wide, the panels run on in reading order. A tensor of one axis is
one panel, a row of cells that runs on likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt

__all__ = ["LARGEST", "WIDTH", "Label", "Layout", "layout"]

WIDTH = 280.0
"""The width of a figure, in its own units."""

LARGEST = 3000
"""The most entries that are drawn as shapes; more become the pixels of an image."""

_LEFT, _TOP, _GAP = 30.0, 16.0, 6.0
_ROOM = WIDTH - _LEFT
_LEAST, _GOOD, _LARGEST = 4.0, 10.0, 28.0
_TALLEST = 220.0
_SPARSE = 14.0


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place; `anchor` is start, middle or end."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of all cells in row-major order, squares of side `cell`, and labels of the panels."""

    cell: float
    height: float
    places: tuple[tuple[float, float], ...]
    labels: tuple[Label, ...]


def layout(shape: tuple[int, ...], axes: str) -> Layout:
    """The layout of a tensor of one or four axes; `axes` names them, a letter each."""
    if len(shape) == 1:
        return _row(shape[0], axes)
    outer, inner, rows, columns = shape
    across, cell = _arrange(outer, inner, rows, columns)
    gap = _GAP
    if prod(shape) > LARGEST:
        pixels = outer * inner * (rows + 1) * (columns + 1)
        gap = cell = min(cell, sqrt(_ROOM * _TALLEST / pixels))
        across = max(int((_ROOM + gap) // ((columns + 1) * cell)), 1)
    wide, high = columns * cell + gap, rows * cell + gap
    lines = -(-outer * inner // across)
    places = tuple(
        (_LEFT + k % across * wide + j * cell, _TOP + k // across * high + i * cell)
        for k in range(outer * inner)
        for i in range(rows)
        for j in range(columns)
    )
    labels = tuple(_labels(shape, axes, across, wide, high))
    return Layout(cell, _TOP + lines * high - gap, places, labels)


def _arrange(outer: int, inner: int, rows: int, columns: int) -> tuple[int, float]:
    """How many panels stand side by side, and the side of a cell.

    A row of the table, where its cells are large enough; else as many rows as make them largest.
    """

    def cell(across: int) -> float:
        lines = -(-outer * inner // across)
        wide = (_ROOM - _GAP * (across - 1)) / (across * columns)
        return min(_LARGEST, wide, (_TALLEST - _GAP * (lines - 1)) / (lines * rows))

    if cell(inner) >= _GOOD:
        return inner, cell(inner)
    best = max(range(inner, outer * inner + 1, inner), key=cell)
    if cell(best) >= _LEAST:
        return best, cell(best)
    least = min(_LEAST, _ROOM / columns)
    return max(int((_ROOM + _GAP) // (columns * least + _GAP)), 1), least


def _row(entries: int, axes: str) -> Layout:
    cell = min(_LARGEST, max(_ROOM / entries, 8.0))
    across = max(int(_ROOM // cell), 1)
    lines = -(-entries // across)
    places = tuple((_LEFT + k % across * cell, _TOP + k // across * cell) for k in range(entries))
    labels = tuple(
        Label(_LEFT - 5, _TOP + (k + 0.5) * cell + 3.5, "end", f"{axes[0]} {k * across}")
        for k in range(lines)
        if cell >= _SPARSE or k == 0
    )
    return Layout(cell, _TOP + lines * cell, places, labels)


def _labels(
    shape: tuple[int, ...], axes: str, across: int, wide: float, high: float
) -> Iterator[Label]:
    """Labels of the first axis at the left, of the second at the top; or of each line's first."""
    outer, inner = shape[:2]
    if across == inner:
        for o in _sparse(outer, high):
            yield Label(_LEFT - 5, _TOP + o * high + 9, "end", f"{axes[0]} {o}")
        for i in _sparse(inner, wide * 0.6):
            yield Label(_LEFT + i * wide, _TOP - 5, "start", f"{axes[1]} {i}")
        return
    for k in _sparse(-(-outer * inner // across), high):
        o, i = divmod(k * across, inner)
        yield Label(_LEFT - 5, _TOP + k * high + 9, "end", f"{o},{i}")
    yield Label(_LEFT, _TOP - 5, "start", f"{axes[0]}, {axes[1]} in reading order")


def _sparse(count: int, step: float) -> range:
    """Every so many that labels do not touch."""
    return range(0, count, max(int(-(-_SPARSE // step)), 1))
