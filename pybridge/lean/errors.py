"""The errors of Lean, each with a message of one line."""

from __future__ import annotations

__all__ = ["LeanError", "LeanNotFound", "last_lines", "single_line"]

_LONGEST = 400


class LeanError(Exception):
    """Lean failed, hung, or answered what cannot be used; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(single_line(message))


class LeanNotFound(LeanError):
    """The pinned Lean is not available and could not be installed (exit status 3)."""


def single_line(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return " ".join(text.split())


def last_lines(text: str, count: int = 3) -> str:
    """Return the last non-empty lines of an output, in one line of limited length."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:])[-_LONGEST:]
