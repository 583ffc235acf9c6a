"""`python -m pybridge.lean`: sets Lean up, compiles the library, runs its program, checks files.

Exit status: 0 without an error or `sorry`, 1 with one, 2 for bad usage, 3 when Lean is not there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pybridge.files import write_atomically
from pybridge.lean.console import ModeOption, TimeoutOption, exit_status, opened
from pybridge.lean.errors import LeanError
from pybridge.lean.interface import Message

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@app.command()
def setup(lean: ModeOption = "auto", timeout: TimeoutOption = 600.0) -> None:
    """Finds Lean, installing it first if need be, and says which."""
    with exit_status(), opened(lean, timeout):
        pass


@app.command()
def build(
    modules: Annotated[list[str] | None, typer.Argument(help="By default, the library.")] = None,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
) -> None:
    """Compiles modules and what they import; an error or a `sorry` fails."""
    with exit_status(), opened(lean, timeout) as found:
        result = found.build(modules or None)
    _show(result.messages)
    for module, reason in result.failed.items():
        print(f"{module}: not built: {reason}")
    sorries = sum(message.sorry for message in result.messages)
    print(f"{len(result.built)} built, {len(result.failed)} failed, {sorries} unproved")
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def run(
    cases: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A case file to evaluate.")
    ] = None,
    net: Annotated[bool, typer.Option("--net", help="Evaluate the small network.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Where the result goes, by default standard output.")
    ] = None,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
) -> None:
    """Runs the Lean program: on a case file, on the small network, or to export the definitions."""
    with exit_status(), opened(lean, timeout) as found:
        if cases is not None:
            text = found.evaluate(_read(cases))
        else:
            text = found.network() if net else found.export()
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with write_atomically(output) as file:
            file.write(text.encode())
    except OSError as error:
        print(f"error: {output} cannot be written: {error.strerror}", file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def check(file: File, lean: ModeOption = "auto", timeout: TimeoutOption = 600.0) -> None:
    """Elaborates one file, which may import what was built; an error or a `sorry` fails."""
    with exit_status(), opened(lean, timeout) as found:
        messages = found.check(file)
    _show(messages)
    raise typer.Exit(1 if any(message.fails for message in messages) else 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LeanError(f"{path} cannot be read: {error}") from None


def _show(messages: Iterable[Message]) -> None:
    for message in messages:
        print(message)


if __name__ == "__main__":
    app()
