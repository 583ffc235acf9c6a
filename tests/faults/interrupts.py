"""Interrupts, and a Lean that dies, in the middle of a long run."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import numpy as np

from faults.fault import Fault
from faults.sandbox import Outcome, Sandbox
from faults.stand_ins import native, registries
from pybridge.check.suite import suite
from pybridge.problem.case import Case

__all__ = ["INTERRUPTS"]

_CHECK = "python -m pybridge.check first.npz large.npz last.npz --lean native --report report.json"
_KEPT = "the report has the cases that were checked, and says which were not"
_SECOND = """\
if run == 1:
    now.touch()
    time.sleep(60)
"""


def _long_run(behaviour: str) -> Callable[[Sandbox], None]:
    """Save three cases: Lean refuses the large one, and answers the last in a second run."""

    def prepare(sandbox: Sandbox) -> None:
        native(behaviour)(sandbox)
        first, last = suite()[15], suite()[17]
        first.save(sandbox.work / "first.npz")
        last.save(sandbox.work / "last.npz")
        zeros = np.zeros((1, 1, 40, 40), np.float32)
        large = Case.of("large", zeros, zeros[..., :20, :20], zeros[..., :21, :21])
        large.save(sandbox.work / "large.npz")
        (sandbox.work / "report.json").write_text("an old report")

    return prepare


def _two_of_three(sandbox: Sandbox) -> None:
    report = json.loads((sandbox.work / "report.json").read_text())
    cases = {case["label"]: case for case in report["cases"]}
    assert list(cases) == ["binary32-one-by-one", "large"]
    assert cases["binary32-one-by-one"]["passed"] is True
    assert len(cases["binary32-one-by-one"]["tensors"]) == 4
    assert cases["large"]["problem"]["text"] == "Lean refused this case: not recorded"
    (missing,) = report["missing"]
    assert missing.startswith("binary32-zeros#")
    assert report["stopped"]
    assert report["passed"] is False


def _page(sandbox: Sandbox) -> None:
    _two_of_three(sandbox)
    page = (sandbox.work / "page.html").read_text(encoding="utf-8")
    assert "Stopped early: 2 of 3 cases were checked" in page
    assert page.rstrip().endswith("</html>")


def _old_report(sandbox: Sandbox) -> None:
    assert (sandbox.work / "report.json").read_text() == "an old report"


def _stop(sign: signal.Signals) -> Callable[[Sandbox, str], Outcome]:
    return lambda sandbox, command: sandbox.interrupt(command, sign)


_ENDED = [
    Fault(
        what=what,
        command=_CHECK,
        status=status,
        line="error: interrupted; checked before: 2 of 3 cases",
        says="incomplete: 1 cases were not checked",
        prepare=_long_run(_SECOND),
        run=_stop(sign),
        kept=_KEPT,
        after=_two_of_three,
    )
    for what, status, sign in (
        ("Ctrl-C in a long run", 130, signal.SIGINT),
        ("A long run is ended by TERM", 143, signal.SIGTERM),
        ("The terminal of a long run is closed (HUP)", 129, signal.SIGHUP),
    )
]

INTERRUPTS = (
    *_ENDED,
    Fault(what="Ctrl-C in a long run that is to leave a page, too",
          command=f"{_CHECK} --html page.html", status=130,
          line="error: interrupted; checked before: 2 of 3 cases", prepare=_long_run(_SECOND),
          run=_stop(signal.SIGINT), kept="the page, as the report, has the cases that were checked",
          after=_page),
    Fault(what="A long run is killed (KILL), which nothing can catch", command=_CHECK,
          status=-signal.SIGKILL, prepare=_long_run(_SECOND.replace("60", "2")),
          run=_stop(signal.SIGKILL), kept="the report of an earlier run", after=_old_report),
    Fault(what="Lean is killed in the middle of a long run", command=_CHECK, status=1,
          line="error: the Lean program failed with status -9; it printed: nothing; checked "
          "before: 2 of 3 cases", prepare=_long_run("if run == 1: kill()"), kept=_KEPT,
          after=_two_of_three),
    Fault(what="Ctrl-C before anything was checked", command=_CHECK.replace("native", "wasm"),
          status=130, line="error: interrupted", prepare=lambda sandbox: (
            _long_run("")(sandbox),
            registries(pip="now.touch(); time.sleep(60)")(sandbox),
        ), run=_stop(signal.SIGINT), kept="the report of an earlier run", after=_old_report),
)  # fmt: skip
