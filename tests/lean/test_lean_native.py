"""Native Lean, with stand-ins for `lake` that behave well, fail, hang, or are too old."""

from __future__ import annotations

from pathlib import Path

import pytest
from leans import ends

from pybridge.lean import discovery
from pybridge.lean.discovery import find
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import PINNED, Message
from pybridge.lean.native import NativeLean
from pybridge.lean.process import run_limited
from pybridge.lean.sources import Project

VERSION = "Lean (version 4.28.0, x86_64-unknown-linux-gnu, commit 38f3c0c45b8d, Release)"
EVALUATE = """\
#!/bin/sh
case "$1" in
  cases) sed 's/^/got /' "$2" > "$3" ;;
  export) echo '{}' > "$2" ;;
esac
"""
BUILD_OUTPUT = """\
⚠ [2/9] Replayed A
warning: lean/A.lean:3:8: declaration uses `sorry`
info: lean/A.lean:4:0: two
lines
✖ [3/9] Building A.B (1.2s)
trace: .> lean A/B.lean
error: lean/A/B.lean:7:2: unsolved goals
⊢ False
error: Lean exited with code 1
Some required targets logged failures:
- A.B
error: build failed
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "das Projekt é"
    (root / "lean" / "A").mkdir(parents=True)
    (root / "lakefile.lean").write_text("import Lake\n")
    (root / "lean-toolchain").write_text(f"{PINNED}\n")
    (root / "lean" / "Evaluate.lean").write_text("import A\n")
    (root / "lean" / "A.lean").write_text("")
    (root / "lean" / "A" / "B.lean").write_text("import A\n")
    return Project(root / "lean", root)


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYBRIDGE_CACHE", str(tmp_path / "cache"))
    return folder


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def lake(bin_dir: Path, *, build: str = "exit 0", version: str = f"echo '{VERSION}'") -> Path:
    return script(
        bin_dir / "lake",
        f'case "$*" in\n"env lean --version") {version} ;;\n"build "*) {build} ;;\n'
        f'*) echo "unexpected: $*"; exit 9 ;;\nesac\n',
    )


def program(project: Project, text: str = EVALUATE) -> None:
    script(project.root / ".lake" / "build" / "bin" / "evaluate", text)


def test_it_evaluates_and_exports(project: Project, bin_dir: Path) -> None:
    lake(bin_dir)
    program(project)
    lean = find("native", project=project)
    assert lean.kind == "native"
    assert lean.description == f"native Lean 4.28.0 by {bin_dir / 'lake'}"
    assert lean.evaluate("case é\n") == "got case é\n"
    assert lean.export() == "{}\n"


def test_lake_is_found_where_elan_puts_it(project: Project, bin_dir: Path) -> None:
    lake(bin_dir.parent / ".elan" / "bin")
    assert ".elan" in find("native", project=project).description


@pytest.mark.parametrize("version", ["4.28.0-rc1", "4.28.1", "4.280.0"])
def test_another_version_is_not_taken(project: Project, bin_dir: Path, version: str) -> None:
    lake(bin_dir, version=f"echo 'Lean (version {version}, x86_64, Release)'")
    with pytest.raises(LeanNotFound, match=rf"runs Lean {version}, expected 4\.28\.0"):
        find("native", project=project)


def test_a_failing_lake_is_quoted(project: Project, bin_dir: Path) -> None:
    lake(bin_dir, version="echo 'error: could not download' >&2; exit 1")
    with pytest.raises(LeanNotFound, match="status 1: error: could not download") as caught:
        find("native", project=project)
    assert "\n" not in str(caught.value)


def test_a_version_that_is_none_is_not_taken(project: Project, bin_dir: Path) -> None:
    lake(bin_dir, version="echo hello")
    with pytest.raises(LeanNotFound, match="hello"):
        find("native", project=project)


def test_auto_falls_back_and_says_why(
    project: Project,
    bin_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lake(bin_dir, version="sleep 60")
    monkeypatch.setattr(discovery, "_PROBE", 0.3)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(LeanNotFound, match="there is no Lean here"):
        find("auto", project=project)
    said = capfd.readouterr().err
    assert "native Lean is not used: `lake env lean --version` did not answer" in said
    assert "WebAssembly Lean is not used" in said
    assert "recorded Lean is not used" in said


def test_auto_takes_the_native_lean_first(project: Project, bin_dir: Path) -> None:
    lake(bin_dir)
    assert find("auto", project=project).kind == "native"


def test_another_pin_in_the_project_is_an_error(project: Project, bin_dir: Path) -> None:
    lake(bin_dir)
    (project.root / "lean-toolchain").write_text("leanprover/lean4:v4.27.0\n")
    with pytest.raises(LeanError, match=r"v4\.27\.0.*expected.*v4\.28\.0"):
        find("native", project=project)


@pytest.mark.parametrize(
    ("text", "said"),
    [("echo no room; exit 1", "status 1; it printed: no room"), ("kill -SEGV $$", "status -11")],
)
def test_a_program_that_fails_is_a_clear_error(
    project: Project, bin_dir: Path, text: str, said: str
) -> None:
    lake(bin_dir)
    program(project, f"#!/bin/sh\n{text}\n")
    with pytest.raises(LeanError, match=said):
        find("native", project=project, timeout=3).evaluate("case a\nend\n")


def test_a_build_gives_messages_and_failures(project: Project, bin_dir: Path) -> None:
    output = bin_dir / "output"
    output.write_text(BUILD_OUTPUT, encoding="utf-8")
    library = project.root / ".lake" / "build" / "lib" / "lean"
    library.mkdir(parents=True)
    (library / "A.ilean").write_text("")
    lake(bin_dir, build=f"cat '{output}'; exit 1")
    result = find("native", project=project).build()
    assert result.messages == (
        Message("A.lean", 3, 8, "warning", "declaration uses `sorry`", sorry=True),
        Message("A.lean", 4, 0, "information", "two\nlines"),
        Message("A/B.lean", 7, 2, "error", "unsolved goals\n⊢ False"),
    )
    assert result.built == ("A",)
    assert list(result.failed) == ["A.B"]
    assert result.ileans == {"A": library / "A.ilean"}
    assert not result.ok


def test_a_build_names_its_modules(project: Project, bin_dir: Path) -> None:
    library = project.root / ".lake" / "build" / "lib" / "lean" / "A"
    script(bin_dir / "made", f"mkdir -p '{library}'; touch '{library}.ilean' '{library}/B.ilean'")
    said = bin_dir / "said"
    lake(bin_dir, build=f"made; echo \"$*\" > '{said}'")
    result = find("native", project=project).build()
    assert result.ok
    assert result.built == ("A", "A.B")
    assert said.read_text() == "build +A +A.B\n"


def test_a_build_without_output_is_no_success(project: Project, bin_dir: Path) -> None:
    lake(bin_dir)
    assert list(find("native", project=project).build().failed) == ["A", "A.B"]
    lake(bin_dir, build="exit 1")
    assert not find("native", project=project).build().ok


def test_sources_of_a_wheel_are_built_in_the_cache(
    project: Project, bin_dir: Path, tmp_path: Path
) -> None:
    shipped = tmp_path / "site-packages" / "lean_sources"
    shipped.parent.mkdir()
    (project.sources).rename(shipped)
    for name in ("lakefile.lean", "lean-toolchain"):
        (project.root / name).rename(shipped / name)
    lake(
        bin_dir,
        build=f"pwd > {tmp_path}/where; mkdir -p .lake/build/bin; "
        f"cp {script(tmp_path / 'program', EVALUATE)} .lake/build/bin/evaluate",
    )
    for _ in range(2):
        lean = NativeLean.find(Project(shipped, shipped))
        assert lean.evaluate("case a\n") == "got case a\n"
    where = Path((tmp_path / "where").read_text().strip())
    assert where.parent == tmp_path / "cache"
    assert (where / "lean" / "A" / "B.lean").is_file()
    assert not (where / "lean" / "lakefile.lean").exists()
    assert not (shipped / ".lake").exists()


def test_nothing_is_left_running_after_the_time_limit(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(LeanError, match="it did not answer within 1 s"):
        run_limited(
            ["/bin/sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"], timeout=1, name="it"
        )
    assert ends(int(pid_file.read_text()))


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(LeanError, match="it could not be started"):
        run_limited(["/nonexistent"], timeout=1, name="it")
