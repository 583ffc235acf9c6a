"""The numbers of docs/performance.md, and its diagram, from measured figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.layers import Measured, markdown, medians, summary
from bench.page import captioned, fill, filled, machine_lines
from bench.plot import draw
from bench.tables import Figure

__all__ = ["DIAGRAM", "DOCUMENT", "write", "write_layers"]

DOCUMENT = "performance.md"
DIAGRAM = "performance.svg"

_FIGURES = ("machine", "figures")
_LAYERS = ("machine of the layers", "layers")


def write(
    figures: Sequence[Figure], machine: Mapping[str, str], command: str, directory: Path
) -> None:
    """Write the document and its diagram into a directory."""
    sections = "\n\n".join(map(_section, figures))
    parts = dict(zip(_FIGURES, (machine_lines(machine, command), sections), strict=True))
    fill(DOCUMENT, parts, directory, others=_LAYERS)
    for figure in figures:
        if figure.lines:
            (directory / DIAGRAM).write_text(draw(figure.lines), encoding="utf-8")


def write_layers(
    measured: Sequence[Measured], machine: Mapping[str, str], command: str, directory: Path
) -> None:
    """Write the document with the measured layers into a directory."""
    goals = "\n".join(filled(f"- {line}") for line in summary(measured))
    tables = f"{goals}\n\n{medians(measured)}\n{markdown(measured)}"
    contents = machine_lines(machine, command), tables
    fill(DOCUMENT, dict(zip(_LAYERS, contents, strict=True)), directory, others=_FIGURES)


def _section(figure: Figure) -> str:
    parts = [f"## {figure.number}. {figure.title}"]
    parts += map(filled, figure.text.split("\n\n"))
    for table in figure.tables:
        parts.append(captioned(table))
    if figure.lines:
        parts.append(f"![Time over multiply-adds, both axes logarithmic]({DIAGRAM})")
    reached = len(figure.goals) - len(figure.missed)
    parts.append(f"Goals reached: {reached} of {len(figure.goals)}.")
    if figure.missed:
        parts.append("\n".join(filled(f"- {shortfall}") for shortfall in figure.shortfalls))
    return "\n\n".join(parts)
