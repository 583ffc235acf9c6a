"""`python -m pybridge.tolerance`: proved tolerances for a shape, beside those that tests use.

Exit status: 0, or 2 for bad usage or input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from pybridge.bounds.conv2d import tolerance
from pybridge.bounds.tolerance import Tolerance
from pybridge.cli.options import (
    Dilation,
    JsonOption,
    Padding,
    Stride,
    numbers,
    parse_padding,
)
from pybridge.cli.output import json_text, rendered
from pybridge.cli.process import HELP, command_line, examples, run_command, write_output
from pybridge.cli.session import exit_status
from pybridge.engine.accumulation import Accumulation
from pybridge.errors import NotProvedError
from pybridge.problem.results import Result

__all__ = ["ASSERT_CLOSE", "app", "assert_close", "dynamic", "main"]

ASSERT_CLOSE: Mapping[str, tuple[float, float]] = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}
"""The default rtol and atol of `torch.testing.assert_close`."""

_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
_WIDTH = 120
_SPLITS = (2, 8, 32, 128)

app = command_line()


def assert_close(dtype: str, largest: float) -> float:
    """Return what `torch.testing.assert_close` allows by default, at the largest possible entry."""
    relative, absolute = ASSERT_CLOSE[dtype]
    return absolute + relative * largest


def dynamic(dtype: str, terms: int, largest: float) -> float | None:
    """Return 2nu / (1 − 2nu)·n·max|x|·max|δ|, where u is the epsilon of the sums' dtype."""
    doubled = 2 * terms * _EPSILON[dtype]
    return doubled / (1 - doubled) * largest if doubled < 1 else None


@app.command(
    context_settings=HELP,
    epilog=examples(
        "python -m pybridge.tolerance --x 32,64,56,56 --weight 64,64,3,3 --padding 1 "
        "--which weight",
        "python -m pybridge.tolerance --x 8,512,7,7 --weight 512,512,3,3 --which input "
        "--max-weight 0.1",
    ),
)
def command(
    x: Annotated[str, typer.Option(metavar="N,C,H,W", help="The shape of x.")],
    weight: Annotated[str, typer.Option(metavar="O,I,KH,KW", help="The shape of weight.")],
    which: Annotated[Result, typer.Option(help="The output, or a gradient.")] = Result.WEIGHT,
    stride: Stride = None,
    padding: Padding = None,
    dilation: Dilation = None,
    groups: Annotated[int, typer.Option(help="Groups of channels.")] = 1,
    max_x: Annotated[float, typer.Option(help="The largest magnitude in x.")] = 1.0,
    max_weight: Annotated[float, typer.Option(help="The largest magnitude in weight.")] = 1.0,
    max_bias: Annotated[float, typer.Option(help="The largest magnitude in bias.")] = 0.0,
    max_grad_output: Annotated[
        float, typer.Option(help="The largest magnitude in grad_output.")
    ] = 1.0,
    dtype: Annotated[
        Literal["float16", "bfloat16", "tf32", "float32", "float64"],
        typer.Option(help="The dtype of the derivation."),
    ] = "float32",
    as_json: JsonOption = False,
) -> None:
    """Print the proved absolute tolerance of a convolution's result, for several promises.

    Beside it are what torch.testing.assert_close allows by default at the largest possible entry,
    and 2nu/(1 − 2nu)·n·max|x|·max|δ| with the epsilon u of the sums' dtype.

    Exit status: 0 printed, 2 bad usage or input.
    """
    with exit_status():
        arguments: dict[str, Any] = {
            "which": which,
            "padding": parse_padding("0" if padding is None else padding),
            "stride": numbers("--stride", "1" if stride is None else stride, (1, 2)),
            "dilation": numbers("--dilation", "1" if dilation is None else dilation, (1, 2)),
            "groups": groups,
            "max_x": max_x,
            "max_weight": max_weight,
            "max_bias": max_bias,
            "max_grad_output": max_grad_output,
        }
        shapes = numbers("--x", x, (4,)), numbers("--weight", weight, (4,))
        rows = [_row(name, promise, shapes, arguments) for name, promise in _promises()]
        derived = tolerance(*shapes, accumulation=Accumulation.of(dtype), **arguments)
    if as_json:
        document = {
            "which": derived.which,
            "shape": derived.shape,
            "terms": derived.terms,
            "largest": derived.largest,
            "theorem": derived.theorem,
            "rows": rows,
            "derivation": derived.derivation,
        }
        write_output(json_text(document))
        return
    write_output(rendered(_WIDTH, _table(derived, rows), derived.derivation))


def _promises() -> Iterator[tuple[str, Accumulation]]:
    """Yield the promises of the table, with the dtype of their result."""
    for dtype in ("float64", "float32"):
        yield dtype, Accumulation.of(dtype)
    yield "float32", Accumulation.of("tf32")
    for k in _SPLITS:
        yield "float32", Accumulation(splits=k, across="bfloat16")
    for dtype in ("bfloat16", "float16"):
        yield dtype, Accumulation.of(dtype)


def _row(
    dtype: str, promise: Accumulation, shapes: tuple[Any, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = {"dtype": dtype, "promise": promise.sentence}
    try:
        proved = tolerance(*shapes, accumulation=promise, **arguments)
    except NotProvedError:
        return {**row, "tolerance": None, "least": None, "assert_close": None, "dynamic": None}
    return {
        **row,
        "tolerance": proved.absolute,
        "least": float(proved.per_entry.min()),
        "assert_close": assert_close(dtype, proved.largest),
        "dynamic": dynamic(promise.accumulate, proved.terms, proved.largest),
    }


def _table(derived: Tolerance, rows: list[dict[str, Any]]) -> Table:
    name = "output" if derived.which == "output" else f"{derived.which} gradient"
    table = Table(
        title=f"{name} {derived.shape}: at most {derived.terms} products an entry, which is then "
        f"at most {derived.largest:g}",
        title_justify="left",
    )
    table.add_column("result")
    table.add_column("promise, in any order")
    for heading in ("proved", "assert_close", "2nu/(1−2nu)"):
        table.add_column(heading, justify="right")
    for row in rows:
        cells = (row["tolerance"], row["assert_close"], row["dynamic"])
        table.add_row(row["dtype"], row["promise"], *map(_cell, cells))
    return table


def _cell(value: float | None) -> str:
    return "none" if value is None or not math.isfinite(value) else f"{value:.3g}"


def main() -> None:
    """Run `python -m pybridge.tolerance`."""
    run_command(app, "python -m pybridge.tolerance")
