"""Whether the entries of a result are zero, multiples of the right ones, or rearranged.

This is checked at all entries that it is said about: each has to be within what the promise allows
the entry that it is taken for, and the uncertainty of the exact value counts against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pybridge.bounds.depth import ENOUGH_POWER, power
from pybridge.bounds.judge import Judgement
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Mask
from pybridge.engine.upward import Float64

__all__ = ["multiples", "rearranged", "zeros"]

_MARGIN = 2.0**-48
"""Covers float64's roundings in these comparisons."""

_SAMPLE = 256
"""How many entries are looked at before all are."""

_TELLING = 2.0
"""How far, in units of what is allowed, a factor has to move half of the entries, since rounding in
one direction looks like a factor, too.
"""

_DENOMINATORS = (1, 16, 1024)
"""The largest denominators of factors, the simplest first."""


def zeros(returned: KernelResult, failures: Mask) -> str | None:
    """Return words if all entries, or all that fail, are zero."""
    if not returned.values.any():
        return "every entry is zero"
    if returned.values[failures].any():
        return None
    return "every entry is zero" if failures.all() else "these entries are zero"


def multiples(returned: KernelResult, judged: Judgement, failures: Mask) -> str | None:
    """Return in words the factor between all failing entries and the right ones, if there is
    one.
    """
    values = returned.values[failures].astype(np.float64)
    exact, slack = judged.errors.reference[failures], judged.errors.slack[failures]
    allowance = judged.allowance[failures]
    scale = float(np.abs(exact).max(initial=0.0))
    if values.size < 2 or not scale or power(judged, failures) < ENOUGH_POWER:
        return None
    with np.errstate(all="ignore"):
        factor = float(np.divide(values @ (exact / scale), exact @ (exact / scale)))
    if not math.isfinite(factor) or factor == 0:
        return None
    simple = [Fraction(factor).limit_denominator(most) for most in _DENOMINATORS]
    for c in [c for c in simple if c] + [Fraction(f"{factor:.6g}")]:
        if np.median(np.abs(float(c) - 1) * np.abs(exact) / allowance) < _TELLING:
            continue
        size = abs(float(c))
        off = np.abs(values - float(c) * exact) + size * (slack + np.abs(exact) * _MARGIN)
        if bool((off * (1 + _MARGIN) <= size * (1 - _MARGIN) * allowance).all()):
            if c == -1:
                return "these entries have the wrong sign"
            times = str(c) if c.denominator <= _DENOMINATORS[-1] else f"{float(c):.6g}"
            return f"these entries are {times} times what they should be"
    return None


def rearranged(returned: KernelResult, judged: Judgement, failures: Mask) -> str | None:
    """Return how the entries are rearranged, if the result is otherwise right."""
    if power(judged) < ENOUGH_POWER or len(returned.computation.units) > 1:
        return None
    errors = judged.errors
    actual, reference, slack, allowance = (
        np.asarray(returned.computation.outward(values))
        for values in (
            returned.values.astype(np.float64),
            errors.reference,
            errors.slack,
            judged.allowance,
        )
    )
    sample = _sample(np.asarray(returned.computation.outward(failures)))
    for words, move in _moves(returned.computation.axes, actual.shape):
        at = [move(values) for values in (reference, slack, allowance)]
        if _within(actual[sample], *(values[sample] for values in at)) and _within(actual, *at):
            return words
    return None


def _within(actual: Float64, reference: Float64, slack: Float64, allowance: Float64) -> bool:
    off = np.abs(actual - reference) + slack
    return bool((off * (1 + _MARGIN) <= allowance).all())


def _sample(failures: Mask) -> tuple[npt.NDArray[np.intp], ...]:
    places = np.argwhere(failures)
    return tuple(places[:: max(len(places) // _SAMPLE, 1)].T)


Move = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def _moves(names: Sequence[str], shape: Sequence[int]) -> Iterator[tuple[str, Move]]:
    """Yield rearrangements that keep the shape, in words and as functions."""
    kernel = tuple(axis for axis, name in enumerate(names) if name.startswith("kernel "))
    if kernel:
        yield "the kernel is flipped", lambda values: np.flip(values, kernel)
    for a, b in pairwise(range(len(shape))):
        if shape[a] == shape[b]:
            words = f"{names[a]}s and {names[b]}s are transposed"
            yield words, lambda values, a=a, b=b: values.swapaxes(a, b)  # type: ignore[misc]
    for axis, name in enumerate(names):
        if shape[axis] == 1:
            continue
        yield f"{name}s are in reverse", lambda values, axis=axis: np.flip(values, axis)  # type: ignore[misc]
        for step, side in ((1, "before"), (-1, "after")):
            words = f"each {name} is the one that should be {side} it, the first being the last"
            yield words, lambda values, axis=axis, step=step: np.roll(values, step, axis)  # type: ignore[misc]
