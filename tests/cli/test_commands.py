"""Every command: what its help says, what is completed, and docs/commands.md."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from commands_about import ABOUT
from commands_page import PAGE, Entry, entries, examples, render, statuses, value
from typer.testing import CliRunner

from pybridge.cli import app as cli
from pybridge.cli.app import COMMANDS
from pybridge.cli.process import examples as epilog

ENTRIES = {command.run_as: command for command in entries()}
OWN = [run_as for run_as in ENTRIES if not run_as.startswith("python -m bench")]
EXAMPLES = [
    (example, command.run_as) for command in ENTRIES.values() for example in command.examples
]


def section(command: Entry) -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f"## {command.run_as}\n")[2].partition("\n## ")[0]


def joined(text: str) -> str:
    return " ".join(text.split())


def test_the_page_is_what_the_commands_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize("run_as", ENTRIES)
def test_every_command_option_and_status_is_on_the_page(run_as: str) -> None:
    command = ENTRIES[run_as]
    text = section(command)
    for heading in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "FILES", "ENVIRONMENT"):
        assert f"**{heading}**" in text
    for parameter in command.command.params:
        names = parameter.opts if parameter.param_type_name == "option" else []
        assert joined(f"- `{', '.join(names)}") in joined(text)
        assert value(command.command, parameter) in joined(text)
    said = statuses(joined(command.parent.help if command.parent else command.command.help or ""))
    assert {0, 2} <= set(command.statuses)
    for number, meaning in {**said, **command.statuses}.items():
        assert f"- {number}: {meaning}" in joined(text).replace("\\", "")
    for example in command.examples:
        assert f"\n{example}\n" in text


def test_every_command_says_what_it_reads_and_writes() -> None:
    assert {command.about for command in ENTRIES.values()} == set(ABOUT)
    for about in ABOUT.values():
        for page in about.see_also:
            assert (PAGE.parents[1] / page).is_file()


@pytest.mark.parametrize("run_as", OWN)
def test_help_teaches(run_as: str) -> None:
    """It fits in 80 columns and has examples, one to a line, and the exit statuses."""
    command = ENTRIES[run_as]
    words = run_as.removeprefix("python -m ").split()
    entry = next(
        (e for e in COMMANDS.values() if e.run_as == words[0]), cli.Command(words[0], words[0], "")
    )
    app = importlib.import_module(entry.module).app
    result = CliRunner().invoke(app, [*words[1:], "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    assert "Exit status: 0 " in joined(result.output)
    shell = re.sub(r" \\\n\s*", " ", result.output)
    assert command.examples
    assert [line.strip() for line in shell.partition("Examples:\n")[2].splitlines() if line] == (
        command.examples
    )


@pytest.mark.parametrize(("example", "run_as"), EXAMPLES)
def test_every_example_parses(
    example: str, run_as: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(example)
    for word in words:
        if Path(word).suffix in (".npz", ".json", ".lean", ".txt"):
            Path(word).parent.mkdir(exist_ok=True)
            Path(word).touch()
    prefix = run_as.split()
    assert words[: len(prefix)] == prefix
    parse(ENTRIES[run_as].command, words[len(prefix) :])


def parse(command: Any, words: list[str]) -> None:
    """Reads the arguments as the command does, and runs nothing."""
    if "--help" in words:
        *names, last = words
        assert last == "--help"
        for name in names:
            command = command.commands[name]
        return
    with command.make_context("x", list(words), resilient_parsing=False) as context:
        rest = [*getattr(context, "_protected_args", ()), *context.args]
    if hasattr(command, "commands") and rest:
        parse(command.commands[rest[0]], rest[1:])
    else:
        assert not rest


def test_a_long_example_goes_on_after_a_backslash() -> None:
    long = "python -m pybridge.check --x 2,4,8,8 " + "--case 'binary32-* and more' " * 5
    text = epilog(long.strip(), "pybridge doctor")
    assert max(map(len, text.splitlines())) <= 80
    assert all(line.endswith("\\") for line in text.splitlines()[2:-2])
    assert examples(text) == [long.strip(), "pybridge doctor"]


def test_statuses_are_read_as_they_are_written() -> None:
    assert statuses("Exit status: 0 all, 1 one, two\nor 3 things, 2 bad.\n\nMore: 4 five.") == {
        0: "all", 1: "one, two or 3 things", 2: "bad"
    }  # fmt: skip
    assert statuses("Exit status: 0 good, or 2 for bad usage.") == {0: "good", 2: "for bad usage"}
    assert statuses("none") == {}


def pybridge(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(cli.app, arguments, prog_name="pybridge", env=environment)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_that_of_its_module(name: str) -> None:
    entry = COMMANDS[name]
    assert importlib.util.find_spec(entry.run_as) is not None
    result = pybridge(name, "--help", COLUMNS="80")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: pybridge {name} ")
    own = CliRunner().invoke(importlib.import_module(entry.module).app, ["--help"])
    assert result.output.partition("\n")[2] == own.output.partition("\n")[2]


def test_all_commands_are_listed_and_none_is_imported() -> None:
    program = (
        "import json, sys; from typer.testing import CliRunner;"
        "from pybridge.cli import app as cli;"
        "found = CliRunner().invoke(cli.app, ['--help'], env={'COLUMNS': '80'});"
        "print(json.dumps([found.output, [c.module for c in cli.COMMANDS.values()"
        " if c.module in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    text, imported = json.loads(done.stdout)
    assert imported == []
    for name, entry in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(entry.summary)}$", text, re.M)


def test_a_command_without_its_packages_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, COMMANDS["tolerance"].module, None)
    result = pybridge("tolerance", "--help")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: pybridge tolerance needs pybridge.cli.tolerance, which is missing\n"
    )
    assert pybridge("explain", "--help").exit_code == 0
    assert completions("pybridge tolerance --") == ["--help"]


def test_bad_usage_is_one_line_and_status_2() -> None:
    for arguments, said in {
        ("chekc",): "error: No such command 'chekc'. Did you mean 'check'?",
        ("check", "--lane", "x"): "error: No such option",
        ("check", "--timeout", "0"): "error: Invalid value for '--timeout': ",
        ("lean", "built"): "error: No such command 'built'. Did you mean 'build'?",
        ("lean", "build", "--jsn"): "error: No such option",
        ("explain", "binary32-tie", "--index", "0"): "error: 'binary32-tie' is neither",
    }.items():
        done = subprocess.run(
            [sys.executable, "-m", "pybridge", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == 1
        if "No such" in said:
            path = " ".join(["pybridge", *takewhile(lambda word: word[0] != "-", arguments[:-1])])
            assert f"(`{path} --help` says more)" in done.stderr


@pytest.mark.parametrize("words", [(), ("lean",)])
def test_without_a_command_the_help_is_shown(words: tuple[str, ...]) -> None:
    bare = pybridge(*words)
    assert (bare.exit_code, bare.stderr) == (0, "")
    assert bare.stdout.rstrip() == pybridge(*words, "-h").stdout.rstrip()
    assert bare.stdout.startswith("Usage: pybridge")


def test_the_version_is_said() -> None:
    assert re.fullmatch(r"pybridge \d+\.\d+\S*\n", pybridge("--version").output)


def completions(line: str) -> list[str]:
    """Return what bash is offered after a line, whose last word is to be completed."""
    words = line.split(" ")
    result = pybridge(
        _PYBRIDGE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
    )
    return list(result.output.splitlines())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pybridge ch", ["check"]),
        ("pybridge lean b", ["build"]),
        ("pybridge check --lea", ["--lean"]),
        ("pybridge check --lean ", ["auto", "native", "wasm", "recorded"]),
        ("pybridge lean run --lean w", ["wasm"]),
        ("pybridge doctor --lean n", ["native"]),
        ("pybridge check --format ", ["float16", "bfloat16", "float32", "float64"]),
        ("pybridge check --kind t", ["tiny", "ties"]),
        ("pybridge check --case binary16-tie", ["binary16-ties"]),
        ("pybridge check --against ", ["torch"]),
        ("pybridge check --device c", ["cpu", "cuda"]),
        ("pybridge check --dtype float32,b", ["float32,bfloat16"]),
        ("pybridge check --layers vgg16-3", ["vgg16-3to64-3x3-224"]),
        ("pybridge explain binary16-tie", ["binary16-ties"]),
        ("pybridge explain x --which w", ["weight"]),
        ("pybridge tolerance --which o", ["output"]),
        ("pybridge tolerance --dtype t", ["tf32"]),
    ],
)
def test_commands_options_and_values_are_completed(line: str, expected: list[str]) -> None:
    assert completions(line) == expected


def test_bash_completes(tmp_path: Path) -> None:
    program = tmp_path / "pybridge"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pybridge "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(pybridge --show-completion bash)"; complete -p pybridge;'
        "COMP_WORDS=(pybridge do); COMP_CWORD=1; _pybridge_completion pybridge;"
        'echo "${COMPREPLY[@]}"'
    )
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "complete -o default -F _pybridge_completion pybridge", "doctor"
    ]  # fmt: skip
