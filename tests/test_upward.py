"""Upward rounding and exact binades, against fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from literal import floor_log2, round_up
from literal import half_ulp as exact_half_ulp

from pybridge import upward
from pybridge.formats import FORMATS

LARGEST = float(np.finfo(np.float64).max)
nonnegative = st.one_of(
    st.floats(0, LARGEST),
    st.integers(-1074, 1023).map(lambda e: math.ldexp(1.0, e)),
    st.floats(0, 1e-300),
    st.sampled_from([0.0, 1.0, LARGEST, 5e-324, 1 + 2.0**-52, 1 - 2.0**-53, 2.0**-1022]),
)
signed = st.tuples(nonnegative, st.sampled_from([-1.0, 1.0])).map(math.prod)


@pytest.fixture(autouse=True)
def _silent() -> Any:
    with np.errstate(all="ignore"):
        yield


def each_form(operation: Callable[[Any, Any], Any], a: float, b: float) -> list[float]:
    """The operation on constants, arrays and both."""
    array_a, array_b = np.array([[a]]), np.array([b])
    results = [operation(a, b), operation(array_a, b), operation(a, array_b)]
    results.append(operation(array_a, array_b))
    assert array_a[0, 0] == a
    assert array_b[0] == b
    return [float(np.max(result)) for result in results]


@given(nonnegative, nonnegative)
@example(LARGEST, LARGEST)
@example(LARGEST, 5e-324)
@example(1.0, 2.0**-53)
def test_add_up_is_the_least_number_above(a: float, b: float) -> None:
    expected = round_up(Fraction(a) + Fraction(b))
    assert each_form(upward.add_up, a, b) == [expected] * 4


@given(nonnegative, nonnegative)
@example(5e-324, 5e-324)
@example(LARGEST, LARGEST)
@example(LARGEST, 1.0)
@example(0.0, math.inf)
def test_mul_up_is_above_by_a_unit_at_most(a: float, b: float) -> None:
    exact = Fraction(0) if 0 in (a, b) else Fraction(a) * Fraction(b)
    for result in each_form(upward.mul_up, a, b):
        if exact == 0:
            assert result == 0
        else:
            assert result >= exact
            assert result <= math.nextafter(round_up(exact), math.inf)
            if 1e-100 < a < 1e100 and 1e-100 < b < 1e100:
                assert result == round_up(exact)


@given(nonnegative, st.sampled_from([0, 1, 128]))
def test_scaling(a: float, exponent: int) -> None:
    up = float(upward.scale_up(a, exponent))
    assert up == (a * 2.0**exponent)
    down = float(upward.scale_down(np.array([a]), exponent)[0])  # type: ignore[index]
    assert down == round_up(Fraction(a) / 2**exponent)


def test_infinity_stays() -> None:
    infinite = np.array([math.inf, 1.0])
    assert upward.add_up(infinite, infinite).tolist() == [math.inf, 2.0]  # type: ignore[union-attr]
    assert upward.scale_down(infinite, 128).tolist()[0] == math.inf  # type: ignore[union-attr]
    assert upward.mul_up(infinite, 2.0).tolist()[0] == math.inf  # type: ignore[union-attr]


def binade(v: Fraction, least: int = -1022) -> Fraction:
    return Fraction(2) ** max(floor_log2(abs(v)), least) if v else Fraction(2) ** least


@settings(max_examples=300)
@given(signed, signed)
@example(1.0, -(2.0**-54))
@example(-1.0, 2.0**-1074)
@example(1.0, 1 - 2.0**-53)
@example(2.0**-1022, -(2.0**-1074))
@example(1.0, 2.0**-54)
def test_sum_binade(a: float, b: float) -> None:
    got = upward.sum_binade(np.array([a, b]), np.array([b, a]))
    exact = Fraction(a) + Fraction(b)
    if abs(exact) < 2 ** Fraction(1024) * (1 - Fraction(2) ** -54):
        assert [max(Fraction(g), Fraction(2) ** -1022) for g in got] == [binade(exact)] * 2


@settings(max_examples=300)
@given(signed, signed)
@example(1 + 2.0**-52, 1 - 2.0**-53)
@example((1 + 2.0**-26), (1 - 2.0**-26))
@example(-(2.0**-500) * (1 + 2.0**-52), 2.0**-521 * (1 - 2.0**-53))
@example(2.0**-1022 * (1 + 2.0**-52), 1 - 2.0**-53)
@example(5e-324 * 3, 2.0**1000 / 3)
def test_product_binade(a: float, b: float) -> None:
    got = upward.product_binade(np.array([a, b]), np.array([b, a]), exact=False)
    exact = Fraction(a) * Fraction(b)
    if abs(exact) < 2 ** Fraction(1024) * (1 - Fraction(2) ** -54):
        assert [max(Fraction(g), Fraction(2) ** -1022) for g in got] == [binade(exact)] * 2


@given(st.floats(-(2.0**127), 2.0**127, width=32), st.floats(-(2.0**127), 2.0**127, width=32))
def test_product_binade_of_narrow_formats(a: float, b: float) -> None:
    (got,) = upward.product_binade(np.array([a]), np.array([b]), exact=True)
    exact = Fraction(a) * Fraction(b)
    assert max(Fraction(got), Fraction(2) ** -126) == binade(exact, -126)


@given(
    st.floats(-1e100, 1e100),
    st.floats(-1e100, 1e100),
)
def test_error_free_transformations(a: float, b: float) -> None:
    total, error = upward.two_sum(np.array([a]), np.array([b]))
    assert Fraction(float(total[0])) + Fraction(float(error[0])) == Fraction(a) + Fraction(b)
    if abs(a) > 1e-100 and abs(b) > 1e-100:
        product, error = upward.two_product(np.array([a]), np.array([b]))
        assert Fraction(float(product[0])) + Fraction(float(error[0])) == Fraction(a) * Fraction(b)


@pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("scale", [0, 128])
def test_half_ulp(format: Any, scale: int) -> None:
    described = {"precision": format.precision, "minExponent": format.min_exponent}
    for exponent in (-1074, format.min_exponent, format.min_exponent + 1, 0, 100):
        value = math.ldexp(1.0, exponent)
        (got,) = upward.half_ulp(
            upward.sum_binade(np.array([value]), np.array([0.0])),
            format.precision,
            format.min_exponent,
            scale,
        )
        assert got == round_up(exact_half_ulp(Fraction(value), described) * 2**scale)
