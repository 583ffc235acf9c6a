"""The interface of every way to run Lean, and the types of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

__all__ = [
    "PINNED",
    "VERSION",
    "BuildResult",
    "Kind",
    "Lean",
    "Message",
    "Mode",
    "Severity",
    "is_sorry",
]

VERSION = "4.28.0"
PINNED = f"leanprover/lean4:v{VERSION}"

Kind = Literal["native", "wasm", "recorded"]
Mode = Literal["auto", "native", "wasm", "recorded"]
Severity = Literal["information", "warning", "error"]

_SORRY = re.compile(r"declaration uses .?sorry")


def is_sorry(severity: Severity, text: str) -> bool:
    """Return whether a message is Lean's warning that a proof is missing."""
    return severity == "warning" and _SORRY.match(text) is not None


@dataclass(frozen=True, slots=True)
class Message:
    """A message of Lean about a position in a source file; lines are from 1, columns from 0."""

    file: str
    line: int
    column: int
    severity: Severity
    text: str
    sorry: bool = False

    @classmethod
    def from_json(cls, line: str) -> Message | None:
        """Return the message in a line that `lean --json` printed, or None for another line."""
        try:
            data = json.loads(line)
            if data["severity"] not in get_args(Severity):
                return None
            return cls(
                file=str(data["fileName"]),
                line=int(data["pos"]["line"]),
                column=int(data["pos"]["column"]),
                severity=data["severity"],
                text=str(data["data"]),
                sorry=data.get("kind") == "hasSorry" or is_sorry(data["severity"], data["data"]),
            )
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def fails(self) -> bool:
        """Whether this is an error, or the warning that a proof is missing."""
        return self.severity == "error" or self.sorry

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.text}"


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The outcome of compiling library modules.

    `built` has the modules that were compiled or up to date, imports first; `failed` says for each
    other module why it was not; `messages` are Lean's, also those of up-to-date modules; `ileans`
    maps modules to their `.ilean` files.
    """

    built: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    ileans: Mapping[str, Path] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every module was compiled, without an error and without a `sorry`."""
        return not self.failed and not any(message.fails for message in self.messages)


class Lean(Protocol):
    """Lean of the pinned version; every method raises `LeanError` in one line."""

    @property
    def kind(self) -> Kind:
        """How Lean runs."""

    @property
    def description(self) -> str:
        """What is used, with its version, in one line."""

    def evaluate(self, case_text: str) -> str:
        """Return the result file's text for a case file's text of any number of cases."""

    def export(self) -> str:
        """Return the exported definitions, as the text of a JSON document."""

    def networks(self, text: str) -> str:
        """Return the result file's text for a file of networks, which has a form of its own."""

    def build(self, modules: Sequence[str] | None = None, *, ilean: bool = True) -> BuildResult:
        """Compile modules of the library and their imports; by default, all but `Evaluate`."""

    def check(self, file: Path) -> tuple[Message, ...]:
        """Elaborate one file, which may import what was built, and return Lean's messages."""

    def close(self) -> None:
        """End the processes that were started; the next call starts new ones."""
