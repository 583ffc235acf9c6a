"""Examines the cache folder, the folder for temporary files, and the room on their disks."""

from __future__ import annotations

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
    """Examine the cache: whether it can be written, and whether there is room."""
    try:
        folder = cache_dir()
    except LeanNotFound as error:
        yield wrong("cache", str(error), "export PYBRIDGE_CACHE=/a/folder/of/yours")
        return
    wanted = _FOR_USE if toolchain_dir().exists() else _FOR_INSTALLATION
    yield _writable("cache", folder, wanted, "PYBRIDGE_CACHE")


def temporary() -> Iterator[Finding]:
    """Examine the folder for temporary files."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        yield wrong("temporary files", str(error), "export TMPDIR=/a/folder/of/yours")
        return
    yield _writable("temporary files", folder, _FOR_USE, "TMPDIR")


def leftovers() -> Iterator[Finding]:
    """Yield what other versions and interrupted installations left in the cache."""
    try:
        folder = cache_dir()
        project = Project.find()
    except LeanNotFound:
        return
    used, patterns = {toolchain_dir().name}, ["lean-wasm-*/"]
    # A checkout builds beside its sources; it cannot tell whose builds are in the cache.
    if not project.is_checkout:
        used |= {project.build_dir(kind).name for kind in ("native", "wasm")}
        patterns += ["native-*/", "wasm-*/"]
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    left = [path for path in paths if path.name not in used]
    if left:
        names = ", ".join(path.name for path in left)
        remove = " ".join(shlex.quote(str(path)) for path in left)
        yield note("cache, unused", f"{names}, unless an installation is going on: rm -rf {remove}")


def _writable(name: str, folder: Path, wanted: int, variable: str) -> Finding:
    """Say whether a folder, or the part of its path that exists, can be written and has room."""
    elsewhere = f"export {variable}=/a/folder/of/yours"
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return wrong(name, f"{folder}: {existing} is not a folder", elsewhere)
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        return wrong(name, f"{folder}: cannot be written: {error.strerror}", elsewhere)
    free = shutil.disk_usage(existing).free
    if free < wanted:
        problem = f"{folder}: {_bytes(free)} free, expected {_bytes(wanted)}"
        return wrong(name, problem, f"make room on the disk of {existing}, or {elsewhere}")
    return good(name, f"{folder}, can be written, {_bytes(free)} free")


def _bytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
