"""`pybridge theorem`: statements and places of what Lean has compiled."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pybridge.cli.theorem import app, statement
from pybridge.exported.document import load_definitions
from pybridge.lean import sources_dir
from pybridge.lean.declared import declared

DECLARATIONS = load_definitions().declarations


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", ["conv2d_any_order", "RuntimeApprox.conv2d_any_order"])
def test_a_theorem_is_printed_where_it_stands(name: str) -> None:
    status, out, _ = run(name)
    assert status == 0
    head, _, text = out.partition("\n\n")
    file, number, full = head.split(":")
    assert full.strip() == "RuntimeApprox.conv2d_any_order"
    lines = (sources_dir().parent / file).read_text(encoding="utf-8").splitlines()
    first = text.splitlines()[0]
    assert lines[int(number) - 1] == first
    assert "theorem conv2d_any_order" in text
    assert ":= by" not in text
    assert ":=" in run(name, "--proof")[1]


def test_statements_are_theorems_without_their_proofs() -> None:
    """Each ends where the proof begins, and brackets are closed; definitions are whole."""
    for name, declaration in DECLARATIONS.items():
        said = statement(declaration.source)
        rest = declaration.source[len(said) :].strip()
        if declaration.source.partition("theorem ")[1] and rest:
            assert rest.startswith((":=", "|")), name
            assert all(said.count(a) == said.count(b) for a, b in ("()", "[]", "{}")), name
        else:
            assert said == declaration.source, name
    theorems = [d for d in DECLARATIONS.values() if "\ntheorem " in f"\n{d.source}"]
    assert len(theorems) > 100
    assert all(len(statement(d.source)) < len(d.source) for d in theorems)


def test_what_is_read_from_lean_files_is_what_was_exported() -> None:
    read = declared(sources_dir())
    named = {name: entry for name, entry in DECLARATIONS.items() if ".inst" not in name}
    assert {name: read[name] for name in named} == named
    status, out, _ = run("conv2d_textbook")
    assert status == 0
    assert "theorem conv2d_textbook" in out
    assert "RuntimeApprox.conv2d_textbook" not in DECLARATIONS


def test_a_let_belongs_to_the_statement() -> None:
    assert statement("theorem a : let x := 1; x = 1 := rfl") == "theorem a : let x := 1; x = 1"
    assert statement("theorem a (x : Nat := 1) : x = x := by\n  rfl") == (
        "theorem a (x : Nat := 1) : x = x"
    )
    assert statement("def theorem_of := 1") == "def theorem_of := 1"


def test_patterns_and_json() -> None:
    status, out, _ = run("conv2d*_any_order", "--json")
    assert status == 0
    rows = json.loads(out)
    assert len(rows) == 4
    for row in rows:
        entry = DECLARATIONS[row["name"]]
        assert (row["file"], row["line"]) == (f"lean/{entry.file}", entry.start[0])


def test_an_unknown_name_is_one_line() -> None:
    status, out, err = run("conv2d_any_ordre")
    assert (status, out) == (2, "")
    assert err.startswith("error: there is no declaration 'conv2d_any_ordre': ")
    assert "conv2d_any_order" in err
    assert err.count("\n") == 1
