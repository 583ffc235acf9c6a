"""Recorded evaluations: found, tied to sources and cases, and refused when stale or damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pybridge import lean
from pybridge.check.suite import suite
from pybridge.cli.check import check_cases
from pybridge.exported.document import load_definitions
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.recorded import RecordedLean, program_sources, write_recording
from pybridge.lean.sources import Project

FIRST, SECOND = "case a#1\nx 0x1p0\nend\n", "case b#2\nx 0x1p1\nend\n"
RESULTS = {name: f"case {name}\nrefused {name}\nend {name}\n" for name in ("a#1", "b#2")}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "lean").mkdir()
    (tmp_path / "lean" / "Evaluate.lean").write_text("import Used\n")
    (tmp_path / "lean" / "Used.lean").write_text("def x := 1\n")
    (tmp_path / "lean" / "Other.lean").write_text("")
    return Project(tmp_path / "lean", tmp_path)


@pytest.fixture
def recording(tmp_path: Path, project: Project) -> Path:
    path = tmp_path / "recorded" / "evaluations.json.gz"
    write_recording(
        path,
        [FIRST, SECOND],
        "".join(RESULTS.values()),
        export="{}",
        lean="Lean 4.28.0",
        sources=program_sources(project.sources),
    )
    return path


def find(project: Project | None, path: Path, of: Project) -> RecordedLean:
    return RecordedLean.find(project, path=path, expected=program_sources(of.sources))


def test_results_come_in_the_order_of_the_cases(project: Project, recording: Path) -> None:
    lean = find(project, recording, project)
    assert lean.evaluate(SECOND + FIRST) == RESULTS["b#2"] + RESULTS["a#1"]
    assert lean.export() == "{}"
    assert lean.description == "2 recorded evaluations by Lean 4.28.0"


def test_a_recording_is_reproducible(tmp_path: Path, project: Project, recording: Path) -> None:
    again = tmp_path / "again.json.gz"
    write_recording(
        again,
        [SECOND, FIRST],
        RESULTS["b#2"] + RESULTS["a#1"],
        export="{}",
        lean="Lean 4.28.0",
        sources=program_sources(project.sources),
    )
    assert again.read_bytes() == recording.read_bytes()


@pytest.mark.parametrize(
    "text", [FIRST.replace("0x1p0", "0x1p5"), FIRST.replace("a#1", "c#1"), SECOND + "case d\nend\n"]
)
def test_a_case_that_was_not_recorded_is_named(
    project: Project, recording: Path, text: str
) -> None:
    with pytest.raises(LeanError, match=r"the case (a#1|c#1|d) is not among the recorded"):
        find(project, recording, project).evaluate(text)


def test_a_changed_source_makes_it_stale(project: Project, recording: Path) -> None:
    before = program_sources(project.sources)
    (project.sources / "Used.lean").write_text("def x := 2\n")
    with pytest.raises(LeanNotFound, match=r"stale: Used\.lean"):
        RecordedLean.find(project, path=recording, expected=before)
    with pytest.raises(LeanNotFound, match=r"stale.*the exported definitions"):
        find(None, recording, project)


def test_a_source_more_or_less_makes_it_stale(project: Project, recording: Path) -> None:
    (project.sources / "Evaluate.lean").write_text("import Used\nimport Other\n")
    with pytest.raises(LeanNotFound, match="stale"):
        find(None, recording, project)


def test_a_source_that_the_program_does_not_use_changes_nothing(
    project: Project, recording: Path
) -> None:
    (project.sources / "Other.lean").write_text("def y := 1\n")
    assert find(project, recording, project).evaluate(FIRST) == RESULTS["a#1"]


def test_without_recording_it_is_not_found(tmp_path: Path, project: Project) -> None:
    with pytest.raises(LeanNotFound, match="no recorded evaluations"):
        find(project, tmp_path / "none.json.gz", project)


def test_a_damaged_recording_is_refused(project: Project, recording: Path) -> None:
    whole = recording.read_bytes()
    unknown = gzip.compress(json.dumps({**json.loads(gzip.decompress(whole)), "x": 1}).encode())
    for content in (b"", whole[:-9], whole[: len(whole) // 2], b"{}", unknown):
        recording.write_bytes(content)
        with pytest.raises(LeanNotFound, match="damaged"):
            find(project, recording, project)


def test_a_result_of_another_case_is_refused(project: Project, recording: Path) -> None:
    content = json.loads(gzip.decompress(recording.read_bytes()))
    first, second = content["cases"]
    content["cases"] = {first: content["cases"][second], second: content["cases"][first]}
    recording.write_bytes(gzip.compress(json.dumps(content).encode()))
    with pytest.raises(LeanError, match="the case a#1 is damaged"):
        find(project, recording, project).evaluate(FIRST)


def test_results_of_other_cases_are_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(LeanError, match="lacks the case b#2"):
        write_recording(
            tmp_path / "r", [FIRST, SECOND], RESULTS["a#1"], export="", lean="", sources={}
        )


def test_a_recording_neither_builds_nor_checks(project: Project, recording: Path) -> None:
    lean = find(project, recording, project)
    with pytest.raises(LeanError, match="cannot compile"):
        lean.build()
    with pytest.raises(LeanError, match="cannot check"):
        lean.check(Path("A.lean"))


def test_the_shipped_recording_is_of_the_shipped_sources_and_holds_the_suite() -> None:
    recorded = lean.find("recorded", progress=False)
    report = check_cases(suite(), recorded, load_definitions())
    assert recorded.kind == "recorded"
    assert [case.label for case in report.cases if not case.passed] == []
    assert len(report.cases) == len(suite()) >= 24
