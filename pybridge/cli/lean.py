"""`python -m pybridge.lean`: sets Lean up, compiles the library, runs its program, checks files.

Exit status: 0 no error and no `sorry`, 1 there is one, 2 bad usage, 3 Lean is not available.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pybridge.check.networks import compare_networks, networks_text, small_networks
from pybridge.cli.options import JsonOption, ModeOption, TimeoutOption
from pybridge.cli.output import json_text
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.cli.session import exit_status, session
from pybridge.errors import InputError
from pybridge.files import check_writable, write_text
from pybridge.lean.interface import Message
from pybridge.lean.protocol import parse_results

_STATUS = """
Exit status: 0 no error and no `sorry`, 1 there is one or Lean failed, 2 bad usage or input, 3 Lean
is not available.
"""

app = command_line(
    help=f"Set Lean up, compile the library, run its program, check files.\n{_STATUS}",
    epilog=examples(
        "python -m pybridge.lean setup",
        "python -m pybridge.lean build",
        "python -m pybridge.lean run --net",
        "python -m pybridge.lean check --help",
    ),
)


@app.callback(invoke_without_command=True)
def lean(context: typer.Context) -> None:
    """Print the help if no command is given."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(
    context_settings=HELP,
    help=f"Find Lean, installing it if necessary, and print which it is.\n{_STATUS}",
    epilog=examples("python -m pybridge.lean setup", "python -m pybridge.lean setup --lean wasm"),
)
def setup(
    lean: ModeOption = "auto", timeout: TimeoutOption = 600.0, as_json: JsonOption = False
) -> None:
    """Find Lean, installing it if necessary, and print which it is."""
    with exit_status(), session(lean, timeout) as runner:
        if as_json:
            write_output(json_text({"kind": runner.kind, "description": runner.description}))


@app.command(
    context_settings=HELP,
    help="Compile modules; an error or a `sorry` fails.\n\nWhat they import is compiled, too.\n"
    f"{_STATUS}",
    epilog=examples(
        "python -m pybridge.lean build",
        "python -m pybridge.lean build RuntimeApprox.Conv2d.Theorems --timeout 1200",
    ),
)
def build(
    modules: Annotated[
        list[str] | None, typer.Argument(metavar="MODULE", help="By default, the library.")
    ] = None,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
    as_json: JsonOption = False,
) -> None:
    """Compile modules and what they import; an error or a `sorry` fails."""
    with exit_status(), session(lean, timeout) as runner:
        result = runner.build(modules or None)
    unproved = sum(message.sorry for message in result.messages)
    if as_json:
        document = {
            "ok": result.ok,
            "built": result.built,
            "failed": dict(result.failed),
            "unproved": unproved,
            "messages": [asdict(message) for message in result.messages],
        }
        write_output(json_text(document))
    else:
        lines = [*map(str, result.messages)]
        lines += [f"{module}: not built: {reason}" for module, reason in result.failed.items()]
        lines += [f"{len(result.built)} built, {len(result.failed)} failed, {unproved} unproved"]
        write_output("\n".join([*lines, ""]))
    raise typer.Exit(0 if result.ok else 1)


@app.command(
    context_settings=HELP,
    help="Run the Lean program.\n\nOn a case file, on the small networks or, if neither is given, "
    f"to export the definitions.\n{_STATUS}",
    epilog=examples(
        "python -m pybridge.lean run --net",
        "python -m pybridge.lean run --cases cases.txt --output results.txt",
        "python -m pybridge.lean run --output export.json",
    ),
)
def run(
    cases: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A case file to evaluate."),
    ] = None,
    net: Annotated[
        bool,
        typer.Option("--net", help="Compare small networks with Lean; fail if one does not hold."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the program's own text to a file; print nothing."),
    ] = None,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; exact numbers are fractions in strings.")
    ] = False,
) -> None:
    """Run the Lean program: on a case file, on small networks, or to export the definitions."""
    status = 0
    with exit_status():
        check_writable("--output", output)
        case_text = None if cases is None else _read(cases)
        with session(lean, timeout) as runner:
            if case_text is not None:
                text = runner.evaluate(case_text)
            else:
                networks = list(small_networks()) if net else []
                text = runner.networks(networks_text(networks)) if net else runner.export()
        if net and case_text is None:
            reports = compare_networks(networks, text)
            status = 0 if all(report.passed for report in reports) else 1
            rows = [report.model_dump(mode="json") for report in reports]
            printed = json_text(rows) if as_json else "".join(f"{r}\n" for r in reports)
        elif case_text is not None and as_json:
            printed = json_text(_results(text))
        else:
            printed = text
        if output is None:
            write_output(printed)
        else:
            write_text(output, text)
    raise typer.Exit(status)


@app.command(
    context_settings=HELP,
    help="Elaborate one file; an error or a `sorry` fails.\n\nIt may import what was built.\n"
    f"{_STATUS}",
    epilog=examples("python -m pybridge.lean check Mine.lean"),
)
def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.lean", exists=True, dir_okay=False, readable=True, help="The file."
        ),
    ],
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
    as_json: JsonOption = False,
) -> None:
    """Elaborate one file, which may import what was built; an error or a `sorry` fails."""
    with exit_status(), session(lean, timeout) as runner:
        messages: Sequence[Message] = runner.check(file)
    if as_json:
        write_output(json_text([asdict(message) for message in messages]))
    else:
        write_output("".join(f"{message}\n" for message in messages))
    raise typer.Exit(1 if any(message.fails for message in messages) else 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} cannot be read: it is not text in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _results(text: str) -> dict[str, Any]:
    """Return Lean's results of each case, with exact numbers as fractions in strings."""
    return {
        name: {
            "refused": result.refused,
            "tensors": {
                which: {
                    "value": [None if value is None else str(value) for value in tensor.value],
                    "exact": [*map(str, tensor.exact)],
                    "bound": [*map(str, tensor.bound)],
                }
                for which, tensor in result.tensors.items()
            },
        }
        for name, result in parse_results(text).items()
    }


def main() -> None:
    """Run `python -m pybridge.lean`."""
    run_command(app, "python -m pybridge.lean")
