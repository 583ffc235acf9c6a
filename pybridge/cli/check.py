"""`python -m pybridge.check`: NumPy's values and bounds against Lean's, and both against the truth.

With `--against torch`, PyTorch's outputs and gradients against the proved bounds, without Lean.

Exit status: 0 everything holds, 1 something does not or Lean failed, 2 bad usage or input, 3 there
is no Lean, 130 interrupted.
"""

from __future__ import annotations

import math
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pybridge.check.compare import check_case
from pybridge.check.generate import KINDS
from pybridge.check.html import open_page
from pybridge.check.networks import compare_networks, networks_text, small_networks
from pybridge.check.observed import Observer
from pybridge.check.report import CaseReport, CheckReport, LeanReport
from pybridge.check.sample import Entry, sample
from pybridge.check.suite import generated_case
from pybridge.check.torch.compare import Plan, against_torch
from pybridge.check.torch.kernels import DTYPES, devices, import_torch
from pybridge.check.torch.layers import layers as network_layers
from pybridge.check.torch.report import AgainstReport
from pybridge.cli.options import (
    DefinitionsOption,
    Dilation,
    ModeOption,
    Padding,
    Stride,
    TimeoutOption,
    completing,
    numbers,
    parse_padding,
)
from pybridge.cli.output import rendered
from pybridge.cli.process import (
    HELP,
    INTERRUPTED,
    command_line,
    examples,
    run_command,
    undisturbed,
    write_output,
)
from pybridge.cli.session import complain, exit_status, labels, select, session
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, load_definitions
from pybridge.files import check_writable, write_text
from pybridge.lean import Lean, LeanError
from pybridge.lean.protocol import CaseResult, parse_results
from pybridge.problem.case import Case
from pybridge.problem.formats import FORMATS, find_format
from pybridge.problem.geometry import Geometry

__all__ = ["app", "check_cases", "main"]

Outcome: TypeAlias = AgainstReport | CheckReport

_WIDTH = 160
_BATCH = 100_000  # multiply-adds of the forward pass: one to two minutes for WebAssembly Lean
_WASM_SECONDS = 1e-3  # for a multiply-add of the forward pass, all four results
_LONG = 60.0
_INTERRUPTED = "interrupted"
_NONZERO = re.compile(r"[-+]?(0[xX][0.]*[1-9a-fA-F]|(?!0[xX])[0.]*[1-9])")

app = command_line()


def check_cases(
    cases: Sequence[Case],
    lean: Lean,
    definitions: Definitions,
    *,
    seed: int = 0,
    console: Console | None = None,
    observe: Observer | None = None,
    entries: int | None = None,
) -> CheckReport:
    """Check cases against Lean, as `python -m pybridge.check` does.

    `console` shows the progress, and `observe` is called with each result. With `entries`, that
    many entries of each result are compared instead of the whole cases (`pybridge.check.sample`).
    If Lean fails or the run is interrupted, return a partial report.
    """
    started = time.monotonic()
    console = console or Console(stderr=True, quiet=True)
    alone: dict[str, Entry] = {}
    if entries is not None:
        sampled = [e for case in cases for e in sample(case, entries, seed, definitions)]
        alone = {entry.case.name: entry for entry in sampled}
        cases = [entry.case for entry in alone.values()]
    reports: list[CaseReport] = []
    stopped = None
    work = sum(case.geometry.multiply_adds for case in cases)
    left = work * _WASM_SECONDS if lean.kind == "wasm" else None
    if left is not None and left > _LONG:
        console.print(f"Lean evaluates {work} multiply-adds: {_minutes(left)}{_advice(entries)}")
    try:
        with _progress(console) as progress:
            comparing = progress.add_task("checked", total=len(cases))
            done, spent = 0, 0.0
            for batch in _batches(cases):
                time_left = "" if left is None else f", {_minutes(left)} left"
                task = progress.add_task(
                    f"Lean evaluates {len(batch)} cases{time_left}", total=None
                )
                before = time.monotonic()
                results = _evaluate(batch, lean)
                progress.remove_task(task)
                done += sum(case.geometry.multiply_adds for case in batch)
                spent += time.monotonic() - before
                left = spent * (work - done) / max(done, 1)
                for case in batch:
                    entry = alone.get(case.name)
                    fast = None if entry is None else {entry.which: entry.fast}
                    answer = results.get(case.name)
                    reports.append(check_case(case, answer, definitions, seed, observe, fast))
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
        entries=entries,
        seconds=time.monotonic() - started,
        stopped=stopped,
        missing=tuple(case.name for case in cases[len(reports) :]),
        cases=tuple(reports),
    )


def _minutes(seconds: float) -> str:
    """Return an estimate in words."""
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes:.0f} min" if minutes < 120 else f"about {minutes / 60:.0f} hours"


def _advice(entries: int | None) -> str:
    return "" if entries is not None else " (--entries N compares a sample)"


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Yield the cases in batches for Lean, of limited work: an interrupt loses at most one."""
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


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.check",
        "python -m pybridge.check --lean recorded --json",
        "python -m pybridge.check 'binary64-*' binary32-ties",
        "python -m pybridge.check --x 2,4,8,8 --weight 6,2,3,3 --groups 2 --stride 2 --padding 1 "
        "--eps 1e-3",
        "python -m pybridge.check --x 8,16,32,32 --weight 16,16,3,3 --padding 1 --entries 4",
        "python -m pybridge.check 'binary32-*' --html report.html",
        "python -m pybridge.check gradients.npz --format bfloat16 --report report.json",
        "python -m pybridge.check --against torch --layers 'resnet50-*-3x3-*' --dtype bfloat16",
    ),
)
def check(
    cases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LABEL|FILE.npz",
            help="Built-in cases (*, ? match), or files of cases: x, weight, grad_output, and "
            "optionally bias, eps_x, eps_weight, eps_bias, eps_grad_output, stride, padding, "
            "dilation, groups, format, label.",
            autocompletion=completing(labels),
        ),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="The same as an argument; repeatable.",
            autocompletion=completing(labels),
        ),
    ] = None,
    x: Annotated[
        str | None, typer.Option(metavar="N,C,H,W", help="Own geometry: the shape of x.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="O,I,KH,KW", help="Own geometry: the shape of weight.")
    ] = None,
    stride: Stride = None,
    padding: Padding = None,
    dilation: Dilation = None,
    groups: Annotated[int | None, typer.Option(metavar="G", help="Groups of channels.")] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Format of own data, or of the built-in cases to check: float16, float32, "
            "float64, bfloat16.",
            autocompletion=completing([format.dtype.name for format in FORMATS.values()]),
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"Kind of data for an own geometry: {', '.join(KINDS)}.",
            autocompletion=completing(KINDS),
        ),
    ] = "normal",
    eps: Annotated[
        str | None,
        typer.Option(
            metavar="E|EX,EW,EB,EG",
            help="How far exact operands may be from the given ones: one number for all, or one "
            "each for x, weight, bias and grad_output.",
        ),
    ] = None,
    entries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Compare N entries of each result, drawn by the seed, not whole cases.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Draw other data and other random perturbations.")
    ] = None,
    lean: ModeOption = "auto",
    timeout: TimeoutOption = 600.0,
    definitions: DefinitionsOption = None,
    against: Annotated[
        Literal["torch"] | None,
        typer.Option(help="Check PyTorch's results against the proved bounds, not NumPy's."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        typer.Option(help="PyTorch's device; auto: the CPU, and a GPU if there is one."),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="D,D,…",
            help=f"PyTorch's dtypes: {', '.join(DTYPES)}.",
            autocompletion=completing(DTYPES),
        ),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Only network layers whose label matches (*, ?); repeatable.",
            autocompletion=completing(lambda: (layer.label for layer in network_layers())),
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only some of PyTorch's layers.")] = False,
    each: Annotated[
        bool, typer.Option("--each", help="Print a row for each result, for PyTorch of each layer.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the report to a file.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write an HTML page with heat maps and a scatter."),
    ] = None,
) -> None:
    """Compare NumPy's evaluation of the exported definitions with Lean's, entry by entry.

    For each case, for the forward pass and each gradient: the values are Lean's bit for bit; the
    bounds are Lean's exact bounds rounded outward, never below; Lean's exact values are those of
    python-flint; the true error, of perturbed operands too where eps is not zero, is within the
    bound. Without cases or a geometry, the built-in suite is checked and, unless recorded
    evaluations replace Lean, small networks, forward and backward. WebAssembly Lean takes about a
    millisecond for each multiply-add; with --entries, a sample of a large case is compared.

    With --against torch, PyTorch's output and gradients, for the built-in suite and for layers of
    ResNet-50, VGG-16 and MobileNet, are compared with the bounds for sums in any order.

    Exit status: 0 all hold, 1 something does not hold or Lean failed, 2 bad usage or input, 3 Lean
    is not available, 130 interrupted: what was checked before is shown, and in the report.
    """
    console = Console(stderr=True)
    result: Outcome
    writers: list[Callable[[Outcome], None]] = []
    with exit_status():
        check_writable("--report", report)
        check_writable("--html", html)
        words = [*(cases or ()), *(case or ())]
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
        }  # fmt: skip
        lean_only = {
            "FILE.npz": any(word.endswith(".npz") for word in words), "--x": x,
            "--weight": weight, **{f"--{name}": True for name in own}, "--eps": eps, "--html": html,
            "--entries": entries,
        }  # fmt: skip
        _refuse(against, lean_only if against is not None else torch_only)
        loaded = load_definitions(definitions)
        if report is not None:
            writers.append(lambda result: write_text(report, result.to_json()))
        if against is not None:
            torch = import_torch()
            plan = Plan.of(
                devices(torch, device or "auto"),
                dtypes=dtype.split(",") if dtype is not None else (),
                layer_patterns=layers or (),
                case_patterns=words,
                quick=quick,
                seed=seed or 0,
            )
            result = _against(torch, plan, loaded, console)
        else:
            page = open_page(html, _command()) if html is not None else None
            if page is not None:
                writers.append(lambda result: page.write(result, loaded))  # type: ignore[arg-type]
            chosen = _cases(words, x, weight, own, kind, _eps(eps), seed)
            whole = not words and x is None and format is None and entries is None
            with session(lean, timeout) as runner:
                observe = page.observe if page is not None else None
                result = check_cases(
                    chosen,
                    runner,
                    loaded,
                    seed=seed or 0,
                    console=console,
                    observe=observe,
                    entries=entries,
                )
                if whole and runner.kind != "recorded":
                    result = _with_networks(result, runner)
    with undisturbed():
        problems = [problem for write in writers if (problem := _failure(write, result))]
    write_output(result.to_json() if as_json else _text(result, each=each))
    raise SystemExit(_end(result, problems))


def _with_networks(report: CheckReport, lean: Lean) -> CheckReport:
    """Return the report with a comparison of small networks, unless the check was stopped."""
    if report.stopped is not None:
        return report
    try:
        cases = list(small_networks())
        compared = compare_networks(cases, lean.networks(networks_text(cases)))
        return report.model_copy(update={"networks": compared})
    except KeyboardInterrupt:
        return report.model_copy(update={"stopped": _INTERRUPTED})
    except LeanError as error:
        return report.model_copy(update={"stopped": str(error)})


def _command() -> str:
    """Return the command line of this process, as a shell reads it."""
    program = Path(sys.argv[0])
    start = f"python -m pybridge.{program.parent.name}" if program.stem == "__main__" else None
    return shlex.join([*(start.split() if start else [program.name]), *sys.argv[1:]])


def _text(result: Outcome, *, each: bool) -> str:
    """Return the report as text: a line for each case or group of layers, or `each` result."""
    if isinstance(result, AgainstReport):
        return rendered(_WIDTH, result.table(each=each), result.summary())
    if each:
        return rendered(_WIDTH, result.table(), result.summary())
    return rendered(_WIDTH, *([result.lines()] * bool(result.cases)), result.summary())


def _failure(write: Callable[[Outcome], None], result: Outcome) -> str | None:
    """Write a result, and return the error message if that fails."""
    try:
        write(result)
    except OSError as error:
        return str(error)
    return None


def _end(result: Outcome, problems: Sequence[str]) -> int:
    """Print what ended the check early or could not be written, and return the exit status."""
    status = 0 if result.passed else 1
    if result.stopped is not None:
        status = INTERRUPTED if result.stopped == _INTERRUPTED else 1
        complain(f"{result.stopped}; checked before: {result.done}")
    for problem in problems:
        status = 2
        complain(problem)
    return status


def _against(torch: Any, plan: Plan, loaded: Definitions, console: Console) -> AgainstReport:
    """Check PyTorch's results, with a bar that shows the progress."""
    with _progress(console) as progress:
        work = progress.track(plan, description="PyTorch computes, and is checked")
        return against_torch(torch, work, loaded, seed=plan.seed)


def _refuse(against: str | None, options: dict[str, Any]) -> None:
    """Raise `InputError` for an option that belongs to the other kind of check."""
    for name, value in options.items():
        if value:
            raise InputError(
                f"{name} applies to checks against Lean: expected it without --against"
                if against
                else f"{name} applies to --against torch: expected that, too"
            )


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
    words: Sequence[str],
    x: str | None,
    weight: str | None,
    own: dict[str, Any],
    kind: str,
    eps: tuple[float, ...] | None,
    seed: int | None,
) -> list[Case]:
    """Return the cases that the command line asks for; `InputError` if options do not fit."""
    if (x is None) != (weight is None):
        raise InputError("an own geometry needs both --x and --weight")
    seed_text = "" if seed is None else str(seed)
    cases = []
    if words or x is None:
        names = ("eps_x", "eps_weight", "eps_bias", "eps_grad_output")
        cases = select(
            words, seed=seed_text, own={**own, **dict(zip(names, eps or (), strict=False))}
        )
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
    return cases


def main() -> None:
    """Run `python -m pybridge.check`."""
    run_command(app, "python -m pybridge.check")
