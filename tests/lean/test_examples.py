"""The worked examples run, and CONTRIBUTING.md quotes them and names what there is."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from test_library import LONGEST_PROOF, proof_lengths, weakenings
from typer.testing import CliRunner

from examples import correlation, float8, interval, library
from examples.library import LEAN_FILES, Library, is_outward, opened, run_example
from pybridge.cli.app import COMMANDS
from pybridge.exported.document import Operation
from pybridge.lean import BuildResult, Lean, LeanError, LeanNotFound, Message
from pybridge.lean.interface import Severity
from pybridge.lean.modules import read_header

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = sorted(LEAN_FILES.rglob("*.lean"))
FENCE = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)^\1```$", re.M | re.S)
NAME = re.compile(r"`([^`\n]+)`")
ENDS = (".lean", ".md", ".py", ".json", ".toml")
PLACES = ("lean", "pybridge", "examples", "tests", "bench", "docs")
DECLARATIONS = (
    "correlation_textbook",
    "Operation.json",
    "Format.rounding_lawful",
    "Format.e4m3",
    "addLaw",
    "evaluateCases",
    "mulLaw",
    "namedFormats",
    "namedOperations",
)
PLACEHOLDERS = {"fuzzed/NAME.json", "X.lean", "X/Theorems.lean"}


@pytest.fixture(scope="module")
def examples(lean: Lean) -> Iterator[Library]:
    """Return the library with the examples, all of them proved."""
    with opened(progress=False) as opened_library:
        opened_library.prove("Correlation.Theorems", "Interval.Theorems", "Float8.Theorems")
        yield opened_library


@pytest.fixture(scope="module")
def correlated(examples: Library) -> correlation.Answer:
    return correlation.ask(examples)


@pytest.fixture(scope="module")
def ranges(examples: Library) -> interval.Ranges:
    return interval.ask(examples)


@pytest.fixture(scope="module")
def eight(examples: Library) -> float8.Answer:
    return float8.ask(examples)


def test_the_contraction_is_leans_and_the_textbooks(correlated: correlation.Answer) -> None:
    assert correlation.compare(correlated) == []
    output = correlated.results["output"]
    assert len(output.value) == 2 * 4 * 5
    assert any(v != e for v, e in zip(output.value, output.exact, strict=True))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda text: text.replace('{"neg":"reach"}', "0"), "NumPy's values"),
        (lambda text: text.replace('"out":[0,1,1]', '"out":[0,0,1]'), "NumPy's values"),
        (lambda text: text.replace('"red":["channels"]', '"red":["batch"]'), "NumPy's values"),
    ],
)
def test_another_contraction_is_noticed(
    correlated: correlation.Answer, change: Callable[[str], str], wrong: str
) -> None:
    text = correlated.operation.model_dump_json(by_alias=True)
    assert change(text) != text
    other = Operation.model_validate_json(change(text))
    assert wrong in "".join(correlation.compare(replace(correlated, operation=other)))


@pytest.mark.parametrize("result", ["output", "x", "y"])
@pytest.mark.parametrize("quantity", ["value", "exact", "bound"])
def test_another_number_of_the_contraction_is_noticed(
    correlated: correlation.Answer, quantity: str, result: str
) -> None:
    answer = correlated.results[result]
    first, *rest = getattr(answer, quantity)
    changed: Any = {quantity: (first + Fraction(1, 2**40), *rest)}
    results = {**correlated.results, result: replace(answer, **changed)}
    assert correlation.compare(replace(correlated, results=results))


def test_the_intervals_are_the_ranges(ranges: interval.Ranges) -> None:
    assert interval.compare(ranges) == []
    assert all(low < high for intervals in ranges.values() for low, high in intervals)


@pytest.mark.parametrize("name", ["output", "bias", "weight", "input"])
def test_a_wider_or_narrower_interval_is_noticed(ranges: interval.Ranges, name: str) -> None:
    for by in (Fraction(1, 8), Fraction(-1, 8)):
        (low, high), *rest = ranges[name]
        (wrong,) = interval.compare({**ranges, name: [(low, high + by), *rest]})
        assert wrong.startswith(f"{name}[0] is in")


def test_the_formats_are_those_of_ml_dtypes(eight: float8.Answer) -> None:
    assert float8.compare(eight) == []
    assert all(None in numbers for numbers in eight.rounded.values())
    assert all(len(numbers) > 2000 for numbers in eight.rounded.values())


@pytest.mark.parametrize("change", [{"precision": 3}, {"min_exponent": -5}, {"max_exponent": 6}])
def test_another_format_is_noticed(eight: float8.Answer, change: dict[str, int]) -> None:
    other = eight.formats["float8_e4m3"].model_copy(update=change)
    wrong = float8.compare_casts(
        replace(eight, formats={**eight.formats, "float8_e4m3": other})
    ) + float8.compare_operations("float8_e4m3", other)
    assert "float8_e4m3: pybridge.engine.laws_exact does not round as Lean does" in wrong
    assert "float8_e4m3: a sum of ml_dtypes is not the rounded exact one" in wrong


def test_another_rounding_or_result_is_noticed(eight: float8.Answer) -> None:
    rounded = [*eight.rounded["float8_e5m2"][:-1], Fraction(1)]
    wrong = float8.compare_casts(replace(eight, rounded={**eight.rounded, "float8_e5m2": rounded}))
    assert "float8_e5m2: a cast of ml_dtypes is not Lean's rounding" in wrong
    exchanged = dict(zip(eight.results, reversed(list(eight.results.values())), strict=True))
    wrong = float8.compare(replace(eight, results=exchanged))
    assert "float8_e4m3: NumPy's values of weight are not Lean's" in wrong
    assert "float8_e5m2: NumPy's bounds of weight are not Lean's, rounded outward" in wrong


def test_a_bound_is_outward() -> None:
    assert is_outward(1.0, Fraction(1))
    assert not is_outward(1.0, Fraction(1) + Fraction(1, 2**80))
    assert not is_outward(1.0 + 2.0**-30, Fraction(1))
    assert not is_outward(float("inf"), Fraction(1))
    assert not is_outward(float("nan"), Fraction(1))


class SaidByLean:
    """A stand-in that answers with messages, and remembers what it was to build."""

    def __init__(self, *messages: Message, failed: Sequence[str] = ()) -> None:
        self.messages = messages
        self.failed = failed
        self.asked: list[list[str]] = []

    def build(self, modules: list[str]) -> BuildResult:
        self.asked.append(modules)
        return BuildResult(failed=dict.fromkeys(self.failed, "why"), messages=self.messages)

    def check(self, file: Path) -> tuple[Message, ...]:
        assert "#eval show IO Unit" in file.read_text(encoding="utf-8")
        return self.messages

    def library(self, sources: Path) -> Library:
        stand_in: Any = self
        return Library(stand_in, sources)


def said(severity: Severity, text: str, *, line: int = 1, sorry: bool = False) -> Message:
    return Message("RuntimeApprox/Examples/A.lean", line, 0, severity, text, sorry)


def test_what_is_not_proved_is_refused(tmp_path: Path) -> None:
    for wrong in (said("error", "no"), said("warning", "declaration uses `sorry`", sorry=True)):
        with pytest.raises(LeanError, match=r"^RuntimeApprox/Examples/A.lean:1:0: "):
            SaidByLean(wrong).library(tmp_path).prove("A")
    with pytest.raises(LeanError, match=r"^RuntimeApprox\.Examples\.A: why$"):
        SaidByLean(failed=["RuntimeApprox.Examples.A"]).library(tmp_path).prove("A")


def test_what_was_proved_is_not_proved_again(tmp_path: Path) -> None:
    lean = SaidByLean(said("information", "fine"))
    library_ = lean.library(tmp_path)
    library_.prove("A", "B")
    library_.prove("B")
    library_.prove("B", "C")
    names = [
        [name.removeprefix("RuntimeApprox.Examples.") for name in asked] for asked in lean.asked
    ]
    assert names == [["A", "B"], ["C"]]


@pytest.mark.parametrize(
    ("message", "match"),
    [
        (said("error", "unknown", line=2), r"^RuntimeApprox/Examples/A.lean:1:0: error: unknown$"),
        (said("information", "usage\n[1]\n"), r"^main failed: usage \[1\]$"),
        (said("information", "half"), r"^main failed: half$"),
        (said("information", ""), r"^main failed: it printed nothing$"),
    ],
)
def test_a_program_that_fails_is_noticed(tmp_path: Path, message: Message, match: str) -> None:
    folder = tmp_path / "RuntimeApprox" / "Examples"
    folder.mkdir(parents=True)
    (folder / "A.lean").write_text("def main (_ : List String) : IO UInt32 := return 0\n")
    with pytest.raises(LeanError, match=match):
        SaidByLean(message).library(tmp_path).run("A", "main")
    answer = said("information", "the answer\n[0]\n")
    assert SaidByLean(answer).library(tmp_path).run("A", "main") == "the answer\n"


@pytest.mark.parametrize(
    ("differences", "status", "out", "err"),
    [
        ([], 0, "all is well\n", ""),
        (["one thing", "another"], 1, "one thing\nanother\n", ""),
        (LeanError("cut off"), 1, "", "error: cut off\n"),
        (LeanNotFound("no Lean"), 3, "", "error: no Lean\n"),
    ],
)
def test_an_example_says_what_it_finds(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    differences: Sequence[str] | LeanError,
    status: int,
    out: str,
    err: str,
) -> None:
    @contextmanager
    def stand_in() -> Iterator[None]:
        yield

    def check(_: Library) -> Sequence[str]:
        if isinstance(differences, LeanError):
            raise differences
        return differences

    monkeypatch.setattr(library, "opened", stand_in)
    with pytest.raises(SystemExit) as ended:
        run_example(check, "all is well")
    assert ended.value.code == status
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(LEAN_FILES).as_posix())
def test_the_lean_files_keep_the_librarys_rules(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert weakenings(text) == []
    assert all(length <= LONGEST_PROOF for length in proof_lengths(text).values())
    assert text.startswith("module\n")
    doc = text[read_header(text).end :].lstrip()
    assert doc.startswith("/-!\n# ")
    assert re.search(r"^## Main (definitions|results)", doc, re.M)
    assert "set_option autoImplicit false" in text
    assert max(map(len, text.splitlines())) <= 100


# CONTRIBUTING.md


def fences() -> list[tuple[str, str, str]]:
    """Return the language, file and text of each block of code."""
    return [(match[2], match[3] or "", match[4]) for match in FENCE.finditer(GUIDE)]


def commands() -> list[str]:
    """Return each command of the page: of its shell blocks, and of its code spans."""
    shell = [text for language, _, text in fences() if language == "sh"]
    blocks = [line.strip() for text in shell for line in text.splitlines()]
    plain = FENCE.sub("", GUIDE).replace("\n", " ")
    inline = [name for name in NAME.findall(plain) if re.match(r"(python|bash|lake) ", name)]
    return list(dict.fromkeys(re.sub(r"\s+", " ", command) for command in blocks + inline))


def test_quoted_code_is_that_of_the_examples() -> None:
    quoted = [(file, text) for language, file, text in fences() if language != "sh"]
    assert {Path(file).suffix for file, _ in quoted} == {".lean", ".py"}
    assert {file for file, _ in quoted} >= {
        f"examples/lean/{name}.lean" for name in ("Correlation", "Interval", "Float8")
    }
    for file, text in quoted:
        assert text in (ROOT / file).read_text(encoding="utf-8"), f"{file} has not: {text}"


def test_named_files_exist() -> None:
    plain = FENCE.sub("", GUIDE)
    named = {name for name in NAME.findall(plain) if " " not in name and "*" not in name}
    paths = {name for name in named if name.endswith(ENDS) or name.split("/")[0] in PLACES}
    assert len(paths) > 30
    paths -= {*PLACEHOLDERS, *DECLARATIONS}
    missing = {name for name in paths if not (ROOT / name).exists()}
    assert missing == set()
    assert all((ROOT / link).exists() for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", GUIDE))


def _app(module: str) -> Any:
    """Return the command line of `python -m module`."""
    for command in COMMANDS.values():
        if command.run_as == module:
            return importlib.import_module(command.module).app
    name = f"{module}.__main__" if module == "bench" else module
    return importlib.import_module(name).app


def _assert_known(words: list[str]) -> None:
    """Fails unless `python -m` these words names a command that has these options."""
    module, *rest = words
    subcommands = [word for word in rest[:1] if re.fullmatch(r"[a-z_]+", word)]
    result = CliRunner().invoke(_app(module), [*subcommands, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for word in rest:
        if word.startswith("-"):
            assert re.search(rf"(?<![\w-]){re.escape(word)}\b", result.output), word


@pytest.mark.parametrize("command", commands())
def test_named_commands_exist(command: str) -> None:
    words = shlex.split(command.split(" && ")[0])
    if words[:2] == ["python", "-m"] or words[:2] == ["python3", "-m"]:
        module = words[2]
        assert importlib.util.find_spec(module) is not None
        if module.split(".")[0] in ("pybridge", "bench"):
            _assert_known(words[2:])
        for word in words[3:]:
            if word.startswith("tests/"):
                assert (ROOT / word).exists()
    elif words[0] in ("python", "bash"):
        assert (ROOT / words[1]).is_file()
    elif words[:3] == ["lake", "env", "lean"]:
        assert (ROOT / words[3]).is_file()
    else:
        assert words == ["lake", "build"]


def test_the_commands_are_found() -> None:
    named = commands()
    assert "python3 -m venv .venv && source .venv/bin/activate" in named
    assert "python -m pytest tests/planted" in named
    assert "python -m pybridge.extract --check" in named
    with pytest.raises(AssertionError):
        _assert_known(["pybridge.extract", "--no-such-option"])
    with pytest.raises(AssertionError):
        _assert_known(["bench", "no_such_command"])


def test_every_function_named_exists() -> None:
    sources = [*FILES, *(ROOT / "lean" / "RuntimeApprox").rglob("*.lean")]
    lean = "".join(file.read_text(encoding="utf-8") for file in sources)
    for name in DECLARATIONS:
        assert f"`{name}`" in GUIDE
        assert re.search(rf"\b(theorem|def|inductive|structure) {re.escape(name)}\b", lean), name
    for file, name in (("exported/document.py", "OPERATIONS"), ("problem/formats.py", "FORMATS")):
        assert f"`{name}`" in GUIDE
        assert f"`pybridge/{file}`" in GUIDE
        module = importlib.import_module(f"pybridge.{file.removesuffix('.py').replace('/', '.')}")
        assert hasattr(module, name)
