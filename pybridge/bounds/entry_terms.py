"""The terms of single entries of any contraction, read from its operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.bounds.terms import loop_indices
from pybridge.bounds.true_errors import Index
from pybridge.engine.indices import Reader
from pybridge.engine.upward import Float64
from pybridge.exported.expressions import size_value
from pybridge.problem.computation import Computation
from pybridge.truth.dyadic import Dyadic

__all__ = ["EntryTerms"]


class EntryTerms:
    """Reads the terms of entries: arrays over the loops of the sum, zero where a term is
    skipped.
    """

    def __init__(self, computation: Computation, values: Mapping[str, npt.NDArray[Any]]) -> None:
        contraction, numbers = computation.contraction, computation.numbers
        self.computation, self.values = computation, values
        self.factors = [Reader.of(access, numbers) for access in contraction.factors]
        self.addends = [Reader.of(access, numbers) for access in contraction.addends]
        self.summed = [size_value(size, numbers) for size in contraction.red]

    def read(self, index: Index) -> list[Float64]:
        """Return the factors of each term of the entry at an index of the contraction's result."""
        out = loop_indices(index, self.computation)
        return [self._read(reader, out, self.summed) for reader in self.factors]

    def products(self, index: Index) -> Float64:
        """Return the products of an entry in float64, along the loops of the sum."""
        total, *factors = self.read(index)
        for factor in factors:
            total = total * factor
        return total

    def exact(self, index: Index) -> Fraction:
        """Return the exact value of an entry, addends included."""
        first, *others = map(Dyadic.of, self.read(index))
        for other in others:
            first = first * other
        numerator: int = sum(first.numerators.ravel().tolist())
        total = numerator * Fraction(2) ** first.exponent
        out = loop_indices(index, self.computation)
        for reader in self.addends:
            if reader.name in self.values:
                total += Fraction(float(self._read(reader, out, []).item()))
        return total

    def _read(self, reader: Reader, out: Sequence[int], sizes: Sequence[int]) -> Float64:
        grid = np.ix_(*map(np.arange, sizes))
        inside = np.ones(sizes, bool)
        indices = []
        for axis in reader.axes:
            total = np.full((1,) * len(sizes), axis.offset, np.int64)
            total += sum(c * i for c, i in zip(axis.out, out, strict=True))
            for coefficient, along in zip(axis.red, grid, strict=True):
                total = total + coefficient * along
            at, rest = np.divmod(total, axis.divisor)
            inside &= (rest == 0) & (at >= 0) & (at < axis.extent)
            indices.append(at.clip(0, axis.extent - 1))
        taken = self.values[reader.name][tuple(indices)]
        return np.where(inside, taken.astype(np.float64), 0.0)
