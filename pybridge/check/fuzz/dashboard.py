"""What a fuzzing run shows: a live view in a terminal, tables in the end."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pybridge.check.fuzz.campaign import Campaign
from pybridge.check.fuzz.corners import CORNERS
from pybridge.check.fuzz.features import FEATURES
from pybridge.check.fuzz.kinds import KINDS
from pybridge.check.fuzz.tally import FuzzReport

__all__ = ["Dashboard", "tables"]

_WIDE = 112
_TALL = 20


class Dashboard:
    """A run as it is whenever it is drawn."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The numbers, what is being done, and what was covered."""
        run, tally = self.campaign, self.campaign.tally
        rate = tally.outputs / run.seconds if run.seconds else 0.0
        head = Text.assemble(
            (f"{tally.cases}", "bold"), " cases   ",
            (f"{tally.outputs}", "bold"), " outputs compared   ",
            (f"{len(tally.divergences)}", "bold red" if tally.divergences else "bold green"),
            " divergences   ",
            (f"{run.seconds:.0f}", "bold"), " s   ",
            (f"{rate:.0f}", "bold"), " outputs/s",
        )  # fmt: skip
        yield head
        yield Text(run.doing, style="dim", no_wrap=True, overflow="ellipsis")
        kinds = _kinds(
            (name, str(tally.kind_outputs[name]), str(tally.reached[name])) for name in KINDS
        )
        if options.max_width >= _WIDE and console.height >= _TALL + 4:
            shapes = _counts("geometry", "cases", ((n, tally.features[n]) for n in FEATURES))
            yield _columns(kinds, shapes)
        elif console.height >= _TALL:
            yield kinds


def tables(report: FuzzReport) -> Group:
    """What a run covered, and each divergence in a line."""
    covered = _columns(
        _kinds((name, str(k.outputs), str(k.reached)) for name, k in report.kinds.items()),
        _counts("geometry", "cases", report.features.items()),
        _counts("corner", "reached", ((name, report.corners[name]) for name in CORNERS)),
        _counts("format", "cases", report.formats.items()),
        _counts("eps", "cases", report.eps.items()),
    )
    lines = [
        Text.from_markup(
            f"[red]{escape(found.label)}[/]: {escape('; '.join(found.shrunk_problems))}"
            + (f" ({escape(found.file)})" if found.file else "")
        )
        for found in report.divergences
    ]
    lines += [
        Text.from_markup(f"[red]{escape(label)}[/]: a changed answer of Lean's was not noticed")
        for label in report.overlooked
    ]
    return Group(covered, *lines)


def _columns(*parts: Table) -> Columns:
    return Columns(parts, padding=(0, 2))


def _kinds(rows: Iterable[tuple[str, str, str]]) -> Table:
    table = _table("kind of entries", "outputs", "reached")
    for name, outputs, reached in rows:
        table.add_row(name, outputs, f"{reached} {KINDS[name].reaches}")
    table.columns[2].justify = "left"
    return table


def _counts(what: str, count: str, rows: Iterable[tuple[str, int]]) -> Table:
    table = _table(what, count)
    for name, number in rows:
        table.add_row(name, str(number) if number else "[red]0[/]")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
