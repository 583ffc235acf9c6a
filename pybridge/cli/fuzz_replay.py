"""Compares saved cases with Lean again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pybridge.check.fuzz.judge import Evaluator, Judge
from pybridge.check.fuzz.saved import SavedCase
from pybridge.cli.output import json_text
from pybridge.cli.process import write_output
from pybridge.errors import InputError
from pybridge.exported.document import Definitions
from pybridge.problem.case import Case

__all__ = ["replay"]


def replay(
    files: Sequence[Path], lean: Evaluator, definitions: Definitions, *, as_json: bool = False
) -> int:
    """Prints for each file whether its case holds; 0 when all do, else 1.

    Raises `InputError`, naming the file, for one that holds no case, or a case that is in another
    one of the files; `LeanError` when Lean does not work.
    """
    cases: dict[str, tuple[Path, Case]] = {}
    for path in files:
        case = SavedCase.load(path).checked_case(path)
        if case.name in cases:
            raise InputError(f"{path}: the same case as in {cases[case.name][0]}")
        cases[case.name] = (path, case)
    verdicts = Judge(lean, definitions).judge([case for _, case in cases.values()])
    shown = {str(file): [str(p) for p in verdict.problems] for (file, _), verdict in
             zip(cases.values(), verdicts, strict=True)}  # fmt: skip
    if as_json:
        content = [{"file": file, "passed": not found, "problems": found}
                   for file, found in shown.items()]  # fmt: skip
        write_output(json_text(content))
    else:
        output = Console()
        for file, found in shown.items():
            line = f"{file}: {'; '.join(found) if found else 'holds'}"
            output.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(any(shown.values()))
