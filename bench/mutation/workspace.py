"""Copies of the package in which faults are planted; the tree itself is only read."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.mutation.fault import Fault

__all__ = ["TREE", "planted", "snapshot"]

TREE = Path(__file__).resolve().parents[2]

_COPIED = ("pybridge", "lean", "tests")
_FILES = ("lakefile.lean", "lean-toolchain", "pyproject.toml")
_LEFT = shutil.ignore_patterns(".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache")


@contextmanager
def snapshot(tree: Path = TREE) -> Iterator[Path]:
    """A copy of the tree as it is now, from which every fault's copy is made."""
    with TemporaryDirectory(prefix="pybridge-mutation-") as name:
        root = Path(name).resolve() / "tree"
        _copy(tree, root)
        yield root


@contextmanager
def planted(base: Path, fault: Fault | None) -> Iterator[Path]:
    """A copy of the snapshot with the fault; `PlantingError` where it cannot be planted."""
    root = base.parent / "planted"
    _copy(base, root)
    try:
        for edit in fault.edits if fault else ():
            edit.plant(root)
        for file in fault.files if fault else ():
            Path(importlib.util.cache_from_source(str(root / file))).unlink(missing_ok=True)
        yield root
    finally:
        shutil.rmtree(root)


def _copy(tree: Path, root: Path) -> None:
    root.mkdir()
    for folder in _COPIED:
        shutil.copytree(tree / folder, root / folder, ignore=_LEFT)
    for file in _FILES:
        shutil.copy2(tree / file, root / file)
