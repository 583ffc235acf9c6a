"""The command line of `python -m pybridge.doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from pybridge.check.doctor.examination import examine
from pybridge.cli.options import JsonOption
from pybridge.cli.output import rendered
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.lean.interface import Mode

__all__ = ["app", "main"]

_WIDTH = 160

app = command_line()


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.doctor",
        "python -m pybridge.doctor --run",
        "python -m pybridge.doctor --lean wasm --json",
        "python -m pybridge.doctor --after torch",
    ),
)
def command(
    lean: Annotated[
        Mode, typer.Option("--lean", help="The kind of Lean that is required; auto: any.")
    ] = "auto",
    run: Annotated[
        bool, typer.Option("--run", help="Let each kind of Lean found evaluate a small case.")
    ] = False,
    after: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE",
            help="Import a module first, since it may change the arithmetic; repeatable.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Examine this installation and this machine, and say what to do about what is wrong.

    It examines Python, NumPy with its BLAS and the other packages; the Lean sources, the
    definitions exported from them, and each way to run Lean; how NumPy rounds on this machine, by
    many operations with known results; the cache and the disks; the extras.

    Nothing is installed or changed, nothing is fetched, and Lean is run only with --run. A row that
    is neither good nor wrong is a note: what is missing there is not needed.

    Exit status: 0 nothing is wrong, 1 something is wrong, 2 bad usage, 3 there is no Lean, or not
    the one that --lean asks for.
    """
    report = examine(lean, run=run, after=after or ())
    write_output(
        report.to_json() if as_json else rendered(_WIDTH, report.table(), report.summary())
    )
    raise typer.Exit(report.status)


def main() -> None:
    """Run `python -m pybridge.doctor`."""
    run_command(app, "python -m pybridge.doctor")
