"""Runs the checks in a copy of the package: `python -P probe.py ROOT`, never imported.

Reads what to do as a line of JSON, asks for Lean's answers on standard output and gets them on
standard input, a line of JSON each, and ends with what the checks found. Everything that is
imported here is the copy's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pybridge
from pybridge.check.certify.claims import claims
from pybridge.check.certify.source import PLACES, certificate_source
from pybridge.check.report import CaseReport, CheckReport
from pybridge.check.suite import suite
from pybridge.cli.check import check_cases
from pybridge.cli.extract import EXTRACTED, differences
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, DefinitionsError, load_definitions
from pybridge.lean import LeanError, LeanNotFound
from pybridge.lean.modules import evaluator, import_order, module_file
from pybridge.lean.recorded import RecordedLean
from pybridge.lean.sources import Project, file_digest
from pybridge.problem.case import Case

PREFIXES = {
    "value unlike Lean's": "values",
    "overflow only on one side": "values",
    "bound below Lean's": "bounds",
    "bound above outward rounding of Lean's": "bounds",
    "Lean's exact value unlike": "exact",
    "true error beyond the bound": "error",
    "replay: ": "replay",
    "any-order: ": "methods",
    "enclosure: ": "methods",
}


def say(message: Any) -> None:
    """Sends a line of JSON."""
    print(json.dumps(message), flush=True)


def listen() -> Any:
    """Receives a line of JSON."""
    return json.loads(sys.stdin.readline())


class Remote:
    """Lean in the process that started this one."""

    kind = "recorded"
    description = "kept evaluations"

    def __init__(self, alteration: int | None = None) -> None:
        self.alteration = alteration

    def evaluate(self, case_text: str) -> str:
        """Lean's answer; `alteration` numbers the planted one that is wanted."""
        say({"evaluate": case_text, "alteration": self.alteration})
        answer = listen()
        if "error" in answer:
            raise LeanError(answer["error"])
        text: str = answer["text"]
        return text


def load() -> Iterator[tuple[str, str]]:
    """Whether the definitions can be read."""
    try:
        load_definitions()
    except DefinitionsError as error:
        yield "load", str(error)


def extracted(project: Project, data: Any) -> Iterator[tuple[str, str]]:
    """What `extract --check` compares, with the data that Lean exports."""
    program = import_order(project.sources, [evaluator(project.sources)[0]])
    files = sorted({module_file(Path(), name).as_posix() for name in (*EXTRACTED, *program)})
    document = {
        "toolchain": (project.root / "lean-toolchain").read_text(encoding="utf-8").strip(),
        "sources": {name: file_digest(project.sources / name) for name in files},
        "data": data,
    }
    path = Path(pybridge.__file__).with_name("definitions.json")
    for line in differences(path, document)[:1]:
        yield "extract", line


def checked(cases: list[Case], lean: Any, definitions: Definitions) -> CheckReport | str:
    """The report of `python -m pybridge.check`, or the line with which it ends without one."""
    try:
        return check_cases(cases, lean, definitions)
    except (InputError, LeanError) as error:
        return str(error)


def compared(cases: list[Case], lean: Any, definitions: Definitions) -> Iterator[tuple[str, str]]:
    """The problems that `python -m pybridge.check` finds, with the check that each is of."""
    report = checked(cases, lean, definitions)
    if isinstance(report, str):
        yield "load", report
        return
    if report.stopped is not None:
        yield "answer", report.stopped
    for case in report.cases:
        yield from problems(case)


def problems(case: CaseReport) -> Iterator[tuple[str, str]]:
    """The problems of a case."""
    if case.problem is not None:
        check = "answer" if case.problem.startswith("Lean") else "load"
        yield check, f"{case.label}: {case.problem}"
    for name, tensor in case.tensors.items():
        for problem in tensor.problems:
            (check,) = {kind for prefix, kind in PREFIXES.items() if problem.startswith(prefix)}
            yield check, f"{case.label}, {name}: {problem}"


def certified(case: Case, definitions: Definitions) -> Iterator[tuple[str, str]]:
    """Whether Lean's kernel rejects a certificate of the reference evaluator's numbers."""
    try:
        claimed = claims(case, PLACES, definitions, entries=4, fast=False)
    except (InputError, DefinitionsError):
        return
    say({"certificate": certificate_source(case, claimed)})
    rejected = listen()["rejected"]
    if rejected:
        yield "certify", f"{case.label}: Lean's kernel rejects {rejected}"


def planted(
    cases: list[Case], definitions: Definitions, alterations: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Which altered answers the check overlooks."""
    for number, name in alterations.items():
        report = checked(cases, Remote(int(number)), definitions)
        if isinstance(report, CheckReport) and report.passed:
            yield "planted", f"it overlooks the planted answer {name}"
            return


def main() -> None:
    """Runs all checks on the copy."""
    root = Path(sys.argv[1]).resolve()
    assert root in Path(pybridge.__file__).resolve().parents, "this is not the copy's package"
    task = listen()
    found: dict[str, str] = {}

    def note(findings: Iterator[tuple[str, str]]) -> None:
        for check, message in findings:
            found.setdefault(check, message.replace(str(root), "."))

    note(load())
    project = Project.find()
    note(extracted(project, task["data"]))
    recorded = None
    try:
        recorded = RecordedLean.find(project)
    except LeanNotFound as error:
        found["recorded"] = str(error).replace(str(root), ".")
    if "load" not in found:
        definitions = load_definitions()
        patterns = task["cases"]
        cases = [c for c in suite() if any(fnmatchcase(c.label, p) for p in patterns)]
        lean: Any = recorded if task["recorded"] else Remote()
        if lean is not None:
            note(compared(cases, lean, definitions))
        for case in suite():
            if case.label in task["certified_cases"]:
                note(certified(case, definitions))
        if task["alterations"] and not found:
            few = [case for case in suite() if case.label in task["altered_cases"]]
            note(planted(few, definitions, task["alterations"]))
    say({"found": found})


if __name__ == "__main__":
    main()
