"""`python -m bench adversary`: what it tries, and what it shows."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from bench.studies.adversary.attack import Attack
from bench.studies.adversary.document import tables, write
from bench.studies.adversary.tally import Tally

__all__ = ["adversary"]

_SHOWN = 20
_WIDTH = 160


def adversary(entries: int, seed: int, case: int | None, directory: Path | None) -> int:
    """Attacks until so many entries are tried; the exit status of the command.

    `case` tries the case of this number alone. `directory`, if given, is where the page goes.
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
                found = len(attack.tally.findings)
                status.update(f"{attack.tally.entries:,} of {entries:,} entries, {found} findings")
    _show(attack.tally)
    if directory is not None:
        command = f"python -m bench adversary --entries {entries} --seed {seed} --write"
        write(attack.tally, command, time.monotonic() - started, directory)
    return 1 if attack.tally.findings else 0


def _show(tally: Tally) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for table in tables(tally):
        shown = RichTable(title=table.caption, title_justify="left", title_style="")
        for k, column in enumerate(table.header):
            shown.add_column(column, justify="right" if k else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
    for finding in tally.findings[:_SHOWN]:
        print(f"bench: case {finding.case}: {finding.claim}: {finding.what}", file=sys.stderr)
    if len(tally.findings) > _SHOWN:
        print(f"bench: {len(tally.findings)} findings in all", file=sys.stderr)
