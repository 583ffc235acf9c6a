"""Lean as WebAssembly, run by Node."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from pybridge.files import write_atomically
from pybridge.lean.bundle import Bundle, bundle
from pybridge.lean.errors import LeanError, last_lines
from pybridge.lean.install import Toolchain, install
from pybridge.lean.interface import BuildResult, Message
from pybridge.lean.modules import PROGRAM, import_order, library_modules, module_file
from pybridge.lean.node import Job, NodeProcess, Outcome
from pybridge.lean.pool import Pool
from pybridge.lean.protocol import split_cases
from pybridge.lean.sources import Project

__all__ = ["WasmLean"]

_STATUS = re.compile(r"\[(\d+)\]\s*\Z")
_PART_SUFFIXES = (".olean", ".olean.private", ".olean.server")
_MISSING_PROOF = b"sorryAx"
_WORTH_A_PROCESS = 20_000  # characters of cases


class _Stamp(BaseModel):
    """What a module was compiled from, and what Lean said about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str
    sizes: dict[str, int]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _Output:
    """The files that compiling one module leaves."""

    folder: Path
    module: str

    def file(self, suffix: str) -> Path:
        path = self.folder.joinpath(*self.module.split("."))
        return path.with_name(path.name + suffix)

    def sizes(self) -> dict[str, int]:
        found = (self.file(suffix) for suffix in (*_PART_SUFFIXES, ".ilean"))
        return {path.name: path.stat().st_size for path in found if path.is_file()}

    def stamp(self, digest: str) -> _Stamp | None:
        """The stamp, if the files are those of this digest."""
        try:
            stamp = _Stamp.model_validate_json(self.file(".stamp").read_bytes())
        except (OSError, ValidationError):
            return None
        return stamp if stamp.digest == digest and stamp.sizes == self.sizes() else None

    def lacks_proof(self) -> bool:
        """Whether the compiled module mentions the axiom that `sorry` stands for."""
        paths = (self.file(suffix) for suffix in _PART_SUFFIXES)
        return any(_MISSING_PROOF in path.read_bytes() for path in paths if path.is_file())


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
    ) -> None:
        self._toolchain = toolchain
        self._project = project
        self._timeout = timeout
        self._jobs = jobs or min(2, os.cpu_count() or 1)
        self._pool = Pool(toolchain.process, self._jobs)

    @classmethod
    def find(cls, project: Project, *, timeout: float = 600.0, progress: bool = True) -> WasmLean:
        """WebAssembly Lean, installed first if need be; `LeanNotFound` when it cannot be."""
        return cls(install(progress=progress), project, timeout=timeout)

    @property
    def description(self) -> str:
        """The version that this Lean gives itself, and where it is."""
        version = self._toolchain.version.split(", commit")[0]
        return f"WebAssembly Lean {version} in {self._toolchain.root}"

    def evaluate(self, case_text: str) -> str:
        """The results of the cases, which the processes share when there is much to do."""
        program = bundle(self._project.sources, PROGRAM)
        cases = split_cases(case_text)
        shares = _share(cases, min(self._jobs, 1 + len(case_text) // _WORTH_A_PROCESS))

        def run(process: NodeProcess, key: str) -> str:
            return self._main(process, program, ["cases", "/job/in", "/job/out"], shares[key])

        results = self._pool.run(dict.fromkeys(shares, ()), run)
        return "".join(results[key] for key in shares)

    def export(self) -> str:
        """The exported definitions, as JSON."""
        program = bundle(self._project.sources, PROGRAM)
        arguments = ["export", "/job/out"]
        return self._pool.run(
            {"export": ()}, lambda process, _: self._main(process, program, arguments, None)
        )["export"]

    def _main(
        self, process: NodeProcess, program: Bundle, arguments: Sequence[str], given: str | None
    ) -> str:
        with tempfile.TemporaryDirectory(prefix="pybridge-") as name:
            folder = Path(name)
            text = program.calling_main(arguments)
            (folder / "Bundle.lean").write_text(text, encoding="utf-8")
            if given is not None:
                (folder / "in").write_text(given, encoding="utf-8")
            outcome = process.run(Job(["Bundle.lean"], "/job", {"/job": folder}), self._timeout)
            _check_main(outcome, program, text.count("\n"))
            try:
                return (folder / "out").read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise LeanError(f"Lean's result cannot be read: {error}") from None

    def build(self, modules: Sequence[str] | None = None, *, ilean: bool = True) -> BuildResult:
        """Compiles what is not up to date; files go to `.lake/wasm`, or to the user's cache."""
        sources = self._project.sources
        order = import_order(sources, library_modules(sources) if modules is None else modules)
        folder = self._project.build_dir("wasm")
        folder.mkdir(parents=True, exist_ok=True)
        digests = _digests(sources, order, f"{self._toolchain.key} {ilean}")
        done: dict[str, tuple[Message, ...]] = {}
        failed: dict[str, str] = {}

        def compile_one(process: NodeProcess, module: str) -> None:
            broken = [name for name in order[module] if name in failed]
            if broken:
                failed[module] = f"its import {broken[0]} failed"
                return
            output = _Output(folder, module)
            stamp = output.stamp(digests[module])
            if stamp is None:
                stamp = self._compile(process, output, digests[module], ilean)
            done[module] = stamp.messages
            if any(message.severity == "error" for message in stamp.messages):
                failed[module] = "Lean reports errors"

        graph = {
            module: [name for name in imports if name in order] for module, imports in order.items()
        }
        try:
            with FileLock(folder / "lock", timeout=self._timeout):
                self._pool.run(graph, compile_one)
        except Timeout:
            raise LeanError(f"another build has held {folder} for {self._timeout:g} s") from None
        finally:
            self._pool.close()
        built = tuple(module for module in order if module not in failed)
        return BuildResult(
            built=built,
            failed={module: failed[module] for module in order if module in failed},
            messages=tuple(message for module in order for message in done.get(module, ())),
            ileans={module: _Output(folder, module).file(".ilean") for module in built if ilean},
        )

    def _compile(self, process: NodeProcess, output: _Output, digest: str, ilean: bool) -> _Stamp:
        output.file("").parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".stamp", ".ilean", *_PART_SUFFIXES):
            output.file(suffix).unlink(missing_ok=True)
        source = module_file(Path(), output.module).as_posix()
        target = f"/out/{module_file(Path(), output.module).with_suffix('').as_posix()}"
        options: list[tuple[str, str | None]] = [("R", "/src"), ("o", f"{target}.olean")]
        if ilean:
            options.append(("i", f"{target}.ilean"))
        mounts = {"/src": self._project.sources, "/out": output.folder}
        outcome = process.run(Job([source], "/src", mounts, options, ["/out"]), self._timeout)
        messages = [*outcome.messages]
        if outcome.status and not any(message.severity == "error" for message in messages):
            said = last_lines("\n".join(outcome.other)) or "Lean failed without a message"
            messages.append(Message(source, 1, 0, "error", said))
        if not any(message.sorry for message in messages) and output.lacks_proof():
            text = "the compiled module uses `sorryAx`: a proof is missing"
            messages.append(Message(source, 1, 0, "warning", text, sorry=True))
        stamp = _Stamp(digest=digest, sizes=output.sizes(), messages=tuple(messages))
        if not outcome.status:
            with write_atomically(output.file(".stamp")) as file:
                file.write(stamp.model_dump_json().encode())
        return stamp

    def check(self, file: Path) -> tuple[Message, ...]:
        """Elaborates one file; it may import modules that `build` has compiled."""
        built = self._project.build_dir("wasm")
        built.mkdir(parents=True, exist_ok=True)
        job = Job([file.name], "/src", {"/src": file.resolve().parent, "/out": built}, (), ["/out"])
        outcome = self._pool.run({"check": ()}, lambda process, _: process.run(job, self._timeout))[
            "check"
        ]
        if outcome.status and not any(message.severity == "error" for message in outcome.messages):
            said = last_lines("\n".join(outcome.other))
            raise LeanError(f"Lean failed: {said}")
        return tuple(outcome.messages)

    def close(self) -> None:
        """Ends the Node processes; the next call starts new ones."""
        self._pool.close()


def _digests(sources: Path, order: Mapping[str, Sequence[str]], base: str) -> dict[str, str]:
    """For each module, the SHA-256 of its text and of all that it imports."""
    digests: dict[str, str] = {}
    for module, imports in order.items():
        total = hashlib.sha256(base.encode())
        total.update(module_file(sources, module).read_bytes())
        for name in imports:
            total.update(digests.get(name, name).encode())
        digests[module] = total.hexdigest()
    return digests


def _share(cases: Mapping[str, str], count: int) -> dict[str, str]:
    """The cases in at most `count` texts of similar length, in order."""
    total = sum(map(len, cases.values()))
    shares: dict[str, str] = {}
    before = 0
    for text in cases.values():
        key = str(min(count - 1, (before + len(text) // 2) * count // max(1, total)))
        shares[key] = shares.get(key, "") + text
        before += len(text)
    return shares


def _check_main(outcome: Outcome, program: Bundle, last_line: int) -> None:
    """Raises `LeanError` unless `main` ran and its status is 0."""
    for message in outcome.messages:
        if message.fails:
            raise LeanError(f"Lean refuses the program: {program.locate(message)}")
    printed = "".join(m.text for m in outcome.messages if m.line >= last_line - 2)
    found = _STATUS.search(printed)
    if found is None or outcome.status:
        said = last_lines("\n".join([printed, *outcome.other])) or "nothing"
        raise LeanError(f"the Lean program did not finish; it printed: {said}")
    if found[1] != "0":
        said = last_lines(printed[: found.start()]) or "nothing"
        raise LeanError(f"the Lean program failed with status {found[1]}; it printed: {said}")
