"""What several commands read from their command lines."""

from __future__ import annotations

from typing import Any

from pybridge.errors import InputError

__all__ = ["numbers", "parse_padding"]


def numbers(option: str, text: str | None, lengths: tuple[int, ...]) -> Any:
    """The integers of a comma-separated list; a single one stands for itself."""
    if text is None:
        return None
    try:
        found = tuple(int(word) for word in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in lengths:
        counts = " or ".join(map(str, lengths))
        raise InputError(f"{option}: expected {counts} integers with commas, got {text!r:.60}")
    return found[0] if len(found) == 1 else found


def parse_padding(text: str | None) -> Any:
    """The padding: of both axes, of each, or at each of the four sides."""
    found = numbers("--padding", text, (1, 2, 4))
    if isinstance(found, tuple) and len(found) == 4:
        return found[:2], found[2:]
    return found
