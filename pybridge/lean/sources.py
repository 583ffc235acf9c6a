"""Finds the Lean sources: in the checkout, or shipped inside the wheel."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pybridge.lean.errors import LeanNotFound

__all__ = ["Project", "cache_dir", "file_digest", "sources_dir"]

_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = _PACKAGE / "lean_sources"
_LAKE_FILES = ("lakefile.lean", "lean-toolchain")


@dataclass(frozen=True, slots=True)
class Project:
    """The Lean sources, and the folder of `lakefile.lean` and `lean-toolchain`.

    In a checkout `root` is its root and `sources` is `root/lean`; in a wheel both are the same
    read-only folder, and what is built goes to the user's cache.
    """

    sources: Path
    root: Path

    @classmethod
    def find(cls) -> Project:
        """Return the project that this package belongs to; `LeanNotFound` without its sources."""
        checkout = _PACKAGE.parent
        if (checkout / "lean" / "Evaluate.lean").is_file() and _has_lake_files(checkout):
            return cls(checkout / "lean", checkout)
        if (_SHIPPED / "Evaluate.lean").is_file() and _has_lake_files(_SHIPPED):
            return cls(_SHIPPED, _SHIPPED)
        raise LeanNotFound(f"the Lean sources are neither in {checkout / 'lean'} nor in {_SHIPPED}")

    @property
    def is_checkout(self) -> bool:
        """Whether built files belong beside the sources."""
        return self.sources != self.root

    @property
    def lake_files(self) -> tuple[Path, ...]:
        """`lakefile.lean` and `lean-toolchain`."""
        return tuple(self.root / name for name in _LAKE_FILES)

    def digest(self) -> str:
        """Return the SHA-256 of the names and contents of all sources and of the lake files."""
        total = hashlib.sha256()
        names = sorted(path.relative_to(self.sources) for path in self.sources.rglob("*.lean"))
        for path in (*(self.sources / name for name in names), *self.lake_files):
            total.update(f"{path.relative_to(self.root).as_posix()} {file_digest(path)}\n".encode())
        return total.hexdigest()

    def build_dir(self, name: str) -> Path:
        """Return a build's folder: in the checkout's `.lake`, else in the user's cache."""
        if self.is_checkout:
            return self.root / ".lake" / name
        return cache_dir() / f"{name}-{self.digest()[:16]}"


def sources_dir() -> Path:
    """Return the folder of the Lean sources: the checkout's `lean`, or the copy in the wheel."""
    return Project.find().sources


def cache_dir() -> Path:
    """Return the cache: `$PYBRIDGE_CACHE`, else the platform's folder for a user's caches.

    Raises `LeanNotFound` if its name cannot be used.
    """
    configured = os.environ.get("PYBRIDGE_CACHE")
    path = Path(configured or platformdirs.user_cache_dir("pybridge", appauthor=False))
    try:
        folder = path.expanduser().resolve()
        str(folder).encode()
    except (OSError, RuntimeError) as error:
        raise LeanNotFound(f"the cache {path} cannot be used: {error}") from None
    except UnicodeEncodeError:
        name = os.fsencode(path).decode(errors="backslashreplace")
        raise LeanNotFound(f"the cache {name} cannot be used: its name is not UTF-8") from None
    return folder


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has_lake_files(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _LAKE_FILES)
