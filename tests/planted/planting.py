"""Plants a fault in a running package, and collects what the checks say of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

import pybridge
from pybridge.check.suite import suite
from pybridge.cli.check import check_cases
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, digest, load_definitions, parse_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.lean import LeanError
from pybridge.lean.interface import Lean
from pybridge.lean.recorded import RecordedLean

DOCUMENT = json.loads((Path(pybridge.__file__).parent / "definitions.json").read_text("utf-8"))
CASES = {case.label: case for case in suite()}


class Plant:
    """Puts a function in place of another for one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def function(
        self, replace: Callable[..., Any], by: Callable[..., Any], only: ModuleType | None = None
    ) -> None:
        """Replace a function in every module of the package that holds it, or in one module."""
        modules = [m for name, m in sys.modules.items() if name.partition(".")[0] == "pybridge"]
        holders = [
            (module, name)
            for module in (modules if only is None else [only])
            for name, value in vars(module).items()
            if value is replace
        ]
        assert holders, f"nothing holds {replace}"
        for module, name in holders:
            self._monkeypatch.setattr(module, name, by)
        forget()

    def method(self, owner: type, name: str, by: Any) -> None:
        """Replace a method or a property of a class."""
        self._monkeypatch.setattr(owner, name, by)
        forget()


def forget() -> None:
    """Empty every cache of the package."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "pybridge":
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """Plant faults that are gone after the test."""
    yield Plant(monkeypatch)
    monkeypatch.undo()
    forget()


class Checks(Protocol):
    """Runs `python -m pybridge.check` on built-in cases, and returns the problems it reports."""

    def __call__(
        self, labels: Sequence[str], definitions: Definitions | None = None, lean: Any = None
    ) -> list[str]: ...


@pytest.fixture(scope="session")
def recorded() -> Lean:
    """Return Lean's recorded evaluations: all that these tests need of Lean."""
    return RecordedLean.find(None)


@pytest.fixture
def problems(recorded: Lean) -> Checks:
    """Return the check, which lists the problems in words; none if all is well."""

    def run(
        labels: Sequence[str], definitions: Definitions | None = None, lean: Any = None
    ) -> list[str]:
        chosen = [CASES[label] for label in labels]
        try:
            report = check_cases(chosen, lean or recorded, definitions or load_definitions())
        except (InputError, LeanError, DefinitionsError) as error:
            return [str(error)]
        noticed = [report.stopped] if report.stopped else []
        for case in report.cases:
            noticed += [str(case.problem)] if case.problem else []
            noticed += [p.text for tensor in case.tensors.values() for p in tensor.problems]
        assert report.passed == (not noticed)
        return noticed

    return run


def altered(change: Callable[[Any], None]) -> dict[str, Any]:
    """Return a changed document of the exported definitions, with the digest of the change."""
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    change(document["data"])
    assert document != DOCUMENT, "nothing would change"
    document["sha256"] = digest(document)
    return document


def definitions_of(document: Any) -> Definitions:
    """Return the definitions in a document."""
    return parse_definitions(json.dumps(document), "the planted definitions")
