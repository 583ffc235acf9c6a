"""JSON that commands print is valid: it has no infinite numbers."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from rich.console import Group
from rich.table import Table
from typer.testing import CliRunner

from pybridge.cli import tolerance as tolerance_command
from pybridge.cli.output import json_text, shown
from pybridge.model import Report


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_infinite_are_null() -> None:
    document = {"a": [1.5, math.inf, (math.nan, -math.inf)], "b": {"c": math.inf}, "d": "Infinity"}
    assert strict(json_text(document)) == {
        "a": [1.5, None, [None, None]],
        "b": {"c": None},
        "d": "Infinity",
    }


def test_reports_too() -> None:
    class Measured(Report):
        ratios: tuple[float, ...]

    assert strict(Measured(ratios=(1.0, math.inf, math.nan)).to_json()) == {
        "ratios": [1.0, None, None]
    }


@pytest.mark.parametrize("largest", ["1", "1e200"])
def test_tolerances(largest: str) -> None:
    arguments = "--x 1,1,4,4 --weight 1,1,3,3 --json --max-x"
    result = CliRunner().invoke(tolerance_command.app, [*arguments.split(), largest])
    if result.exit_code == 0:
        assert strict(result.stdout)["terms"] == 4
    else:
        assert result.exit_code == 2
        assert largest != "1"


@pytest.mark.parametrize("option", ["--stride", "--dilation"])
def test_zero_is_not_taken_for_a_default(option: str) -> None:
    arguments = ["--x", "1,1,4,4", "--weight", "1,1,3,3", option, "0"]
    result = CliRunner().invoke(tolerance_command.app, arguments)
    assert result.exit_code == 2
    assert f"height: {option[2:]}: Input should be greater than or equal to 1" in result.stderr


@pytest.mark.parametrize(("columns", "terminal"), [(20, True), (200, True), (20, False)])
def test_tables_are_not_cut(columns: int, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    table = Table("a", "b")
    assert shown(10, Group(table), "end") == "end\n"
    table.add_column("c", no_wrap=True)
    table.add_row("1", "", "3" * 30)
    text = shown(10, table)
    assert "…" not in text
    assert "3" * 30 in text.replace("\n", "")
    assert ("1, c " in text) == (terminal and columns == 20)
