"""The exported laws of nodes on arrays, against the same laws on fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pybridge.engine.elementwise import Pairs, apply_law
from pybridge.engine.laws_exact import scalar_value
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FORMATS, FloatFormat

DATA = load_definitions().data
COUNT = 40
LAWS = ("add", "mul", "max", "greater", "at_least", "choose", "div")


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda f: f.name)
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("seed", range(8))
def test_values_are_the_law_s_and_eps_are_just_above(
    name: str, format: FloatFormat, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    law = getattr(DATA.laws, name)
    operands: dict[str, Pairs] = {}
    for operand in "xyz":
        exponents = rng.integers(format.min_exponent, format.max_exponent - 3, COUNT) // (seed + 1)
        small = rng.integers(-3, 4, COUNT)
        value = np.where(
            rng.random(COUNT) < 0.5, small, np.ldexp(rng.normal(size=COUNT), exponents)
        )
        eps = np.abs(rng.permutation(np.where(rng.random(COUNT) < 0.5, value, 0.0)))
        value = value.astype(format.dtype)
        if name == "div" and operand == "y":
            value, eps = np.abs(small).astype(format.dtype) + value.dtype.type(1), np.zeros(COUNT)
        operands[operand] = Pairs(value, eps)
    applied = apply_law(law, format, **operands)
    parameters = DATA.formats[format.name]
    for i in range(COUNT):
        variables = {}
        for operand, pairs in operands.items():
            variables[f"{operand}.value"] = Fraction(float(pairs.value[i]))
            variables[f"{operand}.eps"] = Fraction(float(pairs.eps[i]))
        try:
            exact = scalar_value(law.value, variables, parameters)
        except OverflowError:
            assert np.isinf(applied.eps[i])
            continue
        bound_of_law = scalar_value(law.eps, variables, parameters)
        assert Fraction(float(applied.value[i])) == exact
        bound = float(applied.eps[i])
        slack = 2 if name == "div" else 1 + Fraction(1, 2**40)
        if np.isinf(bound):
            assert bound_of_law * slack > np.finfo(np.float64).max
        else:
            lost = Fraction(0)
            if name == "max":
                lost = Fraction(1, 2**50) * max(map(abs, variables.values()))
            elif name in ("greater", "at_least") and bound_of_law == 0 and bound == 1:
                # A comparison of sums that rounding makes uncertain.
                x, y = (variables[f"{operand}.value"] for operand in "xy")
                reach = variables["x.eps"] + variables["y.eps"]
                lost = Fraction(abs(x - y) <= reach * (1 + Fraction(1, 2**50)) + abs(x) / 2**50)
            assert (
                bound_of_law
                <= Fraction(bound)
                <= bound_of_law * slack + lost + Fraction(1, 2**1070)
            )


def test_a_quotient_of_errors_that_underflows_still_counts() -> None:
    """Half an ulp of the quotient's rounding is reached, so nothing else may cover it."""
    x = Pairs(np.array([3 * 2.0**-149], np.float32), np.array([2.0**-1074]))
    y = Pairs(np.array([2.0], np.float32), np.zeros(1))
    applied = apply_law(DATA.laws.div, FORMATS["binary32"], x=x, y=y)
    farthest = (Fraction(float(x.value[0])) - Fraction(float(x.eps[0]))) / 2
    assert abs(Fraction(float(applied.value[0])) - farthest) <= Fraction(float(applied.eps[0]))
