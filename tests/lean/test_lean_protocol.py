"""Numbers and results as text, read strictly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybridge.lean.errors import LeanError
from pybridge.lean.protocol import (
    LONGEST,
    format_number,
    parse_number,
    parse_results,
    split_cases,
    split_results,
)


def result(name: str = "a#1") -> str:
    lines = [f"case {name}", "sizes 1 2"]
    for tensor, count in (("output", 2), ("bias", 1), ("weight", 1), ("input", 3)):
        lines.append(f"{tensor}.value " + " ".join(["-3/2"] * count))
        lines.append(f"{tensor}.exact " + " ".join(["-c/7"] * count))
        lines.append(f"{tensor}.bound " + " ".join(["0/1"] * count))
    return "\n".join([*lines, f"end {name}", ""])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive(number: float) -> None:
    assert parse_number(format_number(number)) == Fraction(number)


@given(st.fractions())
def test_fractions_survive(number: Fraction) -> None:
    assert parse_number(format_number(number)) == number


def test_long_numbers_survive() -> None:
    number = Fraction(16**40_000 + 1, 3**50_000)
    assert parse_number(format_number(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.5", "1/0", "-/1", "01/2", "1/02", "+1/2", "A/1", "1/2/3", "1/2 ", "1/2\n"),
        *("0x1", "0xp0", "0x1p", "0x1p9999999", "0x1p200000", "0x1.gp0", "١/2", "inf", "nan"),
    ],
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(LeanError):
        parse_number(text)


def test_numbers_of_boundless_length_are_refused() -> None:
    with pytest.raises(LeanError, match="longer than"):
        parse_number("1" * LONGEST + "/1")


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_not_written(number: float) -> None:
    with pytest.raises(LeanError, match="finite"):
        format_number(number)


def test_a_result() -> None:
    parsed = parse_results(result(), ["a#1"])["a#1"]
    assert parsed.refused is None
    assert parsed.sizes == (1, 2)
    assert parsed.tensors["input"].value == (Fraction(-3, 2),) * 3
    assert parsed.tensors["input"].exact == (Fraction(-12, 7),) * 3
    assert parsed.tensors["bias"].bound == (Fraction(0),)


def test_an_overflow_is_none() -> None:
    text = result().replace("bias.value -3/2", "bias.value overflow")
    assert parse_results(text)["a#1"].tensors["bias"].value == (None,)


def test_a_refusal() -> None:
    parsed = parse_results("case a\nrefused the width: no room\nend a\n")["a"]
    assert parsed.refused == "the width: no room"
    assert parsed.tensors == {}


def test_results_keep_their_order() -> None:
    assert list(parse_results(result("b") + result("a"), ["b", "a"])) == ["b", "a"]


def test_every_truncation_is_refused() -> None:
    text = result()
    for length in range(len(text)):
        with pytest.raises(LeanError):
            parse_results(text[:length], ["a#1"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bias.value", "bais.value", "expected bais.value, bais.exact"),
        ("bias.bound 0/1\n", "", "expected bias.value, bias.exact, bias.bound, each once"),
        ("end a#1", "extra 1\nend a#1", "expected extra.value"),
        ("input.", "bias.", "expected bias.value"),
        ("end a#1", "end a#2", "within the case"),
        ("sizes 1 2", "sizes 1 02", "expected sizes"),
        ("sizes 1 2\n", "", "expected sizes"),
        ("bias.value -3/2", "bias.value -3/2 1/1", "2 values, 1 exact"),
        ("bias.value -3/2", "bias.value -3/2 ", "2 values"),
        ("bias.value -3/2", "bias.value", "0 values"),
        ("bias.value -3/2", "bias.value -6/4", "lowest terms"),
        ("bias.value -3/2", "bias.value -0/1", "lowest terms"),
        ("bias.value -3/2", "bias.value 0x1p0", "lowest terms"),
        ("bias.exact -c/7", "bias.exact overflow", "not a number"),
        ("bias.bound 0/1", "bias.bound -1/2", "negative bound"),
        ("sizes 1 2", "refused no", "exactly one line"),
        ("case a#1", "case a#1 b", "expected `case NAME`"),
        ("case a#1", "cases a#1", "expected `case NAME`"),
        ("sizes", "\nsizes", "expected sizes"),
    ],
)
def test_tampering_is_refused(old: str, new: str, said: str) -> None:
    text = result()
    assert text.count(old) >= 1
    with pytest.raises(LeanError, match=said) as caught:
        parse_results(text.replace(old, new, 1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b", "c"], "lacks the case c"),
        (["a"], "not asked for: 'b'"),
        (["b", "a"], "another order"),
        ([], "not asked for"),
    ],
)
def test_other_cases_than_asked_for_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(LeanError, match=said):
        parse_results(result("a") + result("b"), names)


def test_duplicates_are_refused() -> None:
    with pytest.raises(LeanError, match="case a twice"):
        parse_results(result("a") * 2)


def test_an_empty_refusal_is_refused() -> None:
    with pytest.raises(LeanError, match="refusal"):
        parse_results("case a\nrefused \nend a\n")


def test_cases_and_results_are_split_as_they_are() -> None:
    first, second = "case a\nx 1\nend\n", "case b\nend\n"
    assert split_cases(first + second) == {"a": first, "b": second}
    assert split_results(result("a") + result("b")) == {"a": result("a"), "b": result("b")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("case a\nend", "last line does not end"),
        ("case a\nx 1\n", "a has no end"),
        ("case a\nend\ncase a\nend\n", "case a twice"),
        ("case a\ncase b\nend\n", "within the case a"),
        ("x 1\n", "line 1 of the case file"),
        ("case a\nend\n\n", "line 3"),
    ],
)
def test_malformed_case_files_are_refused(text: str, said: str) -> None:
    with pytest.raises(LeanError, match=said):
        split_cases(text)
