"""docs/faults.md, from the faults that the tests bring about."""

from __future__ import annotations

from pathlib import Path

from faults import FAULTS
from faults.fault import Fault

__all__ = ["PAGE", "render"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

_START = """\
# When something is wrong

What the commands do then. Each row is a test: `python -m pytest tests/check/test_faults.py`
brings about what is wrong, runs the command by bash, and compares the exit status, the line on
standard error, and what is kept. {count} rows; `python tests/faults_page.py --write` makes this
page from them, and a test compares it.

What holds of every row:

- There is one line `error: …` on standard error, and it is the last one; where nothing is wrong in
  the end, there is none. There is no traceback.
- No file is half-written: files are written beside their final place and renamed. A file that was
  there before stays as it was until then.
- No process is left running, and no temporary file (but for KILL, which no program can catch).
- The command runs in folders, on a checkout, and with a cache, whose names have spaces and letters
  beyond ASCII.

| exit status | |
|---|---|
| 0 | all holds |
| 1 | something does not hold, or Lean failed |
| 2 | bad usage or input, or something cannot be written |
| 3 | Lean is required and not there |
| 129, 130, 143 | ended by HUP, by Ctrl-C, by TERM |
| 141 | the reader of standard output has gone |

In the lines below, `…` stands for more text, and `..` for the folder of the test. A full disk is
brought about by the limit on the size of files (`ulimit -f`), which needs no rights, and by
`/dev/full`; Lean, pip and npm are stand-ins that fail as the row says, and the network is gone
because the index is an address where nobody answers.
"""


def render() -> str:
    """The page's text."""
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
    said = " … ".join(filter(None, (_code(fault.shown), _code(fault.line))))
    status = "killed" if fault.status < 0 else str(fault.status)
    cells = (fault.what, _code(fault.command), said, status, fault.kept)
    return f"| {' | '.join(cells)} |\n"


def _code(text: str) -> str:
    """Text as Markdown shows it literally, in a table."""
    if not text:
        return ""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
