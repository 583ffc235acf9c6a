"""Runs every examination; an exception that one raises becomes a finding."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from pybridge import __version__
from pybridge.check.doctor.findings import REINSTALL, DoctorReport, Finding, python, wrong
from pybridge.lean.interface import Mode

__all__ = ["examine"]

_EXAMINATIONS = (
    ("Python", "packages.interpreter"),
    ("dependencies", "packages.dependencies"),
    ("BLAS", "packages.blas"),
    ("Lean sources", "material.sources"),
    ("definitions", "material.definitions"),
    ("native Lean", "leans.native"),
    ("WebAssembly Lean", "leans.wasm"),
    ("recorded evaluations", "leans.recorded"),
    ("imports", "arithmetic.imported"),
    ("arithmetic", "arithmetic.elementwise"),
    ("matrix products", "arithmetic.matrix_products"),
    ("cache", "storage.cache"),
    ("cache, leftovers", "storage.leftovers"),
    ("temporary files", "storage.temporary"),
    ("extras", "packages.extras"),
)
"""The name of the finding if an examination fails, and the function that examines."""


def examine(mode: Mode = "auto", *, run: bool = False, after: Sequence[str] = ()) -> DoctorReport:
    """Examine this installation, and the machine that it is on.

    Parameters
    ----------
    mode
        The kind of Lean that is required; `auto`: any.
    run
        Whether each Lean that is found evaluates a small case.
    after
        Modules that are imported before the arithmetic is measured.
    """
    findings: list[Finding] = []
    for name, function in _EXAMINATIONS:
        arguments = (after,) if function.startswith("arithmetic.") else ()
        findings += _examined(name, function, *arguments)
    kinds = tuple(finding.lean for finding in findings if finding.lean is not None)
    findings += _examined("Lean", "leans.none_found", mode, kinds)
    for kind in kinds * run:
        findings += _examined(f"{kind} Lean, run", "leans.evaluation", kind)
    return DoctorReport(version=__version__, mode=mode, findings=tuple(findings))


def _examined(name: str, function: str, *arguments: Any) -> Iterator[Finding]:
    """Import an examination's module, and yield what the examination finds."""
    module, _, attribute = function.partition(".")
    try:
        examination = getattr(importlib.import_module(f"pybridge.check.doctor.{module}"), attribute)
        yield from examination(*arguments)
    except ImportError as error:
        remedy = f"repair the module that fails, then: {python()} -m pybridge.doctor"
        yield wrong(name, f"could not be examined: {type(error).__name__}: {error}", remedy)
    except Exception as error:
        problem = f"could not be examined: {type(error).__name__}: {error}"
        yield wrong(name, problem, REINSTALL)
