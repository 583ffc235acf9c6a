"""Runs WebAssembly Lean on the project, under Node."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pybridge.lean.errors import LeanError, last_lines
from pybridge.lean.interface import BuildResult, Message
from pybridge.lean.modules import PROGRAM, evaluator, library_modules
from pybridge.lean.process import job_folder, read_result
from pybridge.lean.protocol import split_cases
from pybridge.lean.sources import Project
from pybridge.lean.wasm.build import Builder
from pybridge.lean.wasm.bundle import Bundle, bundle
from pybridge.lean.wasm.install import Toolchain, install
from pybridge.lean.wasm.node import Job, NodeProcess, Outcome
from pybridge.lean.wasm.pool import Pool

__all__ = ["WasmLean"]

_STATUS = re.compile(r"\[(\d+)\]\s*\Z")
_WORTH_A_PROCESS = 20_000  # characters of cases


class WasmLean:
    """WebAssembly Lean on the project's sources.

    `timeout` seconds are allowed for each job; `jobs` processes (by default one for each processor,
    at most two) share evaluations and builds, and take up to 2 GiB of memory each.
    """

    kind: Literal["wasm"] = "wasm"

    def __init__(
        self,
        toolchain: Toolchain,
        project: Project,
        *,
        timeout: float = 600.0,
        jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self._toolchain = toolchain
        self._project = project
        self._timeout = timeout
        self._jobs = jobs or min(2, os.cpu_count() or 1)
        self._progress = progress
        self._pool = Pool(toolchain.process, self._jobs)

    @classmethod
    def find(cls, project: Project, *, timeout: float = 600.0, progress: bool = True) -> WasmLean:
        """Return WebAssembly Lean, installed if necessary; `LeanNotFound` if that fails."""
        toolchain = install(progress=progress)
        return cls(toolchain, project, timeout=timeout, progress=progress)

    @property
    def description(self) -> str:
        """The version that this Lean reports, and its folder."""
        version = self._toolchain.version.split(", commit")[0]
        return f"WebAssembly Lean {version} in {self._toolchain.root}"

    def evaluate(self, case_text: str) -> str:
        """Return the results of the cases, which the processes share if there are many."""
        program = bundle(self._project.sources, *evaluator(self._project.sources))
        cases = split_cases(case_text)
        shares = _share(cases, min(self._jobs, 1 + len(case_text) // _WORTH_A_PROCESS))

        def run(process: NodeProcess, key: str) -> str:
            return self._main(process, program, ["cases", "/job/in", "/job/out"], shares[key])

        results = self._pool.run(dict.fromkeys(shares, ()), run)
        return "".join(results[key] for key in shares)

    def export(self) -> str:
        """Return the exported definitions, as JSON."""
        return self._run_one("export", *evaluator(self._project.sources))

    def networks(self, text: str) -> str:
        """Return the results of the networks, by the whole program."""
        return self._run_one("networks", PROGRAM, case_text=text)

    def _run_one(self, command: str, *module_and_entry: str, case_text: str | None = None) -> str:
        program = bundle(self._project.sources, *module_and_entry)
        arguments = [command, *(["/job/in"] if case_text is not None else []), "/job/out"]
        return self._pool.run(
            {command: ()}, lambda process, _: self._main(process, program, arguments, case_text)
        )[command]

    def _main(
        self, process: NodeProcess, program: Bundle, arguments: Sequence[str], case_text: str | None
    ) -> str:
        with job_folder() as folder:
            text = program.calling_main(arguments)
            (folder / "Bundle.lean").write_text(text, encoding="utf-8")
            if case_text is not None:
                (folder / "in").write_text(case_text, encoding="utf-8")
            outcome = process.run(Job(["Bundle.lean"], "/job", {"/job": folder}), self._timeout)
            _check_main(outcome, program, text.count("\n"))
            return read_result(folder / "out")

    def build(self, modules: Sequence[str] | None = None, *, ilean: bool = True) -> BuildResult:
        """Compile what is not up to date; files go to `.lake/wasm`, or to the user's cache."""
        sources = self._project.sources
        folder = self._project.build_dir("wasm")
        builder = Builder(sources, folder, self._toolchain.key, self._timeout, ilean)
        wanted = library_modules(sources) if modules is None else modules
        try:
            return builder.build(self._pool, wanted, progress=self._progress)
        finally:
            self._pool.close()

    def check(self, file: Path) -> tuple[Message, ...]:
        """Elaborate one file; it may import modules that `build` has compiled."""
        file = file.resolve()
        if not file.is_file():
            raise LeanError(f"there is no file {file}")
        mounts = {"/src": file.parent}
        built = self._project.build_dir("wasm")
        if built.is_dir():
            mounts["/out"] = built
        job = Job([file.name], "/src", mounts, path=[name for name in mounts if name == "/out"])
        done = self._pool.run({"check": ()}, lambda process, _: process.run(job, self._timeout))
        outcome = done["check"]
        if outcome.status and not any(message.severity == "error" for message in outcome.messages):
            said = last_lines("\n".join(outcome.other))
            raise LeanError(f"Lean failed: {said}")
        return tuple(outcome.messages)

    def close(self) -> None:
        """End the Node processes; the next call starts new ones."""
        self._pool.close()


def _share(cases: Mapping[str, str], count: int) -> dict[str, str]:
    """Return the cases in at most `count` texts of similar length, in order."""
    total = sum(map(len, cases.values()))
    shares: dict[str, str] = {}
    before = 0
    for text in cases.values():
        key = str(min(count - 1, (before + len(text) // 2) * count // max(1, total)))
        shares[key] = shares.get(key, "") + text
        before += len(text)
    return shares


def _check_main(outcome: Outcome, program: Bundle, last_line: int) -> None:
    """Raise `LeanError` unless `main` ran and its status is 0."""
    for message in outcome.messages:
        if message.fails:
            raise LeanError(f"Lean refuses the program: {program.locate(message)}")
    printed = "".join(m.text for m in outcome.messages if m.line >= last_line - 2)
    status = _STATUS.search(printed)
    if status is None or outcome.status:
        said = last_lines("\n".join([printed, *outcome.other])) or "nothing"
        raise LeanError(f"the Lean program did not finish; it printed: {said}")
    if status[1] != "0":
        said = last_lines(printed[: status.start()]) or "nothing"
        raise LeanError(f"the Lean program failed with status {status[1]}; it printed: {said}")
