"""`python -m bench adversary`: runs the attack, prints what was tried, and writes the page."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from bench.page import captioned, fill
from bench.studies.adversary.attack import Attack
from bench.studies.adversary.tally import Tally
from bench.tables import WIDTH, Row, Table

__all__ = ["DOCUMENT", "adversary", "tables"]

DOCUMENT = "adversary.md"

_MOST_PRINTED = 20


def adversary(entries: int, seed: int, case: int | None, directory: Path | None) -> int:
    """Attack until so many entries are tried, and return the exit status of the command.

    `case` tries only the case of this number. The page is written into `directory`, if any.
    """
    if case is not None and directory is not None:
        print("bench: --write needs every case: leave out --case", file=sys.stderr)
        return 2
    attack = Attack(seed)
    started = time.monotonic()
    if case is not None:
        attack.run(case)
    else:
        with Console(stderr=True).status("attacking") as status:
            while attack.tally.entries < entries:
                attack.run(attack.tally.cases)
                count = len(attack.tally.findings)
                status.update(f"{attack.tally.entries:,} of {entries:,} entries, {count} findings")
    _show(attack.tally)
    if directory is not None:
        fill(DOCUMENT, _parts(attack.tally, seed, time.monotonic() - started), directory)
    return 1 if attack.tally.findings else 0


def _show(tally: Tally) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for table in tables(tally):
        console.print(table.rich)
    for finding in tally.findings[:_MOST_PRINTED]:
        print(f"bench: case {finding.case}: {finding.rule}: {finding.what}", file=sys.stderr)
    if len(tally.findings) > _MOST_PRINTED:
        print(f"bench: {len(tally.findings)} findings in all", file=sys.stderr)


def _parts(tally: Tally, seed: int, seconds: float) -> dict[str, str]:
    """Return the parts of the page that the command writes."""
    lines = [f"* {f.case}: {f.rule}: {f.what}" for f in tally.findings[:100]]
    verdict = f"{len(tally.findings):,} findings:" if lines else "Nothing was found."
    result = (
        f"{tally.entries:,} entries of results in {tally.cases:,} cases were tried from seed "
        f"{seed}, in {seconds / 60:.0f} minutes.\n**{verdict}**"
    )
    return {
        "result": "\n".join([result, *[""] * bool(lines), *lines]),
        "tables": "\n\n".join(map(captioned, tables(tally))),
    }


def tables(tally: Tally) -> list[Table]:
    """Return tables of what was tried: entries, checks, refusals."""
    by_rule = Counter(finding.rule for finding in tally.findings)
    rules = sorted({*tally.checks, *by_rule})
    rows = [
        (rule, f"{tally.checks[rule]:,}", _part(tally, rule), f"{by_rule[rule]:,}")
        for rule in rules
    ]
    made = [
        Table("Entries by who computed them.", ("results", "entries"), _rows(tally.makers)),
        Table("By the kind of operands.", ("operands", "entries"), _rows(tally.kinds)),
        Table("By the format of the result.", ("result", "entries"), _rows(tally.formats)),
        Table(
            "What was checked, and the largest error in units of its bound.",
            ("rule", "checks", "error / bound", "findings"),
            tuple(rows),
        ),
        Table("Calls that were refused.", ("call", "refusals"), _rows(tally.refused)),
    ]
    return [table for table in made if table.rows]


def _rows(counts: Counter[str]) -> tuple[Row, ...]:
    return tuple((name, f"{count:,}") for name, count in sorted(counts.items()))


def _part(tally: Tally, rule: str) -> str:
    """Return the largest error in units of a bound, rounded down, if that was measured."""
    ratio = tally.tightest.get(rule)
    return "" if ratio is None else f"{int(ratio * 10**6) / 10**6:.6f}"
