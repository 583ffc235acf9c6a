"""What many tests share: a running Lean, PyTorch, and which tests are deselected without them.

A test is marked by what it asks for: `lean` with the fixture of a real Lean, `torch` with PyTorch,
`jax` with JAX. Where one of them cannot be had, its tests are deselected, and a line says why; with
`--require-all` that is an error. Tests of everything that Lean proves are `slow`, too: they are run
by `-m ""`.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from planting import plant, problems, recorded

from pybridge.lean import BuildResult, Lean, LeanNotFound, find

__all__ = ["lean", "library", "plant", "problems", "recorded", "torch"]

_MARKS = {"lean": "lean", "library": "lean", "toolchain": "lean", "torch": "torch"}
"""The fixtures that ask for something, and the markers of the tests that use them."""

_SLOW = {"library", "examples", "evidence"}
"""The fixtures that take long: proofs, the evidence of docs/rounding-or-bug.md."""

_BEAT = 20.0  # seconds
_MISSING = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that makes a missing Lean, PyTorch or JAX an error."""
    parser.addoption(
        "--require-all",
        action="store_true",
        help="fail, rather than deselect tests, where Lean, PyTorch or JAX cannot be had",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Marks tests by their fixtures, lets `-m` select, and deselects what cannot be run here."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in _MARKS:
                item.add_marker(_MARKS[fixture])
            if fixture in _SLOW:
                item.add_marker("slow")
    yield
    if config.option.collectonly:
        return
    missing = config.stash.setdefault(_MISSING, [])
    for mark, reason in (
        ("torch", _without("torch", "PyTorch")),
        ("jax", _without("jax", "JAX")),
        ("lean", _without_lean),
    ):
        chosen = [item for item in items if item.get_closest_marker(mark)]
        why = reason(config) if chosen else None
        if why is not None:
            config.hook.pytest_deselected(items=chosen)
            items[:] = [item for item in items if not item.get_closest_marker(mark)]
            missing.append(f"{len(chosen)} tests marked {mark} are deselected: {why}")
    if missing and config.option.require_all:
        raise pytest.UsageError("; ".join(missing))


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Says which tests could not be run here."""
    for line in config.stash.get(_MISSING, []):
        terminalreporter.write_line(line, yellow=True)


def _without(package: str, name: str) -> Callable[[pytest.Config], str | None]:
    def reason(config: pytest.Config) -> str | None:
        try:
            importlib.import_module(package)
        except ImportError:
            return f"{name} is not installed (pip install {package})"
        return None

    return reason


def _without_lean(config: pytest.Config) -> str | None:
    try:
        with _aloud(config, "looking for Lean"):
            found = find("auto")
    except LeanNotFound as error:
        return str(error)
    found.close()
    return (
        "there is neither a native Lean nor a WebAssembly one" * (found.kind == "recorded") or None
    )


@contextlib.contextmanager
def _aloud(config: pytest.Config, what: str) -> Iterator[None]:
    """Lets Lean's own progress be seen, and prints a line now and then."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    terminal: Any = config.pluginmanager.getplugin("terminalreporter")
    over = threading.Event()
    started = time.monotonic()

    def beat() -> None:
        while not over.wait(_BEAT):
            terminal.write_line(f"{what}: {time.monotonic() - started:.0f} s")

    beats = threading.Thread(target=beat, daemon=True)
    with capture.global_and_fixture_disabled():
        beats.start()
        try:
            yield
        finally:
            over.set()
            beats.join()


@pytest.fixture(scope="session")
def lean(pytestconfig: pytest.Config) -> Iterator[Lean]:
    """A real Lean, native or WebAssembly, whose program has been compiled."""
    with _aloud(pytestconfig, "Lean compiles the program that evaluates cases"):
        runner = find("auto")
        runner.export()
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def library(lean: Lean, pytestconfig: pytest.Config) -> BuildResult:
    """Every module of the library, compiled."""
    with _aloud(pytestconfig, "Lean checks the proofs (some minutes, once)"):
        return lean.build()


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch."""
    return importlib.import_module("torch")
