"""Lean declarations that were exported with their sources, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping

from pybridge.exported.document import Declaration, Definitions
from pybridge.exported.expressions import DefinitionsError

__all__ = ["LAWS", "declaration", "location", "short_name"]

_NAMESPACE = "RuntimeApprox."

LAWS: Mapping[str, str] = {
    "zero": "RuntimeApprox.zeroLaw",
    "add": "RuntimeApprox.addLaw",
    "mul": "RuntimeApprox.mulLaw",
}
"""The declarations of the exported laws by the laws' names."""


def declaration(name: str, definitions: Definitions) -> Declaration:
    """Return a Lean declaration by its full name; `DefinitionsError` if it was not exported."""
    declared = definitions.declarations.get(name)
    if declared is None:
        raise DefinitionsError(f"the definitions lack the declaration {name}")
    return declared


def location(name: str, definitions: Definitions) -> str:
    """Return where a declaration stands: `file:line`, the file relative to the folder of the
    sources.
    """
    declared = declaration(name, definitions)
    return f"{declared.file}:{declared.start[0]}"


def short_name(name: str) -> str:
    """Return a declaration's name without the library's namespace."""
    return name.removeprefix(_NAMESPACE)
