"""The Lean program itself: what it computes, and what it refuses."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import numpy as np
import pytest

from pybridge.check.networks import compare_networks, networks_text, small_networks
from pybridge.exported.document import load_definitions
from pybridge.lean import BuildResult, CaseResult, Lean, LeanError, parse_results
from pybridge.lean.protocol import split_results

GOOD = {
    "format": "binary32",
    "operation": "conv2d",
    "sizes": "1 1 1 1 3 2 2 2 1 1 0 0 0 0 1 1",
    "x": "0x0.0p+0 0x1.8p+0 1/8 -0x1.99999ap-4 0x0.0p+0 -3/1 0x1.0p-149",
    "weight": "1/3e8 1/1 3/2 5/4 -1/1",
    "bias": "0x0.0p+0 0/1",
    "gradOutput": "0x1.0p-10 1/1 2/1",
}

REFUSED = [
    ("format", "binary128", "format: unknown format binary128"),
    ("operation", "conv9d", "operation: unknown operation conv9d"),
    (
        "sizes",
        "1 1 -1 1 3 2 2 2 1 1 0 0 0 0 1 1",
        "sizes: expected natural numbers batch groups inChannels outChannels inputH inputW kernelH "
        "kernelW strideH strideW padTop padBottom padLeft padRight dilationH dilationW",
    ),
    (
        "sizes",
        "1 1 0 1 3 2 2 2 1 1 0 0 0 0 1 1",
        "sizes: expected inChannels of at least 1, found 0",
    ),
    ("sizes", "1 1 1 1 3 2 2 2 0 1 0 0 0 0 1 1", "sizes: expected strideH of at least 1, found 0"),
    ("sizes", "1 1 1 1 3 2 2 2 1 1 0 0 0 0 1 2", "sizes: expected outputW of at least 1, found 0"),
    ("x", "", "expected an operand, its eps and its entries, found: x"),
    ("x", "-1/2 1/1", "x: the eps must not be negative"),
    ("x", "nan 1/1", "x: the eps is not a number: nan"),
    ("x", "0/1 1/1 2/1 3/1 4/1 5/1", "x: expected 6 entries, found 5"),
    ("x", "0/1 1/1 2/1 0.5 4/1 5/1 6/1", "x: entry 2 is not a number: 0.5"),
    ("x", "0/1 1/1 2/1 1/0 4/1 5/1 6/1", "x: entry 2 is not a number: 1/0"),
    ("weight", "0/1 1/1 1/3 1/1 1/1", "weight: entry 1 is not a number of the format: 1/3"),
    ("bias", "0/1 0x1p128", "bias: entry 0 is not a number of the format: 0x1p128"),
    ("bias", "0/1 0x1p999999999", "bias: entry 0 is not a number: 0x1p999999999"),
    ("gradOutput", "0/1", "gradOutput: expected 2 entries, found 0"),
    ("y", "0/1 1/1", "unknown operand y"),
]


# x·weight + bias with windows of 3 at stride 2; [B, M, K, P]·[B, N, K, Q]; sums of windows
OTHERS: dict[str, tuple[dict[str, str], dict[str, list[float]]]] = {
    "conv1d": (
        {
            "operation": "conv1d",
            "sizes": "1 1 1 1 3 3 2 1 0 1",
            "x": "0/1 1/1 2/1 3/1",
            "weight": "0/1 5/1 7/1 b/1",
            "bias": "0/1 1/2",
            "gradOutput": "0/1 2/1",
        },
        {"output": [29.5], "bias": [2], "weight": [0, 2, 4], "input": [14, 22, 0]},
    ),
    "convTranspose1d": (
        {
            "operation": "convTranspose1d",
            "sizes": "1 1 1 1 2 3 2 1 0 1 1",
            "x": "0/1 1/1 2/1",
            "weight": "0/1 5/1 7/1 b/1",
            "bias": "0/1 1/2",
            "gradOutput": "0/1 1/1 0/1 0/1 1/1 0/1",
        },
        {
            "output": [7.5, 21.5, 14.5, 22.5, 0.5],
            "bias": [2],
            "weight": [0, 1, 2],
            "input": [7, 11],
        },
    ),
    "product": (
        {
            "operation": "product",
            "sizes": "1 2 1 2 1 2",
            "x": "0/1 1/1 2/1 3/1 4/1",
            "y": "0/1 5/1 6/1 7/1 8/1",
            "addend": "0/1 1/2 0/1",
            "gradOutput": "0/1 1/1 a/1",
        },
        {"output": [41.5, 93], "x": [11, 15, 110, 150], "y": [31, 31, 42, 42], "addend": [1, 10]},
    ),
    "avgPool": (
        {
            "operation": "avgPool",
            "sizes": "1 1 1 1 1 0 0 1 3 2 1 0 0 1",
            "x": "0/1 1/1 2/1 3/1",
            "gradOutput": "0/1 1/1 a/1",
        },
        {"output": [3, 5], "input": [1, 11, 10]},
    ),
}
LAST_SIZES = {"conv1d": 1, "convTranspose1d": 5, "product": 2, "avgPool": 2}


def text(name: str, lines: dict[str, str]) -> str:
    lines = {"format": "binary32", **lines}
    body = "".join(f"{key} {value}".rstrip() + "\n" for key, value in lines.items())
    return f"case {name}\n{body}end\n"


@pytest.fixture(scope="module")
def answers(lean: Lean) -> dict[str, CaseResult]:
    """Return all cases of this module, evaluated in one run."""
    cases = [text("good", GOOD), text("no-sizes", {k: GOOD[k] for k in GOOD if k != "sizes"})]
    cases.append(text("part", {k: GOOD[k] for k in GOOD if k not in ("bias", "gradOutput")}))
    cases.append(text("twice", GOOD).replace("end", "bias 0/1 0/1\nend"))
    cases += [text(name, lines) for name, (lines, _) in OTHERS.items()]
    cases += [
        text(f"refused-{i}", {**GOOD, key: value}) for i, (key, value, _) in enumerate(REFUSED)
    ]
    return parse_results(lean.evaluate("".join(cases)))


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_case_that_makes_no_sense_is_refused(answers: dict[str, CaseResult], number: int) -> None:
    assert answers[f"refused-{number}"].refused == REFUSED[number][2]


def test_lines_that_are_missing_or_twice(answers: dict[str, CaseResult]) -> None:
    expected = "expected the lines format, operation and sizes, and then operands"
    assert answers["no-sizes"].refused == expected
    assert answers["twice"].refused == "bias: given twice"


def test_results_whose_factors_are_missing_are_left_out(answers: dict[str, CaseResult]) -> None:
    """Without a bias, nothing is added."""
    assert list(answers["part"].tensors) == ["output"]
    part, whole = answers["part"].tensors["output"], answers["good"].tensors["output"]
    assert part.exact == whole.exact
    assert sum(part.bound) < sum(whole.bound)


@pytest.mark.parametrize("name", OTHERS)
def test_other_operations_by_hand(answers: dict[str, CaseResult], name: str) -> None:
    expected = OTHERS[name][1]
    assert answers[name].refused is None
    exact = {result: list(map(float, t.exact)) for result, t in answers[name].tensors.items()}
    assert exact == expected
    assert answers[name].sizes[-1] == LAST_SIZES[name]


def test_a_case_by_hand(answers: dict[str, CaseResult]) -> None:
    """The bias gradient is 1 + 2 with eps 2⁻¹⁰ each; its first sum is charged as well."""
    bias = answers["good"].tensors["bias"]
    half = Fraction(1, 2**24)
    assert answers["good"].sizes[-2:] == (2, 1)
    assert bias.value == (Fraction(3),)
    assert bias.exact == (Fraction(3),)
    assert bias.bound == (2 * Fraction(1, 2**10) + half + 2 * half,)
    weight = answers["good"].tensors["weight"]
    x = np.array([1.5, 0.125, -0.1, 0, -3, 2.0**-149], np.float32).astype(float)
    assert weight.exact == tuple(Fraction(x[i]) + 2 * Fraction(x[i + 2]) for i in range(4))


def test_a_file_that_is_not_one_is_an_error(lean: Lean) -> None:
    with pytest.raises(LeanError, match=r"expected `case NAME`, got .hello."):
        lean.evaluate("hello\n")
    with pytest.raises(LeanError, match="the case a has no end"):
        lean.evaluate("case a\nformat binary32\n")


def test_the_export_is_what_ships(lean_and_export: tuple[Lean, str]) -> None:
    shipped = load_definitions().data.model_dump(by_alias=True, exclude_unset=True)
    assert json.loads(json.dumps(shipped)) == json.loads(lean_and_export[1])


@pytest.mark.slow
def test_networks_are_lean_s_bit_for_bit(lean: Lean) -> None:
    cases = list(small_networks())
    relu = re.compile(r"^node relu : \d+", re.MULTILINE)
    text = next(case.text for case in cases if relu.search(case.text))
    refused = re.sub("^case .*", "case refused", relu.sub("node relu : 99", text))
    answers = split_results(lean.networks(networks_text(cases) + refused))
    assert "refused relu: an operand is missing" in answers.pop("refused")
    reports = compare_networks(cases, "".join(answers.values()))
    assert [str(report) for report in reports if not report.passed] == []


def test_every_module_is_proved(library: BuildResult) -> None:
    assert library.failed == {}
    assert [str(message) for message in library.messages if message.fails] == []
    assert "RuntimeApprox.Conv2d.Theorems" in library.built
