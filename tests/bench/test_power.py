"""The evidence of power: planted defects of layers, measured as the assertions measure them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.studies.power import study as studied
from bench.studies.power.defects import HONEST, gradients, weight_gradients
from bench.studies.power.document import DOCUMENT, parts
from bench.studies.power.study import DATA, DTYPES, PROMISES, STATED, Cell, Study, run
from pybridge.errors import InputError
from pybridge.testing import compare_gradient

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def study(torch: Any) -> Study:
    return run(lambda _: None, quick=True)


def test_honest_results_pass_and_defects_are_caught(study: Study) -> None:
    assert study.holds
    assert not study.passing(STATED, "sharp")
    defects = {m.what for m in study.measured} - {HONEST}
    assert len(defects) == 9
    honest = [m for m in study.measured if m.honest]
    assert len(honest) == 4 * len(DATA) * len(DTYPES)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_measured_as_by_the_assertions(
    study: Study, dtype: str, data: str, torch: Any
) -> None:
    ((layer, geometry),) = study.layers.items()
    operands = studied._operands(torch, geometry, dtype, data)
    honest = gradients(torch, operands)["weight"]
    kernels = [(HONEST, honest), *weight_gradients(torch, operands, honest)]
    measured = {
        m.what: m
        for m in study.measured
        if (m.layer, m.result, m.dtype, m.data) == (layer, "weight gradient", dtype, data)
    }
    assert [what for what, _ in kernels] == list(measured)
    for what, result in kernels:
        for name, promise in PROMISES.items():
            comparison = compare_gradient(
                result,
                operands.x,
                operands.weight,
                operands.grad_output,
                which="weight",
                accumulation=promise,
                **operands.arguments,
            )
            cell = measured[what].cells[name]
            assert cell.failed is not comparison.passed
            assert cell.power == comparison.power
            # The study adds the slack of the reference, which a comparison may settle.
            assert cell.ratio == pytest.approx(comparison.ratio, rel=1e-5)


def test_what_is_missed_is_told(study: Study) -> None:
    blind = {name: Cell(0.5, False, 1.0) for name in PROMISES}
    zero = [m for m in study.measured if m.what == "all zero" and m.dtype == "float32"]
    others = [m for m in study.measured if m not in zero]
    for data, missed in (("sharp", 1), ("normal", 0)):
        changed = [replace(m, cells=blind) if m.data == data else m for m in zero]
        partial = replace(study, measured=[*others, *changed])
        assert len(partial.missed) == missed
        assert partial.holds is (missed == 0)
    unseen = [replace(m, cells=blind, close=m.data == "sharp") for m in zero]
    assert len(replace(study, measured=[*others, *unseen]).missed) == 1
    wrong = [replace(m, cells={STATED: Cell(2.0, True, 1.0)}) for m in study.measured if m.honest]
    assert replace(study, measured=wrong).false_alarms == wrong


def test_the_parts_of_the_page(study: Study) -> None:
    page = parts(study, {"Machine": "one"}, "python -m bench power")
    assert page["summary"].startswith("- Under the default promise")
    assert page["defects"].count("| all zero |") == 2
    assert "An entry of the weight gradient sums 576 terms." in page["defects"]
    assert "- Machine: one" in page["machine"]


@pytest.mark.torch
def test_the_command_writes_its_page(tmp_path: Path) -> None:
    arguments = ["power", "--quick", "--write", "--directory", str(tmp_path)]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0
    page = (tmp_path / DOCUMENT).read_text(encoding="utf-8")
    assert "python -m bench power --quick --write" in page
    assert "- PyTorch: " in page


def test_without_pytorch_it_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> Study:
        raise InputError("PyTorch is not installed")

    monkeypatch.setattr("bench.__main__.run_power", missing)
    result = RUNNER.invoke(app, ["power"])
    assert result.exit_code == 2
    assert result.stderr.strip().endswith("PyTorch is not installed")
