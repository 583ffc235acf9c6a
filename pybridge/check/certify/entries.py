"""The entries that a certificate is about, with their values and bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from pybridge.bounds.applied import Applied
from pybridge.engine.reference import Evaluation
from pybridge.errors import InputError
from pybridge.exported.document import Definitions
from pybridge.problem.case import Case
from pybridge.problem.computation import Computation, computation_of

__all__ = ["ENTRIES", "CertifiedEntries", "certified_entries", "chosen"]

ENTRIES = 100
"""How many entries of a result are certified at most, unless asked for more."""


@dataclass(frozen=True, slots=True)
class CertifiedEntries:
    """Entries of one result (`computation`) to certify.

    `indices` are in row-major order; `values` and `bounds` are the entries' rounded values and
    bounds. `entries` is how many entries the result has, and `overflowed` how many of them have no
    bound because an operation overflowed.
    """

    computation: Computation
    indices: tuple[tuple[int, ...], ...]
    values: tuple[float, ...]
    bounds: tuple[float, ...]
    entries: int
    overflowed: int


def certified_entries(
    case: Case,
    which: Sequence[str] | None,
    definitions: Definitions,
    *,
    entries: int = ENTRIES,
    fast: bool = True,
) -> dict[str, CertifiedEntries]:
    """Return the entries to certify of the results `which` of a case, of all results if None.

    Values and bounds are computed by `method="replay"`, or `"replay-reference"` if `fast` is False.
    Of a result with more than `entries` entries, a sample is certified: see `chosen`.

    Raises `InputError` if `entries` is not positive, the case has no such result, or every entry of
    the results overflowed.
    """
    if entries < 1:
        raise InputError(f"the number of entries is {entries}, expected at least 1")
    certified: dict[str, CertifiedEntries] = {}
    known = tuple(case.geometry.results)
    for result in which or ():
        if result not in known:
            raise InputError(
                f"{case.label}: expected results of {case.geometry.operation} among "
                f"{', '.join(known)}, got {result!r:.60}"
            )
    for result in known if which is None else [name for name in known if name in which]:
        computation = computation_of(case.geometry, result, definitions)
        evaluation = Applied(computation, case.operands).evaluate(case.float_format, fast=fast)
        certified[result] = _certified(case, computation, evaluation, entries)
    if not any(result.indices for result in certified.values()):
        raise InputError(f"{case.label}: every entry overflowed, and has no bound to certify")
    return certified


def _certified(
    case: Case, computation: Computation, evaluation: Evaluation, most: int
) -> CertifiedEntries:
    shape = evaluation.value.shape
    values = evaluation.value.astype(np.float64).ravel()
    bounds = evaluation.bound.ravel()
    sound = ~evaluation.overflow.ravel() & np.isfinite(bounds)
    positions = chosen(
        bounds, np.flatnonzero(sound).tolist(), most, f"{case.name} {computation.name}"
    )
    return CertifiedEntries(
        computation=computation,
        indices=tuple(tuple(int(i) for i in np.unravel_index(p, shape)) for p in positions),
        values=tuple(float(values[p]) for p in positions),
        bounds=tuple(float(bounds[p]) for p in positions),
        entries=math.prod(shape),
        overflowed=int(np.count_nonzero(~sound)),
    )


def chosen(
    bounds: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    sound: Sequence[int],
    most: int,
    seed: str,
) -> list[int]:
    """Return the positions to certify, in order: all of `sound` if there are at most `most`.

    Otherwise `most` of them: the first, the last, the first one with the largest bound, and others
    drawn without replacement by `random.Random(seed)`. The seed is the case's name, which has the
    digest of the case's content, and the result's name: the sample is the same wherever it is
    drawn, and nobody can choose it.
    """
    if len(sound) <= most:
        return list(sound)
    always = list(dict.fromkeys([max(sound, key=lambda p: bounds[p]), sound[0], sound[-1]]))[:most]
    rest = [position for position in sound if position not in always]
    return sorted(always + Random(seed).sample(rest, most - len(always)))
