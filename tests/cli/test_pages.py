"""The commands that pages show: each is there, and takes the arguments that are shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pybridge.cli.app import COMMANDS, load
from pybridge.cli.theorem import app as theorem

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = {"reference.md", "theorem-index.md"}
BY_MODULE = {command.run_as: name for name, command in COMMANDS.items()}
PLACEHOLDERS = re.compile(r"\b(NAME|COMMAND|FILE|LABEL)\b|…|\.\.\.|\$\(|<")


def commands(page: Path) -> set[str]:
    """Every command of pybridge in a page's blocks for shells, and in its code spans."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").split("\n")]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`]+)`", prose)
    found = (re.search(r"(?:python3? -m pybridge\.|\bpybridge )\w.*", line) for line in lines)
    return {" ".join(f[0].partition(" #")[0].split()) for f in found if f}


def test_the_commands_of_pages_are_there_and_take_their_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checked = 0
    for page in PAGES:
        if page.name in GENERATED:
            continue
        for line in commands(page):
            if PLACEHOLDERS.search(line):
                continue
            words = shlex.split(re.split(r" (?:&&|\||>|\[)", line)[0])
            if words[0].startswith("python"):
                name, rest = BY_MODULE.get(words[2]), words[3:]
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
    assert checked > 50


def test_the_theorems_that_pages_print_are_there() -> None:
    for page in PAGES:
        for line in commands(page):
            words = line.split()
            if words[:2] == ["pybridge", "theorem"] and not PLACEHOLDERS.search(line):
                assert CliRunner().invoke(theorem, words[2:]).exit_code == 0, line
