"""Faults of options, of definitions files, and of other text that is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from faults.fault import Fault
from faults.sandbox import Sandbox
from faults.stand_ins import native
from pybridge.exported.document import digest

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
    """A saved case, where there is a Lean."""

    def prepare(sandbox: Sandbox) -> None:
        native()(sandbox)
        _written(text)(sandbox)

    return prepare


def _changed(change: Callable[[Any], None], *, signed: bool = True) -> Callable[[Sandbox], None]:
    """A copy of the package's definitions, changed, with the SHA-256 of its content or without."""

    def prepare(sandbox: Sandbox) -> None:
        path = sandbox.checkout / "pybridge" / "definitions.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        if signed:
            document["sha256"] = digest(document)
        (sandbox.work / "d.json").write_text(json.dumps(document), encoding="utf-8")

    return prepare


def _other_law(document: Any) -> None:
    document["data"]["laws"]["add"]["value"] = {"var": "x.value"}


def _deep_law(document: Any) -> None:
    law: dict[str, Any] = {"var": "x.value"}
    for _ in range(200):
        law = {"abs": law}
    document["data"]["laws"]["add"]["value"] = law


def _unknown_node(document: Any) -> None:
    document["data"]["laws"]["add"]["value"] = {"fma": []}


TEXT = (
    Fault(what="An option that there is not", command=f"{_CHECK} --lane native", status=2,
          line=f"error: No such option: --lane …{_SAYS}"),
    Fault(what="A Lean that there is not", command="python -m pybridge.check --lean coq", status=2,
          line="error: --lean: expected one of auto, native, wasm, recorded, got 'coq'"),
    Fault(what="A time limit of zero", command=f"{_CHECK} --timeout 0", status=2,
          line=f"error: Invalid value for '--timeout': …{_SAYS}"),
    Fault(what="A pattern that no case has", command=f"{_CHECK} --case 'binary31-*'", status=2,
          line="error: --case: no label matches 'binary31-*'; there are …"),
    Fault(what="A seed of 100,000 digits", command=f"{_CHECK} --seed {_DIGITS}", status=2,
          line=f"error: Invalid value for '--seed': …{_SAYS}"),
    Fault(what="An eps of 100,000 digits", command=f"{_OWN} --eps {_DIGITS}", status=2,
          line=f"error: --eps: '{'9' * 59} is beyond float64, expected 0 or a number of at least "
          "5e-324 and at most 1.7976931348623157e+308"),
    Fault(what="An eps so small that float64 has only zero for it",
          command=f"{_OWN} --eps 1e-400", status=2,
          line="error: --eps: '1e-400' is beyond float64, expected 0 or a number of at least "
          "5e-324 and at most 1.7976931348623157e+308"),
    Fault(what="An eps that is none", command=f"{_OWN} --eps 1,2", status=2,
          line="error: --eps: expected 1 or 4 numbers with commas, got '1,2'"),
    Fault(what="A shape of 100,000 digits",
          command=f"{_CHECK} --weight 1,1,1,1 --x 1,1,1,{_DIGITS}", status=2,
          line=f"error: --x: expected 4 integers with commas, got '1,1,1,{'9' * 53}"),
    Fault(what="A shape with more entries than there is memory for",
          command=f"{_CHECK} --x 99999,1,99999,99999 --weight 1,1,1,1", status=2,
          line="error: an array of shape (99999, 1, 99999, 99999) has 999970000299999 entries, "
          "expected at most 4194304 of data that are to be generated"),
    Fault(what="The same of a tolerance",
          command="python -m pybridge.tolerance --x 99999,1,99999,99999 --weight 1,1,1,1",
          status=2,
          line="error: x of shape (99999, 1, 99999, 99999) has 999970000299999 entries, expected "
          "at most 134217728"),
    Fault(what="A padding with more outputs than there is memory for",
          command="python -m pybridge.tolerance --x 1,1,1,1 --weight 1,1,1,1 --padding 2147483647",
          status=2,
          line="error: the output of shape (1, 1, 4294967295, 4294967295) has "
          "18446744065119617025 entries, expected at most 134217728"),
    Fault(what="There is no definitions file", command=_DEFINITIONS, status=2,
          line="error: d.json: no such file; `python -m pybridge.extract` writes it"),
    Fault(what="A definitions file that is a folder", command=_DEFINITIONS, status=2,
          line="error: d.json: cannot be read: Is a directory",
          prepare=lambda sandbox: (sandbox.work / "d.json").mkdir()),
    Fault(what="A definitions file without end",
          command=f"{_CHECK} --definitions /dev/zero", status=2,
          line="error: /dev/zero: larger than 16777216 bytes, as no definitions are"),
    Fault(what="A definitions file that is not text", command=_DEFINITIONS, status=2,
          line="error: d.json: cannot be read: 'utf-8' codec can't decode byte 0xff in position "
          "0: invalid start byte",
          prepare=_written(b"\xff")),
    Fault(what="A definitions file cut off", command=_DEFINITIONS, status=2,
          line="error: d.json: not JSON: …", prepare=_written('{"schema": 1, "data": {"laws')),
    Fault(what="A definitions file nested 100,000 deep", command=_DEFINITIONS, status=2,
          line="error: d.json: not JSON that can be read: nested too deeply",
          prepare=_written("[" * 100_000 + "]" * 100_000)),
    Fault(what="A law nested 200 deep, and the file's SHA-256 right", command=_DEFINITIONS,
          status=2, line="error: d.json: nested 205 deep, expected at most 64",
          prepare=_changed(_deep_law)),
    Fault(what="A number of 100,000 digits in a definitions file", command=_DEFINITIONS, status=2,
          line="error: d.json: not JSON: Exceeds the limit (4300 digits) for integer string "
          "conversion…",
          prepare=_written(f'{{"sha256": {"9" * 100_000}}}')),
    Fault(what="A law changed after extraction", command=_DEFINITIONS, status=2,
          line="error: d.json: the content's SHA-256 is …, but the file says …: it was changed "
          "after extraction",
          prepare=_changed(_other_law, signed=False)),
    Fault(what="… and the file's SHA-256 made to fit", command=f"{_DEFINITIONS} --case '*-ties'",
          status=1, shown="0 of 4 cases hold", prepare=_changed(_other_law)),
    Fault(what="A node that Python does not know", command=_DEFINITIONS, status=2,
          line="error: d.json: data.laws.add.value: unknown node 'fma' of a law (zero, var or "
          "operation), expected one of add, mul, abs, round, halfUlp",
          prepare=_changed(_unknown_node)),
    Fault(what="A saved case nested 100,000 deep", command=_SAVED, status=2,
          line="error: d.json: not a saved case in JSON: …",
          prepare=_saved("[" * 100_000 + "]" * 100_000)),
    Fault(what="A number of 100,000 digits in a saved case", command=_SAVED, status=2,
          line="error: d.json: not a saved case in JSON: Exceeds the limit (4300 digits)…",
          prepare=_saved(f'{{"schema": {"9" * 100_000}}}')),
    Fault(what="A saved case that is cut off", command=_SAVED, status=2,
          line="error: d.json: not a saved case in JSON: …",
          prepare=_saved('{"schema": 1, "x": ["0x1.')),
    Fault(what="A saved case with other fields", command=_SAVED, status=2,
          line="error: d.json: …self: Extra inputs are not permitted",
          prepare=_saved('{"schema": 1, "self": 1}')),
    Fault(what="A case file for Lean that is not text",
          command="python -m pybridge.lean run --lean recorded --cases d.json", status=2,
          line="error: d.json cannot be read: it is not text in UTF-8", prepare=_written(b"\xff")),
    Fault(what="A case file for Lean that is cut off",
          command="python -m pybridge.lean run --lean recorded --cases d.json", status=1,
          line="error: the case file is cut off: the case a has no end",
          prepare=_written("case a\nformat binary32\n")),
)  # fmt: skip
