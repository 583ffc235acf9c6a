"""What a command prints, as text: tables for a terminal, or wide enough for a file or a pipe."""

from __future__ import annotations

import json
import math
from typing import Any

from rich.console import Console, RenderableType

__all__ = ["json_text", "shown"]


def shown(width: int, *parts: RenderableType) -> str:
    """The parts one after the other, as standard output shows them.

    Where that is no terminal, lines have at least `width` columns. A plain text is left as it is.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, width))
    with console.capture() as capture:
        for part in parts:
            if isinstance(part, str):
                console.print(part, markup=False, highlight=False, soft_wrap=True)
            else:
                console.print(part)
    return capture.get()


def json_text(document: Any) -> str:
    """Return a document as JSON text, in which infinite numbers and NaN are null."""
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
