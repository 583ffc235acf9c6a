"""One Node process that runs jobs of WebAssembly Lean."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybridge.lean.errors import LeanError, last_lines
from pybridge.lean.interface import Message
from pybridge.lean.process import kill_group, start

__all__ = ["Job", "NodeProcess", "Outcome"]

_DRIVER = Path(__file__).with_name("driver.js")
_MOST_MEMORY = 1_600_000_000
"""Bytes, of the 2 GiB that Lean can have. A Lean that has taken more is replaced by a new one."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of Lean, which sees only the folders `mounts`, under their names there."""

    arguments: Sequence[str]
    directory: str
    mounts: Mapping[str, Path]
    options: Sequence[tuple[str, str | None]] = ()
    path: Sequence[str] = ()

    def to_json(self) -> str:
        """Return the line that the driver reads."""
        return json.dumps(
            {
                "arguments": list(self.arguments),
                "directory": self.directory,
                "mounts": {name: str(folder.resolve()) for name, folder in self.mounts.items()},
                "options": [["j", "1"], ["J", None], *map(list, self.options)],
                "path": list(self.path),
            }
        )


@dataclass(slots=True)
class Outcome:
    """Lean's exit status, its messages, and the lines that were not messages."""

    status: int = 0
    messages: list[Message] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


class _Crash(LeanError):
    """The process ended, or Lean in it cannot go on."""


class _Silence(LeanError):
    """Lean did not answer in time."""


class NodeProcess:
    """Runs jobs in order, in a Node process that is started when it is needed."""

    def __init__(self, node: Path, lean_js: Path, library: Path) -> None:
        self._command = [str(node), str(_DRIVER), str(lean_js), str(library)]
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._used = 0

    def run(self, job: Job, timeout: float, patience: float | None = None) -> Outcome:
        """Run one job; Lean's own errors are in the outcome.

        Raises `LeanError` if Lean crashes, or takes longer than `timeout` seconds. Lean does not
        give memory back, and may crash or hang when little is left. So the driver replaces it when
        it has used much, and a process that crashes, or does not answer within `patience` seconds,
        after it ran other jobs is replaced and the job is run again.
        """
        while True:
            used = self._used
            limit = timeout if patience is None or not used else min(timeout, patience)
            try:
                return self._run(job, limit)
            except (_Crash, _Silence):
                self._kill()
                if not used:
                    raise
            except BaseException:
                self._kill()
                raise

    def close(self) -> None:
        """End the process at once and for good, from any thread; a job in it fails."""
        with self._lock:
            self._closed = True
        self._kill()

    def _run(self, job: Job, timeout: float) -> Outcome:
        deadline = time.monotonic() + timeout
        process = self._process
        if process is None:
            process = self._start()
            self._read_until("ready", deadline, timeout, Outcome())
        self._used += 1
        try:
            assert process.stdin is not None
            process.stdin.write(job.to_json() + "\n")
            process.stdin.flush()
        except (OSError, ValueError):
            raise _Crash("WebAssembly Lean ended unexpectedly") from None
        outcome = Outcome()
        answer = self._read_until("status", deadline, timeout, outcome)
        outcome.status = int(answer["status"])
        if outcome.status not in (0, 1):
            raise _Crash(f"WebAssembly Lean crashed: {_said(outcome)}")
        return outcome

    def _start(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._closed:
                raise LeanError("WebAssembly Lean was stopped")
            command = [*self._command, str(os.getpid()), str(_MOST_MEMORY)]
            process = start(command, name="Node", stdin=subprocess.PIPE)
            self._process = process
            self._answers = queue.Queue()
        threading.Thread(target=_read, args=(process, self._answers), daemon=True).start()
        return process

    def _kill(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            self._used = 0
        if process is not None:
            kill_group(process)
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()

    def _read_until(
        self, key: str, deadline: float, timeout: float, outcome: Outcome
    ) -> dict[str, Any]:
        """Return the first answer with this key; add what comes before it to the outcome."""
        while True:
            try:
                line = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise _Silence(f"WebAssembly Lean did not answer within {timeout:g} s") from None
            if line is None:
                raise _Crash(f"WebAssembly Lean ended unexpectedly: {_said(outcome)}")
            answer = _parse(line)
            if key in answer:
                return answer
            for text in answer.values():
                if message := Message.from_json(str(text)):
                    outcome.messages.append(message)
                else:
                    outcome.other.append(str(text))


def _parse(line: str) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"stderr": line.rstrip("\n")}


def _read(process: subprocess.Popen[str], answers: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as lines, contextlib.suppress(OSError, ValueError):
        for line in lines:
            answers.put(line)
    answers.put(None)


def _said(outcome: Outcome) -> str:
    lines = [*map(str, outcome.messages), *outcome.other]
    return last_lines("\n".join(lines)) or "it printed nothing"
