"""The evidence that rounding is told from bugs: simulated kernels, defects, recipes, tables."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from bench import __main__ as command
from bench.__main__ import app
from bench.studies.rounding_or_bug.defects import DEFECTS, LAYERS, LONG, Defect
from bench.studies.rounding_or_bug.document import DOCUMENT, ERRORS, TOLERANCES, write
from bench.studies.rounding_or_bug.evidence import TESTS, Evidence, gather
from bench.studies.rounding_or_bug.honest import kinds
from bench.studies.rounding_or_bug.kernels import (
    NUMERICS,
    SCHEMES,
    Float32,
    Kernel,
    cut_tf32,
    fused_add,
    round_tf32,
)
from bench.studies.rounding_or_bug.planted import _outcome
from bench.studies.rounding_or_bug.problems import Budget, networks, samples, suite_problems
from bench.studies.rounding_or_bug.recipes import RECIPES, Known
from bench.studies.rounding_or_bug.unfold import result_shape, unfold
from bench.studies.rounding_or_bug.verdicts import Reference, promise_of
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import Result
from pybridge.testing import tf32
from pybridge.truth.exact import exact_results

RUNNER = CliRunner()
ODD = [
    Geometry.of((2, 4, 6, 5), (6, 2, 3, 2), stride=(2, 1), padding=((2, 0), (1, 1)), groups=2),
    Geometry.of((2, 3, 7, 6), (2, 3, 2, 3), dilation=(3, 2), padding=2),
    Geometry.of((1, 3, 8, 9), (6, 1, 3, 3), stride=3, groups=3),
    Geometry.of((3, 1, 1, 2), (2, 1, 3, 1), padding=((4, 1), (2, 3))),
]


def integers(geometry: Geometry) -> dict[str, npt.NDArray[np.float64]]:
    rng = np.random.default_rng(7)
    shapes = {
        "x": geometry.x_shape,
        "weight": geometry.weight_shape,
        "bias": geometry.bias_shape,
        "grad_output": geometry.output_shape,
    }
    return {key: rng.integers(-9, 10, shape).astype(np.float64) for key, shape in shapes.items()}


def exact(name: str, geometry: Geometry, operands: dict[str, npt.NDArray[np.float64]]) -> object:
    found = exact_results(geometry, operands, [name])
    return [float(value) for value in found[name].fractions()]


def nearest_float32(value: Fraction) -> np.float32:
    """Ties to even, subnormals included, from the two neighbours of a float32 near the value."""
    guess = np.float32(float(value))
    near = [np.nextafter(guess, -np.inf), guess, np.nextafter(guess, np.float32(np.inf))]
    distances = [abs(Fraction(float(n)) - value) for n in near]
    best = [n for n, d in zip(near, distances, strict=True) if d == min(distances)]
    even = [n for n in best if np.float32(n).view(np.uint32) % 2 == 0]
    return np.float32((even or best)[0])


def factors() -> tuple[Float32, Float32, Float32]:
    """Accumulators and factors of all magnitudes, and such that rounding twice would go wrong."""
    rng = np.random.default_rng(3)
    size = 3000
    total, x, y = (
        np.ldexp(rng.uniform(-1, 1, size), rng.integers(-spread, spread, size)).astype(np.float32)
        for spread in (30, 15, 15)
    )
    # 1 + 2^-24 is a tie; a product that is far smaller decides it, beyond the 53rd bit.
    tie = np.float32(2.0**-24)
    extra = [(1.0, tie, 1.0), (tie, 1.0, 1.0)]
    for sign in (-1.0, 1.0):
        extra.append((1.0 + 2.0**-23, sign * 2.0**-12 * (1 + 2.0**-23), 2.0**-12 * (1 - 2.0**-23)))
        extra.append((sign * 2.0**-70, 1 + 2.0**-12, 1 + 2.0**-12))
        extra.append((sign * 2.0**-149, 2.0**-75 * 1.5, 2.0**-75))
        extra.append((sign * 1.5 * 2.0**-140, 2.0**-80, 2.0**-70))
    more = np.array(extra, np.float32).T
    arrays = (np.concatenate([a, m]) for a, m in zip((total, x, y), more, strict=True))
    first, second, third = arrays
    return first, second, third


def test_a_fused_multiply_add_rounds_once() -> None:
    total, x, y = factors()
    found = fused_add(total, x, y)
    twice = (total.astype(np.float64) + x.astype(np.float64) * y).astype(np.float32)
    for f, *terms in zip(found, total, x, y, strict=True):
        a, b, c = (Fraction(float(t)) for t in terms)
        assert f == nearest_float32(a + b * c)
    assert (found != twice).any()


def test_rounding_to_tf32() -> None:
    rng = np.random.default_rng(5)
    values = np.ldexp(rng.uniform(-1, 1, 2000), rng.integers(-90, 90, 2000)).astype(np.float32)
    ties = np.array([1 + 2.0**-11, 1 + 3 * 2.0**-11, -(2 - 2.0**-11), 0.0], np.float32)
    assert list(round_tf32(ties)) == [1.0, 1 + 2.0**-9, -2.0, 0.0]
    for value, rounded in zip(values.tolist(), round_tf32(values).tolist(), strict=True):
        unit = 2.0 ** (np.frexp(value)[1] - 11)
        assert abs(rounded - value) <= unit / 2
        assert rounded / unit == round(value / unit)


def test_cutting_to_tf32() -> None:
    rng = np.random.default_rng(5)
    values = np.ldexp(rng.uniform(-1, 1, 2000), rng.integers(-90, 90, 2000)).astype(np.float32)
    for value, cut in zip(values.tolist(), cut_tf32(values).tolist(), strict=True):
        unit = 2.0 ** (np.frexp(value)[1] - 11)
        assert cut / unit == math.trunc(value / unit)


@pytest.mark.parametrize("name", Result)
@pytest.mark.parametrize("geometry", ODD, ids=range(len(ODD)))
def test_unfolded_terms_are_those_of_the_result(name: str, geometry: Geometry) -> None:
    operands = integers(geometry)
    terms = unfold(name, geometry, operands)
    assert terms.shape == result_shape(name, geometry)
    assert (terms.x * terms.y).sum(0).ravel().tolist() == exact(name, geometry, operands)


@pytest.mark.parametrize("kernel", SCHEMES, ids=lambda kernel: kernel.name)
def test_every_kernel_adds_each_term_once(kernel: Kernel) -> None:
    rng = np.random.default_rng(1)
    for n in (1, 2, 5, 16, 33, 130, 257):
        x = rng.choice([-1.0, 0.0, 1.0], (n, 2, 1)).astype(np.float32)
        y = rng.choice([-1.0, 1.0], (n, 1, 3)).astype(np.float32)
        x[n // 2 :: 2] = 0
        wide = kernel.sum(x, y, np.random.default_rng(0)).astype(np.float64)
        assert wide.shape == (2, 3)
        assert (wide == (x * y).sum(0)).all()


def test_orders_of_summation() -> None:
    big, one = np.float32(2**24), np.float32(1)
    x = np.array([big, one, one, -big], np.float32)
    ones = np.ones_like(x)
    rng = np.random.default_rng(0)

    def total(**options: object) -> float:
        return float(replace(Kernel("k"), **options).sum(x, ones, rng))  # type: ignore[arg-type]

    assert total() == 0.0
    assert total(pairwise=True) == 1.0
    assert total(splits=4) == 0.0
    assert total(lanes=2) == 1.0
    assert Kernel("k", splits=2).partial_sums(x, ones, rng).tolist() == [2**24, 1 - 2**24]
    halves = np.array([1 + 2.0**-8, 1.0, 0.0, 1.0], np.float32)
    assert Kernel("k", splits=2, across="bfloat16").sum(halves, ones, rng) == 3.0
    shuffled = {float(Kernel("k", shuffled=True).sum(x, ones, rng)) for _ in range(50)}
    assert shuffled > {0.0}


def test_kinds_and_promises() -> None:
    names = [(kind.numerics.name, kind.kernel.name) for kind in kinds()]
    assert len(set(names)) == len(names) == 67
    assert ("float32", "sequential, FMA") in names
    assert not any(k.kernel.fused and k.numerics.name != "float32" for k in kinds())
    splits = {k.kernel.splits for k in kinds()}
    assert splits == {1, 2, 8, 32, 128}
    narrow = next(k for k in SCHEMES if k.across == "bfloat16" and k.splits == 8)
    promise = promise_of(narrow, NUMERICS["tf32"])
    assert promise == tf32().model_copy(update={"splits": 8, "across": "bfloat16"})
    assert promise_of(SCHEMES[0], NUMERICS["tf32"]) == tf32()
    assert promise_of(SCHEMES[0], NUMERICS["tf32-nearest"]) == tf32("nearest")
    assert promise_of(SCHEMES[0], NUMERICS["float16"]).output == "float16"


def test_samples_are_entries_of_the_layer() -> None:
    layer = networks(quick=True)[0]
    drawn = layer.operands()
    found = list(samples(layer, Budget(2**12, 4, 8)))
    assert {problem.name for problem in found} == set(Result)
    for problem in found:
        terms = unfold(problem.name, problem.geometry, problem.operands)
        totals = (terms.x * terms.y).sum(0).reshape(terms.shape)
        assert totals.shape == problem.shape
        assert problem.counted == totals.size
        if problem.name == "bias":
            whole = drawn["grad_output"].sum(axis=(0, 2, 3))
            assert all(np.isclose(whole, total).any() for total in totals)
    assert len(list(suite_problems(NUMERICS["float32"]))) % 4 == 0


def test_networks_are_all_of_resnet50() -> None:
    labels = [layer.label for layer in networks(quick=False)]
    assert len(labels) == 25
    assert sum("dilated" in label for label in labels) == 2


def test_recipes() -> None:
    reference = np.array([0.0, 2.0])
    tolerances = {
        format: {
            recipe.name: recipe.tolerance(Known(format, reference, 100, 2.0, 3.0)).tolist()
            for recipe in RECIPES
        }
        for format in ("binary32", "bfloat16")
    }
    assert tolerances["binary32"]["assert_close"] == [1e-5, 1e-5 + 2.6e-6]
    assert tolerances["bfloat16"]["assert_close"] == [1e-5, 1e-5 + 3.2e-2]
    assert tolerances["bfloat16"]["0.2"] == [0.2, 0.2]
    unit = 200 * 2.0**-23
    dynamic = unit / (1 - unit) * 600
    assert tolerances["bfloat16"]["dynamic"] == [dynamic] * 2
    assert tolerances["binary32"]["dynamic + cast"] == [dynamic] * 2
    assert tolerances["bfloat16"]["dynamic + cast"] == [dynamic + 600 * 2.0**-7] * 2


def test_the_dynamic_recipe_of_the_reported_shape_is_in_the_hundreds() -> None:
    known = Known("bfloat16", np.zeros(1), 8 * 16**3, 1.0, 1.0)
    (tolerance,) = RECIPES[-1].tolerance(known)
    assert 500 < tolerance < 520


SHORT = [defect for defect in DEFECTS if defect.layer not in LONG]


@pytest.mark.parametrize("defect", SHORT, ids=lambda d: f"{d.what}, {d.layer}")
def test_every_defect_changes_the_result(defect: Defect) -> None:
    numerics = NUMERICS[defect.dtypes[0]]
    result, honest = defect.result(numerics), defect.without(numerics)
    assert result.shape == honest.shape == result_shape(defect.name, LAYERS[defect.layer])
    assert result.dtype == honest.dtype == numerics.format.dtype
    assert (result != honest).any()
    assert (defect.result(numerics) == result).all()


def test_there_are_defects_enough() -> None:
    assert len({d.what for d in DEFECTS}) >= 30
    assert {d.layer for d in DEFECTS} == set(LAYERS)


def test_nan_and_infinity_are_found_by_recipes() -> None:
    defect = DEFECTS[0]
    numerics = NUMERICS["float32"]
    honest = defect.without(numerics)
    honest[0, 0, 0] = (np.nan, np.inf, -np.inf)
    problem = defect.problem
    given = Reference.of(problem, numerics)
    assert all(count >= 3 for count in given.by_recipes(honest).values())
    found, alarms = given.compare(honest, promise_of(defect.kernel, numerics))
    assert found.nonfinite == 3
    assert alarms.ours == 3


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return gather(lambda _: None, quick=True)


def test_the_evidence_holds(evidence: Evidence) -> None:
    assert evidence.holds
    assert not evidence.false_alarms
    assert len(evidence.honest) == 67
    assert all(honest.entries >= 200 for honest in evidence.honest)
    assert all(honest.histogram.sum() > 0 for honest in evidence.honest)
    assert all(0 < honest.largest <= 1 for honest in evidence.honest)
    for outcome in evidence.outcomes:
        assert outcome.exceeds == (outcome.caught["ours"] > 0) == (outcome.ratio > 1)
        assert outcome.exceeding == outcome.caught["ours"]
        assert outcome.honest["ours"] == 0
    assert len(evidence.exceeding) >= 20


@pytest.mark.parametrize("name", ["tf32", "tf32-nearest", "bfloat16"])
def test_what_exceeds_a_promise_is_what_is_found(name: str) -> None:
    """The true errors are to the exact result of what the kernel multiplies, as the promise's."""
    for what in ("one corner entry not written", "bias added twice"):
        defect = next(d for d in DEFECTS if d.what == what)
        outcome = _outcome(defect, NUMERICS[name])
        assert 0 < outcome.exceeding == outcome.caught["ours"]
        assert outcome.honest["ours"] == 0


def test_the_tables(evidence: Evidence) -> None:
    tables = dict(evidence.tables())
    assert all(len(row) == len(table.header) for table in tables.values() for row in table.rows)
    assert len(tables["honest"].rows) == 69
    assert {row[4] for row in tables["honest"].rows} == {"0"}
    assert len(tables["summary"].rows) == len(TESTS)
    for row in tables["summary"].rows:
        assert sum(map(int, row[1:4])) == len(evidence.exceeding)
    assert tables["summary"].rows[0][1:4] == (str(len(evidence.exceeding)), "0", "0")
    assert len(tables["defects"].rows) == len(evidence.outcomes)


def test_the_document(evidence: Evidence, tmp_path: Path) -> None:
    write(evidence, {"Machine": "some"}, "python -m bench rounding_or_bug", tmp_path / "docs")
    text = (tmp_path / "docs" / DOCUMENT).read_text(encoding="utf-8")
    assert "- Command: `python -m bench rounding_or_bug`\n- Machine: some" in text
    assert all(table.markdown in text for _, table in evidence.tables())
    outside = "".join(text.split("```text")[::2])
    assert all(len(line) <= 100 or line.startswith("|") for line in outside.splitlines())
    for picture in (ERRORS, TOLERANCES):
        assert f"]({picture})" in text
        drawn = (tmp_path / "docs" / picture).read_text(encoding="utf-8")
        ElementTree.fromstring(drawn)
        write(evidence, {}, "", tmp_path / "again")
        assert (tmp_path / "again" / picture).read_text(encoding="utf-8") == drawn


def test_the_command(evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def gathered(progress: object, *, quick: bool) -> Evidence:
        asked.append(quick)
        return evidence

    monkeypatch.setattr(command, "gather", gathered)
    options = ["rounding_or_bug", "--quick", "--write", "--directory", str(tmp_path)]
    result = RUNNER.invoke(app, options)
    assert result.exit_code == 0, result.output
    assert asked == [True]
    assert {path.name for path in tmp_path.iterdir()} == {DOCUMENT, ERRORS, TOLERANCES}
    assert "assert_close" in result.stdout


def test_the_command_fails_where_the_evidence_does(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = replace(evidence.honest[0], alarms={"ours": 1}, first="a layer: a message")
    caught = next(o for o in evidence.outcomes if o.exceeds)
    missed = replace(caught, caught={**caught.caught, "ours": 0})
    broken = replace(evidence, honest=[alarm], outcomes=[missed])
    assert not broken.holds
    monkeypatch.setattr(command, "gather", lambda progress, *, quick: broken)
    result = RUNNER.invoke(app, ["rounding_or_bug"])
    assert result.exit_code == 1
    assert "bench: false alarm, float32, sequential: a layer: a message" in result.stderr
    assert f"bench: missed, {missed.numerics}: {missed.defect.what}" in result.stderr


def test_options_of_the_other_command_are_refused() -> None:
    assert RUNNER.invoke(app, ["--figure", "2", "rounding_or_bug"]).exit_code == 2
