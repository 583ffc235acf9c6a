"""`python tests/faults_page.py [--write]`: whether docs/faults.md is current, or makes it so."""

from __future__ import annotations

from typing import Annotated

import typer
from faults.page import PAGE, render


def main(
    write: Annotated[bool, typer.Option("--write", help="Write the page.")] = False,
) -> None:
    """Compare docs/faults.md with the tests' rows, or write it; exit status 1 if not current."""
    text = render()
    if write:
        PAGE.write_text(text, encoding="utf-8")
    current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
    print(f"{PAGE.name}: {'current' if current else 'not current'}")
    raise typer.Exit(0 if current else 1)


if __name__ == "__main__":
    typer.run(main)
