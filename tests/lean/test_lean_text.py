"""Lean files as text: headers, import order, masking, and the bundle of a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybridge.lean.errors import LeanError
from pybridge.lean.interface import Message
from pybridge.lean.modules import import_order, library_modules, mask, read_header
from pybridge.lean.wasm.bundle import bundle


def write(sources: Path, **files: str) -> Path:
    for module, text in files.items():
        path = sources.joinpath(*module.split("__")).with_suffix(".lean")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sources


@pytest.mark.parametrize(
    ("before", "opaque", "after"),
    [
        ("a ", "-- b", "\nc"),
        ("a ", "/- b /- c -/ d -/", " e"),
        ("a ", "/- open", ""),
        ("a ", '"b -- c"', " d"),
        ("a ", '"\\" -- "', " d"),
        ("x' y' ", "-- '", ""),
        ("", "'\"'", " a"),
        ("", "'\\''", " a"),
        ("", 'r"\\"', " a"),
        ("", 'r#"a " b"#', " c"),
        ("δ ", "/- 𝒪 -/", " x"),
        ("f x' 'y' ", "'z'", ""),
    ],
)
def test_mask_blanks_what_is_no_code(before: str, opaque: str, after: str) -> None:
    expected = before.replace("'y'", "   ") + " " * len(opaque) + after
    assert mask(before + opaque + after) == expected


def test_mask_keeps_lines() -> None:
    text = '/- a\nb -/ def x := "c\nd"\n'
    assert mask(text).count("\n") == text.count("\n")
    assert len(mask(text)) == len(text)


def test_header_of_a_module() -> None:
    text = (
        "/- Copyright import No.A -/\nmodule -- import No.B\n\nprelude\nimport A.B\n"
        "public import A.C\nmeta import all A.D import A.«e»\n/-! import No.C -/\n"
        "public section\nimport No.D\n"
    )
    header = read_header(text)
    assert header.imports == ("A.B", "A.C", "A.D", "A.«e»")
    assert text[: header.end].endswith("A.«e»")


def test_a_file_without_header() -> None:
    assert read_header("def x := 1\nimport A\n").imports == ()


def test_import_order_puts_imports_first(tmp_path: Path) -> None:
    write(tmp_path, A="import B.C\nimport Init", B__C="import D", D="", E="import A")
    order = import_order(tmp_path, ["A"])
    assert list(order) == ["D", "B.C", "A"]
    assert order["A"] == ("B.C", "Init")


def test_import_cycle_is_named(tmp_path: Path) -> None:
    write(tmp_path, A="import B", B="import C", C="import B")
    with pytest.raises(LeanError, match="B -> C -> B"):
        import_order(tmp_path, ["A"])


def test_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(LeanError, match=r"no Lean module A\.B"):
        import_order(tmp_path, ["A.B"])


def test_unreadable_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "A.lean").write_bytes(b"\xff")
    with pytest.raises(LeanError, match=r"A\.lean cannot be read"):
        import_order(tmp_path, ["A"])


def test_library_modules_are_all_but_program_and_lakefile(tmp_path: Path) -> None:
    write(tmp_path, A="", A__B="", Evaluate="", lakefile="")
    write(tmp_path / ".lake", C="")
    assert library_modules(tmp_path) == ["A", "A.B"]


LIBRARY = """\
module

public import Init.Data.Rat.Basic

/-- public section @[expose] -/
set_option autoImplicit false

@[expose] public noncomputable section

namespace A.B

@[inline] public def one := 1
public theorem t : one = 1 := rfl
section Named
variable (x : Nat)
end Named
end B
"""


def test_bundle_removes_what_only_modules_have(tmp_path: Path) -> None:
    write(tmp_path, L=LIBRARY, Evaluate="import L\nimport Lean\n\ndef main := 0\n")
    made = bundle(tmp_path, "Evaluate")
    assert made.text == (
        "import Init.Data.Rat.Basic\nimport Lean\nsection\n\n\n\n\n"
        "/-- public section @[expose] -/\nset_option autoImplicit false\n\n"
        "noncomputable section\n\nnamespace A.B\n\n@[inline] def one := 1\n"
        "theorem t : one = 1 := rfl\nsection Named\nvariable (x : Nat)\nend Named\nend B\n"
        "\nend A\nend\nend\nsection\n\n\n\ndef main := 0\n\nend\n"
    )


def test_bundle_knows_where_lines_come_from(tmp_path: Path) -> None:
    write(tmp_path, L=LIBRARY, Evaluate="import L\n\ndef main := 0\n")
    made = bundle(tmp_path, "Evaluate")
    lines = made.text.split("\n")
    for text, file, line in (("theorem t", "L.lean", 13), ("def main", "Evaluate.lean", 3)):
        [at] = [n for n, bundled in enumerate(lines, 1) if bundled.startswith(text)]
        located = made.locate(Message("Bundle.lean", at, 4, "error", "no"))
        assert (located.file, located.line, located.column) == (file, line, 4)
    outside = Message("Bundle.lean", 1, 0, "error", "no")
    assert made.locate(outside) == outside


def test_bundle_calls_main_with_any_argument(tmp_path: Path) -> None:
    write(tmp_path, Evaluate="def main := 0\n")
    text = bundle(tmp_path, "Evaluate").calling_main(["cases", 'a "b" \\ é'])
    assert '_root_.main ["cases", "a \\"b\\" \\\\ é"]' in text


@pytest.mark.parametrize("body", ["namespace A\nend B\n", "end\n", "section\nend A\n"])
def test_bundle_refuses_scopes_that_do_not_match(tmp_path: Path, body: str) -> None:
    write(tmp_path, Evaluate=f"import Init\n{body}")
    with pytest.raises(LeanError, match=r"Evaluate\.lean:\d: `end.*` closes no open scope"):
        bundle(tmp_path, "Evaluate")
