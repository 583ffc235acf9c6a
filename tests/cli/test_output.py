"""What commands print as tables."""

from __future__ import annotations

import re

import pytest
from rich.console import Group
from rich.table import Table

from pybridge.cli.output import rendered


@pytest.mark.parametrize(("columns", "terminal"), [(20, True), (200, True), (20, False)])
def test_tables_are_not_cut(columns: int, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    table = Table("a", "b")
    assert rendered(10, Group(table), "end") == "end\n"
    table.add_column("c", no_wrap=True)
    table.add_row("1", "", "3" * 30)
    text = rendered(10, table)
    assert "…" not in text
    assert "3" * 30 in text.replace("\n", "")
    assert ("1, c " in text) == (terminal and columns == 20)


@pytest.mark.parametrize("columns", range(30, 60))
def test_at_no_width_is_a_header_cut_or_a_column_lost(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    table = Table(pad_edge=False)
    for header in ("case", "error / bound", "any order", "enclosure"):
        table.add_column(header, no_wrap=True)
    table.add_column("holds", min_width=3)
    table.add_row("binary32", "0.385", "0.109", "1.000", "yes")
    text = re.sub(r"\x1b\[\d*m", "", rendered(10, table))
    assert "…" not in text
    assert {"0.385", "0.109", "1.000", "yes", "holds", "enclosure"} <= set(
        re.findall(r"[\w.]+", text)
    )
