"""Processes with a time limit, which take all that they started with them when they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybridge.lean.errors import LeanError

__all__ = ["Completed", "kill_group", "read_result", "run_limited", "start"]


@dataclass(frozen=True, slots=True)
class Completed:
    """How a process ended, and what it printed, standard error included."""

    status: int
    output: str


def kill_group(process: subprocess.Popen[str]) -> None:
    """Ends a process that leads a group of its own, with the whole group, and waits for it."""
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
    """A process that leads a group of its own, with all that it prints in one pipe of text.

    Raises `LeanError`, naming it by `name`, when it cannot be started.
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
    """Runs a command to its end, without standard input.

    Raises `LeanError`, naming it by `name`, when it cannot be started or takes longer than
    `timeout` seconds; then, and on an interrupt, nothing of it is left running.
    """
    process = start(command, name=name, stdin=subprocess.DEVNULL, cwd=cwd, env=env)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise LeanError(f"{name} did not answer within {timeout:g} s") from None
    finally:
        kill_group(process)
        if process.stdout:
            process.stdout.close()
    return Completed(process.returncode, output)


def read_result(path: Path) -> str:
    """The text that the Lean program wrote; `LeanError` when there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LeanError(f"Lean's result cannot be read: {error}") from None
