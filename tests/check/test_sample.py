"""Sampled entries: each alone is what it is in the whole case, and faults of the whole are seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from pybridge.bounds.applied import Applied
from pybridge.check.compare import check_case, fast_evaluations
from pybridge.check.sample import sample
from pybridge.check.suite import suite
from pybridge.cli.check import app
from pybridge.exported.document import load_definitions
from pybridge.lean import find
from pybridge.lean.protocol import parse_results
from pybridge.problem.case import Case
from pybridge.problem.computation import computation_of
from pybridge.problem.results import Result

DEFINITIONS = load_definitions()


def applied(case: Case, which: str) -> Applied:
    return Applied(computation_of(case.geometry, which, DEFINITIONS), case.operands)


@pytest.mark.parametrize("case", suite(), ids=lambda case: case.label)
def test_an_entry_alone_has_the_value_and_the_bound_that_it_has_in_the_whole(case: Case) -> None:
    names = list(case.geometry.results)
    positions = dict.fromkeys(names, 0)
    whole = {which: applied(case, which).evaluate(case.float_format) for which in names}
    for entry in sample(case, 10**6, 0, DEFINITIONS):
        which = entry.case.label.rpartition(":")[2].partition(".")[0]
        position = positions[which]
        positions[which] += 1
        alone = applied(entry.case, entry.which).evaluate(case.float_format)
        for name in ("value", "bound", "overflow"):
            (own,) = getattr(alone, name).ravel()
            expected = getattr(whole[which], name).ravel()[position]
            assert own == expected or (np.isnan(own) and np.isnan(expected)), entry.case.label
    assert positions == {which: whole[which].value.size for which in names}


def test_samples_are_drawn_by_the_seed() -> None:
    case = suite()[0]
    first, again, other = (
        [entry.case.name for entry in sample(case, 3, seed, DEFINITIONS)] for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert len(first) == 3 + 2 + 3 + 3  # the bias has two entries


@pytest.mark.parametrize(
    ("method", "factor", "kind"),
    [
        ("replay", 0.5, "bound-below"),
        ("replay", 2.0, "bound-above"),
        ("any-order", 1e-9, "error-beyond-bound"),
    ],
)
def test_faults_of_the_fast_methods_are_seen(method: str, factor: float, kind: str) -> None:
    case = suite()[0]
    lean = parse_results(find("recorded").evaluate(case.to_text()))[case.name]
    fast = dict(fast_evaluations(applied(case, Result.WEIGHT), case.float_format))
    good = check_case(case, lean, DEFINITIONS, 0, fast={Result.WEIGHT: fast})
    assert good.passed
    assert list(good.tensors) == ["weight"]
    fast[method] = replace(fast[method], bound=fast[method].bound * factor)  # type: ignore[index]
    bad = check_case(case, lean, DEFINITIONS, 0, fast={Result.WEIGHT: fast})
    assert {(p.kind, p.method) for p in bad.problems} == {(kind, method)}


def test_the_command_says_what_is_wrong_with_a_sample() -> None:
    result = CliRunner().invoke(app, ["--entries", "0"])
    assert result.exit_code == 2
    result = CliRunner().invoke(app, ["binary32-basic", "--entries", "1", "--lean", "recorded"])
    assert result.exit_code != 0
    assert "a sample of 1 entries of each result, drawn by seed 0: no case" in result.stdout
