"""Figure 4: other packages that give rigorous results, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench import methods
from bench.baselines import unfolded_last
from bench.peers import Matrices, Peer, Sample, arb, fmpz, fraction, interval
from bench.shapes import Shape, shape
from bench.tables import Figure, Goal, Row, Table, close, milliseconds, number
from bench.timing import Effort, Timing, alternate
from bench.truth import true_errors
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray

__all__ = ["measure"]

_SAMPLED = 4
_CONVERSION = "with conversion"
_OURS = ("any-order", "enclosure", "replay")

_TEXT = (
    "The kernel gradient of rn28 from the same float32 operands by packages whose results are "
    "rigorous, too. `arb_mat` (python-flint) multiplies matrices of balls with 53 bits, `fmpz_mat` "
    "exact integers, to which the operands are scaled by powers of two; both get the im2col "
    "matrices ready-made, and *with conversion* includes making their numbers from NumPy's, "
    "through lists. `mpmath.iv` (53 bits) and `fractions.Fraction` compute {count} entries; the "
    "time is extrapolated by the number of multiply-adds, {sampled:,} of {whole:,}, and leaves out "
    "the conversion. Reading out results is never counted. The times of pybridge are those of the "
    "bound alone for any order and enclosure, and of values and bounds for the replay.\n\n"
    "*Radius* is the largest radius of the peer's own result, or the largest bound, over the "
    "largest true error of the float32 gradient (of the replay's values for the replay); *bound of "
    "the gradient* is what the result says about the given float32 gradient, |gradient − centre| + "
    "radius, over the same; for samples both are over the sampled entries' largest error. Peers "
    "and enclosure answer the same question about a given gradient; the any-order bound holds for "
    "all orders and does not look at the gradient, and the replay states one order, which makes "
    "them looser."
)

_EXPECTED = {
    "arb_mat": 2.0,
    f"arb_mat, {_CONVERSION}": 5.0,
    "fmpz_mat": 4.0,
    "mpmath.iv": 1e4,
    "Fraction": 1e3,
}
_WHY = {
    "any-order": "The layer is too small for the products to dominate.",
    "enclosure": "The layer is too small for the products to dominate.",
    "replay": "The replay keeps a stated order of summation, so that no fast product of matrices "
    "can be used: its time is that of NumPy's elementwise operations, where the peer may sum as is "
    "fastest.",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the table: the times, and both ratios to the true error."""

    timing: Timing
    radius: float
    bound: float | None


def measure(effort: Effort, progress: Callable[[str], None]) -> Figure:
    """Measures the peers and pybridge in turns."""
    here = shape("rn28", quick=effort.quick)
    sample = Sample.of(here, _SAMPLED)
    whole = int(methods.estimates("weight", here).counts.sum()) * _spread(here)
    progress("exact gradient, rn28")
    values = np.ascontiguousarray(unfolded_last(here))
    errors = true_errors(here, values)
    progress("peers, rn28")
    entries = _measure(here, values, errors, sample, whole, effort)
    rows: list[Row] = []
    goals: list[Goal] = []
    for label, entry in entries.items():
        ratios = {ours: entry.timing.best / entries[ours].timing.best for ours in _OURS}
        verdict = ("", "")
        if label not in _OURS:
            made = [
                Goal(
                    f"the time of {label} over that of {ours}",
                    ratios[ours],
                    1.0,
                    "≥",
                    _WHY[ours],
                )
                for ours in _OURS
            ]
            goals += made
            slower = [ours for ours, goal in zip(_OURS, made, strict=True) if not goal.reached]
            expected = _EXPECTED.get(label)
            verdict = (
                "yes" if not slower else f"no: {', '.join(slower)}",
                "" if expected is None else f"{number(expected)}",
            )
        rows.append(
            (
                label,
                milliseconds(entry.timing),
                *(number(ratios[ours]) for ours in _OURS),
                *verdict,
                close(entry.radius),
                "–" if entry.bound is None else close(entry.bound),
            )
        )
    header = ("method", "ms", *(f"× {ours}" for ours in _OURS), "pybridge is faster", "expected ×")
    table = Table(
        f"Kernel gradient of rn28 ({here.description}).",
        (*header, "radius / error", "bound of the gradient / error"),
        tuple(rows),
    )
    text = _TEXT.format(count=len(sample.places), sampled=sample.products, whole=whole)
    return Figure(4, "Peers", text, [table], goals)


def _spread(shape: Shape) -> int:
    """Return how many entries of the kernel gradient each entry of the counts stands for."""
    counts = methods.estimates("weight", shape).counts
    return int(np.prod(shape.geometry.weight_shape)) // counts.size


def _measure(
    shape: Shape, values: FloatArray, errors: Float64, sample: Sample, whole: int, effort: Effort
) -> dict[str, _Entry]:
    """Measure all methods in turns, and what they say about a gradient whose errors are known."""
    matrices = Matrices(shape)
    full: dict[str, Peer] = {"arb_mat": arb(matrices), "fmpz_mat": fmpz(matrices)}
    sampled: dict[str, Peer] = {"mpmath.iv": interval(sample), "Fraction": fraction(sample)}
    peers = full | sampled
    converted = {label: peer.convert() for label, peer in peers.items()}
    runs: dict[str, Callable[[], object]] = {
        "any-order": lambda: methods.any_order("weight", shape),
        "enclosure": lambda: methods.enclosure("weight", shape, values),
        "replay": lambda: methods.replay("weight", shape),
    }
    for label, peer in peers.items():
        runs[label] = partial(peer.multiply, converted[label])
        if label in full:
            runs[f"{label}, {_CONVERSION}"] = peer.both
    times = alternate(runs, effort)
    for label in sampled:
        times[label] = times[label].scaled(whole / sample.products)

    largest = float(errors.max())
    replayed = methods.replay("weight", shape)
    replay_error = float(true_errors(shape, replayed.value).max())
    any_order = float(methods.any_order("weight", shape).max()) / largest
    enclosed = float(methods.enclosure("weight", shape, values).max()) / largest
    entries = {
        "any-order": _Entry(times["any-order"], any_order, any_order),
        "enclosure": _Entry(times["enclosure"], enclosed, enclosed),
        "replay": _Entry(times["replay"], float(replayed.bound.max()) / replay_error, None),
    }
    for label, peer in peers.items():
        centres, radii = peer.read(peer.multiply(converted[label]))
        about, error = values, largest
        if label in sampled:
            about, error = sample.at(values), float(sample.at(errors).max())
        bound = float((np.abs(about - centres) + radii).max())
        for key in (label, f"{label}, {_CONVERSION}"):
            if key in times:
                entries[key] = _Entry(times[key], float(radii.max()) / error, bound / error)
    return entries
