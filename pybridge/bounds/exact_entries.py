"""Single entries of a result in exact arithmetic, if float64 cannot decide about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

import numpy as np

from pybridge.bounds.entry_terms import EntryTerms
from pybridge.bounds.true_errors import Index
from pybridge.engine.estimator import Inexact
from pybridge.engine.upward import Float64
from pybridge.problem.computation import Computation
from pybridge.problem.formats import FloatArray
from pybridge.truth.exact import exact_entry

__all__ = ["ExactEntries"]


class ExactEntries:
    """Exact numbers about a result's entries, each computed when it is asked for.

    `values` are the result's operands. `known` has the exact values so far.
    """

    def __init__(self, computation: Computation, values: Mapping[str, FloatArray]) -> None:
        self.computation = computation
        self.values = values
        self.known: dict[Index, Fraction] = {}

    def remember(self, exact: Sequence[Fraction], shape: tuple[int, ...]) -> None:
        """Keep all entries, in row-major order."""
        self.known = dict(zip(np.ndindex(*shape), exact, strict=True))

    def value(self, index: Index) -> Fraction:
        """Return the exact value of an entry."""
        if index not in self.known:
            self.known[index] = self._entry(self.values, index)
        return self.known[index]

    def magnitude(self, index: Index) -> Fraction:
        """Return Σ|x||y| plus the addend's magnitude."""
        return self._entry(self._magnitudes(), index)

    def deviation(self, index: Index, operands: Mapping[str, Inexact]) -> Fraction:
        """Return what deviations D of operands add to an error: Σ Dx·|y| + Σ|x|·Dy + Σ Dx·Dy +
        Db.
        """
        sizes = self._magnitudes()
        off = {
            key: np.broadcast_to(np.asarray(operand.deviation), sizes[key].shape)
            for key, operand in operands.items()
        }
        factors = [key for key in off if key in self.computation.factors]
        total = Fraction(0)
        for moved in product((False, True), repeat=len(factors)):
            if any(moved):
                chosen = {
                    key: (off if move else sizes)[key]
                    for key, move in zip(factors, moved, strict=True)
                }
                total += self._entry(chosen, index)
        addends = {key: off[key] for key in off if key in self.computation.addends}
        if addends:
            nothing = {key: np.zeros_like(sizes[key], dtype=np.float64) for key in factors}
            total += self._entry(nothing | addends, index)
        return total

    def _magnitudes(self) -> dict[str, Float64]:
        return {key: np.abs(value.astype(np.float64)) for key, value in self.values.items()}

    def _entry(self, values: Mapping[str, FloatArray], index: Index) -> Fraction:
        geometry = self.computation.geometry
        if geometry is None:
            return EntryTerms(self.computation, values).exact(index)
        return exact_entry(self.computation.name, geometry, values, index)
