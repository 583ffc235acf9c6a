"""Exported definitions of the right form and another meaning: every one is noticed.

Each fault is caught twice: by `python -m pybridge.extract --check`, which compares with Lean's
export, and, where the built-in cases depend on it, by comparing what it computes with Lean.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planting import DOCUMENT, Checks, altered, definitions_of

from pybridge.cli.extract import differences
from pybridge.exported.document import parse_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.lean.interface import Lean
from pybridge.problem.formats import format_of

X, Y = {"var": "x.value"}, {"var": "y.value"}
X_EPS, Y_EPS = {"var": "x.eps"}, {"var": "y.eps"}
VALUE, BELOW, ABOVE = "value unlike Lean's", "bound below Lean's", "bound above outward rounding"
TERMS_LESS_ONE = {"sub": [{"var": "terms"}, {"nat": 1}]}
REACH = {"mul": ["dilationH", "kernelH"]}
PADDED = {"add": [{"add": ["inputH", "padTop"]}, "padBottom"]}


def at(path: str, value: Any) -> Callable[[Any], None]:
    """Change the exported data: what `path` leads to becomes `value`, or `value` of it."""
    *parents, last = path.split(".")

    def change(data: Any) -> None:
        for key in parents:
            data = data[int(key)] if isinstance(data, list) else data[key]
        end: Any = int(last) if isinstance(data, list) else last
        data[end] = value(data[end]) if callable(value) else value

    return change


def replaced(tree: Any, old: Any, new: Any) -> Any:
    """Return the tree with every subtree that equals `old` replaced."""
    if tree == old:
        return new
    if isinstance(tree, dict):
        return {key: replaced(child, old, new) for key, child in tree.items()}
    if isinstance(tree, list):
        return [replaced(child, old, new) for child in tree]
    return tree


def stride_for_dilation(index: Any) -> Any:
    out = ["dilationH" if c == "strideH" else c for c in index["out"]]
    red = ["strideH" if c == "dilationH" else c for c in index["red"]]
    return {**index, "out": out, "red": red}


def loops(*order: int) -> Callable[[Any], Any]:
    """Return the contraction with its reduction dimensions in another order."""

    def reordered(contraction: Any) -> Any:
        changed = json.loads(json.dumps(contraction))
        changed["red"] = [changed["red"][i] for i in order]
        for factor in changed["factors"]:
            for axis in factor["axes"]:
                axis["index"]["red"] = [axis["index"]["red"][i] for i in order]
        return changed

    return reordered


COMPUTED = {
    "forward: row stride and dilation exchanged": (
        at("operations.conv2d.results.output.factors.0.axes.2.index", stride_for_dilation),
        "binary32-dilation-stride",
        VALUE,
    ),
    "weight: rows shifted by the padding at the end": (
        at("operations.conv2d.results.weight.factors.0.axes.2.index.offset", {"neg": "padBottom"}),
        "binary32-asymmetric-padding",
        VALUE,
    ),
    "input: columns shifted the other way": (
        at("operations.conv2d.results.input.factors.1.axes.3.index.offset", {"neg": "padLeft"}),
        "binary32-dilation-stride",
        VALUE,
    ),
    "weight: columns summed outside, rows inside": (
        at("operations.conv2d.results.weight", loops(0, 2, 1)),
        "binary32-basic",
        VALUE,
    ),
    "forward: channels summed inside": (
        at("operations.conv2d.results.output", loops(1, 2, 0)),
        "binary32-basic",
        VALUE,
    ),
    "forward: every group reads the first one's weights": (
        at(
            "operations.conv2d.results.output.factors.0.axes.1.index.out",
            lambda out: [0 if c == "inChannels" else c for c in out],
        ),
        "binary16-groups-eps",
        VALUE,
    ),
    "forward: groups apart by output channels": (
        at(
            "operations.conv2d.results.output.factors.0.axes.1.index.out",
            lambda out: ["outChannels" if c == "inChannels" else c for c in out],
        ),
        "binary32-depthwise-multiplier",
        VALUE,
    ),
    "input: index not divided by the stride": (
        at("operations.conv2d.results.input.factors.1.axes.2.index.divisor", 1),
        "binary32-dilation-stride",
        VALUE,
    ),
    "output as if the kernel spanned dilation × kernel": (
        at(
            "operations.conv2d.derived.outputH",
            {"add": [{"div": [{"sub": [PADDED, REACH]}, "strideH"]}, 1]},
        ),
        "binary32-dilation-stride",
        "the definitions give outputH",
    ),
    "forward: bias not added": (
        at("operations.conv2d.results.output.addends", []),
        "binary32-basic",
        VALUE,
    ),
    "sum: own rounding not charged": (
        at("laws.add.eps", lambda eps: eps["add"][0]),
        "binary32-basic",
        BELOW,
    ),
    "product: own rounding not charged": (
        at("laws.mul.eps", lambda eps: eps["add"][0]),
        "binary32-basic",
        BELOW,
    ),
    "sum: half an ulp of the sum before": (
        at("laws.add.eps.add.1.halfUlp", X),
        "binary32-basic",
        "cannot bound the law's halfUlp(x.value)",
    ),
    "sum: own rounding charged twice": (
        at("laws.add.eps", lambda eps: {"add": [eps, eps["add"][1]]}),
        "binary32-basic",
        ABOVE,
    ),
    "product: eps of the first factor not carried": (
        at("laws.mul.eps.add.0", lambda part: part["add"][0]),
        "binary32-basic-eps",
        BELOW,
    ),
    "product: each eps times its own magnitude": (
        at(
            "laws.mul.eps.add.0",
            {"add": [{"mul": [{"abs": X}, X_EPS]}, {"mul": [{"abs": Y}, Y_EPS]}]},
        ),
        "binary32-basic-eps",
        BELOW,
    ),
    "product: product of the eps not charged": (
        at("laws.mul.eps.add.0.add.0", {"mul": [{"abs": X}, Y_EPS]}),
        "binary32-basic-eps",
        BELOW,
    ),
    "product: eps times a signed factor": (
        at("laws.mul.eps.add.0.add.1", {"mul": [Y, X_EPS]}),
        "binary32-basic-eps",
        "cannot bound the law's y.value",
    ),
    "empty sum: half the least number charged": (
        at("laws.zero.eps", {"halfUlp": {"add": [{"zero": True}, {"zero": True}]}}),
        "binary32-zeros",
        ABOVE,
    ),
    "any order: one term less": (
        at(
            "formulas.nearestRelative",
            lambda tree: replaced(tree, {"var": "terms"}, TERMS_LESS_ONE),
        ),
        "binary32-one-by-one",
        "any-order: true error beyond the bound",
    ),
    "replay: underflow of products not charged": (
        at("formulas.replayConstant", lambda tree: replaced(tree, {"nat": 2}, {"nat": 1})),
        "binary16-mixed",
        "replay: bound below Lean's",
    ),
}

EXPORTED = {
    "deviations not enlarged by the roundings": at("formulas.deviation", {"nat": 1}),
    "rounding toward zero as to nearest": at("formats.binary32.errors.towardZero.relative", -24),
}


@pytest.fixture
def definitions_file(tmp_path: Path) -> Path:
    return tmp_path / "definitions.json"


@pytest.mark.parametrize("name", COMPUTED)
def test_numbers_are_unlike_leans(problems: Checks, name: str) -> None:
    change, label, expected = COMPUTED[name]
    assert problems([label]) == []
    noticed = problems([label], definitions_of(altered(change)))
    assert any(expected in line for line in noticed), noticed


@pytest.mark.parametrize(
    "change", [*(change for change, *_ in COMPUTED.values()), *EXPORTED.values()]
)
def test_the_export_is_another(
    change: Callable[[Any], None], definitions_file: Path, recorded: Lean
) -> None:
    exported = {"data": json.loads(recorded.export())}
    definitions_file.write_text(json.dumps(DOCUMENT))
    assert differences(definitions_file, exported) == []
    definitions_file.write_text(json.dumps(altered(change)))
    (line,) = differences(definitions_file, exported)
    assert line.endswith("is not what the sources give")


@pytest.mark.parametrize(
    ("format", "parameter", "value"),
    [("binary32", "precision", 23), ("binary16", "minExponent", -15)],
)
def test_formats_are_those_of_the_dtypes(format: str, parameter: str, value: int) -> None:
    changed = definitions_of(altered(at(f"formats.{format}.{parameter}", value)))
    with pytest.raises(DefinitionsError, match="but its dtype has"):
        format_of(format, changed)


def test_an_edited_file_is_refused() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    at("formats.binary64.precision", 52)(document["data"])
    with pytest.raises(DefinitionsError, match="SHA-256"):
        parse_definitions(json.dumps(document), "a file")


def test_half_a_file_is_refused() -> None:
    text = json.dumps(DOCUMENT)
    with pytest.raises(DefinitionsError, match="not JSON"):
        parse_definitions(text[: len(text) // 2], "a file")
