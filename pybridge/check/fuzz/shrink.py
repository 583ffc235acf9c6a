"""Makes a failing case small: a smaller shape, simpler numbers, the same kind of failure.

Hypothesis's own shrinking tries one example at a time, but a run of Lean takes seconds to start and
hardly longer for a hundred small cases. So each step proposes many simplifications
(`pybridge.check.fuzz.reductions`), Lean evaluates all of them in one run, and those that still fail
are tried together in the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pybridge.check.fuzz.judge import Judge, Verdict
from pybridge.check.fuzz.reductions import Reduction, digits, reductions
from pybridge.problem.case import Case
from pybridge.problem.shapes import Product

__all__ = ["RUNS", "Shrunk", "complexity", "shrink"]

RUNS = 16
"""The most runs of Lean in which a failing case is shrunk."""

_TRIES = 96


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest failing case after `runs` runs of Lean; `finished` says that none of its
    simplifications fails.
    """

    verdict: Verdict
    runs: int
    finished: bool


def complexity(case: Case) -> tuple[int, int, int, int]:
    """Return how large a case is, by which cases are compared.

    First its entries and terms; then padding, strides and dilations; then how many numbers are not
    zero; and last their digits.
    """
    arrays = [value.astype(np.float64) for value in case.values.values()]
    numbers = [value for array in arrays for value in array.ravel().tolist()]
    numbers += case.eps.values()
    windows = () if isinstance(case.geometry, Product) else case.geometry.windows
    return (
        sum(array.size for array in arrays) + case.geometry.multiply_adds,
        sum(w.pad_begin + w.pad_end + w.stride + w.dilation + w.output_padding for w in windows),
        sum(value != 0 for value in numbers),
        sum(map(digits, numbers)),
    )


def shrink(failing: Verdict, judge: Judge, *, runs: int = RUNS) -> Shrunk:
    """Return the smallest case found that fails in the same way, in about `runs` runs of Lean."""
    best = failing
    families = {problem.family for problem in failing.problems}
    sound: set[str] = set()
    promising: list[Reduction] = []
    start = judge.runs
    while judge.runs - start < runs:
        tries = _tries(best.case, promising, sound)
        if not tries:
            return Shrunk(best, judge.runs - start, finished=True)
        verdicts = judge.judge([case for case, _ in tries])
        failed = []
        for verdict, (case, reduction) in zip(verdicts, tries, strict=True):
            if any(problem.family in families for problem in verdict.problems):
                failed.append((complexity(case), verdict, reduction))
            else:
                sound.add(case.name)
        if failed:
            failed.sort(key=lambda failure: failure[0])
            best = failed[0][1]
        promising = [reduction for _, _, reduction in failed if reduction is not None]
    return Shrunk(best, judge.runs - start, finished=False)


def _tries(
    case: Case, promising: Sequence[Reduction], sound: Collection[str]
) -> list[tuple[Case, Reduction | None]]:
    """Return simpler cases that are not known to be sound.

    First come the promising simplifications on top of each other, then each simplification alone.
    """
    tries: dict[str, tuple[Case, Reduction | None]] = {}
    limit = complexity(case)
    for candidate, reduction in (*_together(case, promising), *_alone(case)):
        if len(tries) == _TRIES:
            break
        if candidate.name not in sound and complexity(candidate) < limit:
            tries.setdefault(candidate.name, (candidate, reduction))
    return list(tries.values())


def _together(case: Case, promising: Sequence[Reduction]) -> Iterator[tuple[Case, None]]:
    for chosen in (promising, promising[::-1], promising[::2], promising[1::2]):
        now = case
        for reduction in chosen:
            simpler = reduction(now)
            if simpler is not None and complexity(simpler) < complexity(now):
                now = simpler
                yield now, None


def _alone(case: Case) -> Iterator[tuple[Case, Reduction]]:
    for reduction in reductions(case):
        simpler = reduction(case)
        if simpler is not None:
            yield simpler, reduction
