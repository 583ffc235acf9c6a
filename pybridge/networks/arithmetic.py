"""The arithmetics in which a network is evaluated: pairs of values and bounds of their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from pybridge.engine.accumulation import Accumulation
from pybridge.engine.coefficients import round_up
from pybridge.engine.elementwise import Pairs, apply_law
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.reference import evaluate
from pybridge.exported.document import Definitions, load_definitions
from pybridge.problem.computation import Computation
from pybridge.problem.formats import FloatArray, FloatFormat, format_of

__all__ = ["Arithmetic", "Order"]

Order = Literal["stated", "any"]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A format, in which every operation is rounded, and the order of sums.

    In the `stated` order, values and bounds follow the exported laws (Lean: `boundNet`). In `any`
    order, sums are computed by BLAS, and each has the bound of sums in any order (Lean:
    `Contraction.get_estimate_two`, and its versions for other numbers of operands).
    """

    format: FloatFormat
    order: Order
    definitions: Definitions = field(default_factory=load_definitions)

    @classmethod
    def of(cls, format: str, order: Order) -> Arithmetic:
        """Return the arithmetic of a format by name."""
        return cls(format_of(format, load_definitions()), order)

    def law(self, name: str, **operands: Pairs) -> Pairs:
        """Apply an exported law: add, mul, max, greater, at_least, choose or div."""
        return apply_law(getattr(self.definitions.data.laws, name), self.format, **operands)

    def number(self, number: float | Fraction) -> Pairs:
        """Return a number, rounded, with the error of its rounding (Lean: `Approx.const`)."""
        exact = Fraction(number)
        with np.errstate(all="ignore"):
            value = np.array(float(exact)).astype(self.format.dtype)
        return Pairs(value, np.array(round_up(abs(Fraction(float(value)) - exact))))

    def zeros(self, shape: tuple[int, ...] = ()) -> Pairs:
        """Return zeros without error."""
        return Pairs(np.zeros(shape, self.format.dtype), np.zeros(shape))

    def contract(self, computation: Computation, operands: Mapping[str, Pairs]) -> Pairs:
        """Return a result of an operation on operands by name, of the computation's shapes."""
        inexact = {
            name: Inexact(np.ascontiguousarray(operands[name].value), _deviation(operands[name]))
            for name in computation.operands
        }
        if self.order == "stated":
            laws = self.definitions.data.laws
            evaluation = evaluate(
                computation.contraction, laws, computation.numbers, self.format, inexact
            )
            return Pairs(evaluation.value, evaluation.bound)
        estimates = Estimator(
            computation.contraction, computation.numbers, inexact, self.definitions
        )
        value: FloatArray = np.ascontiguousarray(estimates.rounded(self.format))
        bound = estimates.any_order(Accumulation.of(self.format.name))
        bound[~np.isfinite(value)] = np.inf
        return Pairs(value, bound)


def _deviation(pairs: Pairs) -> float | np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return how far exact numbers may be from the values; one number if all are equal."""
    eps = np.ascontiguousarray(pairs.eps)
    first = float(eps.flat[0])
    return first if bool((eps == first).all()) else eps
