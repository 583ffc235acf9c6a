"""The numbers of docs/performance.md, and its diagram, from measured figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.page import fill, filled, machine_lines, shown
from bench.plot import draw
from bench.tables import Figure

__all__ = ["DIAGRAM", "DOCUMENT", "write"]

DOCUMENT = "performance.md"
DIAGRAM = "performance.svg"


def write(
    figures: Sequence[Figure], machine: Mapping[str, str], command: str, directory: Path
) -> None:
    """Writes the document and its diagram into a directory."""
    sections = "\n\n".join(map(_section, figures))
    parts = {"machine": machine_lines(machine, command), "figures": sections}
    fill(DOCUMENT, parts, directory)
    for figure in figures:
        if figure.lines:
            (directory / DIAGRAM).write_text(draw(figure.lines), encoding="utf-8")


def _section(figure: Figure) -> str:
    parts = [f"## {figure.number}. {figure.title}"]
    parts += map(filled, figure.text.split("\n\n"))
    for table in figure.tables:
        parts.append(shown(table))
    if figure.lines:
        parts.append(f"![Time over multiply-adds, both axes logarithmic]({DIAGRAM})")
    reached = len(figure.claims) - len(figure.missed)
    parts.append(f"Goals reached: {reached} of {len(figure.claims)}.")
    if figure.missed:
        parts.append("\n".join(filled(f"- {shortfall}") for shortfall in figure.shortfalls))
    return "\n\n".join(parts)
