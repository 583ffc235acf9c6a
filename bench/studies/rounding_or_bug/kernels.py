"""Simulated kernels: products and sums in a stated order, each operation rounded as in hardware.

A kernel sums terms over the leading axis of two arrays that broadcast to one another: all entries
at once. Operations in binary32 are NumPy's. A fused multiply-add is emulated: the product of two
binary32 numbers has at most 48 bits and is exact in binary64; it is added to the accumulator in
binary64, rounded to odd, and then to binary32. With 53 ≥ 24 + 2 bits that is the exact sum rounded
once (Boldo and Melquiond, Emulation of FMA and correctly rounded sums: proved algorithms using
rounding to odd, IEEE Transactions on Computers 57(4), 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.formats import FORMATS, FloatArray, FloatFormat
from pybridge.problem.rounding import Direction

__all__ = [
    "NUMERICS",
    "SCHEMES",
    "Float32",
    "Kernel",
    "Numerics",
    "cut_tf32",
    "fused_add",
    "round_tf32",
]

Float32: TypeAlias = npt.NDArray[np.float32]

_SPLITS = (2, 8, 32, 128)
_LANES = 16


def round_tf32(values: Float32) -> Float32:
    """binary32 numbers rounded to the 11 bits of TF32, to nearest, ties to even."""
    bits = values.view(np.uint32)
    kept = (bits + np.uint32(0x0FFF) + ((bits >> np.uint32(13)) & np.uint32(1))) & np.uint32(
        0xFFFF_E000
    )
    return np.asarray(kept, np.uint32).view(np.float32)


def cut_tf32(values: Float32) -> Float32:
    """binary32 numbers without their last 13 bits, as matrix instructions read them."""
    return np.asarray(values.view(np.uint32) & np.uint32(0xFFFF_E000)).view(np.float32)


def fused_add(total: Float32, x: Float32, y: Float32) -> Float32:
    """total + x·y, rounded once to binary32."""
    product = np.multiply(x, y, dtype=np.float64)
    wide = total.astype(np.float64)
    # Knuth's two_sum: wide + product is exactly added + lost.
    added = wide + product
    back = added - wide
    lost = (wide - (added - back)) + (product - back)
    bits = added.view(np.int64)
    even = (lost != 0) & ((bits & 1) == 0)
    away = (lost > 0) == (added > 0)
    bits += np.where(even, np.where(away, 1, -1), 0)
    return added.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Numerics:
    """What a kernel reads and writes: arrays of `format`, with operands rounded to TF32 or not.

    `tf32` says how: to "nearest" or "toward-zero".
    """

    name: str
    format: FloatFormat
    tf32: Direction | None = None

    def hold(self, values: npt.NDArray[np.floating]) -> FloatArray:
        """Given data in the format."""
        return np.asarray(values, self.format.dtype)

    def read(self, held: FloatArray) -> Float32:
        """What is multiplied, in binary32."""
        wide = np.asarray(held, np.float32)
        if self.tf32 is None:
            return wide
        return cut_tf32(wide) if self.tf32 == "toward-zero" else round_tf32(wide)

    def store(self, sums: FloatArray) -> FloatArray:
        """Finished sums in the format."""
        with np.errstate(over="ignore"):
            return np.asarray(sums, self.format.dtype)


NUMERICS: Mapping[str, Numerics] = {
    numerics.name: numerics
    for numerics in (
        Numerics("float32", FORMATS["binary32"]),
        Numerics("tf32", FORMATS["binary32"], tf32="toward-zero"),
        Numerics("tf32-nearest", FORMATS["binary32"], tf32="nearest"),
        Numerics("bfloat16", FORMATS["bfloat16"]),
        Numerics("float16", FORMATS["binary16"]),
    )
}
"""What is simulated; all sum in binary32."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """How the terms of an entry are added.

    In order, or if `shuffled` in a random one, the same for all entries. `lanes`: term i goes to
    accumulator i mod lanes, and these are added in pairs. `splits`: consecutive terms, in so many
    parts, are summed each to a partial sum; partial sums are rounded to the format `across` and
    added in order in its arithmetic. `pairwise`: neighbours are added, then neighbouring sums.
    `fused`: product and addition are rounded at once. `accumulate` is the format of sums; another
    one than binary32 is a defect.
    """

    name: str
    lanes: int = 1
    splits: int = 1
    across: str = "binary32"
    shuffled: bool = False
    pairwise: bool = False
    fused: bool = False
    accumulate: str = "binary32"

    def sum(self, x: Float32, y: Float32, rng: np.random.Generator) -> FloatArray:
        """Σ x·y over the leading axis, in the format `across`; the other axes are broadcast.

        Not finite where it overflows.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            partial = self.partial_sums(x, y, rng)
            if self.lanes > 1 or self.pairwise:
                return _in_pairs(partial, FORMATS[self.accumulate].add)
            return self.add_up(partial)

    def partial_sums(self, x: Float32, y: Float32, rng: np.random.Generator) -> FloatArray:
        """What each lane or split has summed, over a leading axis."""
        if self.shuffled:
            order = rng.permutation(len(x))
            x, y = x[order], y[order]
        if self.pairwise:
            return np.asarray(x * y, FORMATS[self.accumulate].dtype)
        x, y = self._parts(x), self._parts(y)
        format = FORMATS[self.accumulate]
        total = np.zeros(np.broadcast_shapes(x.shape[1:], y.shape[1:]), format.dtype)
        if self.fused:
            for a, b in zip(x, y, strict=True):
                total = fused_add(total, a, b)
        elif format.name == "binary32":
            product = np.empty_like(total)
            for a, b in zip(x, y, strict=True):
                np.multiply(a, b, out=product)
                np.add(total, product, out=total)
        else:
            for a, b in zip(x, y, strict=True):
                total = format.add(total, np.asarray(a * b, format.dtype))
        return total

    def add_up(self, partial: FloatArray) -> FloatArray:
        """Partial sums, added one after the other in the format `across`."""
        format = FORMATS[self.across]
        held = partial.astype(format.dtype)
        total: FloatArray = held[0]
        for one in held[1:]:
            total = format.add(total, one)
        return total

    def _parts(self, terms: Float32) -> Float32:
        """[steps, parts, …]: the terms that each lane or split adds in turn, zeros at the end."""
        parts = max(self.lanes, self.splits)
        steps = -(-len(terms) // parts)
        if self.splits > 1:
            parts = -(-len(terms) // max(steps, 1))
        missing = steps * parts - len(terms)
        if missing:
            terms = np.concatenate([terms, np.zeros((missing, *terms.shape[1:]), np.float32)])
        if self.splits > 1:
            return terms.reshape(parts, steps, *terms.shape[1:]).swapaxes(0, 1)
        return terms.reshape(steps, parts, *terms.shape[1:])


def _in_pairs(sums: FloatArray, add: Callable[[FloatArray, FloatArray], FloatArray]) -> FloatArray:
    """Neighbours added until one sum is left."""
    while len(sums) > 1:
        even = len(sums) // 2 * 2
        added = add(sums[0:even:2], sums[1:even:2])
        sums = np.concatenate([added, sums[even:]])
    return np.asarray(sums[0])


def _schemes() -> list[Kernel]:
    split = [Kernel(f"split-k {k}", splits=k) for k in _SPLITS]
    rounded = [
        Kernel("sequential"),
        Kernel("pairwise", pairwise=True),
        Kernel(f"blocked, {_LANES} lanes", lanes=_LANES),
        Kernel("random-order atomics", shuffled=True),
        *split,
    ]
    fused = [
        replace(kernel, name=f"{kernel.name}, FMA", fused=True)
        for kernel in rounded
        if not kernel.pairwise
    ]
    narrow = [
        replace(kernel, name=f"{kernel.name}, bfloat16 partials", across="bfloat16")
        for kernel in split
    ]
    return [*rounded, *fused, *narrow]


SCHEMES: tuple[Kernel, ...] = tuple(_schemes())
"""The kernels that are simulated."""
