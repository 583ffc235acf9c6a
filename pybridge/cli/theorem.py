"""`python -m pybridge.theorem`: prints a Lean declaration, its file and its line.

Exit status: 0, or 2 for bad usage or input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from pybridge.cli.options import DefinitionsOption, JsonOption, completing
from pybridge.cli.output import json_text
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.cli.session import exit_status
from pybridge.errors import InputError
from pybridge.exported.document import Declaration, load_definitions
from pybridge.lean.declared import declared
from pybridge.lean.modules import mask
from pybridge.lean.sources import sources_dir

__all__ = ["app", "main", "statement"]

_SPACE = "RuntimeApprox."

app = command_line()


def statement(source: str) -> str:
    """Return a declaration's source, for a theorem without its proof.

    The proof begins at the first `:=` outside of brackets that belongs to no `let`, or at the first
    case.
    """
    masked = mask(source)
    start = masked.find("theorem ")
    if start < 0 or masked[:start].strip(" \n@[]_abcdefghijklmnopqrstuvwxyz"):
        return source
    depth = lets = 0
    for at in range(start, len(masked)):
        depth += (masked[at] in "([{⟨") - (masked[at] in ")]}⟩")
        lets += masked.startswith(("let ", "have "), at) and not masked[at - 1].isalnum()
        if depth == 0 and masked.startswith((":=", "\n  | "), at):
            if lets and masked[at] == ":":
                lets -= 1
                continue
            return source[:at].rstrip()
    return source


def _names() -> list[str]:
    return [name.removeprefix(_SPACE) for name in load_definitions().declarations]


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.theorem approx_conv2d_kernel_point",
        "python -m pybridge.theorem 'conv2d*_any_order'",
        "python -m pybridge.theorem conv2d_any_order --proof --json",
    ),
)
def theorem(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A theorem or definition, with or without RuntimeApprox; *, ? match.",
            autocompletion=completing(_names),
        ),
    ],
    proof: Annotated[bool, typer.Option("--proof", help="Print the proof as well.")] = False,
    definitions: DefinitionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a theorem or definition of the Lean library, its file and its line.

    Exported declarations are printed as Lean compiled them; any other declaration is read from the
    Lean files of this package.

    Exit status: 0 printed, 2 bad usage or input.
    """
    with exit_status():
        matching = _matching(name, load_definitions(definitions).declarations)
        if not matching:
            library = declared(sources_dir())
            matching = _matching(name, library)
            if not matching:
                raise InputError(f"there is no declaration {name!r:.60}{_hint(name, [*library])}")
    rows = [
        {
            "name": full,
            "file": f"lean/{declaration.file}",
            "line": declaration.start[0],
            "source": declaration.source if proof else statement(declaration.source),
        }
        for full, declaration in matching.items()
    ]
    if as_json:
        write_output(json_text(rows))
        return
    write_output(
        "\n".join(f"{r['file']}:{r['line']}: {r['name']}\n\n{r['source']}\n" for r in rows)
    )


def _matching(name: str, known: Mapping[str, Declaration]) -> dict[str, Declaration]:
    """Return the declarations that a name or pattern matches."""
    pattern = _SPACE + name.removeprefix(_SPACE)
    return {full: known[full] for full in known if fnmatchcase(full, pattern)}


def _hint(name: str, known: Sequence[str]) -> str:
    pattern = _SPACE + name.removeprefix(_SPACE)
    close = [full.removeprefix(_SPACE) for full in get_close_matches(pattern, known)]
    return f": did you mean {' or '.join(close)}?" if close else ""


def main() -> None:
    """Run `python -m pybridge.theorem`."""
    run_command(app, "python -m pybridge.theorem")
