"""Measures comparable times: contenders run in turns, and each one's best run counts."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Effort", "Timing", "alternate"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Contenders take turns for about `seconds`, in `least` to `most` rounds. `quick` asks for shapes
    that take milliseconds: a test, not a measurement.
    """

    seconds: float = 6.0
    least: int = 7
    most: int = 400
    quick: bool = False

    @classmethod
    def of(cls, *, quick: bool) -> Effort:
        """Return the effort of a measurement, or of a test of the measurements."""
        return cls(0.0, 2, 2, quick=True) if quick else cls()


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds of a contender's runs, in order; `first` is a run before them, to warm up."""

    runs: tuple[float, ...]
    first: float

    @property
    def best(self) -> float:
        """The shortest run: other work on the machine can only make runs longer."""
        return min(self.runs)

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)

    def scaled(self, factor: float) -> Timing:
        """Return the times multiplied by a factor."""
        return Timing(tuple(run * factor for run in self.runs), self.first * factor)


def alternate(
    contenders: Mapping[str, Callable[[], object]],
    effort: Effort,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Run contenders in turns (A B C A B C …), without garbage collection, after one run each."""
    first = {name: _seconds(run, clock) for name, run in contenders.items()}
    rounds = min(max(int(effort.seconds / sum(first.values())), effort.least), effort.most)
    runs: dict[str, list[float]] = {name: [] for name in contenders}
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, run in contenders.items():
                runs[name].append(_seconds(run, clock))
    finally:
        if enabled:
            gc.enable()
    return {name: Timing(tuple(times), first[name]) for name, times in runs.items()}


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the time of a run, without the time to free its result."""
    start = clock()
    result = run()
    stop = clock()
    del result
    return stop - start
