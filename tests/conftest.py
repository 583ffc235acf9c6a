"""What many tests share: one running Lean, and the library as it compiles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from planting import plant, problems, recorded

from pybridge.lean import BuildResult, Lean, find

__all__ = ["lean", "library", "plant", "problems", "recorded"]


@pytest.fixture(scope="session")
def lean() -> Iterator[Lean]:
    """A real Lean, native or WebAssembly; it is an error when there is none."""
    runner = find("auto", progress=False)
    if runner.kind == "recorded":
        raise RuntimeError("these tests need Lean itself, and only recorded evaluations are here")
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def library(lean: Lean) -> BuildResult:
    """Every module of the library, compiled."""
    return lean.build()
