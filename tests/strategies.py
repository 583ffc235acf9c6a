"""Hypothesis strategies and data for the tests, from `pybridge.check`."""

from __future__ import annotations

import numpy as np

from pybridge.check.fuzz.strategies import cases, formats, geometries, windows
from pybridge.check.generate import entries
from pybridge.problem.formats import FloatArray, FloatFormat

__all__ = ["REGIMES", "cases", "data", "formats", "geometries", "windows"]

REGIMES = ("normal", "integer", "tiny", "subnormal", "huge", "mixed", "cancelling", "ties")


def data(
    rng: np.random.Generator, format: FloatFormat, regime: str, shape: tuple[int, ...]
) -> FloatArray:
    """Random entries of a format; the regime says of what magnitudes."""
    return entries(regime, shape, format, str(rng.integers(2**63)))
