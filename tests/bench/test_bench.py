"""The benchmarks measure what they say: no time is asserted here."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import methods
from bench.__main__ import app
from bench.baselines import literal_weight, patch_matrix, unfolded_first, unfolded_last
from bench.figures import FIGURES
from bench.figures.replay import BASELINES, ValuesDifferError, require_same
from bench.machine import describe
from bench.memory import peak_bytes
from bench.peers import Matrices, Sample, arb, fmpz, fraction, interval
from bench.performance import DIAGRAM, DOCUMENT, write
from bench.plot import draw
from bench.shapes import NAMES, Shape, channels, shape
from bench.tables import Figure, Goal, Points, Table, close, number
from bench.timing import Effort, Timing, alternate
from bench.truth import true_errors
from pybridge.problem.geometry import Geometry
from pybridge.truth.exact import exact_results

QUICK = Effort.of(quick=True)
RUNNER = CliRunner()
ODD = [
    Geometry.of((2, 4, 6, 5), (6, 2, 3, 2), stride=(2, 1), padding=((2, 0), (1, 1)), groups=2),
    Geometry.of((2, 3, 7, 6), (2, 3, 2, 3), dilation=(3, 2), padding=2),
    Geometry.of((1, 3, 8, 9), (6, 1, 3, 3), stride=3, groups=3),
    Geometry.of((3, 1, 1, 2), (2, 1, 3, 1), padding=((4, 1), (2, 3))),
]


@pytest.fixture(scope="module")
def figures() -> dict[int, Figure]:
    return {n: measure(QUICK, lambda _: None) for n, measure in FIGURES.items()}


@pytest.fixture(params=[*NAMES, *range(len(ODD))])
def some_shape(request: pytest.FixtureRequest) -> Shape:
    if isinstance(request.param, int):
        return Shape("odd", ODD[request.param])
    return shape(request.param, quick=True)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_give_the_values_of_the_replay_and_the_reference(
    name: str, some_shape: Shape
) -> None:
    require_same(name, some_shape)
    assert methods.replay(name, some_shape).value.any()


def test_a_baseline_with_other_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(measured: Shape) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.nextafter(BASELINES["weight"]["plain"](measured), np.float32(9))

    monkeypatch.setitem(BASELINES, "weight", {**BASELINES["weight"], "tuned": other})
    with pytest.raises(ValuesDifferError, match="tuned baseline, weight gradient, tiny: values"):
        require_same("weight", shape("tiny", quick=True))
    result = RUNNER.invoke(app, ["--figure", "1", "--quick"])
    assert result.exit_code == 1
    assert result.stderr.strip().endswith("values are not the replay's")


def test_the_literal_recursion_is_the_definition(some_shape: Shape) -> None:
    value, bound = literal_weight(some_shape)
    reference = methods.reference("weight", some_shape)
    assert value.tobytes() == reference.value.tobytes()
    assert (bound >= reference.bound * (1 - 1e-12)).all()
    assert (bound <= reference.bound * 1.05).all()


@pytest.mark.parametrize("unfolded", [unfolded_first, unfolded_last])
@pytest.mark.parametrize("geometry", [shape("rn28", quick=True).geometry, ODD[1], ODD[3]])
def test_unfolded_gradients_are_within_the_any_order_bound(
    unfolded: Callable[[Shape], np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
    geometry: Geometry,
) -> None:
    odd = Shape("unfolded", geometry)
    gradient = unfolded(odd)
    assert gradient.dtype == np.float32
    assert gradient.shape == geometry.weight_shape
    errors = true_errors(odd, np.ascontiguousarray(gradient))
    assert (errors <= methods.any_order("weight", odd)).all()
    assert (errors <= methods.enclosure("weight", odd, gradient)).all()


def test_true_errors_are_exact() -> None:
    small = shape("small", quick=True)
    operands = {"x": small.x, "grad_output": small.grad_output}
    exact = exact_results(small.geometry, operands)["weight"]
    computed = methods.replay("weight", small).value
    expected = [
        float(abs(Fraction(float(value)) - entry))
        for value, entry in zip(computed.ravel(), exact.fractions(), strict=True)
    ]
    assert true_errors(small, computed).ravel().tolist() == expected


def test_peers_enclose_the_gradient() -> None:
    layer = shape("rn28", quick=True)
    gradient = np.ascontiguousarray(unfolded_last(layer))
    errors = true_errors(layer, gradient)
    matrices = Matrices(layer)
    assert np.array_equal(matrices.right, patch_matrix(layer))
    for peer in (arb(matrices), fmpz(matrices)):
        centres, radii = peer.read(peer.multiply(peer.convert()))
        assert centres.shape == radii.shape == gradient.shape
        assert np.allclose(np.abs(gradient - centres), errors, rtol=1e-6, atol=1e-13)
        assert radii.max() < 1e-12
    sample = Sample.of(layer, 3)
    assert sample.products == 3 * 7 * 7
    for peer in (interval(sample), fraction(sample)):
        centres, radii = peer.read(peer.multiply(peer.convert()))
        near = np.abs(sample.at(gradient) - centres)
        assert np.allclose(near, sample.at(errors), rtol=1e-6, atol=1e-13)
        assert radii.max() < 1e-12


def test_contenders_run_in_turns() -> None:
    calls: list[str] = []
    collecting: list[bool] = []

    def run(name: str) -> None:
        calls.append(name)
        collecting.append(gc.isenabled())

    assert gc.isenabled()
    times = alternate({name: lambda name=name: run(name) for name in "abc"}, Effort(0.0, 4, 9))  # type: ignore[misc]
    assert gc.isenabled()
    assert "".join(calls) == "abc" * 5
    assert not any(collecting[3:])
    assert all(len(timing.runs) == 4 for timing in times.values())
    timing = Timing((3.0, 1.0, 2.5), 7.0)
    assert (timing.best, timing.median) == (1.0, 2.5)
    assert timing.scaled(2).best == 2.0


def test_garbage_is_collected_again_after_a_failure() -> None:
    fails = iter([False, True])

    def run() -> None:
        if next(fails):
            raise KeyError

    with pytest.raises(KeyError):
        alternate({"fails": run}, QUICK)
    assert gc.isenabled()


def test_peak_memory_is_that_of_what_is_held_at_once() -> None:
    def run() -> int:
        for _ in range(3):
            held = np.ones(1 << 20)
        return held.nbytes

    peak, result = peak_bytes(run)
    assert result == 8 << 20
    assert 16 << 20 <= peak < 17 << 20
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: 1 // 0)


def test_claims() -> None:
    assert Goal("x", 1.5, 1.5).cells == ("≤ 1.5", "yes")
    assert Goal("x", 1.65, 1.5).cells == ("≤ 1.5", "no, 10 % above")
    assert Goal("x", 6.0, 1.5).sentence == "x: 6 (4.0 times that)"
    assert Goal("x", 10.0, 10.0, "≥").reached
    assert Goal("x", 9.0, 10.0, "≥").verdict == "no, 10 % below"
    assert Goal("x", 1.0, 10.0, "≥").verdict == "no, 1/10.0 of that"
    goals = [Goal("a", 2, 1, why="W."), Goal("b", 1, 1, why="W."), Goal("c", 3, 1, why="W.")]
    figure = Figure(1, "", "", [], goals)
    assert figure.shortfalls == ["Not reached: a: 2 (2.0 times that); c: 3 (3.0 times that). W."]


def test_numbers() -> None:
    assert [number(v) for v in (0, 0.0123456, 0.9964, 999.4, 12345, 2.89e7)] == [
        "0",
        "0.0123",
        "0.996",
        "999",
        "12,345",
        "2.89e+07",
    ]
    assert close(1.0000007) == "1.000001"
    assert close(19.24) == "19.2"


def rows(table: Table, *columns: int) -> list[tuple[str, ...]]:
    assert all(len(row) == len(table.header) for row in table.rows)
    return [tuple(row[k] for k in columns) for row in table.rows]


def test_the_replay_figure(figures: dict[int, Figure]) -> None:
    weight, inputs, literal = figures[1].tables
    expected = [(name, baseline) for name in NAMES for baseline in ("plain", "tuned")]
    assert rows(weight, 0, 1) == rows(inputs, 0, 1) == expected
    assert rows(literal, 0) == [("replay",), ("literal recursion",), ("reference",)]
    assert [(goal.sense, goal.limit) for goal in figures[1].goals] == [("≤", 1.5)] * 12 + [
        ("≤", 1.6)
    ] * 12 + [("≥", 10.0), ("≤", 1.05)]
    assert figures[1].goals[-1].reached


@pytest.mark.parametrize(("n", "goal"), [(2, 1.3), (3, 3.5)])
def test_the_figures_of_estimates(figures: dict[int, Figure], n: int, goal: float) -> None:
    expected = [
        (name, baseline)
        for name in ("rn28", "rn56")
        for baseline in ("channels last", "channels first", "pybridge's product")
    ]
    assert rows(figures[n].tables[0], 0, 1) == expected
    assert [reached.limit for reached in figures[n].goals[:4]] == [goal] * 4
    if n == 3:
        assert rows(figures[n].tables[1], 0, 5) == [("rn28", "yes")]
        assert figures[n].goals[4].limit == 1.001


def test_the_figure_of_peers(figures: dict[int, Figure]) -> None:
    (table,) = figures[4].tables
    assert [name for (name,) in rows(table, 0)] == [
        "any-order",
        "enclosure",
        "replay",
        "arb_mat",
        "arb_mat, with conversion",
        "fmpz_mat",
        "fmpz_mat, with conversion",
        "mpmath.iv",
        "Fraction",
    ]
    exact = [row[-2:] for row in table.rows if row[0].startswith(("fmpz", "Fraction"))]
    assert exact == [("0", "1.000000")] * 3
    assert len(figures[4].goals) == 18


def test_the_figure_of_memory_and_growth(figures: dict[int, Figure]) -> None:
    memory, times = figures[5].tables
    assert len(memory.rows) == len(methods.METHODS) * 4
    assert len(times.rows) == len(figures[5].lines) == 5
    assert figures[5].lines[0].work == tuple(
        channels(n, quick=True).geometry.multiply_adds for n in (2, 4, 8)
    )


def test_the_document(figures: dict[int, Figure], tmp_path: Path) -> None:
    made = list(figures.values())
    write(made, describe(), "python -m bench --quick --write", tmp_path / "docs")
    text = (tmp_path / "docs" / DOCUMENT).read_text(encoding="utf-8")
    assert "- Command: `python -m bench --quick --write`" in text
    for figure in made:
        assert f"## {figure.number}. {figure.title}" in text
        assert all(table.markdown in text for table in figure.tables)
    assert all(len(line) <= 100 or line.startswith("|") for line in text.splitlines())
    ElementTree.parse(tmp_path / "docs" / DIAGRAM)


def test_the_diagram_is_the_same_every_time() -> None:
    lines = [Points("one", (10, 100), (0.1, 1.0), 1.0), Points("other", (10, 100), (1, 20), 1.3)]
    text = draw(lines)
    assert text == draw(lines)
    assert "one (exponent 1.00)" in text
    assert "multiply-adds" in text
    assert "time (ms)" in text


def test_the_machine_is_described() -> None:
    described = describe()
    assert described["NumPy"] == np.__version__
    assert "thread" in described["BLAS"]
    assert sys.prefix not in "".join(described.values())


def test_the_command() -> None:
    result = RUNNER.invoke(app, ["--figure", "2", "--quick"])
    assert result.exit_code == 0, result.output
    assert "2. Any-order bound" in result.stdout
    assert "1. Replay" not in result.stdout
    assert RUNNER.invoke(app, ["--figure", "2", "--write"]).exit_code == 2
    assert RUNNER.invoke(app, ["--figure", "9"]).exit_code == 2


def test_the_command_without_the_extra() -> None:
    code = (
        "import runpy, sys; sys.modules['threadpoolctl'] = None; "
        "runpy.run_module('bench', run_name='__main__', alter_sys=True)"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == "bench: threadpoolctl is missing: pip install -e '.[bench]'\n"
