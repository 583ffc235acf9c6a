"""How a matrix unit (tensor core, matrix core) adds a block of products to its accumulator.

One step takes some exact products and the accumulator, aligns all of them to the largest exponent,
cuts each at a number of bits after the point, adds what is left exactly and rounds the sum to the
accumulator's format (Lean: `TensorCore.Unit`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from pybridge.model import Model
from pybridge.problem.blocks import BLOCK_FORMATS, E2M1
from pybridge.problem.rounding import Direction

__all__ = ["Aligned", "Unit"]

Unit = Literal["aligned", "staged", "interleaved", "grouped", "exact"]
"""Where numbers are cut within a step (Lean: `TensorCore.Unit`).

aligned: products and accumulator, together. staged: the products, then their sum and the
accumulator, as CDNA 3 does. interleaved: even and odd products apart, then the two sums, then their
sum and the accumulator. grouped: the exact sums of at most four groups of products, which are
aligned by the scales of their blocks, and the accumulator, together. exact: nowhere.
"""


class Aligned(Model):
    """The steps of a matrix unit.

    * `unit`: where numbers are cut.
    * `bits`: at how many bits after the point of the largest exponent. None if `unit` is exact.
    * `block`: how many terms a step adds, padding included: an entry of n terms takes at most
      ⌈n/block⌉ steps, not counting steps that add only zeros.
    * `accumulator`: the format of the accumulator after each step: float32, float16, or e8m13,
      which is float32 with 13 bits after the point.
    * `rounding`: how a step's sum is rounded to it.
    * `scaled`: the name in `BLOCK_FORMATS` of the operands' block scales. None: they have none.
    """

    unit: Unit = "aligned"
    bits: Annotated[int, Strict(), Field(ge=1, le=64)] | None = None
    block: Annotated[int, Strict(), Field(ge=1, le=2**16)]
    accumulator: Literal["float32", "float16", "e8m13"] = "float32"
    rounding: Direction = "toward-zero"
    scaled: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.bits is None) != (self.unit == "exact"):
            raise ValueError("bits: expected a number of bits unless the unit is exact")
        if self.scaled not in (None, *BLOCK_FORMATS):
            known = ", ".join(BLOCK_FORMATS)
            raise ValueError(f"scaled: unknown {self.scaled!r:.60}, expected one of {known}")
        in_groups = [name for name, form in BLOCK_FORMATS.items() if form.elements == (E2M1,)]
        if self.unit == "grouped" and self.scaled not in in_groups:
            raise ValueError(f"scaled: in groups, expected one of {', '.join(in_groups)}")
        if self.unit != "grouped" and self.scaled == "nvfp4":
            raise ValueError("scaled: nvfp4 is added in groups")
        return self

    @property
    def cut(self) -> Fraction:
        """The most that a number may lose, relative to 2^exponent of the largest one.

        A group is aligned by the product of two scales; the exponents of its terms, of which none
        but zero is below a quarter of it, are taken to be two below (Lean: `Addend.inGroup`,
        `alignedSum_lower`).
        """
        if self.bits is None:
            return Fraction(0)
        return Fraction(4 if self.unit == "grouped" else 1, 2**self.bits)

    @property
    def text(self) -> str:
        """The steps in a few words: `blocks of 16 aligned at 25 bits`."""
        if self.bits is None:
            return f"blocks of {self.block}, each added exactly"
        operands = "" if self.scaled is None else f" {self.scaled}"
        words = f"blocks of {self.block}{operands} aligned at {self.bits} bits"
        return words + (" (13 kept)" if self.accumulator == "e8m13" else "")
