"""docs/mutations.md: which check caught which fault."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from bench.mutation.checks import CHECKS
from bench.mutation.fault import PLACES, Place
from bench.mutation.harness import Run, Verdict
from pybridge.files import write_atomically

__all__ = ["COMMAND", "DOCUMENT", "document", "table", "write"]

DOCUMENT = "mutations.md"
COMMAND = "python -m bench mutation{certify} --write"

_HEAD = """\
# Planted faults: who tests the tester

A check that nothing can fail proves nothing. Here somebody gets something wrong on purpose, one
fault at a time, and the checks of this repository have to notice. This file is written by

```sh
{command}
```

with the extra `bench` (`pip install -e '.[bench]'`); it takes some minutes. Exit status 1: a fault
survived. `--only PATTERN` plants some of the faults, `--quick` a few of every kind and on few
cases, which the tests do, too. `--certify` lets Lean's kernel check certificates of the numbers,
half a minute for each fault that changes them.

## How

Every fault is planted in a copy of the package, in a temporary folder, or in the text that Lean
answers; the tree itself is only read. A fault is an edit of a source file whose old text has to
occur there once, of the exported definitions (with a new digest, unless it says otherwise), of the
recorded evaluations, or of the answer. Then the checks are run in the copy, by a process that
imports nothing else. Without a fault they find nothing: that is checked first. So what a check
notices is the fault; and a fault that changes nothing would survive, which is an error.

Lean evaluates the text of each case once. A copy that writes a case in another way gets Lean's
answer to that.

## The checks
"""

_FINDINGS = """\
When the list was planted first, nothing noticed that the bound for sums in any order did not count
the bias as a term; and later on that entries without a term have a bound in the replay of a large
convolution. A test says so of each now. What *tests* caught, no case of the built-in suite shows.
"""

_MARKS = """\
In the tables, ● is the first check that caught the fault, in the order above, ○ another one that
did. What the first one said is below each table.
"""

_INTRODUCTIONS: dict[Place, str] = {
    "reference evaluator": "The evaluator that executes the exported definitions in NumPy, which "
    "all else is compared with.",
    "fast replay": "The fast evaluation of the same order, with bounds within 1.05 of it.",
    "estimates": "Bounds for sums in any order, the enclosure, and what compares with them.",
    "case text": "What Python writes for Lean to read.",
    "definitions": "Exported definitions that have the right form, and another meaning.",
    "Lean sources": "Sources that are not those of the exported definitions any more.",
    "Lean's answers": "The text of a result file, changed on its way.",
    "recording": "The recorded evaluations that ship with the package; the check is then the one "
    "against these.",
    "checker": "The checks themselves, which become blind. They hold on everything then, so that "
    "the altered answers above are planted in turn: a check that overlooks one of them is caught.",
}


def document(run: Run) -> str:
    """The Markdown text; every fault of the run, and which checks caught it."""
    parts = [
        _HEAD.format(command=COMMAND.format(certify=" --certify" * run.certified)),
        "\n".join(_filled(f"- *{name}*: {what}.") for name, what in CHECKS.items()),
        "" if run.certified else "Certificates were not checked in the run below.",
        _filled(
            f"Of {len(run.verdicts)} faults that were planted, "
            f"{len(run.verdicts) - len(run.survivors)} were caught. Lean: {run.lean}."
        ),
        _counts(run),
        _FINDINGS,
        _MARKS,
    ]
    for place in PLACES:
        of_place = [verdict for verdict in run.verdicts if verdict.fault.place == place]
        if of_place:
            parts += [
                f"## {place[0].upper()}{place[1:]}",
                _filled(_INTRODUCTIONS[place]),
                table(of_place),
                "\n".join(_said(verdict) for verdict in of_place),
            ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def write(run: Run, directory: Path) -> None:
    """Writes the page into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with write_atomically(directory / DOCUMENT) as file:
        file.write(document(run).encode())


def table(verdicts: Sequence[Verdict]) -> str:
    """A row for each fault, and a column for each check that caught one of them."""
    checks = [name for name in CHECKS if any(name in verdict.checks for verdict in verdicts)]
    rows = [
        (
            f"`{verdict.fault.name}`",
            verdict.fault.imitates,
            ", ".join(f"`{Path(file).name}`" for file in verdict.fault.files) or "the answer",
            *(_mark(verdict, check) for check in checks),
        )
        for verdict in verdicts
    ]
    ends = ("---", "---", "---", *[":-:"] * len(checks))
    return _lines(("fault", "what is wrong", "planted in", *checks), ends, *rows)


def _lines(*rows: Sequence[str]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _mark(verdict: Verdict, check: str) -> str:
    if check not in verdict.checks:
        return ""
    return "●" if verdict.checks[0] == check else "○"


def _counts(run: Run) -> str:
    rows = [("check", "caught", "first", "alone"), ("---", "---:", "---:", "---:")]
    verdicts = run.verdicts
    for check in CHECKS:
        if check == "certify" and not run.certified:
            continue
        first = sum(verdict.checks[:1] == (check,) for verdict in verdicts)
        caught = sum(check in verdict.checks for verdict in verdicts)
        alone = sum(verdict.checks == (check,) for verdict in verdicts)
        rows.append((check, str(caught), str(first), str(alone)))
    return _lines(*rows)


def _said(verdict: Verdict) -> str:
    said = verdict.found[0].message if verdict.found else "it survives"
    return f"- `{verdict.fault.name}`: `{said.replace('`', chr(39)):.160}`"


def _filled(paragraph: str) -> str:
    """A paragraph or an item of a list in lines of at most 100 characters."""
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(
        paragraph, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
