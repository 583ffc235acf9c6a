"""The numbers of docs/rounding-or-bug.md, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.page import captioned, fill, filled, machine_lines
from bench.studies.rounding_or_bug.evidence import Evidence
from bench.studies.rounding_or_bug.pictures import draw_errors, draw_tolerances

__all__ = ["DOCUMENT", "ERRORS", "TOLERANCES", "write"]

DOCUMENT = "rounding-or-bug.md"
ERRORS = "rounding-or-bug-errors.svg"
TOLERANCES = "rounding-or-bug-tolerances.svg"


def write(evidence: Evidence, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Write the page and its pictures into a directory."""
    fill(DOCUMENT, _parts(evidence, machine, command), directory)
    (directory / ERRORS).write_text(draw_errors(evidence.honest), encoding="utf-8")
    (directory / TOLERANCES).write_text(draw_tolerances(evidence.points), encoding="utf-8")


def _parts(evidence: Evidence, machine: Mapping[str, str], command: str) -> dict[str, str]:
    tables = {section: captioned(table) for section, table in evidence.tables()}
    alarms, missed = len(evidence.false_alarms), len(evidence.missed)
    counted = (
        f"Kinds of honest kernels with a false alarm of pybridge: {alarms} of "
        f"{len(evidence.honest)}; each kind has at least "
        f"{min(h.entries for h in evidence.honest):,} entries."
    )
    found = (
        f"Defects that exceed their promise and that pybridge misses: {missed} of "
        f"{len(evidence.exceeding)}."
    )
    defects = [filled(found), tables["summary"], tables["defects"], *_message(evidence)]
    return {
        "machine": machine_lines(machine, command),
        "false alarms": filled(counted),
        "honest kernels": tables["honest"],
        "defects": "\n\n".join(defects),
    }


def _message(evidence: Evidence) -> list[str]:
    """What pybridge says of the real defect, where it catches it."""
    for outcome in evidence.exceeding:
        if outcome.defect.what.startswith("bfloat16 partial") and outcome.caught["ours"]:
            intro = f"The message for “{outcome.defect.what}” in {outcome.numerics}:"
            return [filled(intro), f"```text\n{outcome.message}\n```"]
    return []
