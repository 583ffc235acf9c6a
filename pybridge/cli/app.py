"""`pybridge`: all commands under one name, each imported when it is used.

`pybridge check` is `python -m pybridge.check`, and so on. The exit status is the command's, or 2
for bad usage.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pybridge import __version__
from pybridge.cli.process import command_line, examples, run_command

__all__ = ["COMMANDS", "Command", "app", "load", "main"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module that has its `app`, what `python -m` runs, and a summary."""

    module: str
    run_as: str
    summary: str


COMMANDS: Mapping[str, Command] = {
    "certify": Command(
        "pybridge.cli.certify", "pybridge.certify", "Have Lean's kernel check a case's bounds."
    ),
    "check": Command(
        "pybridge.cli.check", "pybridge.check", "Compare NumPy's values and bounds with Lean's."
    ),
    "doctor": Command(
        "pybridge.cli.doctor", "pybridge.doctor", "Examine the installation and this machine."
    ),
    "explain": Command(
        "pybridge.cli.explain", "pybridge.explanation", "Say where an entry's bound comes from."
    ),
    "extract": Command(
        "pybridge.cli.extract", "pybridge.extract", "Extract the proved definitions from Lean."
    ),
    "fuzz": Command(
        "pybridge.cli.fuzz", "pybridge.fuzz", "Look for cases where Lean and NumPy differ."
    ),
    "lean": Command(
        "pybridge.cli.lean", "pybridge.lean", "Set Lean up, check proofs, run the program."
    ),
    "theorem": Command(
        "pybridge.cli.theorem", "pybridge.theorem", "Print a theorem, its file and its line."
    ),
    "tolerance": Command(
        "pybridge.cli.tolerance",
        "pybridge.tolerance",
        "Print a shape's proved tolerances.",
    ),
}
"""Every command, by its name after `pybridge`."""


def load(name: str) -> Any:
    """Import the module of a command, and return the command.

    Raises `ModuleNotFoundError` if a package that it needs is not installed.
    """
    command: Any = get_command(importlib.import_module(COMMANDS[name].module).app)
    command.name = name
    return command


class _Commands(TyperGroup):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command that has only a name and a summary, for lists and completions."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name].summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself, to be run or completed."""
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}  # suggestions
        name, listed, rest = super().resolve_command(ctx, args)
        if listed is None or name is None:
            return name, listed, rest
        try:
            return name, load(name), rest
        except ModuleNotFoundError as error:
            if ctx.resilient_parsing:
                return name, listed, rest
            print(f"error: pybridge {name} needs {error.name}, which is missing", file=sys.stderr)
            raise SystemExit(2) from None


app = command_line(cls=_Commands, add_completion=True)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"pybridge {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "pybridge doctor",
        "pybridge check 'binary32-*'",
        "pybridge explain binary32-basic-eps --index 0,1,2,0",
        "pybridge check --help",
        "pybridge --install-completion",
    ),
)
def pybridge(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version."),
    ] = False,
) -> None:
    """Rounding-error bounds for conv2d and its gradients, proved in Lean.

    Each command can also be run as python -m pybridge.COMMAND (explain: python -m
    pybridge.explanation), and says more with --help.

    Exit status: 0 all is well, 1 something does not hold, 2 bad usage or input, 3 Lean is not
    available; each command's --help has the details.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run `pybridge`."""
    run_command(app, "pybridge")
