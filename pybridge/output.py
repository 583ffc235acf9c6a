"""What a command prints, as text: tables for a terminal, or wide enough for a file or a pipe."""

from __future__ import annotations

from rich.console import Console, RenderableType

__all__ = ["shown"]


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
