"""The commands on Lean, their exit statuses, and where things are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from leans import FakeLean, stand_in
from typer.testing import CliRunner

from pybridge.check.suite import suite
from pybridge.cli import record
from pybridge.cli.lean import app
from pybridge.lean import discovery, find
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import Lean, Message
from pybridge.lean.recorded import RecordedLean, program_sources
from pybridge.lean.sources import Project, cache_dir, sources_dir

SORRY = Message("A.lean", 1, 0, "warning", "declaration uses `sorry`", sorry=True)
WARNING = Message("A.lean", 2, 0, "warning", "unused")
ERROR = Message("A.lean", 3, 4, "error", "no")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeLean:
    lean = FakeLean()
    stand_in(monkeypatch, lean)
    return lean


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_setup_says_what_is_used(fake: FakeLean) -> None:
    assert run("setup") == (0, "", "using fake Lean\n")
    assert fake.closed


@pytest.mark.parametrize(
    ("messages", "failed", "status"),
    [
        ((), {}, 0),
        ((WARNING,), {}, 0),
        ((WARNING, SORRY), {}, 1),
        ((ERROR,), {"A": "Lean reports errors"}, 1),
        ((), {"A": "its import B failed"}, 1),
    ],
)
def test_a_build_fails_for_errors_and_missing_proofs(
    fake: FakeLean, messages: tuple[Message, ...], failed: dict[str, str], status: int
) -> None:
    fake.messages, fake.failed = messages, failed
    code, out, _ = run("build", "X")
    assert code == status
    assert all(str(message) in out for message in messages)
    assert all(f"{module}: not built: {reason}" in out for module, reason in failed.items())
    unproved = 1 if SORRY in messages else 0
    assert out.splitlines()[-1] == f"1 built, {len(failed)} failed, {unproved} unproved"


@pytest.mark.parametrize(("message", "status"), [(WARNING, 0), (SORRY, 1), (ERROR, 1)])
def test_a_check_fails_for_errors_and_missing_proofs(
    fake: FakeLean, tmp_path: Path, message: Message, status: int
) -> None:
    fake.messages = (message,)
    (tmp_path / "A.lean").write_text("")
    assert run("check", str(tmp_path / "A.lean"))[:2] == (status, f"{message}\n")


def test_run_evaluates_and_exports(fake: FakeLean, tmp_path: Path) -> None:
    cases, output = tmp_path / "cases", tmp_path / "out"
    cases.write_text("case a\nend\n")
    expected = "case a\nrefused no\nend a\n"
    assert run("run", "--cases", str(cases))[:2] == (0, expected)
    assert run("run", "--cases", str(cases), "--output", str(output))[:2] == (0, "")
    assert output.read_text() == expected
    assert run("run")[:2] == (0, "{}\n")


def test_networks_that_do_not_hold_fail(fake: FakeLean, tmp_path: Path) -> None:
    code, out, _ = run("run", "--net")
    assert code == 1
    assert "Lean refused this case: no" in out
    assert json.loads(run("run", "--net", "--json")[1])[0]["passed"] is False
    assert run("run", "--net", "--output", str(tmp_path / "net"))[:2] == (1, "")
    assert "refused no" in (tmp_path / "net").read_text()


def test_the_commands_print_json(fake: FakeLean, tmp_path: Path) -> None:
    assert json.loads(run("setup", "--json")[1]) == {"kind": "native", "description": "fake Lean"}
    fake.messages, fake.failed = (ERROR,), {"A": "Lean reports errors"}
    built = json.loads(run("build", "X", "--json")[1])
    assert (built["ok"], built["built"], built["failed"]) == (False, ["X"], fake.failed)
    (tmp_path / "A.lean").write_text("")
    (message,) = json.loads(run("check", str(tmp_path / "A.lean"), "--json")[1])
    assert Message(**message) == ERROR
    (tmp_path / "cases").write_text("case a\nend\n")
    results = json.loads(run("run", "--cases", str(tmp_path / "cases"), "--json")[1])
    assert results == {"a": {"refused": "no", "tensors": {}}}


def test_a_failure_of_lean_is_status_1(fake: FakeLean, tmp_path: Path) -> None:
    fake.error = LeanError("Lean did not answer\nwithin 1 s")
    (tmp_path / "cases").write_text("case a\nend\n")
    code, out, err = run("run", "--cases", str(tmp_path / "cases"))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "error: Lean did not answer within 1 s"
    assert fake.closed


def test_without_lean_the_status_is_3(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, LeanNotFound("no Lean"))
    assert run("setup") == (3, "", "error: no Lean\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("build", "--lean", "other"),
        ("build", "--timeout", "0"),
        ("check", "/nonexistent.lean"),
        ("run", "--cases", "/nonexistent"),
        ("run", "--output", "/nonexistent/out"),
        ("unknown",),
    ],
)
def test_bad_usage_is_status_2(fake: FakeLean, arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_the_suite_is_recorded(fake: FakeLean, tmp_path: Path) -> None:
    path = tmp_path / "recording.json.gz"
    said = record.record(path)
    assert said == f"recorded {len(suite())} cases in {path}"
    recorded = RecordedLean.find(Project.find(), path=path, expected=program_sources(sources_dir()))
    text = suite()[0].to_text()
    assert recorded.evaluate(text) == fake.evaluate(text)
    assert recorded.export() == "{}\n"


def test_a_recording_is_not_recorded(fake: FakeLean, tmp_path: Path) -> None:
    fake.kind = "recorded"
    with pytest.raises(LeanError, match="a recording needs Lean itself"):
        record.record(tmp_path / "recording.json.gz")


Way = Literal["native", "wasm", "recorded"]


@pytest.mark.parametrize("there", ["native", "wasm", "recorded", None])
def test_auto_takes_the_first_that_is_there(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], there: Way | None
) -> None:
    ways: tuple[Way, ...] = ("native", "wasm", "recorded")
    for way, name in zip(ways, ("NativeLean", "WasmLean", "RecordedLean"), strict=True):

        def find_one(*_: object, way: Way = way, **__: object) -> Lean:
            if way != there:
                raise LeanNotFound(f"no {way} here")
            return FakeLean(way)

        monkeypatch.setattr(getattr(discovery, name), "find", find_one)
    if there is None:
        with pytest.raises(LeanNotFound, match=r"no native here; .*no wasm.*no recorded"):
            find("auto")
    else:
        assert find("auto").kind == there
    said = capfd.readouterr().err
    passed = ways if there is None else ways[: ways.index(there)]
    assert [f"no {way} here" in said for way in ways] == [way in passed for way in ways]


def test_a_time_limit_is_positive() -> None:
    with pytest.raises(LeanError, match="time limit is 0 s"):
        find("recorded", timeout=0)


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYBRIDGE_CACHE", str(tmp_path / "c"))
    assert cache_dir() == tmp_path / "c"
    monkeypatch.setenv("PYBRIDGE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir().is_relative_to(tmp_path)
    assert cache_dir().name == "pybridge"


def test_the_sources_are_those_of_the_checkout() -> None:
    project = Project.find()
    assert project.is_checkout
    assert project.sources == sources_dir() == Path(__file__).resolve().parents[2] / "lean"
    assert project.build_dir("wasm") == project.root / ".lake" / "wasm"


def test_what_a_wheel_builds_goes_to_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYBRIDGE_CACHE", str(tmp_path / "cache"))
    for name in ("Evaluate.lean", "lakefile.lean", "lean-toolchain"):
        (tmp_path / name).write_text("")
    project = Project(tmp_path, tmp_path)
    first = project.build_dir("wasm")
    assert first.parent == tmp_path / "cache"
    (tmp_path / "Evaluate.lean").write_text("-- changed")
    assert project.build_dir("wasm") != first
