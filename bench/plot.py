"""Diagrams as SVG for light and dark pages: transparent, with ink that suits both."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.tables import Points

__all__ = ["GREY", "STYLES", "canvas", "draw", "dress", "svg"]

GREY = "#7a7a7a"
"""Ink with a contrast of more than 4 both to white and to black."""

STYLES = (
    ("#2f80d0", "o", "-"),
    ("#b065c8", "s", "-"),
    ("#c8761a", "^", "--"),
    ("#2a9464", "D", "-."),
    (GREY, "v", ":"),
)
"""Colours of middle lightness, with markers and dashes that also tell them apart."""

_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "pybridge", "font.size": 10.0}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of a size in inches, to be drawn and turned into SVG within the context."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


def dress(axes: Axes, x_label: str, y_label: str) -> None:
    """Draw labels, ticks, grid, frame and, if lines have labels, the legend."""
    axes.set_xlabel(x_label, color=GREY)
    axes.set_ylabel(y_label, color=GREY)
    axes.tick_params(which="both", colors=GREY)
    axes.grid(which="major", color=GREY, alpha=0.3, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(GREY)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=GREY, fontsize=9)


def svg(figure: Figure) -> str:
    """Return the figure's text, the same every time."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def draw(lines: Sequence[Points]) -> str:
    """Draw lines of seconds over multiply-adds, both axes logarithmic."""
    with canvas(7.2, 4.4) as figure:
        axes = figure.add_subplot()
        for line, (colour, marker, dashes) in zip(lines, STYLES, strict=False):
            axes.loglog(
                line.work,
                [1e3 * seconds for seconds in line.seconds],
                color=colour,
                marker=marker,
                markersize=5,
                linestyle=dashes,
                linewidth=1.8,
                label=f"{line.label} (exponent {line.exponent:.2f})",
            )
        dress(axes, "multiply-adds", "time (ms)")
        return svg(figure)
