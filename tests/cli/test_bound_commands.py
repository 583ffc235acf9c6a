"""`pybridge explain` and `pybridge tolerance`: what they print, as text and as JSON."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pybridge.bounds.conv2d import tolerance
from pybridge.bounds.explain import explain
from pybridge.bounds.theorems import proofs
from pybridge.check.suite import generated_case, suite
from pybridge.cli.explain import app as explain_app
from pybridge.cli.tolerance import app as tolerance_app
from pybridge.cli.tolerance import assert_close, dynamic
from pybridge.problem.results import Result
from pybridge.testing import Accumulation

RUNNER = CliRunner()
SUITE = {case.label: case for case in suite()}


def test_explanations_as_table_and_json(tmp_path: Path) -> None:
    case = generated_case("own", SUITE["binary16-groups-eps"].geometry, "binary16")
    case.save(tmp_path / "own case.npz")
    arguments = [str(tmp_path / "own case.npz"), "--which", "output", "--index", "0,1,0,0"]
    result = RUNNER.invoke(explain_app, arguments)
    assert result.exit_code == 0, result.output
    assert "output[0, 1, 0, 0] of own" in result.output
    result = RUNNER.invoke(explain_app, [*arguments, "--json", "--all"])
    document = json.loads(result.output)
    total = sum(Fraction(c["amount"]) for c in document["contributions"])
    assert total == Fraction(document["bound"])
    assert explain(case, (0, 1, 0, 0), which="output").bound == total


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "--index", "0"], "'nothing' is neither a built-in case's label nor"),
        (["binary32-*", "--index", "0"], "'binary32-*' matches "),
        (["binary32-basic", "--index", "0,x"], "--index: expected 1 or 2 or 3 or 4 integers"),
        (["binary32-basic", "--index", "9,0,0,0"], "index: expected 4 integers within the shape"),
        (["binary32-overflow", "--index", "0,0,0,0"], "no bound is claimed"),
        (["binary32-basic", "--index", "0", "--definitions", "nowhere.json"], "no such file"),
    ],
)
def test_bad_usage_of_explain_is_one_line(arguments: list[str], message: str) -> None:
    result = RUNNER.invoke(explain_app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def run(*arguments: str) -> Any:
    return RUNNER.invoke(tolerance_app, ["--x", "2,4,6,6", "--weight", "6,4,3,3", *arguments])


def test_tolerances_of_every_promise() -> None:
    result = run("--padding", "1", "--max-x", "2")
    assert result.exit_code == 0
    assert "weight gradient (6, 4, 3, 3): at most 72 products an entry" in result.stdout
    assert "float32 sums in 128 splits, added in bfloat16" in result.stdout
    assert "This is a theorem, proved in Lean" in result.stdout
    document = json.loads(run("--padding", "1", "--which", "input", "--json").stdout)
    assert document["theorem"] == proofs(Result("input"), "tolerance", Accumulation())[0]
    assert document["shape"] == [2, 4, 6, 6]
    assert document["largest"] == document["terms"] == 54
    rows = {row["promise"]: row for row in document["rows"]}
    plain = rows["float32 sums"]
    expected = tolerance(
        (2, 4, 6, 6), (6, 4, 3, 3), which="input", padding=1, max_weight=1, max_grad_output=1
    )
    assert plain["tolerance"] == expected.absolute
    assert plain["assert_close"] == assert_close("float32", 54.0) == 1e-5 + 1.3e-6 * 54
    assert plain["dynamic"] == dynamic("float32", 54, 54.0)
    assert plain["least"] < plain["tolerance"] < plain["dynamic"]
    assert rows["float64 sums"]["dtype"] == "float64"


def test_promises_without_a_bound() -> None:
    result = RUNNER.invoke(
        tolerance_app, ["--x", "4096,1,64,64", "--weight", "1,1,1,1", "--dtype", "float64"]
    )
    assert result.exit_code == 0, result.stderr
    assert "none" in result.stdout
    assert dynamic("float32", 2**24, 1.0) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--which", "kernel"), "'kernel' is not one of 'output', 'bias', 'weight', 'input'"),
        (("--padding", "1,2,3"), "--padding: expected 1 or 2 or 4 integers with commas"),
        (("--weight", "6,4,3"), "--weight: expected 4 integers with commas, got '6,4,3'"),
        (("--dtype", "int8"), "'int8' is not one of 'float16', 'bfloat16', 'tf32'"),
        (("--max-x", "-1"), "max_x: expected a finite non-negative number"),
        (("--groups", "5"), "groups=5"),
        (("--stride", "0"), "height: stride: Input should be greater than or equal to 1"),
        (("--dilation", "0"), "height: dilation: Input should be greater than or equal to 1"),
    ],
)
def test_bad_usage_of_tolerance_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]
