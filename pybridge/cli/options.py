"""Options that several commands have, their completion, and how their values are parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from pybridge.errors import InputError
from pybridge.lean.interface import Mode

__all__ = [
    "DefinitionsOption",
    "Dilation",
    "JsonOption",
    "ModeOption",
    "Padding",
    "Stride",
    "TimeoutOption",
    "completing",
    "numbers",
    "parse_padding",
]

ModeOption = Annotated[Mode, typer.Option("--lean", help="Which Lean to use.")]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", min=1, help="The most that a run of Lean may take."
    ),
]
DefinitionsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.json", help="Other exported definitions than the package's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Stride = Annotated[str | None, typer.Option(metavar="S|H,W", help="Strides.")]
Padding = Annotated[str | None, typer.Option(metavar="P|H,W|T,B,L,R", help="Padding.")]
Dilation = Annotated[str | None, typer.Option(metavar="D|H,W", help="Dilations.")]


def completing(
    words: Iterable[str] | Callable[[], Iterable[str]],
) -> Callable[[str], list[str]]:
    """Return a completion by words, also of the last item of a comma-separated list."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        known = words() if callable(words) else words
        return [before + comma + word for word in known if word.startswith(last)]

    return complete


def numbers(option: str, text: str | None, lengths: tuple[int, ...]) -> Any:
    """Return the integers of a comma-separated list as a tuple, or a single one as itself."""
    if text is None:
        return None
    try:
        values = tuple(int(word) for word in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in lengths:
        counts = " or ".join(map(str, lengths))
        raise InputError(f"{option}: expected {counts} integers with commas, got {text!r:.60}")
    return values[0] if len(values) == 1 else values


def parse_padding(text: str | None) -> Any:
    """Return the padding: of both axes, of each, or at each of the four sides."""
    padding = numbers("--padding", text, (1, 2, 4))
    if isinstance(padding, tuple) and len(padding) == 4:
        return padding[:2], padding[2:]
    return padding
