"""A part of a result as a result of its own: some images and channels, with all their terms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Index, Mask
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

__all__ = ["Indices", "Region", "crop", "geometry_of", "multiply_adds"]

Indices: TypeAlias = npt.NDArray[np.intp]

_DIMENSIONS: Mapping[Result, tuple[str, ...]] = {
    Result.OUTPUT: ("batch", "group", "output"),
    Result.BIAS: ("group", "output"),
    Result.WEIGHT: ("group", "output", "input"),
    Result.INPUT: ("batch", "group", "input"),
}
"""What a result may be cropped along: images, groups, and channels, counted in each group."""

_LISTED = (("batch",), ("group", "output"), ("group", "input"))
"""What axes of a result count that may be cropped: words list the indices along each."""

_MOST = 8
"""The most indices along such an axis in a part, so that words can list them."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The entries of a result that have these indices, along each dimension of `_DIMENSIONS`."""

    returned: KernelResult
    chosen: Mapping[str, Indices]

    @classmethod
    def whole(cls, returned: KernelResult) -> Self:
        """All entries."""
        return cls(returned, {name: np.arange(size) for name, size in _sizes(returned).items()})

    @classmethod
    def around(cls, returned: KernelResult, failures: Mask, worst: Index, work: int) -> Self:
        """A few entries that take at most so many multiply-adds, or the fewest that there can be.

        Only images and channels with failing entries, those of the worst entry among them.
        """
        sizes = _sizes(returned)
        places = _by_dimension(returned, failures)
        at = np.argwhere(_by_dimension(returned, _only(failures, worst)))[0]
        first = dict(zip(sizes, at.tolist(), strict=True))
        axes = range(len(sizes))
        hits = {
            name: np.flatnonzero(places.any(axis=tuple(k for k in axes if k != axis)))
            for axis, name in enumerate(sizes)
        }
        counts = {name: len(hit) for name, hit in hits.items()}
        each = multiply_adds(returned) / math.prod(sizes.values())
        limits = [(tuple(counts), work / each)]
        limits += [(listed, _MOST) for listed in _LISTED if set(listed) <= set(counts)]
        for names, most in limits:
            while math.prod(counts[name] for name in names) > most:
                largest = max(names, key=lambda name: counts[name])
                if counts[largest] == 1:
                    break
                counts[largest] = (counts[largest] + 1) // 2
        return cls(
            returned, {name: _spread(hits[name], first[name], counts[name]) for name in sizes}
        )

    @property
    def is_whole(self) -> bool:
        """Whether these are all entries."""
        return all(len(self.chosen[name]) == size for name, size in _sizes(self.returned).items())

    def indices(self, name: str) -> Indices:
        """All indices along a dimension that is summed over, else those of the region."""
        geometry = geometry_of(self.returned)
        sizes = {
            "batch": geometry.batch,
            "group": geometry.groups,
            "output": geometry.out_channels,
            "input": geometry.in_channels,
        }
        return self.chosen[name] if name in self.chosen else np.arange(sizes[name])

    def channels(self, name: str) -> Indices:
        """Channels of all groups, counted through: "output" or "input"."""
        geometry = geometry_of(self.returned)
        each = geometry.out_channels if name == "output" else geometry.in_channels
        return np.asarray((self.indices("group")[:, None] * each + self.indices(name)).ravel())

    @property
    def words(self) -> str:
        """Which entries, and how many, in words."""
        shape = self.of_result(self.returned.values).shape
        parts = [self._listed(axis, name) for axis, name in self._axes()]
        where = ", ".join(part for part in parts if part)
        return f"{math.prod(shape)} of {self.returned.values.size} entries: {where}"

    def of_result(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The entries of an array of the result's shape."""
        if self.is_whole:
            return values
        return values[np.ix_(*(indices for _, indices in self._result_indices()))]

    def _axes(self) -> Iterator[tuple[Indices, str]]:
        for axis, (size, indices) in enumerate(self._result_indices()):
            if len(indices) < size:
                yield indices, self.returned.computation.axes[axis]

    def _result_indices(self) -> list[tuple[int, Indices]]:
        """The length and the indices of each axis of the result that may be cropped."""
        outputs, inputs = self.channels("output"), self.channels("input")
        axes = {
            Result.OUTPUT: (self.indices("batch"), outputs),
            Result.BIAS: (outputs,),
            Result.WEIGHT: (outputs, self.indices("input")),
            Result.INPUT: (self.indices("batch"), inputs),
        }[Result(self.returned.computation.name)]
        return list(zip(self.returned.values.shape, axes, strict=False))

    @staticmethod
    def _listed(indices: Indices, name: str) -> str:
        *first, last = (str(int(i)) for i in indices)
        return f"{name}s {', '.join(first)} and {last}" if first else f"{name} {last}"


def multiply_adds(returned: KernelResult) -> int:
    """The most products that a result sums, of all its entries."""
    return int(returned.computation.terms * returned.values.size)


def crop(region: Region, returned: KernelResult | None = None) -> KernelResult:
    """The result of the entries of a region, with what they depend on.

    Another result of the same shapes may stand for the region's own.
    """
    whole = region.returned if returned is None else returned
    if region.is_whole:
        return whole
    geometry: Geometry = geometry_of(whole).model_copy(
        update={
            "batch": len(region.indices("batch")),
            "groups": len(region.indices("group")),
            "out_channels": len(region.indices("output")),
            "in_channels": len(region.indices("input")),
        }
    )
    batch, inputs, outputs = (
        region.indices("batch"),
        region.channels("input"),
        region.channels("output"),
    )
    axes: Mapping[str, Sequence[Indices]] = {
        "x": (batch, inputs),
        "weight": (outputs, region.indices("input")),
        "grad_output": (batch, outputs),
        "bias": (outputs,),
    }

    def taken(key: str, values: FloatArray) -> FloatArray:
        return np.ascontiguousarray(values[np.ix_(*axes[key])])

    return replace(
        whole,
        computation=whole.computation.of_geometry(geometry),
        values=np.ascontiguousarray(region.of_result(whole.values)),
        operands={
            key: Operand(taken(key, operand.value), operand.eps)
            for key, operand in whole.operands.items()
        },
    )


def geometry_of(returned: KernelResult) -> Geometry:
    """The geometry of a convolution's result."""
    geometry = returned.computation.geometry
    assert geometry is not None
    return geometry


def _sizes(returned: KernelResult) -> dict[str, int]:
    geometry = geometry_of(returned)
    sizes = {
        "batch": geometry.batch,
        "group": geometry.groups,
        "output": geometry.out_channels,
        "input": geometry.in_channels,
    }
    return {name: sizes[name] for name in _DIMENSIONS[Result(returned.computation.name)]}


def _by_dimension(returned: KernelResult, mask: Mask) -> Mask:
    """Where a mask of the result's shape is true anywhere, along each of `_DIMENSIONS`."""
    sizes = tuple(_sizes(returned).values())
    return np.asarray(mask.reshape(*sizes, -1).any(axis=-1))


def _only(mask: Mask, index: Index) -> Mask:
    only = np.zeros_like(mask)
    only[index] = True
    return only


def _spread(indices: Indices, first: int, count: int) -> Indices:
    """So many of the indices: one of them, the last, and others evenly between."""
    if count >= len(indices):
        return indices
    even = indices[np.linspace(len(indices) - 1, 0, count).astype(int)]
    kept = [first, *(int(i) for i in even if i != first)][:count]
    return np.array(sorted(kept), np.intp)
