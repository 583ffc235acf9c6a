"""Examines Python, the packages that are required according to the metadata, and the extras."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pybridge.check.doctor.findings import Finding, good, note, pip, wrong
from pybridge.extras import DISTRIBUTION, install_command

__all__ = ["blas", "dependencies", "extras", "interpreter"]

_IMPORTED = {"python-flint": "flint"}


def interpreter() -> Iterator[Finding]:
    """Examine Python's version, and the platform."""
    version = (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"
    )
    package = _package()
    required = package.metadata["Requires-Python"] if package else ""
    if not SpecifierSet(required).contains(platform.python_version(), prereleases=True):
        yield wrong("Python", version, f"install Python {required}, and pybridge with it")
    elif sys.maxsize <= 2**32:
        yield wrong("Python", f"{version}, 32 bits", "install a Python of 64 bits")
    else:
        yield good("Python", version)


def dependencies() -> Iterator[Finding]:
    """Examine each package that is always required: present, of the right version, importable."""
    package = _package()
    if package is None:
        yield note(
            DISTRIBUTION,
            f"not installed, so what it requires is not known: {install_command('cli')}",
        )
        return
    for requirement in _required(package):
        problem = _problem(requirement)
        if problem is not None:
            remedy = pip("--upgrade", f"{requirement.name}{requirement.specifier}")
            yield wrong(requirement.name, problem, remedy)
        else:
            yield _imported(requirement)


def extras() -> Iterator[Finding]:
    """Examine the packages of each extra; a missing one is not wrong."""
    package = _package()
    if package is None:
        return
    for name in package.metadata.get_all("Provides-Extra") or ():
        required = _required(package, name)
        lacking = [f"{r.name} {problem}" for r in required if (problem := _problem(r))]
        if lacking:
            yield note(f"extra {name}", f"{', '.join(lacking)}: {install_command(name)}")
        else:
            versions = (f"{r.name} {importlib.metadata.version(r.name)}" for r in required)
            yield good(f"extra {name}", ", ".join(versions))


def blas() -> Iterator[Finding]:
    """Yield the BLAS that NumPy was built with, and its threads."""
    import numpy as np

    config = np.show_config(mode="dicts")
    library = config["Build Dependencies"]["blas"] if isinstance(config, dict) else {}
    name = f"{library.get('name', 'unknown')} {library.get('version', '')}".strip()
    yield good("BLAS", f"{name}, {_threads()}")


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


def _package() -> importlib.metadata.Distribution | None:
    """Return the package as pip installed it; None in a clone that was not installed."""
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def _required(package: importlib.metadata.Distribution, extra: str = "") -> list[Requirement]:
    """Return what an extra requires beyond the package, or what the package itself requires."""
    requirements = map(Requirement, package.requires or ())
    return [
        requirement
        for requirement in requirements
        if requirement.name != DISTRIBUTION
        and (requirement.marker is None or requirement.marker.evaluate({"extra": extra}))
        and not (extra and (requirement.marker is None or requirement.marker.evaluate()))
    ]


def _problem(requirement: Requirement) -> str | None:
    """Return why a requirement is not met, or None."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{version}, expected {requirement.specifier}"


def _imported(requirement: Requirement) -> Finding:
    version = importlib.metadata.version(requirement.name)
    try:
        importlib.import_module(_IMPORTED.get(requirement.name, requirement.name.replace("-", "_")))
    except Exception as error:
        problem = f"{version}, but it cannot be imported: {error}"
        return wrong(requirement.name, problem, pip("--force-reinstall", requirement.name))
    return good(requirement.name, version)
