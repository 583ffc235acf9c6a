"""`python -m pybridge.check`: NumPy's values and bounds against Lean's, and both against the truth.

With `--against torch`, PyTorch's outputs and gradients against the proved bounds, without Lean.

Exit status: 0 everything holds, 1 something does not or Lean failed, 2 bad usage or input, 3 there
is no Lean, 130 interrupted.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pybridge.check.compare import check_case
from pybridge.check.generate import KINDS
from pybridge.check.html import open_page
from pybridge.check.observed import Observer
from pybridge.check.report import CaseReport, CheckReport, LeanReport
from pybridge.check.suite import generated_case, suite
from pybridge.check.torch.compare import Plan, against_torch
from pybridge.check.torch.conv2d import DTYPES, devices, import_torch
from pybridge.check.torch.report import AgainstReport
from pybridge.cli import completion
from pybridge.cli.help import examples
from pybridge.cli.options import numbers, parse_padding
from pybridge.cli.output import shown
from pybridge.cli.process import INTERRUPTED, run_command, undisturbed, write_output
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import Definitions, DefinitionsError, load_definitions
from pybridge.files import check_writable
from pybridge.lean import Lean, LeanError, LeanNotFound, Mode, find
from pybridge.lean.protocol import CaseResult, parse_results
from pybridge.problem.case import Case
from pybridge.problem.formats import find_format
from pybridge.problem.geometry import Geometry

if TYPE_CHECKING:
    from pybridge.check.html.page import Page

__all__ = ["app", "check_cases", "main"]


_WIDTH = 160
_BATCH = 100_000  # multiply-adds of the forward pass: one to two minutes for WebAssembly Lean
_INTERRUPTED = "interrupted"
_NONZERO = re.compile(r"[-+]?(0[xX][0.]*[1-9a-fA-F]|(?!0[xX])[0.]*[1-9])")
_EPILOG = examples(
    "python -m pybridge.check",
    "python -m pybridge.check --lean recorded --json",
    "python -m pybridge.check --case 'binary64-*' --case binary32-ties",
    "python -m pybridge.check --x 2,4,8,8 --weight 6,2,3,3 --groups 2 --stride 2 --padding 1 "
    "--eps 1e-3",
    "python -m pybridge.check --case 'binary32-*' --html report.html",
    "python -m pybridge.check gradients.npz --format bfloat16 --report report.json",
    "python -m pybridge.check --against torch --layers 'resnet50-*-3x3-*' --dtype bfloat16",
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def check_cases(
    cases: Sequence[Case],
    lean: Lean,
    definitions: Definitions,
    *,
    seed: int = 0,
    console: Console | None = None,
    observe: Observer | None = None,
) -> CheckReport:
    """Checks cases against Lean: what `python -m pybridge.check` does, without its command line.

    `console` shows progress, and `observe` is shown each result, if given. An interrupt, or a Lean
    whose results cannot be had or read, ends the check with what there is: the report says so.
    """
    started = time.monotonic()
    reports: list[CaseReport] = []
    stopped = None
    try:
        with _progress(console or Console(stderr=True, quiet=True)) as progress:
            comparing = progress.add_task("checked", total=len(cases))
            for batch in _batches(cases):
                task = progress.add_task(f"Lean evaluates {len(batch)} cases", total=None)
                results = _evaluate(batch, lean)
                progress.remove_task(task)
                for case in batch:
                    found = results.get(case.name)
                    reports.append(check_case(case, found, definitions, seed, observe))
                    progress.advance(comparing)
    except KeyboardInterrupt:
        stopped = _INTERRUPTED
    except LeanError as error:
        stopped = str(error)
    return CheckReport(
        lean=LeanReport(kind=lean.kind, description=lean.description),
        toolchain=definitions.toolchain,
        definitions_sha256=definitions.sha256,
        seed=seed,
        seconds=time.monotonic() - started,
        stopped=stopped,
        missing=tuple(case.name for case in cases[len(reports) :]),
        cases=tuple(reports),
    )


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases in order, in parts that Lean evaluates at once: an interrupt loses one at most."""
    batch: list[Case] = []
    work = 0
    for case in cases:
        batch.append(case)
        work += case.geometry.multiply_adds
        if work >= _BATCH:
            yield batch
            batch, work = [], 0
    if batch:
        yield batch


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _evaluate(cases: Sequence[Case], lean: Lean) -> dict[str, CaseResult]:
    texts = {case.name: case.to_text() for case in cases}
    return parse_results(lean.evaluate("".join(texts.values())))


@app.command(epilog=_EPILOG)
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE.npz",
            help="Cases to check: x, weight, grad_output, and optionally bias, eps_x, eps_weight, "
            "eps_bias, eps_grad_output, stride, padding, dilation, groups, format, label.",
        ),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Only built-in cases whose label matches (*, ?); repeatable.",
            autocompletion=completion.case_labels,
        ),
    ] = None,
    x: Annotated[
        str | None, typer.Option(metavar="N,C,H,W", help="Own geometry: the shape of x.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="O,I,KH,KW", help="Own geometry: the shape of weight.")
    ] = None,
    stride: Annotated[str | None, typer.Option(metavar="S|H,W", help="Strides.")] = None,
    padding: Annotated[str | None, typer.Option(metavar="P|H,W|T,B,L,R", help="Padding.")] = None,
    dilation: Annotated[str | None, typer.Option(metavar="D|H,W", help="Dilations.")] = None,
    groups: Annotated[int | None, typer.Option(metavar="G", help="Groups of channels.")] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Of own data; of built-in cases, only those: float16, float32, float64, bfloat16.",
            autocompletion=completion.formats,
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help=f"Of own geometry's data: {', '.join(KINDS)}.",
            autocompletion=completion.data_kinds,
        ),
    ] = "normal",
    eps: Annotated[
        str | None,
        typer.Option(
            metavar="E|EX,EW,EB,EG",
            help="How far exact operands may be from the given ones: of all, or of x, weight, bias "
            "and grad_output.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Other data, and other random perturbations.")
    ] = None,
    lean: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help=f"How to run Lean: {', '.join(get_args(Mode))}.",
            autocompletion=completion.modes,
        ),
    ] = "auto",
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="How long each run of Lean may take.")
    ] = 600.0,
    definitions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Other exported definitions than the package's."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="torch",
            help="Check PyTorch's results against the proved bounds, not NumPy's.",
            autocompletion=completion.listed("torch"),
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|cuda",
            help="PyTorch's; auto: a GPU where there is one.",
            autocompletion=completion.listed("auto", "cpu", "cuda"),
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="D,D,…",
            help=f"PyTorch's: {', '.join(DTYPES)}.",
            autocompletion=completion.torch_dtypes,
        ),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Only network layers whose label matches (*, ?); repeatable.",
            autocompletion=completion.layer_labels,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few of PyTorch's layers.")] = False,
    each: Annotated[
        bool, typer.Option("--each", help="A row for each of PyTorch's layers.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the report to a file.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a page to look at: heat maps, scatters."),
    ] = None,
) -> None:
    """Compare NumPy's evaluation of the exported definitions with Lean's, entry by entry.

    For each case, for the forward pass and each gradient: the values are Lean's bit for bit; the
    bounds are Lean's exact bounds rounded outward, never below; Lean's exact values are those of
    python-flint; the true error, of perturbed operands too where eps is not zero, is within the
    bound. Without files or a geometry, the built-in suite is checked.

    With --against torch: whether PyTorch's output and gradients, of the built-in suite and of
    layers of ResNet-50, VGG-16 and MobileNet, are within the bounds for sums in any order.

    Exit status: 0 all hold, 1 something does not hold or Lean failed, 2 bad usage or input, 3 Lean
    is not there, 130 interrupted: what was checked before is shown, and in the report.
    """
    console = Console(stderr=True)
    try:
        mode = _mode(lean)
        check_writable("--report", report)
        check_writable("--html", html)
        options = {
            "stride": numbers("--stride", stride, (1, 2)),
            "padding": parse_padding(padding),
            "dilation": numbers("--dilation", dilation, (1, 2)),
            "groups": groups,
            "format": format,
        }
        own = {name: value for name, value in options.items() if value is not None}
        torch_only = {
            "--device": device, "--dtype": dtype, "--layers": layers, "--quick": quick,
            "--each": each,
        }  # fmt: skip
        lean_only = {
            "files": files, "--x": x, "--weight": weight, **{f"--{name}": True for name in own},
            "--eps": eps, "--html": html,
        }  # fmt: skip
        _refuse(against, lean_only if against is not None else torch_only)
        loaded = load_definitions(definitions)
        page = open_page(html) if html is not None else None
        result: AgainstReport | CheckReport
        if against is not None:
            torch = import_torch()
            plan = Plan.of(
                devices(torch, device or "auto"),
                dtypes=dtype.split(",") if dtype is not None else (),
                layer_patterns=layers or (),
                case_patterns=case or (),
                quick=quick,
                seed=seed or 0,
            )
            result = _against(torch, plan, loaded, console)
        else:
            cases = _cases(files or [], case, x, weight, own, kind, _eps(eps), seed)
            runner = find(mode, timeout=timeout)
            console.print(
                f"Lean: {runner.description}", markup=False, highlight=False, soft_wrap=True
            )
            try:
                observe = page.observe if page is not None else None
                result = check_cases(
                    cases, runner, loaded, seed=seed or 0, console=console, observe=observe
                )
            finally:
                runner.close()
    except (InputError, InputTypeError, DefinitionsError, FloatingPointError, OSError) as error:
        _fail(console, error, 2)
    except LeanError as error:
        _fail(console, error, 3 if isinstance(error, LeanNotFound) else 1)
    with undisturbed():
        problems = _save(result, report), _draw(result, page, loaded)
    write_output(result.to_json() if json else _shown(result, each=each))
    raise SystemExit(_end(result, problems, console))


def _save(result: AgainstReport | CheckReport, path: Path | None) -> str | None:
    """Writes the report, if there is to be one; what is the matter where it cannot be."""
    try:
        if path is not None:
            result.save(path)
    except OSError as error:
        return str(error)
    return None


def _draw(
    result: AgainstReport | CheckReport, page: Page | None, loaded: Definitions
) -> str | None:
    """Writes the page, if there is to be one; what is the matter where it cannot be."""
    try:
        if page is not None and isinstance(result, CheckReport):
            page.write(result, loaded)
    except OSError as error:
        return str(error)
    return None


def _shown(result: AgainstReport | CheckReport, *, each: bool) -> str:
    """The table and the summary, as standard output shows them."""
    table = result.table(each=each) if isinstance(result, AgainstReport) else result.table()
    return shown(_WIDTH, table, result.summary())


def _end(
    result: AgainstReport | CheckReport, problems: Sequence[str | None], console: Console
) -> int:
    """The exit status, with a line for what ended the check early or could not be written."""
    status = 0 if result.passed else 1
    stopped = result.stopped
    if stopped is not None:
        status = INTERRUPTED if stopped == _INTERRUPTED else 1
        _say(console, f"{stopped}; checked before: {result.done}")
    for problem in filter(None, problems):
        status = 2
        _say(console, problem)
    return status


def _against(torch: Any, plan: Plan, loaded: Definitions, console: Console) -> AgainstReport:
    """Checks PyTorch's results, with a bar that shows the progress."""
    with _progress(console) as progress:
        work = progress.track(plan, description="PyTorch computes, and is checked")
        return against_torch(torch, work, loaded, seed=plan.seed)


def _refuse(against: str | None, options: dict[str, Any]) -> None:
    """`InputError` for an option that belongs to the other kind of check."""
    if against not in (None, "torch"):
        raise InputError(f"--against: expected torch, got {against!r:.60}")
    for name, value in options.items():
        if value:
            raise InputError(
                f"{name} applies to checks against Lean: expected it without --against"
                if against
                else f"{name} applies to --against torch: expected that, too"
            )


def _fail(console: Console, error: Exception, status: int) -> None:
    _say(console, str(error))
    raise typer.Exit(status) from None


def _say(console: Console, problem: str) -> None:
    console.print(f"error: {problem}", markup=False, highlight=False, soft_wrap=True)


def _mode(name: str) -> Mode:
    modes: tuple[Mode, ...] = get_args(Mode)
    for mode in modes:
        if mode == name:
            return mode
    raise InputError(f"--lean: expected one of {', '.join(get_args(Mode))}, got {name!r:.60}")


def _eps(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    words = text.split(",")
    try:
        numbers = tuple(
            float.fromhex(word) if "x" in word.lower() else float(word) for word in words
        )
    except (ValueError, OverflowError):
        numbers = ()
    if len(numbers) not in (1, 4):
        raise InputError(f"--eps: expected 1 or 4 numbers with commas, got {text!r:.60}")
    for word, number in zip(words, numbers, strict=True):
        if not math.isfinite(number) or (not number and _NONZERO.match(word.strip())):
            raise InputError(
                f"--eps: {word!r:.60} is beyond float64, expected 0 or a number of at least "
                f"{5e-324} and at most {sys.float_info.max}"
            )
    return numbers * 4 if len(numbers) == 1 else numbers


def _cases(
    files: Sequence[Path],
    patterns: Sequence[str] | None,
    x: str | None,
    weight: str | None,
    own: dict[str, Any],
    kind: str,
    eps: tuple[float, ...] | None,
    seed: int | None,
) -> list[Case]:
    """The cases that the command line asks for; `InputError` when that makes no sense."""
    seed_text = "" if seed is None else str(seed)
    if (x is None) != (weight is None):
        raise InputError("an own geometry takes both --x and --weight")
    if patterns and (files or x is not None):
        raise InputError("--case chooses built-in cases: expected neither files nor --x")
    names = ("eps_x", "eps_weight", "eps_bias", "eps_grad_output")
    cases = [Case.load(file, **own, **dict(zip(names, eps or (), strict=False))) for file in files]
    if x is not None:
        shape = dict(own)
        format = find_format(shape.pop("format", "binary32")).name
        geometry = Geometry.of(numbers("--x", x, (4,)), numbers("--weight", weight, (4,)), **shape)
        cases.append(
            generated_case(
                f"{format}-own",
                geometry,
                format,
                kinds=[kind] * 4,
                eps=eps or (0.0,) * 4,
                seed=seed_text,
            )
        )
    return cases or _built_in(patterns, own, eps, seed_text)


def _built_in(
    patterns: Sequence[str] | None,
    own: dict[str, Any],
    eps: tuple[float, ...] | None,
    seed: str,
) -> list[Case]:
    odd = [f"--{name}" for name in own if name != "format"] + ["--eps"] * (eps is not None)
    if odd:
        raise InputError(f"{odd[0]} does not apply to built-in cases: expected --x or a file")
    cases = suite(seed)
    if "format" in own:
        format = find_format(own["format"]).name
        cases = [case for case in cases if case.format == format]
    for pattern in patterns or ():
        if not any(fnmatchcase(case.label, pattern) for case in cases):
            labels = ", ".join(case.label for case in cases)
            raise InputError(f"--case: no label matches {pattern!r:.60}; there are {labels}")
    if patterns:
        cases = [c for c in cases if any(fnmatchcase(c.label, pattern) for pattern in patterns)]
    return cases


def main() -> None:
    """The entry point of the command `pybridge-check`."""
    run_command(app, "python -m pybridge.check")
