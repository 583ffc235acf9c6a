"""Fills in pages whose prose is written by hand, and whose numbers a command writes.

A command writes what is between the lines `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path

from bench.tables import Table
from pybridge.errors import InputError
from pybridge.files import write_atomically

__all__ = ["DOCS", "captioned", "fill", "filled", "machine_lines"]

DOCS = Path(__file__).resolve().parents[1] / "docs"
"""The pages of this repository."""


def fill(
    name: str, parts: Mapping[str, str], directory: Path, *, others: Collection[str] = ()
) -> None:
    """Write a page of `docs` with new parts into a directory.

    `others` are the parts that another command writes; they stay as they are. Raises `InputError`
    if the page lacks the marks of a part, or has marks of a part that is not named.
    """
    text = (DOCS / name).read_text(encoding="utf-8")
    marked = set(re.findall(r"^<!-- end of (.+) -->$", text, re.MULTILINE))
    expected = {*parts, *others}
    if marked != expected:
        raise InputError(f"docs/{name} has marks of {sorted(marked)}, expected {sorted(expected)}")
    for part, content in parts.items():
        start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}\n{content.strip()}\n\n{end}{after}"
    directory.mkdir(parents=True, exist_ok=True)
    with write_atomically(directory / name) as file:
        file.write(text.encode())


def machine_lines(machine: Mapping[str, str], command: str) -> str:
    """Return a list of the command and the machine in Markdown."""
    return "\n".join(
        filled(f"- {what}: {value}")
        for what, value in {"Command": f"`{command}`", **machine}.items()
    )


def captioned(table: Table) -> str:
    """Return a table in Markdown, below its caption."""
    return f"{filled(table.caption)}\n\n{table.markdown}"


def filled(paragraph: str) -> str:
    """Return a paragraph, or an item of a list, in lines of at most 100 characters."""
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(
        paragraph, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
