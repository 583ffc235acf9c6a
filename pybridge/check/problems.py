"""The problems of a case, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self, TypeAlias

import numpy as np
from pydantic import computed_field

from pybridge.model import Model

__all__ = ["Kind", "Method", "Problem"]

Method: TypeAlias = Literal["reference", "replay", "any-order", "enclosure"]

Kind: TypeAlias = Literal[
    "not-checked",
    "no-answer",
    "refused",
    "failed",
    "unreadable",
    "output-size",
    "entry-count",
    "definitions",
    "overflow",
    "value",
    "bound-below",
    "bound-above",
    "exact-value",
    "error-beyond-bound",
]

_WORDS: Mapping[tuple[Kind, bool], str] = {
    ("not-checked", True): "not checked",
    ("no-answer", True): "Lean gave no result for this case",
    ("refused", True): "Lean refused this case: {detail}",
    ("failed", True): "Lean failed: {detail}",
    ("unreadable", True): "{detail}",
    ("output-size", True): "Lean has the {detail}",
    ("entry-count", True): "Lean gave {detail}",
    ("definitions", True): "{detail}",
    ("overflow", True): "overflow only on one side",
    ("overflow", False): "overflow unlike the reference's",
    ("value", True): "value unlike Lean's",
    ("value", False): "value unlike the reference's",
    ("bound-below", True): "bound below Lean's",
    ("bound-below", False): "bound below Lean's",
    ("bound-above", True): "bound above outward rounding of Lean's",
    ("bound-above", False): "bound above 1.05 times Lean's",
    ("exact-value", True): "Lean's exact value unlike python-flint's",
    ("error-beyond-bound", True): "true error beyond the bound ({detail} operands)",
    ("error-beyond-bound", False): "true error beyond the bound",
}
"""By kind, and whether the method is the reference."""


class Problem(Model):
    """Something that does not hold for a whole case, or for `entries` entries of a `result`.

    `index` is the index of the first of these entries. `detail` is the reason that Lean or the
    definitions give, what was expected, or the sign pattern of the perturbed operands.
    """

    kind: Kind
    result: str | None = None
    method: Method = "reference"
    detail: str = ""
    index: tuple[int, ...] = ()
    entries: int = 0

    @classmethod
    def at(
        cls,
        kind: Kind,
        positions: Sequence[int],
        shape: Sequence[int],
        *,
        result: str,
        method: Method = "reference",
        detail: str = "",
    ) -> Self:
        """Return the problem of the entries at some positions in row-major order."""
        index = tuple(int(i) for i in np.unravel_index(positions[0], tuple(shape)))
        return cls(
            kind=kind,
            result=result,
            method=method,
            detail=detail,
            index=index,
            entries=len(positions),
        )

    @property
    def family(self) -> tuple[Kind, Method]:
        """What stays the same if a failing case is made smaller."""
        return self.kind, self.method

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """The problem in words, without its result."""
        words = _WORDS[self.kind, self.method == "reference"].format(detail=self.detail)
        if self.method != "reference":
            words = f"{self.method}: {words}"
        if self.entries:
            words += f" at [{', '.join(map(str, self.index))}]"
        return words + (f" and {self.entries - 1} more" if self.entries > 1 else "")

    def __str__(self) -> str:
        return self.text if self.result is None else f"{self.result}: {self.text}"
