"""Hypothesis strategies: windows, geometries, formats, and whole cases of every operation.

They draw as `pybridge.check.fuzz.drawing` does, with Hypothesis's choices: examples shrink to small
geometries and plain kinds of entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

from pybridge.check.fuzz.drawing import Drawn, draw_case, draw_geometry, draw_window
from pybridge.problem.case import Case
from pybridge.problem.formats import FORMATS
from pybridge.problem.geometry import Geometry, Window

__all__ = ["cases", "drawn_cases", "formats", "geometries", "windows"]

T = TypeVar("T")


class _Drawing:
    """Choices of Hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high]; those nearer to `low` are simpler."""
        return self._draw(st.integers(low, high))

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options; earlier ones are simpler."""
        return self._draw(st.sampled_from(options))


formats = st.sampled_from(sorted(FORMATS)).map(FORMATS.__getitem__)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Draw windows of all forms (`draw_window`)."""
    return draw_window(_Drawing(draw))


@st.composite
def geometries(draw: st.DrawFn, largest: int = 300) -> Geometry:
    """Draw geometries of about `largest` multiply-adds at most (`draw_geometry`)."""
    return draw_geometry(_Drawing(draw), largest)


@st.composite
def drawn_cases(draw: st.DrawFn, largest: int = 300) -> Drawn:
    """Draw whole cases, with the kinds of their entries and eps."""
    return draw_case(_Drawing(draw), largest=largest)


def cases(largest: int = 300) -> st.SearchStrategy[Case]:
    """Draw whole cases, of about `largest` multiply-adds at most."""
    return drawn_cases(largest).map(lambda drawn: drawn.case)
