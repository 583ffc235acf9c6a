"""The pictures of the evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.plot import GREY, STYLES, canvas, dress, svg
from bench.studies.rounding_or_bug.honest import EDGES, Honest, Point
from bench.studies.rounding_or_bug.kernels import NUMERICS
from bench.studies.rounding_or_bug.recipes import RECIPES

__all__ = ["draw_errors", "draw_tolerances"]

_PANELS = ("float32", "bfloat16")
_TESTS = ("ours", *(recipe.name for recipe in RECIPES))


def draw_errors(honest: Sequence[Honest]) -> str:
    """Histograms of error / allowed of the entries of honest kernels, one for each format."""
    with canvas(7.2, 3.8) as figure:
        axes = figure.add_subplot()
        for name, (colour, _, dashes) in zip(NUMERICS, STYLES, strict=False):
            counts = sum(
                (h.histogram for h in honest if h.kind.numerics.name == name),
                np.zeros(len(EDGES) - 1, np.int64),
            )
            axes.stairs(
                counts / max(int(counts.sum()), 1),
                2.0**EDGES,
                color=colour,
                linestyle=dashes,
                linewidth=1.8,
                label=name,
            )
        axes.set_xscale("log", base=2)
        axes.axvline(1.0, color=GREY, linewidth=1.2)
        dress(axes, "error / what the promise allows", "share of the entries")
        return svg(figure)


def draw_tolerances(points: Sequence[Point]) -> str:
    """Tolerances and the largest true errors over the number of terms, in two formats."""
    with canvas(7.6, 4.2) as figure:
        panels = figure.subplots(1, len(_PANELS), sharey=True)
        for axes, name in zip(panels, _PANELS, strict=True):
            found: dict[int, Point] = {}
            for point in sorted(points, key=lambda p: (p.terms, p.error)):
                if point.numerics == name:
                    found[point.terms] = point
            for test, (colour, _, dashes) in zip(_TESTS, STYLES, strict=False):
                axes.loglog(
                    list(found),
                    [point.tolerances[test] for point in found.values()],
                    color=colour,
                    linestyle=dashes,
                    linewidth=1.8,
                    label="pybridge" if test == "ours" else test,
                )
            axes.loglog(
                list(found),
                [point.error for point in found.values()],
                ".",
                color=GREY,
                markersize=6,
                label="largest true error",
            )
            axes.set_title(name, color=GREY, fontsize=10)
            dress(axes, "terms of an entry", "tolerance" if name == _PANELS[0] else "")
            if name != _PANELS[-1] and axes.get_legend():
                axes.get_legend().remove()
        return svg(figure)
