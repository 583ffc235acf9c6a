"""Parts of a computation: fewer iterations of some loops, and the entries that they read.

A part is a computation of its own, for hints about some entries. To compute a large result in
little memory, `Estimator.slices` cuts it into ranges.

A loop is *free* if it is only counted: each axis that depends on it is the row-major merge of
loops, as the axis of groups and channels is, and has an extent that says so. Such a loop can have
any of its iterations left out, and with them entries of the operands and of the result. The loops
over rows and columns of a convolution are not free: a row of the output reads several of the input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.exported.document import Axis, Contraction
from pybridge.exported.expressions import size_parameters, size_value
from pybridge.exported.identity import Same
from pybridge.problem.computation import Computation

__all__ = ["Indices", "Loops", "Part"]

Indices: TypeAlias = npt.NDArray[np.intp]
Merge: TypeAlias = tuple[int, ...]
"""The loops of an axis, outermost first."""


@dataclass(frozen=True, slots=True, eq=False)
class Loops:
    """The loops of a computation: `outs` loops of the result, and then the loops of the sum.

    `names` are the numbers that say how often each is run, None if that is not a single number.
    `result` has the loops of each axis of the result, `operands` those of each operand's axes, None
    if an axis is not the merge of loops. `free` lists the free loops.
    """

    names: tuple[str | None, ...]
    sizes: tuple[int, ...]
    outs: int
    result: tuple[Merge, ...]
    operands: Mapping[str, tuple[Merge | None, ...]]
    free: tuple[int, ...]

    @classmethod
    def of(cls, computation: Computation) -> Loops:
        """Return the loops of a computation."""
        numbers = tuple(sorted(computation.numbers.items()))
        return _loops(Same(computation.contraction), numbers)

    @property
    def result_sizes(self) -> tuple[int, ...]:
        """How often the loops of the result are run."""
        return self.sizes[: self.outs]


@lru_cache(maxsize=256)
def _loops(key: Same[Contraction], items: tuple[tuple[str, int], ...]) -> Loops:
    contraction, numbers = key.held, dict(items)
    expressions = [size for axis in contraction.out for size in axis]
    outs = len(expressions)
    expressions += contraction.red
    names = tuple(size if isinstance(size, str) else None for size in expressions)
    sizes = tuple(size_value(size, numbers) for size in expressions)
    result, start = [], 0
    for sizes_of in contraction.out:
        result.append(tuple(range(start, start + len(sizes_of))))
        start += len(sizes_of)
    bound = {k for k, name in enumerate(names) if name is None or names.count(name) > 1}
    operands: dict[str, tuple[Merge | None, ...]] = {}
    for access in (*contraction.factors, *contraction.addends):
        merges = []
        for axis in access.axes:
            coefficients = _coefficients(axis, numbers)
            merges.append(_merge(axis, coefficients, sizes, numbers))
            counted = set(size_parameters(axis.extent)) if merges[-1] is not None else set()
            bound |= {k for k, c in enumerate(coefficients) if c and names[k] not in counted}
        operands[access.name] = tuple(merges)
    free = tuple(k for k in range(len(sizes)) if k not in bound)
    return Loops(names, sizes, outs, tuple(result), operands, free)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The part of a computation with some iterations of free loops.

    `computation` is the part as one of its own, of the contraction's axes.
    """

    whole: Computation
    loops: Loops
    chosen: Mapping[int, Indices]
    computation: Computation

    @classmethod
    def of(cls, whole: Computation, chosen: Mapping[int, Indices]) -> Part:
        """Return the part of the iterations `chosen` of free loops."""
        loops = Loops.of(whole)
        if not chosen:
            return cls(whole, loops, chosen, whole)
        counts = {str(loops.names[loop]): len(indices) for loop, indices in chosen.items()}
        shape = whole.geometry
        if shape is not None:
            shape = shape.model_copy(update={_snake(name): n for name, n in counts.items()})
        part = replace(
            whole, numbers={**whole.numbers, **counts}, geometry=shape, arranged={}, result=None
        )
        return cls(whole, loops, chosen, part)

    def result_indices(self) -> list[Indices | None]:
        """Return the indices along each axis of the result; None for all of them."""
        return [self._indices(merge) for merge in self.loops.result]

    def operand(self, name: str, array: Any) -> Any:
        """Return the part's entries of an operand: a view if the indices are consecutive."""
        merges = self.loops.operands[name]
        return _taken(array, [None if merge is None else self._indices(merge) for merge in merges])

    def of_result(self, array: Any) -> Any:
        """Return the part's entries of the result: a view if the indices are consecutive."""
        return _taken(array, self.result_indices())

    def _indices(self, merge: Merge) -> Indices | None:
        if not any(loop in self.chosen for loop in merge):
            return None
        total = np.zeros(1, np.intp)
        for loop in merge:
            size = self.loops.sizes[loop]
            own = self.chosen[loop] if loop in self.chosen else np.arange(size)
            total = (total[:, None] * size + own).ravel()
        return total


def _taken(array: Any, indices: Sequence[Indices | None]) -> Any:
    for axis, along in enumerate(indices):
        if along is None:
            continue
        before = (slice(None),) * axis
        first, count = int(along[0]), len(along)
        if (np.diff(along) == 1).all():
            array = array[(*before, slice(first, first + count))]
        else:
            array = array[(*before, along)]
    return array


def _snake(name: str) -> str:
    """Return a shape's name of a number: `in_channels` for `inChannels`."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


def _coefficients(axis: Axis, numbers: Mapping[str, int]) -> tuple[int, ...]:
    """Return the coefficients of an axis's index: one for each loop, or if it is an addend's, for
    each loop of the result.
    """
    return tuple(size_value(size, numbers) for size in (*axis.index.out, *axis.index.red))


def _merge(
    axis: Axis, coefficients: Sequence[int], sizes: Sequence[int], numbers: Mapping[str, int]
) -> Merge | None:
    """Return the loops that an axis is the row-major merge of, None if it is none."""
    index = axis.index
    if size_value(index.divisor, numbers) != 1 or size_value(index.offset, numbers) != 0:
        return None
    loops = [k for k, c in enumerate(coefficients) if c]
    loops.sort(key=lambda k: (-coefficients[k], -sizes[k]))
    step = 1
    for loop in reversed(loops):
        if coefficients[loop] != step:
            return None
        step *= sizes[loop]
    return tuple(loops) if step == size_value(axis.extent, numbers) else None
