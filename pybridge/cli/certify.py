"""`python -m pybridge.certify`: bounds as Lean theorems that the kernel checks.

Exit status: 0 Lean accepts every certificate, 1 it rejects one or fails, 2 bad usage or input, 3
there is no Lean that can check.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from pybridge.check.certify.claims import ENTRIES, Claims, claims
from pybridge.check.certify.source import certificate_source, module_name
from pybridge.check.certify.verdict import Verdict, check_certificate
from pybridge.check.suite import suite
from pybridge.cli import completion
from pybridge.cli.help import examples
from pybridge.cli.output import shown
from pybridge.cli.process import run_command, write_output
from pybridge.cli.session import exit_status
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import Definitions, DefinitionsError, load_definitions
from pybridge.files import write_atomically
from pybridge.lean import Lean, LeanError, LeanNotFound, Mode, find
from pybridge.problem.case import Case
from pybridge.problem.results import Result

__all__ = ["app", "main"]

_WIDTH = 120
_EPILOG = examples(
    "python -m pybridge.certify binary32-basic",
    "python -m pybridge.certify 'binary64-*' --which bias,weight --output certificates",
    "python -m pybridge.certify gradients.npz --entries 20 --lean native",
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Certified(BaseModel):
    """The outcome of one case, as `--json` prints it."""

    model_config = ConfigDict(frozen=True)

    case: str
    file: str
    claimed: dict[str, int]
    entries: dict[str, int]
    checked: bool
    rejected: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0


@app.command(epilog=_EPILOG)
def certify(
    cases: Annotated[
        list[str],
        typer.Argument(
            metavar="LABEL|FILE.npz…",
            help="Built-in cases (*, ? match), or files of cases.",
            autocompletion=completion.case_labels,
        ),
    ],
    which: Annotated[
        str, typer.Option(metavar="W,W,…", help=f"Which results: {', '.join(Result)}.")
    ] = ",".join(Result),
    entries: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Entries of each result to certify; of more, a sample."
        ),
    ] = ENTRIES,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the Lean files go.")
    ] = Path(),
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Let Lean check what was written.")
    ] = True,
    lean: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="How to run Lean: auto, native, wasm.",
            autocompletion=completion.modes,
        ),
    ] = "auto",
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="That Lean may take for a file.")
    ] = 3600.0,
    definitions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Other exported definitions than the package's."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write each case's values and bounds as Lean theorems, and let Lean's kernel check them.

    For each case a Lean file is written that states the geometry, the operands and, for each
    result, that these entries have these rounded values and at most these error bounds. The
    theorems are about the library's own definitions and proved by `decide +kernel`: the kernel
    evaluates them, and neither Python nor a compiler is trusted.

    Of a result with more than --entries entries the first, the last, the one of the largest bound,
    and others drawn at random (from the case's digest) are certified.

    Exit status: 0 Lean accepts all, 1 it rejects one or fails, 2 bad usage or input, 3 there is no
    Lean that can check.
    """
    outcomes: list[Certified] = []
    with exit_status(), contextlib.ExitStack() as stack:
        try:
            loaded = load_definitions(definitions)
            found = _cases(cases)
            names = _which(which)
            if not output.is_dir():
                raise InputError(f"--output: the folder {output} does not exist")
            files = _write(found, names, entries, output, loaded)
        except (DefinitionsError, InputTypeError, FloatingPointError) as error:
            raise InputError(str(error)) from None
        runner = stack.enter_context(_opened(lean, timeout)) if check else None
        try:
            for case, (file, made) in zip(found, files, strict=True):
                started = time.monotonic()
                verdict = check_certificate(file, runner) if runner is not None else None
                outcomes.append(_outcome(case, file, made, verdict, time.monotonic() - started))
                print(_line(outcomes[-1]), file=sys.stderr)
        except (KeyboardInterrupt, LeanError):
            if outcomes:
                _show(outcomes, json)
            raise
    _show(outcomes, json)
    raise typer.Exit(1 if any(outcome.rejected for outcome in outcomes) else 0)


def _cases(given: list[str]) -> list[Case]:
    built_in = suite()
    found: list[Case] = []
    for word in given:
        matching = [case for case in built_in if fnmatchcase(case.label, word)]
        if not matching and not Path(word).is_file():
            raise InputError(f"{word!r:.60} is neither a built-in case's label nor a .npz file")
        found += matching or [Case.load(word)]
    names = [module_name(case.label) for case in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two cases would be written to {name}.lean: expected other labels")
    return found


def _which(text: str) -> list[str]:
    words = text.split(",")
    for word in words:
        Result.of(word, "--which")
    return [name for name in Result if name in words]


def _write(
    cases: list[Case], which: list[str], entries: int, folder: Path, definitions: Definitions
) -> list[tuple[Path, dict[str, Claims]]]:
    made = [claims(case, which, definitions, entries=entries) for case in cases]
    texts = [certificate_source(case, found) for case, found in zip(cases, made, strict=True)]
    files = [folder / f"{module_name(case.label)}.lean" for case in cases]
    for file, text in zip(files, texts, strict=True):
        with write_atomically(file) as stream:
            stream.write(text.encode())
    return list(zip(files, made, strict=True))


@contextlib.contextmanager
def _opened(lean: str, timeout: float) -> Iterator[Lean]:
    modes: tuple[Mode, ...] = get_args(Mode)
    mode = next((mode for mode in modes if mode == lean), None)
    if mode is None:
        raise InputError(f"--lean: expected auto, native or wasm, got {lean!r:.60}")
    runner = find(mode, timeout=timeout)
    if runner.kind == "recorded":
        raise LeanNotFound("recorded evaluations cannot check a certificate: expected a Lean")
    print(f"using {runner.description}", file=sys.stderr)
    try:
        yield runner
    finally:
        runner.close()


def _outcome(
    case: Case, file: Path, made: dict[str, Claims], verdict: Verdict | None, seconds: float
) -> Certified:
    return Certified(
        case=case.name,
        file=str(file),
        claimed={name: len(found.places) for name, found in made.items()},
        entries={name: found.entries for name, found in made.items()},
        checked=verdict is not None,
        rejected=verdict.rejected if verdict is not None else (),
        reason=verdict.reason if verdict is not None else "",
        seconds=seconds,
    )


def _line(outcome: Certified) -> str:
    if not outcome.checked:
        return f"{outcome.file}: written, not checked"
    if outcome.rejected:
        return f"{outcome.file}: Lean rejects {', '.join(outcome.rejected)}: {outcome.reason}"
    return f"{outcome.file}: Lean accepts it ({outcome.seconds:.0f} s)"


def _show(outcomes: list[Certified], json: bool) -> None:
    if json:
        rows = ",\n".join(outcome.model_dump_json(indent=2) for outcome in outcomes)
        write_output(f"[{rows}]\n")
        return
    table = Table(box=None, header_style="bold")
    for heading in ("case", *Result, "kernel"):
        table.add_column(heading, justify="left" if heading in ("case", "kernel") else "right")
    for outcome in outcomes:
        counts = [
            f"{outcome.claimed[name]} of {outcome.entries[name]}" if name in outcome.claimed else ""
            for name in Result
        ]
        verdict = "accepted" if outcome.checked else "not checked"
        if outcome.rejected:
            verdict = f"rejects {', '.join(outcome.rejected)}"
        table.add_row(outcome.case.split("#")[0], *counts, verdict)
    write_output(shown(_WIDTH, table))


def main() -> None:
    """The entry point of the command."""
    run_command(app, "python -m pybridge.certify")
