"""The check, against a Lean that executes the definitions literally, and one that is wrong."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import literal
import pytest
from leans import LiteralLean, hexadecimal, invoke, stand_in
from typer.testing import Result

from pybridge.check.compare import check_case
from pybridge.check.networks import compare_networks, networks_text, small_networks
from pybridge.check.report import CaseReport
from pybridge.check.suite import generated_case, suite
from pybridge.cli import check as check_module
from pybridge.cli.check import app
from pybridge.exported.document import digest
from pybridge.lean import LeanError, LeanNotFound
from pybridge.problem.case import Case
from pybridge.problem.geometry import Geometry

SMALL = ["--case", "binary32-one-by-one", "--case", "binary16-overflow"]


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, lean: Any = None, columns: int = 200
) -> Result:
    stand_in(monkeypatch, lean or LiteralLean())
    return invoke(app, arguments, columns)


def test_the_whole_suite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    result = run(monkeypatch, "--json", "--report", str(path))
    assert result.exit_code == 0, result.stdout
    report = json.loads(result.stdout)
    assert json.loads(path.read_text()) == report
    assert report["passed"] is True
    assert report["lean"] == {"kind": "native", "description": LiteralLean.description}
    assert [case["label"] for case in report["cases"]] == [case.label for case in suite()]
    overflowed = 0
    for case in report["cases"]:
        assert case["passed"] is True
        operation = literal.OPERATIONS[case["operation"]]
        assert list(case["tensors"]) == list(operation["results"])
        for tensor in case["tensors"].values():
            assert tensor["problems"] == []
            assert 0 <= tensor["excess"] < 1e-12
            assert 0 <= tensor["error_ratio"] <= 1
            assert math.isfinite(float.fromhex(tensor["bound_linf"]))
            overflowed += tensor["overflowed"]
        last = list(operation["results"])[-1]
        patterns = case["tensors"][last]["patterns"]
        accesses = operation["results"][last]["factors"]
        moved = any(float.fromhex(case["eps"][literal.operand_name(a)]) for a in accesses)
        assert ("plus" in patterns) == moved
        assert patterns[0] == "given"
    assert overflowed
    ratios = [c["tensors"]["output"]["error_ratio"] for c in report["cases"]]
    assert max(ratios) > 0.5
    assert "using the literal execution" in result.stderr
    assert "[" not in result.stderr


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, *SMALL, "--each")
    assert result.exit_code == 0
    assert re.search(r"binary32-one-by-one +output +1×1×1×1 .* yes", result.stdout)
    assert re.search(r"binary16-overflow +output +1×1×1×6 +\d .* yes", result.stdout)
    assert "2 of 2 cases hold" in result.stdout
    assert "the literal execution in the tests" in result.stdout


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_nothing_is_cut_in_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lean = LiteralLean(field_changed("weight.value", scaled(Fraction(-1))))
    arguments = ["binary32-one-by-one", "binary32-depthwise-multiplier", "binary16-overflow"]
    report = json.loads(run(monkeypatch, *arguments, "--json", lean=lean).stdout)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = run(monkeypatch, *arguments, lean=lean, columns=columns).stdout.splitlines()
    assert max(map(len, lines[:-1])) <= columns
    each = run(monkeypatch, *arguments, "--each", lean=lean, columns=columns).stdout
    rows = iter([words(paragraph) for paragraph in each.split("\n\n")])
    for case in report["cases"]:
        ratio = max(tensor["error_ratio"] for tensor in case["tensors"].values())
        verdict = "yes" if case["passed"] else "no "
        assert f"{verdict} {ratio:.3f} {case['label']}" in lines
        for name, tensor in case["tensors"].items():
            row = next(rows)
            shape = "×".join(map(str, tensor["shape"]))
            bound = f"bound linf {float.fromhex(tensor['bound_linf']):.3g}"
            assert row.startswith(f"{case['label']}, result {name}, shape {shape}, ")
            ratio = f"error / bound {tensor['error_ratio']:.3f}"
            assert f"{bound}, excess {tensor['excess']:.1g}, {ratio}, replay + " in row
            problems = "; ".join(problem["text"] for problem in tensor["problems"])
            assert row.endswith(f", holds no: {problems}" if problems else ", holds yes")
    problem = "weight: value unlike Lean's at [0, 0, 0, 0]"
    assert problem in words(" ".join(lines))
    assert [case["passed"] for case in report["cases"]] == [False, True, True]


def test_an_interrupted_check_of_nothing_prints_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> CaseReport:
        raise KeyboardInterrupt

    monkeypatch.setattr(check_module, "check_case", interrupted)
    for arguments in (SMALL, [*SMALL, "--each"]):
        result = run(monkeypatch, *arguments)
        assert result.exit_code == 130
        (line,) = result.stdout.splitlines()
        assert line.startswith("no case was checked against Lean: ")
        assert line.endswith("; incomplete: 2 cases were not checked")


def field_changed(name: str, change: Callable[[list[str]], None]) -> Callable[[str], str]:
    """Changes the tokens of the first line of a result file that has the key `name`."""

    def apply(text: str) -> str:
        lines = text.splitlines()
        (at, *_) = [i for i, line in enumerate(lines) if line.startswith(f"{name} ")]
        tokens = lines[at].split(" ")
        change(tokens)
        lines[at] = " ".join(tokens)
        return "\n".join(lines) + "\n"

    return apply


def scaled(by: Fraction) -> Callable[[list[str]], None]:
    def apply(tokens: list[str]) -> None:
        numerator, denominator = (int(part, 16) for part in tokens[1].split("/"))
        tokens[1] = hexadecimal(Fraction(numerator, denominator) * by)

    return apply


@pytest.mark.parametrize(
    ("key", "factor", "kind"),
    [
        ("tensor0.value", Fraction(-1), "value"),
        ("input.bound", Fraction(2), "bound-below"),
        ("output.bound", Fraction(1, 2), "bound-above"),
        ("output.exact", Fraction(9), "error-beyond-bound"),
    ],
)
def test_networks_unlike_lean_s_are_found(key: str, factor: Fraction, kind: str) -> None:
    cases = list(small_networks())
    answer = LiteralLean(field_changed(key, scaled(factor))).networks(networks_text(cases))
    first, *others = compare_networks(cases, answer)
    assert kind in {problem.kind for problem in first.problems}
    assert all(report.passed for report in others)


def overflowing(tokens: list[str]) -> None:
    tokens[1] = "overflow"


ULP = Fraction(1, 2**60)


@pytest.mark.parametrize(
    ("key", "change", "problem"),
    [
        ("output.value", scaled(1 + ULP), "value unlike Lean's at [0, 0, 0, 0]"),
        ("weight.value", scaled(Fraction(-1)), "value unlike Lean's at [0, 0, 0, 0]"),
        ("weight.bound", scaled(1 + Fraction(1, 2**50)), "bound below Lean's at [0, 0, 0, 0]"),
        (
            "bias.bound",
            scaled(1 - Fraction(11, 10**13)),
            "bound above outward rounding of Lean's at [0]",
        ),
        (
            "input.exact",
            scaled(1 + ULP),
            "Lean's exact value unlike python-flint's at [0, 0, 0, 0]",
        ),
        ("bias.value", overflowing, "overflow only on one side at [0]"),
        ("weight.bound", scaled(Fraction(1, 10)), "true error beyond the bound (plus operands)"),
    ],
)
def test_what_differs_from_lean_is_found(
    key: str, change: Any, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = LiteralLean(field_changed(key, change))
    arguments = ["--case", "binary32-one-by-one", "--case", "binary32-basic"]
    result = run(monkeypatch, *arguments, "--json", lean=lean)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["passed"] is False
    reported = [
        (case["label"], name, problem["text"])
        for case in report["cases"]
        for name, tensor in case["tensors"].items()
        for problem in tensor["problems"]
    ]
    tensor = key.partition(".")[0]
    case = report["cases"][0]["label"]
    assert {entry[:2] for entry in reported} == {(case, tensor)}
    if key == "weight.bound" and "plus" in problem:
        lean_bounds = [text for *_, text in reported if "plus" in text]
        assert lean_bounds or any("beyond" in text for *_, text in reported)
    else:
        assert any(text.startswith(problem) for *_, text in reported), reported
    table = run(monkeypatch, *arguments, lean=lean)
    assert table.exit_code == 1
    assert "\nno  " in table.stdout
    assert f"\n    {tensor}: " in table.stdout
    assert "1 of 2 cases hold" in table.stdout


def definitions_changed(tmp_path: Path, change: Callable[[Any], None], *, sign: bool) -> str:
    document = copy.deepcopy(literal.DOCUMENT)
    change(document["data"])
    if sign:
        document["sha256"] = digest(document)
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps(document))
    return str(path)


def law_without_half_ulp(data: Any) -> None:
    data["laws"]["mul"]["eps"] = data["laws"]["mul"]["eps"]["add"][0]


def red_reversed(data: Any) -> None:
    for contraction in data["operations"]["conv2d"]["results"].values():
        contraction["red"].reverse()
        for operand in contraction["factors"]:
            for axis in operand["axes"]:
                axis["index"]["red"].reverse()


def padding_dropped(data: Any) -> None:
    for axis in data["operations"]["conv2d"]["results"]["weight"]["factors"][0]["axes"]:
        axis["index"]["offset"] = 0


def charged_twice(data: Any) -> None:
    eps = data["laws"]["add"]["eps"]
    data["laws"]["add"]["eps"] = {"add": [eps, eps["add"][1]]}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (law_without_half_ulp, "bound below Lean's"),
        (charged_twice, "bound above outward rounding of Lean's"),
        (red_reversed, "value unlike Lean's"),
        (padding_dropped, "value unlike Lean's"),
    ],
)
def test_changed_definitions_are_found(
    change: Any, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["--case", "binary32-cancelling", "--case", "binary32-basic", "--json"]
    path = definitions_changed(tmp_path, change, sign=True)
    result = run(monkeypatch, *arguments, "--definitions", path)
    assert result.exit_code == 1
    assert problem in result.stdout
    path = definitions_changed(tmp_path, change, sign=False)
    result = run(monkeypatch, *arguments, "--definitions", path)
    assert result.exit_code == 2
    assert "changed after extraction" in result.stderr
    assert result.stdout == ""


def test_a_true_error_beyond_lean_s_bound_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Lean and NumPy agree on a bound that is too small."""
    lean = LiteralLean()
    lean.data = copy.deepcopy(lean.data)
    law_without_half_ulp(lean.data)
    lean.data["laws"]["add"]["eps"] = {"add": [{"var": "x.eps"}, {"var": "y.eps"}]}

    def change(data: Any) -> None:
        data["laws"] = lean.data["laws"]

    path = definitions_changed(tmp_path, change, sign=True)
    arguments = ["--case", "binary32-basic", "--case", "binary32-basic-eps", "--json"]
    result = run(monkeypatch, *arguments, "--definitions", path, lean=lean)
    assert result.exit_code == 1
    assert "true error beyond the bound (given operands)" in result.stdout
    assert "unlike" not in result.stdout
    report = json.loads(result.stdout)
    assert report["cases"][0]["tensors"]["weight"]["error_ratio"] is None


def refusing(text: str) -> str:
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith("end "))
    return "\n".join([lines[0], "refused too large", *lines[end:]]) + "\n"


def first_missing(text: str) -> str:
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith("end "))
    return "\n".join(lines[end + 1 :]) + "\n"


def two_by_two(text: str) -> str:
    lines = text.splitlines()
    second = next(i for i, line in enumerate(lines) if line.startswith("end "))
    for i, line in enumerate(lines[:second]):
        if line.startswith("weight."):
            lines[i] = line + line.removeprefix(line.split(" ")[0]) * 3
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (refusing, "Lean refused this case: too large"),
        (first_missing, "Lean gave no result for this case"),
        (
            field_changed("weight.value", lambda tokens: tokens.append("1/1")),
            "weight has 2 values, 1 exact values and 1 bounds",
        ),
        (
            lambda text: text.replace("weight.", "wait."),
            "Lean gave no entries of weight, expected 1",
        ),
        (two_by_two, "Lean gave 4 entries of weight, expected 1"),
        (lambda text: text.replace(" 1 6\noutput", " 2 3\noutput"), "Lean has the sizes 1 1 1 "),
    ],
)
def test_what_lean_does_not_give_is_no_pass(
    change: Any, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, *SMALL, "--json", lean=LiteralLean(change))
    if not problem.startswith("Lean "):
        assert result.exit_code == 1
        assert problem in result.stderr
    else:
        assert result.exit_code == 1
        problems = [case["problem"] for case in json.loads(result.stdout)["cases"]]
        assert any(entry["text"].startswith(problem) for entry in problems if entry)
    assert run(monkeypatch, *SMALL, lean=LiteralLean(change)).exit_code == result.exit_code


@pytest.mark.parametrize("error", [LeanNotFound("no Lean was found"), LeanError("Lean crashed")])
def test_no_lean(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, lean=error)
    assert result.exit_code == (3 if isinstance(error, LeanNotFound) else 1)
    assert result.stderr == f"error: {error}\n"
    assert result.stdout == ""


def test_own_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (
        "--x 2,4,5,4 --weight 6,2,3,2 --groups 2 --stride 2,1 --padding 1,0,0,2 --dilation 1"
    )
    options = ["--format", "bfloat16", "--eps", "0.5,0x1p-3,0,1e-3", "--kind", "ties", "--json"]
    result = run(monkeypatch, *arguments.split(), *options)
    assert result.exit_code == 0, result.stderr
    (case,) = json.loads(result.stdout)["cases"]
    assert case["geometry"]["windows"][0] == {
        "size": 5,
        "kernel": 3,
        "stride": 2,
        "pad_begin": 1,
        "pad_end": 0,
        "dilation": 1,
        "transposed": False,
        "output_padding": 0,
    }
    assert case["label"] == "bfloat16-own"
    assert case["eps"]["weight"] == "0x1.0000000000000p-3"
    assert case["tensors"]["input"]["patterns"][:3] == ["given", "plus", "minus"]
    other = run(monkeypatch, *arguments.split(), *options, "--seed", "3")
    assert json.loads(other.stdout)["cases"][0]["name"] != case["name"]


def test_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    geometry = Geometry.of((1, 1, 3, 3), (1, 1, 2, 2), stride=2, padding=1)
    case = generated_case("mine", geometry, "float64", eps=(0.5, 0, 0, 0))
    path = tmp_path / "mine.npz"
    case.save(path)
    result = run(monkeypatch, str(path), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["cases"][0]["name"] == case.name
    result = run(monkeypatch, str(path), str(path), "--json", "--eps", "0.25")
    assert json.loads(result.stdout)["cases"][0]["eps"]["bias"] == "0x1.0000000000000p-2"
    result = run(monkeypatch, str(path), "--stride", "1")
    assert result.exit_code == 2
    assert "grad_output has shape (1, 1, 2, 2), but" in result.stderr


def test_choosing_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--case", "*-overflow", "--format", "float16", "--json"]
    result = run(monkeypatch, *arguments)
    assert [c["label"] for c in json.loads(result.stdout)["cases"]] == ["binary16-overflow"]
    seeded = run(monkeypatch, *arguments, "--seed", "5")
    assert seeded.exit_code == 0
    names = [json.loads(r.stdout)["cases"][0]["name"] for r in (result, seeded)]
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--x 1,1,2,2", "an own geometry needs both --x and --weight"),
        ("--x 1,1,2 --weight 1,1,1,1", "--x: expected 4 integers with commas, got '1,1,2'"),
        ("--x 1,1,2,2 --weight 1,2,1,1", "x has 1 channels, but weight of shape (1, 2, 1, 1)"),
        ("--x 1,1,2,2 --weight 1,1,1,a", "--weight: expected 4 integers with commas"),
        ("--x 1,1,2,2 --weight 1,1,1,1 --eps -1", "eps_x: expected a finite non-negative"),
        ("--x 1,1,2,2 --weight 1,1,1,1 --eps 1,2", "--eps: expected 1 or 4 numbers with commas"),
        ("--x 1,1,2,2 --weight 1,1,1,1 --kind odd", "kind: unknown 'odd', expected one of"),
        ("--x 1,1,2,2 --weight 1,1,1,1 --case a", "'a' is neither a built-in case's label nor"),
        ("--padding 1,2,3", "--padding: expected 1 or 2 or 4 integers with commas"),
        ("--stride 2", "--stride does not apply to built-in cases: expected --x or a file"),
        ("--eps 2", "--eps does not apply to built-in cases"),
        ("--case nothing", "'nothing' is neither a built-in case's label nor a .npz "),
        ("binary32-tie", "a .npz file: did you mean binary32-ties or "),
        ("binary32-ties --stride 2", "--stride does not apply to built-in cases"),
        ("--format float8", "format: unknown name 'float8'"),
        ("absent.npz", "absent.npz: no such file"),
        ("--report absent/report.json", "--report: the folder absent does not exist"),
        ("--definitions absent.json", "absent.json: no such file"),
    ],
)
def test_bad_usage(
    arguments: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(monkeypatch, *arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_unknown_options_and_help(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--lena", "native").exit_code == 2
    assert run(monkeypatch, "--seed", "x").exit_code == 2
    assert run(monkeypatch, "--lean", "nativ").exit_code == 2
    result = run(monkeypatch, "--help")
    assert result.exit_code == 0
    assert "python -m pybridge.check --x 2,4,8,8 --weight 6,2,3,3" in result.stdout
    assert "Exit status: 0 all hold" in result.stdout


def test_a_case_of_every_sign_pattern() -> None:
    from pybridge.check.compare import sign_patterns

    geometry = Geometry.of((1, 1, 3, 3), (1, 1, 2, 2))
    case = generated_case("a", geometry, "float32", eps=(0.5, 0.0, 0.0, 0.0))
    patterns = dict(sign_patterns(case, 1))
    assert set(patterns["plus"]["x"].ravel()) == {1.0}
    assert (patterns["outward"]["weight"] * case.values["weight"] >= 0).all()
    assert (patterns["inward"]["x"] == -patterns["outward"]["x"]).all()
    assert set(patterns["random-1"]["x"].ravel()) == {1.0, -1.0}
    again = dict(sign_patterns(case, 1))
    assert all((again[p]["x"] == patterns[p]["x"]).all() for p in patterns)
    exact = generated_case("a", geometry, "float32")
    assert isinstance(exact, Case)
    assert list(dict(sign_patterns(exact, 1))) == ["given"]


def test_an_interrupt_keeps_what_was_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checked: list[str] = []

    def interrupted(case: Case, *arguments: Any) -> CaseReport:
        if checked:
            raise KeyboardInterrupt
        checked.append(case.name)
        return check_case(case, *arguments)

    monkeypatch.setattr(check_module, "check_case", interrupted)
    path = tmp_path / "report.json"
    result = run(monkeypatch, *SMALL, "--report", str(path))
    assert result.exit_code == 130
    assert result.stderr.endswith("error: interrupted; checked before: 1 of 2 cases\n")
    assert "1 of 1 cases hold" in result.stdout
    assert "incomplete: 1 cases were not checked" in result.stdout
    report = json.loads(path.read_text())
    assert [case["name"] for case in report["cases"]] == checked
    assert len(report["missing"]) == 1
    assert (report["stopped"], report["passed"]) == ("interrupted", False)


def test_large_cases_are_evaluated_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Counting(LiteralLean):
        def evaluate(self, case_text: str) -> str:
            asked.append(case_text.count("case "))
            return super().evaluate(case_text)

    monkeypatch.setattr(check_module, "_BATCH", 1)
    assert run(monkeypatch, *SMALL, lean=Counting()).exit_code == 0
    assert asked == [1, 1]


def test_a_lean_that_dies_later_leaves_what_was_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(LiteralLean):
        def evaluate(self, case_text: str) -> str:
            if "binary16" in case_text:
                raise LeanError("Lean died")
            return super().evaluate(case_text)

    monkeypatch.setattr(check_module, "_BATCH", 1)
    result = run(monkeypatch, *SMALL, "--json", lean=Dying())
    assert result.exit_code == 1
    assert result.stderr.endswith("error: Lean died; checked before: 1 of 2 cases\n")
    report = json.loads(result.stdout)
    assert [case["label"] for case in report["cases"]] == ["binary32-one-by-one"]
    assert (report["stopped"], report["passed"]) == ("Lean died", False)


@pytest.mark.parametrize("eps", ["1e-400", "0x1p-2000", "-1e-400", "0x0.8p-1074", "1e999", "nan"])
def test_an_eps_that_float64_does_not_hold_is_refused(
    eps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, "--x", "1,1,1,1", "--weight", "1,1,1,1", f"--eps={eps}")
    assert result.exit_code == 2
    assert f"error: --eps: {eps!r} is beyond float64" in result.stderr


@pytest.mark.parametrize("eps", ["0", "0.0e5", "0x0p9", "-0", "5e-324", "0x1p-1074", "00.10"])
def test_an_eps_that_float64_holds_is_taken(eps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--x", "1,1,1,1", "--weight", "1,1,1,1", f"--eps={eps}", "--json"]
    assert run(monkeypatch, *arguments).exit_code == 0
