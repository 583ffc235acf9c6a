"""Some entries of a result in float64, term by term, without matrices."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.backend import Array, Backend
from pybridge.engine.dense import Split
from pybridge.engine.estimator import Estimator
from pybridge.engine.indices import AxisReader, Reader
from pybridge.engine.upward import Float64

__all__ = ["some_entries", "terms_read"]

Indices: TypeAlias = tuple[npt.NDArray[np.intp], ...]

_TERMS = 1 << 20
"""So many terms are read at once."""


def some_entries(estimates: Estimator, entries: npt.NDArray[np.intp]) -> tuple[Float64, Float64]:
    """Return the values and the sums of magnitudes of entries with these flat indices, in float64.

    Products and sums are rounded to nearest, the sums in any order.
    """
    values, sizes = np.zeros(entries.size), np.zeros(entries.size)
    step = max(_TERMS // max(terms_read(estimates.split), 1), 1)
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


def terms_read(split: Split) -> int:
    """Return how many terms of an entry `some_entries` reads, skipped terms included."""
    return prod(
        -(-n // period) for n, (period, _) in zip(split.red_sizes, _periods(split), strict=True)
    )


def _terms(
    split: Split, factors: list[Array], entries: npt.NDArray[np.intp], backend: Backend
) -> Float64:
    """Return the terms of each entry, zero where skipped: [entries, terms]."""
    outs = np.unravel_index(entries, split.out_sizes)
    steps = _steps(split, outs)
    terms: Float64 | None = None
    for reader, factor in zip(split.readers, factors, strict=True):
        indices, inside = _flat_indices(reader, outs, steps)
        read = backend.taken(factor, indices)
        if inside is not None:
            read = np.where(inside, read, 0.0)
        terms = read if terms is None else terms * read
    assert terms is not None
    for own, size in zip(steps, split.red_sizes, strict=True):
        if own.size and own.max() >= size:
            terms = np.where(own < size, terms, 0.0)
    counts = (own.shape[k + 1] for k, own in enumerate(steps))
    full = np.broadcast_to(terms, (entries.size, *counts))
    return np.ascontiguousarray(full).reshape(entries.size, -1)


def _flat_indices(
    reader: Reader, outs: Indices, steps: Sequence[npt.NDArray[np.intp]]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_] | None]:
    """Return the flat indices at which an operand is read, and which of them are inside: [entries,
    *steps], of size one along reductions on which they do not depend.
    """
    flat = np.zeros((outs[0].size,) + (1,) * len(steps), np.intp)
    inside: npt.NDArray[np.bool_] | None = None
    for axis in reader.axes:
        at, kept = _along(axis, outs, steps)
        flat = flat + at * axis.stride
        if kept is not None:
            inside = kept if inside is None else inside & kept
    return flat, inside


def _along(
    axis: AxisReader, outs: Indices, steps: Sequence[npt.NDArray[np.intp]]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_] | None]:
    """Return the indices along an axis, and which of them are inside; None if all are."""
    index = _base(axis, outs).reshape((-1,) + (1,) * len(steps))
    for coefficient, own in zip(axis.red, steps, strict=True):
        if coefficient:
            index = index + coefficient * own
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


def _base(axis: AxisReader, outs: Indices) -> npt.NDArray[np.intp]:
    """Return the index along an axis, not yet divided, of each entry at the reductions' first
    steps.
    """
    base = np.full(outs[0].size, axis.offset, np.intp)
    for coefficient, out in zip(axis.out, outs, strict=True):
        if coefficient:
            base = base + coefficient * out
    return base


def _periods(split: Split) -> list[tuple[int, AxisReader | None]]:
    """Return for each reduction the distance of the steps at which the index along an axis can be
    divided, and this axis, if it depends on no other reduction; otherwise 1 and None.
    """
    periods: list[tuple[int, AxisReader | None]] = [(1, None) for _ in split.red_sizes]
    for axis in (axis for reader in split.readers for axis in reader.axes):
        own = [k for k, coefficient in enumerate(axis.red) if coefficient]
        if len(own) == 1 and periods[own[0]][1] is None:
            period = axis.divisor // gcd(axis.red[own[0]], axis.divisor)
            if period > 1:
                periods[own[0]] = (period, axis)
    return periods


def _steps(split: Split, outs: Indices) -> list[npt.NDArray[np.intp]]:
    """Return the steps of each reduction at which an entry may have a term: [entries or 1, …],
    along the reduction's axis. Some may be beyond its last one.
    """
    steps = []
    for k, (size, (period, axis)) in enumerate(zip(split.red_sizes, _periods(split), strict=True)):
        own = period * np.arange(-(-size // period))[None]
        if axis is not None:
            common = gcd(axis.red[k], axis.divisor)
            inverse = pow(axis.red[k] // common, -1, period)
            own = own + (-(_base(axis, outs) // common) * inverse % period)[:, None]
        shape = [1] * len(split.red_sizes)
        shape[k] = own.shape[1]
        steps.append(own.reshape(-1, *shape))
    return steps
