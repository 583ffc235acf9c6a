"""Hypothesis strategies and data for the tests, from `pybridge.check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

__all__ = [
    "REGIMES",
    "cases",
    "conv2d_operands",
    "data",
    "estimator",
    "formats",
    "geometries",
    "windows",
]

REGIMES = ("normal", "integer", "tiny", "subnormal", "huge", "mixed", "cancelling", "ties")


def data(
    rng: np.random.Generator, format: FloatFormat, regime: str, shape: tuple[int, ...]
) -> FloatArray:
    """Draw entries of a format; the regime says of what magnitudes."""
    return entries(regime, shape, format, str(rng.integers(2**63)))


def conv2d_operands(
    geometry: Geometry,
    format: FloatFormat,
    regimes: tuple[str, str] = ("normal", "normal"),
    eps: float | Sequence[float] = 0.0,
    seed: int = 0,
) -> dict[str, Operand]:
    """Draw x and bias of the first regime, weight and grad_output of the second, with their eps."""
    rng = np.random.default_rng(seed)
    return {
        name: Operand(data(rng, format, regime, shape), e)
        for (name, shape), regime, e in zip(
            geometry.shapes.items(), regimes * 2, np.broadcast_to(eps, 4).tolist(), strict=True
        )
    }


def estimator(
    name: str, geometry: Geometry, operands: Mapping[str, Operand] | Mapping[str, Inexact]
) -> Estimator:
    """Return the estimator of a result of conv2d."""
    return Applied(conv2d_computation(Result(name), geometry), {}).estimator(operands)
