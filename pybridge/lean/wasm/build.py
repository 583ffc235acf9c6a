"""Compiles the library modules that are not up to date with WebAssembly Lean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pybridge.files import write_text
from pybridge.lean.errors import LeanError, last_lines
from pybridge.lean.interface import BuildResult, Message
from pybridge.lean.modules import import_order, module_file
from pybridge.lean.wasm.node import Job, NodeProcess
from pybridge.lean.wasm.pool import Pool

__all__ = ["Builder"]

_PARTS = (".olean", ".olean.private", ".olean.server", ".ir")
_MISSING_PROOF = b"sorryAx"
_PATIENCE = 120.0  # seconds for a module, in a process that compiled others before
_WAIT = 1800.0  # seconds for another build
_IMPORT = 4000  # characters that take as long as importing Lean's own library


class _Stamp(BaseModel):
    """What a module was compiled from, and Lean's messages about it."""

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
        files = (self.file(suffix) for suffix in (*_PARTS, ".ilean"))
        return {path.name: path.stat().st_size for path in files if path.is_file()}

    def clear(self) -> None:
        self.file("").parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".stamp", ".ilean", *_PARTS):
            self.file(suffix).unlink(missing_ok=True)

    def stamp(self, digest: str) -> _Stamp | None:
        """Return the stamp, if the files are those of this digest."""
        try:
            stamp = _Stamp.model_validate_json(self.file(".stamp").read_bytes())
        except (OSError, ValidationError):
            return None
        return stamp if stamp.digest == digest and stamp.sizes == self.sizes() else None

    def lacks_proof(self) -> bool:
        """Return whether the compiled module mentions the axiom that `sorry` stands for."""
        paths = (self.file(suffix) for suffix in _PARTS)
        return any(_MISSING_PROOF in path.read_bytes() for path in paths if path.is_file())


@dataclass(frozen=True, slots=True)
class Builder:
    """Compiles the modules of `sources` into `folder`.

    `key` identifies the Lean that compiles, and `timeout` seconds are allowed for each module.
    """

    sources: Path
    folder: Path
    key: str
    timeout: float
    ilean: bool = True

    def build(self, pool: Pool, modules: Sequence[str], *, progress: bool) -> BuildResult:
        """Compile the modules and what they import, each after its imports."""
        order = import_order(self.sources, modules)
        digests = self._digests(order)
        messages: dict[str, tuple[Message, ...]] = {}
        failed: dict[str, str] = {}

        def compile_one(process: NodeProcess, module: str) -> None:
            broken = [name for name in order[module] if name in failed]
            if broken:
                failed[module] = f"its import {broken[0]} failed"
                return
            output = _Output(self.folder, module)
            stamp = output.stamp(digests[module])
            messages[module] = (
                stamp.messages if stamp else self._compile(process, output, digests[module])
            )
            if any(message.severity == "error" for message in messages[module]):
                failed[module] = "Lean reports errors"

        def work(process: NodeProcess, module: str) -> None:
            compile_one(process, module)
            bar.advance(task)

        bar = _bar(progress)
        task = bar.add_task("", total=len(order))
        graph = {
            module: [name for name in imports if name in order] for module, imports in order.items()
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock", _WAIT), bar:
                pool.run(graph, work, self._cost)
        except OSError as error:
            raise LeanError(f"{self.folder} cannot be built in: {error}") from None
        built = tuple(module for module in order if module not in failed)
        return BuildResult(
            built=built,
            failed={module: failed[module] for module in order if module in failed},
            messages=tuple(message for module in order for message in messages.get(module, ())),
            ileans={
                module: _Output(self.folder, module).file(".ilean")
                for module in built
                if self.ilean
            },
        )

    def _compile(self, process: NodeProcess, output: _Output, digest: str) -> tuple[Message, ...]:
        output.clear()
        source = module_file(Path(), output.module).as_posix()
        target = f"/out/{source.removesuffix('.lean')}"
        options: list[tuple[str, str | None]] = [("R", "/src"), ("o", f"{target}.olean")]
        if self.ilean:
            options.append(("i", f"{target}.ilean"))
        mounts = {"/src": self.sources, "/out": output.folder}
        job = Job([source], "/src", mounts, options, ["/out"])
        outcome = process.run(job, self.timeout, _PATIENCE)
        messages = list(outcome.messages)
        if outcome.status and not any(message.severity == "error" for message in messages):
            said = last_lines("\n".join(outcome.other)) or "Lean failed without a message"
            messages.append(Message(source, 1, 0, "error", said))
        if not any(message.sorry for message in messages) and output.lacks_proof():
            text = "the compiled module uses `sorryAx`: a proof is missing"
            messages.append(Message(source, 1, 0, "warning", text, sorry=True))
        if not outcome.status:
            stamp = _Stamp(digest=digest, sizes=output.sizes(), messages=tuple(messages))
            write_text(output.file(".stamp"), stamp.model_dump_json())
        return tuple(messages)

    def _cost(self, module: str) -> float:
        """Estimate how long it takes to compile a module, in characters."""
        return _IMPORT + module_file(self.sources, module).stat().st_size

    def _digests(self, order: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Return for each module the SHA-256 of its text and of all that it imports."""
        digests: dict[str, str] = {}
        for module, imports in order.items():
            total = hashlib.sha256(f"{self.key} {self.ilean}\n".encode())
            total.update(module_file(self.sources, module).read_bytes())
            for name in imports:
                total.update(f"\n{name} {digests.get(name, '')}".encode())
            digests[module] = total.hexdigest()
        return digests


def _bar(visible: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("compiling Lean modules"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not (visible and console.is_terminal),
        transient=True,
    )
