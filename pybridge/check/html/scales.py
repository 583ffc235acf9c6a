"""Logarithmic scales: where a number stands on one, in which colour, and with which ticks.

Numbers are exact and their logarithms are computed from numerators and denominators, since errors
of subnormal products are below the least float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

__all__ = ["RATIO", "Scale", "colour", "decade", "log10", "ramp"]

_SHADES = 64
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def log10(x: Fraction) -> float:
    """The decimal logarithm of a positive number, however small or large."""
    return math.log10(x.numerator) - math.log10(x.denominator)


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale; `low` and `high` are the decimal logarithms of its ends."""

    low: float
    high: float

    @classmethod
    def over(cls, numbers: Iterable[Fraction]) -> Scale | None:
        """The scale from the least to the largest of positive numbers; None without any."""
        logs = [log10(x) for x in numbers]
        return cls(min(logs), max(logs)) if logs else None

    @property
    def is_point(self) -> bool:
        """Whether its ends are the same but for one percent: no difference worth a colour."""
        return self.high - self.low < 0.004

    def at(self, log: float) -> float:
        """Where a logarithm stands, from 0 to 1; what is beyond an end stands at the end."""
        if self.is_point:
            return 0.5
        return min(max((log - self.low) / (self.high - self.low), 0.0), 1.0)

    def decades(self, most: int = 5) -> list[int]:
        """The exponents of some powers of ten on the scale."""
        ticks = MaxNLocator(nbins=most, integer=True, min_n_ticks=1).tick_values(
            self.low, self.high
        )
        return sorted({round(t) for t in ticks if self.low <= round(t) <= self.high})


RATIO = Scale(-3.0, 0.0)
"""The scale of error / bound in the whole page, from 0.001 to 1."""


@cache
def ramp() -> tuple[str, ...]:
    """The colours from low to high: viridis, which is told apart in every kind of colour vision."""
    colours = colormaps["viridis"].resampled(_SHADES)
    return tuple(to_hex(colours(k / (_SHADES - 1))) for k in range(_SHADES))


def colour(position: float) -> str:
    """The colour at a position from 0 to 1."""
    return ramp()[min(int(position * _SHADES), _SHADES - 1)]


def decade(exponent: int) -> str:
    """A power of ten, as text."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)
