"""Reads Lean files as text: their headers, the import order, and code without comments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pybridge.lean.errors import LeanError

__all__ = [
    "PROGRAM",
    "Header",
    "evaluator",
    "import_order",
    "library_modules",
    "mask",
    "module_file",
    "read_header",
    "read_source",
]

PROGRAM = "Evaluate"
_EVALUATOR = ("RuntimeApprox.Program", "RuntimeApprox.evaluateMain")
_CHECKED_NATIVELY = "Axioms"

_HEADER_WORDS = frozenset({"module", "prelude", "public", "meta", "import", "all"})
_WORD = re.compile(r"\S+")
_OPAQUE = re.compile(
    r"""'(?:\\.[^']*|[^'\\\n])'          # a character
      | r\#+".*?"\#+ | r"[^"]*"          # a raw string
      | "(?:\\.|[^"\\])*"                # a string
      | --[^\n]* | /-                    # a comment
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file imports, and where its header ends (an offset into its text)."""

    imports: tuple[str, ...]
    end: int


def mask(text: str) -> str:
    """Return the text with comments and literals replaced by spaces, so that positions stay."""
    parts: list[str] = []
    at = 0
    while opaque := _OPAQUE.search(text, at):
        start, end = opaque.span()
        preceded = text[start - 1 : start]
        if text[start] in "'r" and (preceded.isalnum() or preceded in ("_", "'")):
            parts.append(text[at : start + 1])  # a prime, or the end, of a name
            at = start + 1
            continue
        if opaque[0] == "/-":
            end = _comment_end(text, start)
        parts.append(text[at:start])
        parts.append(re.sub(r"[^\n]", " ", text[start:end]))
        at = end
    parts.append(text[at:])
    return "".join(parts)


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for bracket in re.compile("/-|-/").finditer(text, start):
        depth += 1 if bracket[0] == "/-" else -1
        if depth == 0:
            return bracket.end()
    return len(text)


def read_header(text: str) -> Header:
    """Return the header of a Lean file: `module`, `prelude` and its imports."""
    masked = mask(text)
    imports: list[str] = []
    end = 0
    importing = False
    for word in _WORD.finditer(masked):
        if word[0] in _HEADER_WORDS and not (importing and word[0] != "all"):
            importing = word[0] == "import" or (importing and word[0] == "all")
            if not importing and word[0] not in ("module", "prelude"):
                continue  # `public` and `meta` belong to the header only before an `import`
        elif importing:
            imports.append(word[0])
            importing = False
        else:
            break
        end = word.end()
    return Header(tuple(imports), end)


def read_source(file: Path) -> str:
    """Return the text of a Lean file; `LeanError` if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LeanError(f"{file} cannot be read: {error}") from None


def module_file(sources: Path, module: str) -> Path:
    """Return the file of a module."""
    return sources.joinpath(*module.split(".")).with_suffix(".lean")


def import_order(sources: Path, roots: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the modules of `sources` that the roots need, imports first, each with its imports.

    Raises `LeanError` if a root has no file, or modules import each other.
    """
    order: dict[str, tuple[str, ...]] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            cycle = " -> ".join((*trail[trail.index(module) :], module))
            raise LeanError(f"Lean modules import each other: {cycle}")
        file = module_file(sources, module)
        if module in order or not file.is_file():
            return
        imports = read_header(read_source(file)).imports
        for imported in imports:
            visit(imported, (*trail, module))
        order[module] = imports

    for root in roots:
        if not module_file(sources, root).is_file():
            raise LeanError(f"there is no Lean module {root} in {sources}")
        visit(root, ())
    return order


def evaluator(sources: Path) -> tuple[str, str]:
    """Return the module that evaluates cases and exports the definitions, and its entry point.

    It is the program, or a module of its own that needs less of the library.
    """
    if module_file(sources, _EVALUATOR[0]).is_file():
        return _EVALUATOR
    return PROGRAM, "_root_.main"


def library_modules(sources: Path) -> list[str]:
    """Return every module of the library, sorted: without the program, lake's file and `Axioms`.

    `Axioms` is checked by native Lean alone.
    """
    names = (path.relative_to(sources).with_suffix("") for path in sources.rglob("*.lean"))
    return sorted(
        ".".join(name.parts)
        for name in names
        if name.parts not in ((PROGRAM,), ("lakefile",), (_CHECKED_NATIVELY,))
        and not any(part.startswith(".") for part in name.parts)
    )
