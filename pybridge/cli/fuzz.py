"""`python -m pybridge.fuzz`: random cases for Lean and NumPy to disagree on.

Exit status: 0 nothing diverged, 1 something did or Lean failed, 2 bad usage or input, 3 there is no
Lean, 130 interrupted before anything diverged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pybridge.check.fuzz.campaign import Campaign, Goal
from pybridge.check.fuzz.judge import Evaluator, Judge
from pybridge.check.fuzz.saved import SavedCase
from pybridge.cli.options import ModeOption, TimeoutOption
from pybridge.cli.output import json_text, rendered
from pybridge.cli.process import (
    HELP,
    INTERRUPTED,
    command_line,
    examples,
    run_command,
    undisturbed,
    write_output,
)
from pybridge.cli.session import exit_status, session
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, load_definitions
from pybridge.files import check_writable, write_text
from pybridge.lean import LeanError
from pybridge.problem.case import Case

__all__ = ["app", "main"]

_WIDTH = 140
_MINUTES = 5.0

app = command_line()


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.fuzz --minutes 10",
        "python -m pybridge.fuzz --outputs 100000 --seed 6 --report fuzz.json",
        "python -m pybridge.fuzz --minutes 60 --save diverging",
        "python -m pybridge.fuzz diverging/fuzz-6-123.json",
    ),
)
def fuzz(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE.json", help="Saved cases: only these are compared."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help=f"End after the batch in which this time is over; {_MINUTES:g} if neither "
            "this nor --outputs is given."
        ),
    ] = None,
    outputs: Annotated[
        int | None, typer.Option(min=1, help="End when this many outputs are compared.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cases.")] = 0,
    batch: Annotated[
        int, typer.Option(min=1, max=2000, help="How many cases Lean evaluates in one run.")
    ] = 150,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
    save: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder in which shrunk diverging cases are saved.")
    ] = Path("fuzzed"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the report to a file.")
    ] = None,
) -> None:
    """Draw random cases, and compare NumPy's evaluation with Lean's and with exact arithmetic.

    Geometries, formats, operands of every magnitude and their eps are drawn; Lean evaluates a batch
    of cases in one run; each case is compared as by pybridge.check. A case that diverges is made
    small, and saved as a file that this command can compare again.

    The same seed and number of outputs give the same cases with the same version of pybridge.

    Exit status: 0 nothing diverged, 1 something did or Lean failed, 2 bad usage or input, 3 Lean is
    not available, 130 interrupted (Ctrl-C) before anything diverged; what was compared is reported.
    """
    with exit_status():
        if minutes is not None and not 0 < minutes < float("inf"):
            raise InputError(f"--minutes: expected a positive number, got {minutes:g}")
        if save.exists() and not save.is_dir():
            raise InputError(f"--save: expected a folder, but {save} is a file")
        check_writable("--report", report)
        definitions = load_definitions()
        if files:
            chosen = {"--minutes": minutes, "--outputs": outputs, "--report": report}
            if odd := [name for name, value in chosen.items() if value is not None]:
                raise InputError(f"{odd[0]} does not apply to saved cases: expected it without")
            with session(lean, timeout, needed_for="comparing saved cases") as runner:
                raise typer.Exit(_replay(files, runner, definitions, as_json=as_json))
        if minutes is None and outputs is None:
            minutes = _MINUTES
        goal = Goal(outputs, None if minutes is None else 60 * minutes)
        with session(lean, timeout, needed_for="a random case") as runner:
            campaign = Campaign(runner, definitions, seed, batch, save)
            ended = _run(campaign, goal)
        with undisturbed():
            tested = campaign.report()
            if report is not None:
                write_text(report, tested.to_json())
        if as_json:
            write_output(tested.to_json())
        else:
            parts = [part for part in (tested.findings(), tested.summary()) if part]
            write_output(rendered(_WIDTH, tested.table(), *parts))
        if isinstance(ended, LeanError):
            raise ended
    clean = not (tested.divergences or tested.overlooked)
    raise typer.Exit((0 if ended is None else INTERRUPTED) if clean else 1)


def _run(campaign: Campaign, goal: Goal) -> KeyboardInterrupt | LeanError | None:
    """Run a campaign, showing its progress; return what ended it early, if something did."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    campaign.say = lambda text: console.print(text, markup=False)
    try:
        if console.is_terminal:
            with console.status("starting") as status:
                campaign.doing = status.update
                campaign.run(goal)
        else:
            campaign.run(goal)
    except (KeyboardInterrupt, LeanError) as end:
        return end
    return None


def _replay(
    files: Sequence[Path], lean: Evaluator, definitions: Definitions, *, as_json: bool
) -> int:
    """Print for each file whether its case holds; return 0 if all do, else 1.

    Raises `InputError`, naming the file, if one has no case, or the same case as another; and
    `LeanError` if Lean does not work.
    """
    cases: dict[str, tuple[Path, Case]] = {}
    for path in files:
        case = SavedCase.load(path).checked_case(path)
        if case.name in cases:
            raise InputError(f"{path}: the same case as in {cases[case.name][0]}")
        cases[case.name] = (path, case)
    verdicts = Judge(lean, definitions).judge([case for _, case in cases.values()])
    rows = [
        {
            "file": str(path),
            "passed": not verdict.problems,
            "problems": [str(problem) for problem in verdict.problems],
        }
        for (path, _), verdict in zip(cases.values(), verdicts, strict=True)
    ]
    lines = [f"{row['file']}: {'; '.join(row['problems']) or 'holds'}\n" for row in rows]  # type: ignore[arg-type]
    write_output(json_text(rows) if as_json else "".join(lines))
    return int(any(verdict.problems for verdict in verdicts))


def main() -> None:
    """Run `python -m pybridge.fuzz`."""
    run_command(app, "python -m pybridge.fuzz")
