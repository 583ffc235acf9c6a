"""Whether all entries of a result certainly pass, by sums in float32 alone.

The result is recomputed in float32 in two partial sums, so that the reference r errs by about half
of what a result in any order may: |r − e| ≤ s·M + c where M = Σ|x||y|, while a·M + … is allowed.
Instead of M, a sum over few of its terms is computed, L ≤ M. An entry w passes if

  |w − r| ≤ α·(L + β′·|r|),

where α is what is allowed for a unit of M less what the reference may be off, and α·β′ what is
allowed for a unit of |e|, for every number of terms (Lean: `passes_below`). Results of honest
kernels are far within that, but where the few terms happen to be small: a slice with such an entry
is looked at again, by more of its terms. If one still is not, nothing is said, and
`pybridge.bounds.screen` looks closer. The operands' deviations only add to what is allowed, and are
left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from pybridge.bounds.depth import needed_depth
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import after, nearest_float
from pybridge.engine.accumulation import Accumulation, format_parameters
from pybridge.engine.backend import Backend
from pybridge.engine.coefficients import ErrorBound, operation
from pybridge.engine.dense import partial_sums
from pybridge.engine.estimator import Estimator, distinct_counts
from pybridge.engine.upward import Float64
from pybridge.exported.document import Definitions
from pybridge.exported.identity import Same

__all__ = ["Sure", "certainly"]

_ROUNDED = (1 + Fraction(1, 2**24)) ** 8
"""What the comparison itself rounds in float32: the distance, the limit and its two parts."""
_FEW = 24
"""Entries of fewer terms are left to the screen: half a promise leaves no room for them."""
_LEAST_TERMS = 32
_SHARES = (1 / 64, 3 / 4)
"""L is a sum of at least so many terms, and of at least such a share, at each look."""
_SAMPLE = (1 << 7, 1 << 12)
"""At least and at most how many entries the power is of, about; between them a 64th of all."""
_ENOUGH = 0.7
"""A power above which it does not matter how much it is."""
_SLICE = 1 << 26
_DEVICE_SLICE = 1 << 30
"""The bytes that the arrays of a slice take."""


@dataclass(frozen=True, slots=True)
class Sure:
    """What is known of a result all of whose entries pass.

    `power` is at most the share of some entries, of those whose value is not zero, at which a zero
    would be noticed; 1 if there are none. At the depth `needed` half of these would be noticed, if
    a promise stated it; `most` is the one that it states.
    """

    power: float
    needed: int
    most: int


@dataclass(frozen=True, slots=True)
class _Limit:
    """The comparison's coefficients: 1/α, at least one, and β′."""

    scale: float
    beta: float


def certainly(
    returned: KernelResult, promise: Accumulation, estimates: Estimator, backend: Backend
) -> Sure | None:
    """Whether all entries pass; None if that is not certain.

    `estimates` is of the operands as the promise rounds them.
    """
    if returned.format.precision > 24 or estimates.multiplies_wide:
        return None
    looks = [
        (share, limit)
        for share in _SHARES
        if (some := _some_terms(estimates, share))
        and (limit := _limit_of(estimates, some, promise))
    ]
    beta = max([1.0, *(limit.beta for _, limit in looks)])
    if not (looks and estimates.largest_sum() * beta < 2.0**120):
        return None
    parts = -(-12 * math.prod(estimates.shape) // (_SLICE if backend.on_cpu else _DEVICE_SLICE))
    for result, own in estimates.slices(returned.values, parts):
        reference = backend.filled(own.in_parts(np.float32), result.shape)
        contiguous = backend.filled(result, result.shape)
        for share, limit in looks:
            some = _some_terms(own, share)
            if some is None:
                continue
            sizes = backend.filled(some.value(np.float32, absolute=True), result.shape)
            if backend.within(contiguous, reference, sizes, limit.scale, limit.beta):
                break
        else:
            return None
    return _sure(returned, estimates, promise)


def _some_terms(estimates: Estimator, share: float) -> Estimator | None:
    """L: sums over a share of the terms, also at the entries that have fewest.

    None if these have too few, or if the reference is no sum of parts.
    """
    fewest = next((n for (n,) in distinct_counts(estimates) if n), 0)
    if fewest < _FEW or len(partial_sums(estimates.split)) == 1:
        return None
    products = math.prod(estimates.split.red_sizes)
    return estimates.some_terms(max(_LEAST_TERMS * products // fewest, int(products * share)))


def _limit_of(estimates: Estimator, some: Estimator, promise: Accumulation) -> _Limit | None:
    definitions = estimates.definitions
    counts = [(n, few) for n, few in distinct_counts(estimates, some) if n]
    return _limit(
        Same(definitions),
        tuple(estimates.sum_error(promise, n) for n, _ in counts),
        tuple(estimates.parts_error(n) for n, _ in counts),
        tuple(estimates.float_sum(few) for _, few in counts),
        promise.last_rounding(definitions),
    )


@lru_cache(maxsize=1 << 10)
def _limit(
    definitions: Same[Definitions],
    allowed: tuple[ErrorBound, ...],
    off: tuple[ErrorBound, ...],
    few: tuple[ErrorBound, ...],
    last: ErrorBound,
) -> _Limit | None:
    """The limit that is right for all entries; None if there is none. Of those of one number of
    terms: what is allowed, and how near the reference and the sum of few terms are.

    Exactly: with K for the roundings of the comparison,

      α·K·(1 + ρ) ≤ a − (1 + β)·s,  α·K·β′ ≤ β  and  α·K·η + (1 + β)·c ≤ the allowed constant,

    where (ρ, η) is of the few terms' sum, and η has the underflow of scaling the distance, too,
    unless 1/α is a power of two.
    """
    before, beta, constant = after(last)
    unit = operation(format_parameters("binary32", definitions.held))
    rooms: list[tuple[Fraction, Fraction, Fraction]] = []
    for sums, reference, some in zip(allowed, off, few, strict=True):
        room = before * sums.relative - (1 + beta) * reference.relative
        rest = before * sums.absolute + constant - (1 + beta) * reference.absolute
        rooms.append((room / (1 + some.relative), rest, some.absolute))
    least = min((room for room, _, _ in rooms), default=Fraction(0))
    if least <= 0:
        return None
    scale = max(_above(_ROUNDED / least), 1.0)
    underflow = unit.absolute
    if any(absolute == 0 for _, _, absolute in rooms):
        scale, underflow = 2.0 ** math.ceil(math.log2(scale)), Fraction(0)
    alpha = _ROUNDED / Fraction(scale)
    if not scale < 2.0**100 or any(rest < alpha * (lost + underflow) for _, rest, lost in rooms):
        return None
    scaled = _below(beta / alpha)
    return None if 0 < scaled < 1 else _Limit(scale, scaled)  # Its product might underflow.


def _sure(returned: KernelResult, estimates: Estimator, promise: Accumulation) -> Sure:
    """The power of the promise at some entries, by the largest terms that they may have, or if that
    leaves it low, by those that they have.
    """
    longest, entries = int(estimates.counts.max()), math.prod(estimates.shape)
    count = min(max(entries // 64, _SAMPLE[0]), _SAMPLE[1])
    most = promise.roundings(longest, estimates.longest)
    flat = returned.values.reshape(-1)[:: -(-entries // count)]
    values = np.abs(estimates.backend.to_host(flat).astype(np.float64))
    factors = len(estimates.factors)
    largest = longest * math.prod(estimates.largest[:factors]) + sum(estimates.largest[factors:])
    power = _power(promise, estimates, values, np.full(1, largest))
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
    """The share of values other than zero that are larger than what is allowed."""
    allowed = estimates.sum_error(promise, int(estimates.counts.max()))
    before, beta, constant = map(float, after(promise.last_rounding(estimates.definitions)))
    there = values != 0
    sums = float(allowed.relative) * terms + float(allowed.absolute)
    noticed = there & (values > before * sums + beta * values + constant)
    count = int(np.count_nonzero(there))
    return int(np.count_nonzero(noticed)) / count if count else 1.0


def _above(value: Fraction) -> float:
    """A float32 number that is at least a positive value."""
    near = np.float32(nearest_float(value))
    return float(near if Fraction(float(near)) >= value else np.nextafter(near, np.float32(np.inf)))


def _below(value: Fraction) -> float:
    """A float32 number that is at most a value ≥ 0."""
    near = np.float32(nearest_float(value))
    return float(near if Fraction(float(near)) <= value else np.nextafter(near, np.float32(0)))
