"""Puts a program and all its modules into one file.

WebAssembly Lean evaluates only code of the file that it elaborates, so the program and the modules
that it imports are put into one file, in import order, each in a section of its own, without the
words of the module system (`module`, `public`, `@[expose]`). No line moves within its module, so
that messages about the bundle can name the sources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybridge.lean.errors import LeanError
from pybridge.lean.interface import Message
from pybridge.lean.modules import import_order, mask, module_file, read_header, read_source

__all__ = ["Bundle", "bundle"]

_ATTRIBUTE_EXPOSE = re.compile(r"^@\[expose\][ \t]*", re.M)
_PUBLIC = re.compile(r"^((?:@\[[^\]\n]*\][ \t]*)*)public[ \t]+", re.M)
_SCOPE = re.compile(
    r"^(?:(?:noncomputable|meta)[ \t]+)*(section|namespace|mutual|end)\b(?:[ \t]+(\S+))?", re.M
)


@dataclass(frozen=True, slots=True)
class _Part:
    file: str
    first: int
    lines: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """The text of the one file, and where each part of it came from."""

    text: str
    parts: tuple[_Part, ...]
    entry: str = "_root_.main"

    def calling_main(self, arguments: Sequence[str]) -> str:
        """Return the text and a command that runs the entry and prints its status in brackets."""
        words = ", ".join(json.dumps(argument, ensure_ascii=False) for argument in arguments)
        return (
            f"{self.text}#eval show IO Unit from do\n"
            f"  let status ← {self.entry} [{words}]\n"
            '  IO.println s!"[{status}]"\n'
        )

    def locate(self, message: Message) -> Message:
        """Return the message with the file and line of the source that it is about."""
        for part in self.parts:
            if part.first <= message.line < part.first + part.lines:
                return replace(message, file=part.file, line=message.line - part.first + 1)
        return message


def bundle(sources: Path, program: str, entry: str = "_root_.main") -> Bundle:
    """Return the program and the modules of `sources` that it imports, as one file.

    `entry` is the function of type `List String → IO UInt32` that is run.

    Raises `LeanError` if a file's scopes do not match.
    """
    order = import_order(sources, [program])
    foreign = {name for imports in order.values() for name in imports if name not in order}
    lines = [f"import {name}" for name in sorted(foreign)]
    parts: list[_Part] = []
    for module in order:
        file = module_file(sources, module)
        name = file.relative_to(sources).as_posix()
        text = read_source(file)
        body, unclosed = _body(text, name)
        content = body.split("\n")
        lines.append("section")
        parts.append(_Part(name, len(lines) + 1, len(content)))
        lines += [*content, *unclosed, "end"]
    return Bundle("\n".join([*lines, ""]), tuple(parts), entry)


def _body(text: str, name: str) -> tuple[str, list[str]]:
    """Return the file's text without its header, and the commands that close its open scopes."""
    end = read_header(text).end
    text = re.sub(r"[^\n]", "", text[:end]) + text[end:]
    text = _remove(_ATTRIBUTE_EXPOSE, text, "")
    text = _remove(_PUBLIC, text, r"\1")
    return text, _unclosed(mask(text), name)


def _remove(pattern: re.Pattern[str], text: str, kept: str) -> str:
    for match in reversed(list(pattern.finditer(mask(text)))):
        text = text[: match.start()] + match.expand(kept) + text[match.end() :]
    return text


def _unclosed(masked: str, name: str) -> list[str]:
    stack: list[str] = []
    for scope in _SCOPE.finditer(masked):
        keyword, label = scope[1], scope[2] or ""
        if keyword != "end":
            stack += label.split(".") if keyword == "namespace" else [label]
            continue
        labels = label.split(".")
        if stack[-len(labels) :] != labels:
            line = masked.count("\n", 0, scope.start()) + 1
            raise LeanError(f"{name}:{line}: `{scope[0].strip()}` closes no open scope")
        del stack[-len(labels) :]
    return [f"end {label}".rstrip() for label in reversed(stack)]
