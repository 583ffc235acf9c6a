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
from pybridge.engine.dense import Counts
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.slices import most_slices, result_slices, sums_first_axes
from pybridge.engine.upward import Float64
from pybridge.exported.document import load_definitions
from pybridge.problem.computation import Computation
from pybridge.problem.parts import Part

__all__ = ["Passed", "first_look", "screen"]

_TERMS = 2**19
"""Above so many terms, magnitudes are summed in float64."""
_SAMPLE = 1 << 16
"""Entries of which the needed depth is the median."""
_SLICE = 1 << 25
"""The bytes that a slice takes on a processor, at least."""
_SHARE = 1.5
"""What a slice takes on a device, of the operands and the result."""


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
    """What the backend says of consecutive entries of a slice: see `Backend.screened`."""

    part: Part
    start: int
    numbers: Array


class _Screen:
    def __init__(
        self,
        returned: KernelResult,
        promise: Accumulation,
        values: Mapping[str, Array],
        backend: Backend,
    ) -> None:
        self.returned, self.promise, self.values, self.backend = returned, promise, values, backend
        self.definitions = load_definitions()
        self.shape = tuple(returned.values.shape)
        self.whole = self._estimator(returned.computation, values)
        self.last = after(promise.last_rounding(self.definitions))

    def _estimator(self, computation: Computation, values: Mapping[str, Array]) -> Estimator:
        operands = {key: Inexact(value) for key, value in values.items()}
        return Estimator(
            computation.contraction,
            computation.numbers,
            operands,
            computation.definitions,
            computation.names,
        )

    def run(self) -> Passed | None:
        """Screen all slices."""
        if not self._fits() or self.limits is None:
            return None
        chunks: list[_Chunk] = []
        samples: list[tuple[Float64, Float64]] = []
        for part in result_slices(self.returned.computation, self._parts()):
            values = {key: part.operand(key, value) for key, value in self.values.items()}
            estimates = self._estimator(part.computation, values)
            reference = estimates.value(np.float64)
            sizes = estimates.value(np.float64 if self.wide else np.float32, absolute=True)
            result = self.backend.contiguous(part.of_result(self.returned.values))
            flat = [array.reshape(-1) for array in (result, reference, sizes)]
            chunks += [_Chunk(part, *numbers) for numbers in self._compare(*flat)]
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

    def _parts(self) -> int:
        """Into how many slices the result is cut."""
        held = sum(_bytes(value) for value in self.values.values())
        result = _bytes(self.returned.values)
        entries: int = math.prod(self.shape)
        room: float = _SHARE * (held + result)
        if self.backend.on_cpu:
            room = min(max(room / 2, _SLICE / 8), _SLICE)
        wide = sum(8 * math.prod(value.shape) for value in self.values.values())
        work = entries * (16 if self.backend.on_cpu else 40)
        if sums_first_axes(self.returned.computation):
            return math.ceil(work / room)  # Of the operands, few images are taken at a time.
        parts: int = math.ceil((work + wide) / room)
        images = most_slices(self.returned.computation)
        if self.backend.on_cpu and images < parts <= 2 * images:
            parts = images  # Each group of channels would copy the same patches again.
        return parts

    @cached_property
    def limits(self) -> tuple[Counts, dict[int, Limit]] | None:
        """The numbers of terms, and the limit of each; None if there is not one for each."""
        by_count = limits(self.whole, self.promise, self.whole.distinct_counts, wide=self.wide)
        return None if by_count is None else (self.whole.counts, by_count)

    @cached_property
    def _weights(self) -> tuple[Float64 | float, float, Float64 | float]:
        """α, β and γ of all entries, or of those of one plane."""
        assert self.limits is not None
        counts, limits = self.limits
        beta = max(limit.beta for limit in limits.values())
        if len(limits) == 1:
            (limit,) = limits.values()
            return limit.alpha, beta, limit.gamma
        varying = [axis for axis, size in enumerate(counts.shape) if size > 1]
        plane = self.shape[varying[0] :]
        each = np.broadcast_to(counts.reshape(counts.shape[-len(plane) :]), plane).ravel()
        distinct, inverse = np.unique(each, return_inverse=True)
        alpha = np.array([limits[int(n)].alpha for n in distinct])[inverse]
        gamma = np.array([limits[int(n)].gamma for n in distinct])[inverse]
        return alpha, beta, gamma

    def _compare(
        self, result: Array, reference: Array, sizes: Array
    ) -> Iterator[tuple[int, Array]]:
        """What the backend says of a slice, chunk by chunk, each with its first entry."""
        alpha, beta, gamma = self._weights
        plane = 1 if isinstance(alpha, float) else math.prod(alpha.shape)
        entries = math.prod(result.shape)
        chunk = self.backend.chunk or entries
        chunk = max(min(chunk, entries) // plane, 1) * plane
        weights = [
            weight if isinstance(weight, float) else self.backend.tiled(weight, chunk // plane)
            for weight in (alpha, gamma)
        ]
        for start in range(0, entries, chunk):
            stop = min(start + chunk, entries)
            yield (
                start,
                self.backend.screened(
                    result[start:stop],
                    reference[start:stop],
                    sizes[start:stop],
                    weights[0],
                    beta,
                    weights[1],
                ),
            )

    def _sample(self, reference: Array, sizes: Array) -> tuple[Float64, Float64]:
        """Magnitudes of some exact values, and of their terms."""
        stride = -(-math.prod(self.shape) // _SAMPLE)
        some = (self.backend.to_host(array[::stride]) for array in (reference, sizes))
        magnitudes, terms = (np.abs(array.astype(np.float64)) for array in some)
        return magnitudes, terms

    def _read(
        self, chunks: Sequence[_Chunk], samples: Sequence[tuple[Float64, Float64]]
    ) -> Passed | None:
        """Return the verdict, and its numbers."""
        numbers = self.backend.numbers([chunk.numbers for chunk in chunks])
        ratios = numbers[:, 0]
        if not (ratios <= 1).all():  # or nan
            return None
        worst = int(np.argmax(ratios))
        place = int(numbers[worst, 1])
        noticed, there = (float(total) for total in numbers[:, 2:4].sum(axis=0))
        value, reference, size = (float(number) for number in numbers[worst, 4:])
        part = chunks[worst].part
        shape = part.of_result(self.returned.values).shape
        index = [int(i) for i in np.unravel_index(chunks[worst].start + place, tuple(shape))]
        for axis, along in enumerate(part.result_indices()):
            index[axis] += int(along[0]) if along is not None else 0
        limit = self._limit(index)
        slack = limit.off(size)
        magnitudes, terms = (np.concatenate(arrays) for arrays in zip(*samples, strict=True))
        most = int(self.whole.counts.max(initial=0))
        return Passed(
            worst=tuple(index),
            value=value,
            reference=reference,
            slack=slack,
            error=math.nextafter(abs(value - reference) * (1 + 2.0**-52) + slack, math.inf),
            allowance=limit.allowance(size, reference, self.last),
            power=noticed / there if there else 1.0,
            needed=needed_depth(self.promise, most, magnitudes, terms),
            most=self.promise.roundings(most, self.whole.longest),
        )

    def _limit(self, index: Sequence[int]) -> Limit:
        assert self.limits is not None
        counts, limits = self.limits
        at = tuple(i if n > 1 else 0 for i, n in zip(index, counts.shape, strict=True))
        return limits[int(counts[at])]


def _bytes(array: Array) -> int:
    return int(array.itemsize * math.prod(array.shape))
