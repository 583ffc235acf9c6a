"""The Lean program itself: what it computes, and what it refuses."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from pybridge.definitions import load_definitions
from pybridge.lean import BuildResult, CaseResult, Lean, LeanError, parse_results

GOOD = {
    "format": "binary32",
    "geometry": "1 1 1 1",
    "height": "3 2 1 0 0 1",
    "width": "2 2 1 0 0 1",
    "eps": "0x0.0p+0 1/3e8 0x0.0p+0 0x1.0p-10",
    "x": "0x1.8p+0 1/8 -0x1.99999ap-4 0x0.0p+0 -3/1 0x1.0p-149",
    "weight": "1/1 3/2 5/4 -1/1",
    "bias": "0/1",
    "gradOutput": "1/1 2/1",
}

REFUSED = [
    ("format", "binary128", "format: unknown format binary128"),
    ("geometry", "1 1 0 1", "geometry: batch, groups and channels must be positive"),
    ("geometry", "1 1 1", "geometry: expected batch groups inChannels outChannels"),
    ("geometry", "1 1 -1 1", "geometry: expected natural numbers"),
    ("height", "3 2 0 0 0 1", "height: the stride must be positive"),
    ("height", "3 2 1 0 0 0", "height: the dilation must be positive"),
    ("width", "2 0 1 0 0 1", "width: the kernel must be positive"),
    (
        "width",
        "2 2 1 0 0 2",
        "width: the dilated kernel of extent 3 does not fit into the padded input of 2",
    ),
    ("width", "2 2 1 0 0", "width: expected size kernel stride padBegin padEnd dilation"),
    ("eps", "0/1 -1/2 0/1 0/1", "eps: must not be negative"),
    ("eps", "0/1 0/1 0/1", "eps: expected the eps of x, weight, bias and gradOutput"),
    ("eps", "0/1 nan 0/1 0/1", "eps: expected numbers"),
    ("x", "1/1 2/1 3/1 4/1 5/1", "x: expected 6 entries, found 5"),
    ("x", "1/1 2/1 0.5 4/1 5/1 6/1", "x: entry 2 is not a number: 0.5"),
    ("x", "1/1 2/1 1/0 4/1 5/1 6/1", "x: entry 2 is not a number: 1/0"),
    ("weight", "1/1 1/3 1/1 1/1", "weight: entry 1 is not a number of the format: 1/3"),
    ("bias", "0x1p128", "bias: entry 0 is not a number of the format: 0x1p128"),
    ("bias", "0x1p999999999", "bias: entry 0 is not a number: 0x1p999999999"),
    ("gradOutput", "", "gradOutput: expected 2 entries, found 0"),
]


def text(name: str, lines: dict[str, str]) -> str:
    body = "".join(f"{key} {value}".rstrip() + "\n" for key, value in lines.items())
    return f"case {name}\n{body}end\n"


@pytest.fixture(scope="module")
def answers(lean: Lean) -> dict[str, CaseResult]:
    """All cases of this module, evaluated in one run."""
    cases = [text("good", GOOD), text("missing", {k: GOOD[k] for k in list(GOOD)[:-1]})]
    cases += [
        text(f"refused-{i}", {**GOOD, key: value}) for i, (key, value, _) in enumerate(REFUSED)
    ]
    return parse_results(lean.evaluate("".join(cases)))


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_case_that_makes_no_sense_is_refused(answers: dict[str, CaseResult], number: int) -> None:
    assert answers[f"refused-{number}"].refused == REFUSED[number][2]


def test_a_missing_line_is_named(answers: dict[str, CaseResult]) -> None:
    expected = "expected the lines format geometry height width eps x weight bias gradOutput"
    assert answers["missing"].refused == expected


def test_a_case_by_hand(answers: dict[str, CaseResult]) -> None:
    """The bias gradient 1 + 2 with eps 2⁻¹⁰ an entry; the first sum is charged as well."""
    bias = answers["good"].tensors["bias"]
    half = Fraction(1, 2**24)
    assert answers["good"].output == (2, 1)
    assert bias.value == (3,)
    assert bias.exact == (3,)
    assert bias.bound == (2 * Fraction(1, 2**10) + half + 2 * half,)
    weight = answers["good"].tensors["weight"]
    x = np.array([1.5, 0.125, -0.1, 0, -3, 2.0**-149], np.float32).astype(float)
    assert weight.exact == tuple(Fraction(x[i]) + 2 * Fraction(x[i + 2]) for i in range(4))


def test_a_file_that_is_not_one_is_an_error(lean: Lean) -> None:
    with pytest.raises(LeanError, match="expected `case NAME`, got .hello."):
        lean.evaluate("hello\n")
    with pytest.raises(LeanError, match="the case a has no end"):
        lean.evaluate("case a\nformat binary32\n")


def test_the_export_is_what_ships(lean: Lean) -> None:
    shipped = load_definitions().data.model_dump(by_alias=True)
    assert json.loads(json.dumps(shipped)) == json.loads(lean.export())


def test_every_module_is_proved(library: BuildResult) -> None:
    assert library.failed == {}
    assert [str(message) for message in library.messages if message.fails] == []
    assert "RuntimeApprox.Conv2d.Theorems" in library.built
