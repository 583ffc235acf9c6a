"""The diagram of times over multiply-adds, as SVG that light and dark pages can show."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.tables import Points

__all__ = ["draw"]

_GREY = "#7a7a7a"
"""Ink with a contrast of more than 4 to white as well as to black."""

# Of middle lightness, and told apart by their markers and dashes, too.
_STYLES = (
    ("#2f80d0", "o", "-"),
    ("#b065c8", "s", "-"),
    ("#c8761a", "^", "--"),
    ("#2a9464", "D", "-."),
    (_GREY, "v", ":"),
)
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "pybridge", "font.size": 10.0}


def draw(lines: Sequence[Points]) -> str:
    """Lines of seconds over multiply-adds, both axes logarithmic; transparent elsewhere."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 4.4), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        for line, (colour, marker, dashes) in zip(lines, _STYLES, strict=False):
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
        axes.set_xlabel("multiply-adds", color=_GREY)
        axes.set_ylabel("time (ms)", color=_GREY)
        axes.tick_params(which="both", colors=_GREY)
        axes.grid(which="major", color=_GREY, alpha=0.3, linewidth=0.6)
        for spine in axes.spines.values():
            spine.set_color(_GREY)
        axes.legend(frameon=False, labelcolor=_GREY, fontsize=9)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
