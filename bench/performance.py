"""docs/performance.md and its diagram, from measured figures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.plot import draw
from bench.tables import Figure

__all__ = ["DIAGRAM", "DOCUMENT", "document", "write"]

DOCUMENT = "performance.md"
DIAGRAM = "performance.svg"

_HEAD = """\
# Performance

What the bounds cost, in time and memory, and how tight they are. This file is written by

```sh
{command}
```

with the extra `bench` (`pip install -e '.[bench]'`); it takes some minutes. Times are compared as
ratios within one run: the contenders run in turns in one process (A B C A B C …), each once before
it is measured (what pybridge plans for a shape is kept from then on), with garbage collection off
and one BLAS thread. Of each, the table shows the best run in milliseconds and the median in
parentheses; ratios are those of the best, and, in another column, of the medians. Data are float32,
standard normal from a fixed seed; kernels 3×3, padding 1.
"""


def document(figures: Sequence[Figure], machine: Mapping[str, str], command: str) -> str:
    """The Markdown text."""
    parts = [
        _HEAD.format(command=command),
        "\n".join(_filled(f"- {what}: {value}") for what, value in machine.items()),
        *map(_section, figures),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write(
    figures: Sequence[Figure], machine: Mapping[str, str], command: str, directory: Path
) -> None:
    """Writes the document and its diagram into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    text = document(figures, machine, command)
    (directory / DOCUMENT).write_text(text, encoding="utf-8")
    for figure in figures:
        if figure.lines:
            (directory / DIAGRAM).write_text(draw(figure.lines), encoding="utf-8")


def _section(figure: Figure) -> str:
    parts = [f"## {figure.number}. {figure.title}"]
    parts += map(_filled, figure.text.split("\n\n"))
    for table in figure.tables:
        parts += [_filled(table.caption), table.markdown]
    if figure.lines:
        parts.append(f"![Time over multiply-adds, both axes logarithmic]({DIAGRAM})")
    reached = len(figure.claims) - len(figure.missed)
    parts.append(f"Goals reached: {reached} of {len(figure.claims)}.")
    if figure.missed:
        parts.append("\n".join(_filled(f"- {shortfall}") for shortfall in figure.shortfalls))
    return "\n\n".join(parts)


def _filled(paragraph: str) -> str:
    """A paragraph or an item of a list in lines of at most 100 characters."""
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(
        paragraph, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
