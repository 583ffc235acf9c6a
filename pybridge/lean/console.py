"""What the commands on Lean have in common: their options, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from pybridge.lean.discovery import find
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import Lean, Mode

__all__ = ["ModeOption", "TimeoutOption", "exit_status", "opened"]

ModeOption = Annotated[Mode, typer.Option("--lean", help="Which Lean to use.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1.0, help="Seconds allowed for each run of Lean.")
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
    """Ends the command at a `LeanError`, said in one line: 3 if Lean is not there, else 1."""
    try:
        yield
    except LeanNotFound as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(3) from None
    except LeanError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
