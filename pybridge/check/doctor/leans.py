"""Examines each way to run Lean: present, of the pinned version, as it was installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from pybridge.check.doctor.findings import Finding, good, note, python, wrong
from pybridge.check.doctor.material import restore
from pybridge.lean.errors import LeanError, LeanNotFound, last_lines
from pybridge.lean.interface import PINNED, VERSION, Kind, Lean, Mode
from pybridge.lean.native import NativeLean, find_lake
from pybridge.lean.process import run_limited
from pybridge.lean.recorded import RECORDING, RecordedLean
from pybridge.lean.sources import Project
from pybridge.lean.wasm.install import installed, toolchain_dir
from pybridge.lean.wasm.runner import WasmLean

__all__ = ["NAMES", "evaluation", "native", "none_found", "recorded", "wasm"]

NAMES: Mapping[Kind, str] = {
    "native": "native Lean",
    "wasm": "WebAssembly Lean",
    "recorded": "recorded evaluations",
}
_VERSION = re.compile(r"Lean version (\d+\.\d+\.\d+[\w.+-]*)")
_ANSWER_SECONDS = 20.0
_ELAN = "install elan (https://lean-lang.org/install/)"


def native() -> Iterator[Finding]:
    """Examine the Lean that lake runs, without letting elan download one."""
    name = NAMES["native"]
    try:
        lake = find_lake()
    except LeanNotFound as error:
        yield note(name, f"{error}; {_ELAN} to have it")
        return
    chosen = os.environ.get("ELAN_TOOLCHAIN", "")
    if chosen not in ("", PINNED):
        yield wrong(name, f"ELAN_TOOLCHAIN is {chosen!r:.60}", "unset ELAN_TOOLCHAIN")
        return
    by_elan = lake.with_name("elan").is_file()
    if by_elan and not _downloaded().is_dir():
        yield note(
            name, f"{lake} is elan's, and downloads Lean at its first use: elan toolchain install "
            f"{PINNED}"
        )  # fmt: skip
        return
    root = Project.find().root
    try:
        said = run_limited(
            [lake, "--version"], timeout=_ANSWER_SECONDS, name=f"`{lake} --version`", cwd=root
        )
    except LeanError as error:
        yield wrong(name, str(error), _replace(lake, root, by_elan))
        return
    version = _VERSION.search(said.output)
    if said.status or version is None:
        printed = last_lines(said.output) or "nothing"
        answer = f"`{lake} --version` has status {said.status} and prints: {printed}"
        yield wrong(name, answer, _replace(lake, root, by_elan))
    elif version[1] != VERSION:
        answer = f"{lake} runs Lean {version[1]}, expected {VERSION}"
        yield wrong(name, answer, _replace(lake, root, by_elan))
    else:
        yield good(name, f"Lean {version[1]} by {lake}", lean="native")


def _downloaded() -> Path:
    """Return the folder in which elan keeps the pinned Lean."""
    home = Path(os.environ.get("ELAN_HOME") or "~/.elan").expanduser()
    return home / "toolchains" / PINNED.replace("/", "--").replace(":", "---")


def _replace(lake: Path, root: Path, by_elan: bool) -> str:
    if by_elan:
        return f"(cd {shlex.quote(str(root))} && elan override set {PINNED})"
    return f"{_ELAN}, and take {shlex.quote(str(lake.parent))} out of PATH"


def wasm() -> Iterator[Finding]:
    """Examine WebAssembly Lean in the cache: every file is compared with its SHA-256."""
    name = NAMES["wasm"]
    if os.name != "posix":
        yield note(name, "not for this system: Linux and macOS only")
        return
    root = toolchain_dir()
    setup = f"{python()} -m pybridge.lean setup --lean wasm"
    if not root.exists():
        able = find_spec("pip") is not None or shutil.which("uv") is not None
        how = setup if able else f"needs pip: {python()} -m ensurepip, then {setup}"
        yield note(
            name,
            f"not installed; its first use installs it (180 MB to download, 510 MB on disk): {how}",
        )
        return
    again = f"rm -rf {shlex.quote(str(root))} && {setup}"
    toolchain = installed()
    if toolchain is None:
        yield wrong(name, f"{root} is not whole", again)
        return
    try:
        toolchain.verify()
    except LeanError as error:
        yield wrong(name, str(error), again)
        return
    version = toolchain.version.split(", commit")[0]
    if version != VERSION:
        yield wrong(name, f"{root} has Lean {version}, expected {VERSION}", again)
    else:
        yield good(name, f"Lean {version} in {root}, every file as installed", lean="wasm")


def recorded() -> Iterator[Finding]:
    """Examine the recorded evaluations: complete, and made from the present sources."""
    name = NAMES["recorded"]
    project: Project | None
    try:
        project = Project.find()
    except LeanNotFound:
        project = None
    try:
        recording = RecordedLean.find(project, path=RECORDING)
    except LeanNotFound as error:
        yield wrong(name, str(error), restore(project, "pybridge.lean.record"))
        return
    tied = "" if project is None else ", of the sources that are here"
    yield good(name, recording.description + tied, lean="recorded")


def none_found(mode: Mode, kinds: tuple[Kind, ...]) -> Iterator[Finding]:
    """Yield a finding if the Lean that was asked for cannot be used."""
    if mode != "auto":
        name = NAMES[mode]
        if mode not in kinds:
            remedy = {
                "native": f"{_ELAN}, then: elan toolchain install {PINNED}",
                "wasm": f"{python()} -m pybridge.lean setup --lean wasm",
                "recorded": f"{python()} -m pybridge.lean.record",
            }[mode]
            yield wrong("Lean", f"the {name} that --lean asks for cannot be used", remedy)
    elif not kinds:
        remedy = f"{python()} -m pybridge.lean setup"
        yield wrong("Lean", "there is none that can be used", remedy)


def evaluation(kind: Kind, timeout: float = 300.0) -> Iterator[Finding]:
    """Evaluate one small case with a kind of Lean, and compare NumPy's results."""
    from pybridge.check.compare import check_case
    from pybridge.check.suite import suite
    from pybridge.exported.document import load_definitions
    from pybridge.lean.protocol import parse_results

    name = f"{NAMES[kind]}, run"
    lean = _opened()[kind](timeout)
    try:
        case = min(suite(), key=lambda case: case.geometry.multiply_adds)
        results = parse_results(lean.evaluate(case.to_text()))
        report = check_case(case, results.get(case.name), load_definitions(), seed=0)
    except LeanError as error:
        yield wrong(name, str(error), f"{python()} -m pybridge.check --lean {kind} --case ties")
        return
    finally:
        lean.close()
    if report.passed:
        yield good(name, f"{case.label}: NumPy's values and bounds are Lean's")
    else:
        problems = "; ".join(problem.text for problem in report.problems)
        command = f"{python()} -m pybridge.check --lean {kind} --case {case.label}"
        yield wrong(name, f"{case.label}: {problems}", command)


def _opened() -> Mapping[Kind, Callable[[float], Lean]]:
    def of_wasm(timeout: float) -> Lean:
        toolchain = installed()
        if toolchain is None:
            raise LeanNotFound("WebAssembly Lean is not whole any more")
        return WasmLean(toolchain, Project.find(), timeout=timeout, jobs=1)

    return {
        "native": lambda timeout: NativeLean.find(Project.find(), timeout=timeout),
        "wasm": of_wasm,
        "recorded": lambda timeout: RecordedLean.find(Project.find(), path=RECORDING),
    }
