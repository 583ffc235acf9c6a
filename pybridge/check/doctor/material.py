"""Examines what the package computes from: the Lean sources, and what was exported from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pybridge.check.doctor.findings import REINSTALL, Finding, good, python, wrong
from pybridge.exported.document import Definitions, load_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.lean.errors import LeanNotFound
from pybridge.lean.interface import PINNED
from pybridge.lean.recorded import program_sources
from pybridge.lean.sources import Project, file_digest

__all__ = ["DEFINITIONS", "definitions", "restore", "sources"]

DEFINITIONS = Path(__file__).resolve().parents[2] / "definitions.json"


def restore(project: Project | None, command: str) -> str:
    """Return how to restore a file of the package: by `command` in a checkout, else reinstall."""
    if project is not None and project.is_checkout:
        return f"{python()} -m {command}"
    return REINSTALL


def sources() -> Iterator[Finding]:
    """Examine the Lean sources, and the version of Lean that they need."""
    try:
        project = Project.find()
    except LeanNotFound as error:
        yield wrong("Lean sources", str(error), REINSTALL)
        return
    file = project.root / "lean-toolchain"
    toolchain = file.read_text(encoding="utf-8").strip()
    if toolchain != PINNED:
        problem = f"{file} says {toolchain!r:.60}, expected {PINNED!r}"
        yield wrong("Lean sources", problem, f"echo {PINNED} > {file}")
        return
    count = sum(1 for _ in project.sources.rglob("*.lean"))
    yield good("Lean sources", f"{count} files in {project.sources}, for {PINNED}")


def definitions(path: Path | None = None) -> Iterator[Finding]:
    """Examine the exported definitions: complete, of this version, made from these sources."""
    project = _project()
    remedy = restore(project, "pybridge.extract")
    try:
        loaded = load_definitions(path or DEFINITIONS)
    except DefinitionsError as error:
        yield wrong("definitions", str(error), remedy)
        return
    problem = _problem(loaded)
    if problem is not None:
        yield wrong("definitions", problem, remedy)
        return
    summary = f"{len(loaded.declarations)} declarations, SHA-256 {loaded.sha256[:12]}…"
    yield good("definitions", f"{summary}, {loaded.toolchain}")
    if project is None:
        return
    differing = _differing(loaded.sources, project.sources)
    if differing:
        sources = f"of other sources: {', '.join(differing[:3])}"
        more = f" and {len(differing) - 3} more" * (len(differing) > 3)
        yield wrong("definitions' sources", f"{sources}{more}", remedy)
    else:
        sources = f"each of {len(loaded.sources)} files has the SHA-256 that was extracted"
        yield good("definitions' sources", sources)


def _problem(loaded: Definitions) -> str | None:
    """Return why the definitions cannot belong to this version, or None."""
    from pybridge.problem.formats import FORMATS, format_of

    if loaded.toolchain != PINNED:
        return f"extracted by {loaded.toolchain}, expected {PINNED}"
    try:
        for name in FORMATS:
            format_of(name, loaded)
    except DefinitionsError as error:
        return str(error)
    return None


def _differing(extracted: Mapping[str, str], folder: Path) -> list[str]:
    """Return the files that are missing or changed, and new ones of the evaluation program."""
    names = [
        f"{name} ({'changed' if (folder / name).is_file() else 'missing'})"
        for name, digest in extracted.items()
        if not (folder / name).is_file() or file_digest(folder / name) != digest
    ]
    new = [name for name in program_sources(folder) if name not in extracted]
    return [*names, *(f"{name} (new)" for name in new)]


def _project() -> Project | None:
    try:
        return Project.find()
    except LeanNotFound:
        return None
