"""Whether all entries of a result certainly pass, in few passes and where the arrays are.

The screen recomputes the result and its magnitudes slice by slice, on the arrays' backend, and
compares the distance |result − reference| with what `pybridge.bounds.limits` says. Every entry
within that passes. If one is not, or may be too large for float64, the screen says nothing, and the
judge decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pybridge.bounds.depth import needed_depth
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.limits import Limit, limits
from pybridge.bounds.sure import Sure, certainly
from pybridge.bounds.true_errors import Index, after
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.backend import HOST, Array, Backend, backend_of
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.upward import Float64

__all__ = ["Passed", "first_look", "screen"]

_TERMS = 2**19
"""Above so many terms, magnitudes are summed in float64."""
_ROOM = 3
"""Slices in float64 take so many times the room of an estimator: small ones are slow."""
_SAMPLE = 1 << 16
"""Entries of which the needed depth is the median."""


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """What is known of a result all of whose entries pass.

    `worst` is the entry nearest to what is allowed, of `value`; the exact one is within `slack` of
    `reference`, the error is at most `error`.
    """

    worst: Index
    value: float
    reference: float
    slack: float
    error: float
    allowance: float
    power: float
    needed: int
    most: int


def first_look(returned: KernelResult, promise: Accumulation) -> Sure | None:
    """Return whether all of a result passes, in float32 alone; None if that leaves it open."""
    screened = _screen(returned, promise)
    if screened is None:
        return None
    with np.errstate(all="ignore"), screened.backend.exact_products():
        return certainly(returned, promise, screened.whole, screened.backend)


def screen(returned: KernelResult, promise: Accumulation) -> Passed | None:
    """Screen a result; None if that leaves open whether all of it passes."""
    screened = _screen(returned, promise)
    if screened is None:
        return None
    with np.errstate(all="ignore"), screened.backend.exact_products():
        return screened.run()


def _screen(returned: KernelResult, promise: Accumulation) -> _Screen | None:
    """Return the screen of a result; None if it has none."""
    if returned.format.precision > 24 or returned.computation.is_scaled:
        return None
    backend = backend_of(
        returned.values, *(operand.value for operand in returned.operands.values())
    )
    with np.errstate(all="ignore"), backend.exact_products():
        values = _multiplied(returned, promise, backend)
        return None if values is None else _Screen(returned, promise, values, backend)


def _multiplied(
    returned: KernelResult, promise: Accumulation, backend: Backend
) -> Mapping[str, Array] | None:
    """Return the operands as the promise rounds them; None if the backend cannot or one
    overflows.
    """
    values = {key: own.value for key, own in returned.operands.items()}
    for key in returned.computation.addends:
        if key in values:
            returned.addend_rounding(key, promise)  # May raise.
    if promise.operands is None:
        return values
    if backend is HOST:
        return {key: operand.value for key, operand in returned.multiplied(promise).items()}
    for key, value in values.items():
        if key in returned.computation.factors:
            rounded = backend.rounded(value, promise.operands, promise.operand_rounding)
            if rounded is None:
                return None
            values[key] = rounded
    return values


@dataclass(slots=True)
class _Chunk:
    """What the backend says of consecutive entries of a slice: see `Backend.screened`.

    `place` says where the slice, of this shape, is in the result; `start` is the chunk's first
    entry in it.
    """

    place: tuple[slice, ...]
    shape: tuple[int, ...]
    start: int
    numbers: Array

    def index(self, at: int) -> Index:
        """Return the index in the result of an entry of the chunk."""
        index = [int(i) for i in np.unravel_index(self.start + at, self.shape)]
        for axis, along in enumerate(self.place):
            index[axis] += along.start or 0
        return tuple(index)


class _Screen:
    def __init__(
        self,
        returned: KernelResult,
        promise: Accumulation,
        values: Mapping[str, Array],
        backend: Backend,
    ) -> None:
        self.returned, self.promise, self.values, self.backend = returned, promise, values, backend
        self.whole = returned.estimator({key: Inexact(value) for key, value in values.items()})
        self.whole.room *= _ROOM
        self.last = after(promise.last_rounding(self.whole.definitions))

    def run(self) -> Passed | None:
        """Screen all slices."""
        if not self._fits() or self.limits is None:
            return None
        chunks: list[_Chunk] = []
        samples: list[tuple[Float64, Float64]] = []
        for place, own in self.whole.slices(np.dtype(np.float64)):
            reference = own.value(np.float64)
            sizes = own.value(np.float64 if self.wide else np.float32, absolute=True)
            result = self.backend.contiguous(self.returned.values[place])
            flat = [array.reshape(-1) for array in (result, reference, sizes)]
            chunks += [_Chunk(place, own.shape, *numbers) for numbers in self._compare(own, *flat)]
            samples.append(self._sample(*flat[1:]))
        return self._read(chunks, samples)

    @cached_property
    def wide(self) -> bool:
        """Whether magnitudes are summed in float64."""
        operands = (value.dtype.itemsize > 4 for value in self.values.values())
        return self.whole.longest > _TERMS or any(operands)

    def _fits(self) -> bool:
        """Return whether sums of magnitudes cannot overflow."""
        largest = [
            max(self.backend.largest(value), 1.0)
            for key, value in self.values.items()
            if key in self.returned.computation.operands
        ]
        most = math.prod(largest) * self.whole.longest
        return most < (2.0**1000 if self.wide else 2.0**120)

    @cached_property
    def limits(self) -> dict[int, Limit] | None:
        """The limit of each number of terms; None if there is not one for each."""
        return limits(self.whole, self.promise, self.whole.distinct_counts, wide=self.wide)

    def _weights(self, own: Estimator) -> tuple[Float64 | float, Float64 | float]:
        """Return α and γ of all entries of a slice, or of the entries of one plane of it."""
        assert self.limits is not None
        counts = own.counts
        distinct, inverse = np.unique(counts, return_inverse=True)
        known = [self.limits[int(n)] for n in distinct]
        if len(known) == 1:
            return known[0].alpha, known[0].gamma
        first = next(axis for axis, size in enumerate(counts.shape) if size > 1)
        which = inverse.reshape(counts.shape[first:])
        plane = np.broadcast_to(which, own.shape[first:]).ravel()
        alpha = np.array([limit.alpha for limit in known])[plane]
        gamma = np.array([limit.gamma for limit in known])[plane]
        return alpha, gamma

    def _compare(
        self, own: Estimator, result: Array, reference: Array, sizes: Array
    ) -> Iterator[tuple[int, Array]]:
        """Yield what the backend says of a slice, chunk by chunk, each with its first entry."""
        assert self.limits is not None
        alpha, gamma = self._weights(own)
        beta = max(limit.beta for limit in self.limits.values())
        plane = 1 if isinstance(alpha, float) else math.prod(alpha.shape)
        entries = math.prod(result.shape)
        chunk = self.backend.chunk or entries
        chunk = max(min(chunk, entries) // plane, 1) * plane
        weights = [
            weight if isinstance(weight, float) else self.backend.tiled(weight, chunk // plane)
            for weight in (alpha, gamma)
        ]
        for start in range(0, entries, chunk):
            part = slice(start, min(start + chunk, entries))
            values, exact, magnitudes = (array[part] for array in (result, reference, sizes))
            yield (
                start,
                self.backend.screened(values, exact, magnitudes, weights[0], beta, weights[1]),
            )

    def _sample(self, reference: Array, sizes: Array) -> tuple[Float64, Float64]:
        """Return the magnitudes of some exact values, and of their terms."""
        stride = -(-math.prod(self.whole.shape) // _SAMPLE)
        some = (self.backend.to_host(array[::stride]) for array in (reference, sizes))
        magnitudes, terms = (np.abs(array.astype(np.float64)) for array in some)
        return magnitudes, terms

    def _read(
        self, chunks: Sequence[_Chunk], samples: Sequence[tuple[Float64, Float64]]
    ) -> Passed | None:
        """Return the verdict, and its numbers."""
        assert self.limits is not None
        numbers = self.backend.numbers([chunk.numbers for chunk in chunks])
        ratios = numbers[:, 0]
        if not (ratios <= 1).all():  # or nan
            return None
        worst = int(np.argmax(ratios))
        noticed, there = (float(total) for total in numbers[:, 2:4].sum(axis=0))
        value, reference, size = (float(number) for number in numbers[worst, 4:])
        index = chunks[worst].index(int(numbers[worst, 1]))
        counts = self.whole.counts
        at = tuple(i if n > 1 else 0 for i, n in zip(index, counts.shape, strict=True))
        limit = self.limits[int(counts[at])]
        slack = limit.off(size)
        magnitudes, terms = (np.concatenate(arrays) for arrays in zip(*samples, strict=True))
        most = int(counts.max(initial=0))
        return Passed(
            worst=index,
            value=value,
            reference=reference,
            slack=slack,
            error=math.nextafter(abs(value - reference) * (1 + 2.0**-52) + slack, math.inf),
            allowance=limit.allowance(size, reference, self.last),
            power=noticed / there if there else 1.0,
            needed=needed_depth(self.promise, most, magnitudes, terms),
            most=self.promise.roundings(most, self.whole.longest),
        )
