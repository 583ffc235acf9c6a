"""How the commands' `--help` shows their examples: one to a line, within 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["examples"]

_WIDTH = 74
_WORD = re.compile(r"(?:'[^']*'|\S)+")


def examples(*commands: str) -> str:
    """The epilog of a command; an example that is too long goes on after a backslash."""
    lines = [line for command in commands for line in _lines(command)]
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def _lines(command: str) -> Iterator[str]:
    """A command in lines that a shell reads as one."""
    line = ""
    for part in _parts(command):
        longer = f"{line} {part}" if line else part
        if len(longer) <= _WIDTH - 2:
            line = longer
        else:
            yield f"{line} \\"
            line = f"    {part}"
    yield line


def _parts(command: str) -> list[str]:
    """The words of a command, an option together with its value."""
    parts: list[str] = []
    for word in _WORD.findall(command):
        if parts and re.fullmatch(r"-\S+", parts[-1]) and not word.startswith("-"):
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts
