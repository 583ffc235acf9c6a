"""What the commands on Lean have in common: their options, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, get_args

import typer

from pybridge.errors import InputError
from pybridge.lean.discovery import find
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import Lean, Mode

__all__ = ["ModeOption", "TimeoutOption", "exit_status", "opened"]

ModeOption = Annotated[
    Mode,
    typer.Option("--lean", metavar="MODE", help=f"Which Lean to use: {', '.join(get_args(Mode))}."),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", min=1.0, help="How long each run of Lean may take."
    ),
]


@contextmanager
def opened(mode: Mode, timeout: float) -> Iterator[Lean]:
    """The Lean of a mode, said on standard error, and closed in the end."""
    lean = find(mode, timeout=timeout)
    print(f"using {lean.description}", file=sys.stderr)
    try:
        yield lean
    finally:
        lean.close()


@contextmanager
def exit_status() -> Iterator[None]:
    """Ends the command at an error, said in one line.

    The status is 3 if Lean is not there, 1 if it fails, 2 for bad input and what cannot be written.
    """
    try:
        yield
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except LeanNotFound as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(3) from None
    except LeanError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
