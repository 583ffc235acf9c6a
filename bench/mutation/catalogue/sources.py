"""Faults of the case text that Lean reads, of the Lean sources, and of the recorded evaluations."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

from bench.mutation.catalogue.answers import NEXT_NUMBER
from bench.mutation.fault import Fault, FileEdit, SourceEdit

__all__ = ["CASE_TEXT", "LEAN_SOURCES", "RECORDING"]

_CASES = "pybridge/problem/case.py"
_RECORDING = "pybridge/recorded/evaluations.json.gz"
_LEAN = "lean/RuntimeApprox"


def _text(
    name: str,
    imitates: str,
    old: str,
    new: str,
    *,
    quick: bool = False,
    tests: tuple[str, ...] = (),
) -> Fault:
    return Fault(name, imitates, "case text", (SourceEdit(_CASES, old, new),), tests, quick)


CASE_TEXT = (
    _text(
        "text-padding-swapped",
        "Lean gets the padding at both ends exchanged.",
        'f"{window.pad_begin} {window.pad_end} {window.dilation}"',
        'f"{window.pad_end} {window.pad_begin} {window.dilation}"',
        quick=True,
    ),
    _text(
        "text-axes-swapped",
        "Lean gets the height's window for the width.",
        'f"width {_window_text(g.width)}"',
        'f"width {_window_text(g.height)}"',
    ),
    _text(
        "text-column-major",
        "Lean gets the operands' entries column by column.",
        "getattr(self, name).astype(np.float64).ravel().tolist()",
        'getattr(self, name).astype(np.float64).ravel("F").tolist()',
    ),
    _text(
        "text-rounded-to-binary32",
        "Lean gets operands of binary64 rounded to binary32.",
        "getattr(self, name).astype(np.float64).ravel().tolist()",
        "getattr(self, name).astype(np.float32).astype(np.float64).ravel().tolist()",
    ),
    _text(
        "text-decimal",
        "Lean gets numbers with six decimal digits.",
        "' '.join(map(float.hex, numbers))",
        "' '.join(float(f'{n:.6g}').hex() for n in numbers)",
    ),
    _text(
        "text-eps-order",
        "Lean gets the operands' errors in another order.",
        '" ".join(getattr(self, name).hex() for name in _EPS)',
        '" ".join(getattr(self, name).hex() for name in sorted(_EPS))',
    ),
    _text(
        "text-without-eps",
        "Lean gets no error of the operands.",
        '" ".join(getattr(self, name).hex() for name in _EPS)',
        '" ".join(0.0.hex() for name in _EPS)',
    ),
)


def _lean(name: str, imitates: str, file: str, old: str, new: str, *, quick: bool = False) -> Fault:
    return Fault(name, imitates, "Lean sources", (SourceEdit(file, old, new),), (), quick)


LEAN_SOURCES = (
    _lean(
        "stale-contraction",
        "The forward pass was changed in Lean, and not extracted again.",
        f"{_LEAN}/Conv2d.lean",
        "def conv2dForward : Contraction ι where\n  out := [[s.batch]",
        "def conv2dForward : Contraction ι where\n  out := [[s.groups]",
        quick=True,
    ),
    _lean(
        "stale-theorem",
        "A theorem was weakened to twice the bound, and not extracted again.",
        f"{_LEAN}/Conv2d/Theorems.lean",
        "      conv2dPointBound R g x epsX weight epsW bias epsB i :=",
        "      2 * conv2dPointBound R g x epsX weight epsW bias epsB i :=",
    ),
    _lean(
        "other-toolchain",
        "The sources are for another Lean than the one that was extracted with.",
        "lean-toolchain",
        "v4.28.0",
        "v4.27.0",
    ),
)


def _recorded(change: Callable[[Any], None]) -> FileEdit:
    def changed(content: bytes) -> bytes:
        document = json.loads(gzip.decompress(content))
        change(document)
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return gzip.compress(text.encode(), mtime=0)

    return FileEdit(_RECORDING, changed)


def _key(document: Any, label: str) -> str:
    """Under which digest a case's result is recorded."""
    cases: Mapping[str, str] = document["cases"]
    (key,) = [key for key, text in cases.items() if text.startswith(f"case {label}#")]
    return key


def _other_case(document: Any) -> None:
    cases = document["cases"]
    first, second = (_key(document, label) for label in ("binary32-basic-eps", "binary16-tiny"))
    cases[first], cases[second] = cases[second], cases[first]


def _dropped(document: Any) -> None:
    del document["cases"][_key(document, "binary32-basic-eps")]


def _altered(document: Any) -> None:
    key = _key(document, "binary32-basic-eps")
    document["cases"][key] = NEXT_NUMBER.change(document["cases"][key])


def _other_sources(document: Any) -> None:
    name = next(iter(document["sources"]))
    document["sources"][name] = "0" * 64


def _recording(name: str, imitates: str, edit: FileEdit, *, quick: bool = False) -> Fault:
    return Fault(name, imitates, "recording", (edit,), (), quick)


RECORDING = (
    _recording(
        "recording-of-other-sources",
        "The evaluations were recorded with other Lean sources.",
        _recorded(_other_sources),
        quick=True,
    ),
    _recording(
        "recording-altered",
        "A recorded value is the next larger number.",
        _recorded(_altered),
    ),
    _recording(
        "recording-of-another-case",
        "Two cases are recorded under each other's digest.",
        _recorded(_other_case),
    ),
    _recording("recording-dropped", "A case is not recorded.", _recorded(_dropped)),
    _recording(
        "recording-cut-off",
        "The recording was written only in part.",
        FileEdit(_RECORDING, lambda content: content[: len(content) // 2]),
    ),
)
