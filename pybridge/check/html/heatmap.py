"""Heat maps of a result: true error, bound, and their ratio at each entry."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.image import imsave

from pybridge.bounds.explain import number
from pybridge.check.html.panels import LARGEST, WIDTH, Label, Layout
from pybridge.check.html.scales import Scale, colour, decade, log10

__all__ = ["Cell", "Heatmap", "Tick", "heatmap"]

_RAMP = 150.0
_LEGEND = 30.0
_PIXELS = {
    "zero": (0.5, 0.5, 0.5, 0.15),
    "overflow": (0.5, 0.5, 0.5, 1.0),
    "beyond": (0.86, 0.13, 0.1, 1.0),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A square: of a colour, or of a kind (`zero`, `overflow`); `beyond` marks a broken bound."""

    x: float
    y: float
    fill: str
    kind: str
    beyond: bool
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark at a position of an axis, with its text."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Heatmap:
    """What the template draws. `image` holds a PNG as base64 where there are too many cells."""

    title: str
    alt: str
    height: float
    map_height: float
    cell: float
    cells: tuple[Cell, ...]
    image: str
    image_width: float
    image_height: float
    labels: tuple[Label, ...]
    scaled: bool
    ticks: tuple[Tick, ...]
    kinds: tuple[str, ...]
    zero: str
    width: float = WIDTH
    ramp: float = _RAMP


def heatmap(
    title: str,
    numbers: Sequence[Fraction | None],
    titles: Sequence[str],
    beyond: Sequence[bool],
    layout: Layout,
    *,
    zero: str,
    scale: Scale | None = None,
) -> Heatmap:
    """The heat map of numbers that are not negative, None where an entry overflowed.

    `titles` describe the entries. `zero` says what an entry that is zero means. The colours are
    those of `scale`, by default from the least to the largest positive number.
    """
    found = scale or Scale.over(x for x in numbers if x)
    kinds = ["overflow" if x is None else "" if x else "zero" for x in numbers]
    fills = [colour(found.at(log10(x))) if x and found else "" for x in numbers]
    used = {*kinds, *(["beyond"] if any(beyond) else [])}
    many = len(numbers) > LARGEST
    cells = (
        ()
        if many
        else tuple(
            Cell(x, y, fill, kind, bad, text)
            for (x, y), fill, kind, bad, text in zip(
                layout.places, fills, kinds, beyond, titles, strict=True
            )
        )
    )
    shown = tuple(kind for kind in _PIXELS if kind in used)
    legend = _LEGEND * bool(any(numbers)) + 16.0 * len(shown)
    return Heatmap(
        title=title,
        alt=_alt(title, numbers, beyond, zero),
        height=round(layout.height + 12 + legend, 1),
        map_height=layout.height,
        cell=layout.cell,
        cells=cells,
        image=_image(fills, kinds, beyond, layout) if many else "",
        image_width=round(max(x for x, _ in layout.places) - layout.places[0][0] + layout.cell, 2),
        image_height=round(max(y for _, y in layout.places) - layout.places[0][1] + layout.cell, 2),
        labels=layout.labels,
        scaled=any(numbers),
        ticks=_ticks(found, fixed=scale is not None) if found else (),
        kinds=shown,
        zero=zero,
    )


def _alt(title: str, numbers: Sequence[Fraction | None], beyond: Sequence[bool], zero: str) -> str:
    positive = [x for x in numbers if x]
    parts = [f"Heat map of {len(numbers)} entries: {title}"]
    if positive:
        parts.append(f"from {number(min(positive), 2)} to {number(max(positive), 2)}")
    if exact := sum(x == 0 for x in numbers):
        parts.append(f"{exact} {zero}")
    if overflowed := sum(x is None for x in numbers):
        parts.append(f"{overflowed} overflowed")
    if bad := sum(beyond):
        parts.append(f"{bad} beyond the bound")
    return ", ".join(parts)


def _ticks(scale: Scale, *, fixed: bool) -> tuple[Tick, ...]:
    """The ends in figures, and the decades between where there is room."""
    if fixed:
        texts = {e: f"{10.0**e:g}" for e in scale.decades()}
        texts[round(scale.low)] = f"≤{texts[round(scale.low)]}"
        return tuple(Tick(scale.at(e) * _RAMP, text) for e, text in texts.items())
    if scale.is_point:
        return (Tick(_RAMP / 2, _power(scale.low)),)
    ends = (Tick(0.0, _power(scale.low), "start"), Tick(_RAMP, _power(scale.high), "end"))
    inner = [e for e in scale.decades(3) if 0.42 < scale.at(e) < 0.58]
    return (*ends, *(Tick(scale.at(e) * _RAMP, decade(e)) for e in inner[:1]))


def _power(log: float) -> str:
    exponent = int(np.floor(log))
    mantissa = 10.0 ** (log - exponent)
    if -3 <= exponent <= 3:
        return f"{10.0**log:.2g}"
    text = f"{mantissa:.1f}"
    return f"1e{exponent + 1}" if text == "10.0" else f"{text.removesuffix('.0')}e{exponent}"


def _image(
    fills: Sequence[str], kinds: Sequence[str], beyond: Sequence[bool], layout: Layout
) -> str:
    """A PNG of a pixel an entry, panels apart by a transparent one, as base64."""
    places = np.array(layout.places)
    columns, rows = np.rint((places - places.min(axis=0)) / layout.cell).astype(int).T
    picture = np.zeros((rows.max() + 1, columns.max() + 1, 4))
    picture[rows, columns] = [
        _PIXELS["beyond"] if bad else _PIXELS.get(kind) or to_rgba(fill)
        for fill, kind, bad in zip(fills, kinds, beyond, strict=True)
    ]
    file = io.BytesIO()
    imsave(file, picture, format="png")
    return base64.b64encode(file.getvalue()).decode()
