"""A fault: how to bring it about, and what is expected then."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass

from faults.sandbox import Outcome, Sandbox

__all__ = ["ANYTHING", "Fault"]

ANYTHING = "…"
"""In a line: whatever text."""


def _nothing(sandbox: Sandbox) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row.

    `what` is wrong when `command` is run by bash, after `prepare`; it ends with `status`, and its
    only line on standard error that says so is `line`, where paths are relative to the current
    folder and `…` stands for anything. Without it, `says` is what standard output or
    standard error has. `kept` says what is not lost, which `after` asserts. `run` replaces the
    plain running of the command.
    """

    what: str
    command: str
    status: int
    line: str = ""
    says: str = ""
    kept: str = ""
    prepare: Callable[[Sandbox], object] = _nothing
    after: Callable[[Sandbox], object] = _nothing
    run: Callable[[Sandbox, str], Outcome] = Sandbox.run

    def check(self, sandbox: Sandbox) -> None:
        """Brings the fault about and asserts all that is expected."""
        self.prepare(sandbox)
        sandbox.settle()
        outcome = self.run(sandbox, self.command)
        assert outcome.status == self.status, outcome
        assert "Traceback" not in outcome.out + outcome.err, outcome
        errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
        if self.line:
            assert len(errors) == 1, outcome
            assert outcome.err.splitlines()[-1] == errors[0], outcome
            assert _matches(self.line, errors[0]), (self.line, errors[0])
        else:
            assert not errors, outcome
        if self.says:
            assert self.says in outcome.out or self.says in outcome.err, outcome
        sandbox.assert_clean(killed=self.status == -signal.SIGKILL)
        self.after(sandbox)


def _matches(template: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, template.split(ANYTHING))), line) is not None
