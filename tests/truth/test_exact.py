"""Exact results against the sums of the textbook, term by term on fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import REGIMES, data, formats, geometries

from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.truth.conv2d import Dyadic, exact_conv2d


def as_fractions(values: Dyadic) -> dict[tuple[int, ...], Fraction]:
    indices = product(*map(range, values.numerators.shape))
    return dict(zip(indices, values.fractions(), strict=True))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_dyadic_is_exact(numbers: list[float]) -> None:
    dyadic = Dyadic.of(np.array(numbers))
    assert dyadic.fractions() == list(map(Fraction, numbers))
    total, square = dyadic + dyadic.over(dyadic.exponent - 3), dyadic * dyadic
    assert total.fractions() == [2 * Fraction(n) for n in numbers]
    assert square.fractions() == [Fraction(n) ** 2 for n in numbers]
    assert all(isinstance(n, int) for n in dyadic.numerators)


@pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("regime", REGIMES)
def test_any_error_state(format: FloatFormat, regime: str) -> None:
    values = data(np.random.default_rng(1), format, regime, (30,))
    with np.errstate(all="raise"):
        dyadic = Dyadic.of(values)
    assert dyadic.fractions() == [Fraction(float(value)) for value in values]


@settings(max_examples=60, deadline=None)
@given(
    geometry=geometries(200),
    format=formats,
    regime=st.sampled_from(REGIMES),
    seed=st.integers(0, 2**32),
)
def test_as_the_textbook(geometry: Geometry, format: FloatFormat, regime: str, seed: int) -> None:
    g, rng = geometry, np.random.default_rng(seed)
    shapes = (g.x_shape, g.weight_shape, g.bias_shape, g.output_shape)
    x, w, b, dy = (Dyadic.of(data(rng, format, regime, shape)) for shape in shapes)
    got = exact_conv2d(g, x, w, b, dy)
    xs, ws, bs, dys = map(as_fractions, (x, w, b, dy))
    forward = {index: bs[index[1:2]] for index in dys}
    bias, weight, input_ = (dict.fromkeys(tensor, Fraction(0)) for tensor in (bs, ws, xs))
    for (n, o, i, j), dyv in dys.items():
        bias[(o,)] += dyv
        group = o // g.out_channels
        for c, kh, kw in product(*map(range, g.weight_shape[1:])):
            at = (
                n,
                group * g.in_channels + c,
                i * g.height.stride - g.height.pad_begin + kh * g.height.dilation,
                j * g.width.stride - g.width.pad_begin + kw * g.width.dilation,
            )
            if at in xs:
                forward[n, o, i, j] += xs[at] * ws[o, c, kh, kw]
                weight[o, c, kh, kw] += xs[at] * dyv
                input_[at] += ws[o, c, kh, kw] * dyv
    for name, expected in (
        ("output", forward),
        ("bias", bias),
        ("weight", weight),
        ("input", input_),
    ):
        assert as_fractions(got[name]) == expected


def test_only_what_is_asked_for() -> None:
    geometry = Geometry.of((1, 1, 2, 2), (1, 1, 1, 1))
    ones = [
        Dyadic.of(np.ones(shape, FORMATS["binary32"].dtype))
        for shape in (
            geometry.x_shape,
            geometry.weight_shape,
            geometry.bias_shape,
            geometry.output_shape,
        )
    ]
    assert list(exact_conv2d(geometry, *ones, names=["bias"])) == ["bias"]
    assert exact_conv2d(geometry, *ones, names=["bias"])["bias"].fractions() == [4]
