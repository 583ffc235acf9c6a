"""Python, what the package depends on, and the extras."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybridge.check.doctor.findings import Finding, good, note, pip, wrong

__all__ = ["Declared", "Requirement", "blas", "declared", "dependencies", "extras", "interpreter"]

_ROOT = Path(__file__).resolve().parents[3]
_IMPORTED = {"python-flint": "flint"}
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(?:\[[^]]*\])?\s*(?:>=\s*(?P<least>[\d.]+))?[^;]*(?:;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package, and the least version that will do."""

    name: str
    least: str

    def __str__(self) -> str:
        return f"{self.name}>={self.least}" if self.least else self.name


@dataclass(frozen=True, slots=True)
class Declared:
    """What the package says that it needs: of Python, always, and for each extra."""

    python: str
    always: Sequence[Requirement]
    extras: Mapping[str, Sequence[Requirement]]


def declared() -> Declared:
    """The requirements in the checkout's `pyproject.toml`, else those of what is installed."""
    file = _ROOT / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        return Declared(
            project["requires-python"],
            _requirements(project["dependencies"]),
            {
                name: _requirements(lines)
                for name, lines in project["optional-dependencies"].items()
            },
        )
    metadata = importlib.metadata.metadata("pybridge")
    lines = metadata.get_all("Requires-Dist") or []
    by_extra: dict[str, list[str]] = {name: [] for name in metadata.get_all("Provides-Extra") or []}
    always: list[str] = []
    for line in lines:
        extra = _EXTRA.search(line)
        (by_extra.setdefault(extra[1], []) if extra else always).append(line)
    return Declared(
        str(metadata["Requires-Python"] or ""),
        _requirements(always),
        {name: _requirements(found) for name, found in by_extra.items()},
    )


def _requirements(lines: Sequence[str]) -> list[Requirement]:
    """What the lines name, without the package's own extras."""
    found = [_REQUIREMENT.match(line) for line in lines]
    return [
        Requirement(match["name"], match["least"] or "")
        for match in found
        if match is not None and match["name"] != "pybridge"
    ]


def interpreter() -> Iterator[Finding]:
    """Python's version, and the platform."""
    least = declared().python.removeprefix(">=").strip()
    shown = f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"
    if _older(platform.python_version(), least):
        yield wrong("Python", shown, f"install Python {least} or later, and pybridge with it")
    elif sys.maxsize <= 2**32:
        yield wrong("Python", f"{shown}, 32 bits", "install a Python of 64 bits")
    else:
        yield good("Python", shown)


def dependencies() -> Iterator[Finding]:
    """Each package that is always needed: whether it is there, new enough, and can be imported."""
    for requirement in declared().always:
        version = _version(requirement)
        if version is None:
            yield wrong(requirement.name, "not installed", pip(str(requirement)))
        elif _older(version, requirement.least):
            found = f"{version}, expected {requirement.least} or later"
            yield wrong(requirement.name, found, pip("--upgrade", str(requirement)))
        else:
            yield _imported(requirement, version)


def _imported(requirement: Requirement, version: str) -> Finding:
    module = _IMPORTED.get(requirement.name, requirement.name.replace("-", "_"))
    try:
        importlib.import_module(module)
    except Exception as error:
        found = f"{version}, but it cannot be imported: {error}"
        return wrong(requirement.name, found, pip("--force-reinstall", str(requirement)))
    return good(requirement.name, version)


def extras() -> Iterator[Finding]:
    """Each extra: what of it is there. What is missing is not wrong."""
    here = "." if (_ROOT / "pyproject.toml").is_file() else "pybridge"
    for extra, requirements in declared().extras.items():
        there, lacking = [], []
        for requirement in requirements:
            version = _version(requirement)
            if version is None:
                lacking.append(f"no {requirement.name}")
            elif _older(version, requirement.least):
                lacking.append(f"{requirement.name} {version}, before {requirement.least}")
            else:
                there.append(f"{requirement.name} {version}")
        name = f"extra {extra}"
        if lacking:
            editable = ("-e",) if here == "." else ()
            command = pip(*editable, f"{here}[{extra}]")
            yield note(name, f"{', '.join(lacking + there)}: {command}")
        else:
            yield good(name, ", ".join(there))


def blas() -> Iterator[Finding]:
    """The linear algebra that NumPy was built with, and its threads."""
    import numpy as np

    config = np.show_config(mode="dicts")
    found = config["Build Dependencies"]["blas"] if isinstance(config, dict) else {}
    shown = f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()
    yield good("BLAS", f"{shown}, {_threads()}")


def _threads() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return f"threads not known ({pip('threadpoolctl')} would tell)"
    pools = [pool for pool in threadpool_info() if pool.get("user_api") == "blas"]
    counts = [
        f"{pool['num_threads']} thread{'s' if pool['num_threads'] != 1 else ''}"
        + (f" on {pool['architecture']}" if pool.get("architecture") else "")
        for pool in pools
    ]
    return "; ".join(dict.fromkeys(counts)) or "threads not known to threadpoolctl"


def _version(requirement: Requirement) -> str | None:
    try:
        return importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _older(version: str, least: str) -> bool:
    """Whether a version is before another, by the numbers that it begins with."""
    return bool(least) and _numbers(version) < _numbers(least)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(word) for word in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
