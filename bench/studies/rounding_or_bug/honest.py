"""Honest kernels: how often a test finds wrong what is only rounded."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt

from bench.studies.rounding_or_bug.defects import DEFECTS, planted_problem
from bench.studies.rounding_or_bug.kernels import NUMERICS, SCHEMES, Kernel, Numerics
from bench.studies.rounding_or_bug.problems import (
    Budget,
    Problem,
    networks,
    samples,
    suite_problems,
)
from bench.studies.rounding_or_bug.recipes import RECIPES
from bench.studies.rounding_or_bug.verdicts import Reference, promise_of
from pybridge.testing import Comparison

__all__ = ["EDGES", "Honest", "Kind", "Point", "kinds", "run_honest"]

EDGES: npt.NDArray[np.float64] = np.arange(-16.0, 1.01, 0.25)
"""Edges of bins of log₂(error / allowance); smaller ratios are in the first bin."""

_DRAWN = "sequential"
_QUICK_CASES = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """A kernel in a format."""

    numerics: Numerics
    kernel: Kernel


@dataclass(slots=True)
class Honest:
    """What became of the results of a kind: their number, entries, and how many were found wrong.

    `alarms` counts entries by test, ours under "ours"; `first` describes the first result in which
    we found some wrong. `histogram` counts entries in the bins of `EDGES`, `largest` is the largest
    ratio of an error to what is allowed.
    """

    kind: Kind
    results: int = 0
    entries: int = 0
    alarms: dict[str, int] = field(default_factory=dict)
    histogram: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(EDGES) - 1, np.int64)
    )
    largest: float = 0.0
    first: str = ""

    def add(self, given: Reference, found: Comparison, recipes: dict[str, int]) -> None:
        """Counts a result."""
        self.results += 1
        self.entries += found.entries
        for name, count in {"ours": found.failed, **recipes}.items():
            self.alarms[name] = self.alarms.get(name, 0) + count
        seen = (found.allowance > 0) & np.isfinite(found.allowance) & np.isfinite(found.errors)
        with np.errstate(divide="ignore"):
            ratios = found.errors[seen] / found.allowance[seen]
            places = np.clip(np.log2(ratios), EDGES[0], EDGES[-1])
        self.histogram += np.histogram(places, EDGES)[0]
        self.largest = max(self.largest, float(ratios.max(initial=0.0)))
        if found.failed and not self.first:
            self.first = f"{given.problem.label}, {given.problem.name}: {found.message}"


@dataclass(frozen=True, slots=True)
class Point:
    """Of a layer's kernel gradient, among the sampled entries of n terms that with the largest
    true error: this error, and the tolerances by name.
    """

    numerics: str
    terms: int
    error: float
    tolerances: dict[str, float]


def kinds() -> list[Kind]:
    """Every kernel in every format.

    In other formats than binary32 the products are exact in binary32, so that a fused multiply-add
    is the same as a product and an addition: it is left out.
    """
    return [
        Kind(numerics, kernel)
        for numerics in NUMERICS.values()
        for kernel in SCHEMES
        if numerics.name == "float32" or not kernel.fused
    ]


def run_honest(
    progress: Callable[[str], None], *, quick: bool = False
) -> tuple[list[Honest], list[Point]]:
    """Computes every problem by every kind of kernel, and asks all tests about the results."""
    found = {kind: Honest(kind) for kind in kinds()}
    points: list[Point] = []
    for numerics in NUMERICS.values():
        for problem in _problems(numerics, quick=quick):
            progress(f"honest kernels in {numerics.name}, {problem.label}")
            given = Reference.of(problem, numerics)
            terms = problem.read(numerics)
            seed = zlib.crc32(f"{problem.label} {problem.name}".encode())
            for kind, honest in found.items():
                if kind.numerics is not numerics:
                    continue
                rng = np.random.default_rng(seed)
                sums = kind.kernel.sum(terms.x, terms.y, rng).reshape(terms.shape)
                actual = numerics.store(sums)
                comparison, alarms = given.compare(actual, promise_of(kind.kernel, numerics))
                honest.add(given, comparison, dict(alarms.recipes))
                if kind.kernel.name == _DRAWN and problem.label.startswith("resnet50-"):
                    points += _point(given, comparison, numerics)
    return list(found.values()), points


def _problems(numerics: Numerics, *, quick: bool) -> Iterator[Problem]:
    cases = suite_problems(numerics)
    yield from islice(cases, _QUICK_CASES) if quick else cases
    budget = Budget(2**13, 4, 16) if quick else Budget()
    for layer in networks(quick=quick):
        yield from samples(layer, budget)
    if not quick:
        for layer_name, name in dict.fromkeys((d.layer, d.name) for d in DEFECTS):
            yield planted_problem(layer_name, name)


def _point(given: Reference, found: Comparison, numerics: Numerics) -> list[Point]:
    if given.problem.name != "weight":
        return []
    place = np.unravel_index(int(np.argmax(found.errors)), found.shape)
    tolerances = {recipe.name: float(given.tolerances[recipe.name][place]) for recipe in RECIPES}
    tolerances["ours"] = float(found.allowance[place])
    terms = given.problem.geometry.width.size
    return [Point(numerics.name, terms, float(found.errors[place]), tolerances)]
