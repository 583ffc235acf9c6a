"""Names with spaces, letters beyond ASCII, or bytes that are no letters.

Every fault's command runs in such folders, on such a checkout: this is what else there is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from faults.fault import Fault
from faults.sandbox import Sandbox
from faults.stand_ins import native, registries
from pybridge.check.suite import suite

__all__ = ["NAMES"]

_CHECK = "python -m pybridge.check --lean"
_HOLDS = "1 of 1 cases hold"
_NO_LETTER = r"$'\xff'"


def _saved(name: str) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        (case,) = (case for case in suite() if case.label == "binary32-one-by-one")
        case.save(sandbox.work / name)

    return prepare


def _reported(name: str) -> Callable[[Sandbox], None]:
    def after(sandbox: Sandbox) -> None:
        report = json.loads((sandbox.work / name).read_text(encoding="utf-8"))
        assert report["passed"] is True
        assert [case["label"] for case in report["cases"]] == ["binary32-one-by-one"]

    return after


def _native(sandbox: Sandbox) -> None:
    _saved("Fall ü 1.npz")(sandbox)
    native()(sandbox)


def _installed(sandbox: Sandbox) -> None:
    (root,) = (sandbox.folder / "Zwischen speicher ✓").glob("lean-wasm-*[0-9a-f]")
    assert (root / "manifest.json").is_file()


NAMES = (
    Fault(what="A case file and a report with such names",
          command=f"{_CHECK} recorded 'Fall ü 1.npz' --report 'Ergebnis ✓ é.json'", status=0,
          says=_HOLDS, prepare=_saved("Fall ü 1.npz"), after=_reported("Ergebnis ✓ é.json")),
    Fault(what="A checkout, and temporary files, in such folders",
          command=f"{_CHECK} native 'Fall ü 1.npz'", status=0, says=_HOLDS, prepare=_native),
    Fault(what="A cache in such a folder",
          command="PYBRIDGE_CACHE='../Zwischen speicher ✓' "
          "python -m pybridge.lean setup --lean wasm",
          status=0, says="../Zwischen speicher ✓/lean-wasm-4.28.0-", prepare=registries(),
          after=_installed),
    Fault(what="Names that begin with a dash",
          command=f"{_CHECK} recorded --report=-r.json -- -1.npz", status=0, says=_HOLDS,
          prepare=_saved("-1.npz"), after=_reported("-r.json")),
    Fault(what="Names that are not UTF-8",
          command=f"{_CHECK} recorded {_NO_LETTER}.npz --report {_NO_LETTER}.json", status=0,
          says=_HOLDS, prepare=_saved(os.fsdecode(b"\xff.npz")),
          after=_reported(os.fsdecode(b"\xff.json"))),
    Fault(what="There is no file of a name that is not UTF-8",
          command=f"{_CHECK} recorded {_NO_LETTER}.npz", status=2,
          line="error: ?.npz: no such file"),
    Fault(what="A cache in a folder whose name is not UTF-8",
          command=f"PYBRIDGE_CACHE={_NO_LETTER} python -m pybridge.lean setup --lean wasm",
          status=3,
          line=r"error: the cache \xff cannot be used: its name is not UTF-8"),
    Fault(what="Standard error lacks a letter of the case file's name",
          command=f"PYTHONIOENCODING=ascii {_CHECK} recorded 'Fall ü 1.npz'", status=2,
          line="error: Fall ? 1.npz: no such file"),
)  # fmt: skip
