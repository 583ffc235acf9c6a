"""What tests say of a result: ours, by `pybridge.testing`, and the recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from bench.studies.rounding_or_bug.kernels import Kernel, Numerics
from bench.studies.rounding_or_bug.problems import Problem
from bench.studies.rounding_or_bug.recipes import RECIPES, Known
from bench.studies.rounding_or_bug.unfold import unfold
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry
from pybridge.testing import Accumulation, Comparison, compare_gradient, compare_output, tf32

__all__ = ["Alarms", "Reference", "compare_result", "promise_of"]

_Gradient: TypeAlias = Literal["bias", "weight", "input"]


def promise_of(kernel: Kernel, numerics: Numerics) -> Accumulation:
    """What is true of a kernel that has no defect."""
    base = tf32(numerics.tf32) if numerics.tf32 else Accumulation.of(numerics.name)
    if kernel.splits == 1:
        return base
    across = None if kernel.across == "binary32" else kernel.across
    return Accumulation(**{**dict(base), "splits": kernel.splits, "across": across})


def compare_result(
    name: str,
    actual: FloatArray,
    geometry: Geometry,
    held: Mapping[str, FloatArray],
    accumulation: Accumulation,
) -> Comparison:
    """`compare_output` or `compare_gradient` of a result of held operands."""
    options: dict[str, Any] = {**geometry.options._asdict(), "accumulation": accumulation}
    if name == "output":
        return compare_output(actual, held["x"], held["weight"], held.get("bias"), **options)
    operands = (held.get("x"), held.get("weight"), held["grad_output"])
    return compare_gradient(actual, *operands, which=cast(_Gradient, name), **options)


@dataclass(frozen=True, slots=True)
class Alarms:
    """How many entries of a result are found wrong: by us, and by each recipe."""

    ours: int
    recipes: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A problem's operands in a format, the result of binary64, and what recipes make of it."""

    problem: Problem
    held: Mapping[str, FloatArray]
    reference: Float64
    tolerances: Mapping[str, Float64]

    @classmethod
    def of(cls, problem: Problem, numerics: Numerics, exact: Float64 | None = None) -> Reference:
        """Computes the reference in binary64, unless a better one is given."""
        held = problem.held(numerics)
        if exact is None:
            wide = {name: values.astype(np.float64) for name, values in held.items()}
            terms = unfold(problem.name, problem.geometry, wide)
            exact = _sum(terms.x, terms.y).reshape(terms.shape)
        with np.errstate(over="ignore"):
            reference = exact.astype(numerics.format.dtype).astype(np.float64)
        known = Known(numerics.format.name, reference, problem.terms, *problem.largest)
        tolerances = {recipe.name: recipe.tolerance(known) for recipe in RECIPES}
        return cls(problem, held, reference, tolerances)

    def by_recipes(self, actual: FloatArray) -> dict[str, int]:
        """The entries that each recipe finds wrong: nan, and infinities but the right one, too."""
        with np.errstate(invalid="ignore"):
            distance = np.abs(actual.astype(np.float64) - self.reference)
        same = actual.astype(np.float64) == self.reference
        return {
            name: int(np.count_nonzero(~same & ~(distance <= tolerance)))
            for name, tolerance in self.tolerances.items()
        }

    def compare(self, actual: FloatArray, accumulation: Accumulation) -> tuple[Comparison, Alarms]:
        """What all of them say of a result."""
        problem = self.problem
        found = compare_result(problem.name, actual, problem.geometry, self.held, accumulation)
        return found, Alarms(found.failed, self.by_recipes(actual))


def _sum(x: Float64, y: Float64) -> Float64:
    """Σ x·y over the leading axis, in blocks."""
    total = np.zeros(np.broadcast_shapes(x.shape[1:], y.shape[1:]))
    with np.errstate(all="ignore"):
        step = max(2**18 // max(total.size, 1), 1)
        for start in range(0, len(x), step):
            total += (x[start : start + step] * y[start : start + step]).sum(axis=0)
    return total
