"""Faults of what is written: full disks, folders that are not there, readers that have gone."""

from __future__ import annotations

import json
from pathlib import Path

from faults.fault import Fault
from faults.sandbox import Sandbox
from faults.stand_ins import native

__all__ = ["OUTPUT"]

_CHECK = "python -m pybridge.check --case binary32-one-by-one --lean recorded"
_REPORT = f"{_CHECK} --report report.json"
_HOLDS = "1 of 1 cases hold"
_FULL = "error: standard output cannot be written: No space left on device"
_EARLIER = "the report of an earlier run; the table is shown"


def _old_report(sandbox: Sandbox) -> None:
    (sandbox.work / "report.json").write_text("an old report")


def _still_old(sandbox: Sandbox) -> None:
    assert (sandbox.work / "report.json").read_text() == "an old report"
    assert [path.name for path in sandbox.work.iterdir()] == ["report.json"]


def _passed(path: Path) -> None:
    assert json.loads(path.read_text())["passed"] is True


def _link(sandbox: Sandbox) -> None:
    (sandbox.folder / "elsewhere.json").write_text("an old report")
    (sandbox.folder / "elsewhere.json").chmod(0o640)
    (sandbox.work / "report.json").symlink_to(sandbox.folder / "elsewhere.json")


def _link_kept(sandbox: Sandbox) -> None:
    assert (sandbox.work / "report.json").is_symlink()
    elsewhere = sandbox.folder / "elsewhere.json"
    _passed(elsewhere)
    assert elsewhere.stat().st_mode & 0o777 == 0o640


def _device_kept(sandbox: Sandbox) -> None:
    assert Path("/dev/null").is_char_device()
    assert Path("/dev/full").is_char_device()


def _old_certificate(sandbox: Sandbox) -> None:
    (sandbox.work / "Binary32OneByOne.lean").write_text("an old certificate")


def _certificate_still_old(sandbox: Sandbox) -> None:
    assert (sandbox.work / "Binary32OneByOne.lean").read_text() == "an old certificate"


def _certificate_written(sandbox: Sandbox) -> None:
    text = (sandbox.work / "Binary32OneByOne.lean").read_text(encoding="utf-8")
    assert text.endswith("end RuntimeApprox.Certificates.Binary32OneByOne\n")


OUTPUT = (
    Fault(what="The disk is full for a report", command=f"ulimit -f 1; {_REPORT}", status=2,
          line="error: report.json cannot be written: File too large", says=_HOLDS,
          prepare=_old_report, kept=_EARLIER, after=_still_old),
    Fault(what="A report to nowhere", command=f"{_CHECK} --report /dev/null", status=0,
          says=_HOLDS, kept="the device stays one", after=_device_kept),
    Fault(what="The disk is full for standard output", command=f"{_CHECK} > /dev/full", status=2,
          line=_FULL),
    Fault(what="… and there is a report", command=f"{_REPORT} > /dev/full", status=2, line=_FULL,
          kept="the report", after=lambda sandbox: _passed(sandbox.work / "report.json")),
    Fault(what="The reader of standard output has gone",
          command=f"set -o pipefail; {_CHECK} | true", status=141),
    Fault(what="Standard output is closed", command=f"{_REPORT} >&-", status=0,
          kept="the report", after=lambda sandbox: _passed(sandbox.work / "report.json")),
    Fault(what="Standard output is ASCII only",
          command=f"PYTHONIOENCODING=ascii {_CHECK} --each", status=0, says="1?1?1?1"),
    Fault(what="The disk is full for temporary files",
          command="ulimit -f 0; "
          "python -m pybridge.check --case binary32-one-by-one --lean native",
          status=1,
          line="error: temporary files cannot be written: …; checked before: 0 of 1 cases",
          prepare=native()),
    Fault(what="The report's folder does not exist", command=f"{_CHECK} --report no/report.json",
          status=2, line="error: --report: the folder no does not exist"),
    Fault(what="The report is a folder", command=f"{_CHECK} --report .", status=2,
          line="error: --report: . is a folder, expected a file"),
    Fault(what="The report is a link to a file that others may not read", command=_REPORT,
          status=0, says=_HOLDS, prepare=_link,
          kept="the link, and who may read the file that it leads to", after=_link_kept),
    Fault(what="The disk is full for a certificate",
          command="ulimit -f 1; python -m pybridge.certify binary32-one-by-one --no-check",
          status=2, line="error: Binary32OneByOne.lean cannot be written: File too large",
          prepare=_old_certificate, kept="the certificate of an earlier run",
          after=_certificate_still_old),
    Fault(what="No Lean can check a certificate",
          command="python -m pybridge.certify binary32-one-by-one --lean recorded", status=3,
          line="error: a certificate's check needs Lean itself, and only recorded evaluations are "
          "here: see --lean native and --lean wasm",
          kept="the certificate, unchecked", after=_certificate_written),
)  # fmt: skip
