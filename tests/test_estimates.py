"""The coefficients: exact values, rounding, and what the evaluation in float64 makes of them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pybridge.definitions import DefinitionsError, Formula, load_definitions
from pybridge.errors import InputError
from pybridge.estimates import Errors, formula_value, round_up, unit, weigh, weigh_counts

DEFINITIONS = load_definitions()
FORMATS = DEFINITIONS.data.formats
ESTIMATES = DEFINITIONS.data.estimates

fractions = st.fractions(0, 1, max_denominator=1000)


def textbook(e: Errors) -> dict[str, Fraction]:
    """The coefficients as they are written by hand."""
    n, u = e.terms, e.roundoff
    gamma = n * u / (1 - n * u)
    growth = (1 + gamma) * (1 + e.output_roundoff)
    a, b = 1 + e.first_relative, 1 + e.second_relative
    alpha, beta = e.first_absolute, e.second_absolute
    return {
        "product": growth * a * b - 1,
        "first": growth * a * beta,
        "second": growth * b * alpha,
        "constant": growth * (n * alpha * beta + 2 * n * e.underflow) + e.output_underflow,
        "inflation": 1 / (1 - n * u),
        "residue": (1 + gamma) * 2 * n * e.underflow,
        "replay_partial": u,
        "replay_first": beta,
        "replay_second": alpha,
        "replay_constant": n * (alpha * beta + 2 * e.underflow),
    }


@given(st.integers(0, 50), st.lists(fractions, min_size=8, max_size=8))
def test_the_exported_formulas(terms: int, values: Any) -> None:
    errors = Errors(terms, values[0] / 100, *values[1:])
    for name, expected in textbook(errors).items():
        assert formula_value(getattr(ESTIMATES, name), errors) == expected


def test_units_are_half_an_ulp() -> None:
    for parameters in FORMATS.values():
        described = {
            "precision": parameters.precision,
            "minExponent": parameters.min_exponent,
        }
        relative, absolute = unit(parameters)
        assert relative == literal.half_ulp(Fraction(1), described)
        assert absolute == literal.half_ulp(Fraction(0), described)


@given(st.fractions(0, 10**6) | st.fractions(0, Fraction(1, 10**300)))
def test_rounding_up(exact: Fraction) -> None:
    rounded = round_up(exact)
    assert Fraction(rounded) >= exact
    assert rounded == 0 or Fraction(math.nextafter(rounded, 0)) < exact
    assert round_up(Fraction(2) ** 1024) == math.inf
    assert round_up(Fraction(1, 2**2000)) == 5e-324


def estimate(
    errors: Errors, m: Fraction, x: Fraction, y: Fraction, factors: int, addend: Fraction
) -> Fraction:
    exact = textbook(errors)
    growth = textbook(Errors(errors.terms, errors.roundoff))["inflation"] * (
        1 + errors.output_roundoff
    )
    first = exact["first"] * (errors.terms if factors == 1 else x)
    return exact["product"] * m + first + exact["second"] * y + exact["constant"] + growth * addend


@given(
    seed=st.integers(0, 2**32),
    terms=st.sampled_from([1, 2, 9, 784, 5000]),
    format=st.sampled_from(["bfloat16", "tf32", "binary32", "binary64"]),
    sums=st.sampled_from(["binary32", "binary64"]),
    scale=st.sampled_from([1.0, 1e-40, 1e-310, 1e30]),
    eps=st.tuples(*[st.sampled_from([0.0, 1e-3, 1e-300, 1e5])] * 3),
    factors=st.sampled_from([1, 2]),
    distance=st.booleans(),
)
def test_the_evaluation_is_not_below_the_exact_estimate(
    seed: int,
    terms: int,
    format: str,
    sums: str,
    scale: float,
    eps: tuple[float, float, float],
    factors: int,
    distance: bool,
) -> None:
    """With sums as low as their format may have them, and entries of any magnitude."""
    roundoff, underflow = unit(FORMATS[format])
    assume(terms * roundoff < 1)
    rng = np.random.default_rng(seed)
    errors = Errors(
        terms,
        roundoff,
        underflow,
        first_relative=Fraction(0) if factors == 1 else roundoff,
        first_absolute=Fraction(0) if factors == 1 else Fraction(eps[0]),
        second_absolute=Fraction(eps[1]),
    )
    weights = weigh(
        DEFINITIONS,
        errors,
        sums,
        factors=factors,
        addend_eps=Fraction(eps[2]),
        distance=distance,
    )
    u, eta = unit(FORMATS[sums])
    computed = scale * rng.random((3, 50))
    computed *= rng.random((3, 50)) < 0.9
    apart = scale * rng.random(50) * distance
    if factors == 1:
        assert weights.first == 0
    value = (
        weights.product * computed[0]
        + weights.constant
        + weights.first * computed[1]
        + weights.second * computed[2]
        + weights.distance * apart
    )
    for bound, m, x, y, d in zip(value, *computed, apart, strict=True):
        exact = [
            (Fraction(s) + 2 * terms * eta) / (1 - terms * u) if s else Fraction(0)
            for s in (m, x, y)
        ]
        true = estimate(errors, exact[0], exact[1], exact[2], factors, Fraction(eps[2]))
        assert Fraction(bound) >= true + Fraction(d)


def test_weights_exceed_the_exact_coefficients_by_little() -> None:
    errors = Errors(784, *unit(FORMATS["binary32"]))
    weights = weigh(DEFINITIONS, errors, "binary32")
    exact = textbook(errors)
    assert (
        exact["product"] <= Fraction(weights.product) <= exact["product"] * Fraction(10001, 10000)
    )
    assert (weights.first, weights.second, weights.distance) == (0, 0, 0)
    assert weights.constant <= exact["constant"] * Fraction(10001, 10000)


def test_too_many_terms_are_refused() -> None:
    roundoff, underflow = unit(FORMATS["bfloat16"])
    assert weigh(DEFINITIONS, Errors(255, roundoff, underflow), "binary32").product > 200
    with pytest.raises(InputError, match=r"has 256 terms: with the unit roundoff 2\^-8 of the ari"):
        weigh(DEFINITIONS, Errors(256, roundoff, underflow), "binary32")
    with pytest.raises(InputError, match=r"2\^-24 of binary32 their number times it is not below"):
        weigh(DEFINITIONS, Errors(2**24, *unit(FORMATS["binary64"])), "binary32")


def test_unknown_formulas() -> None:
    with pytest.raises(DefinitionsError, match="divides by zero"):
        formula_value(Formula("div", (Formula("nat", value=1), Formula("nat"))), Errors(1))
    with pytest.raises(DefinitionsError, match="unknown node 'pow'"):
        formula_value(Formula("pow", (Formula("nat"), Formula("nat"))), Errors(1))
    with pytest.raises(DefinitionsError, match="unknown variable 'n'"):
        formula_value(Formula("var", name="n"), Errors(1))
    with pytest.raises(DefinitionsError, match="lack the format binary8"):
        weigh(DEFINITIONS, Errors(1), "binary8")


def test_weights_of_counts() -> None:
    counts = np.array([[[4, 6, 4]], [[6, 9, 6]]])
    roundoff, underflow = unit(FORMATS["binary32"])
    asked = []

    def one(terms: int) -> Any:
        asked.append(terms)
        return weigh(DEFINITIONS, Errors(terms, roundoff, underflow), "binary32")

    for channels in (1, 7, 1000):
        asked.clear()
        weights = weigh_counts(counts, one, (2, channels, 3))
        assert asked == [4, 6, 9]
        assert weights["first"] == 0
        product = np.broadcast_to(weights["product"], (2, channels, 3))
        for (i, _, j), weight in np.ndenumerate(product):
            assert weight == one(int(counts[i, 0, j])).product
    assert isinstance(weigh_counts(np.array([[5]]), one, (3, 4))["constant"], float)
