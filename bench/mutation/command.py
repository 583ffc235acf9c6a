"""`python -m bench mutation`: what it plants, and what it shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.mutation.catalogue import FAULTS
from bench.mutation.document import write
from bench.mutation.fault import Fault, PlantingError
from bench.mutation.harness import FEW_CASES, ProbeError, Run, run
from bench.mutation.lean import KeptLean
from pybridge.lean import LeanError, LeanNotFound, Mode, find

__all__ = ["chosen", "mutation"]

_WIDTH = 160


def chosen(
    patterns: Sequence[str], *, quick: bool, faults: Sequence[Fault] = FAULTS
) -> list[Fault]:
    """The faults whose names match a pattern, if any is given; `quick`: of these the short form."""
    return [
        fault
        for fault in faults
        if (fault.quick or not quick)
        and (not patterns or any(fnmatchcase(fault.name, pattern) for pattern in patterns))
    ]


def mutation(
    patterns: Sequence[str],
    *,
    quick: bool,
    directory: Path | None,
    json: bool,
    lean: Mode,
    certify: bool = False,
    faults: Sequence[Fault] = FAULTS,
) -> int:
    """Plants faults and shows what caught them; the exit status of the command.

    `directory`, if given, is where the page goes.
    """
    wanted = chosen(patterns, quick=quick, faults=faults)
    if not wanted:
        return _fail(f"--only: no fault matches {' or '.join(patterns)!r:.60}", 2)
    if directory is not None and len(wanted) < len(faults):
        return _fail("--write needs every fault: leave out --only and --quick", 2)
    progress = Console(stderr=True)
    try:
        found = find(lean, progress=progress.is_terminal)
        try:
            with progress.status("planting") as status:
                kept = KeptLean(found)
                if certify and not kept.certifies:
                    raise LeanNotFound("--certify needs Lean itself: --lean native or wasm")
                result = run(
                    wanted,
                    kept,
                    certify=certify,
                    cases=FEW_CASES if quick else ("*",),
                    answers=[f for f in faults if f.place == "Lean's answers"],
                    progress=lambda name: status.update(f"planting {name}"),
                )
        finally:
            found.close()
        if directory is not None:
            write(result, directory)
    except LeanError as error:
        return _fail(str(error), 3 if isinstance(error, LeanNotFound) else 1)
    except (PlantingError, ProbeError) as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(str(error), 2)
    if json:
        sys.stdout.write(result.to_json())
    else:
        _show(result)
    for fault in result.survivors:
        print(f"bench: {fault.name} survives: {fault.imitates}", file=sys.stderr)
    return 1 if result.survivors else 0


def _show(result: Run) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    shown = Table()
    for header in ("fault", "planted in", "caught by", "which says"):
        shown.add_column(header, overflow="fold")
    for verdict in result.verdicts:
        said = verdict.found[0].message if verdict.found else ""
        caught = ", ".join(verdict.checks) or "nothing"
        row = (verdict.fault.name, verdict.fault.place, caught, f"{said:.120}")
        shown.add_row(*map(escape, row))
    console.print(shown)
    number = len(result.verdicts) - len(result.survivors)
    console.print(
        f"{number} of {len(result.verdicts)} faults are caught; Lean: {result.lean}",
        markup=False,
        highlight=False,
    )


def _fail(message: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status
