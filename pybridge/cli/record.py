"""`python -m pybridge.lean.record`: records Lean's evaluations of the built-in suite.

For maintainers, after a change of the Lean sources or of the suite.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pybridge.check.suite import suite
from pybridge.cli.options import ModeOption, TimeoutOption
from pybridge.cli.process import HELP, command_line, examples, run_command
from pybridge.cli.session import exit_status, session
from pybridge.lean.errors import LeanError
from pybridge.lean.interface import Mode
from pybridge.lean.recorded import RECORDING, program_sources, write_recording
from pybridge.lean.sources import sources_dir

__all__ = ["record"]

app = command_line()


def record(path: Path, mode: Mode = "auto", timeout: float = 600.0) -> str:
    """Evaluate the suite with a real Lean, write the recording, and return what was done."""
    with session(mode, timeout, needed_for="a recording") as lean:
        texts = [case.to_text() for case in suite()]
        before = program_sources(sources_dir())
        results = lean.evaluate("".join(texts))
        export = lean.export()
        if program_sources(sources_dir()) != before:
            raise LeanError("the Lean sources changed while they were evaluated")
        name = lean.description.split(" in ")[0].split(" by ")[0]
        write_recording(path, texts, results, export=export, lean=name, sources=before)
    return f"recorded {len(texts)} cases in {path}"


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.lean.record",
        "python -m pybridge.lean.record --lean native --output evaluations.json.gz",
    ),
)
def main(
    path: Annotated[
        Path,
        typer.Option(
            "--output",
            metavar="FILE.json.gz",
            help="The file to write.",
            show_default="pybridge/recorded/evaluations.json.gz",
        ),
    ] = RECORDING,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
) -> None:
    """Record Lean's evaluations of the built-in suite.

    For maintainers, after a change of the Lean sources or of the suite.

    Exit status: 0 recorded, 1 Lean failed, 2 bad usage or the file cannot be written, 3 Lean itself
    is not available.
    """
    with exit_status():
        print(record(path, lean, timeout))


def run() -> None:
    """Run `python -m pybridge.lean.record`."""
    run_command(app, "python -m pybridge.lean.record")
