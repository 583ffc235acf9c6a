"""What many tests share: a running Lean, PyTorch, and which tests are deselected without them.

A test is marked by what it asks for: `lean` with the fixture of a real Lean, `torch` with PyTorch,
`jax` with JAX. If one of them is not available, its tests are deselected, and a line says why; with
`--require-all` that is an error. Tests of everything that Lean proves are `slow`, too: they are run
by `-m ""`.

With `-n 2`, pytest-xdist runs the tests in two processes. What is missing is looked up before they
start. Each computes in one thread, and only one of them says that Lean is alive.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from planting import plant, problems, recorded

from pybridge.lean import BuildResult, Lean, LeanNotFound, find

__all__ = ["lean", "library", "plant", "problems", "recorded", "torch"]

_MARKS = {
    "lean_and_export": "lean",
    "lean": "lean",
    "library": "lean",
    "toolchain": "lean",
    "torch": "torch",
}
"""The fixtures that ask for something, and the markers of the tests that use them."""

_SLOW = {"library", "examples"}
"""The fixtures that take long: proofs."""

_BEAT = 20.0  # seconds
_MISSING = pytest.StashKey[list[str]]()
_WITHOUT = pytest.StashKey[dict[str, str | None]]()
_WORKER = os.environ.get("PYTEST_XDIST_WORKER")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes a missing Lean, PyTorch or JAX an error."""
    parser.addoption(
        "--require-all",
        action="store_true",
        help="fail, rather than deselect tests, if Lean, PyTorch or JAX is not available",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let each of several processes, and what it starts, compute in one thread."""
    if _WORKER:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)  # what is loaded
        os.environ["OMP_NUM_THREADS"] = "1"  # PyTorch, which is loaded later, and subprocesses


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: Any, items: list[pytest.Item]) -> Generator[None]:
    """Mark tests by their fixtures, let `-m` select, and deselect what cannot be run here."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in _MARKS:
                item.add_marker(_MARKS[fixture])
            if fixture in _SLOW:
                item.add_marker("slow")
    yield
    if config.option.collectonly:
        return
    missing = []
    for mark, reason in _reasons(config).items():
        chosen = [item for item in items if item.get_closest_marker(mark)]
        if chosen and (why := reason()):
            config.hook.pytest_deselected(items=chosen)
            items[:] = [item for item in items if not item.get_closest_marker(mark)]
            missing.append(f"{len(chosen)} tests marked {mark} are deselected: {why}")
    if missing and config.option.require_all:
        raise pytest.UsageError("; ".join(missing))
    config.stash[_MISSING] = missing
    if _WORKER:
        config.workeroutput["missing"] = missing


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each of several processes what is missing, which is looked up once."""
    excluded = node.config.option.markexpr
    without = node.config.stash.setdefault(_WITHOUT, {})
    for mark, reason in _reasons(node.config).items():
        if mark not in without and f"not {mark}" not in excluded:
            without[mark] = reason()
            if without[mark] and node.config.option.require_all:
                raise pytest.UsageError(without[mark])
    node.workerinput["without"] = without


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take from the processes which tests they deselected; all deselect the same."""
    missing = getattr(node, "workeroutput", {}).get("missing", [])
    node.config.stash[_MISSING] = missing


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Say which tests could not be run here."""
    for line in config.stash.get(_MISSING, []):
        terminalreporter.write_line(line, yellow=True)


def _reasons(config: Any) -> dict[str, Callable[[], str | None]]:
    """Return, for each marker, a function that says why its tests cannot run; None if they can."""
    if _WORKER:
        without = config.workerinput["without"]
        return {mark: partial(without.get, mark) for mark in without}
    return {
        "torch": partial(_without, "torch", "PyTorch"),
        "jax": partial(_without, "jax", "JAX"),
        "lean": partial(_without_lean, config),
    }


def _without(package: str, name: str) -> str | None:
    return None if find_spec(package) else f"{name} is not installed (pip install {package})"


def _without_lean(config: pytest.Config) -> str | None:
    try:
        with _aloud(config, "looking for Lean"):
            runner = find("auto")
    except LeanNotFound as error:
        return str(error)
    runner.close()
    return (
        "there is neither a native Lean nor a WebAssembly one" * (runner.kind == "recorded") or None
    )


@contextlib.contextmanager
def _aloud(config: pytest.Config, what: str, shared: Path | None = None) -> Iterator[None]:
    """Let Lean's own progress be seen, and print a line every 20 seconds.

    Of several processes, one prints: the one that locks a file in their `shared` folder.
    """
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    terminal: Any = config.pluginmanager.getplugin("terminalreporter")
    over = threading.Event()
    started = time.monotonic()

    def beat() -> None:
        lock = FileLock(shared / "speaks.lock", timeout=0) if _WORKER and shared else None
        while not over.wait(_BEAT):
            line = f"{what}: {time.monotonic() - started:.0f} s"
            if not lock:
                terminal.write_line(line)
                continue
            with contextlib.suppress(Timeout):
                lock.acquire()  # and keep it
                print(line, file=sys.stderr)
        if lock:
            lock.release(force=True)

    beats = threading.Thread(target=beat, daemon=True)
    with capture.global_and_fixture_disabled():
        beats.start()
        try:
            yield
        finally:
            over.set()
            beats.join()


@pytest.fixture(scope="session")
def lean_and_export(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lean, str]]:
    """A real Lean, native or WebAssembly, and what its program, compiled for it, exports."""
    shared = tmp_path_factory.getbasetemp().parent
    with _aloud(pytestconfig, "Lean compiles the program that evaluates cases", shared):
        runner = find("auto", progress=not _WORKER)
        exported = runner.export()
    yield runner, exported
    runner.close()


@pytest.fixture(scope="session")
def lean(lean_and_export: tuple[Lean, str]) -> Lean:
    """A real Lean, native or WebAssembly, whose program has been compiled."""
    return lean_and_export[0]


@pytest.fixture(scope="session")
def library(
    lean: Lean, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> BuildResult:
    """Every module of the library, compiled."""
    shared = tmp_path_factory.getbasetemp().parent
    with _aloud(pytestconfig, "Lean checks the proofs (some minutes, once)", shared):
        return lean.build()


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch."""
    return importlib.import_module("torch")
