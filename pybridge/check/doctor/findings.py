"""The findings of an examination: JSON for programs, a table for people."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Literal, Self

from pydantic import computed_field, model_validator
from rich import box
from rich.markup import escape
from rich.table import Table

from pybridge.extras import DISTRIBUTION
from pybridge.lean.interface import Kind, Mode
from pybridge.model import Model, Report

__all__ = [
    "REINSTALL",
    "DoctorReport",
    "Finding",
    "State",
    "good",
    "note",
    "pip",
    "python",
    "wrong",
]

State = Literal["good", "note", "wrong"]
"""A `note` is neither good nor wrong: something optional, present or not."""

REINSTALL = f"install {DISTRIBUTION} again, from its wheel or its clone"
"""What to do if files of the package are missing or damaged."""

_MARKUP = {"good": "[green]good[/]", "note": "note", "wrong": "[bold red]wrong[/]"}


class Finding(Model):
    """What was examined, what was `found` and, if that is wrong, what to do.

    `lean` is the kind of Lean that was found and can be used, if any.
    """

    name: str
    state: State
    found: str
    remedy: str | None = None
    lean: Kind | None = None

    @model_validator(mode="after")
    def _says_what_to_do(self) -> Self:
        if (self.state == "wrong") != (self.remedy is not None):
            raise ValueError("a remedy belongs to what is wrong, and to nothing else")
        return self


class DoctorReport(Report):
    """An examination; `mode` is the Lean that was asked for."""

    version: str
    mode: Mode
    findings: tuple[Finding, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def leans(self) -> tuple[Kind, ...]:
        """The kinds of Lean that were found and can be used."""
        return tuple(finding.lean for finding in self.findings if finding.lean is not None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> int:
        """0: nothing is wrong; 1: something is; 3: Lean, or the kind asked for, is missing."""
        if not self.leans or (self.mode != "auto" and self.mode not in self.leans):
            return 3
        return 1 if self.wrong else 0

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings that are wrong."""
        return tuple(finding for finding in self.findings if finding.state == "wrong")

    def table(self) -> Table:
        """Return a table with a row for each finding."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("examined", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("found", overflow="fold")
        for finding in self.findings:
            table.add_row(escape(finding.name), _MARKUP[finding.state], escape(finding.found))
        return table

    def summary(self) -> str:
        """Return a line for each wrong finding that says what to do, or that nothing is wrong."""
        lines = [f"{finding.name}: {finding.remedy}" for finding in self.wrong]
        if not lines:
            return f"nothing is wrong ({len(self.findings)} examined)"
        return "\n".join(["what to do:", *lines])


def good(name: str, found: str, *, lean: Kind | None = None) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(name=name, state="good", found=found, lean=lean)


def note(name: str, found: str) -> Finding:
    """Return a finding that is neither good nor wrong."""
    return Finding(name=name, state="note", found=found)


def wrong(name: str, found: str, remedy: str) -> Finding:
    """Return a finding that is wrong, with what to do."""
    return Finding(name=name, state="wrong", found=" ".join(found.split()), remedy=remedy)


def python() -> str:
    """Return the shell command that runs this Python."""
    for name in ("python", "python3"):
        path = shutil.which(name)
        # Not `resolve`: a virtual environment's Python is a link to another's.
        if path is not None and Path(path).absolute() == Path(sys.executable).absolute():
            return name
    return shlex.quote(sys.executable or "python")


def pip(*requirements: str) -> str:
    """Return the command that installs requirements for this Python."""
    words = " ".join(word if word.startswith("-") else shlex.quote(word) for word in requirements)
    return f"{python()} -m pip install {words}"
