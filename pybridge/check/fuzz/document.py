"""The record of a run in a document, between its marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pybridge.check.fuzz.corners import CORNERS
from pybridge.check.fuzz.features import FEATURES
from pybridge.check.fuzz.kinds import KINDS
from pybridge.check.fuzz.tally import FuzzReport
from pybridge.errors import InputError
from pybridge.files import write_atomically

__all__ = ["BEGIN", "END", "check_document", "record", "recorded", "write_document"]

BEGIN = "<!-- begin: record of a run -->"
END = "<!-- end: record of a run -->"


def check_document(path: Path) -> None:
    """Raises `InputError` unless the file has both marks, in order."""
    recorded(path)


def recorded(path: Path) -> str:
    """What stands between the marks in a document; `InputError` when they are not there."""
    return _split(path)[1]


def write_document(path: Path, report: FuzzReport, command: str) -> None:
    """Puts the record of a run between the marks, the file written whole or not at all."""
    before, _, after = _split(path)
    text = f"{before}{BEGIN}\n{record(report, command)}{END}{after}"
    with write_atomically(path) as file:
        file.write(text.encode())


def record(report: FuzzReport, command: str) -> str:
    """The record of a run in Markdown."""
    rate = report.outputs / report.seconds
    facts = {
        "Command": f"`{command}`",
        "Lean": report.lean.description.split(" in ")[0],
        "Versions": ", ".join(f"{name} {number}" for name, number in report.versions.items()),
        "Definitions": f"`{report.definitions_sha256}`",
        "Cases": f"{report.cases:,}, the SHA-256 of their names `{report.cases_sha256}`",
        "Outputs compared": f"{report.outputs:,}",
        "Divergences": str(len(report.divergences)),
        "Changed answers": f"{report.tampered}, not noticed: {len(report.overlooked)}",
        "Time": f"{report.seconds:.0f} s, {rate:.0f} outputs a second",
    }
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    kinds = [
        (name, KINDS[name].meaning, k.cases, k.outputs, f"{k.reached:,} {k.reaches}")
        for name, k in report.kinds.items()
    ]
    corners = [(name, CORNERS[name], number) for name, number in report.corners.items()]
    parts = [
        "\n".join(lines),
        _table(("entries", "what they are", "cases", "outputs", "reached"), kinds),
        _table(("corner", "what is counted", "reached"), corners),
        _table(("geometry", "cases"), ((name, report.features[name]) for name in FEATURES)),
        _table(("format", "cases"), report.formats.items()),
        _table(("eps of some operand", "cases"), report.eps.items()),
    ]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    found = list(rows)
    right = [all(isinstance(row[i], int) for row in found) for i in range(len(header))]
    rule = ["---:" if numeric else "---" for numeric in right]
    lines = [header, rule, *([_cell(value) for value in row] for row in found)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _split(path: Path) -> tuple[str, str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"{path}: cannot be read: {reason}") from None
    before, begin, rest = text.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{path}: expected the marks {BEGIN} and {END}")
    return before, between, after
