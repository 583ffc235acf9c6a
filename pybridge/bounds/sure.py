"""Whether all entries of a result certainly pass, by one product in float32.

The result is recomputed in two or three partial sums p, q, …, so that the reference r = p + q + …
errs by about half of what a result in any order may: |r − e| ≤ s·M + c where M = Σ|x||y|, while
a·M + … is allowed. M is not computed: it is at least about |p| + |q| + …. An entry w passes if

  |w − r| ≤ α·(|p| + |q| + …) + β·|r|,

where α is the allowance for a unit of M less the error of the reference, and β the allowance for a
unit of |e| (Lean: `passes_by_parts`). If sums have so few terms that the error of the reference is
too near to the allowance, they are recomputed in float64. Honest kernels are within that except at
few entries, whose M is large beside |p| + |q| + …. These are computed one by one, with their M, in
float64 (`pybridge.bounds.limits`). If one is not within that, or if they are many, the answer is
open, and `pybridge.bounds.screen` looks closer. The operands' deviations only add to the allowance,
and are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.bounds.depth import needed_depth
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.limits import limits
from pybridge.bounds.true_errors import after, nearest_float
from pybridge.engine.accumulation import Accumulation, format_parameters
from pybridge.engine.backend import Backend
from pybridge.engine.coefficients import ErrorBound, operation
from pybridge.engine.entries import some_entries, terms_read
from pybridge.engine.estimator import Dealt, Estimator
from pybridge.engine.upward import Float64
from pybridge.exported.document import Definitions
from pybridge.exported.identity import Same

__all__ = ["Sure", "certainly"]

_ROUNDED = (1 + Fraction(1, 2**24)) ** 8
"""Covers the roundings of the comparison itself: of the distance, the limit and its parts."""
_ROOM = Fraction(1, 6)
"""The least share of the allowance that the error of the reference has to leave."""
_READ = 1 << 22
"""Up to so many terms may always be read one by one."""
_OPEN = (64, 16, 128)
"""The entries that may be computed one by one: always 64; and one in n for entries of n terms, with
n at least 16 and at most 128.
"""
_SAMPLE = (1 << 7, 1 << 12)
"""The least and the most entries at which the power is estimated; between them a 64th of all."""
_ENOUGH = 0.7
"""Above this power, its precise value does not matter."""
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Sure:
    """What is known of a result all of whose entries pass.

    `power` is at most the share, among some entries other than zero, of those at which a zero would
    be noticed; 1 if there are none. A promise of depth `needed` would notice half of them; `most`
    is the promised depth.
    """

    power: float
    needed: int
    most: int


@dataclass(frozen=True, slots=True)
class _Limit:
    """The comparison's coefficients: 1/α, at least one, and β."""

    scale: float
    beta: float


def certainly(
    returned: KernelResult, promise: Accumulation, estimates: Estimator, backend: Backend
) -> Sure | None:
    """Return what is known if all entries certainly pass; None if that is open.

    `estimates` has the operands as the promise rounds them.
    """
    if returned.format.precision > 24 or estimates.multiplies_wide:
        return None
    dtype: np.dtype[Any] = np.dtype(np.float32)
    known = _limits(estimates, promise, "binary32")
    if known is None:
        dtype, known = np.dtype(np.float64), _limits(estimates, promise, "binary64")
    if known is None:
        return None
    largest = estimates.largest(returned.largest)
    most = math.prod(max(size, 1.0) for size in largest) * estimates.longest
    if dtype.itemsize == 4 and not most < 2.0**120:
        return None
    open_ = _open(returned, estimates, backend, dtype, known)
    if open_ is None or not _pass(returned, promise, estimates, open_):
        return None
    return _sure(returned, promise, estimates, largest)


def _limits(estimates: Estimator, promise: Accumulation, format: str) -> list[_Limit] | None:
    """Return the limit of each way to deal out terms for a reference in a format; None if there is
    not one for each.
    """
    limits = []
    for dealt in estimates.dealt[0]:  # In ascending order of terms: the first leave least room.
        if (limit := _limit_of(estimates, promise, dealt, format)) is None:
            return None
        limits.append(limit)
    return limits


def _open(
    returned: KernelResult,
    estimates: Estimator,
    backend: Backend,
    dtype: np.dtype[Any],
    known: Sequence[_Limit],
) -> npt.NDArray[np.intp] | None:
    """Return the flat indices of the entries that the comparison leaves open; None if many."""
    size = math.prod(estimates.shape)
    few, share, most_share = _OPEN
    read = max(terms_read(estimates.split), 1)
    room = max(min(few, _READ // read), size // min(max(read, share), most_share))
    beta = max(limit.beta for limit in known)
    scale: Any = max(limit.scale for limit in known)
    varies = scale != min(limit.scale for limit in known)
    if varies:
        scales = np.array([limit.scale for limit in known], dtype)
        plane = backend.from_host(scales[estimates.dealt[1]])
    open_ = [np.zeros(0, np.intp)]
    for place, own in estimates.slices(dtype):
        result = backend.contiguous(returned.values[place])
        parts, addends = own.in_parts(dtype)
        if varies and tuple(getattr(scale, "shape", ())) != own.shape:
            scale = backend.filled(plane, own.shape)
        indices = backend.beyond(result, parts, addends, scale, beta)
        del result, parts, addends  # The next slice's take their memory.
        room -= indices.size
        if room < 0:
            return None
        if indices.size:
            at = list(np.unravel_index(indices, own.shape))
            for axis, along in enumerate(place):
                at[axis] = at[axis] + (along.start or 0)
            open_.append(np.ravel_multi_index(at, estimates.shape))
    return np.concatenate(open_)


def _pass(
    returned: KernelResult,
    promise: Accumulation,
    estimates: Estimator,
    entries: npt.NDArray[np.intp],
) -> bool:
    """Return whether entries are within the allowance, by their values and magnitudes in
    float64.
    """
    if not entries.size:
        return True
    counts = estimates.counts
    at = np.unravel_index(entries, estimates.shape)
    each = counts[tuple(i if n > 1 else 0 for i, n in zip(at, counts.shape, strict=True))]
    distinct, inverse = np.unique(each, return_inverse=True)
    known = limits(estimates, promise, map(int, distinct), wide=True)
    if known is None:
        return False
    alpha, beta, gamma = (
        np.array([getattr(known[int(n)], name) for n in distinct])[inverse]
        for name in ("alpha", "beta", "gamma")
    )
    values, sizes = some_entries(estimates, entries)
    allowed = alpha * sizes + beta * np.abs(values) + gamma
    distance = np.abs(estimates.backend.taken(returned.values, entries) - values)
    return bool((distance <= allowed).all())  # False for nan.


def _sure(
    returned: KernelResult,
    promise: Accumulation,
    estimates: Estimator,
    largest: tuple[float, ...],
) -> Sure:
    """Return the power of the promise at some entries, by an upper bound of their terms, or if that
    leaves it low, by their actual terms.
    """
    longest, size = int(estimates.counts.max()), math.prod(estimates.shape)
    most = promise.roundings(longest, estimates.longest)
    count = min(max(size // 64, _SAMPLE[0]), _SAMPLE[1], size)
    sample = (np.arange(count) * _GOLDEN % 1 * size).astype(np.intp)
    values = np.abs(estimates.backend.taken(returned.values, sample))
    factors = len(estimates.factors)
    reach = longest * math.prod(largest[:factors]) + sum(largest[factors:])
    power = _power(promise, estimates, values, np.full(1, reach))
    if power >= _ENOUGH:
        return Sure(power, most, most)
    some = estimates.some_entries(count)
    values, terms = (
        np.abs(some.backend.to_host(array).astype(np.float64))
        for array in (some.value(np.float32), some.value(np.float32, absolute=True))
    )
    needed = needed_depth(promise, longest, values, terms)
    return Sure(_power(promise, estimates, values, terms), needed, most)


def _power(promise: Accumulation, estimates: Estimator, values: Float64, terms: Float64) -> float:
    """Return the share of the values other than zero that are larger than the allowance."""
    allowed = estimates.sum_error(promise, int(estimates.counts.max()))
    before, beta, constant = map(float, after(promise.last_rounding(estimates.definitions)))
    there = values != 0
    sums = float(allowed.relative) * terms + float(allowed.absolute)
    noticed = there & (values > before * sums + beta * values + constant)
    count = int(np.count_nonzero(there))
    return int(np.count_nonzero(noticed)) / count if count else 1.0


def _limit_of(
    estimates: Estimator, promise: Accumulation, dealt: Dealt, format: str
) -> _Limit | None:
    """Return the limit of entries whose terms are dealt out so, for a reference in a format; None
    without one.
    """
    if not dealt.terms:
        return _Limit(1.0, 0.0)
    definitions = estimates.definitions
    return _limit(
        Same(definitions),
        estimates.sum_error(promise, dealt.terms),
        estimates.parts_error(dealt, format),
        promise.last_rounding(definitions),
        format,
    )


@lru_cache(maxsize=1 << 14)
def _limit(
    definitions: Same[Definitions],
    allowed: ErrorBound,
    near: tuple[ErrorBound, ErrorBound],
    last: ErrorBound,
    format: str,
) -> _Limit | None:
    """Return the limit from the allowance and from the errors of partial sums and the reference.

    With K for the roundings of the comparison, exactly

      K·α·(1 + ρ) ≤ a − (1 + b)·s,  K·β ≤ b  and  K·α·η + (1 + b)·r + γ ≤ the allowed constant,

    where (ρ, η) is of the partial sums, and what underflow costs is in η, for the scaled distance,
    and in γ, for β·|reference|.
    """
    before, size, constant = after(last)
    unit = operation(format_parameters(format, definitions.held))
    parts, reference = near
    share = before * allowed.relative
    room = share - (1 + size) * reference.relative
    rest = before * allowed.absolute + constant - (1 + size) * reference.absolute
    if size:
        rest -= 2 * unit.absolute
    if room < _ROOM * share or room <= 0 or rest < 0:
        return None
    alpha = room / (1 + parts.relative) / _ROUNDED
    lost = parts.absolute + unit.absolute
    if rest:
        scale = max(_above(max(1 / alpha, _ROUNDED * lost / rest)), 1.0)
    elif parts.absolute:
        return None
    else:  # Scaling by a power of two loses nothing.
        scale = 2.0 ** max(math.ceil(math.log2(_above(1 / alpha))), 0)
    return _Limit(scale, _below(size / _ROUNDED)) if scale < 2.0**100 else None


def _above(value: Fraction) -> float:
    """Return a float32 number that is at least a positive value."""
    near = np.float32(nearest_float(value))
    return float(near if Fraction(float(near)) >= value else np.nextafter(near, np.float32(np.inf)))


def _below(value: Fraction) -> float:
    """Return a float32 number that is at most a value ≥ 0."""
    near = np.float32(nearest_float(value))
    return float(near if Fraction(float(near)) <= value else np.nextafter(near, np.float32(0)))
