"""A fault: what it imitates, and the edits that plant it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pybridge.exported.document import digest

__all__ = [
    "PLACES",
    "AnswerEdit",
    "DefinitionsEdit",
    "Edit",
    "Fault",
    "FileEdit",
    "Place",
    "PlantingError",
    "SourceEdit",
    "at",
]

Place: TypeAlias = Literal[
    "reference evaluator",
    "fast replay",
    "estimates",
    "case text",
    "definitions",
    "Lean sources",
    "Lean's answers",
    "recording",
    "checker",
]
PLACES: tuple[Place, ...] = get_args(Place)

DEFINITIONS = Path("pybridge/definitions.json")


class PlantingError(Exception):
    """A fault cannot be planted: what it changes is not there (once), or stays as it was."""


@dataclass(frozen=True, slots=True)
class SourceEdit:
    """Replaces a text that occurs once in a file; `file` is relative to the copy's root."""

    file: str
    old: str
    new: str

    def plant(self, root: Path) -> None:
        """Edits the file of the copy in `root`."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        times = text.count(self.old)
        if times != 1:
            raise PlantingError(
                f"{self.file}: expected {self.old!r:.80} once, found it {times} times"
            )
        if self.old == self.new:
            raise PlantingError(f"{self.file}: {self.old!r:.80} would stay as it is")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class DefinitionsEdit:
    """Changes the exported data of `definitions.json`; `signed`: its digest, too."""

    change: Callable[[Any], None]
    signed: bool = True

    def plant(self, root: Path) -> None:
        """Edits the definitions of the copy in `root`."""
        path = root / DEFINITIONS
        document = json.loads(path.read_text(encoding="utf-8"))
        before = json.dumps(document)
        self.change(document["data"])
        if json.dumps(document) == before:
            raise PlantingError(f"{DEFINITIONS}: nothing would change")
        if self.signed:
            document["sha256"] = digest(document)
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class FileEdit:
    """Changes the bytes of a file of the copy."""

    file: str
    change: Callable[[bytes], bytes]

    def plant(self, root: Path) -> None:
        """Edits the file of the copy in `root`."""
        path = root / self.file
        before = path.read_bytes()
        after = self.change(before)
        if after == before:
            raise PlantingError(f"{self.file}: nothing would change")
        path.write_bytes(after)


@dataclass(frozen=True, slots=True)
class AnswerEdit:
    """Changes the text that Lean answers; the copy of the package stays as it is."""

    change: Callable[[str], str]

    def plant(self, root: Path) -> None:
        """Changes no file."""


Edit: TypeAlias = SourceEdit | DefinitionsEdit | FileEdit | AnswerEdit


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `imitates` says in words what somebody might get wrong.

    `tests` are the modules of tests that are run where no other check catches it. `quick` marks
    those of the short form.
    """

    name: str
    imitates: str
    place: Place
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()
    quick: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"{self.name!r}: expected lower-case words with hyphens")

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is planted in; none where Lean's answer is altered."""
        found: Mapping[str, None] = {
            edit.file if isinstance(edit, SourceEdit | FileEdit) else DEFINITIONS.as_posix(): None
            for edit in self.edits
            if not isinstance(edit, AnswerEdit)
        }
        return tuple(found)

    @property
    def alters_answers(self) -> bool:
        """Whether it is planted in what Lean answers."""
        return any(isinstance(edit, AnswerEdit) for edit in self.edits)

    def answer(self, text: str) -> str:
        """Lean's answer as the checks get it."""
        for edit in self.edits:
            if isinstance(edit, AnswerEdit):
                text = edit.change(text)
        return text


def at(path: str, value: Callable[[Any], Any] | Any) -> Callable[[Any], None]:
    """A change of the exported data: what `path` (keys with dots) leads to becomes `value`."""
    *parents, last = path.split(".")

    def change(data: Any) -> None:
        for key in parents:
            data = data[int(key)] if isinstance(data, list) else data[key]
        place: Any = int(last) if isinstance(data, list) else last
        data[place] = value(data[place]) if callable(value) else value

    return change
