"""Planted defects: which of them rounding could explain, and who catches the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from bench.studies.rounding_or_bug.defects import DEFECTS, LONG, Defect, planted_problem
from bench.studies.rounding_or_bug.kernels import NUMERICS, Numerics
from bench.studies.rounding_or_bug.verdicts import Reference, promise_of
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray
from pybridge.truth.exact import exact_results

__all__ = ["Outcome", "run_planted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A defect in a format.

    `exceeding` counts the entries whose true error, by exact arithmetic that shares nothing with
    the tests, is more than the promise allows; `ratio` is the largest of error / allowance. Errors
    are those to the exact result of the operands that the kernel multiplies.
    `caught` counts by test the entries found wrong, ours under "ours", and `honest` those of the
    same kernel's result without the defect: a test that finds some is no evidence of a defect.
    """

    defect: Defect
    numerics: str
    entries: int
    exceeding: int
    ratio: float
    caught: Mapping[str, int]
    honest: Mapping[str, int]
    message: str

    @property
    def exceeds(self) -> bool:
        """Whether rounding cannot explain it."""
        return self.exceeding > 0


def run_planted(progress: Callable[[str], None], *, quick: bool = False) -> list[Outcome]:
    """Plants every defect in every format; `quick`: in one each, and not in the long sums."""
    outcomes = []
    for defect in DEFECTS:
        if quick and defect.layer in LONG:
            continue
        for name in defect.dtypes[-1:] if quick else defect.dtypes:
            progress(f"{defect.what}, {name}")
            outcomes.append(_outcome(defect, NUMERICS[name]))
    return outcomes


def _outcome(defect: Defect, numerics: Numerics) -> Outcome:
    problem = defect.problem
    exact = _exact(defect.layer, defect.name, numerics)
    held = _exact(defect.layer, defect.name, replace(numerics, tf32=None))
    nearest = np.array([float(value) for value in held]).reshape(problem.shape)
    given = Reference.of(problem, numerics, nearest)
    actual = defect.result(numerics)
    promise = promise_of(defect.kernel, numerics)
    found, alarms = given.compare(actual, promise)
    _, before = given.compare(defect.without(numerics), promise)
    exceeding, ratio = _true_errors(actual, exact, found.allowance)
    return Outcome(
        defect=defect,
        numerics=numerics.name,
        entries=found.entries,
        exceeding=exceeding,
        ratio=ratio,
        caught={"ours": alarms.ours, **alarms.recipes},
        honest={"ours": before.ours, **before.recipes},
        message=found.message,
    )


def _true_errors(
    actual: FloatArray, exact: tuple[Fraction, ...], allowance: Float64
) -> tuple[int, float]:
    """The entries whose error is more than allowed, and the largest error over its allowance."""
    values = actual.astype(np.float64).ravel().tolist()
    exceeding, largest = 0, 0.0
    for value, true, allowed in zip(values, exact, allowance.ravel().tolist(), strict=True):
        error = abs(Fraction(value) - true)
        exceeding += error > Fraction(allowed)
        largest = max(largest, float(error) / allowed)
    return exceeding, largest


@lru_cache(maxsize=64)
def _exact(layer: str, name: str, numerics: Numerics) -> tuple[Fraction, ...]:
    """The exact result of the operands as a kernel reads them."""
    problem = planted_problem(layer, name)
    held = problem.held(numerics)
    read = {key: values if key == "bias" else numerics.read(values) for key, values in held.items()}
    return tuple(exact_results(problem.geometry, read, [name])[name].fractions())
