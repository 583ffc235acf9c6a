"""Hypothesis strategies and data for the tests: those of `pybridge.fuzz` and `pybridge.data`."""

from __future__ import annotations

import numpy as np

from pybridge.data import entries
from pybridge.formats import FloatArray, FloatFormat
from pybridge.fuzz.strategies import cases, formats, geometries, windows

__all__ = ["REGIMES", "cases", "data", "formats", "geometries", "windows"]

REGIMES = ("normal", "integer", "tiny", "subnormal", "huge", "mixed", "cancelling", "ties")


def data(
    rng: np.random.Generator, format: FloatFormat, regime: str, shape: tuple[int, ...]
) -> FloatArray:
    """Random entries of a format; the regime says of what magnitudes."""
    return entries(regime, shape, format, str(rng.integers(2**63)))
