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

from pybridge.engine import upward
from pybridge.problem.formats import FORMATS

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
    """Return the operation on constants, arrays and both."""
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
@example(5e-324, 0.5)
@example(5e-324, 1 - 2.0**-53)
@example(2.0**-500, 2.0**-574)
@example(2.0**-1074, 2.0**-1074)
@example(3 * 2.0**-1074, 0.5)
@example(2.0**-1022 * (1 - 2.0**-52), 1 + 2.0**-52)
@example(2.0**600, 2.0**423)
@example(2.0**600 * (1 + 2.0**-52), 2.0**423 * (1 - 2.0**-53))
@example(math.inf, 2.0)
def test_mul_up_is_the_least_number_above(a: float, b: float) -> None:
    if 0 in (a, b):
        expected = 0.0
    elif math.inf in (a, b):
        expected = math.inf
    else:
        expected = round_up(Fraction(a) * Fraction(b))
    assert each_form(upward.mul_up, a, b) == [expected] * 4


@settings(max_examples=300)
@given(nonnegative, nonnegative, st.integers(-1080, 1022))
def test_mul_up_of_products_of_any_exponent(a: float, b: float, exponent: int) -> None:
    """The second factor is scaled so that products near an end of the range are frequent."""
    if 0 in (a, b):
        return
    x, y = math.frexp(a)[0], math.frexp(b)[0]
    for low in range(exponent - 1, exponent + 2):
        factor = math.ldexp(y, max(low, -1074))
        expected = round_up(Fraction(x) * Fraction(factor))
        assert each_form(upward.mul_up, x, factor) == [expected] * 4


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


@settings(max_examples=300)
@given(signed, signed, st.integers(-2, 2), st.booleans())
def test_binades_next_to_powers_of_two(a: float, b: float, steps: int, product: bool) -> None:
    """Some results round to a power of two, with the exact ones on either side."""
    x, y = math.frexp(a)[0] or 0.5, math.frexp(b)[0] or 0.5
    if product:
        factor = 1 / x + steps * math.ulp(1 / x)
        pair, exact = (x, factor), Fraction(x) * Fraction(factor)
        got = upward.product_binade(np.array([pair[0]]), np.array([pair[1]]), exact=False)
    else:
        small = math.copysign(math.ldexp(abs(y), -52 + steps), y)
        pair, exact = (math.copysign(1.0, x), small), Fraction(math.copysign(1.0, x))
        exact += Fraction(small)
        got = upward.sum_binade(np.array([pair[0]]), np.array([pair[1]]))
    assert [Fraction(g) for g in got] == [binade(exact)]


@given(st.floats(-(2.0**127), 2.0**127, width=32), st.floats(-(2.0**127), 2.0**127, width=32))
def test_product_binade_of_narrow_formats(a: float, b: float) -> None:
    (got,) = upward.product_binade(np.array([a]), np.array([b]), exact=True)
    exact = Fraction(a) * Fraction(b)
    assert max(Fraction(got), Fraction(2) ** -126) == binade(exact, -126)


@settings(max_examples=300)
@given(signed, signed)
@example(1 - 2.0**-53, 1 - 2.0**-53)
@example(1 - 2.0**-53, -(1 - 2.0**-52))
@example(0.5, 0.5)
@example(0.5 + 2.0**-53, 0.5 + 2.0**-53)
def test_significand_error(a: float, b: float) -> None:
    x, y = math.frexp(a)[0], math.frexp(b)[0]
    exact = (Fraction(x) * Fraction(y) - Fraction(x * y)) * 2**106
    assert each_form(upward.significand_error, x, y) == [exact] * 4


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
