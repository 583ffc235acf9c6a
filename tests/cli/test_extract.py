"""Extraction, with the real LeanDojo and the real Lean."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pybridge.cli import extract as extraction
from pybridge.cli.extract import EXTRACTED, ExtractionError, declarations, differences, extract
from pybridge.errors import InputError
from pybridge.exported.document import digest, load_definitions
from pybridge.lean import BuildResult, Lean, sources_dir

DEFINITIONS = Path(extraction.__file__).parents[1] / "definitions.json"

SOURCE = """\
module

/-- δ and 𝒪 are one code point each, of one and two UTF-16 units. -/
def first := 1 /- 𝒪 -/ def second :=
  2
"""


@pytest.fixture(scope="module")
def extracted(lean: Lean, library: BuildResult) -> dict[str, Any]:
    return extract(lean)


@pytest.fixture
def sample(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "Sample.lean").write_text(SOURCE, encoding="utf-8")
    ilean = tmp_path / "Sample.ilean"
    positions = {"first": [2, 0, 3, 14, 3, 4, 3, 9], "second": [3, 24, 4, 3, 3, 28, 3, 34]}
    ilean.write_text(json.dumps({"version": 4, "module": "A.Sample", "decls": positions}))
    return tmp_path, ilean


def test_lean_dojo_slices_the_ranges_of_an_ilean(sample: tuple[Path, Path]) -> None:
    sources, ilean = sample
    sliced = declarations(sources, {"A.Sample": ilean})
    assert list(sliced) == ["first", "second"]
    assert sliced["first"]["source"] == SOURCE.splitlines()[2] + "\ndef first := 1"
    assert sliced["second"] == {
        "module": "A.Sample",
        "file": "A/Sample.lean",
        "start": [4, 24],
        "end": [5, 4],
        "source": "def second :=\n  2",
        "sha256": hashlib.sha256(b"def second :=\n  2").hexdigest(),
    }


@pytest.mark.parametrize("content", ["", "[]", '{"decls": []}', '{"decls": {"a": 1}}', '{"x": 1}'])
def test_a_broken_ilean_is_named(sample: tuple[Path, Path], content: str) -> None:
    sources, ilean = sample
    ilean.write_text(content)
    with pytest.raises(ExtractionError, match=r"Sample\.ilean: expected an \.ilean file"):
        declarations(sources, {"A.Sample": ilean})


def test_lean_dojo_missing(sample: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sources, ilean = sample
    monkeypatch.setitem(sys.modules, "lean_dojo", None)
    with pytest.raises(InputError, match="LeanDojo is missing"):
        declarations(sources, {"A.Sample": ilean})


def test_the_shipped_definitions_are_what_the_sources_give(extracted: dict[str, Any]) -> None:
    assert differences(DEFINITIONS, extracted) == []


def test_every_extracted_module_and_the_gradients_are_there(extracted: dict[str, Any]) -> None:
    assert {entry["module"] for entry in extracted["declarations"].values()} == set(EXTRACTED)
    for contraction in load_definitions().data.contractions.values():
        entry = extracted["declarations"][contraction.name]
        name = contraction.name.rpartition(".")[2]
        assert f"def {name} : Contraction" in entry["source"]
        lines = (sources_dir() / entry["file"]).read_text(encoding="utf-8").splitlines()
        assert lines[entry["start"][0] - 1].startswith(entry["source"].splitlines()[0])


def test_a_stale_file_is_found(extracted: dict[str, Any], tmp_path: Path) -> None:
    old = json.loads(DEFINITIONS.read_text(encoding="utf-8"))
    name = "RuntimeApprox.conv2dKernelGrad"
    old["declarations"][name]["source"] += " "
    old["sources"].pop("RuntimeApprox/Program.lean")
    old["data"]["formats"]["binary32"]["precision"] = 23
    old["sha256"] = digest(old)
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps(old))
    assert differences(path, extracted) == [
        "sources: RuntimeApprox/Program.lean is missing",
        f"declarations: {name} is not what the sources give",
        "data: formats is not what the sources give",
    ]


def test_the_command_checks_and_writes(
    extracted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "extract", lambda lean: extracted)
    path = tmp_path / "definitions.json"
    run = CliRunner().invoke
    missing = run(extraction.app, ["--check", "--output", str(path)])
    assert missing.exit_code == 1
    assert "not current" in missing.stdout
    assert run(extraction.app, ["--output", str(path)]).exit_code == 0
    assert path.read_bytes() == DEFINITIONS.read_bytes()
    assert run(extraction.app, ["--check", "--output", str(path)]).exit_code == 0
    path.write_text(path.read_text(encoding="utf-8").replace("halfUlp", "ulp", 1))
    assert run(extraction.app, ["--check", "--output", str(path)]).exit_code == 1


@pytest.mark.parametrize(
    ("mode", "status", "said"),
    [("recorded", 3, "extraction needs Lean itself"), ("sometimes", 2, "'sometimes'")],
)
def test_extraction_needs_lean(mode: str, status: int, said: str) -> None:
    result = CliRunner().invoke(extraction.app, ["--lean", mode])
    assert result.exit_code == status
    assert said in result.output
