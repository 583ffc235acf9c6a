"""The optional parts of the package: what is missing, and the command that installs it."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["DISTRIBUTION", "install_command", "missing", "require_command_line"]

DISTRIBUTION = "pybridge-bounds"
"""The name that pip knows the package by; PyPI's `pybridge` is another package."""


def missing(*modules: str) -> list[str]:
    """Return the modules among these top-level ones that are not installed."""
    return [name for name in modules if not _is_installed(name)]


def require_command_line() -> None:
    """End the process with one line and status 2 if the extra `cli` is not installed.

    For the packages that only commands import, before they import what is missing.
    """
    if lacking := missing("filelock", "packaging", "platformdirs", "rich", "typer"):
        names = ", ".join(lacking)
        print(f"error: the command line needs {names}: {install_command('cli')}", file=sys.stderr)
        raise SystemExit(2)


def install_command(extra: str) -> str:
    """Return the command that adds an extra: to the installed package, or to an uninstalled clone.

    The package need not be on an index: pip takes what is installed, and fetches what it requires.
    """
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        clone = Path(__file__).resolve().parents[1]
        return f"pip install -e {shlex.quote(f'{clone}[{extra}]')}"
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # a module without a spec, or None in its stead
        return False
