"""Counts what a fuzzing run covers and finds, and reports it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import computed_field
from rich import box
from rich.table import Table

from pybridge.check.fuzz.corners import CORNERS
from pybridge.check.fuzz.drawing import EPS, Drawn
from pybridge.check.fuzz.features import FEATURES, features
from pybridge.check.fuzz.judge import Verdict
from pybridge.check.fuzz.kinds import KINDS
from pybridge.check.report import LeanReport
from pybridge.model import Model, Report

__all__ = ["Divergence", "FuzzReport", "KindReport", "Tally"]


class KindReport(Model):
    """Cases with a kind of entries in some operand, their outputs, and how often they reached the
    corner that the kind is meant to reach.
    """

    cases: int
    outputs: int
    reaches: str
    reached: int


class Divergence(Model):
    """A case that did not hold.

    `problems` are its own, `shrunk_problems` are the problems of the smaller case that was saved.
    `outputs` and `shrunk_outputs` are the sizes of both, `runs` the runs of Lean for shrinking.
    """

    label: str
    problems: tuple[str, ...]
    outputs: int
    shrunk_problems: tuple[str, ...]
    shrunk_outputs: int
    runs: int
    file: str | None


class FuzzReport(Report):
    """A fuzzing run.

    `outputs` counts the entries of all results: value, exact value and bounds of each were
    compared. `finished` says that the run was not interrupted. `cases_sha256` is the SHA-256 of the
    cases' names, one a line; each name has a digest of its case. `tampered` of Lean's answers were
    changed and compared again; `overlooked` has the labels of cases whose change went unnoticed.
    """

    seed: int
    lean: LeanReport
    versions: Mapping[str, str]
    definitions_sha256: str
    cases: int
    outputs: int
    seconds: float
    finished: bool
    cases_sha256: str
    kinds: Mapping[str, KindReport]
    features: Mapping[str, int]
    formats: Mapping[str, int]
    eps: Mapping[str, int]
    corners: Mapping[str, int]
    tampered: int
    overlooked: tuple[str, ...]
    divergences: tuple[Divergence, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether something was compared, and nothing diverged or was overlooked."""
        return self.cases > 0 and not self.divergences and not self.overlooked

    def table(self) -> Table:
        """Return a table with a row for each kind of entries."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("kind of entries", "cases", "outputs", "reached"):
            table.add_column(heading, justify="right" if heading[-1] == "s" else "left")
        for name, kind in self.kinds.items():
            reached = f"{kind.reached} {kind.reaches}"
            table.add_row(name, str(kind.cases), str(kind.outputs), reached)
        return table

    def findings(self) -> str:
        """Return a line for each divergence and overlooked answer, and what was not reached."""
        lines = [
            f"{divergence.label}: {'; '.join(divergence.shrunk_problems)}"
            + (f" ({divergence.file})" if divergence.file else "")
            for divergence in self.divergences
        ]
        lines += [
            f"{label}: a changed answer of Lean's was not noticed" for label in self.overlooked
        ]
        covered = {**self.features, **self.corners, **self.formats, **self.eps}
        if missing := [name for name, count in covered.items() if not count]:
            lines.append(f"not reached: {', '.join(missing)}")
        return "\n".join(lines)

    def summary(self) -> str:
        """Return the outcome in one line."""
        count = f"{len(self.divergences)} divergences" if self.divergences else "no divergence"
        if len(self.divergences) == 1:
            count = "1 divergence"
        if self.overlooked:
            count += f", {len(self.overlooked)} false answers overlooked"
        ended = "" if self.finished else "ended early; "
        return (
            f"{ended}{self.cases} cases, {self.outputs} outputs compared in {self.seconds:.0f} s "
            f"(seed {self.seed}): {count}; against Lean: {self.lean.description}"
        )


@dataclass(slots=True)
class Tally:
    """What a run has covered so far."""

    cases: int = 0
    outputs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    kind_outputs: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    features: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    eps: Counter[str] = field(default_factory=Counter)
    corners: Counter[str] = field(default_factory=Counter)
    tampered: int = 0
    overlooked: list[str] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, drawn: Drawn, verdict: Verdict, corners: Mapping[str, int]) -> None:
        """Count a case that was compared, and the corners that it reached."""
        outputs = outputs_of(verdict)
        self.cases += 1
        self.outputs += outputs
        self.names.append(drawn.case.name)
        self.features.update(features(drawn.case.geometry))
        self.formats[drawn.case.format] += 1
        self.eps.update(set(drawn.eps))
        self.corners.update(corners)
        for kind in {kind for kinds in drawn.kinds for kind in kinds}:
            self.kinds[kind] += 1
            self.kind_outputs[kind] += outputs
            self.reached[kind] += corners[KINDS[kind].reaches]

    @property
    def cases_sha256(self) -> str:
        """The SHA-256 of the cases' names, one a line."""
        return hashlib.sha256("".join(f"{name}\n" for name in self.names).encode()).hexdigest()

    def report(
        self,
        *,
        seed: int,
        lean: LeanReport,
        versions: Mapping[str, str],
        definitions_sha256: str,
        seconds: float,
        finished: bool,
    ) -> FuzzReport:
        """Return the report of the run as it stands."""
        return FuzzReport(
            seed=seed,
            lean=lean,
            versions=versions,
            definitions_sha256=definitions_sha256,
            cases=self.cases,
            outputs=self.outputs,
            seconds=seconds,
            finished=finished,
            cases_sha256=self.cases_sha256,
            kinds={
                name: KindReport(
                    cases=self.kinds[name],
                    outputs=self.kind_outputs[name],
                    reaches=kind.reaches,
                    reached=self.reached[name],
                )
                for name, kind in KINDS.items()
            },
            features={name: self.features[name] for name in FEATURES},
            formats=dict(sorted(self.formats.items())),
            eps={name: self.eps[name] for name in EPS},
            corners={name: self.corners[name] for name in CORNERS},
            tampered=self.tampered,
            overlooked=tuple(self.overlooked),
            divergences=tuple(self.divergences),
        )


def outputs_of(verdict: Verdict) -> int:
    """Return how many output entries of a case were compared."""
    return sum(math.prod(tensor.shape) for tensor in verdict.report.tensors.values())
