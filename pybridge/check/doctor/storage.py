"""The cache folder, the folder for temporary files, and room on their disks."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pybridge.check.doctor.findings import Finding, good, note, wrong
from pybridge.lean.errors import LeanNotFound
from pybridge.lean.sources import Project, cache_dir
from pybridge.lean.wasm.install import toolchain_dir

__all__ = ["cache", "leftovers", "temporary"]

_FOR_INSTALLATION = 1_300_000_000
_FOR_USE = 200_000_000


def cache() -> Iterator[Finding]:
    """The cache: its size, whether it can be written, and whether there is room."""
    try:
        folder = cache_dir()
    except LeanNotFound as error:
        yield wrong("cache", str(error), "export PYBRIDGE_CACHE=/a/folder/of/yours")
        return
    wanted = _FOR_USE if toolchain_dir().exists() else _FOR_INSTALLATION
    there = folder.is_dir()
    shown = f"{folder}, {_bytes(_size(folder))}" if there else f"{folder}, not there yet"
    yield _writable("cache", shown, folder, wanted, "PYBRIDGE_CACHE")


def temporary() -> Iterator[Finding]:
    """The folder for temporary files."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        yield wrong("temporary files", str(error), "export TMPDIR=/a/folder/of/yours")
        return
    yield _writable("temporary files", str(folder), folder, _FOR_USE, "TMPDIR")


def _writable(name: str, shown: str, folder: Path, wanted: int, variable: str) -> Finding:
    """Whether a folder, or what of its path is there, can be written, and has room."""
    elsewhere = f"export {variable}=/a/folder/of/yours"
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return wrong(name, f"{shown}: {existing} is no folder", elsewhere)
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        return wrong(name, f"{shown}: cannot be written: {error.strerror}", elsewhere)
    free = shutil.disk_usage(existing).free
    if free < wanted:
        found = f"{shown}: {_bytes(free)} free, expected {_bytes(wanted)}"
        return wrong(name, found, f"make room on the disk of {existing}, or {elsewhere}")
    return good(name, f"{shown}, can be written, {_bytes(free)} free")


def leftovers() -> Iterator[Finding]:
    """What installations and builds left in the cache that nothing will use."""
    try:
        folder = cache_dir()
        used = {toolchain_dir().name}
    except LeanNotFound:
        return
    if not folder.is_dir():
        return
    digest = _digest()
    used |= {f"native-{digest}", f"wasm-{digest}"} if digest else set()
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    half_written = [name for name in names if ".part-" in name]
    if half_written and _installing():
        yield note("cache, half-written", f"{', '.join(half_written)}: an installation is going on")
    elif half_written:
        found = f"{', '.join(half_written)}, {_bytes(_sizes(folder, half_written))}"
        yield wrong("cache, half-written", found, _remove(folder, half_written))
    prefixes = ("lean-wasm-", *(("native-", "wasm-") if digest else ()))
    old = [
        name
        for name in names
        if name not in used and name not in half_written and name.startswith(prefixes)
    ]
    if old:
        found = f"{', '.join(old)}, {_bytes(_sizes(folder, old))}: not of this version"
        yield note("cache, unused", f"{found}: {_remove(folder, old)}")


def _digest() -> str | None:
    """What the names of builds end with; None in a checkout, which has them beside the sources."""
    try:
        project = Project.find()
    except LeanNotFound:
        return None
    return None if project.is_checkout else project.digest()[:16]


def _installing() -> bool:
    """Whether a process holds the lock of the installation."""
    import fcntl

    lock = toolchain_dir().with_name(f"{toolchain_dir().name}.lock")
    if not lock.is_file():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _remove(folder: Path, names: list[str]) -> str:
    return "rm -rf " + " ".join(shlex.quote(str(folder / name)) for name in names)


def _sizes(folder: Path, names: list[str]) -> int:
    return sum(_size(folder / name) for name in names)


def _size(folder: Path) -> int:
    """The bytes of all files below a folder; what cannot be read counts as none."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except OSError:
                continue
    return total


def _bytes(count: int) -> str:
    if count < 10_000_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
