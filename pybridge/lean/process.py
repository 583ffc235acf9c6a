"""Runs processes with a time limit; when one ends, so do all that it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybridge.lean.errors import LeanError

__all__ = ["Completed", "job_folder", "kill_group", "read_result", "run_limited", "start"]

_MOST_OUTPUT = 1 << 26  # bytes


@dataclass(frozen=True, slots=True)
class Completed:
    """The exit status of a process, and what it printed, standard error included."""

    status: int
    output: str


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a process that leads a group of its own, and the whole group, and wait for it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def start(
    command: Sequence[str | Path],
    *,
    name: str,
    stdin: int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a process that leads a group of its own and prints everything into one text pipe.

    Raises `LeanError`, naming it by `name`, if it cannot be started.
    """
    try:
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise LeanError(f"{name} could not be started: {error}") from None


def run_limited(
    command: Sequence[str | Path],
    *,
    timeout: float,
    name: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command to its end, without standard input.

    Raises `LeanError`, naming it by `name`, if it cannot be started, takes longer than `timeout`
    seconds, or prints more than 64 MiB. Then, and after an interrupt, it is no longer running.
    """
    process = start(command, name=name, stdin=subprocess.DEVNULL, cwd=cwd, env=env)
    deadline = time.monotonic() + timeout
    try:
        output = _read_all(process, deadline)
        if output is None:
            raise LeanError(f"{name} printed more than {_MOST_OUTPUT >> 20} MiB")
        process.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise LeanError(f"{name} did not answer within {timeout:g} s") from None
    finally:
        kill_group(process)
        if process.stdout:
            process.stdout.close()
    return Completed(process.returncode, output)


def _read_all(process: subprocess.Popen[str], deadline: float) -> str | None:
    """Return what a process prints until it closes its output, or None if that is too much."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    content = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                return content.decode("utf-8", errors="replace")
            content += chunk
            if len(content) > _MOST_OUTPUT:
                return None


@contextlib.contextmanager
def job_folder() -> Iterator[Path]:
    """Yield a temporary folder; `LeanError` if it cannot be made, or written in the block."""
    try:
        with tempfile.TemporaryDirectory(prefix="pybridge-", ignore_cleanup_errors=True) as name:
            yield Path(name)
    except OSError as error:
        raise LeanError(f"temporary files cannot be written: {error.strerror}") from None


def read_result(path: Path) -> str:
    """Return the text that the Lean program wrote; `LeanError` if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LeanError(f"Lean's result cannot be read: {error}") from None
