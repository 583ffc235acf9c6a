"""`python -m pybridge.fuzz`: random cases for Lean and NumPy to disagree on.

Exit status: 0 nothing diverged, 1 something did or Lean failed, 2 bad usage or input, 3 there is no
Lean, 130 interrupted before anything diverged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, get_args

import typer
from rich.console import Console
from rich.live import Live

from pybridge.check.fuzz.campaign import Campaign, Goal
from pybridge.check.fuzz.dashboard import Dashboard, tables
from pybridge.check.fuzz.document import check_document, write_document
from pybridge.check.fuzz.tally import FuzzReport
from pybridge.cli.fuzz_replay import replay
from pybridge.cli.output import shown
from pybridge.cli.process import INTERRUPTED, run_command, undisturbed, write_output
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import DefinitionsError, load_definitions
from pybridge.files import check_writable
from pybridge.lean import Lean, LeanError, LeanNotFound, Mode, find

__all__ = ["app", "main"]

_WIDTH = 140
_MINUTES = 5.0
_EPILOG = """
Examples:

python -m pybridge.fuzz --minutes 10

python -m pybridge.fuzz --outputs 100000 --seed 6 --report fuzz.json

python -m pybridge.fuzz --minutes 60 --save diverging

python -m pybridge.fuzz diverging/fuzz-6-123.json
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(epilog=_EPILOG)
def fuzz(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE.json", help="Saved cases: only these are compared."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help=f"Ends after the batch in which they are over; {_MINUTES:g} if neither "
            "this nor --outputs is given."
        ),
    ] = None,
    outputs: Annotated[
        int | None, typer.Option(min=1, help="Ends when so many outputs are compared.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Determines the cases.")] = 0,
    batch: Annotated[
        int, typer.Option(min=1, max=2000, help="How many cases Lean evaluates in one run.")
    ] = 150,
    lean: Annotated[
        str, typer.Option(help=f"How to run Lean: {', '.join(get_args(Mode))}.", metavar="MODE")
    ] = "auto",
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds that each run of Lean may take.")
    ] = 600.0,
    save: Annotated[
        Path, typer.Option(metavar="DIR", help="Where diverging cases are saved, shrunk.")
    ] = Path("fuzzed"),
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the report to a file.")
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE.md", help="Record the run in a document, at its marks."),
    ] = None,
) -> None:
    """Draw random cases, and compare NumPy's evaluation with Lean's and with exact arithmetic.

    Geometries, formats, operands of every magnitude and their errors are drawn; Lean evaluates a
    batch of cases in one run; each case is compared as by pybridge.check. A case that diverges is
    made small, and saved as a file that this command takes.

    The same seed and number of outputs give the same cases with the same version of pybridge.

    Exit status: 0 nothing diverged, 1 something did or Lean failed, 2 bad usage or input, 3 Lean is
    not there, 130 interrupted (Ctrl-C) before anything diverged; what was compared is reported.
    """
    console = Console(stderr=True)
    try:
        mode = next((m for m in get_args(Mode) if m == lean), None)
        if mode is None:
            raise InputError(
                f"--lean: expected one of {', '.join(get_args(Mode))}, got {lean!r:.60}"
            )
        if minutes is not None and not 0 < minutes < float("inf"):
            raise InputError(f"--minutes: expected a positive number, got {minutes:g}")
        if save.exists() and not save.is_dir():
            raise InputError(f"--save: expected a folder, but {save} is a file")
        check_writable("--report", report)
        if write is not None:
            check_document(write)
        definitions = load_definitions()
        if files:
            chosen = {"--minutes": minutes, "--outputs": outputs, "--write": write,
                      "--report": report}  # fmt: skip
            if odd := [name for name, value in chosen.items() if value is not None]:
                raise InputError(f"{odd[0]} does not apply to saved cases: expected it without")
            with _opened(mode, timeout, console) as runner:
                status = replay(files, runner, definitions, as_json=json)
            raise typer.Exit(status)
        if minutes is None and outputs is None:
            minutes = _MINUTES
        goal = Goal(outputs, None if minutes is None else 60 * minutes)
        with _opened(mode, timeout, console) as runner:
            campaign = Campaign(runner, definitions, seed, batch, save)
            ended = _run(campaign, goal, console)
        with undisturbed():
            found = campaign.report()
            if report is not None:
                found.save(report)
            if write is not None and found.finished:
                write_document(write, found, _command(seed, outputs, minutes, batch))
    except (InputError, InputTypeError, DefinitionsError, FloatingPointError, OSError) as error:
        _fail(console, error, 2)
    except LeanError as error:
        _fail(console, error, 3 if isinstance(error, LeanNotFound) else 1)
    _show(found, as_json=json)
    if isinstance(ended, LeanError):
        _fail(console, ended, 1)
    clean = not (found.divergences or found.overlooked)
    raise typer.Exit((0 if ended is None else INTERRUPTED) if clean else 1)


@contextmanager
def _opened(mode: Mode, timeout: float, console: Console) -> Iterator[Lean]:
    runner = find(mode, timeout=timeout, progress=console.is_terminal)
    try:
        if runner.kind == "recorded":
            raise LeanNotFound(
                "random cases are not among the recorded evaluations: it takes Lean itself "
                "(--lean native or --lean wasm)"
            )
        console.print(f"Lean: {runner.description}", markup=False, highlight=False, soft_wrap=True)
        yield runner
    finally:
        runner.close()


def _run(campaign: Campaign, goal: Goal, console: Console) -> KeyboardInterrupt | LeanError | None:
    """Runs a campaign with its dashboard; what ended it early, if something did."""
    try:
        if console.is_terminal:
            with Live(Dashboard(campaign), console=console, refresh_per_second=4, transient=True):
                campaign.run(goal)
        else:
            campaign.say = lambda text: print(text, file=sys.stderr, flush=True)
            campaign.run(goal)
    except (KeyboardInterrupt, LeanError) as end:
        return end
    return None


def _show(found: FuzzReport, *, as_json: bool) -> None:
    if as_json:
        write_output(found.to_json())
        return
    write_output(shown(_WIDTH, tables(found), found.summary()))


def _command(seed: int, outputs: int | None, minutes: float | None, batch: int) -> str:
    parts = ["python -m pybridge.fuzz"]
    if outputs is not None:
        parts.append(f"--outputs {outputs}")
    if minutes is not None:
        parts.append(f"--minutes {minutes:g}")
    return " ".join([*parts, f"--seed {seed}", f"--batch {batch}"])


def _fail(console: Console, error: Exception, status: int) -> NoReturn:
    console.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status) from None


def main() -> None:
    """Runs the command."""
    run_command(app, "python -m pybridge.fuzz")
