"""`python tests/faults_page.py [--write]`: whether docs/faults.md is current, or makes it so."""

from __future__ import annotations

from typing import Annotated

import typer
from faults.page import PAGE, render
from generated_page import compare_or_write


def main(write: Annotated[bool, typer.Option("--write", help="Write the page.")] = False) -> None:
    """Compare docs/faults.md with the tests' rows, or write it; exit status 1 if not current."""
    compare_or_write(PAGE, render(), write=write)


if __name__ == "__main__":
    typer.run(main)
