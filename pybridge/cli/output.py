"""Renders what a command prints: tables that fit a terminal, or are wide enough for a file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

__all__ = ["json_text", "rendered"]


def rendered(width: int, *parts: RenderableType) -> str:
    """Return the parts one after the other, as text for standard output.

    If that is not a terminal, tables have at least `width` columns and as many as they need. In a
    terminal that is narrower than a table, each row becomes a paragraph, so that nothing is cut. A
    table without rows is left out, and a plain text is left as it is.
    """
    console = Console()
    flat = [item for part in parts for item in _parts(part)]
    if not console.is_terminal:
        needed = [_least_width(console, part) for part in flat if isinstance(part, Table)]
        console = Console(width=max(console.width, width, *needed))
    with console.capture() as capture:
        for part in flat:
            if isinstance(part, str):
                console.print(part, markup=False, highlight=False, soft_wrap=True)
            elif isinstance(part, Table) and _least_width(console, part) > console.width:
                console.print(_paragraphs(part))
            else:
                console.print(part)
    return capture.get()


def _parts(part: RenderableType) -> Sequence[RenderableType]:
    """Return the parts of a group, without tables that have no rows."""
    items = part.renderables if isinstance(part, Group) else [part]
    return [item for item in items if not (isinstance(item, Table) and not item.row_count)]


def _least_width(console: Console, table: Table) -> int:
    """Return how many columns a table needs for its longest words and unbroken cells."""
    options = console.options.update_width(100_000)
    least = Measurement.get(console, options, table).minimum  # counts words, also if `no_wrap`
    for column in table.columns:
        if column.no_wrap:
            cells = [Measurement.get(console, options, c) for c in (column.header, *column.cells)]
            least += max(cell.maximum for cell in cells) - max(cell.minimum for cell in cells)
    return least


def _paragraphs(table: Table) -> Text:
    """Return a paragraph for each row of a table, in which each cell follows its header."""
    rows = zip(*(column.cells for column in table.columns), strict=True)
    headers = [str(column.header) for column in table.columns]
    return Text("\n\n").join([*(_paragraph(headers, row) for row in rows), Text()])


def _paragraph(headers: Sequence[str], row: Sequence[RenderableType]) -> Text:
    """Return the non-empty cells of a row, each after its header, except that of the first."""
    cells = [Text.from_markup(cell) if isinstance(cell, str) else cell for cell in row]
    named = [
        Text.assemble(f"{header} " if header and column else "", cell)
        for column, (header, cell) in enumerate(zip(headers, cells, strict=True))
        if isinstance(cell, Text) and cell.plain
    ]
    return Text(", ").join(named)


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
