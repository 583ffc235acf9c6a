"""One result of a case, entry by entry: what a check compared, for who wants to look at it."""

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

    `errors` are exact: how far the value is from the exact result, of those for the operands as
    given and moved by their eps the farthest; None where the entry overflowed. `bounds` are Lean's,
    exact.
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
        """What NumPy evaluated, against Lean's bounds and the exact results of each pattern."""
        values = evaluation.value.astype(np.float64).ravel().tolist()
        overflow = evaluation.overflow.ravel().tolist()
        errors = tuple(
            None
            if overflow[i] or lean.value[i] is None
            else max(abs(entries[i] - Fraction(value)) for entries in exact.values())
            for i, value in enumerate(values)
        )
        return cls(case, which, evaluation.value.shape, errors, lean.bound)

    def index(self, place: int) -> tuple[int, ...]:
        """The index of the entry at a place in row-major order."""
        return tuple(int(i) for i in np.unravel_index(place, self.shape))

    def worst(self) -> int | None:
        """The place of the first entry whose error is the largest part of its bound.

        None where every entry overflowed, or nothing is charged for any.
        """
        best: tuple[Fraction, int] | None = None
        for place, (error, bound) in enumerate(zip(self.errors, self.bounds, strict=True)):
            if error is not None and bound and (best is None or error / bound > best[0]):
                best = error / bound, place
        return None if best is None else best[1]


Observer: TypeAlias = Callable[[Observed], None]
"""What a check shows each result to, right after it was computed."""
