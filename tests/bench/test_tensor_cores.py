"""Convolutions by simulated matrix instructions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.tensor_cores import units as simulated
from bench.tensor_cores.data import DOTS, READ, Problem, Result, convolution, dots
from bench.tensor_cores.document import DOCUMENT, parts
from bench.tensor_cores.kernels import Kernel, held
from bench.tensor_cores.promises import promise
from bench.tensor_cores.study import Study, Verdict, returned, run
from bench.tensor_cores.unfold import Unfolded, unfold
from bench.tensor_cores.units import Unit, units
from pybridge.bounds.judge import Judge
from pybridge.errors import InputError
from pybridge.problem.geometry import Geometry
from pybridge.reveal import Probe
from pybridge.testing import compare_gradient
from pybridge.truth.exact import exact_results

pytestmark = pytest.mark.torch

GEOMETRY = Geometry.of((2, 4, 7, 6), (6, 2, 3, 3), stride=(2, 1), padding=1, groups=2)


def named(*words: str) -> list[Unit]:
    return [unit for unit in units() if all(word in unit.name for word in words)]


def test_all_architectures_and_operands_are_simulated() -> None:
    simulated_units = units()
    assert {unit.architecture for unit in simulated_units} == {
        *("Volta", "Turing", "Ampere", "Ada Lovelace", "Hopper", "Blackwell", "RTX Blackwell"),
        *("CDNA1", "CDNA2", "CDNA3"),
    }
    assert {unit.family for unit in simulated_units} == {"mma", "wgmma", "tcgen05", "mfma"}
    assert {unit.x for unit in simulated_units} == {
        *("float16", "bfloat16", "tf32", "float8_e4m3fn", "float8_e5m2"),
        *("float8_e4m3fnuz", "float8_e5m2fnuz"),
        *("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "nvfp4"),
    }
    (one,) = named("Hopper wgmma, float8_e4m3fn to float32")
    assert (one.step, one.length) == (32, 32)


@pytest.mark.slow
@pytest.mark.parametrize("result", ["output", "weight", "input"])
def test_sums_of_small_integers_are_exact(result: Result) -> None:
    g = GEOMETRY
    rng = np.random.default_rng(1)
    shapes = {"x": g.x_shape, "weight": g.weight_shape, "grad_output": g.output_shape}
    drawn = {name: rng.integers(-3, 4, shape) for name, shape in shapes.items()}
    exact = exact_results(g, drawn, [result])[result]
    expected = np.array(list(map(float, exact.fractions())))
    for unit in units()[::6]:
        first, second = READ[result]
        operands = {first: held(drawn[first], unit.x), second: held(drawn[second], unit.y)}
        factors = unfold(result, g, operands)
        for kernel in (Kernel(unit), Kernel(unit, splits=3), Kernel(unit, promote=32)):
            computed = kernel(factors)
            assert computed.shape == factors.shape
            assert (computed.ravel() == expected).all(), kernel
        assert (Kernel(unit, output="bfloat16")(factors).ravel() == expected).all()
        without = Kernel(unit, lost=0)(factors)
        assert not (without.ravel() == expected).all()


def test_terms_below_the_last_digit_kept_are_lost() -> None:
    (unit,) = named("Hopper mma, bfloat16 to float32, 16")
    shape = Geometry.of((1, 16, 1, 1), (1, 16, 1, 1))
    for exponent, expected in ((-23, 1 + 15 * 2.0**-23), (-25, 1 + 3 * 2.0**-23), (-26, 1.0)):
        x = held(np.ldexp(1.0, [0, *[exponent] * 15]), unit.x)
        operands = {"x": x.reshape(shape.x_shape), "weight": held(np.ones((1, 16, 1, 1)), unit.y)}
        assert Kernel(unit)(unfold("output", shape, operands)).item() == expected


def sums(problem: Problem) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    factors = unfold(problem.result, problem.geometry, problem.operands)
    total: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = np.sum(
        np.abs(factors.x.astype(np.float64) * factors.y.astype(np.float64)), axis=0
    )
    return total.ravel()


@pytest.mark.parametrize("data", DOTS)
def test_dot_products_are_the_same_as_every_result_and_do_not_overflow(data: str) -> None:
    for unit in [*named("bfloat16 to float32"), *named("to float16"), *named("fnuz")][::4]:
        values = []
        for result in READ:
            problem = dots(data, unit, result, 36, 40, seed=1)
            values.append(Kernel(unit)(unfold(result, problem.geometry, problem.operands)).ravel())
            assert (sums(problem) <= float(np.finfo(unit.result).max)).all()
        assert np.isfinite(values[0]).all()
        assert all((one == values[0]).all() for one in values[1:])


@pytest.mark.parametrize(
    ("words", "together"),
    [("Volta mma, float16 to float32", 5), ("Hopper wgmma, bfloat16 to float32", 17)],
)
def test_the_steps_of_a_unit_are_revealed(words: str, together: int) -> None:
    (unit,) = named(words)
    terms = 48
    ones = held(np.ones((terms, 1)), unit.y)

    def sum_of(values: npt.NDArray[Any]) -> float:
        x = held(values, unit.x).reshape(terms, 1)
        return float(Kernel(unit)(Unfolded(x, ones, (1,))).item())

    dtype = "float32" if unit.x == "bfloat16" else unit.x
    tree = Probe(unit.name, terms, sum_of, dtype).reveal(max_runs=3_000)
    assert (tree.arity, tree.least_depth) == (together, terms // unit.step + 1)
    assert tree.depth is None


@pytest.fixture(scope="module")
def study() -> Study:
    return run(lambda _: None, quick=True)


def test_promises_hold_for_what_the_units_compute_and_defects_are_caught(study: Study) -> None:
    assert not study.false_alarms
    assert not study.unexplained
    assert 0.2 < max(one.verdict.ratio for one in study.honest) <= 1
    assert len(study.missed) < len(study.planted) / 3
    # Promises that are no theorem for these units reject what they compute.
    for name in ("default", "toward zero"):
        assert any(one.others[name].failed for one in study.honest if one.others)


def test_verdicts_are_those_of_the_comparison() -> None:
    (unit,) = named("Ampere mma, bfloat16 to float32")
    kernel = Kernel(unit)
    for data in ("normal", "swallowed"):
        if data == "normal":
            problem = convolution("normal", unit, "weight", GEOMETRY, 3)
        else:
            problem = dots(data, unit, "weight", 34, 100, 3)
        result = kernel(unfold("weight", problem.geometry, problem.operands))
        g = problem.geometry
        comparison = compare_gradient(
            result,
            problem.operands["x"],
            None,
            problem.operands["grad_output"],
            which="weight",
            stride=(g.height.stride, g.width.stride),
            padding=g.height.pad_begin,
            groups=g.groups,
            accumulation=promise(kernel),
        )
        judged = Judge(returned(problem, result))(comparison.accumulation)
        assert comparison.passed
        assert comparison.ratio == pytest.approx(judged.ratio)


def test_the_page_tells_of_alarms_and_of_defects_that_pass(study: Study) -> None:
    page = parts(study, {"Machine": "one"}, "python -m bench tensor-cores")
    assert page["units"].count("\n| Volta | mma |") == 1
    assert "none beyond what `tensor_core` allows" in page["summary"]
    assert "- Machine: one" in page["machine"]
    first, planted = study.honest[0], study.planted[0]
    wrong = replace(first, verdict=Verdict(2.0, True))
    unseen = replace(planted, verdict=Verdict(0.5, False))
    defective = replace(study, honest=[wrong, *study.honest[1:]], planted=[unseen])
    assert defective.false_alarms == [wrong]
    assert defective.unexplained == [unseen]
    page = parts(defective, {}, "")
    words = " ".join(page["summary"].split())
    assert "1 beyond what `tensor_core` allows. The largest error is 2 of" in words
    assert f"| {planted.what} | 0.5 |" in page["defects that pass"]


def test_the_command_writes_its_page(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.__main__.run_tensor_cores", lambda _, **__: study)
    arguments = ["tensor-cores", "--quick", "--write", "--directory", str(tmp_path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    page = (tmp_path / DOCUMENT).read_text(encoding="utf-8")
    assert "bench tensor-cores --quick --write" in page
    wrong = replace(study, honest=[replace(study.honest[0], verdict=Verdict(2.0, True))])
    monkeypatch.setattr("bench.__main__.run_tensor_cores", lambda _, **__: wrong)
    assert CliRunner().invoke(app, ["tensor-cores"]).exit_code == 1


def test_without_the_simulation_it_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="mmasim")

    simulated.import_simulation.cache_clear()
    monkeypatch.setattr("bench.tensor_cores.units.importlib.import_module", missing)
    with pytest.raises(InputError, match="mmasim is missing"):
        units()
    result = CliRunner().invoke(app, ["tensor-cores"])
    assert result.exit_code == 2
    assert "mmasim is missing" in result.stderr
