"""Where Lean's declarations stand, and that each of them is a result or is needed by one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pybridge.lean import BuildResult, sources_dir
from pybridge.lean.modules import library_modules, mask, module_file

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sources_dir()
SPACE = "RuntimeApprox."
LIBRARY = [module for module in library_modules(SOURCES) if module.startswith(SPACE)]
DECLARATION = re.compile(
    r"^(?P<attributes>@\[.*\]\s+)?(?P<modifiers>(?:private |protected |noncomputable )*)"
    r"(?P<keyword>theorem|def|abbrev|structure|inductive|class|instance)\b *(?P<name>[^\s:({\[]*)",
    re.MULTILINE,
)
NAME = re.compile(r"[^\W\d][\w.₀-₉'′]*")


class Declared(NamedTuple):
    """A public declaration as its source says it, with its first line, counted from 0."""

    keyword: str
    name: str
    attributes: str
    line: int


def declared(text: str) -> list[Declared]:
    """Return the public declarations of a Lean file, in order."""
    code = mask(text)
    return [
        Declared(d["keyword"], d["name"], d["attributes"] or "", code.count("\n", 0, d.start()))
        for d in DECLARATION.finditer(code)
        if "private" not in d["modifiers"]
    ]


def misplaced(module: str, text: str) -> set[str]:
    """Return what a module declares that belongs elsewhere.

    Where X.lean defines, X/….lean proves: a module that defines proves only theorems that its
    definitions need. Notions that only the proofs of one module need are private.
    """
    public = declared(text)
    theorems = {d.name for d in public if d.keyword == "theorem"}
    notions = [d for d in public if d.keyword not in ("theorem", "instance")]
    if not theorems or not notions:
        return set() if notions or "." in module.removeprefix(SPACE) else theorems
    lines = mask(text).splitlines()
    ends = [d.line for d in public[1:]] + [len(lines)]
    names = [
        last_parts("\n".join(lines[d.line : end])) for d, end in zip(public, ends, strict=True)
    ]
    needed = set[str]().union(*(n for d, n in zip(public, names, strict=True) if d in notions))
    for d, used in reversed([*zip(public, names, strict=True)]):
        if d.keyword == "theorem" and last_part(d.name) in needed:
            needed |= used
    return {name for name in theorems if last_part(name) not in needed}


def last_part(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def last_parts(code: str) -> set[str]:
    """Return the last parts of the names in Lean code."""
    return {last_part(name) for name in NAME.findall(code)}


@pytest.mark.parametrize("module", LIBRARY)
def test_definitions_and_proofs_are_apart(module: str) -> None:
    assert misplaced(module, module_file(SOURCES, module).read_text(encoding="utf-8")) == set()


def test_what_is_misplaced_is_found() -> None:
    text = "def a := 1\ntheorem b : p := h\ntheorem c : q := h\ndef d := f b\n"
    assert misplaced("RuntimeApprox.X", text) == {"c"}
    assert misplaced("RuntimeApprox.X", "theorem b : p := h\n") == {"b"}
    assert misplaced("RuntimeApprox.X.Y", "theorem b : p := h\nprivate def a := 1\n") == set()


def named_elsewhere() -> set[str]:
    """Return the names that the list of theorems, Python and the Lean programs use."""
    page = (ROOT / "docs" / "theorems.md").read_text(encoding="utf-8")
    texts = re.findall(r"`[^`]+`", page)
    for file in [*(ROOT / "pybridge").rglob("*.py"), SOURCES / "Evaluate.lean"]:
        texts.append(file.read_text(encoding="utf-8"))
    return {name for text in texts for name in NAME.findall(text)}


def references(ilean: Path) -> Iterator[tuple[str | None, str]]:
    """Yield each declaration that a module uses, after the one that uses it."""
    data = json.loads(ilean.read_text(encoding="utf-8"))
    for key, positions in data["references"].items():
        used = json.loads(key).get("c", {}).get("n")
        if used:
            for usage in positions["usages"]:
                yield (usage[4] if len(usage) > 4 else None), used


def test_every_declaration_is_needed(library: BuildResult) -> None:
    outside = named_elsewhere()
    known: set[str] = set()
    wanted: set[str] = set()
    for module in LIBRARY:
        text = module_file(SOURCES, module).read_text(encoding="utf-8")
        at = {d.line: d for d in declared(text)}
        positions = json.loads(library.ileans[module].read_text(encoding="utf-8"))["decls"]
        for name, position in positions.items():
            if d := at.get(position[4]):
                known.add(name)
                by_tactics = re.search(r"simp|grind|ext", d.attributes)
                if (
                    d.keyword == "instance"
                    or by_tactics
                    or {name, name.removeprefix(SPACE)} & outside
                ):
                    wanted.add(name)
    uses: dict[str | None, set[str]] = defaultdict(set)
    for ilean in library.ileans.values():
        for user, used in references(ilean):
            uses[owner(user, known)].add(owner(used, known) or "")
    wanted |= uses.pop(None)
    needed: set[str] = set()
    while wanted:
        needed |= wanted
        wanted = {used for name in wanted for used in uses.get(name, ())} - needed
    assert sorted(known - needed) == []


def owner(name: str | None, known: set[str]) -> str | None:
    """Return the declaration that a name belongs to, as a field or a constructor of it."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None
