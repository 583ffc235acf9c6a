"""One result of a case, entry by entry, as a check compared it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from pybridge.engine.reference import Evaluation
from pybridge.lean.protocol import TensorResult
from pybridge.problem.case import Case

__all__ = ["Observed", "Observer"]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A result of a case, its entries in row-major order.

    `errors` are exact: the largest distance of the value from the exact result, over the operands
    as given and moved by their eps; None if the entry overflowed. `bounds` are Lean's, exact.
    """

    case: Case
    which: str
    shape: tuple[int, ...]
    errors: tuple[Fraction | None, ...]
    bounds: tuple[Fraction, ...]

    @classmethod
    def of(
        cls,
        case: Case,
        which: str,
        evaluation: Evaluation,
        lean: TensorResult,
        exact: Mapping[str, Sequence[Fraction]],
    ) -> Observed:
        """Compare what NumPy evaluated with Lean's bounds and the exact results of each pattern."""
        values = evaluation.value.astype(np.float64).ravel().tolist()
        overflow = evaluation.overflow.ravel().tolist()
        errors = tuple(
            None
            if overflow[i] or lean.value[i] is None
            else max(abs(entries[i] - Fraction(value)) for entries in exact.values())
            for i, value in enumerate(values)
        )
        return cls(case, which, evaluation.value.shape, errors, lean.bound)

    def index(self, position: int) -> tuple[int, ...]:
        """Return the index of the entry at a position in row-major order."""
        return tuple(int(i) for i in np.unravel_index(position, self.shape))

    def worst(self) -> int | None:
        """Return the position of the first entry with the largest error / bound.

        None if every entry overflowed or has a bound of 0.
        """
        best: tuple[Fraction, int] | None = None
        for position, (error, bound) in enumerate(zip(self.errors, self.bounds, strict=True)):
            if error is not None and bound and (best is None or error / bound > best[0]):
                best = error / bound, position
        return None if best is None else best[1]


Observer: TypeAlias = Callable[[Observed], None]
"""Called with each result as soon as it was compared."""
