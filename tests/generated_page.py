"""Pages that are made from the tests' own lists: compared with what is committed, or written."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import typer

__all__ = ["compare_or_write"]


def compare_or_write(page: Path, text: str, *, write: bool) -> NoReturn:
    """Writes the page if asked to, says whether it is current, and ends; status 1 if it is not."""
    if write:
        page.write_text(text, encoding="utf-8")
    current = page.is_file() and page.read_text(encoding="utf-8") == text
    print(f"{page.name}: {'current' if current else 'not current'}")
    raise typer.Exit(0 if current else 1)
