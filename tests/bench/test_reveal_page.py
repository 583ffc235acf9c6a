"""The page of summation trees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench import reveal
from bench.__main__ import app
from bench.reveal import DOCUMENT, Study, parts, run
from pybridge.errors import InputError

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def study(torch: Any) -> Study:
    return run(lambda _: None, quick=True)


def test_every_kernel_has_a_row(study: Study) -> None:
    page = parts(study, {"Machine": "one"}, "python -m bench reveal")
    for one in study.revealed:
        tree = one.tree
        assert tree is not None
        assert not tree.sampled
        assert f"| {one.probe.name} | 1 | {one.probe.terms} | {tree.depth} | 2 |" in page["trees"]
    by_rows = next(one.tree for one in study.revealed if "axis=0" in one.probe.name)
    assert by_rows is not None
    assert by_rows.depth == by_rows.terms
    assert str(study.example.nested) in page["example"]
    assert "- Machine: one" in page["machine"]


def test_samples_and_refusals_are_told(study: Study) -> None:
    first, second = study.revealed[:2]
    assert first.tree is not None
    sample = replace(first, tree=replace(first.tree, terms=10**6))
    refused = replace(second, tree=None, refused="it differs from run to run")
    page = parts(replace(study, revealed=[sample, refused]), {}, "")["trees"]
    assert f"| ≥ {first.tree.least_depth} |" in page
    assert "| no fixed tree |" in page
    assert f"- {second.probe.name}: it differs from run to run" in page


@pytest.mark.torch
def test_the_command_writes_its_page(tmp_path: Path) -> None:
    arguments = ["reveal", "--quick", "--write", "--directory", str(tmp_path)]
    assert RUNNER.invoke(app, arguments).exit_code == 0
    assert "bench reveal --quick --write" in (tmp_path / DOCUMENT).read_text(encoding="utf-8")


def test_without_pytorch_it_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise InputError("PyTorch is not installed")

    monkeypatch.setattr(reveal, "import_torch", missing)
    result = RUNNER.invoke(app, ["reveal"])
    assert result.exit_code == 2
    assert result.stderr.strip().endswith("PyTorch is not installed")
