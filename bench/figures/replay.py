"""Figure 1: replayed values and bounds against the same values without bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench import methods
from bench.baselines import (
    literal_weight,
    plain_input,
    plain_weight,
    tuned_input,
    tuned_weight,
)
from bench.shapes import NAMES, Shape, shape
from bench.tables import Figure, Goal, Row, Table, close, milliseconds, number
from bench.timing import Effort, alternate
from pybridge.problem.formats import FloatArray

__all__ = ["BASELINES", "measure", "require_same"]

BASELINES: Mapping[str, Mapping[str, Callable[[Shape], FloatArray]]] = {
    "weight": {"plain": plain_weight, "tuned": tuned_weight},
    "input": {"plain": plain_input, "tuned": tuned_input},
}
"""The gradients without bounds that the replay is compared with."""

_GOALS = {"weight": 1.5, "input": 1.6}
_WORDS = {"weight": "kernel", "input": "input"}
_LITERAL_GOAL = 10.0
_TIGHT_GOAL = 1.05

_TEXT = (
    'The replay (`conv2d_backward(method="replay")`) gives the values of a stated sequential '
    "order and the bound that is proved for them. Its time, values and bounds together, is that of "
    "`evaluate_replay`; it is compared with NumPy programs that compute the same values, bit for "
    "bit (which is verified first), and no bound. *Plain* is what one writes: for the kernel "
    "gradient a loop over (image, output row, output column) of `acc += grad * patch` on views of "
    "the padded input, for the input gradient a loop over (output channel, kernel row, kernel "
    "column) that adds products to a view of the padded result. *Tuned* lays the patches of all "
    "steps out contiguously first, channels last, and writes products and sums to buffers that it "
    "uses again; for the input gradient it is plain with such a buffer. NumPy's own buffer size is "
    "the default one.\n\n"
    "What limits the replay: values need a multiplication and an addition for each term and "
    "output, as those of the baselines do; bounds need, for both results, the mask that leaves the "
    "binade and its addition to the sum of binades (a product with a vector of ones), on blocks "
    "that stay in the second-level cache. A baseline that streams whole arrays through NumPy loses "
    "to memory and to fresh temporaries what the bounds cost. On the smallest shapes the time is "
    "that of calls, not of arithmetic."
)

_PASSES = (
    "Products and sums are those of the baseline; masking both and adding up their binades is "
    "about as many passes again, over blocks in the cache. A baseline with few temporaries loses "
    "little to memory that could pay for them."
)
_FIXED = (
    "The shape has so few products that much of the time does not depend on their number: exact "
    "rational coefficients, padded operands and their layout, bounds in float64, and the calls "
    "themselves, of which the replay makes more than the baseline."
)
_FEW_PRODUCTS = 1_000_000


class ValuesDifferError(Exception):
    """A baseline does not compute the replay's values, so that their times do not compare."""


def require_same(name: str, shape: Shape) -> None:
    """Verifies that the baselines' gradients and the reference's values are the replay's.

    Raises `ValuesDifferError` otherwise.
    """
    value = methods.replay(name, shape).value
    others = {label: run(shape) for label, run in BASELINES[name].items()}
    others["reference"] = methods.reference(name, shape).value
    for label, other in others.items():
        if other.shape != value.shape or other.tobytes() != value.tobytes():
            raise ValuesDifferError(
                f"{label} baseline, {name} gradient, {shape.name}: values are not the replay's"
            )


def measure(effort: Effort, progress: Callable[[str], None]) -> Figure:
    """Measures every shape, and on rn28 the literal recursion and the reference."""
    tables, goals = [], []
    for name in BASELINES:
        rows: list[Row] = []
        for shape_name in NAMES:
            progress(f"replay of the {_WORDS[name]} gradient, {shape_name}")
            made, more = _compare(name, shape(shape_name, quick=effort.quick), effort)
            rows += made
            goals += more
        header = ("shape", "baseline", "replay, ms", "baseline, ms", "ratio", "of medians")
        tables.append(
            Table(
                f"Replay of the {_WORDS[name]} gradient: values and bounds, against values alone.",
                (*header, "goal", "reached"),
                tuple(rows),
            )
        )
    progress("replay against the literal recursion and the reference, rn28")
    table, more = _against_literal(shape("rn28", quick=effort.quick), effort)
    return Figure(1, "Replay at its limit", _TEXT, [*tables, table], [*goals, *more])


def _compare(name: str, shape: Shape, effort: Effort) -> tuple[list[Row], list[Goal]]:
    require_same(name, shape)
    runs: dict[str, Callable[[], object]] = {"replay": lambda: methods.replay(name, shape)}
    for label, run in BASELINES[name].items():
        runs[label] = partial(run, shape)
    times = alternate(runs, effort)
    ours = times["replay"]
    rows, goals = [], []
    for label in BASELINES[name]:
        theirs = times[label]
        goal = Goal(
            f"{_WORDS[name]} gradient, {shape.name}, {label} baseline",
            ours.best / theirs.best,
            _GOALS[name],
            why=_FIXED if shape.geometry.multiply_adds < _FEW_PRODUCTS else _PASSES,
        )
        cells = milliseconds(ours), milliseconds(theirs), number(goal.measured)
        rows.append((shape.name, label, *cells, number(ours.median / theirs.median), *goal.cells))
        goals.append(goal)
    return rows, goals


def _against_literal(shape: Shape, effort: Effort) -> tuple[Table, list[Goal]]:
    times = alternate(
        {
            "replay": lambda: methods.replay("weight", shape),
            "literal recursion": lambda: literal_weight(shape),
            "reference": lambda: methods.reference("weight", shape),
        },
        effort,
    )
    largest = {
        "replay": methods.replay("weight", shape).bound.max(),
        "literal recursion": literal_weight(shape)[1].max(),
        "reference": methods.reference("weight", shape).bound.max(),
    }
    speed = {label: times[label].best / times["replay"].best for label in times}
    tight = {label: float(largest["replay"] / largest[label]) for label in times}
    faster = Goal(
        "the literal recursion's time over the replay's on rn28",
        speed["literal recursion"],
        _LITERAL_GOAL,
        "≥",
        "What np.spacing costs depends on NumPy's build and on the processor.",
    )
    tighter = Goal(
        "the replay's largest bound over the literal one on rn28",
        tight["literal recursion"],
        _TIGHT_GOAL,
        why="A sum that rounding lifts to a power of two is charged twice its half ulp.",
    )
    cells_of: dict[str, tuple[Row, Row]] = {"literal recursion": (faster.cells, tighter.cells)}
    blank: Row = ("", "")
    rows = tuple(
        (
            label,
            milliseconds(times[label]),
            number(speed[label]),
            *cells_of.get(label, (blank, blank))[0],
            f"{largest[label]:.6g}",
            close(tight[label]),
            *cells_of.get(label, (blank, blank))[1],
        )
        for label in times
    )
    header = ("", "ms", "× replay", "goal", "reached", "largest bound", "replay's over it")
    caption = (
        f"Kernel gradient with its bound on rn28 ({shape.description}): the replay, the literal "
        "recursion (at every step, for all outputs at once, half ulps of product and sum by "
        "`np.spacing`), and the generic evaluation of the exported definitions, which rounds "
        'upward (`method="replay-reference"`).'
    )
    return Table(caption, (*header, "goal", "reached"), rows), [faster, tighter]
