"""Hypothesis strategies: geometries, and data of every magnitude that a format has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from pybridge.formats import FORMATS, FloatFormat
from pybridge.geometry import Geometry, Window

REGIMES = ("normal", "integer", "tiny", "subnormal", "huge", "mixed", "cancelling", "ties")


@st.composite
def windows(draw: st.DrawFn) -> Window:
    kernel = draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 3))
    begin, end = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    reach = dilation * (kernel - 1) + 1
    size = draw(st.integers(max(1, reach - begin - end), max(1, reach - begin - end) + 3))
    return Window(
        size=size,
        kernel=kernel,
        stride=draw(st.integers(1, 3)),
        pad_begin=begin,
        pad_end=end,
        dilation=dilation,
    )


@st.composite
def geometries(draw: st.DrawFn, largest: int = 300) -> Geometry:
    small = st.sampled_from([1, 1, 2, 3])
    geometry = Geometry(
        batch=draw(small),
        groups=draw(small),
        in_channels=draw(small),
        out_channels=draw(small),
        height=draw(windows()),
        width=draw(windows()),
    )
    if geometry.multiply_adds > largest:
        return geometry.model_copy(update={"batch": 1, "groups": 1, "in_channels": 1})
    return geometry


def data(
    rng: np.random.Generator, format: FloatFormat, regime: str, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Random entries of a format; the regime says of what magnitudes."""
    size = int(np.prod(shape))
    p, low, high = format.precision, format.min_exponent, format.max_exponent
    significand = rng.integers(2 ** (p - 1), 2**p, size=size).astype(np.float64)
    sign = rng.choice([-1.0, 1.0], size=size)
    if regime == "integer":
        values = rng.integers(-4, 5, size=size).astype(np.float64)
    elif regime == "ties":
        significand = 2.0 ** (p - 1) + rng.choice([0, 0, 1, 2, 2 ** (p - 1) - 1], size=size)
        values = np.ldexp(sign * significand, rng.integers(-p, 2, size=size) - p + 1)
    elif regime == "subnormal":
        values = np.ldexp(sign * rng.integers(0, 2 ** (p - 1), size=size), low - p + 1)
    else:
        exponents = {
            "normal": (-2, 2),
            "cancelling": (0, 1),
            "tiny": (low // 2 - 3, low // 2 + 3),
            "huge": (high // 2 - 3, high // 2 + 1),
            "mixed": (low - p + 1, high // 2),
        }[regime]
        exponent = rng.integers(*exponents, size=size)
        lost = np.maximum(low - exponent, 0)
        significand = np.floor(np.ldexp(significand, -lost))
        values = np.ldexp(sign * significand, exponent + lost - p + 1)
        if regime == "cancelling":
            values = np.where(rng.random(size) < 0.5, values, -values[rng.permutation(size)])
    result = values.astype(format.dtype)
    assert (result.astype(np.float64) == values).all()
    return result.reshape(shape)


formats = st.sampled_from(sorted(FORMATS)).map(FORMATS.__getitem__)
