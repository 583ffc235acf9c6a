"""`python -m pybridge.explanation`: where the bound of an entry comes from.

Exit status: 0, or 2 for bad usage or input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pybridge.bounds.explain import explain
from pybridge.check.suite import suite
from pybridge.cli import completion
from pybridge.cli.help import examples
from pybridge.cli.options import numbers
from pybridge.cli.output import json_text, shown
from pybridge.cli.process import run_command, write_output
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.exported.document import DefinitionsError, load_definitions
from pybridge.problem.case import Case
from pybridge.problem.results import Result

__all__ = ["app", "find_case", "main"]

_WIDTH = 120
_EPILOG = examples(
    "python -m pybridge.explanation binary32-basic-eps --index 0,1,2,0",
    "python -m pybridge.explanation binary32-everything --which output --index 0,3,1,1 --top 5",
    "python -m pybridge.explanation gradients.npz --which bias --index 2 --all --json",
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def find_case(given: str) -> Case:
    """The built-in case of a label, or the case in a file.

    Raises `InputError` where it is neither, and as `Case.load` does.
    """
    for case in suite():
        if case.label == given:
            return case
    if not Path(given).is_file():
        raise InputError(f"{given!r:.60} is neither the label of a built-in case nor a .npz file")
    return Case.load(given)


@app.command(epilog=_EPILOG)
def command(
    case: Annotated[
        str,
        typer.Argument(
            metavar="LABEL|FILE.npz",
            help="A built-in case, or a file of a case.",
            autocompletion=completion.case_labels,
        ),
    ],
    index: Annotated[
        str, typer.Option(metavar="I,J,…", help="The entry: its index along each axis, from 0.")
    ],
    which: Annotated[
        str,
        typer.Option(
            metavar="|".join(Result),
            help="The result, or which gradient.",
            autocompletion=completion.results,
        ),
    ] = "weight",
    top: Annotated[int, typer.Option(min=1, help="How many contributions to show.")] = 10,
    everything: Annotated[bool, typer.Option("--all", help="Show every contribution.")] = False,
    definitions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Other exported definitions than the package's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print where the bound of one entry comes from, the largest contributions first.

    Each is the rounding of a product or of a sum (half an ulp of it), or the eps of an operand that
    a product carries on. They are computed exactly, from the definitions that Lean exported, and
    add up to Lean's bound of the entry exactly.

    Exit status: 0 printed, 2 bad usage or input.
    """
    console = Console(stderr=True)
    try:
        entry = numbers("--index", index, (1, 2, 3, 4))
        found = explain(
            find_case(case), entry, which=which, definitions=load_definitions(definitions)
        )
    except (InputError, InputTypeError, DefinitionsError, RoundingOverflowError) as error:
        console.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    limit = None if everything else top
    if as_json:
        write_output(json_text(found.document(limit)))
        return
    write_output(shown(_WIDTH, found.summary(), found.table(limit)))


def main() -> None:
    """The entry point of `python -m pybridge.explanation`."""
    run_command(app, "python -m pybridge.explanation")
