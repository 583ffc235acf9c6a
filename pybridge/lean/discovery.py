"""Finds Lean: native, else WebAssembly, else recorded evaluations."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import Lean, Mode
from pybridge.lean.native import NativeLean
from pybridge.lean.recorded import RecordedLean
from pybridge.lean.sources import Project
from pybridge.lean.wasm.runner import WasmLean

__all__ = ["find"]

_PROBE = 60.0


def find(
    mode: Mode = "auto",
    *,
    timeout: float = 600.0,
    progress: bool = True,
    project: Project | None = None,
) -> Lean:
    """Return Lean of a mode; `auto` takes the first kind that is available.

    `timeout` seconds are allowed for each run of Lean. Progress, and why `auto` skips a kind, goes
    to standard error. `project` is this package's own by default.

    Raises `LeanNotFound`, in one line, if there is no Lean of that mode.
    """
    if timeout <= 0:
        raise LeanError(f"the time limit is {timeout:g} s, expected more than 0")
    if mode == "native":
        return NativeLean.find(project or Project.find(), timeout=timeout)
    if mode == "wasm":
        return WasmLean.find(project or Project.find(), timeout=timeout, progress=progress)
    if mode == "recorded":
        return _recorded(project)
    reasons: list[str] = []
    probe = min(timeout, _PROBE)
    ways: dict[str, Callable[[], Lean]] = {
        "native": lambda: NativeLean.find(
            project or Project.find(), timeout=timeout, probe_timeout=probe
        ),
        "WebAssembly": lambda: WasmLean.find(
            project or Project.find(), timeout=timeout, progress=progress
        ),
        "recorded": lambda: _recorded(project),
    }
    for name, way in ways.items():
        try:
            return way()
        except LeanNotFound as error:
            reasons.append(f"{name}: {error}")
            if progress:
                print(f"{name} Lean is not used: {error}", file=sys.stderr)
    raise LeanNotFound(f"there is no Lean here ({'; '.join(reasons)})")


def _recorded(project: Project | None) -> RecordedLean:
    if project is None:
        try:
            project = Project.find()
        except LeanNotFound:
            return RecordedLean.find(None)
    return RecordedLean.find(project)
