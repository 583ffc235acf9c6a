"""Error bounds: the exported formulas, powers, and what float64 makes of weighted sums."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pybridge.engine.coefficients import (
    EXACT,
    ErrorBound,
    Part,
    Weights,
    followed_by,
    formula,
    formula_value,
    nearest,
    numbers,
    operation,
    power_up,
    round_up,
    tree,
    weigh,
    weigh_counts,
)
from pybridge.errors import InputError, NotProvedError
from pybridge.exported.document import FORMULAS, MODES, load_definitions
from pybridge.exported.expressions import DefinitionsError, Formula

DEFINITIONS = load_definitions()
FORMATS = DEFINITIONS.data.formats
WIDE = operation(FORMATS["binary64"])

fractions = st.fractions(0, 1, max_denominator=1000)
Values = Mapping[str, Fraction]

TEXTBOOK: dict[str, Callable[[Values], Fraction]] = {
    "nearestRelative": lambda v: v["terms"] * v["roundoff"],
    "nearestAbsolute": lambda v: (
        v["terms"] * v["underflow"] + v["terms"] ** 2 * v["underflow"] * v["roundoff"]
    ),
    "numbersRelative": lambda v: v["terms"] * v["roundoff"] - v["roundoff"],
    "numbersAbsolute": lambda v: Fraction(0),
    "growth": lambda v: (1 + v["roundoff"]) ** 5,
    "treeRelative": lambda v: v["growth"] - 1,
    "treeAbsolute": lambda v: 2 * v["terms"] * v["growth"] * v["underflow"],
    "followedRelative": lambda v: (
        v["bound.relative"] + v["next.relative"] + v["bound.relative"] * v["next.relative"]
    ),
    "followedAbsolute": lambda v: (
        v["bound.absolute"] + v["bound.absolute"] * v["next.relative"] + v["next.absolute"]
    ),
    "magnitude": lambda v: v["bound.relative"],
    "deviation": lambda v: v["bound.relative"] + 1,
    "constant": lambda v: v["bound.absolute"],
    "tolerance": lambda v: (
        v["bound.relative"]
        * (v["terms"] * v["firstMagnitude"] * v["secondMagnitude"] + v["addendMagnitude"])
        + (1 + v["bound.relative"])
        * (
            v["terms"] * v["firstDeviation"] * v["secondMagnitude"]
            + v["terms"] * v["firstDeviation"] * v["secondDeviation"]
            + v["terms"] * v["firstMagnitude"] * v["secondDeviation"]
            + v["addendDeviation"]
        )
        + v["bound.absolute"]
    ),
    "operandDeviation": lambda v: v["bound.relative"] * v["magnitude"] + v["bound.absolute"],
    "weight": lambda v: (
        v["coefficient"] / ((1 - v["sum.relative"]) * (1 - v["evaluation.relative"]))
    ),
    "residue": lambda v: v["coefficient"] * v["sum.absolute"] / (1 - v["sum.relative"]),
    "constantWeight": lambda v: (
        (v["constant"] + v["residues"] + v["evaluation.absolute"])
        / (1 - v["evaluation.relative"])
    ),
    "replayConstant": lambda v: (
        v["terms"] * v["firstEps"] * v["secondEps"] + 2 * v["terms"] * v["underflow"]
    ),
    "left": lambda v: (
        v["terms"] * v["tails"] + v["terms"] * v["rest"] * v["secondMagnitude"]
    ),
    "exactLosses": lambda v: v["terms"],
    "alignedLosses": lambda v: v["terms"] + v["steps"],
    "stagedLosses": lambda v: v["terms"] + 2 * v["steps"],
    "interleavedLosses": lambda v: v["terms"] + 4 * v["steps"],
    "groupedLosses": lambda v: v["terms"] + 5 * v["steps"],
    "tensorCoreGrowth": lambda v: (1 + v["cut"]) ** 7 * (1 + v["roundoff"]) ** 3,
    "tensorCoreRelative": lambda v: v["growth"] - 1,
    "tensorCoreAbsolute": lambda v: (
        v["growth"] * v["losses"] * v["cut"] * v["shortfall"]
        + 2 * v["growth"] * v["steps"] * v["underflow"]
    ),
    "timesRelative": lambda v: v["bound.relative"],
    "timesAbsolute": lambda v: v["terms"] * v["bound.absolute"],
    "shortfall": lambda v: (
        v["firstLeast"] * v["secondMagnitude"] + v["firstMagnitude"] * v["secondLeast"]
        + 2 * v["firstLeast"] * v["secondLeast"] + v["least"]
    ),
}  # fmt: skip
"""The formulas as they are written by hand, with an exponent of five."""


def variables(node: Formula) -> set[str]:
    names = {node.name} if node.op == "var" else set()
    return names.union(*map(variables, node.args))


@pytest.mark.parametrize("name", FORMULAS)
@settings(deadline=None)
@given(data=st.data())
def test_the_exported_formulas(name: str, data: Any) -> None:
    names = sorted(variables(DEFINITIONS.data.formulas[name]))
    values = {name: data.draw(fractions) / 2 for name in names}
    value = formula(DEFINITIONS, name, values, {"depth": 5, "losses": 7, "steps": 3})
    expected = TEXTBOOK[name](values)
    powers = name in ("growth", "tensorCoreGrowth")
    assert value == expected or (powers and 0 < value - expected < expected / 2**116)


def test_no_formula_is_unknown() -> None:
    assert set(DEFINITIONS.data.formulas) == set(FORMULAS) == set(TEXTBOOK)


@pytest.mark.parametrize("name", FORMATS)
def test_operations_err_by_half_an_ulp_or_one_or_by_what_is_flushed(name: str) -> None:
    parameters = FORMATS[name]
    described = {"precision": parameters.precision, "minExponent": parameters.min_exponent}
    half, least = (literal.half_ulp(Fraction(v), described) for v in (1, 0))
    normal = Fraction(2) ** parameters.min_exponent
    assert set(parameters.errors) == set(MODES)
    assert operation(parameters) == operation(parameters, "nearest") == ErrorBound(half, least)
    assert operation(parameters, "towardZero") == ErrorBound(2 * half, 2 * least)
    assert operation(parameters, "nearestFlushed") == ErrorBound(half, normal)
    assert operation(parameters, "towardZeroFlushed") == ErrorBound(2 * half, normal)


@settings(deadline=None)
@given(
    terms=st.integers(1, 10**6),
    name=st.sampled_from(list(FORMATS)),
    other=st.sampled_from(list(FORMATS)),
    mode=st.sampled_from(MODES),
)
def test_bounds_of_sums(terms: int, name: str, other: str, mode: str) -> None:
    unit = operation(FORMATS[name], mode)
    n, u, eta = terms, unit.relative, unit.absolute
    bound = nearest(DEFINITIONS, terms, unit)
    assert bound == ErrorBound(n * u, n * eta * (1 + n * u))
    assert numbers(DEFINITIONS, terms, unit) == ErrorBound((n - 1) * u)
    assert numbers(DEFINITIONS, 0, unit) == EXACT
    last = operation(FORMATS[other], mode)
    w, omega = last.relative, last.absolute
    assert followed_by(DEFINITIONS, bound, last) == ErrorBound(
        (1 + n * u) * (1 + w) - 1, (1 + w) * bound.absolute + omega
    )
    assert followed_by(DEFINITIONS, bound, EXACT) == bound == followed_by(DEFINITIONS, EXACT, bound)


@settings(deadline=None)
@given(st.integers(0, 3000), st.sampled_from(list(FORMATS)), st.sampled_from(MODES))
def test_bounds_of_trees(terms: int, name: str, mode: str) -> None:
    unit = operation(FORMATS[name], mode)
    bound = tree(DEFINITIONS, terms, unit)
    growth = (1 + unit.relative) ** terms
    assert 0 <= bound.relative - (growth - 1) <= growth * terms / 2**120
    least = 2 * terms * unit.absolute * growth
    assert 0 <= bound.absolute - least <= least * terms / 2**120


@settings(deadline=None)
@given(st.fractions(1, 3, max_denominator=2**30), st.integers(0, 1000))
@example(Fraction(1), 10**9)
@example(1 + Fraction(1, 2**53), 2**12)
@example(Fraction(2), 1000)
def test_powers_are_rounded_up(base: Fraction, exponent: int) -> None:
    power = power_up(base, exponent)
    exact = base**exponent
    assert exact <= power <= exact * (1 + Fraction(exponent, 2**120))
    assert power.numerator.bit_length() <= 129 or power.denominator == 1


@settings(deadline=None)
@given(st.fractions(0, 10**6) | st.fractions(0, Fraction(1, 10**300)))
def test_rounding_up(exact: Fraction) -> None:
    rounded = round_up(exact)
    assert Fraction(rounded) >= exact
    assert rounded == 0 or Fraction(math.nextafter(rounded, 0)) < exact
    assert round_up(Fraction(2) ** 1024) == math.inf
    assert round_up(Fraction(1, 2**2000)) == 5e-324


def to_float(exact: Fraction) -> float:
    """Return the nearest float64, as an operation gives it."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf


def evaluated(rng: Any, weights: Weights, sizes: Sequence[float], fused: bool) -> float:
    """Compute Σ coefficient·size + constant in float64, by a random tree, fused or not."""
    products = [(w, s) for w, s in zip(weights.coefficients, sizes, strict=True) if w]
    if fused:
        rng.shuffle(products)
        total = weights.constant
        for w, s in products:
            if math.isinf(w) or math.isinf(total):
                return math.inf
            total = to_float(Fraction(w) * Fraction(s) + Fraction(total))
        return total
    values = [w * s for w, s in products] + [weights.constant]
    while len(values) > 1:
        rng.shuffle(values)
        values.append(values.pop() + values.pop())
    return values[0]


sizes = st.floats(0, 1e300) | st.floats(0, 1.0) | st.floats(0, 2.0**-1000) | st.just(0.0)
errors = st.builds(
    ErrorBound,
    st.sampled_from([0, 1]) | st.integers(0, 999).map(lambda k: Fraction(k, 1000)),
    sizes.map(lambda s: Fraction(min(s, 1.0))),
).filter(lambda e: e.relative < 1)


@settings(deadline=None)
@given(
    parts=st.lists(st.tuples(sizes.map(Fraction) | fractions, errors, sizes), max_size=5),
    constant=sizes.map(Fraction) | fractions,
    fused=st.booleans(),
    seed=st.randoms(use_true_random=False),
)
def test_the_evaluation_is_not_below_the_exact_sum(
    parts: Any, constant: Fraction, fused: bool, seed: Any
) -> None:
    """The magnitudes are as low as their errors allow."""
    weights = weigh(DEFINITIONS, [Part(c, e) for c, e, _ in parts], constant)
    exact = constant
    for coefficient, error, size in parts:
        exact += coefficient * (Fraction(size) + error.absolute) / (1 - error.relative)
    total = evaluated(seed, weights, [size for *_, size in parts], fused)
    assert total == math.inf or Fraction(total) >= exact
    for (coefficient, *_), weight in zip(parts, weights.coefficients, strict=True):
        assert (weight == 0) == (coefficient == 0)


usual = st.just(0.0) | st.floats(1e-100, 1e8)


@settings(deadline=None)
@given(st.lists(st.tuples(usual, usual), max_size=4), usual)
def test_the_evaluation_in_numpy(parts: Any, constant: float) -> None:
    """Magnitudes are exact, and summed in every order."""
    weights = weigh(DEFINITIONS, [Part(Fraction(c)) for c, _ in parts], Fraction(constant))
    exact = Fraction(constant) + sum(Fraction(c) * Fraction(s) for c, s in parts)
    products = [w * np.float64(s) for w, (_, s) in zip(weights.coefficients, parts, strict=True)]
    for order in itertools.permutations([*products, np.float64(weights.constant)]):
        total = np.float64(0)
        for value in order:
            total = total + value
        assert (
            exact <= Fraction(float(total)) <= exact * (1 + Fraction(1, 2**48)) + WIDE.absolute * 8
        )


def test_weights_exceed_the_exact_coefficients_by_little() -> None:
    unit = operation(FORMATS["binary32"])
    near = nearest(DEFINITIONS, 784, unit)
    weights = weigh(DEFINITIONS, [Part(near.relative, near), Part(Fraction(0))], near.absolute)
    assert (
        near.relative <= Fraction(weights.coefficients[0]) <= near.relative * Fraction(10001, 10000)
    )
    assert weights.coefficients[1] == 0
    assert near.absolute <= Fraction(weights.constant) <= near.absolute * Fraction(10001, 10000)


def test_a_magnitude_whose_error_may_be_as_large_as_itself() -> None:
    unit = operation(FORMATS["binary32"])
    weights = weigh(
        DEFINITIONS, [Part(Fraction(1), nearest(DEFINITIONS, 2**24 - 1, unit))], EXACT.absolute
    )
    assert weights.coefficients[0] > 2.0**24
    for terms in (2**24, 2**30):
        with pytest.raises(NotProvedError, match=r"so many terms .* nothing is proved$") as raised:
            weigh(DEFINITIONS, [Part(Fraction(1), nearest(DEFINITIONS, terms, unit))], Fraction(0))
        assert isinstance(raised.value, InputError)
        assert "\n" not in str(raised.value)


def test_unknown_formulas() -> None:
    one = Formula("nat", value=1)
    for bad, message in (
        (Formula("div", (one, Formula("nat", value=0))), "divides by zero"),
        (Formula("sqrt", (one, one)), "unknown node 'sqrt'"),
        (Formula("var", name="n"), "unknown variable 'n'"),
        (Formula("pow", (one,), name="n"), "unknown exponent 'n'"),
    ):
        with pytest.raises(DefinitionsError, match=message):
            formula_value(bad, {}, {})
    assert formula_value(Formula("pow", (Formula("nat", value=3),), name="n"), {}, {"n": 4}) == 81
    with pytest.raises(DefinitionsError, match="lack the formula 'half'"):
        formula(DEFINITIONS, "half", {})


@pytest.mark.parametrize("channels", [1, 7, 1000])
def test_weights_of_counts(channels: int) -> None:
    counts = np.array([[[4, 6, 4]], [[6, 9, 6]]])
    unit = operation(FORMATS["binary32"])
    asked = []

    def one(terms: int) -> Weights:
        asked.append(terms)
        near = nearest(DEFINITIONS, terms, unit)
        return weigh(DEFINITIONS, [Part(near.relative), Part(Fraction(3))], near.absolute)

    (product, three), constant = weigh_counts(counts, one, (2, channels, 3))
    assert asked == [4, 6, 9]
    assert isinstance(three, float)
    for (i, _, j), weight in np.ndenumerate(np.broadcast_to(product, (2, channels, 3))):
        assert weight == one(int(counts[i, 0, j])).coefficients[0]
    for (i, _, j), weight in np.ndenumerate(np.broadcast_to(constant, (2, channels, 3))):
        assert weight == one(int(counts[i, 0, j])).constant
    assert isinstance(weigh_counts(np.array([[5]]), one, (3, 4))[1], float)
