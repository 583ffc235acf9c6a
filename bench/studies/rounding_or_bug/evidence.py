"""All of the evidence, and the tables that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.studies.rounding_or_bug.honest import Honest, Point, run_honest
from bench.studies.rounding_or_bug.planted import Outcome, run_planted
from bench.studies.rounding_or_bug.recipes import RECIPES
from bench.tables import Row, Table

__all__ = ["TESTS", "Evidence", "gather"]

TESTS = ("ours", *(recipe.name for recipe in RECIPES))
"""What is compared."""

_SHOWN = ("pybridge", *TESTS[1:])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What became of honest kernels and of planted defects."""

    honest: Sequence[Honest]
    points: Sequence[Point]
    outcomes: Sequence[Outcome]

    @property
    def false_alarms(self) -> list[Honest]:
        """Kinds of honest kernels of which we found an entry wrong: none, by the theorem."""
        return [honest for honest in self.honest if honest.alarms.get("ours")]

    @property
    def missed(self) -> list[Outcome]:
        """Defects that exceed their promise and that we did not catch: none."""
        return [o for o in self.outcomes if o.exceeds and not o.caught["ours"]]

    @property
    def exceeding(self) -> list[Outcome]:
        """Defects that rounding cannot explain."""
        return [o for o in self.outcomes if o.exceeds]

    @property
    def holds(self) -> bool:
        """Whether there is no false alarm, and nothing that exceeds its promise is missed."""
        return not (self.false_alarms or self.missed)

    def tables(self) -> Iterator[tuple[str, Table]]:
        """The tables, by section."""
        yield "honest", self._honest()
        yield "summary", self._summary()
        yield "defects", self._defects()

    def _honest(self) -> Table:
        usual = [
            honest
            for honest in self.honest
            if not honest.kind.numerics.tf32 and honest.kind.kernel.across == "binary32"
        ]
        return Table(
            "Entries of honest kernels that a test finds wrong: false alarms, all of them.",
            ("format", "kernel", "entries", "largest error / allowed", *_SHOWN),
            (
                *(
                    _counted(honest.kind.numerics.name, honest.kind.kernel.name, [honest])
                    for honest in self.honest
                ),
                _counted("all but tf32", "without bfloat16 partials", usual),
                _counted("all", "all", self.honest),
            ),
        )

    def _summary(self) -> Table:
        rows = []
        for test, shown in zip(TESTS, _SHOWN, strict=True):
            counts = dict.fromkeys(("caught", "missed", "no evidence"), 0)
            for outcome in self.exceeding:
                counts[_verdict(outcome, test)] += 1
            others = sum(_verdict(o, test) == "caught" for o in self.outcomes if not o.exceeds)
            rows.append((shown, *map(str, counts.values()), str(others)))
        within = len(self.outcomes) - len(self.exceeding)
        return Table(
            f"Of {len(self.exceeding)} defects (each in each format counts) that exceed their "
            "promise, those that a test catches, those that it misses, and those where it finds "
            "the result wrong, but that of the same kernel without the defect, too. And of the "
            f"{within} that stay within what the promise allows, those that it catches.",
            ("test", "caught", "missed", "no evidence", f"caught of the {within} others"),
            tuple(rows),
        )

    def _defects(self) -> Table:
        rows = []
        for outcome in self.outcomes:
            defect = outcome.defect
            cells = [
                f"{outcome.caught[test]:,}"
                + (f" ({outcome.honest[test]:,})" if outcome.honest[test] else "")
                for test in TESTS
            ]
            rows.append(
                (
                    defect.what,
                    f"{defect.name}, {defect.layer}",
                    outcome.numerics,
                    f"{outcome.ratio:.3g}",
                    f"{outcome.exceeding:,} of {outcome.entries:,}",
                    *cells,
                )
            )
        return Table(
            "Entries found wrong; in parentheses, those found wrong without the defect.",
            ("defect", "result", "format", "error / allowed", "exceeding", *_SHOWN),
            tuple(rows),
        )


def gather(progress: Callable[[str], None], *, quick: bool = False) -> Evidence:
    """Runs everything; `quick` runs little of it, to test it."""
    honest, points = run_honest(progress, quick=quick)
    outcomes = run_planted(progress, quick=quick)
    return Evidence(honest, points, outcomes)


def _counted(format: str, kernel: str, honest: Sequence[Honest]) -> Row:
    return (
        format,
        kernel,
        f"{sum(h.entries for h in honest):,}",
        f"{max((h.largest for h in honest), default=0.0):.3f}",
        *(f"{sum(h.alarms.get(test, 0) for h in honest):,}" for test in TESTS),
    )


def _verdict(outcome: Outcome, test: str) -> str:
    if outcome.honest[test]:
        return "no evidence"
    return "caught" if outcome.caught[test] else "missed"
