"""Faults of options, of definitions files, and of other text that is read."""

from __future__ import annotations

import json
from collections.abc import Callable

from faults.fault import Fault
from faults.sandbox import Sandbox
from faults.stand_ins import native

__all__ = ["TEXT"]

_CHECK = "python -m pybridge.check --lean recorded"
_OWN = f"{_CHECK} --x 1,1,2,2 --weight 1,1,1,1"
_DEFINITIONS = f"{_CHECK} --definitions d.json"
_SAVED = "python -m pybridge.fuzz d.json --lean native"
_DIGITS = "$(printf '9%.0s' {1..100000})"
_SAYS = " (`python -m pybridge.check --help` says more)"


def _written(text: str | bytes) -> Callable[[Sandbox], None]:
    content = text.encode() if isinstance(text, str) else text

    def prepare(sandbox: Sandbox) -> None:
        (sandbox.work / "d.json").write_bytes(content)

    return prepare


def _saved(text: str) -> Callable[[Sandbox], None]:
    """Write a saved case, and put a native Lean on PATH."""

    def prepare(sandbox: Sandbox) -> None:
        native()(sandbox)
        _written(text)(sandbox)

    return prepare


def _other_law(sandbox: Sandbox) -> None:
    """Write the package's definitions with another law and the old SHA-256."""
    path = sandbox.checkout / "pybridge" / "definitions.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["data"]["laws"]["add"]["value"] = {"var": "x.value"}
    (sandbox.work / "d.json").write_text(json.dumps(document), encoding="utf-8")


TEXT = (
    Fault(what="An unknown option", command=f"{_CHECK} --lane native", status=2,
          line=f"error: No such option: --lane …{_SAYS}"),
    Fault(what="An unknown kind of Lean", command="python -m pybridge.check --lean coq", status=2,
          line=f"error: Invalid value for '--lean': 'coq' is not one of …{_SAYS}"),
    Fault(what="A pattern that no case has", command=f"{_CHECK} --case 'binary31-*'", status=2,
          line="error: 'binary31-*' is neither a built-in case's label nor a .npz file: "
          "did you mean …"),
    Fault(what="An eps of 100,000 digits", command=f"{_OWN} --eps {_DIGITS}", status=2,
          line=f"error: --eps: '{'9' * 59} is beyond float64, expected 0 or a number of at least "
          "5e-324 and at most 1.7976931348623157e+308"),
    Fault(what="A shape with more entries than there is memory for",
          command=f"{_CHECK} --x 99999,1,99999,99999 --weight 1,1,1,1", status=2,
          line="error: an array of shape (99999, 1, 99999, 99999) has 999970000299999 entries, "
          "expected at most 4194304 of generated data"),
    Fault(what="A padding with more outputs than there is memory for",
          command="python -m pybridge.tolerance --x 1,1,1,1 --weight 1,1,1,1 --padding 2147483647",
          status=2,
          line="error: the output of shape (1, 1, 4294967295, 4294967295) has "
          "18446744065119617025 entries, expected at most 134217728"),
    Fault(what="There is no definitions file", command=_DEFINITIONS, status=2,
          line="error: d.json: no such file; `python -m pybridge.extract` writes it"),
    Fault(what="A definitions file without end",
          command=f"{_CHECK} --definitions /dev/zero", status=2,
          line="error: /dev/zero: larger than 16777216 bytes, too large for definitions"),
    Fault(what="A definitions file cut off", command=_DEFINITIONS, status=2,
          line="error: d.json: not JSON: …", prepare=_written('{"schema": 1, "data": {"laws')),
    Fault(what="A definitions file nested 100,000 deep", command=_DEFINITIONS, status=2,
          line="error: d.json: not JSON that can be read: nested too deeply",
          prepare=_written("[" * 100_000 + "]" * 100_000)),
    Fault(what="A law changed after extraction", command=_DEFINITIONS, status=2,
          line="error: d.json: the content's SHA-256 is …, but the file says …: it was changed "
          "after extraction",
          prepare=_other_law),
    Fault(what="A saved case nested 100,000 deep", command=_SAVED, status=2,
          line="error: d.json: not a saved case in JSON: …",
          prepare=_saved("[" * 100_000 + "]" * 100_000)),
    Fault(what="A case file for Lean that is not text",
          command="python -m pybridge.lean run --lean recorded --cases d.json", status=2,
          line="error: d.json cannot be read: it is not text in UTF-8", prepare=_written(b"\xff")),
)  # fmt: skip
