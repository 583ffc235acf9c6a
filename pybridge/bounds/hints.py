"""What the entries that rounding does not explain have in common, and what would explain them.

No verdict needs these hints. But each hint is checked by the theorems of the verdict: the entries
that it names are within what the promise allows if the kernel made the mistake that it names. In
large results, some entries are checked (`Region`), and the words say which.

A promise that allows most entries to be zero would agree with any mistake. So hints are checked by
a *sharp* promise: the kernel's own, or if that has little power, one of a smaller depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pybridge.bounds.crops import Indices, Region, crop, multiply_adds
from pybridge.bounds.depth import ENOUGH_POWER, Depths, power
from pybridge.bounds.extent import extent
from pybridge.bounds.judge import Judge, Judgement
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.likeness import multiples, rearranged, zeros
from pybridge.bounds.missing import missing
from pybridge.bounds.mistakes import mistakes
from pybridge.bounds.promises import explanations, narrower
from pybridge.bounds.true_errors import Index, Mask
from pybridge.engine.accumulation import Accumulation
from pybridge.errors import InputError

__all__ = ["Diagnosis", "diagnose"]

_SHARE = 256
"""A region takes at most the work of the whole result divided by this, …"""

_LEAST = 2**22
"""… or so many multiply-adds, …"""

_LEAST_EXACT = 2**16
"""… or so many for results in float64, where they are exact."""

_TERMS = 2**22
"""The most terms that are computed one by one in search of missing ones."""

_ENTRIES = 16
"""The most entries whose terms are computed one by one."""

_TRIED = 3
"""The most mistakes that are checked: those whose results are nearest."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Patterns of the failing entries, and the standard promises that allow every error.

    The tightest promise is the first. If a pattern shows that the errors are no rounding, there is
    none.
    """

    patterns: tuple[str, ...]
    explanations: tuple[str, ...]


@np.errstate(all="ignore")
def diagnose(returned: KernelResult, promise: Accumulation, judge: Judge) -> Diagnosis:
    """Describe the entries that fail a promise; at least one does."""
    judged = judge(promise)
    patterns = [*extent(returned, judged.failures)]
    if not (judged.errors.finite.all() and np.isfinite(judged.errors.reference).all()):
        return Diagnosis(tuple(patterns), ())
    work = max(_LEAST, multiply_adds(returned) // _SHARE)
    if returned.format.precision > 24:
        work = _LEAST_EXACT
    around = Region.around(returned, judged.failures, judged.worst, work)
    all_zero = zeros(returned, judged.failures)
    if all_zero is not None:
        patterns.append(all_zero)
    elif (sharp := _sharp(returned, promise, judged, judge)) is not None:
        patterns += _as_if(returned, sharp, judge, judged, around, work)
    if patterns:
        return Diagnosis(tuple(patterns), ())
    narrow = narrower(returned)
    if narrow:
        patterns.append(f"every entry is a {narrow} number")
    weaker = explanations(returned, crop(around), promise, judge, narrow or "")
    return Diagnosis(tuple(patterns), weaker)


def _sharp(
    returned: KernelResult, promise: Accumulation, judged: Judgement, judge: Judge
) -> Accumulation | None:
    """Return the promise if it has power, otherwise one of less depth that has; None without
    one.
    """
    if power(judged) >= ENOUGH_POWER:
        return promise
    needed = Depths.of(judged, promise, returned.format).needed
    if needed < 2:
        return None
    try:
        sharp = promise.model_copy(update={"depth": needed // 2})
        return sharp if power(judge(sharp)) >= ENOUGH_POWER else None
    except InputError:
        return None


def _as_if(
    returned: KernelResult,
    sharp: Accumulation,
    judge: Judge,
    judged: Judgement,
    around: Region,
    work: int,
) -> Iterator[str]:
    """Yield what the result looks like: a multiple or rearrangement of the right one, or a
    mistake.
    """
    by_sharp = judge(sharp)
    factor = multiples(returned, by_sharp, judged.failures)
    if factor is not None:
        yield factor
        return
    elsewhere = rearranged(returned, by_sharp, judged.failures)
    if elsewhere is not None:
        yield elsewhere
        return
    regions = [around]
    if multiply_adds(returned) <= work and not around.is_whole:
        regions.insert(0, Region.whole(returned))
    for region in regions:
        words = _mistake(region, sharp, region.of_result(judged.failures))
        if words is not None:
            yield words if region.is_whole else f"{words} (checked at {region.words})"
            return


def _mistake(region: Region, sharp: Accumulation, failures: Mask) -> str | None:
    """Return the mistake that explains the entries of a region, with the least error."""
    part = crop(region)
    try:
        judged = Judge(part)(sharp)
    except InputError:
        return None
    actual = part.values.astype(np.float64)
    explaining: list[tuple[float, str]] = []
    distances: list[tuple[float, int, str, KernelResult]] = []
    for words, other in mistakes(region):
        value = np.broadcast_to(other.estimator().value(np.float64), part.values.shape)
        off = float(np.abs(actual - value).sum())
        distances.append((off, len(distances), words, other))
    for _, _, words, other in sorted(distances, key=lambda one: one[:2])[:_TRIED]:
        ratio = _explains(other, sharp)
        if ratio is not None:
            explaining.append((ratio, words))
            break
    indices = _some_indices(part, judged, failures)
    if indices:
        at = tuple(np.array(indices).T)
        errors = judged.errors
        allowance = judged.allowance[at] + errors.slack[at]
        for lost in missing(part, indices, errors.reference[at] - actual[at], allowance):
            without = lost.of(part)
            ratio = None if without is None else _explains(without, sharp)
            if ratio is not None:
                explaining.append((ratio, lost.words))
                break
    return min(explaining)[1] if explaining else None


def _explains(returned: KernelResult, sharp: Accumulation) -> float | None:
    """Return the largest error in units of what a promise allows; None if it does not allow every
    error, or has no power.
    """
    try:
        judged = Judge(returned)(sharp)
    except InputError:
        return None
    if judged.failures.any() or power(judged) < ENOUGH_POWER or not judged.errors.reference.any():
        return None
    return judged.ratio


def _some_indices(part: KernelResult, judged: Judgement, failures: Mask) -> list[Index]:
    """Return the indices of some entries, of which half fail."""
    terms = judged.estimates.longest
    count = min(_TERMS // terms, _ENTRIES)
    failing = np.argwhere(failures)
    others = np.argwhere(~failures)
    chosen = [*_some(failing, -(-count // 2)), *_some(others, count // 2)]
    return [tuple(int(i) for i in index) for index in chosen]


def _some(indices: Indices, count: int) -> list[Indices]:
    """Return `count` of the indices, evenly between the first and the last."""
    if count <= 0 or not len(indices):
        return []
    return list(indices[np.unique(np.linspace(0, len(indices) - 1, count).astype(int))])
