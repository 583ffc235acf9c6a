"""Finds a Lean: native, else WebAssembly, else recorded."""

from __future__ import annotations

from rich.console import Console

from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import Lean, Mode
from pybridge.lean.native import NativeLean
from pybridge.lean.recorded import RecordedLean
from pybridge.lean.sources import Project
from pybridge.lean.wasm import WasmLean

__all__ = ["find"]

_PROBE = 60.0


def find(
    mode: Mode = "auto",
    *,
    timeout: float = 600.0,
    progress: bool = True,
    project: Project | None = None,
) -> Lean:
    """The Lean of the given mode; `auto` takes the first that is there.

    `timeout` seconds are allowed for each run of Lean. Progress, and why `auto` passes over a Lean,
    goes to standard error. `project` is this package's own unless given.

    Raises `LeanNotFound`, in one line, when there is no such Lean.
    """
    if timeout <= 0:
        raise LeanError(f"the time limit is {timeout:g} s, expected more than 0")
    if mode == "recorded":
        return _recorded(project)
    project = project or Project.find()
    if mode == "native":
        return NativeLean.find(project, timeout=timeout)
    if mode == "wasm":
        return WasmLean.find(project, timeout=timeout, progress=progress)
    return _first(project, timeout, progress)


def _first(project: Project, timeout: float, progress: bool) -> Lean:
    console = Console(stderr=True, quiet=not progress, soft_wrap=True)
    reasons: list[str] = []

    def pass_over(name: str, error: LeanNotFound) -> None:
        reasons.append(str(error))
        console.print(f"{name} Lean is not used: {error}", markup=False, highlight=False)

    try:
        return NativeLean.find(project, timeout=timeout, probe_timeout=min(timeout, _PROBE))
    except LeanNotFound as error:
        pass_over("native", error)
    try:
        return WasmLean.find(project, timeout=timeout, progress=progress)
    except LeanNotFound as error:
        pass_over("WebAssembly", error)
    try:
        return RecordedLean.find(project)
    except LeanNotFound as error:
        pass_over("recorded", error)
    raise LeanNotFound(f"there is no Lean {'; '.join(['here', *reasons])}")


def _recorded(project: Project | None) -> RecordedLean:
    if project is None:
        try:
            project = Project.find()
        except LeanError:
            project = None
    return RecordedLean.find(project)
