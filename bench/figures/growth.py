"""Figure 5: memory at its peak, and time against the number of multiply-adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from bench import methods
from bench.baselines import unfolded_last
from bench.memory import peak_bytes
from bench.shapes import Shape, channels, shape
from bench.tables import Figure, Goal, Points, Row, Table, milliseconds, number
from bench.timing import Effort, alternate
from pybridge.exported.document import CONTRACTIONS
from pybridge.problem.results import Result

__all__ = ["measure"]

_MEMORY_GOAL = 4.0
_EXPONENT_GOAL = 1.05
_CHANNELS = (16, 32, 64, 128, 256)
_QUICK_CHANNELS = (2, 4, 8)

_TEXT = (
    "*Memory*: operands, which are there before, and all that a method allocates until it has "
    "values and bounds, at the peak, over operands and results (values in float32, bounds in "
    "float64), as NumPy reports it to tracemalloc; on rn56, for each result by itself. Operands "
    "are those that the result depends on. It runs in a new thread, so that memory that is kept "
    "for the next call is counted; what BLAS allocates for itself is not. What limits it: padded "
    "copies of operands, blocks of patches of 2 MiB, a float64 array beside each bound, and for "
    "the replay the operands laid out for its steps, block by block.\n\n"
    "*Time*: 3×3 kernels on 28×28 images, from {first} to {last} channels, as many out as in; the "
    "exponent is that of the power of the number of multiply-adds (those with padding counted) "
    "that fits the best times in least squares of the logarithms. Linear is 1; the goal is read as "
    "at most {goal}. Below 1, what does not depend on the size is spread over more work. The "
    "gradient without a bound is that of figure 2, channels last. What limits it: the operations, "
    "done in blocks whose size does not depend on the layer's; larger layers read more of their "
    "operands from outside the cache."
)
_MEMORY_WHY = {
    "replay": "The operands of several steps are laid out at once, and with them a mask of the "
    "terms that padding skips, each step's as large as the result.",
    "replay-reference": "It evaluates the exported laws with temporaries for each of their parts; "
    "it is there to be compared with, not to be used.",
    "any-order": "Blocks of 2 MiB, and what is kept of the planning, are not small beside results "
    "as small as these.",
    "enclosure": "Blocks of 2 MiB, and the operands in float64, are not small beside results as "
    "small as these.",
}
_EXPONENT_WHY = (
    "The smallest layer stays in the second-level cache and the larger ones do not, so that a "
    "multiply-add costs a little more there."
)


def measure(effort: Effort, progress: Callable[[str], None]) -> Figure:
    """Measures memory on rn56, and time over the numbers of channels."""
    memory, goals = _memory(shape("rn56", quick=effort.quick), progress)
    counts = _QUICK_CHANNELS if effort.quick else _CHANNELS
    times, lines, growths = _growth(counts, effort, progress)
    text = _TEXT.format(first=counts[0], last=counts[-1], goal=_EXPONENT_GOAL)
    return Figure(5, "Memory and growth", text, [memory, times], [*goals, *growths], lines)


def _memory(shape: Shape, progress: Callable[[str], None]) -> tuple[Table, list[Goal]]:
    rows: list[Row] = []
    goals: list[Goal] = []
    for method, run in methods.METHODS.items():
        for name in CONTRACTIONS:
            progress(f"memory of {method}, {name}")
            peak, result = peak_bytes(partial(run, name, shape))
            operands = sum(shape.operands[key].value.nbytes for key in Result(name).operands)
            results = result.value.nbytes + result.bound.nbytes
            goal = Goal(
                f"{method}, {_WORDS[name]}",
                (operands + peak) / (operands + results),
                _MEMORY_GOAL,
                why=_MEMORY_WHY[method],
            )
            sizes = _mebibytes(operands + results), _mebibytes(operands + peak)
            rows.append((method, _WORDS[name], *sizes, number(goal.measured), *goal.cells))
            goals.append(goal)
    header = ("method", "result", "operands and results, MiB", "peak, MiB", "multiple")
    caption = f"Memory at its peak on rn56 ({shape.description})."
    return Table(caption, (*header, "goal", "reached"), tuple(rows)), goals


_WORDS: Mapping[str, str] = {
    "output": "the output",
    "bias": "the bias gradient",
    "weight": "the kernel gradient",
    "input": "the input gradient",
}


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.3g}"


def _growth(
    counts: Sequence[int], effort: Effort, progress: Callable[[str], None]
) -> tuple[Table, list[Points], list[Goal]]:
    work: list[int] = []
    seconds: dict[str, list[float]] = {}
    cells: dict[str, list[str]] = {}
    for count in counts:
        here = channels(count, quick=effort.quick)
        progress(f"time with {here.name}")
        work.append(here.geometry.multiply_adds)
        for label, timing in alternate(_contenders(here), effort).items():
            seconds.setdefault(label, []).append(timing.best)
            cells.setdefault(label, []).append(milliseconds(timing))
    lines = [
        Points(label, tuple(work), tuple(times), _exponent(work, times))
        for label, times in seconds.items()
    ]
    rows: list[Row] = []
    goals: list[Goal] = []
    for line in lines:
        goal = Goal(
            f"exponent of {line.label}",
            line.exponent,
            _EXPONENT_GOAL,
            why=_EXPONENT_WHY,
        )
        bounded = line.label != _UNBOUNDED
        if bounded:
            goals.append(goal)
        ends = goal.cells if bounded else ("", "")
        rows.append((line.label, *cells[line.label], f"{line.exponent:.3f}", *ends))
    header = ("ms", *(f"{count} ({number(n)})" for count, n in zip(counts, work, strict=True)))
    caption = "Time by the number of channels (multiply-adds), and the fitted exponent."
    return Table(caption, (*header, "exponent", "goal", "reached"), tuple(rows)), lines, goals


_UNBOUNDED = "kernel gradient alone"


def _contenders(shape: Shape) -> dict[str, Callable[[], object]]:
    values = np.ascontiguousarray(unfolded_last(shape))
    return {
        "replay, kernel gradient": lambda: methods.replay("weight", shape),
        "replay, input gradient": lambda: methods.replay("input", shape),
        "any-order, kernel gradient": lambda: methods.any_order("weight", shape),
        "enclosure, kernel gradient": lambda: methods.enclosure("weight", shape, values),
        _UNBOUNDED: lambda: unfolded_last(shape),
    }


def _exponent(work: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of the line that fits the logarithms in least squares."""
    return float(np.polyfit(np.log(work), np.log(seconds), 1)[0])
