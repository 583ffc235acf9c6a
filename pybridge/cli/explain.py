"""`python -m pybridge.explanation`: where the bound of an entry comes from.

Exit status: 0, or 2 for bad usage or input.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pybridge.bounds.explain import explain
from pybridge.cli.options import DefinitionsOption, JsonOption, completing, numbers
from pybridge.cli.output import json_text, rendered
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.cli.session import exit_status, labels, select
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.problem.results import Result

__all__ = ["app", "main"]

_WIDTH = 120

app = command_line()


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.explanation binary32-basic-eps --index 0,1,2,0",
        "python -m pybridge.explanation binary32-everything --which output --index 0,3,1,1 --top 5",
        "python -m pybridge.explanation gradients.npz --which bias --index 2 --all --json",
    ),
)
def command(
    case: Annotated[
        str,
        typer.Argument(
            metavar="LABEL|FILE.npz",
            help="A built-in case, or a file of a case.",
            autocompletion=completing(labels),
        ),
    ],
    index: Annotated[
        str, typer.Option(metavar="I,J,…", help="The entry: its index along each axis, from 0.")
    ],
    which: Annotated[Result, typer.Option(help="The output, or a gradient.")] = Result.WEIGHT,
    top: Annotated[int, typer.Option(min=1, help="How many contributions to show.")] = 10,
    everything: Annotated[bool, typer.Option("--all", help="Show every contribution.")] = False,
    definitions: DefinitionsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print where the bound of one entry comes from, the largest contributions first.

    Each is the rounding of a product or of a sum (half an ulp of it), or the eps of an operand that
    a product passes on. They are computed exactly, from the definitions that Lean exported, and add
    up to Lean's bound of the entry exactly.

    Exit status: 0 printed, 2 bad usage or input.
    """
    with exit_status():
        entry = numbers("--index", index, (1, 2, 3, 4))
        chosen = select([case])
        if len(chosen) > 1:
            raise InputError(f"{case!r:.60} matches {len(chosen)} cases: expected one")
        explanation = explain(
            chosen[0], entry, which=which, definitions=load_definitions(definitions)
        )
    limit = None if everything else top
    if as_json:
        write_output(json_text(explanation.document(limit)))
        return
    write_output(rendered(_WIDTH, explanation.summary(), explanation.table(limit)))


def main() -> None:
    """Run `python -m pybridge.explanation`."""
    run_command(app, "python -m pybridge.explanation")
