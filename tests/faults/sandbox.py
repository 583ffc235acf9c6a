"""A machine of its own for each fault: a home, a cache, a checkout, and stand-ins for programs."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

__all__ = ["Outcome", "Sandbox"]

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGE = ("pybridge", "lean", "lakefile.lean", "lean-toolchain", "pyproject.toml")
_LONGEST = 60.0  # seconds for a command
_PATIENCE = 10.0
_MARK = "PYBRIDGE_FAULT"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it printed, paths being relative to the current folder."""

    status: int
    out: str
    err: str


@dataclass
class Sandbox:
    """Folders with a space and letters beyond ASCII in their names, and an environment.

    Commands run in `work`, on a copy of the package in `checkout`, of which `own_checkout` makes
    one that may be changed.
    """

    folder: Path
    checkout: Path
    env: dict[str, str] = field(default_factory=dict)
    before: set[Path] = field(default_factory=set)

    @classmethod
    def copy_package(cls, folder: Path) -> Path:
        """Return a checkout with what the commands need, its modules compiled."""
        checkout = folder / "Brücke 1"
        checkout.mkdir(parents=True)
        ignored = shutil.ignore_patterns("__pycache__", ".lake")
        for name in _PACKAGE:
            source = _ROOT / name
            if source.is_dir():
                shutil.copytree(source, checkout / name, ignore=ignored)
            else:
                shutil.copy2(source, checkout)
        command = [sys.executable, "-m", "compileall", "-q", str(checkout / "pybridge")]
        subprocess.run(command, check=True)
        return checkout

    def __post_init__(self) -> None:
        for name in ("home", "cache", "tmp", "work", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.script("python", f'exec "{sys.executable}" "$@"')
        self.env = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYBRIDGE_CACHE": str(self.folder / "cache"),
            "PYTHONPATH": str(self.checkout),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": "0",
            "PIP_INDEX_URL": "http://127.0.0.1:9/",
            _MARK: secrets.token_hex(8),
        }

    @cached_property
    def work(self) -> Path:
        """The current folder of the commands."""
        return self.folder / "work"

    def own_checkout(self) -> Path:
        """Return a checkout of this sandbox's own, which it uses from now on."""
        own = self.folder / "Brücke 2"
        if own.exists():
            return own
        shutil.copytree(self.checkout, own)
        self.checkout = own
        self.env["PYTHONPATH"] = str(own)
        return own

    def script(self, name: str, text: str) -> Path:
        """Write a program on PATH; without a first line of its own, for the shell."""
        path = self.folder / "bin" / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def settle(self) -> None:
        """Remembers which files are there before the command runs."""
        self.before = self._files()

    def start(self, command: str) -> subprocess.Popen[str]:
        """Starts a command, with a group of processes of its own."""
        return subprocess.Popen(
            ["/bin/bash", "-c", command],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Outcome:
        """Waits for a command's end."""
        try:
            out, err = process.communicate(timeout=_LONGEST)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return Outcome(process.returncode, self._relative(out), self._relative(err))

    def run(self, command: str) -> Outcome:
        """Runs a command to its end."""
        return self.finish(self.start(command))

    def interrupt(self, command: str, sign: signal.Signals) -> Outcome:
        """Runs a command, and sends a signal to it, alone, when a stand-in makes a file `now`."""
        process = self.start(f"exec {command}")
        limit = time.monotonic() + _LONGEST
        while not (self.work / "now").exists():
            assert process.poll() is None, self.finish(process)
            assert time.monotonic() < limit, "no stand-in was asked"
            time.sleep(0.02)
        (self.work / "now").unlink()
        process.send_signal(sign)
        return self.finish(process)

    def assert_clean(self, *, killed: bool) -> None:
        """Assert that no process is left, and no temporary file unless it was `killed`."""
        limit = time.monotonic() + _PATIENCE
        while left := self._processes():
            assert time.monotonic() < limit, left
            time.sleep(0.05)
        new = self._files() - self.before
        odd = [path for path in new if ".part" in path.name or path.parent.name == "tmp"]
        assert killed or not odd, odd

    def _files(self) -> set[Path]:
        return set(self.folder.rglob("*"))

    def _processes(self) -> list[str]:
        """Return the processes, other than zombies, that a command of this sandbox started."""
        mark = f"{_MARK}={self.env[_MARK]}".encode()
        running = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    running.append((process / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue
        return running

    def _relative(self, text: str) -> str:
        return text.replace(f"{self.work}/", "").replace(str(self.folder), "..")
