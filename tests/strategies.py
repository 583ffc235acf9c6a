"""Hypothesis strategies and data for the tests, from `pybridge.check`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pybridge.bounds.applied import Applied
from pybridge.check.fuzz.strategies import cases, formats, geometries, windows
from pybridge.check.generate import entries
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.problem.computation import conv2d_computation
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

__all__ = ["REGIMES", "cases", "data", "estimator", "formats", "geometries", "windows"]

REGIMES = ("normal", "integer", "tiny", "subnormal", "huge", "mixed", "cancelling", "ties")


def data(
    rng: np.random.Generator, format: FloatFormat, regime: str, shape: tuple[int, ...]
) -> FloatArray:
    """Random entries of a format; the regime says of what magnitudes."""
    return entries(regime, shape, format, str(rng.integers(2**63)))


def estimator(
    name: str, geometry: Geometry, operands: Mapping[str, Operand] | Mapping[str, Inexact]
) -> Estimator:
    """The estimator of a result of conv2d."""
    return Applied(conv2d_computation(Result(name), geometry), {}).estimator(operands)
