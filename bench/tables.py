"""The content of a figure: tables, and goals with what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rich.table import Table as RichTable

from bench.timing import Timing

__all__ = ["WIDTH", "Figure", "Goal", "Points", "Row", "Table", "close", "milliseconds", "number"]

Row: TypeAlias = tuple[str, ...]

WIDTH = 160
"""The characters in a line if the output is not a terminal."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal, and what was measured: at most or at least the goal.

    `why` explains why it is not reached, if it is not.
    """

    what: str
    measured: float
    limit: float
    sense: Literal["≤", "≥"] = "≤"
    why: str = ""

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        if self.sense == "≤":
            return self.measured <= self.limit
        return self.measured >= self.limit

    @property
    def cells(self) -> Row:
        """The goal, and whether it is reached or by how much it is missed."""
        return f"{self.sense} {self.limit:g}", self.verdict

    @property
    def verdict(self) -> str:
        """Yes, or by how much it is missed."""
        return "yes" if self.reached else f"no, {self.distance}"

    @property
    def distance(self) -> str:
        """How far a measurement that misses the goal is from it."""
        ratio = self.measured / self.limit
        if self.sense == "≤":
            return f"{ratio:.1f} times that" if ratio >= 2 else f"{100 * (ratio - 1):.2g} % above"
        return f"1/{1 / ratio:.1f} of that" if ratio <= 0.5 else f"{100 * (1 - ratio):.2g} % below"

    @property
    def sentence(self) -> str:
        """What was measured, for a goal that is not reached."""
        return f"{self.what}: {number(self.measured)} ({self.distance})"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header, and a line that says what they are."""

    caption: str
    header: Row
    rows: tuple[Row, ...]

    @property
    def markdown(self) -> str:
        """The rows in Markdown, columns of numbers to the right."""
        ends = ("" if k == 0 else ":" for k in range(len(self.header)))
        lines = [self.header, tuple(f"---{end}" for end in ends), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    @property
    def rich(self) -> RichTable:
        """The table for a terminal."""
        made = RichTable(title=self.caption, title_justify="left", title_style="")
        for k, column in enumerate(self.header):
            made.add_column(column, justify="right" if k else "left")
        for row in self.rows:
            made.add_row(*row)
        return made


@dataclass(frozen=True, slots=True)
class Points:
    """A line of a diagram: numbers of multiply-adds, seconds, and the exponent of the power of the
    former that fits the latter best.
    """

    label: str
    work: tuple[int, ...]
    seconds: tuple[float, ...]
    exponent: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A paragraph about what is measured; the tables; the goals; and lines to draw."""

    number: int
    title: str
    text: str
    tables: Sequence[Table]
    goals: Sequence[Goal]
    lines: Sequence[Points] = field(default=())

    @property
    def missed(self) -> list[Goal]:
        """The goals that are not reached."""
        return [goal for goal in self.goals if not goal.reached]

    @property
    def shortfalls(self) -> list[str]:
        """For each reason why goals are not reached: these goals, by how much, and why."""
        reasons: dict[str, list[Goal]] = {}
        for goal in self.missed:
            reasons.setdefault(goal.why, []).append(goal)
        return [
            f"Not reached: {'; '.join(goal.sentence for goal in goals)}. {why}".strip()
            for why, goals in reasons.items()
        ]


def number(value: float) -> str:
    """Return a number with three significant digits."""
    if value >= 1e6:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def close(value: float) -> str:
    """Return a ratio with six decimals if it is near one, else with three significant digits."""
    return f"{value:.6f}" if 0.9 < value < 1.1 else number(value)


def milliseconds(timing: Timing) -> str:
    """Return the best and, in parentheses, the median run."""
    best, median = 1e3 * timing.best, 1e3 * timing.median
    return f"{number(best)} ({number(median)})"
