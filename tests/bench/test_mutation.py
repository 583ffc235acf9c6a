"""The mutation harness: it catches what is planted, says what survives, and touches nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.mutation.catalogue import FAULTS
from bench.mutation.checks import CHECKS, Found
from bench.mutation.command import chosen, mutation
from bench.mutation.document import DOCUMENT, document
from bench.mutation.fault import PLACES, AnswerEdit, Fault, FileEdit, PlantingError, SourceEdit
from bench.mutation.harness import FEW_CASES, ProbeError, Run, Verdict, run
from bench.mutation.lean import KeptLean
from bench.mutation.workspace import TREE, planted, snapshot
from pybridge.lean import LeanError, find

RUNNER = CliRunner()
SMALL = ("binary32-basic-eps", "binary16-tiny")
NO_OP = Fault(
    "no-op",
    "A comment is reworded.",
    "reference evaluator",
    (SourceEdit("pybridge/engine/upward.py", '"""Float64 arithmetic', '"""float64 arithmetic'),),
    quick=True,
)
BLIND = Fault(
    "blind",
    "Nothing is compared.",
    "checker",
    (SourceEdit("pybridge/check/compare.py", "return value == lean and", "return True or"),),
)


@pytest.fixture
def lean() -> Iterator[KeptLean]:
    recorded = find("recorded")
    yield KeptLean(recorded)
    recorded.close()


def named(name: str) -> Fault:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    return fault


def contents() -> dict[str, str]:
    files = [*(TREE / "pybridge").rglob("*.py"), *(TREE / "lean").rglob("*.lean")]
    files += (TREE / "pybridge").rglob("*.json*")
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_faults_of_every_kind_are_caught() -> None:
    before = contents()
    result = RUNNER.invoke(app, ["mutation", "--quick", "--lean", "recorded", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["passed"] is True
    assert [fault["name"] for fault in found["faults"]] == [f.name for f in chosen([], quick=True)]
    assert {fault["place"] for fault in found["faults"]} == set(PLACES)
    assert all(fault["caught"] and fault["found"] for fault in found["faults"])
    assert contents() == before


def test_the_list() -> None:
    assert len(FAULTS) >= 45
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len({fault.imitates for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.imitates.endswith(".")
        assert fault.edits
        for module in fault.tests:
            assert len(list((TREE / "tests").rglob(f"{module}.py"))) == 1


def test_every_fault_can_be_planted() -> None:
    with snapshot() as base, planted(base, None) as root:
        for fault in FAULTS:
            for edit in fault.edits:
                edit.plant(root)
            for file in fault.files:
                assert (root / file).read_bytes() != (base / file).read_bytes()
                shutil.copy2(base / file, root / file)


def test_the_page_has_every_fault_and_what_caught_it() -> None:
    page = (TREE / "docs" / DOCUMENT).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \|(.*)\|$", page, re.MULTILINE))
    assert list(rows) == [fault.name for fault in FAULTS]
    for fault in FAULTS:
        assert fault.imitates in rows[fault.name]
        assert rows[fault.name].count("●") == 1, f"{fault.name} is not caught in the page"
    assert f"Of {len(FAULTS)} faults that were planted, {len(FAULTS)} were caught." in page
    for check, what in CHECKS.items():
        assert f"- *{check}*: {what}."[:60] in page


def test_a_survivor_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"quick": True, "directory": None, "lean": "recorded", "faults": (NO_OP,)}
    assert mutation([], json=True, **arguments) == 1  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert json.loads(said.out)["passed"] is False
    assert "bench: no-op survives: A comment is reworded." in said.err


def test_a_check_that_is_blind_is_caught_by_a_planted_answer(lean: KeptLean) -> None:
    answers = (named("answer-value-one-ulp"),)
    (seeing,) = run([BLIND], lean, cases=SMALL, answers=answers).verdicts
    assert seeing.found == (
        Found("planted", "it overlooks the planted answer answer-value-one-ulp"),
    )
    (without,) = run([BLIND], lean, cases=SMALL).verdicts
    assert not without.caught


def test_the_tests_are_run_where_nothing_else_catches_it(lean: KeptLean) -> None:
    (verdict,) = run([named("half-ulp-of-rounded-product")], lean, cases=SMALL).verdicts
    assert verdict.found == (Found("tests", "test_upward.py::test_product_binade"),)


def test_a_tree_that_is_faulty_already_is_refused(lean: KeptLean) -> None:
    with (
        snapshot() as base,
        planted(base, named("bound-sum-inward")) as root,
        pytest.raises(ProbeError, match=r"^without a fault, bounds finds: binary32-basic-eps"),
    ):
        run([NO_OP], lean, cases=SMALL, tree=root)


def test_a_fault_that_ends_the_checks_is_refused(lean: KeptLean) -> None:
    edit = SourceEdit("pybridge/engine/upward.py", "from typing import", "from typo import")
    fault = Fault("no-import", "A misspelt import.", "reference evaluator", (edit,))
    with pytest.raises(ProbeError, match="no-import: ModuleNotFoundError: No module named 'typo'"):
        run([fault], lean, cases=SMALL)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            SourceEdit("pybridge/engine/upward.py", "no such text", "x"),
            "expected 'no such text' once",
        ),
        (SourceEdit("pybridge/engine/upward.py", "return", "x"), "once, found it [0-9]+ times"),
        (
            SourceEdit("pybridge/engine/upward.py", "_LEAST = 2.0**-1074", "_LEAST = 2.0**-1074"),
            "as it",
        ),
        (FileEdit("lean-toolchain", lambda content: content), "nothing would change"),
        (AnswerEdit(lambda text: text), "nothing: no answer was altered"),
    ],
)
def test_a_fault_that_changes_nothing_is_refused(
    edit: SourceEdit | FileEdit | AnswerEdit, message: str, lean: KeptLean
) -> None:
    fault = Fault("nothing", "Nothing.", "reference evaluator", (edit,))
    with pytest.raises(PlantingError, match=message):
        run([fault], lean, cases=SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "no-such-fault"], "error: --only: no fault matches 'no-such-fault'"),
        (["--write", "--quick"], "error: --write needs every fault: leave out --only and --quick"),
        (["--write", "--only", "ties-*"], "error: --write needs every fault"),
    ],
)
def test_bad_usage(options: list[str], message: str) -> None:
    result = RUNNER.invoke(app, ["mutation", *options])
    assert result.exit_code == 2
    assert message in result.stderr


def test_lean_evaluates_a_case_once() -> None:
    asked: list[str] = []

    class Counting:
        description = "Lean 4.28.0 in /some/where"

        def evaluate(self, text: str) -> str:
            asked.append(text)
            if "wrong" in text:
                raise LeanError("not that one")
            return "".join(
                f"case {name}\nrefused x\nend {name}\n" for name in re.findall("case (.*)\n", text)
            )

    kept = KeptLean(Counting())  # type: ignore[arg-type]
    assert kept.description == "Lean 4.28.0"
    first, second, wrong = (f"case {name}\nx 1\nend\n" for name in ("a", "b", "wrong"))
    assert kept.evaluate(first).startswith("case a\n")
    assert kept.evaluate(second + first) == ("case b\nrefused x\nend b\ncase a\nrefused x\nend a\n")
    assert asked == [first, second]
    with pytest.raises(LeanError, match="not that one"):
        kept.evaluate(wrong)


def test_the_page_marks_the_first_check_and_the_others() -> None:
    fault = named("ties-to-odd")
    found = (Found("values", "a `value`"), Found("replay", "another"))
    page = document(Run("a Lean", ("*",), (Verdict(fault, found), Verdict(NO_OP, ()))))
    assert "Of 2 faults that were planted, 1 were caught. Lean: a Lean." in page
    assert f"| `ties-to-odd` | {fault.imitates} | `formats.py` | ● | ○ |" in page
    assert "| `no-op` | A comment is reworded. | `upward.py` |  |  |" in page
    assert "- `ties-to-odd`: `a 'value'`" in page
    assert "- `no-op`: `it survives`" in page
    assert re.search(r"\| values \| 1 \| 1 \| 0 \|", page)


def test_the_short_form_has_the_cases_it_names() -> None:
    from pybridge.check.suite import suite

    assert set(FEW_CASES) <= {case.label for case in suite()}
