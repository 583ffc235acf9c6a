"""Every page's snippets and commands: they run, and print what the page says."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pybridge.cli.app import COMMANDS, load
from pybridge.cli.theorem import app as theorem

ROOT = Path(__file__).resolve().parents[1]
GENERATED = {"commands.md", "reference.md", "theorem-index.md"}
PAGES = [
    page
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
    if page.name not in GENERATED
]
BLOCK = re.compile(r"^```(python|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMES = {entry.run_as: name for name, entry in COMMANDS.items()}
PLACEHOLDERS = re.compile(r"\b(NAME|COMMAND|FILE|LABEL)\b|…|\.\.\.|\$\(|<")
ELSEWHERE = {
    "pip install": ".ci/run",
    "python -m pip install": ".ci/run",
    "python3 -m venv": ".ci/run",
    "python -m pytest": ".ci/run",
    "python -m pybridge.lean build": ".ci/run",
    "python -m pybridge.doctor": ".ci/run",
    "python -m pybridge.certify": ".ci/run",
    "python -m pybridge.fuzz": ".ci/run",
    "python -m pybridge.check --html": ".ci/run",
    "python -m pybridge.check --lean recorded --html": "tests/check/test_html.py",
    "python -m pybridge.check --against torch": ".ci/run",
    "python -m sphinx": ".ci/run",
    "python tests/faults_page.py": "tests/check/test_faults.py",
    "python -m bench --write": "tests/bench/test_bench.py",
    "python -m bench adversary": "tests/bench/test_adversary.py",
    "python -m bench layers": "tests/bench/test_measured_layers.py",
    "python -m bench power": "tests/bench/test_power.py",
    "chromium": "a browser",
    "echo": "a browser",
}
"""What runs commands that take long or install something, perhaps with smaller numbers."""


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def snippets() -> Iterator[Any]:
    for page in PAGES:
        code = [text for language, text in blocks(page) if language != "text"]
        marks = [pytest.mark.torch] if any("torch" in text for text in code) else []
        if code:
            yield pytest.param(page, marks=marks, id=page.name)


@pytest.mark.parametrize("page", list(snippets()))
def test_snippets_and_commands_print_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks run in one namespace; a text block is what the block before it prints."""
    monkeypatch.chdir(tmp_path)
    parts = [*blocks(page), ("", "")]
    namespace: dict[str, Any] = {}
    for (language, source), (following, expected) in pairwise(parts):
        if language == "text":
            continue
        said = following == "text"
        printed = shell(source) if language == "sh" else run(source, namespace, fails=said)
        if said and printed is not None:
            lines = [line.rstrip() for line in printed.strip().splitlines()]
            assert lines == expected.strip().splitlines()


def run(source: str, namespace: dict[str, Any], *, fails: bool) -> str:
    """Return what a snippet prints, an assertion that it `fails` included."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            exec(compile(source, "snippet", "exec"), namespace)
        except AssertionError as error:
            if not fails:
                raise
            print(f"AssertionError: {error}")
    return output.getvalue()


def shell(source: str) -> str | None:
    """Return what the commands of a block print, None if they are run elsewhere."""
    printed = None
    for line in source.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words or any(" ".join(words).startswith(start) for start in ELSEWHERE):
            continue
        if words[0] == "pybridge":
            name, rest = words[1], words[2:]
        else:
            assert words[:2] == ["python", "-m"], line
            name, rest = NAMES[words[2]], words[3:]
        app = importlib.import_module(COMMANDS[name].module).app
        result = CliRunner().invoke(app, rest)
        assert result.exit_code == 0, (line, result.output)
        printed = (printed or "") + result.stdout
    return printed


def test_what_is_run_elsewhere_is_run_there() -> None:
    for start, file in ELSEWHERE.items():
        if (ROOT / file).exists():
            text = (ROOT / file).read_text(encoding="utf-8").replace("$python", "python")
            name = start.split()[-1].removeprefix("--")
            assert name in text or start in text, f"{file} does not run {start}"


def commands(page: Path) -> set[str]:
    """Return every command of pybridge in a page's blocks for shells, and in its code spans."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").split("\n")]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`]+)`", prose)
    matches = (re.search(r"(?:python3? -m pybridge\.|\bpybridge )\w.*", line) for line in lines)
    return {" ".join(f[0].partition(" #")[0].split()) for f in matches if f}


def test_the_commands_of_pages_are_there_and_take_their_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checked = 0
    for page in PAGES:
        for line in commands(page):
            if PLACEHOLDERS.search(line):
                continue
            words = shlex.split(re.split(r" (?:&&|\||>|\[)", line)[0])
            if words[0].startswith("python"):
                name, rest = NAMES.get(words[2]), words[3:]
            else:
                name, rest = (words[1], words[2:]) if words[1] in COMMANDS else (None, [])
            if name is None or not rest:
                continue
            command = load(name)
            while hasattr(command, "commands") and rest and rest[0] in command.commands:
                command, rest = command.commands[rest[0]], rest[1:]
            if not rest or {"-h", "--help"} & {*rest}:  # a command's name in prose, or its help
                continue
            for word in rest:
                if Path(word).suffix and not word.startswith("-"):
                    (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
                    (tmp_path / word).touch()
            try:
                command.make_context(name, list(rest))
            except Exception as error:
                if getattr(error, "exit_code", None) != 0:  # --help exits
                    pytest.fail(f"{page.name}: {line}: {error}")
            checked += 1
    assert checked > 20


def test_the_theorems_that_pages_print_are_there() -> None:
    for page in PAGES:
        for line in commands(page):
            words = line.split()
            if words[:2] == ["pybridge", "theorem"] and not PLACEHOLDERS.search(line):
                assert CliRunner().invoke(theorem, words[2:]).exit_code == 0, line
