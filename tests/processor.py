"""The processor's floating-point mode, which some tests set for a moment."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["floating_point_mode", "on_glibc_x86"]

on_glibc_x86 = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the floating-point environment is set as glibc lays it out",
)


@contextmanager
def floating_point_mode(flag: int) -> Iterator[None]:
    """Set bits of this thread's MXCSR."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    before = ctypes.create_string_buffer(32)
    assert library.fegetenv(before) == 0
    word = int.from_bytes(before.raw[28:], "little") | flag
    changed = ctypes.create_string_buffer(before.raw[:28] + word.to_bytes(4, "little"), 32)
    assert library.fesetenv(changed) == 0
    try:
        yield
    finally:
        library.fesetenv(before)
