"""Native Lean as elan installs it, run by lake in the project."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pybridge.lean.errors import LeanError, LeanNotFound, last_lines
from pybridge.lean.interface import PINNED, VERSION, BuildResult, Message, Severity, is_sorry
from pybridge.lean.modules import PROGRAM, import_order, library_modules
from pybridge.lean.process import Completed, job_folder, read_result, run_limited
from pybridge.lean.sources import Project, cache_dir

__all__ = ["NativeLean", "find_lake"]

_VERSION = re.compile(r"\bversion (\d+\.\d+\.\d+[\w.+-]*)")
_PLACED = re.compile(r"(error|warning|info): (?:\./)?([^:\n]+\.lean):(\d+):(\d+): (.*)")
_NEXT = re.compile(r"(?:error|warning|info|trace): |[ℹ⚠✖✔] \[|Some required |Build completed|- ")
_FAILED = re.compile(r"- (\S+)")


class NativeLean:
    """Lean of an elan toolchain on the project's sources; a command may take `timeout` seconds."""

    kind: Literal["native"] = "native"

    def __init__(self, lake: Path, version: str, project: Project, timeout: float) -> None:
        self._lake = lake
        self._version = version
        self._project = project
        self._timeout = timeout

    @classmethod
    def find(
        cls, project: Project, *, timeout: float = 600.0, probe_timeout: float | None = None
    ) -> NativeLean:
        """Return the Lean that lake runs in the project; `LeanNotFound` if it is another version.

        elan may have to download it first, and `probe_timeout` seconds are allowed for that.
        """
        lake = find_lake()
        project = _writable(project)
        pinned = (project.root / "lean-toolchain").read_text(encoding="utf-8").strip()
        if pinned != PINNED:
            raise LeanError(f"{project.root / 'lean-toolchain'} is {pinned!r}, expected {PINNED!r}")
        try:
            said = run_limited(
                [lake, "env", "lean", "--version"],
                timeout=probe_timeout or timeout,
                name="`lake env lean --version`",
                cwd=project.root,
            )
        except LeanError as error:
            raise LeanNotFound(str(error)) from None
        version = _VERSION.search(said.output)
        if said.status or version is None:
            raise LeanNotFound(
                f"`lake env lean --version` failed with status {said.status}: "
                f"{last_lines(said.output) or 'it printed nothing'}"
            )
        if version[1] != VERSION:
            raise LeanNotFound(f"{lake} runs Lean {version[1]}, expected {VERSION} ({PINNED})")
        return cls(lake, version[1], project, timeout)

    @property
    def description(self) -> str:
        """The version that Lean reports, and the lake that runs it."""
        return f"native Lean {self._version} by {self._lake}"

    def evaluate(self, case_text: str) -> str:
        """Return the results of the cases, by the compiled program."""
        return self._main(["cases"], case_text)

    def export(self) -> str:
        """Return the exported definitions, as JSON."""
        return self._main(["export"], None)

    def networks(self, text: str) -> str:
        """Return the results of the networks, by the compiled program."""
        return self._main(["networks"], text)

    def _main(self, arguments: Sequence[str], text: str | None) -> str:
        built = self._run_lake(["build", PROGRAM.lower()])
        if built.status:
            raise LeanError(f"`lake build {PROGRAM.lower()}` failed: {last_lines(built.output)}")
        program = self._project.root / ".lake" / "build" / "bin" / PROGRAM.lower()
        with job_folder() as folder:
            files = [folder / "out"]
            if text is not None:
                files.insert(0, folder / "in")
                files[0].write_text(text, encoding="utf-8")
            done = run_limited(
                [program, *arguments, *files], timeout=self._timeout, name="the Lean program"
            )
            if done.status:
                said = last_lines(done.output) or "nothing"
                raise LeanError(
                    f"the Lean program failed with status {done.status}; it printed: {said}"
                )
            return read_result(folder / "out")

    def build(self, modules: Sequence[str] | None = None, *, ilean: bool = True) -> BuildResult:
        """Compile modules by `lake build`, which always writes `.ilean` files."""
        sources = self._project.sources
        order = import_order(sources, library_modules(sources) if modules is None else modules)
        wanted = [module for module in order if module != PROGRAM]
        done = self._run_lake(["build", *(f"+{module}" for module in wanted)])
        messages, failed = self._read_output(done.output)
        ileans = {module: self._ilean(module) for module in wanted}
        missing = [module for module, path in ileans.items() if not path.is_file()]
        failed |= {module: "lake left no .ilean file" for module in missing if not done.status}
        if done.status and not failed:
            failed["lake"] = last_lines(done.output) or f"lake's status is {done.status}"
        built = tuple(module for module in wanted if module not in {*failed, *missing})
        return BuildResult(
            built=built,
            failed=failed,
            messages=tuple(messages),
            ileans={module: ileans[module] for module in built if ilean},
        )

    def check(self, file: Path) -> tuple[Message, ...]:
        """Elaborate one file; it may import modules that `build` has compiled."""
        done = self._run_lake(["env", "lean", "--json", str(file.resolve())])
        messages = [
            message for line in done.output.splitlines() if (message := Message.from_json(line))
        ]
        if done.status and not any(message.severity == "error" for message in messages):
            raise LeanError(f"Lean failed: {last_lines(done.output)}")
        return tuple(messages)

    def close(self) -> None:
        """Do nothing: no process is kept."""

    def _run_lake(self, arguments: Sequence[str]) -> Completed:
        return run_limited(
            [self._lake, *arguments],
            timeout=self._timeout,
            name=f"`lake {arguments[0]}`",
            cwd=self._project.root,
        )

    def _ilean(self, module: str) -> Path:
        library = self._project.root / ".lake" / "build" / "lib" / "lean"
        return library.joinpath(*module.split(".")).with_suffix(".ilean")

    def _read_output(self, output: str) -> tuple[list[Message], dict[str, str]]:
        """Return Lean's messages in what lake printed, and the modules that failed."""
        messages: list[Message] = []
        failed: dict[str, str] = {}
        body: list[str] | None = None
        place: re.Match[str] | None = None

        def finish() -> None:
            if place is not None and body is not None:
                messages.append(self._message(place, "\n".join(body)))

        for line in output.splitlines():
            if placed := _PLACED.fullmatch(line):
                finish()
                place, body = placed, [placed[5]]
            elif _NEXT.match(line):
                finish()
                place, body = None, None
                if listed := _FAILED.fullmatch(line):
                    failed[listed[1]] = "lake reports errors"
            elif body is not None:
                body.append(line)
        finish()
        return messages, failed

    def _message(self, place: re.Match[str], text: str) -> Message:
        severity: Severity = "information"
        if place[1] in ("error", "warning"):
            severity = "error" if place[1] == "error" else "warning"
        path = self._project.root / place[2]
        if path.is_relative_to(self._project.sources):
            path = path.relative_to(self._project.sources)
        sorry = is_sorry(severity, text)
        return Message(path.as_posix(), int(place[3]), int(place[4]), severity, text, sorry)


def find_lake() -> Path:
    """Return the lake on PATH, or where elan installs it; `LeanNotFound` if there is none."""
    if on_path := shutil.which("lake"):
        return Path(on_path)
    usual = Path("~/.elan/bin/lake")
    with contextlib.suppress(RuntimeError):  # there is no home
        if (path := usual.expanduser()).is_file():
            return path
    raise LeanNotFound("there is no `lake` on PATH or in ~/.elan/bin")


def _writable(project: Project) -> Project:
    """Return a project in which lake can build: the checkout, or a copy of the shipped sources."""
    if project.is_checkout:
        return project
    root = cache_dir() / f"native-{project.digest()[:16]}"
    if not (root / "lean-toolchain").is_file():
        part = root.parent / f"{root.name}.part-{secrets.token_hex(8)}"
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            lake_names = [file.name for file in project.lake_files]
            shutil.copytree(
                project.sources, part / "lean", ignore=shutil.ignore_patterns(".*", *lake_names)
            )
            for file in project.lake_files:
                shutil.copy(file, part)
            part.rename(root)
        except OSError as error:
            if not (root / "lean-toolchain").is_file():
                raise LeanError(f"the Lean sources cannot be copied to {root}: {error}") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Project(root / "lean", root)
