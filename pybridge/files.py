"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pybridge.errors import InputError

__all__ = ["WriteError", "check_writable", "write_atomically", "write_text"]


class WriteError(OSError):
    """A file that could not be written, and why; the message is one line."""

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause), str(path))

    def __str__(self) -> str:
        return f"{self.filename} cannot be written: {self.strerror}"


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` when the block ends, or is removed if it raises.

    A symbolic link stays one, and the file that it leads to is replaced; an existing file's
    permissions are kept; a special file, such as `/dev/null`, is written to directly.

    Raises `WriteError`, also for an `OSError` in the block.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with target.open("wb") as file:
                yield file
            return
        with _beside(target) as (part, file):
            yield file
            file.close()
            if mode is not None:
                part.chmod(stat.S_IMODE(mode))
            part.replace(target)
    except OSError as error:
        raise WriteError(path, error) from None


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8, whole or not at all, as `write_atomically` does."""
    with write_atomically(path) as file:
        file.write(text.encode())


def check_writable(option: str, path: Path | None) -> None:
    """Raise `InputError`, naming the option, if a file cannot be written: before long work."""
    if path is None:
        return
    target = Path(os.path.realpath(path))
    try:
        mode = _mode(target)
        if not target.parent.is_dir():
            raise InputError(f"{option}: the folder {path.parent} does not exist")
    except OSError as error:
        raise InputError(f"{option}: {path} cannot be written: {error.strerror}") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise InputError(f"{option}: {path} is a folder, expected a file")
    special = mode is not None and not stat.S_ISREG(mode)
    if not os.access(target if special else target.parent, os.W_OK):
        raise InputError(f"{option}: {path} cannot be written: no permission")


def _mode(path: Path) -> int | None:
    """Return the kind and permissions of a file; None if there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _beside(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a new file beside the target, and remove it in the end if it is still there."""
    part = target.with_name(f".pybridge-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield part, file
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
