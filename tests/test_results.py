"""Parsing Lean's result files."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pybridge.results import ResultsError, parse_results

TEXT = """\
case a#1
output 1 2
forward.value 0/1 -3/20
forward.exact 0/1 -3/20
forward.bound 1/4000000 a/1
end a#1
case b#2
refused the kernel does not fit
end b#2
case c#3
output 1 1
weight.value overflow
weight.exact ff/1
weight.bound 1/1
end c#3
"""


def test_results() -> None:
    results = parse_results(TEXT)
    assert list(results) == ["a#1", "b#2", "c#3"]
    forward = results["a#1"].tensors["forward"]
    assert forward.value == forward.exact == [0, Fraction(-3, 32)]
    assert forward.bound == [Fraction(1, 2**26), 10]
    assert results["a#1"].refused is None
    assert results["b#2"].refused == "the kernel does not fit"
    assert results["c#3"].tensors["weight"].value == [None]
    assert results["c#3"].tensors["weight"].exact == [255]
    assert parse_results("") == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("end c#3\n", "", "the results of case c#3 do not end"),
        ("case b#2", "case a#1", r"line 7: expected a new `case NAME`, got 'case a#1'"),
        ("case a#1\n", "", "line 1: expected a new `case NAME`, got 'output 1 2'"),
        ("ff/1", "fg/1", "line 12: not a number: 'fg/1'"),
        ("ff/1", "1/0", "line 12: not a number: '1/0'"),
        ("ff/1", "", "case c#3: 1 values, 0 exact ones and 1 bounds of weight"),
        ("ff/1", "overflow", "case c#3: 1 values, 0 exact ones and 1 bounds of weight"),
        ("weight.bound 1/1\n", "", "case c#3: expected value, exact and bound of weight"),
        ("weight.bound", "weight.exact", "line 13: unknown line 'weight.exact 1/1' of case c#3"),
        ("weight.bound", "weight.worst", "line 13: unknown line"),
    ],
)
def test_what_is_refused(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ResultsError) as error:
        parse_results(TEXT.replace(old, new, 1))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
