"""Plants faults one at a time, runs the checks on each, and says what caught it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.mutation.checks import CHECKS, Found
from bench.mutation.fault import Fault, PlantingError
from bench.mutation.lean import KeptLean
from bench.mutation.workspace import TREE, planted, snapshot
from pybridge.lean import LeanError

__all__ = ["FEW_CASES", "ProbeError", "Run", "Verdict", "run"]

_PROBE = Path(__file__).with_name("probe.py")
_SECONDS = 900.0

FEW_CASES = (
    "binary32-basic-eps",
    "binary32-dilation-stride",
    "binary32-depthwise-multiplier",
    "binary32-asymmetric-padding",
    "binary32-ties",
    "binary16-groups-eps",
    "binary16-tiny",
    "binary16-subnormal",
    "binary16-overflow",
    "bfloat16-cancelling",
    "binary64-subnormal-eps",
)
"""The built-in cases of the short form."""

_CERTIFIED = ("binary32-dilation-stride",)
"""The cases of which the kernel proves some entries: stride, dilation, padding and eps."""

_ALTERED = ("binary32-basic-eps", "binary16-tiny", "binary16-subnormal", "binary16-overflow")
"""The cases whose answers are altered to test the check itself."""


class ProbeError(Exception):
    """The checks did not run to their end, or find something where no fault is planted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What caught a fault: every check that did, in the order of `CHECKS`; none if it survives."""

    fault: Fault
    found: tuple[Found, ...]

    @property
    def caught(self) -> bool:
        """Whether a check caught it."""
        return bool(self.found)

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that caught it, the first one first."""
        return tuple(found.check for found in self.found)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the harness: which Lean answered, which cases were checked, and what was caught.

    `certified` says whether Lean's kernel checked certificates, too.
    """

    lean: str
    cases: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    certified: bool = False

    @property
    def survivors(self) -> tuple[Fault, ...]:
        """The faults that nothing caught."""
        return tuple(verdict.fault for verdict in self.verdicts if not verdict.caught)

    def to_json(self) -> str:
        """The run as a JSON document."""
        faults = [
            {
                "name": verdict.fault.name,
                "imitates": verdict.fault.imitates,
                "place": verdict.fault.place,
                "files": list(verdict.fault.files),
                "caught": verdict.caught,
                "found": {found.check: found.message for found in verdict.found},
            }
            for verdict in self.verdicts
        ]
        document = {
            "passed": not self.survivors,
            "lean": self.lean,
            "cases": list(self.cases),
            "certified": self.certified,
            "faults": faults,
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def run(
    faults: Sequence[Fault],
    lean: KeptLean,
    *,
    cases: Sequence[str] = ("*",),
    answers: Sequence[Fault] = (),
    certify: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    tree: Path = TREE,
) -> Run:
    """Plants each fault in a copy of the tree and runs the checks there.

    `cases` are patterns of the built-in cases' labels. `answers` are the faults of Lean's answers
    that a fault of the checker may make it overlook. `certify` lets Lean's kernel check
    certificates of the numbers. Raises `ProbeError` when the checks find something in the tree as
    it is, or end with an exception, and `PlantingError` when a fault cannot be planted.
    """
    data = json.loads(lean.export())
    verdicts = []
    with snapshot(tree) as base:
        shutil.copy2(_PROBE, base.parent)
        bench = _Bench(base, lean, data, tuple(cases), tuple(answers), certify)
        progress("no fault")
        if clean := bench.found(None):
            raise ProbeError(f"without a fault, {clean[0].check} finds: {clean[0].message}")
        for fault in faults:
            progress(fault.name)
            verdicts.append(Verdict(fault, tuple(bench.found(fault))))
    return Run(lean.description, tuple(cases), tuple(verdicts), certified=certify)


@dataclass(frozen=True, slots=True)
class _Bench:
    base: Path
    lean: KeptLean
    data: Any
    cases: tuple[str, ...]
    answers: tuple[Fault, ...]
    certify: bool

    def found(self, fault: Fault | None) -> list[Found]:
        """What the checks find; the tests are run where nothing else does."""
        with planted(self.base, fault) as root:
            checks = self._probe(root, fault)
            found = [Found(check, checks[check]) for check in CHECKS if check in checks]
            if found or fault is None or not fault.tests:
                return found
            failing = _failing(root, fault, [f"{module}.py" for module in fault.tests])
        if failing is None:
            return []
        with planted(self.base, None) as root:
            if _failing(root, fault, [failing]):
                raise ProbeError(f"without a fault, tests/{failing} fails")
        return [Found("tests", failing)]

    def _probe(self, root: Path, fault: Fault | None) -> Mapping[str, str]:
        """What the checks say, by name."""
        of_checker = fault is None or fault.place == "checker"
        task = {
            "data": self.data,
            "cases": self.cases,
            "recorded": fault is not None and fault.place == "recording",
            "alterations": {str(n): a.name for n, a in enumerate(self.answers)}
            if of_checker
            else {},
            "altered_cases": _ALTERED,
            "certified_cases": _CERTIFIED if self.certify else (),
        }
        altered = fault is None or not fault.alters_answers
        with _Process(root) as process:
            process.say(task)
            for message in process.messages():
                if "found" in message:
                    if not altered:
                        raise PlantingError(f"{fault and fault.name}: no answer was altered")
                    found: Mapping[str, str] = message["found"]
                    return found
                answer, changed = self._answer(message, fault)
                process.say(answer)
                altered |= changed
        raise ProbeError(f"{fault.name if fault else 'no fault'}: {process.last_line}")

    def _answer(
        self, message: Mapping[str, Any], fault: Fault | None
    ) -> tuple[Mapping[str, str], bool]:
        """Lean's answer as the checks get it, and whether that is another than Lean gave."""
        if "certificate" in message:
            return {"rejected": self.lean.rejected(message["certificate"])}, False
        try:
            text = self.lean.evaluate(message["evaluate"])
        except LeanError as error:
            return {"error": str(error)}, False
        planted = fault if message["alteration"] is None else self.answers[message["alteration"]]
        given = planted.answer(text) if planted else text
        return {"text": given}, given != text


class _Process:
    """The probe in a copy of the package, which exchanges lines of JSON with this process."""

    def __init__(self, root: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(root.parent / _PROBE.name), str(root)],
            cwd=root,
            env=_environment(root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self._timer = threading.Timer(_SECONDS, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        self.last_line = ""

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        self.last_line = next((line for line in reversed(lines) if line.strip()), "no message")
        self._errors.close()

    def say(self, message: Any) -> None:
        """Sends a line; a process that has ended is noticed by its last line."""
        assert self._process.stdin is not None
        try:
            print(json.dumps(message), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return

    def messages(self) -> Iterator[Any]:
        """The process's lines, to its end."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield json.loads(line)


def _environment(root: Path) -> dict[str, str]:
    """The environment in which the copy is imported in place of the package that is installed."""
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def _found(root: Path, test: str) -> str:
    """The path of a test module, or of a function of one, in the folder of its room."""
    module, _, function = test.partition("::")
    (path,) = (root / "tests").rglob(module)
    return path.relative_to(root).as_posix() + (f"::{function}" if function else "")


def _failing(root: Path, fault: Fault, tests: Sequence[str]) -> str | None:
    """The first of some tests, modules or functions, that fails in a copy; `ProbeError` if none
    can be run.
    """
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--tb=line"),
                *("-p", "no:cacheprovider", "--hypothesis-seed=0"),
                *(_found(root, test) for test in tests),
            ],
            cwd=root,
            env=_environment(root),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProbeError(f"{fault.name}: {tests[0]} took more than {_SECONDS:g} s") from None
    if done.returncode == 0:
        return None
    failed = re.findall(r"^FAILED tests/(?:\w+/)?([\w.]+::\w+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or not failed:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise ProbeError(f"{fault.name}: the tests did not run: {' '.join(last)}")
    return str(failed[0])
