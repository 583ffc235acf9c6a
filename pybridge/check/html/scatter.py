"""A scatter of a result: the bound of each entry against its true error, on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pybridge.check.html.heatmap import Tick
from pybridge.check.html.panels import WIDTH
from pybridge.check.html.scales import Scale, decade, log10

__all__ = ["Point", "Scatter", "scatter"]

_LEFT, _TOP, _WIDE, _HIGH = 76.0, 10.0, 182.0, 176.0
_MANY = 1000
_STRIP, _APART = 14.0, 12.0


@dataclass(frozen=True, slots=True)
class Point:
    """Entries at a place, described by the first of them."""

    x: float
    y: float
    beyond: bool
    title: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """What the template draws: errors to the right, bounds upward, both on the same decades.

    Entries without error stand in a strip at the left. `left`, `top`, `wide` and `high` are the
    frame's, without the strip.
    """

    alt: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    exact: bool
    left: float = _LEFT
    top: float = _TOP
    wide: float = _WIDE
    high: float = _HIGH
    strip: float = _STRIP
    apart: float = _APART
    width: float = WIDTH
    height: float = _TOP + _HIGH + 36


def scatter(
    errors: Sequence[Fraction | None],
    bounds: Sequence[Fraction],
    titles: Sequence[str],
    beyond: Sequence[bool],
) -> Scatter | None:
    """The scatter of the entries that did not overflow and have a bound; None without any."""
    entries = [
        (error, bound, title, bad)
        for error, bound, title, bad in zip(errors, bounds, titles, beyond, strict=True)
        if error is not None and bound
    ]
    if not entries:
        return None
    logs = [log10(x) for error, bound, _, _ in entries for x in (error, bound) if x]
    scale = Scale(math.floor(min(logs) - 0.05), math.ceil(max(logs) + 0.05))
    digits = 1 if len(entries) <= _MANY else 0
    merged: dict[tuple[float, float], Point] = {}
    counts: dict[tuple[float, float], int] = {}
    for error, bound, title, bad in entries:
        x = _LEFT + scale.at(log10(error)) * _WIDE if error else _LEFT - _APART - _STRIP / 2
        y = _TOP + (1 - scale.at(log10(bound))) * _HIGH
        place = round(x, digits), round(y, digits)
        counts[place] = counts.get(place, 0) + 1
        merged.setdefault(place, Point(*place, bad, title))
    points = tuple(
        Point(point.x, point.y, point.beyond, _with_count(point.title, counts[place]))
        for place, point in merged.items()
    )
    zeros = sum(error == 0 for error, _, _, _ in entries)
    above = sum(bad for _, _, _, bad in entries)
    return Scatter(
        alt=f"Scatter of bound against true error, {len(entries)} entries, {zeros} of them without "
        f"error, {above} below the diagonal, where an error is beyond its bound",
        points=points,
        x_ticks=tuple(
            Tick(round(_LEFT + scale.at(e) * _WIDE, 1), decade(e)) for e in scale.decades(4)
        ),
        y_ticks=tuple(
            Tick(round(_TOP + (1 - scale.at(e)) * _HIGH, 1), decade(e)) for e in scale.decades(6)
        ),
        exact=zeros > 0,
    )


def _with_count(title: str, count: int) -> str:
    return title if count == 1 else f"{title}, and {count - 1} more here"
