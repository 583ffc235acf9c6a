"""Some entries of a result in float64, term by term, without matrices."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from pybridge.engine.backend import Array, Backend
from pybridge.engine.dense import Split
from pybridge.engine.estimator import Estimator
from pybridge.engine.indices import AxisReader, Reader
from pybridge.engine.upward import Float64

__all__ = ["some_entries"]

_TERMS = 1 << 20
"""So many terms are read at once."""


def some_entries(estimates: Estimator, entries: npt.NDArray[np.intp]) -> tuple[Float64, Float64]:
    """The values and the sums of magnitudes of entries with these flat indices, in float64.

    Products and sums are rounded to nearest, the sums in any order.
    """
    values, sizes = np.zeros(entries.size), np.zeros(entries.size)
    step = max(_TERMS // max(prod(estimates.split.red_sizes), 1), 1)
    factors = [operand.value for operand in estimates.factors]
    for start in range(0, entries.size, step):
        part = slice(start, start + step)
        terms = _terms(estimates.split, factors, entries[part], estimates.backend)
        values[part] = terms.sum(axis=1)
        sizes[part] = np.abs(terms).sum(axis=1)
    for split, addend in estimates.addends:
        added = _terms(split, [addend.value], entries, estimates.backend)[:, 0]
        values += added
        sizes += np.abs(added)
    return values, sizes


def _terms(
    split: Split, factors: list[Array], entries: npt.NDArray[np.intp], backend: Backend
) -> Float64:
    """The terms of each entry, those that are skipped as zeros: [entries, terms]."""
    outs = np.unravel_index(entries, split.out_sizes)
    terms: Float64 | None = None
    for reader, factor in zip(split.readers, factors, strict=True):
        places, inside = _places(reader, outs, split.red_sizes)
        read = backend.taken(factor, places)
        if inside is not None:
            read = np.where(inside, read, 0.0)
        terms = read if terms is None else terms * read
    assert terms is not None
    full = np.broadcast_to(terms, (entries.size, *split.red_sizes))
    return np.ascontiguousarray(full).reshape(entries.size, -1)


def _places(
    reader: Reader, outs: tuple[npt.NDArray[np.intp], ...], reds: tuple[int, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_] | None]:
    """The flat indices that an operand is read at, and which of them are: [entries, *reds], of size
    one along reductions on which they do not depend.
    """
    places = np.zeros((outs[0].size,) + (1,) * len(reds), np.intp)
    inside: npt.NDArray[np.bool_] | None = None
    for axis in reader.axes:
        at, kept = _along(axis, outs, reds)
        places = places + at * axis.stride
        if kept is not None:
            inside = kept if inside is None else inside & kept
    return places, inside


def _along(
    axis: AxisReader, outs: tuple[npt.NDArray[np.intp], ...], reds: tuple[int, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_] | None]:
    """The indices along an axis, and which of them are inside; None if all are."""
    index = np.full((outs[0].size,) + (1,) * len(reds), axis.offset, np.intp)
    for coefficient, out in zip(axis.out, outs, strict=True):
        if coefficient:
            index = index + coefficient * out.reshape((-1,) + (1,) * len(reds))
    for k, (coefficient, size) in enumerate(zip(axis.red, reds, strict=True)):
        if coefficient:
            steps = np.arange(size).reshape([-1 if j == k + 1 else 1 for j in range(len(reds) + 1)])
            index = index + coefficient * steps
    rest: npt.NDArray[np.bool_] | None = None
    if axis.divisor > 1:
        index, left = np.divmod(index, axis.divisor)
        rest = left == 0
    if index.size and index.min() >= 0 and index.max() < axis.extent:
        return index, rest
    kept = (index >= 0) & (index < axis.extent)
    if rest is not None:
        kept &= rest
    return np.where(kept, index, 0), kept
