from __future__ import annotations

import copy
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leans import LiteralLean, invoke, stand_in
from strategies import cases, data, formats
from typer.testing import Result

import pybridge.check.fuzz.campaign as campaign_module
import pybridge.cli.fuzz as command
from pybridge.check.fuzz.campaign import Campaign, Goal, entries_of
from pybridge.check.fuzz.corners import CORNERS, corners
from pybridge.check.fuzz.drawing import EPS
from pybridge.check.fuzz.features import FEATURES, features
from pybridge.check.fuzz.judge import Judge, tampered
from pybridge.check.fuzz.kinds import KINDS, mixed_entries
from pybridge.check.fuzz.saved import SavedCase
from pybridge.check.fuzz.shrink import complexity
from pybridge.check.fuzz.stream import numbered, stream
from pybridge.check.fuzz.tally import FuzzReport
from pybridge.check.problems import Problem
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.lean import Lean, LeanError, LeanNotFound
from pybridge.lean.protocol import split_cases
from pybridge.problem.case import Case
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand

HERE = Path(__file__).parents[1]
SAVED = sorted((HERE / "fuzzed").glob("*.json"))
PAGE = HERE.parent / "docs" / "fuzzing.md"
DEFINITIONS = load_definitions()


def small(seed: int, count: int, most: int = 60) -> list[Case]:
    """Return the first cases of a seed that have few outputs."""
    few = (d.case for d in stream(seed) if entries_of(d.case.geometry) <= most)
    return list(islice(few, count))


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> LiteralLean:
    """Return a stand-in for Lean that rounds ties to odd."""
    honest = literal.rounded

    def rounded(v: Fraction, format: Any) -> Fraction | None:
        half = literal.half_ulp(v, format)
        if (v / half).denominator == 1 and (v / half).numerator % 2:
            lower = v - half
            v = lower if (lower / (2 * half)).numerator % 2 else v + half
        return honest(v, format)

    monkeypatch.setattr(literal, "rounded", rounded)
    return LiteralLean()


@pytest.fixture
def one_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only the first divergence be shrunk."""
    monkeypatch.setattr(campaign_module, "_KEPT", 1)


def swapped_parameters() -> LiteralLean:
    """Return a stand-in for Lean whose weight gradient mistakes a dilation for a stride."""
    lean = LiteralLean()
    lean.data = copy.deepcopy(lean.data)
    results = lean.data["operations"]["conv2d"]["results"]
    results["weight"] = json.loads(json.dumps(results["weight"]).replace("strideW", "dilationW"))
    return lean


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, lean: Any = None) -> Result:
    stand_in(monkeypatch, lean or LiteralLean())
    return invoke(command.app, arguments)


# Drawing


@settings(max_examples=60, deadline=None)
@given(cases(largest=200))
def test_strategies_draw_valid_cases(case: Case) -> None:
    case.geometry.model_validate(case.geometry.model_dump())
    assert case.geometry.multiply_adds <= 200 or getattr(case.geometry, "groups", 1) == 1
    assert list(split_cases(case.to_text())) == [case.name]
    for name in case.values:
        array = case.values[name]
        assert array.dtype == case.float_format.dtype
        assert np.isfinite(array.astype(np.float64)).all()


def test_a_seed_and_a_number_determine_a_case() -> None:
    drawings = [numbered(6, number) for number in range(50)]
    assert drawings == list(islice(stream(6), 50))
    assert [drawn.case.label for drawn in drawings] == [f"fuzz-6-{n}" for n in range(50)]
    assert len({drawn.case.name for drawn in (*drawings, *islice(stream(7), 50))}) == 100


def test_the_stream_reaches_what_it_names() -> None:
    reached: Counter[str] = Counter()
    total: Counter[str] = Counter()
    seen: set[str] = set()
    for drawn in islice(stream(1), 200):
        case = drawn.case
        count = corners(case, DEFINITIONS)
        total += count
        seen |= {*features(case.geometry), *drawn.eps, case.format}
        for kind in {kind for kinds in drawn.kinds for kind in kinds}:
            reached[kind] += count[KINDS[kind].reaches]
    assert seen == {*FEATURES, *EPS, *FORMATS}
    assert {kind for kind in KINDS if not reached[kind]} == set()
    assert set(total) == set(CORNERS)


def test_kinds_are_refused() -> None:
    for kinds in ((), ("odd",)):
        with pytest.raises(InputError, match=r"^kinds: expected some of normal, .*, got "):
            mixed_entries(kinds, (1,), FORMATS["binary32"], "")


@pytest.mark.parametrize("kind", KINDS)
def test_an_operand_may_mix_kinds(kind: str) -> None:
    format = FORMATS["bfloat16"]
    array = mixed_entries((kind, "signed zeros"), (100,), format, "seed").astype(np.float64)
    zeros = int(np.count_nonzero(array == 0))
    assert zeros == 100 if kind == "signed zeros" else 20 < zeros < 80


# Corners


def single(format: FloatFormat, x: float, weight: float, bias: float) -> Case:
    values = {"x": x, "weight": weight, "bias": bias, "grad_output": 0.0}
    point = Window(size=1, kernel=1)
    geometry = Geometry(windows=(point, point))
    operands = {
        name: Operand(np.full(geometry.shapes[name], value).astype(format.dtype))
        for name, value in values.items()
    }
    return Case(label="single", geometry=geometry, format=format.name, operands=operands)


@settings(max_examples=300, deadline=None)
@given(formats, st.sampled_from(("ties", "cancelling", "tiny", "normal")), st.integers(0, 2**32))
def test_ties_and_roundings_are_counted_exactly(format: FloatFormat, kind: str, seed: int) -> None:
    """x·weight + bias is one product and two sums, the first with zero; compare with fractions."""
    x, weight, bias = data(np.random.default_rng(seed), format, kind, (3,)).astype(float).tolist()
    described = literal.DOCUMENT["data"]["formats"][format.name]
    expected: Counter[str] = Counter()
    product = Fraction(x) * Fraction(weight)
    rounded = literal.rounded(product, described)
    assert rounded is not None
    total = rounded + Fraction(bias)
    for what, exact in (("products", product), ("additions", total)):
        error = exact - (literal.rounded(exact, described) or 0)
        expected[f"inexact {what}"] = int(error != 0)
        expected[f"tied {what}"] = int(
            error != 0 and abs(error) == literal.half_ulp(exact, described)
        )
    counted = corners(single(format, x, weight, bias), DEFINITIONS)
    if format.name == "binary64" and not all(2.0**-400 < abs(v) < 2.0**400 for v in (x, weight)):
        expected = Counter({k: n for k, n in expected.items() if "products" not in k})
    assert {name: counted[name] for name in expected} == dict(expected)


def test_corners_of_single_operations() -> None:
    format = FORMATS["binary32"]
    most = float(np.finfo(np.float32).max)
    assert corners(single(format, most, 2.0, 0.0), DEFINITIONS)["overflowed outputs"] == 1
    assert corners(single(format, 2.0**-130, 1.0, 0.0), DEFINITIONS)["subnormal outputs"] == 1
    tiny = corners(single(format, 2.0**-100, 2.0**-100, 0.0), DEFINITIONS)
    assert tiny["inexact subnormal products"] == 1
    assert corners(single(format, 1.0, 1.0, -1.0), DEFINITIONS)["cancelled additions"] == 1
    assert corners(single(format, 1.0, 1.0, 2.0**-40), DEFINITIONS)["absorbed addends"] == 1
    assert corners(single(format, 1.0, 1.0, -0.0), DEFINITIONS)["zeros of either sign read"] == 2


# Judging


def test_an_honest_lean_passes_and_its_changed_answers_do_not() -> None:
    judge = Judge(LiteralLean(), DEFINITIONS)
    changed = 0
    for verdict in judge.judge(small(3, 25)):
        assert verdict.problems == ()
        for k in range(4):
            text = tampered(verdict.answer, f"{k} {verdict.case.name}")
            changed += text != verdict.answer
            assert not judge.overlooks(verdict.case, verdict.answer, text), text
    assert judge.runs == 1
    assert changed > 60


def test_a_judge_that_sees_nothing_overlooks(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(LiteralLean(), DEFINITIONS)
    (verdict,) = judge.judge([single(FORMATS["binary32"], 1.0, 1.0, 2.0)])
    text = verdict.answer.replace("output.value 3/1", "output.value 5/1")
    assert text != verdict.answer
    assert not judge.overlooks(verdict.case, verdict.answer, text)
    monkeypatch.setattr(Judge, "compare", lambda self, case, answer: verdict)
    assert judge.overlooks(verdict.case, verdict.answer, text)


class Faulty:
    """A Lean that fails, or gives other answers, for the cases that it is told."""

    def __init__(self, fails: Callable[[str], bool], answer: str | None = None) -> None:
        self.lean = LiteralLean()
        self.fails = fails
        self.answer = answer

    def evaluate(self, case_text: str) -> str:
        texts = split_cases(case_text)
        bad = [name for name in texts if self.fails(name)]
        if bad and self.answer is None:
            raise LeanError(f"stack overflow in {bad[0]}")
        good = [text for name, text in texts.items() if name not in bad]
        honest = self.lean.evaluate("".join(good)) if good else ""
        return honest + "".join((self.answer or "").replace("NAME", name) for name in bad)


def test_the_case_for_which_lean_fails_is_found() -> None:
    batch = small(3, 8, 20)
    judge = Judge(Faulty(lambda name: name == batch[5].name), DEFINITIONS)
    problems = [tuple(map(str, verdict.problems)) for verdict in judge.judge(batch)]
    assert problems[5] == (f"Lean failed: stack overflow in {batch[5].name}",)
    assert not any(problems[:5] + problems[6:])
    assert judge.runs < 8


def test_a_lean_that_never_works_is_no_divergence() -> None:
    with pytest.raises(LeanError, match="stack overflow"):
        Judge(Faulty(lambda name: True), DEFINITIONS).judge(small(3, 4, 20))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "Lean gave no result for this case"),
        ("case NAME\nrefused too large\nend NAME\n", "Lean refused this case: too large"),
        ("case NAME\noutput 1 1\nend NAME\n", "expected sizes, got"),
    ],
)
def test_other_answers_are_divergences(answer: str, problem: str) -> None:
    batch = small(3, 3, 20)
    judge = Judge(Faulty(lambda name: name == batch[1].name, answer), DEFINITIONS)
    first, second, third = judge.judge(batch)
    assert first.problems == third.problems == ()
    assert len(second.problems) == 1
    assert problem in str(second.problems[0])


# Planted divergences


@pytest.mark.slow
def test_ties_to_odd_are_found_shrunk_saved_and_replayed(
    odd: LiteralLean, one_kept: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    arguments = ("--outputs", "100", "--seed", "1", "--batch", "4", "--save", str(folder), "--json")
    result = run(monkeypatch, *arguments, lean=odd)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["passed"] is False
    divergence = report["divergences"][0]
    assert divergence["shrunk_outputs"] <= 5
    assert divergence["runs"] <= 16
    file = Path(divergence["file"])
    saved = SavedCase.load(file)
    assert saved.problems == tuple(divergence["shrunk_problems"])
    case = saved.case()
    assert case.geometry.multiply_adds <= 2
    assert sum(np.count_nonzero(case.values[name]) for name in case.values) <= 3
    again = run(monkeypatch, str(file), lean=odd)
    assert again.exit_code == 1
    assert "value unlike Lean's at [0" in again.stdout
    monkeypatch.undo()
    honest = run(monkeypatch, str(file))
    assert honest.exit_code == 0
    assert honest.stdout == f"{file}: holds\n"


@pytest.mark.slow
def test_stride_for_dilation_is_found_and_shrunk(one_kept: None, tmp_path: Path) -> None:
    campaign = Campaign(swapped_parameters(), DEFINITIONS, 9, 15, tmp_path, 6)  # type: ignore[arg-type]
    campaign.run(Goal(outputs=500))
    report = campaign.report()
    assert report.divergences
    smallest = report.divergences[0]
    assert smallest.shrunk_outputs < smallest.outputs
    assert smallest.shrunk_outputs <= 12
    assert all("weight" in problem for problem in smallest.shrunk_problems)


def test_what_stays_the_same_while_a_case_is_made_smaller() -> None:
    shape = (2, 2, 3, 1)
    value = Problem.at("value", [5, 6], shape, result="weight")
    random, plus = (
        Problem.at("error-beyond-bound", [0], shape, result="input", detail=pattern)
        for pattern in ("random-1", "plus")
    )
    replayed = Problem.at("value", [5], shape, result="weight", method="replay")
    assert str(value) == "weight: value unlike Lean's at [0, 1, 2, 0] and 1 more"
    assert str(plus) == "input: true error beyond the bound (plus operands) at [0, 0, 0, 0]"
    assert str(replayed) == "weight: replay: value unlike the reference's at [0, 1, 2, 0]"
    assert random.family == plus.family
    assert len({value.family, plus.family, replayed.family}) == 3


def test_complexity_prefers_small_cases_and_plain_numbers() -> None:
    one = single(FORMATS["binary32"], 1.0, 1.0, 0.0)
    assert complexity(one) < complexity(single(FORMATS["binary32"], 1.5, 1.0, 0.0))
    assert complexity(one) < complexity(single(FORMATS["binary32"], 1.0, 1.0, 1.0))
    assert all(complexity(one) < complexity(case) for case in small(3, 5) if case != one)


# Saved cases


@settings(max_examples=40, deadline=None)
@given(cases(largest=60))
def test_saved_cases_come_back(case: Case) -> None:
    saved = SavedCase.of(case, note="a note", problems=["a problem"])
    again = SavedCase(**json.loads(saved.to_json()))
    assert again == saved
    assert again.case() == case
    for name in case.values:
        assert again.case().values[name].tobytes() == case.values[name].tobytes()


def saved_document() -> dict[str, Any]:
    case = single(FORMATS["binary16"], 1.0, 2.0, 3.0)
    return dict(json.loads(SavedCase.of(case).to_json()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": ["0x1.0p+0 0x1.0p+0"]}, "x: expected 1 numbers in a row, got 2"),
        ({"x": []}, "x: expected 1 rows, got 0"),
        ({"x": ["nan"]}, "x: expected a hexadecimal float, got 'nan'"),
        ({"x": ["1e3"]}, "x: expected a hexadecimal float, got '1e3'"),
        ({"x": ["0x1.0p+20"]}, "x[0, 0, 0, 0] is 1048576.0, which binary16 does not hold exactly"),
        ({"x": [f"0x1.{'0' * 30}1p+0"]}, "is not a number that float64 holds exactly"),
        ({"x": ["0x1p+9999"]}, "x: expected a hexadecimal float, got '0x1p+9999'"),
        ({"eps": {"x": "0x0p+0"}}, "eps: expected one of each of x, weight, bias, grad_output"),
        ({"schema": 1}, "schema: "),
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"format": "binary128"}, "format: unknown name 'binary128'"),
        ({"label": "a b"}, "label: "),
    ],
)
def test_saved_cases_are_refused(
    change: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "case.json"
    document = saved_document()
    document["operands"] |= {name: rows for name, rows in change.items() if name == "x"}
    document |= {name: value for name, value in change.items() if name != "x"}
    path.write_text(json.dumps(document))
    result = run(monkeypatch, str(path))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {path}: ") or result.stderr.count("error: ") == 1
    assert message in result.stderr
    assert len([line for line in result.stderr.splitlines() if "error" in line]) == 1


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":' * 100_000, "\x00"])
def test_files_that_are_no_saved_cases(text: str, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"case\.json: ") as caught:
        SavedCase.load(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        SavedCase.load(tmp_path / "missing.json")


def test_large_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    with path.open("wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(InputError, match="more than 16777216 bytes"):
        SavedCase.load(path)


def test_saved_cases_and_new_ones_hold_in_lean(lean: Lean) -> None:
    saved = [SavedCase.load(path).case() for path in SAVED]
    assert len(saved) >= 10
    judge = Judge(lean, DEFINITIONS)
    verdicts = judge.judge([*saved, *small(20, 12)])
    assert [(v.case.label, v.problems) for v in verdicts if v.problems] == []
    assert judge.runs == 1


def test_saved_cases_reach_every_corner_in_every_format() -> None:
    seen: set[tuple[str, str]] = set()
    shapes: set[str] = set()
    for path in SAVED:
        case = SavedCase.load(path).case()
        shapes |= set(features(case.geometry))
        count = corners(case, DEFINITIONS)
        seen |= {(case.format, corner) for corner in CORNERS if count[corner]}
    assert {(f, corner) for f in FORMATS for corner in CORNERS} - seen == set()
    assert shapes == set(FEATURES)


# The command


def test_the_command_is_deterministic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    arguments = ("--outputs", "500", "--seed", "11")
    first = run(monkeypatch, *arguments, "--json", "--report", str(path))
    assert first.exit_code == 0
    report = json.loads(first.stdout)
    assert json.loads(path.read_text()) == report
    assert report["passed"] is True
    assert report["finished"] is True
    assert (
        500
        <= report["outputs"]
        == sum(entries_of(numbered(11, n).case.geometry) for n in range(report["cases"]))
    )
    names = "".join(f"{numbered(11, n).case.name}\n" for n in range(report["cases"]))
    assert report["cases_sha256"] == hashlib.sha256(names.encode()).hexdigest()
    again = run(monkeypatch, *arguments, "--json", "--batch", "2")
    assert {**json.loads(again.stdout), "seconds": 0} == {**report, "seconds": 0}


def test_the_command_prints_what_was_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, "--minutes", "0.0001", "--batch", "3")
    assert result.exit_code == 0
    assert "no divergence" in result.stdout
    report = json.loads(run(monkeypatch, "--outputs", "1", "--batch", "3", "--json").stdout)
    assert set(report["kinds"]) == set(KINDS)
    assert all(name in result.stdout for name in KINDS)
    printed = run(monkeypatch, "--outputs", "1", "--batch", "3").stdout
    missed = printed.partition("not reached: ")[2].partition("\n")[0].split(", ")
    covered = {**report["features"], **report["corners"], **report["formats"], **report["eps"]}
    assert missed == [name for name, count in covered.items() if not count] != []
    assert result.stderr.startswith("using the literal execution in the tests\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--minutes", "0"), "--minutes: expected a positive number, got 0"),
        (("--minutes", "nan"), "--minutes: expected a positive number, got nan"),
        (("--report", "no/such/folder.json"), "--report"),
        (("--save", __file__), "--save: expected a folder"),
        (("nowhere.json",), "nowhere.json: no such file"),
        ((str(SAVED[0]), "--outputs", "3"), "--outputs does not apply to saved cases"),
        ((str(SAVED[0]), str(SAVED[0])), "the same case as in"),
    ],
)
def test_bad_usage(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, *arguments)
    assert result.exit_code == 2
    assert f"error: {message}" in result.stderr or message in result.stderr
    assert result.stdout == ""


def test_lean_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lean=LeanNotFound("there is no Lean here")).exit_code == 3
    recorded_lean = LiteralLean()
    recorded_lean.kind = "recorded"
    result = run(monkeypatch, lean=recorded_lean)
    assert result.exit_code == 3
    assert "error: a random case needs Lean itself" in result.stderr


class Interrupted(LiteralLean):
    """A Lean during whose later runs something is raised."""

    def __init__(self, end: BaseException, runs: int = 1) -> None:
        super().__init__()
        self.end = end
        self.runs = runs

    def evaluate(self, case_text: str) -> str:
        self.runs -= 1
        if self.runs < 0:
            raise self.end
        return super().evaluate(case_text)


@pytest.mark.parametrize(
    ("end", "status"), [(KeyboardInterrupt(), 130), (LeanError("it crashed"), 1)]
)
def test_what_was_compared_is_reported(
    end: BaseException, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    result = run(monkeypatch, "--batch", "3", "--report", str(path), lean=Interrupted(end))
    assert result.exit_code == status
    assert "ended early; 3 cases" in result.stdout
    report = json.loads(path.read_text())
    assert (report["cases"], report["finished"]) == (3, False)
    assert ("error: it crashed" in result.stderr) == (status == 1)


def test_an_interrupt_while_shrinking_keeps_the_case(
    odd: LiteralLean, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ("--batch", "10", "--seed", "1", "--save", str(tmp_path))
    result = run(monkeypatch, *arguments, lean=Interrupted(KeyboardInterrupt()))
    assert result.exit_code == 1
    (file,) = tmp_path.iterdir()
    case = SavedCase.load(file).case()
    assert case == numbered(1, int(case.label.rpartition("-")[2])).case


# The record


def test_the_record_is_of_these_cases() -> None:
    document = json.loads((PAGE.parent / "fuzzing.json").read_text(encoding="utf-8"))
    passed = document.pop("passed")
    record = FuzzReport(**document)
    drawn = list(islice(stream(record.seed), record.cases))
    digest = hashlib.sha256("".join(f"{d.case.name}\n" for d in drawn).encode()).hexdigest()
    assert digest == record.cases_sha256
    outputs = sum(entries_of(d.case.geometry) for d in drawn)
    assert outputs == record.outputs >= 100_000
    assert passed is record.passed is True
    assert record.findings() == ""
    assert set(record.features) | set(record.corners) == {*FEATURES, *CORNERS}
    assert set(record.eps) | set(record.formats) == {*EPS, *FORMATS}
    assert all(kind.reached for kind in record.kinds.values())


def test_the_page_is_about_the_record_and_the_saved_cases() -> None:
    text = PAGE.read_text(encoding="utf-8")
    record = json.loads((PAGE.parent / "fuzzing.json").read_text(encoding="utf-8"))
    for key in ("cases", "outputs", "tampered"):
        assert f"{record[key]:,} " in text
    assert f"in {record['seconds']:g} s" in text
    for path in SAVED:
        if not path.stem.startswith("fuzz-"):
            assert f"`{path.stem}`" in text


def test_an_empty_run_does_not_pass() -> None:
    campaign = Campaign(LiteralLean(), DEFINITIONS, 0)  # type: ignore[arg-type]
    report = campaign.report()
    assert isinstance(report, FuzzReport)
    assert not report.passed
    assert math.isfinite(report.seconds)
