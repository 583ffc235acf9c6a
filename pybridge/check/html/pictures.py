"""The pictures of a page, drawn by matplotlib and embedded as SVG.

Logarithms are computed from fractions: errors of subnormal products are below the least float64.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pybridge.bounds.explain import number
from pybridge.check.observed import Observed

__all__ = ["Picture", "maps", "overview"]

_DECADES = 6.0
"""The most decades on the scale of error and bound."""
_MARGIN = 3.0
"""Decades of the scatter beyond the middle 80 % of the bounds."""
_STYLE: Any = {
    "font.size": 8.0,
    "font.family": "sans-serif",
    "axes.titlesize": 8.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "pybridge",
}
_BAD = "#b3261e"
_EXACT = "#dfe2e5"
_MOST_LABELS = 8

# inches
_LEFT, _WIDE, _RIGHT = 0.4, 2.4, 0.6
_TALLEST = 1.3
_BELOW, _BETWEEN = 0.2, 0.48
_MANY = 1500


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG as a data URI, its size in pixels, and its alternative text."""

    data: str
    width: int
    height: int
    alt: str


def overview(observed: Iterable[Observed]) -> Picture | None:
    """Return the scatter of error / bound over the bound, for all entries that have a bound.

    Entries beyond their bound are crosses at the top edge. None if no entry has a bound.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for result in observed:
        points.setdefault(result.which, []).extend(
            (_log10(bound), min(float(error / bound), 1.1))
            for error, bound in zip(result.errors, result.bounds, strict=True)
            if error is not None and bound
        )
    every = [point for group in points.values() for point in group]
    if not every:
        return None
    beyond = [(x, y) for x, y in every if y > 1]
    low, high = np.percentile([x for x, _ in every], (10, 90))
    low, high = low - _MARGIN, high + _MARGIN
    outside = any(not low <= x <= high for x, _ in every)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for name, group in points.items():
            x, y = np.array(group).reshape(-1, 2).T
            x = np.clip(x, low, high)
            axes.scatter(x, y, s=5, alpha=0.5, lw=0, label=name, rasterized=len(every) > _MANY)
        axes.axhline(1, color=_BAD, lw=1)
        axes.annotate("the bound", (1, 1), (0, 3), ("axes fraction", "data"), "offset points",
                      color=_BAD, ha="right")  # fmt: skip
        if beyond:
            x, y = np.array(beyond).T
            axes.scatter(
                np.clip(x, low, high), y, marker="x", color=_BAD, zorder=3, label="beyond its bound"
            )
        axes.set(
            xlabel="bound" + " (those outside are at the ends)" * outside,
            ylabel="error / bound",
            ylim=(-0.03, 1.15),
        )
        _decades(axes.xaxis)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper left", ncols=5, frameon=False, markerscale=2,
                      handletextpad=0.1, columnspacing=1.0, borderpad=0)  # fmt: skip
        return _svg(
            figure,
            f"Scatter of error / bound over the bound for {len(every)} entries: the largest is "
            f"{max(y for _, y in every):.3f}, {len(beyond)} are beyond their bound",
        )


def maps(observed: Observed) -> Picture:
    """Return the heat maps of a result: true error and bound on one scale, and error / bound.

    The scale of error and bound is logarithmic and ends at the largest bound; the scale of
    error / bound is linear from 0 to 1. Grey entries have no error or a bound of 0, black crosses
    mark entries that overflowed, and red ones entries beyond their bound.
    """
    errors, bounds = observed.errors, observed.bounds
    held = [None if e is None else b for e, b in zip(errors, bounds, strict=True)]
    ratios = [_ratio(e, b) for e, b in zip(errors, held, strict=True)]
    logs = [_log10(x) for x in (*errors, *held) if x]
    top = max(logs, default=0.0)
    low = max(min(logs, default=-1.0), top - _DECADES)
    shared = Normalize(low if low < top else top - 1, top)
    shape, axes_names = observed.shape, "NC" if len(observed.shape) > 1 else "C"
    if observed.which == "weight":
        axes_names = "OI"
    crosses = {
        "k": [k for k, e in enumerate(errors) if e is None],
        _BAD: [k for k, r in enumerate(ratios) if r is not None and r > 1],
    }
    with mpl.rc_context(_STYLE):
        down, right, rows, columns = _blocks(shape)
        high = min(max(_WIDE * down * (rows + 1) / (right * (columns + 1)), 0.2), _TALLEST)
        row = high + _BETWEEN
        figure = Figure(figsize=(_LEFT + _WIDE + _RIGHT, 3 * row))

        def axes(left: float, bottom: float, width: float, height: float) -> Axes:
            w, h = figure.get_size_inches()
            return figure.add_axes((left / w, bottom / h, width / w, height / h))

        linear = [math.nan if r is None else float(min(r, Fraction(2))) or -1.0 for r in ratios]
        images = []
        for k, (title, numbers, scale) in enumerate(
            (
                ("true error", _logs(errors), shared),
                ("bound", _logs(held), shared),
                ("error / bound", linear, Normalize(0, 1)),
            )
        ):
            panel = axes(_LEFT, (2 - k) * row + _BELOW, _WIDE, high)
            images.append(_map(panel, title, numbers, shape, axes_names, scale))
            for colour, marked in crosses.items():
                if marked:
                    panel.plot(*_positions(marked, shape), "x", color=colour, ms=4, mew=1)
        bar = _LEFT + _WIDE + 0.1
        figure.colorbar(images[0], cax=axes(bar, row + _BELOW, 0.08, row + high))
        _decades(figure.axes[-1].yaxis)
        figure.colorbar(images[2], cax=axes(bar, _BELOW, 0.08, high), ticks=(0, 0.5, 1))
        return _svg(figure, _alt(observed, ratios))


def _ratio(error: Fraction | None, bound: Fraction | None) -> Fraction | None:
    if error is None or bound is None:
        return None
    return error / bound if bound else Fraction(2 * (error > 0))


def _alt(observed: Observed, ratios: Sequence[Fraction | None]) -> str:
    errors = [e for e in observed.errors if e is not None]
    parts = [f"Heat maps of {len(observed.errors)} entries"]
    if errors:
        parts.append(f"largest error {number(max(errors), 2)}")
        parts.append(f"largest error / bound {number(max(r for r in ratios if r is not None), 2)}")
        parts.append(f"{sum(e == 0 for e in errors)} without error")
    if overflowed := len(observed.errors) - len(errors):
        parts.append(f"{overflowed} overflowed")
    if beyond := sum(r is not None and r > 1 for r in ratios):
        parts.append(f"{beyond} beyond the bound")
    return ", ".join(parts)


def _log10(x: Fraction) -> float:
    return math.log10(x.numerator) - math.log10(x.denominator)


def _logs(numbers: Sequence[Fraction | None]) -> list[float]:
    """Return logarithms; zero is below every scale, and an entry that overflowed is NaN."""
    return [math.nan if x is None else _log10(x) if x else -1e9 for x in numbers]


def _blocks(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the numbers of blocks downward and to the right, and of a block's rows and columns.

    The last two axes of four or more make a block, otherwise the last one.
    """
    if len(shape) < 4:
        first, *middle, last = (1,) * (2 - len(shape)) + shape
        return first, math.prod(middle), 1, last
    return shape[0], math.prod(shape[1:-2]), shape[-2], shape[-1]


def _tiles(entries: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the entries as a picture: blocks with a line of NaN between them."""
    down, right, rows, columns = _blocks(entries.shape)
    padded = np.full((down, right, rows + 1, columns + 1), np.nan)
    padded[..., :rows, :columns] = entries.reshape(down, right, rows, columns)
    return padded.swapaxes(1, 2).reshape(down * (rows + 1), right * (columns + 1))[:-1, :-1]


def _positions(entries: Sequence[int], shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Return the columns and rows of entries in the picture."""
    _, _, rows, columns = _blocks(shape)
    down, right, row, column = np.unravel_index(entries, _blocks(shape))
    return (right * (columns + 1) + column).tolist(), (down * (rows + 1) + row).tolist()


def _map(
    axes: Axes,
    title: str,
    numbers: Sequence[float],
    shape: tuple[int, ...],
    names: str,
    scale: Normalize,
) -> mpl.image.AxesImage:
    colours = mpl.colormaps["viridis"].with_extremes(under=_EXACT)
    picture = _tiles(np.array(numbers).reshape(shape))
    image = axes.imshow(picture, cmap=colours, norm=scale, interpolation="none")
    down, right, rows, columns = _blocks(shape)
    axes.set_title(title)
    axes.set_anchor("W")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for axis, count, size, name in (
        (axes.yaxis, down, rows, names[0]),
        (axes.xaxis, right, columns, names[-1]),
    ):
        step = -(-count // _MOST_LABELS)
        labelled = range(0, count, step) if count > 1 else ()
        axis.set_ticks(
            [k * (size + 1) + (size - 1) / 2 for k in labelled], [f"{name} {k}" for k in labelled]
        )
    return image


def _decades(axis: mpl.axis.Axis) -> None:
    """Label an axis of logarithms with the numbers, powers of ten if it has several."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(MaxNLocator(5, integer=high - low >= 2, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda x, _: _power(x)))


def _power(log: float) -> str:
    exponent = math.floor(log)
    mantissa = f"{10 ** (log - exponent):.2g}"
    return f"1e{exponent + 1}" if mantissa == "10" else f"{mantissa}e{exponent}"


def _svg(figure: Figure, alt: str) -> Picture:
    file = io.BytesIO()
    figure.savefig(file, format="svg", transparent=True, dpi=200, metadata={"Date": None})
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    data = base64.b64encode(file.getvalue()).decode()
    return Picture(f"data:image/svg+xml;base64,{data}", width, height, alt)
