"""Reads the declarations of Lean files from their text: names, lines and sources.

They are printed, never evaluated: that is for what Lean itself exports (`pybridge.exported`).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from pybridge.exported.document import Declaration
from pybridge.lean.modules import library_modules, mask, module_file, read_source

__all__ = ["declared", "declared_in"]

_SCOPE = re.compile(
    r"(?:@\[[^\]]*\]\s*|public |noncomputable )*(namespace|section|mutual|end)\b(.*)"
)
_KEYWORD = re.compile(
    r"(?:@\[[^\]]*\]\s*|(?:public|private|protected|noncomputable)\s+)*"
    r"(?:theorem|def|abbrev|structure|inductive|class)\s+([^\s({\[:]+)"
)


def declared(sources: Path) -> dict[str, Declaration]:
    """Return the named declarations of every module of a folder, by their full names.

    Raises `LeanError` if a file cannot be read.
    """
    return {
        name: declaration
        for module in library_modules(sources)
        for name, declaration in declared_in(module, read_source(module_file(sources, module)))
    }


def declared_in(module: str, text: str) -> Iterator[tuple[str, Declaration]]:
    """Yield the named declarations of a module's text, with their full names.

    A declaration begins in the first column, and goes on over indented lines and `where`.
    """
    lines, masked = text.split("\n"), mask(text).split("\n")
    begin = (k for k, line in enumerate(masked) if line[:1].strip() and line.split() != ["where"])
    starts = [*begin, len(lines)]
    scopes: list[str] = []
    for k, following in itertools.pairwise(starts):
        if scope := _SCOPE.match(masked[k]):
            if scope[1] == "end":
                del scopes[-1:]
            else:
                scopes.append(scope[2].strip() if scope[1] == "namespace" else "")
        elif (keyword := _KEYWORD.match(masked[k])) and keyword[1] not in ("|", ":="):
            last = max(i for i in range(k, following) if masked[i].strip())
            first = _documented(lines, masked, k)
            source = "\n".join(lines[first : last + 1])
            name = ".".join([*filter(None, scopes), keyword[1]])
            name = name.partition("_root_.")[2] or name
            yield (
                name,
                Declaration(
                    module=module,
                    file=f"{module.replace('.', '/')}.lean",
                    start=(first + 1, 1),
                    end=(last + 1, len(lines[last]) + 1),
                    source=source,
                    sha256=hashlib.sha256(source.encode()).hexdigest(),
                ),
            )


def _documented(lines: list[str], masked: list[str], at: int) -> int:
    """Return the first line of a declaration's attributes and docstring."""
    first = at
    while first and masked[first - 1].startswith("@["):
        first -= 1
    if first and lines[first - 1].rstrip().endswith("-/") and not masked[first - 1].strip():
        start = first - 1
        while start and "/-" not in lines[start]:
            start -= 1
        if lines[start].startswith("/--"):
            return start
    return first
