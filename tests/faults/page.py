"""docs/faults.md, from the faults that the tests bring about."""

from __future__ import annotations

from pathlib import Path

from faults import FAULTS
from faults.fault import Fault

__all__ = ["PAGE", "render"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

_START = """\
# When something is wrong

This page says what the commands do if Lean is missing or fails, a disk is full, a file is damaged,
or a run is interrupted. Each row is a test: `python -m pytest tests/check/test_faults.py` causes
the fault, runs the command in bash, and compares the exit status, the last line of standard error,
and the files that remain. There are {count} rows; `python tests/faults_page.py --write` makes this
page from them, and a test compares it.

In every row:

- If something is wrong in the end, the last line of standard error is `error: …`, and it is the
  only such line. There is no traceback.
- No file is half-written: files are written beside their final place and renamed. Until then, an
  existing file stays as it was.
- No process and no temporary file remains (except after KILL, which no program can catch).
- The command also works if the names of folders, of the checkout and of the cache have spaces and
  letters beyond ASCII.

| exit status | |
|---|---|
| 0 | all holds |
| 1 | something does not hold, or Lean failed |
| 2 | bad usage or input, or something cannot be written |
| 3 | Lean is required and missing |
| 129, 130, 143 | ended by HUP, by Ctrl-C, by TERM |
| 141 | the reader of standard output has gone |

Below, `…` stands for more text, and `..` for the folder of the test. The limit on the size of
files (`ulimit -f`) and `/dev/full` stand for a full disk. Lean, pip and npm are stand-ins that fail
as the row says. Without a network, the package index is an address where nobody answers.
"""


def render() -> str:
    """Return the page's text."""
    count = sum(map(len, FAULTS.values()))
    parts = [_START.format(count=count)]
    for heading, faults in FAULTS.items():
        rows = "".join(map(_row, faults))
        parts.append(
            f"## {heading}\n\n| what is wrong | command | what is said | status | what is kept |\n"
            f"|---|---|---|---|---|\n{rows}"
        )
    return "\n".join(parts)


def _row(fault: Fault) -> str:
    said = " … ".join(filter(None, (_code(fault.says), _code(fault.line))))
    status = "killed" if fault.status < 0 else str(fault.status)
    cells = (fault.what, _code(fault.command), said, status, fault.kept)
    return f"| {' | '.join(cells)} |\n"


def _code(text: str) -> str:
    """Quote text so that Markdown shows it literally, in a table."""
    if not text:
        return ""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
