"""`--json` of every command prints valid JSON, whether all holds or not, and nothing on errors."""

from __future__ import annotations

import importlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from commands_page import entries
from leans import FakeLean, LiteralLean, stand_in

from pybridge.check.suite import suite
from pybridge.cli import extract, process
from pybridge.cli.app import COMMANDS
from pybridge.cli.output import json_text
from pybridge.lean.errors import LeanError
from pybridge.lean.interface import Message
from pybridge.model import Report

MODULES = {entry.run_as: entry.module for entry in COMMANDS.values()}
JSON = {
    command.run_as.removeprefix("python -m ")
    for command in entries()
    if any("--json" in parameter.opts for parameter in command.command.params)
}
TINY = "--x 1,1,2,2 --weight 1,1,2,2"
ROWS = [
    ("pybridge.certify binary32-one-by-one --output {tmp}", "accepts", 0),
    ("pybridge.certify binary32-one-by-one --no-check --output {tmp}", "accepts", 0),
    ("pybridge.certify binary32-one --output {tmp}", "accepts", 2),
    ("pybridge.check binary32-overflow binary32-zeros", "literal", 0),
    ("pybridge.check binary32-overflow", "wrong", 1),
    ("pybridge.check binary32-overflow", "fails", 1),
    (f"pybridge.check {TINY} --kind huge --eps 1e300 --format float64", "literal", 0),
    (f"pybridge.check {TINY} --eps inf", "literal", 2),
    ("pybridge.check --against torch --layers nothing", "literal", 2),
    ("pybridge.doctor --after no.such.module", "literal", 1),
    ("pybridge.explanation binary32-mixed --which weight --index 0,0,0,0 --all", "literal", 0),
    ("pybridge.explanation binary32-overflow --which weight --index 0,0,0,0", "literal", 2),
    ("pybridge.extract --check", "accepts", 0),
    ("pybridge.extract --check", "fails", 1),
    ("pybridge.fuzz --outputs 40 --seed 1 --batch 4 --save {tmp}", "literal", 0),
    ("pybridge.fuzz tests/fuzzed/fuzz-1-5.json", "literal", 0),
    ("pybridge.fuzz tests/fuzzed/fuzz-1-5.json", "wrong", 1),
    ("pybridge.fuzz {tmp}/none.json", "literal", 2),
    ("pybridge.lean setup", "accepts", 0),
    ("pybridge.lean build X", "accepts", 0),
    ("pybridge.lean build X", "fails", 1),
    ("pybridge.lean check {tmp}/A.lean", "accepts", 0),
    ("pybridge.lean check {tmp}/A.lean", "fails", 1),
    ("pybridge.lean check {tmp}/B.lean", "accepts", 2),
    ("pybridge.lean run --net", "literal", 0),
    ("pybridge.lean run --net", "accepts", 1),
    ("pybridge.lean run --cases {tmp}/cases", "literal", 0),
    ("pybridge.theorem conv2d_any_order --proof", "literal", 0),
    ("pybridge.theorem conv2d_any_ordr", "literal", 2),
    (f"pybridge.tolerance {TINY} --max-x 1", "literal", 0),
    (f"pybridge.tolerance {TINY} --max-x -1", "literal", 2),
    (f"pybridge.tolerance {TINY} --max-x 1e300", "literal", 0),
]


def strict(text: str) -> Any:
    """Parse JSON as the standard has it: NaN and Infinity are none."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_every_command_with_json_has_rows() -> None:
    assert {run_as for run_as in JSON if any(row[0].startswith(run_as) for row in ROWS)} == JSON


@pytest.mark.parametrize(("line", "answers", "status"), ROWS)
def test_json_is_valid_or_there_is_one_line(
    line: str,
    answers: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = FakeLean()
    if answers == "fails":
        fake.messages = (Message("A.lean", 170, 4, "error", "no"),)
        fake.failed = {"X": "Lean reports errors"} if "lean build" in line else {}
        fake.error = LeanError("Lean ends")
    wrong = LiteralLean(lambda text: text.replace(".bound ", ".bound 1"))
    stand_in(monkeypatch, {"literal": LiteralLean(), "wrong": wrong}.get(answers, fake))
    monkeypatch.setattr(extract, "extract", lambda _: {"declarations": {}, "sha256": answers})
    monkeypatch.setattr(extract, "differences", lambda *_: ["changed"] * (answers == "fails"))
    (tmp_path / "A.lean").write_text("#check 1")
    (tmp_path / "cases").write_text(suite()[0].to_text())
    monkeypatch.chdir(Path(__file__).parents[2])
    module, *words = line.format(tmp=tmp_path).split()
    monkeypatch.setattr(sys, "argv", [module, *words, "--json"])
    app = importlib.import_module(MODULES[module]).app
    assert process._run(app, module) == status
    printed = capsys.readouterr()
    if status == 2:
        assert printed.out == ""
        assert printed.err.splitlines()[-1].startswith("error: ")
    else:
        strict(printed.out)


def test_numbers_that_are_infinite_are_null() -> None:
    class Measured(Report):
        ratios: tuple[float, ...]

    infinite = [math.inf, (math.nan, -math.inf)]
    document = {"a": [1.5, *infinite], "b": {"c": math.inf}, "d": "Infinity"}
    expected = {"a": [1.5, None, [None, None]], "b": {"c": None}, "d": "Infinity"}
    assert strict(json_text(document)) == expected
    assert strict(Measured(ratios=(1.0, math.inf, math.nan)).to_json()) == {
        "ratios": [1.0, None, None]
    }
