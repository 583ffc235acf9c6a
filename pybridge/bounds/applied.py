"""A computation applied to operands: computed, enclosed, and known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from pybridge.bounds.entry_terms import EntryTerms
from pybridge.bounds.theorems import Proved
from pybridge.bounds.true_errors import TrueErrors
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.reference import Evaluation, evaluate
from pybridge.engine.replay import evaluate_replay
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.problem.computation import Computation
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.operands import Operand
from pybridge.truth.exact import exact_results

__all__ = ["EXACT_WORK", "Applied", "Enclosure", "exact_result"]

EXACT_WORK = 2**31
"""The most products times 64-bit words of an exact result: some 20 seconds."""


class Enclosure(NamedTuple):
    """The bounds of all entries, a float64 array, and what proves them."""

    bound: Float64
    proved: Proved


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """A computation on operands by name, of its shapes; others than its own are ignored."""

    computation: Computation
    operands: Mapping[str, Operand]

    def evaluate(self, format: FloatFormat, *, fast: bool = False) -> Evaluation:
        """Return the values in the stated order and their bounds, with overflow marked.

        The reference evaluation computes them, or if `fast` the replay, with the same values.
        """
        what = self.computation
        if fast:
            return evaluate_replay(
                what.contraction, what.numbers, format, self.operands, what.definitions
            )
        laws = what.definitions.data.laws
        return evaluate(what.contraction, laws, what.numbers, format, self.operands)

    def estimator(
        self, operands: Mapping[str, Operand] | Mapping[str, Inexact] | None = None
    ) -> Estimator:
        """Return the estimator of the result for operands, by default its own."""
        chosen = self.operands if operands is None else operands
        what = self.computation
        return Estimator(what.contraction, what.numbers, chosen, what.definitions, what.names)

    def enclosure(self, computed: FloatArray, rest: Float64 | None = None) -> Enclosure:
        """Return how far an array may be from the exact result, whatever computed it.

        The array is `computed`, of the result's shape, plus `rest` if that is not None. In binary32
        or shorter it is compared with a result that is computed in binary64; in binary64, with
        exact products of slices of the operands. If the numbers are too large, or their exponents
        too far apart, it is compared with the exact result, or refused with `InputError` if that
        takes more than `EXACT_WORK`.
        """
        estimates = self.estimator()
        if rest is None and computed.dtype.itemsize <= 4:
            bound = estimates.enclosure(computed)
            if np.isfinite(bound.max()):
                return Enclosure(bound, "enclosure")
        elif (errors := TrueErrors.by_slices(computed, estimates, rest)) is not None:
            return Enclosure(estimates.around(errors.upper), "slices")
        values = {key: operand.value for key, operand in self.operands.items()}
        exact = exact_result(self.computation, values)
        errors = TrueErrors.exactly(computed, exact, rest)
        return Enclosure(estimates.around(errors.upper), "enclosure")


def exact_result(computation: Computation, operands: Mapping[str, FloatArray]) -> list[Fraction]:
    """Return all entries of an exact result, row-major; `InputError` beyond `EXACT_WORK`."""
    values = {key: operands[key] for key in computation.operands if key in operands}
    words = sum(map(_bits, values.values())) // 64 + 1
    work = computation.multiply_adds
    if len(computation.factors) > 1:
        work *= words
    if work > EXACT_WORK:
        raise InputError(
            "a bound for a result in binary64 of operands whose exponents are this far apart needs "
            f"the exact one: of {computation.multiply_adds} products with {64 * words} bits, which "
            "is more than is reasonable; give a smaller one, the result in binary32, or take the "
            "method any-order"
        )
    if computation.geometry is None:
        terms = EntryTerms(computation, values)
        return [terms.exact(index) for index in np.ndindex(*computation.shape)]
    name = computation.name
    return exact_results(computation.geometry, values, [name])[name].fractions()


def _bits(values: FloatArray) -> int:
    """Return how many bits the entries have over a common power of two."""
    exponents = np.frexp(values.astype(np.float64)[values != 0])[1]
    return 53 + int(np.ptp(exponents)) if exponents.size else 1
