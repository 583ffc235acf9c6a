"""How a matrix unit (tensor core, matrix core) adds a block of products to its accumulator.

One step takes some exact products and the accumulator, aligns all of them to the largest exponent,
cuts each at a number of bits after the point, adds what is left exactly and rounds the sum to the
accumulator's format (Lean: `TensorCore.Unit`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from pybridge.model import Model
from pybridge.problem.rounding import Direction

__all__ = ["Aligned", "Unit"]

Unit = Literal["aligned", "staged", "interleaved", "exact"]
"""Where numbers are cut within a step (Lean: `TensorCore.Unit`).

aligned: products and accumulator, together. staged: the products, then their sum and the
accumulator, as CDNA 3 does. interleaved: even and odd products apart, then the two sums, then their
sum and the accumulator. exact: nowhere.
"""


class Aligned(Model):
    """The steps of a matrix unit.

    * `unit`: where numbers are cut.
    * `bits`: at how many bits after the point of the largest exponent. None if `unit` is exact.
    * `block`: how many terms a step adds, padding included: an entry of n terms takes at most
      ⌈n/block⌉ steps. Steps that add only zeros do not count.
    * `accumulator`: the format of the accumulator after each step: float32, float16, or e8m13,
      which is float32 with 13 bits after the point.
    * `rounding`: how a step's sum is rounded to it.
    """

    unit: Unit = "aligned"
    bits: Annotated[int, Strict(), Field(ge=1, le=64)] | None = None
    block: Annotated[int, Strict(), Field(ge=1, le=2**16)]
    accumulator: Literal["float32", "float16", "e8m13"] = "float32"
    rounding: Direction = "toward-zero"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.bits is None) != (self.unit == "exact"):
            raise ValueError("bits: expected a number of bits unless the unit is exact")
        return self

    @property
    def text(self) -> str:
        """A few words: `blocks of 16 aligned at 25 bits`."""
        if self.bits is None:
            return f"blocks of {self.block}, each added exactly"
        words = f"blocks of {self.block} aligned at {self.bits} bits"
        return words + (" (13 kept)" if self.accumulator == "e8m13" else "")
