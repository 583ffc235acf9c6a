"""`python -m bench`: measures the figures of docs/performance.md.

Exit status: 0 measured, whether or not goals are reached; 1 values differ that must not; 2 bad
usage, or the extra `bench` is not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable

try:
    from threadpoolctl import threadpool_limits

    from bench.figures import FIGURES
    from bench.figures.replay import ValuesDifferError
    from bench.machine import describe
    from bench.performance import write
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] in ("bench", "pybridge"):
        raise
    print(f"bench: {missing.name} is missing: pip install -e '.[bench]'", file=sys.stderr)
    raise SystemExit(2) from None

from bench.tables import Figure, Table
from bench.timing import Effort

__all__ = ["app", "main"]

_WIDTH = 160

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def bench(
    figure: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, max=len(FIGURES), help="Only this figure; repeatable."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Few repeats and small shapes: a test, not a measurement.")
    ] = False,
    write_docs: Annotated[
        bool, typer.Option("--write", help="Write performance.md and .svg into the directory.")
    ] = False,
    directory: Annotated[Path, typer.Option(metavar="DIR", help="Where --write writes.")] = Path(
        "docs"
    ),
) -> None:
    """Measures what the bounds cost: time as ratios within this run, memory, and tightness."""
    if write_docs and figure:
        raise typer.BadParameter("--write needs every figure: leave out --figure")
    command = "python -m bench" + " --quick" * quick + " --write" * write_docs
    progress = Console(stderr=True)
    with threadpool_limits(1), progress.status("measuring") as status:
        machine = describe()
        effort = Effort.of(quick=quick)
        numbers = sorted(set(figure or FIGURES))
        try:
            figures = [
                FIGURES[n](effort, lambda what, n=n: status.update(f"figure {n}: {what}"))  # type: ignore[misc]
                for n in numbers
            ]
        except ValuesDifferError as error:
            print(f"bench: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for what, value in machine.items():
        console.print(f"{what}: {value}", highlight=False)
    for measured in figures:
        _show(console, measured)
    if write_docs:
        write(figures, machine, command, directory)


def _show(console: Console, figure: Figure) -> None:
    console.print(f"\n{figure.number}. {figure.title}", style="bold", highlight=False)
    for table in figure.tables:
        console.print(_rich(table))
    for shortfall in figure.shortfalls:
        console.print(shortfall, highlight=False)


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.caption, title_justify="left", title_style="")
    for k, column in enumerate(table.header):
        shown.add_column(column, justify="right" if k else "left")
    for row in table.rows:
        shown.add_row(*row)
    return shown


def main() -> None:
    """Runs the command."""
    app()


if __name__ == "__main__":
    main()
