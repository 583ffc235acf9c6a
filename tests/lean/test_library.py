"""The Lean library as text: nothing that weakens a proof, nothing forgotten, nothing overlong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pybridge.lean import PINNED, sources_dir
from pybridge.lean.modules import library_modules, mask, module_file, read_header

SOURCES = sources_dir()
MODULES = library_modules(SOURCES)
LIBRARY = [module for module in MODULES if module.startswith("RuntimeApprox.")]
CERTIFICATES = [module for module in MODULES if module.startswith("RuntimeApproxCertificates.")]
WEAKENING = re.compile(
    r"\b(sorry|admit|axiom|native_decide|unsafe|implemented_by|extern|partial|opaque|csimp)\b"
)
LONGEST_PROOF = 40


def weakenings(text: str) -> list[str]:
    """Return the words in Lean code that let a proof or a definition say less than it seems to."""
    return WEAKENING.findall(mask(text))


def proof_lengths(text: str) -> dict[str, int]:
    """Return the number of lines of each theorem's proof."""
    code = mask(text)
    starts = list(re.finditer(r"^(?:@\[[^\]]*\]\s*)?(?:private )?theorem (\S+)", code, re.M))
    lengths = {}
    for start in starts:
        end = re.compile(
            r"^(?:@\[|end\b|theorem|def|instance|section|namespace|variable|example|omit|include"
            r"|abbrev|structure|inductive|class|private|open|local|set_option|noncomputable)",
            re.M,
        ).search(code, start.end())
        block = code[start.start() : end.start() if end else len(code)].rstrip()
        statement_end = re.search(r":=|^  \|", block, re.M)
        assert statement_end, f"no proof found of {start[1]}"
        lengths[start[1]] = block[statement_end.end() :].rstrip().count("\n") + 1
    return lengths


def test_the_toolchain_is_the_pinned_one() -> None:
    assert (SOURCES.parent / "lean-toolchain").read_text().strip() == PINNED


@pytest.mark.parametrize(
    ("root", "modules"), [("RuntimeApprox", LIBRARY), ("RuntimeApproxCertificates", CERTIFICATES)]
)
def test_the_root_imports_every_module(root: str, modules: list[str]) -> None:
    header = read_header(module_file(SOURCES, root).read_text(encoding="utf-8"))
    assert sorted(header.imports) == modules
    assert modules


def test_the_library_does_not_load_the_certificates() -> None:
    for module in ["RuntimeApprox", *LIBRARY]:
        header = read_header(module_file(SOURCES, module).read_text(encoding="utf-8"))
        assert not {*header.imports} & {"RuntimeApproxCertificates", *CERTIFICATES}, module


@pytest.mark.parametrize("module", [*LIBRARY, *CERTIFICATES, "RuntimeApprox", "Evaluate"])
def test_nothing_weakens_the_proofs(module: str) -> None:
    assert weakenings(module_file(SOURCES, module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", LIBRARY)
def test_proofs_are_short(module: str) -> None:
    lengths = proof_lengths(module_file(SOURCES, module).read_text(encoding="utf-8"))
    assert {name: n for name, n in lengths.items() if n > LONGEST_PROOF} == {}


@pytest.mark.parametrize("module", [*LIBRARY, *CERTIFICATES])
def test_modules_say_what_they_hold(module: str) -> None:
    text = module_file(SOURCES, module).read_text(encoding="utf-8")
    header = read_header(text)
    assert text.startswith("module\n")
    doc = text[header.end :].lstrip()
    assert doc.startswith("/-!\n# ")
    assert re.search(r"^## Main (definitions|results)", doc, re.M)
    assert "set_option autoImplicit false" in text


def test_no_dependency() -> None:
    own = {"RuntimeApprox", "RuntimeApproxCertificates", "Init", "Std"}
    for module in MODULES:
        header = read_header(module_file(SOURCES, module).read_text(encoding="utf-8"))
        assert {name.split(".")[0] for name in header.imports} <= own, module


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("theorem a : p := by sorry", ["sorry"]),
        ("/-- no axiom -/ theorem a : p := h -- sorry", []),
        ('axiom a : p\ndef s := "unsafe"', ["axiom"]),
        ("@[implemented_by f] partial def g := g", ["implemented_by", "partial"]),
        ("theorem a : p := by native_decide", ["native_decide"]),
    ],
)
def test_the_search_for_weakenings_can_fail(code: str, words: list[str]) -> None:
    assert weakenings(code) == words


def test_the_length_of_a_proof_is_counted() -> None:
    long = "theorem a (x : Nat) :\n    p x := by\n" + "  simp\n" * 41 + "\nend\n"
    short = "/-- theorem -/\ntheorem b : q := rfl\n\ntheorem c : r\n  | 0 => h\n  | n + 1 => h\n"
    assert proof_lengths(long + short) == {"a": 42, "b": 1, "c": 2}


def test_sources_are_found() -> None:
    assert isinstance(SOURCES, Path)
    assert "RuntimeApprox.Conv2d.Theorems" in LIBRARY
