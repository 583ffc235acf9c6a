"""`python tests/commands_page.py [--write]`: whether docs/commands.md is current, or makes it so.

What each command takes, says about itself and exits with is read from the command itself; what it
reads and writes, and what it has to do with others, is said here.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from commands_about import ABOUT, INTRODUCTION, About
from generated_page import compare_or_write
from typer.main import get_command

from pybridge.cli.app import COMMANDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"


@dataclass(frozen=True)
class Entry:
    """A command as a page shows it: how it is run, the command, its group's, its module's text."""

    name: str
    run_as: str
    command: Any
    about: str
    parent: Any = None
    module: str = ""

    @property
    def group(self) -> str:
        """How the command's group is run."""
        return self.run_as.rpartition(" ")[0]

    @property
    def names(self) -> str:
        """The ways to run the command."""
        short = f", pybridge {self.name}" if self.about in COMMANDS else ""
        return self.run_as + short

    @property
    def help(self) -> str:
        """What the command says about itself, without the exit status."""
        return _without_status(_text(self.command.help))

    @property
    def statuses(self) -> dict[int, str]:
        """The exit statuses, as the command says, or its group, or its module."""
        group = self.parent.help if self.parent is not None else None
        for text in (self.command.help, group, self.module):
            if told := statuses(_text(text)):
                return told
        return {}

    @property
    def examples(self) -> list[str]:
        """The examples of the command's `--help`."""
        return examples(self.command.epilog)


def entries() -> Iterator[Entry]:
    """Yield every command of the package and of the benchmarks, groups before their commands."""
    apps = {name: (entry.module, entry.run_as) for name, entry in COMMANDS.items()}
    apps = dict(sorted(apps.items()))
    apps["lean.record"] = ("pybridge.lean.record", "pybridge.lean.record")
    apps["bench"] = ("bench.__main__", "bench")
    for name, (module_name, run_as) in apps.items():
        module = importlib.import_module(module_name)
        command = get_command(module.app)
        text = module.__doc__ or ""
        yield Entry(name, f"python -m {run_as}", command, name, None, text)
        for part, subcommand in getattr(command, "commands", {}).items():
            run = f"python -m {run_as} {part}"
            yield Entry(f"{name} {part}", run, subcommand, name, command, text)


def statuses(text: str) -> dict[int, str]:
    """Return the exit statuses that a text tells: `Exit status: 0 …, 1 …, or 2 ….`."""
    match = re.search(r"Exit status:\s*(.*?)(?:\n\s*\n|\Z)", text, re.S)
    if not match:
        return {}
    sentence = " ".join(match[1].split()).rstrip(".")
    parts = re.split(r"(?:^|[,;:]\s+)(?:or\s+)?(?=\d+(?:\s|,|$))", sentence)
    result = {}
    for part in filter(None, parts):
        number, _, meaning = part.partition(" ")
        result[int(number)] = meaning.strip()
    return result


def examples(epilog: str | None) -> list[str]:
    """Return the examples of an epilog, each as one line of a shell."""
    text = (epilog or "").replace("\b", "").partition("Examples:")[2]
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _text(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("\f", "")


def _without_status(text: str) -> str:
    return re.sub(r"\n*Exit status:.*?(\n\s*\n|\Z)", r"\1", text, flags=re.S).strip()


def render() -> str:
    """Return the page."""
    commands = list(entries())
    parts = [INTRODUCTION, "## Contents\n"]
    parts.append(
        "\n".join(
            _filled(f"- [{_title(c)}](#{_anchored(_title(c))}): {_summary(c)}") for c in commands
        )
    )
    parts += [_section(command) for command in commands]
    parts.append(_together(commands))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _title(command: Entry) -> str:
    return command.run_as


def _anchored(title: str) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")


def _summary(command: Entry) -> str:
    text = command.help or _without_status(command.module)
    return _prose(text.split("\n\n")[0]).rstrip(".")


def _section(command: Entry) -> str:
    about = ABOUT.get(command.about, About())
    also = [f"[{_linked(page)}](../{page})" for page in about.see_also]
    also = [link.replace("(../docs/", "(") for link in also]
    groups = {
        "DESCRIPTION": _paragraphs(command),
        "OPTIONS": "\n".join(map(_filled, _options(command))),
        "EXIT STATUS": "\n".join(
            _filled(f"- {n}: {_prose(what)}") for n, what in command.statuses.items()
        ),
        "FILES": _listed(about.files),
        "ENVIRONMENT": _listed(about.environment),
        "EXAMPLES": _code(command.examples),
        "SEE ALSO": ", ".join(also),
    }
    if command.parent is not None:
        of_group = f"as for [{command.group}](#{_anchored(command.group)})"
        groups |= {"FILES": of_group, "ENVIRONMENT": of_group, "SEE ALSO": ""}
    lines = [f"## {_title(command)}", "**NAME**", _filled(f"{command.names}: {_summary(command)}")]
    lines += ["**SYNOPSIS**", _code([_synopsis(command)])]
    for heading, text in groups.items():
        if text:
            lines += [f"**{heading}**", text]
    return "\n\n".join(lines)


def _paragraphs(command: Entry) -> str:
    text = command.help or _without_status(command.module)
    return "\n\n".join(_filled(_prose(paragraph)) for paragraph in text.split("\n\n")[1:])


def _filled(text: str) -> str:
    """Wrap prose, or the item of a list, at 100 characters."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("*", r"\*").replace("|", r"\|")


def _synopsis(command: Entry) -> str:
    words = [command.run_as]
    parameters = command.command.params
    words += [
        f"{p.opts[0]} {value(command.command, p)}"
        for p in parameters
        if _is_option(p) and p.required
    ]
    words.append("[OPTIONS]")
    for parameter in parameters:
        if not _is_option(parameter):
            word = value(command.command, parameter).rstrip("…") + "…" * (parameter.nargs == -1)
            words.append(word if parameter.required else f"[{word}]")
    if hasattr(command.command, "commands"):
        words.append("COMMAND …")
    return " ".join(words)


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _options(command: Entry) -> Iterator[str]:
    """Return an item for each argument and option; of a group, for each of its commands as well."""
    for parameter in command.command.params:
        names = [*parameter.opts, *parameter.secondary_opts] if _is_option(parameter) else []
        head = f"{', '.join(names)} {value(command.command, parameter)}".strip()
        default = _default(parameter)
        required = " Required." if parameter.required else ""
        text = _prose(getattr(parameter, "help", None) or "")
        yield f"- `{head}`: {text}{required}{default}"
    names = command.command.context_settings.get("help_option_names", ["--help"])
    yield f"- `{', '.join(names)}`: Show what this page says, and exit."
    for name, part in getattr(command.command, "commands", {}).items():
        yield f"- `{name} …`: {_prose(_text(part.help).partition(chr(10))[0])}"


_VALUES: Mapping[type, str] = {int: "N", float: "NUMBER", Path: "PATH"}


def value(command: Any, parameter: Any) -> str:
    """Return what stands for the value of an option or an argument; nothing for a switch."""
    if getattr(parameter, "is_flag", False):
        return ""
    if parameter.metavar:
        return str(parameter.metavar)
    if not _is_option(parameter):
        return str(parameter.name).upper()
    hint = get_type_hints(inspect.unwrap(command.callback)).get(parameter.name)
    kinds = {hint, *get_args(hint), *(part for inner in get_args(hint) for part in get_args(inner))}
    for kind in (hint, *get_args(hint)):
        if get_origin(kind) is Literal:
            return "|".join(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return "|".join(member.value for member in kind)
    return next((value for kind, value in _VALUES.items() if kind in kinds), "TEXT")


def _default(parameter: Any) -> str:
    if isinstance(getattr(parameter, "show_default", None), str):
        return f" Default: `{parameter.show_default}`."
    default = parameter.default
    if default is None or isinstance(default, bool) or default in ((), [], ""):
        return ""
    if not isinstance(default, str | int | float | Path):
        return ""
    number = f"{default:g}" if isinstance(default, float) else str(default)
    return f" Default: `{number}`."


def _listed(items: Mapping[str, str]) -> str:
    return "\n".join(_filled(f"- {name}: {what}") for name, what in items.items())


def _linked(page: str) -> str:
    return page.removeprefix("docs/")


def _code(lines: list[str]) -> str:
    return "\n".join(["```sh", *lines, "```"]) if lines else ""


def _together(commands: list[Entry]) -> str:
    """Return every exit status in one table."""
    numbers = sorted({number for command in commands for number in command.statuses})
    lines = ["## Exit statuses\n", f"| command | {' | '.join(map(str, numbers))} |"]
    lines.append("|---" * (len(numbers) + 1) + "|")
    for command in commands:
        cells = [_prose(command.statuses.get(number, "")) for number in numbers]
        lines.append(f"| `{command.run_as}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(write: Annotated[bool, typer.Option("--write", help="Write the page.")] = False) -> None:
    """Compare docs/commands.md with the commands, or write it; exit status 1 if not current."""
    compare_or_write(PAGE, render(), write=write)


if __name__ == "__main__":
    typer.run(main)
