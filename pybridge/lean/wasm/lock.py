"""A lock between processes, held as long as a block runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pybridge.lean.errors import LeanError

__all__ = ["locked"]

_INTERVAL = 0.2


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Holds the lock of a file, which is made and left there.

    The system releases the lock when the process ends, however it does. Raises `LeanError` when
    others hold it for `timeout` seconds.
    """
    import fcntl  # not on Windows, where only recorded evaluations are used

    deadline = time.monotonic() + timeout
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    message = f"another process has held {path} for {timeout:g} s"
                    raise LeanError(message) from None
                time.sleep(_INTERVAL)
        yield
