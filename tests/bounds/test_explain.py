"""Explanations: the contributions are Lean's bound, exactly, of every entry of the suite."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from io import StringIO
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pybridge.bounds.contributions import Ledger, Quantity
from pybridge.bounds.explain import explain, number
from pybridge.check.suite import suite
from pybridge.engine.laws_exact import half_ulp, monomials, round_even, scalar_value
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.exported.declarations import short_name
from pybridge.exported.document import Law, load_definitions
from pybridge.exported.expressions import Scalar
from pybridge.lean import find, sources_dir
from pybridge.lean.protocol import CaseResult, parse_results
from pybridge.problem.case import Case
from pybridge.problem.results import Result

SUITE = {case.label: case for case in suite()}
FORMATS = load_definitions().data.formats


@pytest.fixture(scope="module")
def lean_results() -> Mapping[str, CaseResult]:
    """Return what Lean itself computed of the suite."""
    text = "".join(case.to_text() for case in SUITE.values())
    return parse_results(find("recorded").evaluate(text))


def shape_of(case: Case, which: str) -> tuple[int, ...]:
    return case.geometry.result_shapes[which]


@pytest.mark.parametrize("label", SUITE)
def test_contributions_add_up_to_leans_bound(
    label: str, lean_results: Mapping[str, CaseResult]
) -> None:
    case = SUITE[label]
    result = lean_results[case.name]
    for which, tensor in result.tensors.items():
        entries = zip(np.ndindex(*shape_of(case, which)), tensor.value, tensor.bound, strict=True)
        for index, value, bound in entries:
            if value is None:
                with pytest.raises(RoundingOverflowError, match="no bound is claimed"):
                    explain(case, index, which=which)
                continue
            explained = explain(case, index, which=which)
            amounts = [c.amount for c in explained.contributions]
            assert sum(amounts, Fraction(0)) == explained.bound == bound
            assert explained.value == value
            assert amounts == sorted(amounts, reverse=True)
            assert all(amounts)
            assert sum(explained.by_source().values(), Fraction(0)) == bound


@pytest.mark.parametrize("which", Result)
@pytest.mark.parametrize(
    "label", ["binary64-mixed-eps", "bfloat16-dilation-eps", "binary32-everything"]
)
def test_arrays_are_explained_as_their_case(label: str, which: Result) -> None:
    case = SUITE[label]
    ours = explain(
        output_index=(0,) * len(shape_of(case, which)),
        which=which,
        **case.convolution.options._asdict(),
        x=case.values["x"],
        weight=case.values["weight"],
        bias=case.values["bias"],
        grad_output=None if which is Result.OUTPUT else case.values["grad_output"],
        eps_x=case.eps["x"],
        eps_weight=case.eps["weight"],
        eps_bias=case.eps["bias"],
        eps_grad_output=case.eps["grad_output"],
    )
    expected = explain(case, ours.index, which=which)
    assert (ours.format, ours.bound, ours.value) == (case.format, expected.bound, expected.value)
    assert ours.contributions == expected.contributions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "x is missing: expected a case, or it and the other arrays"),
        ({"x": 1.0, "weight": 1.0}, "grad_output is missing: expected a case"),
        ({"case": SUITE["binary32-basic"], "x": 1.0}, "x: expected a case or arrays, got both"),
        ({"case": np.ones(1)}, "case: expected a Case, or arrays by name"),
        ({"x": 1.0, "pading": 1}, "pading: unknown argument, expected one of x, weight, "),
    ],
)
def test_neither_a_case_nor_its_arrays(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputTypeError, match=message):
        explain(**{"output_index": 0, **arguments})


def test_what_a_small_bound_is_made_of() -> None:
    case = Case.of(
        "small",
        np.array([[[[3.0, 5.0]]]], np.float32),
        np.array([[[[2.0]]]], np.float32),
        np.array([[[[7.0, 1.0]]]], np.float32),
        eps_x=0.5,
        eps_grad_output=0.25,
    )
    explained = explain(case, (0, 0, 0, 0))
    u = Fraction(2) ** -24
    assert explained.terms == 2
    assert explained.value == 26
    assert explained.by_source() == {
        "eps_x": Fraction(7 + 1, 2),
        "eps_grad_output": Fraction(3 + 5, 4),
        "eps_x·eps_grad_output": Fraction(2, 8),
        "rounding of a sum": 16 * u + 16 * u,
        "rounding of a product": 16 * u + 4 * u,
    }
    first = explained.contributions[0]
    assert (first.amount, first.source, first.term) == (Fraction(7, 2), "eps_x", 1)
    assert first.formula == "|grad_output[0,0,0,0]|·eps_x"
    formulas = {c.formula for c in explained.contributions}
    assert "½ulp(acc + fl(x[0,0,0,1]·grad_output[0,0,0,1]))" in formulas
    assert "½ulp(x[0,0,0,0]·grad_output[0,0,0,0])" in formulas


def test_the_bias_is_the_last_term_of_the_forward_pass() -> None:
    explained = explain(SUITE["binary32-basic-eps"], (0, 1, 0, 0), which="output")
    (carried,) = [c for c in explained.contributions if c.source == "eps_bias"]
    assert carried.term == explained.terms
    assert carried.formula == "eps_bias"


def test_an_entry_without_terms_has_no_contributions() -> None:
    explained = explain(SUITE["binary32-stride-unread"], (0, 0, 1, 0), which="input")
    assert explained.bound == 0
    assert explained.terms == 0
    assert not explained.contributions
    assert "0 ± 0 (binary32, 0 terms)" in str(explained)


def test_lean_declarations_stand_where_an_explanation_says() -> None:
    explained = explain(SUITE["binary32-basic"], (0, 0, 0, 0))
    assert short_name(explained.definition) == "conv2dKernelPointBound"
    for name, location in explained.places.items():
        file, line = location.split(":")
        text = "\n".join((sources_dir() / file).read_text("utf-8").splitlines()[int(line) - 1 :])
        declared = re.search(r"^(?:@\[.+\] )?(?:def|theorem) (\S+)", text, re.MULTILINE)
        assert declared
        assert declared[1] == short_name(name)


numbers = st.tuples(st.integers(-(2**60), 2**60), st.integers(-1200, 1100)).map(
    lambda t: t[0] * Fraction(2) ** t[1]
)


@given(numbers, st.sampled_from(sorted(FORMATS)))
def test_rounding_is_that_of_the_literal_execution(x: Fraction, name: str) -> None:
    format = FORMATS[name]
    document = literal.DOCUMENT["data"]["formats"][name]
    assert half_ulp(x, format) == literal.half_ulp(x, document)
    assert round_even(x, format) == literal.rounded(x, document)


def test_a_law_is_the_sum_of_its_monomials() -> None:
    values = {"x.value": "3/7", "x.eps": "1/9", "y.value": "-5/3", "y.eps": "1/11"}
    variables = {name: Fraction(text) for name, text in values.items()}
    laws, format = load_definitions().data.laws, FORMATS["binary32"]
    for law in (laws.zero, laws.add, laws.mul):
        total = Fraction(0)
        for monomial in monomials(law.eps):
            amount = Fraction(1)
            for factor in monomial:
                amount *= scalar_value(factor, variables, format)
            total += amount
        assert total == scalar_value(law.eps, variables, format)


def test_contributions_are_exact_for_three_factors_and_other_laws() -> None:
    def var(name: str) -> Scalar:
        return Scalar("var", name=name)

    laws, format = load_definitions().data.laws, FORMATS["binary16"]
    ledger = Ledger(laws, format)

    def entry(name: str, eps: str) -> Quantity:
        return Quantity(Fraction(3, 2), Fraction(eps), name, f"eps_{name}")

    product = ledger.combine("mul", entry("a", "1/8"), entry("b", "1/16"), 1)
    product = ledger.combine("mul", product, entry("c", "1/32"), 1)
    assert sum(c.amount for c in product.contributions) == product.eps
    assert {"eps_a", "eps_b", "eps_c", "eps_a·eps_b"} <= {c.source for c in product.contributions}

    doubled = Law(
        value=laws.add.value,
        eps=Scalar("add", (Scalar("add", (var("x.eps"), var("y.eps"))), var("y.eps"))),
    )
    other = Ledger(laws.model_copy(update={"add": doubled}), format)
    total = other.combine("add", other.zero(), entry("a", "1/8"), 1)
    assert total.eps == Fraction(1, 4)
    assert [c.amount for c in total.contributions if c.amount] == [Fraction(1, 8)] * 2


@pytest.mark.parametrize(
    ("index", "which", "message"),
    [
        ((0, 0, 0, 0), "grad", "which: expected one of output, bias, weight, input, got 'grad'"),
        ((0, 0), "weight", r"expected 4 integers within the shape \(2, 2, 3, 3\) of weight, got"),
        ((0, 0, 3, 0), "weight", r"got \(0, 0, 3, 0\)"),
        ((-1,), "bias", r"got \(-1\)"),
        (2, "bias", r"within the shape \(2,\) of bias, got \(2\)"),
    ],
)
def test_what_is_not_an_entry_is_refused(
    index: tuple[int, ...] | int, which: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        explain(SUITE["binary32-basic"], index, which=which)


def test_an_index_is_made_of_integers() -> None:
    with pytest.raises(InputTypeError, match="index: expected integers"):
        explain(SUITE["binary32-basic"], (0.5,), which="bias")  # type: ignore[arg-type]
    scalar = explain(SUITE["binary32-basic"], int(np.int64(1)), which="bias")
    assert scalar.index == (1,)


def test_the_table_shows_the_largest_and_sums_the_rest() -> None:
    explained = explain(SUITE["binary32-basic-eps"], (0, 1, 2, 0))
    console = Console(width=120, file=StringIO())
    with console.capture() as capture:
        console.print(explained.table(3))
    rows = [line for line in capture.get().splitlines() if "eps_" in line]
    assert len(rows) == 3
    assert f"{len(explained.contributions) - 3} smaller ones" in capture.get()
    text = str(explained)
    assert "conv2dKernelPointBound (RuntimeApprox/Conv2d.lean:" in text
    assert f"and {len(explained.contributions) - 10} smaller" in text


def test_numbers_of_any_size_are_shown() -> None:
    printed = [number(Fraction(2) ** e) for e in (-2200, 0, 5, 1100)]
    assert printed == ["5.42e-663", "1", "32", "1.36e331"]
