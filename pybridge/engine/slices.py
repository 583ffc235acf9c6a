"""A convolution as several smaller ones, so that memory stays bounded.

A slice of the result depends on slices of operands (`result_slices`). A gradient that sums over the
images is the sum of those of groups of images (`summed_slices`): that is an order of its sums, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pybridge.problem.geometry import Geometry
from pybridge.problem.results import Result

__all__ = ["Slice", "result_slices", "summed_slices"]

_X, _WEIGHT, _BIAS = "x", "weight", "bias"


@dataclass(frozen=True, slots=True)
class Slice:
    """A smaller convolution: its geometry, and what of each operand and of the result it has.

    `axes` says along which axis an operand is cut; the result is cut along `axis`, whole if that is
    None.
    """

    geometry: Geometry
    axes: Mapping[str, int]
    axis: int | None
    start: int
    stop: int

    def of(self, key: str, array: Any) -> Any:
        """The part of an operand: a view."""
        return self._cut(array, self.axes.get(key))

    def of_result(self, array: Any) -> Any:
        """The part of a result: a view."""
        return self._cut(array, self.axis)

    def _cut(self, array: Any, axis: int | None) -> Any:
        if axis is None:
            return array
        return array[(slice(None),) * axis + (slice(self.start, self.stop),)]


def result_slices(which: Result, geometry: Geometry, parts: int) -> Iterator[Slice]:
    """Cut a result into at most so many parts of about one size.

    They are groups of images, or of channels if there are more of those and no groups.
    """
    images = ("batch", {_X: 0, "grad_output": 0}, 0)
    outputs: tuple[str, dict[str, int], int] = (
        "out_channels",
        {_WEIGHT: 0, _BIAS: 0, "grad_output": 1},
        1 if which is Result.OUTPUT else 0,
    )
    inputs = ("in_channels", {_X: 1, _WEIGHT: 1}, 1)
    ways = {
        Result.OUTPUT: [images, outputs],
        Result.INPUT: [images, inputs],
        Result.WEIGHT: [outputs],
        Result.BIAS: [],
    }
    yield from _cut(geometry, ways[which], parts)


def summed_slices(which: Result, geometry: Geometry, parts: int) -> Iterator[Slice]:
    """Cut the images of a result that sums over them into at most so many groups."""
    images = ("batch", {_X: 0, "grad_output": 0}, None)
    summed = which in (Result.WEIGHT, Result.BIAS)
    yield from _cut(geometry, [images] if summed else [], parts)


def _cut(
    geometry: Geometry, ways: list[tuple[str, dict[str, int], Any]], parts: int
) -> Iterator[Slice]:
    fitting = [way for way in ways if way[0] == "batch" or geometry.groups == 1]
    enough = [way for way in fitting if getattr(geometry, way[0]) >= parts]
    chosen = enough[:1] or sorted(fitting, key=lambda way: -getattr(geometry, way[0]))[:1]
    if parts <= 1 or not chosen:
        yield Slice(geometry, {}, None, 0, 0)
        return
    field, axes, axis = chosen[0]
    size = getattr(geometry, field)
    parts = min(parts, size)
    for k in range(parts):
        start, stop = k * size // parts, (k + 1) * size // parts
        yield Slice(geometry.model_copy(update={field: stop - start}), axes, axis, start, stop)
