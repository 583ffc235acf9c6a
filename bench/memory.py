"""The memory that a run takes at its peak, as NumPy reports it to tracemalloc."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

__all__ = ["peak_bytes"]

_T = TypeVar("_T")


def peak_bytes(run: Callable[[], _T]) -> tuple[int, _T]:
    """Return the most bytes that a run holds at once, its result included; and the result.

    It runs in a thread of its own, so memory that a thread keeps for its next run is counted, too.
    Memory that BLAS allocates for itself is not. Raises what the run raises.
    """
    results: list[_T] = []
    failures: list[BaseException] = []

    def target() -> None:
        try:
            results.append(run())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=target)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        thread.start()
        thread.join()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    if failures:
        raise failures[0]
    return peak, results[0]
