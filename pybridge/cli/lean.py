"""`python -m pybridge.lean`: sets Lean up, compiles the library, runs its program, checks files.

Exit status: 0 without an error or `sorry`, 1 with one, 2 for bad usage, 3 when Lean is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pybridge.cli.help import examples
from pybridge.cli.process import run_command, write_output
from pybridge.cli.session import ModeOption, TimeoutOption, exit_status, opened
from pybridge.errors import InputError
from pybridge.files import check_writable, write_atomically
from pybridge.lean.interface import Message

_STATUS = """
Exit status: 0 no error and no `sorry`, 1 there is one or Lean failed, 2 bad usage or input, 3 Lean
is not there.
"""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=f"Set Lean up, compile the library, run its program, check files.\n{_STATUS}",
    epilog=examples(
        "python -m pybridge.lean setup",
        "python -m pybridge.lean build",
        "python -m pybridge.lean run --net",
        "python -m pybridge.lean check --help",
    ),
)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.lean", exists=True, dir_okay=False, readable=True, help="The file."
    ),
]


@app.command(
    help=f"Find Lean, installing it first if need be, and say which.\n{_STATUS}",
    epilog=examples("python -m pybridge.lean setup", "python -m pybridge.lean setup --lean wasm"),
)
def setup(lean: ModeOption = "auto", timeout: TimeoutOption = 600.0) -> None:
    """Finds Lean, installing it first if need be, and says which."""
    with exit_status(), opened(lean, timeout):
        pass


@app.command(
    help="Compile modules; an error or a `sorry` fails.\n\nWhat they import is compiled, too.\n"
    f"{_STATUS}",
    epilog=examples(
        "python -m pybridge.lean build",
        "python -m pybridge.lean build RuntimeApprox.Conv2d.Theorems --timeout 1200",
    ),
)
def build(
    modules: Annotated[
        list[str] | None, typer.Argument(metavar="MODULE", help="By default, the library.")
    ] = None,
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


@app.command(
    help="Run the Lean program.\n\nOn a case file, on the small network, or, where neither is "
    f"given, to export the definitions.\n{_STATUS}",
    epilog=examples(
        "python -m pybridge.lean run --net",
        "python -m pybridge.lean run --cases cases.txt --output results.txt",
        "python -m pybridge.lean run --output export.json",
    ),
)
def run(
    cases: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A case file to evaluate."),
    ] = None,
    net: Annotated[bool, typer.Option("--net", help="Evaluate the small network.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the result goes, by default standard output."),
    ] = None,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
) -> None:
    """Runs the Lean program: on a case file, on the small network, or to export the definitions."""
    with exit_status():
        check_writable("--output", output)
        given = None if cases is None else _read(cases)
        with opened(lean, timeout) as found:
            if given is not None:
                text = found.evaluate(given)
            else:
                text = found.network() if net else found.export()
        if output is None:
            write_output(text)
            return
        with write_atomically(output) as file:
            file.write(text.encode())


@app.command(
    help="Elaborate one file; an error or a `sorry` fails.\n\nIt may import what was built.\n"
    f"{_STATUS}",
    epilog=examples("python -m pybridge.lean check Mine.lean"),
)
def check(file: File, lean: ModeOption = "auto", timeout: TimeoutOption = 600.0) -> None:
    """Elaborates one file, which may import what was built; an error or a `sorry` fails."""
    with exit_status(), opened(lean, timeout) as found:
        messages = found.check(file)
    _show(messages)
    raise typer.Exit(1 if any(message.fails for message in messages) else 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} cannot be read: it is not text in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _show(messages: Iterable[Message]) -> None:
    for message in messages:
        print(message)


def main() -> None:
    """The entry point of `python -m pybridge.lean`."""
    run_command(app, "python -m pybridge.lean")
