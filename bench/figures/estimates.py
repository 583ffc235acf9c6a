"""Figures 2 and 3: any-order bounds and enclosures against a gradient by BLAS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bench import methods
from bench.baselines import unfolded_first, unfolded_last
from bench.shapes import Shape, shape
from bench.tables import Figure, Goal, Row, Table, close, milliseconds, number
from bench.timing import Effort, alternate
from bench.truth import true_errors
from pybridge.engine.blas import contract

__all__ = ["measure_any_order", "measure_enclosure"]

_SHAPES = ("rn28", "rn56")
_ANY_ORDER_GOAL = 1.3
_ENCLOSURE_GOAL = 3.5
_TIGHT_GOAL = 1.001

_BASELINES = (
    "The gradient is that of the kernel, in float32, by im2col and one matrix product (OpenBLAS or "
    "what NumPy is linked with, one thread): *channels last* copies the patches as rows [N·OH·OW, "
    "KH·KW·I], which is the fastest layout that we found; *channels first* is the one of PyTorch's "
    "unfold, [I·KH·KW, N·OH·OW]. *pybridge's product* is `pybridge.engine.blas.contract`, which "
    "computes the values that come with the bounds."
)
_ANY_ORDER_TEXT = (
    "`Estimator.any_order` bounds the error of a float32 gradient that anything has summed, in any "
    "order. Its time, the bound alone, without a gradient, is compared with that of a gradient. "
    f"{_BASELINES}\n\n"
    "What limits it: the bound is one float32 matrix product of magnitudes, whose time is that of "
    "the gradient itself, and a pass over the result, to weigh it in float64. The magnitudes are "
    "taken where the operands are copied anyway, to be padded. What is left is Python: less than a "
    "tenth of a millisecond."
)
_ENCLOSURE_TEXT = (
    "`Estimator.enclosure` bounds the error of a given float32 gradient, whoever computed it. Its "
    f"time, the bound alone, is compared with that of such a gradient. {_BASELINES}\n\n"
    "What limits it: it recomputes the gradient in float64, which takes BLAS twice the time of "
    "float32 (half as many lanes, twice the memory), and the magnitudes' product in float32, as "
    "the any-order bound does: three gradients in all. Its largest bound is that near to the "
    "largest error because the float64 recomputation is 2²⁹ times as precise."
)
_WHY = (
    "The time is that of the matrix products, and of copying and weighing what they read and give; "
    "the smaller the layer, the more the latter shows."
)


def measure_any_order(effort: Effort, progress: Callable[[str], None]) -> Figure:
    """Measures the any-order bound of the kernel gradient."""
    rows: list[Row] = []
    goals: list[Goal] = []
    for name in _SHAPES:
        progress(f"any-order bound, {name}")
        here = shape(name, quick=effort.quick)
        made, more = _compare(
            "any-order bound",
            here,
            partial(methods.any_order, "weight", here),
            _ANY_ORDER_GOAL,
            effort,
        )
        rows += made
        goals += more
    table = Table("The any-order bound against a float32 gradient.", _HEADER, tuple(rows))
    return Figure(2, "Any-order bound", _ANY_ORDER_TEXT, [table], goals)


def measure_enclosure(effort: Effort, progress: Callable[[str], None]) -> Figure:
    """Measures the enclosure of a kernel gradient, and how tight it is."""
    rows: list[Row] = []
    goals: list[Goal] = []
    for name in _SHAPES:
        progress(f"enclosure, {name}")
        here = shape(name, quick=effort.quick)
        values = np.ascontiguousarray(unfolded_last(here))
        made, more = _compare(
            "enclosure",
            here,
            partial(methods.enclosure, "weight", here, values),
            _ENCLOSURE_GOAL,
            effort,
        )
        rows += made
        goals += more
    progress("enclosure against the true error, rn28")
    tight, goal = _tightness(shape("rn28", quick=effort.quick))
    table = Table("The enclosure against a float32 gradient.", _HEADER, tuple(rows))
    return Figure(3, "Enclosure", _ENCLOSURE_TEXT, [table, tight], [*goals, goal])


_HEADER: Row = (
    "shape",
    "baseline",
    "bound, ms",
    "baseline, ms",
    "ratio",
    "of medians",
    "goal",
    "reached",
)


def _compare(
    what: str, shape: Shape, ours: Callable[[], object], limit: float, effort: Effort
) -> tuple[list[Row], list[Goal]]:
    parts = methods.estimates("weight", shape).split
    factors = [shape.operands[layout.name].value for layout in parts.layouts]
    times = alternate(
        {
            "bound": ours,
            "channels last": lambda: unfolded_last(shape),
            "channels first": lambda: unfolded_first(shape),
            "pybridge's product": lambda: contract(parts, factors, np.float32),
        },
        effort,
    )
    bound = times.pop("bound")
    rows, goals = [], []
    for label, theirs in times.items():
        goal = Goal(
            f"{what}, {shape.name}, gradient by {label}",
            bound.best / theirs.best,
            limit,
            why=_WHY,
        )
        measured = milliseconds(bound), milliseconds(theirs), number(goal.measured)
        cells = goal.cells if label.startswith("channels") else ("", "")
        rows.append((shape.name, label, *measured, number(bound.median / theirs.median), *cells))
        if label.startswith("channels"):
            goals.append(goal)
    return rows, goals


def _tightness(shape: Shape) -> tuple[Table, Goal]:
    values = np.ascontiguousarray(unfolded_last(shape))
    bound = float(methods.enclosure("weight", shape, values).max())
    error = float(true_errors(shape, values).max())
    goal = Goal(
        "the enclosure's largest bound over the largest true error on rn28",
        bound / error,
        _TIGHT_GOAL,
        why="The float64 recomputation's own bound is not small beside the error.",
    )
    row = (shape.name, f"{bound:.6g}", f"{error:.6g}", close(goal.measured), *goal.cells)
    caption = (
        "The largest bound against the largest true error of the gradient by channels last, by "
        "exact arithmetic (`pybridge.truth.exact`, python-flint)."
    )
    header = ("shape", "largest bound", "largest true error", "ratio", "goal", "reached")
    return Table(caption, header, (row,)), goal
