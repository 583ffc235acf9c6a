"""WebAssembly Lean itself, from the registries, on a small library in a folder of an odd name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from leans import alive, ends

from pybridge.lean.errors import LeanError
from pybridge.lean.interface import BuildResult
from pybridge.lean.sources import Project
from pybridge.lean.wasm import node
from pybridge.lean.wasm.install import Toolchain, install
from pybridge.lean.wasm.runner import WasmLean

pytestmark = pytest.mark.slow

MODULE = "module\n\n{imports}\n@[expose] public noncomputable section\n\nnamespace Sample\n{body}\n"
FILES = {
    "Sample/Double.lean": MODULE.format(
        imports="public import Init.Data.Rat.Basic\n",
        body="""
/-- Twice a number. -/
public def double (x : Nat) : Nat := 2 * x

theorem double_le (x : Nat) : x ≤ double x := by unfold double; omega
""",
    ),
    "Sample/Double/Theorems.lean": MODULE.format(
        imports="public import Sample.Double\n", body="theorem double_two : double 2 = 4 := rfl"
    ),
    "Sample/Unproved.lean": MODULE.format(imports="", body="theorem t : 1 = 2 := sorry"),
    "Sample/Silent.lean": MODULE.format(
        imports="", body="set_option warn.sorry false in\ntheorem t : 1 = 2 := sorry"
    ),
    "Sample/Wrong.lean": MODULE.format(imports="", body="theorem t : 1 = 2 := rfl"),
    "Sample/AfterWrong.lean": MODULE.format(imports="public import Sample.Wrong\n", body=""),
    "Evaluate.lean": """\
import Sample.Double

open Sample in
def main (args : List String) : IO UInt32 := do
  match args with
  | ["cases", input, output] =>
    let text ← IO.FS.readFile input
    if text.startsWith "case bad" then
      IO.println "no é"
      return 1
    IO.FS.writeFile output text
    return 0
  | ["export", output] =>
    IO.println s!"twice is {double 21}"
    IO.FS.writeFile output s!"\\{\\"δ\\": {double 21}}"
    return 0
  | _ => return 2
""",
}


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    return install(progress=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("projekt") / "ein Ordner: é 𝒪 'x'"
    for name, text in FILES.items():
        path = root / "lean" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Project(root / "lean", root)


@pytest.fixture(scope="module")
def lean(toolchain: Toolchain, project: Project) -> Iterator[WasmLean]:
    lean = WasmLean(toolchain, project, timeout=300)
    yield lean
    lean.close()


@pytest.fixture(scope="module")
def built(lean: WasmLean) -> BuildResult:
    return lean.build()


def without_lean(toolchain: Toolchain, project: Project) -> WasmLean:
    """Return a Lean that cannot start: whatever it does takes no Lean."""
    return WasmLean(replace(toolchain, root=Path("/nonexistent")), project)


def test_the_installation_is_whole(toolchain: Toolchain) -> None:
    toolchain.verify()
    assert toolchain.version.split(",")[0] == "4.28.0"


def test_it_says_what_it_is(lean: WasmLean) -> None:
    assert lean.kind == "wasm"
    assert lean.description.startswith("WebAssembly Lean 4.28.0 in /")


def test_the_program_runs_with_what_it_imports(lean: WasmLean) -> None:
    assert lean.export() == '{"δ": 42}'


def test_cases_go_in_and_come_out(lean: WasmLean) -> None:
    text = "case é#1\nx 0x1p0\nend\ncase b#2\nend\n"
    assert lean.evaluate(text) == text


def test_a_program_that_fails_is_quoted(lean: WasmLean) -> None:
    with pytest.raises(LeanError, match="failed with status 1; it printed: no é"):
        lean.evaluate("case bad\nend\n")


def test_what_lean_refuses_is_named_with_its_place(
    toolchain: Toolchain, lean: WasmLean, tmp_path: Path
) -> None:
    broken = Project(tmp_path, tmp_path)
    (tmp_path / "Evaluate.lean").write_text("/- -/\n\ndef main : Nat := x\n")
    other = WasmLean(toolchain, broken)
    other._pool = lean._pool
    with pytest.raises(LeanError, match=r"Evaluate\.lean:3:18: error: .*`x`"):
        other.export()


def test_long_texts_are_shared_in_order(
    toolchain: Toolchain, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[str] = []

    def fake(process: node.NodeProcess, program: object, arguments: object, share: str) -> str:
        shares.append(share)
        time.sleep(0.5 if share.startswith("case n0\n") else 0)
        return share

    lean = WasmLean(toolchain, project, jobs=2)
    monkeypatch.setattr(lean, "_main", fake)
    text = "".join(f"case n{n}\nx{' 0x1p0' * 100 * n}\nend\n" for n in range(12))
    assert lean.evaluate(text) == text
    assert len(shares) == 2
    assert max(map(len, shares)) < 0.75 * len(text)


def test_a_build_tells_what_is_proved(built: BuildResult) -> None:
    assert set(built.built) == {
        "Sample.Double",
        "Sample.Double.Theorems",
        "Sample.Silent",
        "Sample.Unproved",
    }
    assert built.failed == {
        "Sample.Wrong": "Lean reports errors",
        "Sample.AfterWrong": "its import Sample.Wrong failed",
    }
    assert not built.ok
    failing = {message.file: message for message in built.messages if message.fails}
    assert set(failing) == {"Sample/Unproved.lean", "Sample/Silent.lean", "Sample/Wrong.lean"}
    assert failing["Sample/Unproved.lean"].sorry
    assert failing["Sample/Silent.lean"].text.startswith("the compiled module uses `sorryAx`")
    assert failing["Sample/Wrong.lean"].severity == "error"
    assert failing["Sample/Wrong.lean"].line == 7


def test_a_build_leaves_ileans(built: BuildResult, project: Project) -> None:
    path = project.root / ".lake" / "wasm" / "Sample" / "Double.ilean"
    assert built.ileans["Sample.Double"] == path
    assert '"Sample.double"' in path.read_text(encoding="utf-8")


def test_what_is_up_to_date_is_not_compiled_again(
    built: BuildResult, toolchain: Toolchain, project: Project
) -> None:
    idle = without_lean(toolchain, project)
    assert idle.build(["Sample.Double.Theorems"]).ok
    again = idle.build(["Sample.Unproved"])
    assert again.built == ("Sample.Unproved",)
    assert [message.sorry for message in again.messages] == [True]
    assert not again.ok
    with pytest.raises(LeanError, match="Node could not be started"):
        idle.build(["Sample.Wrong"])
    unproved = project.root / ".lake" / "wasm" / "Sample" / "Unproved.olean"
    unproved.write_bytes(unproved.read_bytes()[:-1])
    with pytest.raises(LeanError, match="Node could not be started"):
        idle.build(["Sample.Unproved"])


def test_a_file_is_checked_with_what_was_built(
    built: BuildResult, lean: WasmLean, tmp_path: Path
) -> None:
    file = tmp_path / "prüf mich.lean"
    file.write_text(
        "import Sample.Double\nexample : Sample.double 2 = 4 := rfl\n"
        "example : 1 = 2 := sorry\n#eval 1 +\n"
    )
    messages = lean.check(file)
    assert [(m.line, m.severity, m.sorry) for m in messages] == [
        (3, "warning", True),
        (5, "error", False),
    ]
    with pytest.raises(LeanError, match="there is no file"):
        lean.check(tmp_path / "none.lean")


def test_a_changed_import_is_compiled_again(
    built: BuildResult, lean: WasmLean, project: Project
) -> None:
    source = project.sources / "Sample" / "Double.lean"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("2 * x", "3 * x"), encoding="utf-8")
    result = lean.build(["Sample.Double.Theorems"])
    assert result.built == ("Sample.Double",)
    assert list(result.failed) == ["Sample.Double.Theorems"]


RUNAWAY = """\
import sys
from pathlib import Path
from pybridge.lean.wasm.install import install
from pybridge.lean.wasm.node import Job
process = install(progress=False).process()
process.run(Job(["Quick.lean"], "/src", {"/src": Path(sys.argv[1])}), 300)
print(process._process.pid, flush=True)
process.run(Job(["Runaway.lean"], "/src", {"/src": Path(sys.argv[1])}), 300)
"""


def test_a_lean_that_has_used_much_memory_is_replaced(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "_MOST_MEMORY", 1)
    (tmp_path / "A.lean").write_text("#eval 2 + 2\n")
    process = toolchain.process()
    for _ in range(3):
        outcome = process.run(node.Job(["A.lean"], "/job", {"/job": tmp_path}), 200)
        assert [message.text for message in outcome.messages] == ["4"]
    process.close()


def test_lean_ends_when_its_parent_is_killed(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "Quick.lean").write_text("prelude\n")
    (tmp_path / "Runaway.lean").write_text(
        "def spin (n : Nat) : Nat → Nat\n  | 0 => n\n  | k + 1 => spin (n + k % 2) k\n"
        "#eval spin 0 1000000000000\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", RUNAWAY, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    time.sleep(4)
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert ends(pid), "Node goes on without its parent"
