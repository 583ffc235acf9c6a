"""`python -m pybridge.extract`: extracts the proved definitions from Lean.

Lean compiles the library and writes the range of each declaration (`.ilean`); LeanDojo slices the
declarations' sources; Lean's own program exports the definitions as data. All of it goes to
`pybridge/definitions.json`, which is what Python evaluates.

Exit status: 0 written (or, with `--check`, the file is current), 1 the file is not what the sources
give or Lean failed, 2 bad usage or LeanDojo is missing, 3 no Lean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pybridge.cli.options import JsonOption, ModeOption, TimeoutOption
from pybridge.cli.output import json_text
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.cli.session import exit_status, session
from pybridge.errors import InputError
from pybridge.exported.document import digest, parse_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.extras import install_command
from pybridge.files import write_text
from pybridge.lean import PINNED, Lean, LeanError, sources_dir
from pybridge.lean.modules import evaluator, import_order, module_file
from pybridge.lean.sources import Project, file_digest

__all__ = ["EXTRACTED", "ExtractionError", "declarations", "differences", "extract", "main"]

EXTRACTED = (
    "RuntimeApprox.Accumulation",
    "RuntimeApprox.Accumulation.Scaled",
    "RuntimeApprox.Accumulation.Theorems",
    "RuntimeApprox.AnyOrder",
    "RuntimeApprox.AnyOrder.Nearest",
    "RuntimeApprox.Choice",
    "RuntimeApprox.Contraction",
    "RuntimeApprox.Contraction.Theorems",
    "RuntimeApprox.Conv2d",
    "RuntimeApprox.Conv2d.Theorems",
    "RuntimeApprox.Depth",
    "RuntimeApprox.Depth.Kernels",
    "RuntimeApprox.Estimate.Printed",
    "RuntimeApprox.Estimate.Theorems",
    "RuntimeApprox.Estimate.Tolerance",
    "RuntimeApprox.Export",
    "RuntimeApprox.Export.Evaluated",
    "RuntimeApprox.Export.Operations",
    "RuntimeApprox.Export.Theorems",
    "RuntimeApprox.Format",
    "RuntimeApprox.Format.Arithmetic",
    "RuntimeApprox.Format.Arithmetic.Theorems",
    "RuntimeApprox.Graph.Models",
    "RuntimeApprox.Graph.Theorems",
    "RuntimeApprox.Nodes.Kernel",
    "RuntimeApprox.Nodes.Kernel.Theorems",
    "RuntimeApprox.Operations",
    "RuntimeApprox.OrderedField",
    "RuntimeApprox.PowTwo",
    "RuntimeApprox.Printed",
    "RuntimeApprox.Printed.Theorems",
    "RuntimeApprox.Replay.Theorems",
    "RuntimeApprox.Rounding",
    "RuntimeApprox.Rounding.Theorems",
    "RuntimeApprox.Sgd",
    "RuntimeApprox.Sgd.Theorems",
    "RuntimeApprox.Sliced",
    "RuntimeApprox.Sliced.Formulas",
    "RuntimeApprox.Sliced.Theorems",
    "RuntimeApprox.Tensor",
    "RuntimeApprox.TensorCore",
    "RuntimeApprox.TensorCore.Growth",
    "RuntimeApprox.TensorCore.Operands",
    "RuntimeApprox.TensorCore.Operands.Theorems",
    "RuntimeApprox.TensorCore.Theorems",
)
"""The modules whose declarations are extracted: what is evaluated, and the theorems about it."""

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "definitions.json"


class ExtractionError(LeanError):
    """The definitions cannot be extracted; the message is one line."""


def declarations(sources: Path, ileans: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Return every declaration of the modules, with its range and its source, sliced by LeanDojo.

    Parameters
    ----------
    sources
        The folder that the modules' names are relative to.
    ileans
        The `.ilean` file that Lean wrote for each module.

    Returns
    -------
    dict
        For each declaration's full name: module, file, start and end (line and column in code
        points, both from 1, the end exclusive), source, sha256.

    Raises
    ------
    ExtractionError
        If an `.ilean` file has an unknown form.
    InputError
        If LeanDojo is not installed.
    """
    try:
        from lean_dojo import LeanFile, Pos
    except ImportError as error:
        raise InputError(
            f"LeanDojo is missing ({error.name}): {install_command('extract')}"
        ) from None
    declared: dict[str, dict[str, Any]] = {}
    for module, ilean in sorted(ileans.items()):
        relative = module_file(Path(), module)
        lean_file = LeanFile(sources.resolve(), relative)
        for name, (first, first_column, last, last_column) in _ranges(ilean):
            start = Pos(*_position(lean_file.get_line(first + 1), first, first_column))
            end = Pos(*_position(lean_file.get_line(last + 1), last, last_column))
            source = lean_file[start:end]
            declared[name] = {
                "module": module,
                "file": relative.as_posix(),
                "start": list(start),
                "end": list(end),
                "source": source,
                "sha256": hashlib.sha256(source.encode()).hexdigest(),
            }
    return dict(sorted(declared.items()))


def _ranges(ilean: Path) -> list[tuple[str, list[int]]]:
    """Return an `.ilean` file's public declarations: lines from 0, columns in UTF-16 units."""
    try:
        entries = json.loads(ilean.read_text(encoding="utf-8"))["decls"]
        return [
            (name, [int(number) for number in numbers[:4]])
            for name, numbers in entries.items()
            if not name.startswith("_private.")
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExtractionError(
            f"{ilean}: expected an .ilean file with declaration ranges ({type(error).__name__})"
        ) from None


def _position(line: str, number: int, utf16_column: int) -> tuple[int, int]:
    """Return line and column, both from 1, the column in code points instead of UTF-16 units."""
    prefix = line.encode("utf-16-le")[: 2 * utf16_column]
    return number + 1, len(prefix.decode("utf-16-le")) + 1


def extract(lean: Lean, modules: Iterable[str] = EXTRACTED) -> dict[str, Any]:
    """Return the document of `definitions.json`, from the sources as they are now.

    Raises
    ------
    ExtractionError
        If a module does not build, the toolchain is not the pinned one, or this version does not
        know what Lean exports.
    InputError
        If LeanDojo is not installed.
    pybridge.lean.LeanError
        If Lean fails or hangs.
    """
    modules = tuple(modules)
    project = Project.find()
    toolchain = (project.root / "lean-toolchain").read_text(encoding="utf-8").strip()
    if toolchain != PINNED:
        raise ExtractionError(f"lean-toolchain says {toolchain}, expected {PINNED}")
    result = lean.build(modules)
    if not result.ok:
        wrong = [str(message) for message in result.messages if message.fails]
        wrong += [f"{module}: {why}" for module, why in result.failed.items()]
        raise ExtractionError(f"the library does not build: {wrong[0]}")
    ileans = {module: result.ileans[module] for module in modules}
    program = import_order(project.sources, [evaluator(project.sources)[0]])
    files = sorted({module_file(Path(), name).as_posix() for name in (*modules, *program)})
    document: dict[str, Any] = {
        "schema": 1,
        "toolchain": toolchain,
        "sources": {name: file_digest(project.sources / name) for name in files},
        "declarations": declarations(project.sources, ileans),
        "data": json.loads(lean.export()),
    }
    document["sha256"] = digest(document)
    try:
        parse_definitions(json.dumps(document), "Lean's export")
    except DefinitionsError as error:
        raise ExtractionError(str(error)) from None
    return document


def differences(path: Path, document: Mapping[str, Any]) -> list[str]:
    """Return a line for each difference between a definitions file and what the sources give."""
    try:
        text = path.read_text(encoding="utf-8")
        parse_definitions(text, str(path))
        old = json.loads(text)
    except (OSError, DefinitionsError) as error:
        return [str(error)]
    lines = []
    for key, new in document.items():
        if key == "sha256" or old.get(key) == new:
            continue
        if not isinstance(new, dict) or not isinstance(old.get(key), dict):
            lines.append(f"{key}: {old.get(key)!r:.60}, but the sources give {new!r:.60}")
            continue
        for name in sorted(old[key].keys() | new.keys()):
            if name not in new:
                lines.append(f"{key}: {name} is not in the sources any more")
            elif name not in old[key]:
                lines.append(f"{key}: {name} is missing")
            elif old[key][name] != new[name]:
                lines.append(f"{key}: {name} is not what the sources give")
    return lines


app = command_line()


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.extract",
        "python -m pybridge.extract --check --json",
        "python -m pybridge.extract --output definitions.json --lean wasm",
    ),
)
def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the file is not current.")
    ] = False,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.json",
            help="The definitions file.",
            dir_okay=False,
            show_default="pybridge/definitions.json",
        ),
    ] = DEFAULT_OUTPUT,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
    as_json: JsonOption = False,
) -> None:
    """Extract the proved definitions from Lean, into pybridge/definitions.json.

    Lean compiles the library, LeanDojo slices the declarations out of its sources, and Lean's own
    program exports the definitions as data, which is what Python evaluates.

    Exit status: 0 written, or current, 1 the file is not what the sources give or Lean failed, 2
    bad usage or LeanDojo is missing, 3 Lean is not available.
    """
    with exit_status():
        with session(lean, timeout, needed_for="extraction") as runner:
            document = extract(runner)
        differing = differences(output, document) if check else []
        if not check:
            write_text(output, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    count = len(document["declarations"])
    if as_json:
        answer = {
            "file": str(output),
            "sha256": document["sha256"],
            "declarations": count,
            "written": not check,
            "differences": differing,
        }
        write_output(json_text(answer))
    elif check:
        said = "not current" if differing else f"current, {count} declarations"
        write_output("\n".join([*differing, f"{output}: {said}", ""]))
    else:
        write_output(f"{output}: {count} declarations from {sources_dir()}\n")
    raise typer.Exit(1 if differing else 0)


def run() -> None:
    """Run `python -m pybridge.extract`."""
    run_command(app, "python -m pybridge.extract")
