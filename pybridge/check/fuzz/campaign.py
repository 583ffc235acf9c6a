"""A fuzzing run: draws cases in batches, compares them, and keeps what diverges."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from pybridge import __version__
from pybridge.check.fuzz.corners import corners
from pybridge.check.fuzz.drawing import Drawn
from pybridge.check.fuzz.judge import Judge, Verdict, tampered
from pybridge.check.fuzz.saved import SavedCase
from pybridge.check.fuzz.shrink import RUNS, shrink
from pybridge.check.fuzz.stream import stream
from pybridge.check.fuzz.tally import Divergence, FuzzReport, Tally
from pybridge.check.report import LeanReport
from pybridge.exported.document import Definitions
from pybridge.lean import Lean
from pybridge.problem.shapes import Shape

__all__ = ["Campaign", "Goal", "entries_of", "versions"]

_KEPT = 5
_TAMPERED = 4


@dataclass(frozen=True, slots=True)
class Goal:
    """When a run ends: at a number of outputs, or after the batch in which its time is over."""

    outputs: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Campaign:
    """A fuzzing run as it stands.

    `say` is called with what was done, `doing` with what is being done. `batch` is how many cases
    Lean evaluates in one run, `save` the folder for diverging cases: the first five are shrunk and
    saved, further ones are only reported.
    """

    lean: Lean
    definitions: Definitions
    seed: int
    batch: int = 150
    save: Path | None = None
    shrink_runs: int = RUNS
    say: Callable[[str], None] = lambda text: None
    doing: Callable[[str], None] = lambda text: None
    tally: Tally = field(default_factory=Tally)
    finished: bool = False
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._started

    def run(self, goal: Goal) -> None:
        """Compare batches until the goal is reached.

        Raises `LeanError` if Lean does not work. After an exception or an interrupt, `tally` has
        what was compared, and the files of diverging cases remain.
        """
        judge = Judge(self.lean, self.definitions)
        for number, batch in enumerate(self._batches(goal), 1):
            cases = [drawn.case for drawn in batch]
            outputs = sum(entries_of(case.geometry) for case in cases)
            self.doing(f"batch {number}: Lean evaluates {len(cases)} cases, {outputs} outputs")
            answers = judge.answers(cases)
            self.doing(f"batch {number}: comparing")
            for drawn, verdict in zip(batch, judge.verdicts(cases, answers), strict=True):
                self.tally.add(drawn, verdict, corners(drawn.case, self.definitions))
                if verdict.problems:
                    self._keep(verdict, judge)
                elif self.tally.cases % _TAMPERED == 0:
                    self._tamper(verdict, judge)
            self.say(self._line())
            if goal.seconds is not None and self.seconds >= goal.seconds:
                break
        self.finished = True

    def report(self) -> FuzzReport:
        """Return the report of what was compared so far."""
        return self.tally.report(
            seed=self.seed,
            lean=LeanReport(kind=self.lean.kind, description=self.lean.description),
            versions=versions(),
            definitions_sha256=self.definitions.sha256,
            seconds=self.seconds,
            finished=self.finished,
        )

    def _batches(self, goal: Goal) -> Iterator[list[Drawn]]:
        batch: list[Drawn] = []
        outputs = 0
        for drawn in stream(self.seed):
            batch.append(drawn)
            outputs += entries_of(drawn.case.geometry)
            last = goal.outputs is not None and outputs >= goal.outputs
            if len(batch) == self.batch or last:
                yield batch
                batch = []
            if last:
                return

    def _line(self) -> str:
        return (
            f"{self.tally.cases} cases, {self.tally.outputs} outputs compared, "
            f"{len(self.tally.divergences)} divergences, {self.seconds:.0f} s"
        )

    def _tamper(self, verdict: Verdict, judge: Judge) -> None:
        self.tally.tampered += 1
        changed = tampered(verdict.answer, verdict.case.name)
        if judge.overlooks(verdict.case, verdict.answer, changed):
            self.tally.overlooked.append(verdict.case.label)

    def _keep(self, verdict: Verdict, judge: Judge) -> None:
        label = verdict.case.label
        self.say(f"{label} diverges: {'; '.join(map(str, verdict.problems))}")
        kept = self.save is not None and len(self.tally.divergences) < _KEPT
        path = self._write(verdict, "as it was found") if kept else None
        index = len(self.tally.divergences)
        self.tally.divergences.append(_divergence(verdict, verdict, 0, path))
        if kept and self.shrink_runs:
            self.doing(f"shrinking {label}")
            shrunk = shrink(verdict, judge, runs=self.shrink_runs)
            note = f"shrunk in {shrunk.runs} runs of Lean from {_size(verdict)}"
            path = self._write(shrunk.verdict, note)
            self.tally.divergences[index] = _divergence(verdict, shrunk.verdict, shrunk.runs, path)
            self.say(f"{label} is saved in {path}, {note} to {_size(shrunk.verdict)}")

    def _write(self, verdict: Verdict, note: str) -> Path:
        assert self.save is not None
        self.save.mkdir(parents=True, exist_ok=True)
        path = self.save / f"{verdict.case.label}.json"
        heading = f"Seed {self.seed}, {note}."
        SavedCase.of(
            verdict.case, note=heading, problems=[str(problem) for problem in verdict.problems]
        ).save(path)
        return path


def entries_of(shape: Shape) -> int:
    """Return how many entries the results of a shape have."""
    return sum(map(math.prod, shape.result_shapes.values()))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    names = ("numpy", "ml-dtypes", "python-flint")
    return {
        "python": platform.python_version(),
        "pybridge": __version__,
        **{name: version(name) for name in names},
    }


def _divergence(verdict: Verdict, shrunk: Verdict, runs: int, path: Path | None) -> Divergence:
    return Divergence(
        label=verdict.case.label,
        problems=tuple(map(str, verdict.problems)),
        outputs=entries_of(verdict.case.geometry),
        shrunk_problems=tuple(map(str, shrunk.problems)),
        shrunk_outputs=entries_of(shrunk.case.geometry),
        runs=runs,
        file=None if path is None else str(path),
    )


def _size(verdict: Verdict) -> str:
    outputs = entries_of(verdict.case.geometry)
    return f"{outputs} output{'s' * (outputs != 1)}"
