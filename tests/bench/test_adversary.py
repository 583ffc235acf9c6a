"""The attack: its arithmetic is right, it finds what is planted, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.studies.adversary import calls
from bench.studies.adversary.attack import Attack
from bench.studies.adversary.command import DOCUMENT
from bench.studies.adversary.data import KINDS, random_array
from bench.studies.adversary.loops import RESULTS, random_shapes
from bench.studies.adversary.numbers import (
    BINARY,
    Exceeds,
    finest,
    format_of_dtype,
    integers,
    rounding,
    to_float,
)
from bench.studies.adversary.problem import Problem

RUNNER = CliRunner()
CASES = 25


def attacked(cases: int = CASES) -> Attack:
    attack = Attack(0)
    for number in range(cases):
        attack.run(number)
    return attack


def rules(attack: Attack) -> set[str]:
    return {finding.rule for finding in attack.tally.findings}


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_rounding_to_nearest_is_that_of_numpy(name: str) -> None:
    format, random = BINARY[name], Random(name)
    wide = np.concatenate(
        [random_array(random, (300,), np.dtype(np.float64), kind, format) for kind in KINDS]
    )
    wide = wide[np.abs(wide) > 1e-60]
    unit = finest(wide)
    rounded = rounding(format, unit, "nearest", "never", random)
    with np.errstate(all="ignore"):
        expected = wide.astype(format.dtype)
        if name == "bfloat16":  # which goes through float32
            keep = wide.astype(np.float32) == wide
            wide, expected = wide[keep], expected[keep]
    for value, wanted in zip(integers(wide, unit), expected.astype(float).tolist(), strict=True):
        try:
            nearest = to_float(rounded(value), unit)
        except Exceeds as error:
            nearest = error.sign * np.inf
        assert nearest == wanted


def test_formats_of_dtypes() -> None:
    assert format_of_dtype(np.dtype(">f4")) == BINARY["float32"]
    small = format_of_dtype(np.dtype(ml_dtypes.float8_e5m2))
    assert (small.bits, small.least, small.most) == (3, -14, 15)


@pytest.mark.parametrize("seed", range(5))
def test_gradients_are_adjoint_to_the_output(seed: int) -> None:
    shapes = random_shapes(Random(seed), 500)
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {
        name: rng.integers(-9, 9, shapes.shape(name)).astype(float)
        for name in ("x", "weight", "grad_output")
    }
    sums = {}
    for which in RESULTS:
        problem = Problem(which, shapes, arrays)
        totals = [sum(p) + sum(a) for p, a in problem.terms(problem.integers)]
        sums[which] = np.array(totals).reshape(problem.shape)
    expected = (sums["output"] * arrays["grad_output"]).sum()
    assert (sums["weight"] * arrays["weight"]).sum() == expected
    assert (sums["input"] * arrays["x"]).sum() == expected
    others = tuple(k for k in range(arrays["grad_output"].ndim) if k != 1)
    assert (sums["bias"] == arrays["grad_output"].sum(others)).all()


def test_nothing_is_found() -> None:
    attack = attacked()
    assert attack.tally.findings == []
    assert attack.tally.entries > 1000
    assert len(attack.tally.checks) == 15


PLANTED = {
    "certify": "certify, enclosure: bound ≥ error",
    "bounded": "compute, enclosure: bound ≥ error",
    "tolerance": "tolerance ≥ error",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_bound_that_is_too_small_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(calls, name)

    def smaller(*args: Any) -> Any:
        honest = original(*args)
        if name == "tolerance":
            return replace(honest, per_entry=honest.per_entry * 2.0**-60)
        return replace(honest, bound=honest.bound * (1 - 2.0**-10))

    monkeypatch.setattr(calls, name, smaller)
    assert PLANTED[name] in rules(attacked())


def test_wrong_verdicts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    original = calls.compare

    def opposite(*args: Any) -> Any:
        verdict = original(*args)
        judgement = replace(verdict.details.judgement, failures=~verdict.failures)
        details: Any = SimpleNamespace(
            judgement=judgement, depths=verdict.details.depths, figures=verdict.details.figures
        )
        return replace(verdict, details=details, failed=int(judgement.failures.sum()))

    monkeypatch.setattr(calls, "compare", opposite)
    broken_rules = rules(attacked(10))
    assert "a kernel that keeps its promise passes" in broken_rules
    assert "an entry that passes is within what is allowed" in broken_rules
    assert "an entry that fails is beyond what is allowed" in broken_rules


def test_other_exceptions_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(calls, "compare", broken)
    result = RUNNER.invoke(app, ["adversary", "--entries", "200"])
    assert result.exit_code == 1
    assert "compare: ZeroDivisionError: division by zero" in result.stderr


def test_the_page_has_what_was_tried(tmp_path: Path) -> None:
    arguments = ["adversary", "--entries", "500", "--write", "--directory", str(tmp_path)]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / DOCUMENT).read_text(encoding="utf-8")
    assert "**Nothing was found.**" in page
    assert "cases were tried from seed 0" in page


def test_one_case_writes_no_page(tmp_path: Path) -> None:
    arguments = ["adversary", "--case", "3", "--write", "--directory", str(tmp_path)]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 2
    assert "leave out --case" in result.stderr
    assert RUNNER.invoke(app, ["adversary", "--case", "3"]).exit_code == 0
