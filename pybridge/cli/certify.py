"""`python -m pybridge.certify`: bounds as Lean theorems that the kernel checks.

Exit status: 0 Lean accepts every certificate, 1 it rejects one or fails, 2 bad usage or input, 3
there is no Lean that can check.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pybridge.check.certify.entries import ENTRIES, CertifiedEntries, certified_entries
from pybridge.check.certify.source import certificate_source, module_name
from pybridge.check.certify.verdict import Verdict, check_certificate
from pybridge.cli.options import DefinitionsOption, ModeOption, TimeoutOption, completing
from pybridge.cli.output import json_text, rendered
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.cli.session import exit_status, labels, select, session
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, load_definitions
from pybridge.files import write_text
from pybridge.lean import LeanError
from pybridge.model import Model
from pybridge.problem.case import Case
from pybridge.problem.results import Result

__all__ = ["app", "main"]

_WIDTH = 120

app = command_line()


class Certified(Model):
    """The outcome of one case, as `--json` prints it."""

    case: str
    file: str
    claimed: dict[str, int]
    entries: dict[str, int]
    checked: bool
    rejected: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0

    def line(self) -> str:
        """Return what became of the file, in one line."""
        if not self.checked:
            return f"{self.file}: written, not checked"
        if self.rejected:
            return f"{self.file}: Lean rejects {', '.join(self.rejected)}: {self.reason}"
        return f"{self.file}: Lean accepts it ({self.seconds:.0f} s)"


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.certify binary32-basic",
        "python -m pybridge.certify 'binary64-*' --which bias,weight --output certificates",
        "python -m pybridge.certify gradients.npz --entries 20 --lean native",
    ),
)
def certify(
    cases: Annotated[
        list[str],
        typer.Argument(
            metavar="LABEL|FILE.npz…",
            help="Built-in cases (*, ? match), or files of cases.",
            autocompletion=completing(labels),
        ),
    ],
    which: Annotated[
        str | None,
        typer.Option(
            metavar="W,W,…",
            help="Which results: output, or gradients by operand (bias, weight, input); or all.",
            autocompletion=completing(Result),
        ),
    ] = None,
    entries: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Entries of each result to certify; of more, a sample."
        ),
    ] = ENTRIES,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the Lean files; made if missing.")
    ] = Path(),
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Let Lean check the files.")
    ] = True,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 3600.0,
    definitions: DefinitionsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write each case's values and bounds as Lean theorems, and let Lean's kernel check them.

    Each case's Lean file states the geometry, the operands and, for each result, the rounded values
    of entries and upper bounds of their error bounds. The theorems are about the library's own
    definitions and proved by `decide +kernel`: the kernel evaluates them, and neither Python nor a
    compiler is trusted.

    If a result has more than --entries entries, the first, the last, the one with the largest
    bound, and others drawn at random (from the case's digest) are certified.

    Exit status: 0 Lean accepts all, 1 it rejects one or fails, 2 bad usage or input, 3 there is no
    Lean that can check.
    """
    outcomes: list[Certified] = []
    with exit_status(), ExitStack() as stack:
        chosen = _distinct(select(cases))
        files = _write(
            chosen,
            which.split(",") if which else None,
            entries,
            output,
            load_definitions(definitions),
        )
        runner = None
        if check:
            runner = stack.enter_context(session(lean, timeout, needed_for="a certificate's check"))
        try:
            for case, (file, made) in zip(chosen, files, strict=True):
                started = time.monotonic()
                verdict = check_certificate(file, runner) if runner is not None else None
                outcomes.append(_outcome(case, file, made, verdict, time.monotonic() - started))
                print(outcomes[-1].line(), file=sys.stderr)
        except (KeyboardInterrupt, LeanError):
            if outcomes:
                _show(outcomes, as_json=as_json)
            raise
    _show(outcomes, as_json=as_json)
    raise typer.Exit(1 if any(outcome.rejected for outcome in outcomes) else 0)


def _distinct(cases: list[Case]) -> list[Case]:
    """Return the cases; `InputError` if two of them would be written to one file."""
    names = [module_name(case.label) for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two cases would be written to {name}.lean: expected other labels")
    return cases


def _write(
    cases: list[Case], which: list[str] | None, entries: int, folder: Path, definitions: Definitions
) -> list[tuple[Path, dict[str, CertifiedEntries]]]:
    made = [certified_entries(case, which, definitions, entries=entries) for case in cases]
    texts = [certificate_source(case, some) for case, some in zip(cases, made, strict=True)]
    files = [folder / f"{module_name(case.label)}.lean" for case in cases]
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in zip(files, texts, strict=True):
        write_text(file, text)
    return list(zip(files, made, strict=True))


def _outcome(
    case: Case,
    file: Path,
    made: dict[str, CertifiedEntries],
    verdict: Verdict | None,
    seconds: float,
) -> Certified:
    return Certified(
        case=case.name,
        file=str(file),
        claimed={name: len(certified.indices) for name, certified in made.items()},
        entries={name: certified.entries for name, certified in made.items()},
        checked=verdict is not None,
        rejected=verdict.rejected if verdict is not None else (),
        reason=verdict.reason if verdict is not None else "",
        seconds=seconds,
    )


def _show(outcomes: Sequence[Certified], *, as_json: bool) -> None:
    if as_json:
        write_output(json_text([outcome.model_dump(mode="json") for outcome in outcomes]))
        return
    table = Table(box=None, header_style="bold")
    results = list(dict.fromkeys(name for outcome in outcomes for name in outcome.claimed))
    for heading in ("case", *results, "kernel"):
        justify: Any = "left" if heading in ("case", "kernel") else "right"
        table.add_column(heading, justify=justify)
    for outcome in outcomes:
        counts = [
            f"{outcome.claimed[name]} of {outcome.entries[name]}" if name in outcome.claimed else ""
            for name in results
        ]
        verdict = "accepted" if outcome.checked else "not checked"
        if outcome.rejected:
            verdict = f"rejects {', '.join(outcome.rejected)}"
        table.add_row(outcome.case.split("#")[0], *counts, verdict)
    write_output(rendered(_WIDTH, table))


def main() -> None:
    """Run `python -m pybridge.certify`."""
    run_command(app, "python -m pybridge.certify")
