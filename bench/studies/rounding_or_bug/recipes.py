"""The tolerances that tests use today.

Each compares a result with a reference that is as good as can be: the exact one, computed in
binary64 and rounded once to the result's format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pybridge.engine.upward import Float64

__all__ = ["RECIPES", "Known", "Recipe"]

_ASSERT_CLOSE: Mapping[str, tuple[float, float]] = {
    "binary32": (1.3e-6, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "binary16": (1e-3, 1e-5),
}
"""rtol and atol of `torch.testing.assert_close` where none are given."""

_EPSILON = {"binary32": 2.0**-23, "bfloat16": 2.0**-7, "binary16": 2.0**-10}


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a recipe knows: the result's format, the reference, the terms of an entry that is not
    at a border, and the operands' largest magnitudes.
    """

    format: str
    reference: Float64
    terms: int
    largest_x: float
    largest_y: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to choose tolerances: `name` and its formula in words."""

    name: str
    formula: str

    def tolerance(self, known: Known) -> Float64:
        """The absolute tolerance of each entry, of the reference's shape."""
        shape = known.reference.shape
        if self.name == "assert_close":
            rtol, atol = _ASSERT_CLOSE[known.format]
            return atol + rtol * np.abs(known.reference)
        if self.name == "0.2":
            return np.full(shape, 0.2)
        most = known.terms * known.largest_x * known.largest_y
        doubled = 2 * known.terms * _EPSILON["binary32"]
        tolerance = doubled / (1 - doubled) * most
        if self.name == "dynamic + cast" and known.format != "binary32":
            tolerance += _EPSILON[known.format] * most
        return np.full(shape, tolerance)


_Recipes: TypeAlias = tuple[Recipe, ...]

RECIPES: _Recipes = (
    Recipe("assert_close", "atol + rtol·|reference|, the defaults of torch.testing.assert_close"),
    Recipe("0.2", "the same 0.2 for every entry"),
    Recipe("dynamic", "2nu/(1 − 2nu)·n·max|x|·max|δ| with u = 2⁻²³"),
    Recipe("dynamic + cast", "the same, plus n·max|x|·max|δ|·ε of a 16-bit result's format"),
)
"""What the evidence compares."""
