"""A convolution as several smaller ones, so that memory stays bounded.

A slice of the result depends on slices of operands (`result_slices`). A gradient that sums over the
images is the sum of those of groups of images (`summed_slices`): that is an order of its sums, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pybridge.problem.computation import Computation
from pybridge.problem.results import Result

__all__ = ["Slice", "result_slices", "summed_slices", "sums_images"]

_X, _WEIGHT, _BIAS = "x", "weight", "bias"


@dataclass(frozen=True, slots=True)
class Slice:
    """A smaller computation, and what of each operand and of the result it has.

    `axes` says along which axis an operand is cut; the result is cut along `axis`, whole if that is
    None.
    """

    computation: Computation
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


def sums_images(computation: Computation) -> bool:
    """Whether a result sums over the images of a convolution."""
    return computation.geometry is not None and computation.name in (Result.WEIGHT, Result.BIAS)


def result_slices(computation: Computation, parts: int) -> Iterator[Slice]:
    """Cut a result into at most so many parts of about one size.

    They are groups of images, or of channels if there are more of those and no groups.
    """
    images = ("batch", {_X: 0, "grad_output": 0}, 0)
    outputs: tuple[str, dict[str, int], int] = (
        "out_channels",
        {_WEIGHT: 0, _BIAS: 0, "grad_output": 1},
        1 if computation.name == Result.OUTPUT else 0,
    )
    inputs = ("in_channels", {_X: 1, _WEIGHT: 1}, 1)
    ways: dict[str, list[Any]] = {
        Result.OUTPUT: [images, outputs],
        Result.INPUT: [images, inputs],
        Result.WEIGHT: [outputs],
        Result.BIAS: [],
    }
    yield from _cut(computation, ways[computation.name] if computation.geometry else [], parts)


def summed_slices(computation: Computation, parts: int) -> Iterator[Slice]:
    """Cut the images of a result that sums over them into at most so many groups."""
    images = ("batch", {_X: 0, "grad_output": 0}, None)
    yield from _cut(computation, [images] if sums_images(computation) else [], parts)


def _cut(
    computation: Computation, ways: list[tuple[str, dict[str, int], Any]], parts: int
) -> Iterator[Slice]:
    geometry = computation.geometry
    if parts <= 1 or geometry is None:
        yield Slice(computation, {}, None, 0, 0)
        return
    fitting = [way for way in ways if way[0] == "batch" or geometry.groups == 1]
    enough = [way for way in fitting if getattr(geometry, way[0]) >= parts]
    chosen = enough[:1] or sorted(fitting, key=lambda way: -getattr(geometry, way[0]))[:1]
    if not chosen:
        yield Slice(computation, {}, None, 0, 0)
        return
    field, axes, axis = chosen[0]
    size = getattr(geometry, field)
    parts = min(parts, size)
    for k in range(parts):
        start, stop = k * size // parts, (k + 1) * size // parts
        part = computation.of_geometry(geometry.model_copy(update={field: stop - start}))
        yield Slice(part, axes, axis, start, stop)
