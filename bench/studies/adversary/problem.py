"""An operation on hostile operands, with its exact results in integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.studies.adversary.loops import Entry, Shapes, Which, entries
from bench.studies.adversary.numbers import (
    BINARY,
    Format,
    finest,
    format_of_dtype,
    integers,
    rounding,
)
from bench.studies.adversary.promise import Promise

__all__ = ["Problem", "Read", "Sums"]

_FACTORS: Mapping[Which, tuple[str, str]] = {
    "output": ("x", "weight"),
    "bias": ("x", "grad_output"),
    "weight": ("x", "grad_output"),
    "input": ("weight", "grad_output"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """An operand as a promise reads it: its values, and how far a kernel's may be from them."""

    values: Sequence[int]
    off: Sequence[int]


@dataclass(frozen=True, slots=True)
class Sums:
    """An entry's exact value, Σ|x||y| + |b|, what the operands' deviations add, and its terms."""

    exact: int
    magnitude: int
    deviation: int
    terms: int


class Problem:
    """A result of an operation on arrays, which are integers in units of 2^−units[name]."""

    def __init__(
        self, which: Which, shapes: Shapes, arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self.which, self.shapes, self.arrays = which, shapes, arrays
        self.factors = _FACTORS[which]
        self.names = self.factors[which == "bias" :]
        self.has_bias = which == "output" and "bias" in arrays
        self.used = [*self.names, *(["bias"] if self.has_bias else [])]
        self.entries: list[Entry] = entries(which, shapes)
        self.eps: dict[str, float] = {}
        self.prepare({})

    def prepare(self, eps: Mapping[str, float]) -> None:
        """Set the eps of the operands, which change the units."""
        self.eps = {name: eps.get(name, 0.0) for name in self.used}
        self.units = {
            name: max(finest(self.arrays[name]), finest(np.array([self.eps[name]])))
            for name in self.names
        }
        self.unit = sum(self.units.values())
        if self.has_bias:
            needed = max(finest(self.arrays["bias"]), finest(np.array([self.eps["bias"]])))
            more = max(needed - self.unit, 0)
            self.units[self.names[-1]] += more
            self.unit += more
            self.units["bias"] = self.unit
        self.integers = {name: integers(self.arrays[name], self.units[name]) for name in self.used}

    @property
    def text(self) -> str:
        """The result, and the operands' dtypes and eps."""
        dtypes = [self.arrays[name].dtype for name in self.used]
        names = [dtype.str if dtype.kind == "f" else dtype.name for dtype in dtypes]
        named = [f"{name} {dtype}" for name, dtype in zip(self.used, names, strict=True)]
        return f"{self.which} of {', '.join(named)}, eps {list(self.eps.values())}, {self.shapes}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.shapes.shape(self.which)

    @cached_property
    def formats(self) -> dict[str, Format]:
        """The format of each operand's dtype."""
        return {name: format_of_dtype(self.arrays[name].dtype) for name in self.used}

    @property
    def longest(self) -> int:
        """How many terms a kernel goes over, padding and a bias included."""
        return self.shapes.longest[self.which] + self.has_bias

    @cached_property
    def most(self) -> int:
        """The most terms of an entry, a bias included."""
        return max(len(entry.second) for entry in self.entries) + self.has_bias

    def read(self, promise: Promise) -> dict[str, Read]:
        """Return the operands as a promise rounds them; raises `Exceeds` if one overflows."""
        by_name = {}
        for name in self.used:
            unit, values = self.units[name], self.integers[name]
            off = [0] * len(values)
            random = Random(0)
            if name == "bias":
                for rnd in self._bias_roundings(promise):
                    off = [max(o, abs(rnd(v) - v)) for o, v in zip(off, values, strict=True)]
            elif promise.operands is not None:
                rnd = rounding(
                    promise.operands,
                    unit,
                    promise.operand_rounding,
                    "never",
                    random,
                    saturates=True,
                )
                rounded = [rnd(value) for value in values]
                if promise.operands.name == "tf32" and promise.operand_rounding == "nearest":
                    off = [
                        2 * abs(r - v) if _tied(v, r, unit) else 0
                        for v, r in zip(values, rounded, strict=True)
                    ]
                values = rounded
            if promise.flushed:
                limit, own = self._subnormal(name, promise), self._own_subnormal(name)
                off = [
                    o + (abs(v) if abs(v) < limit or abs(integer) < own else 0)
                    for o, v, integer in zip(off, values, self.integers[name], strict=True)
                ]
            by_name[name] = Read(values, off)
        return by_name

    def _bias_roundings(self, promise: Promise) -> list[Callable[[int], int]]:
        """Return the ways to round a bias: to the sums' format, or to 16 bits like the factors."""
        formats = [(promise.accumulate, promise.rounding)]
        if promise.operands is not None and promise.operands.name in ("bfloat16", "float16"):
            formats.append((promise.operands, promise.operand_rounding))
        random = Random(0)
        return [
            rounding(format, self.unit, direction, "never", random, saturates=True)
            for format, direction in formats
        ]

    def _subnormal(self, name: str, promise: Promise) -> int:
        """Return the limit below which an operand may be subnormal if rounded or summed."""
        least = [promise.accumulate.least]
        least += [promise.operands.least] if promise.operands else []
        exponent = max(least) + self.units[name]
        return 1 << max(exponent, 0)

    def _own_subnormal(self, name: str) -> int:
        """Return the limit below which an operand is subnormal in its own dtype, in its units."""
        return 1 << max(self.formats[name].least + self.units[name], 0)

    def multiplied(self, promise: Promise, random: Random) -> dict[str, Sequence[int]]:
        """Return the operands as some kernel of a promise multiplies them.

        If the promise allows to flush, subnormal numbers of an operand's own dtype may become zero
        before it is rounded, and subnormal numbers of the format that it is rounded to afterwards.
        """
        products: dict[str, Sequence[int]] = {}
        how = random.choice(("never", "always", "random")) if promise.flushed else "never"

        def zero() -> bool:
            return how == "always" or (how == "random" and random.random() < 0.5)

        for name in self.used:
            unit, values = self.units[name], list(self.integers[name])
            if how != "never":
                limit = self._own_subnormal(name)
                values = [0 if abs(v) < limit and zero() else v for v in values]
            if name != "bias" and promise.operands is not None:
                either = promise.operands.name == "tf32" and promise.operand_rounding == "nearest"
                direction = "ties-either" if either else promise.operand_rounding
                rnd = rounding(promise.operands, unit, direction, "never", random, saturates=True)
                values = [rnd(value) for value in values]
            if name == "bias" and random.random() < 0.5:
                rnd = random.choice(self._bias_roundings(promise))
                values = [rnd(value) for value in values]
            if how != "never":
                limit = self._subnormal(name, promise)
                values = [0 if abs(v) < limit and zero() else v for v in values]
            products[name] = values
        return products

    def terms(self, operands: Mapping[str, Sequence[int]]) -> list[tuple[list[int], list[int]]]:
        """Return the products of each entry, and its addends."""
        second = operands[self.names[-1]]
        if self.which == "bias":
            return [([], [second[j] for j in entry.second]) for entry in self.entries]
        first = operands[self.names[0]]
        bias = operands.get("bias")
        counts = []
        for entry in self.entries:
            products = [
                first[i] * second[j] for i, j in zip(entry.first, entry.second, strict=True)
            ]
            addends = [bias[entry.bias]] if bias is not None and entry.bias is not None else []
            counts.append((products, addends))
        return counts

    def sums(self, read: Mapping[str, Read]) -> list[Sums]:
        """Return the sums of which each entry's allowance is made."""
        second = read[self.names[-1]]
        totals = []
        if self.which == "bias":
            for entry in self.entries:
                values = [second.values[j] for j in entry.second]
                off = sum(second.off[j] for j in entry.second)
                totals.append(Sums(sum(values), sum(map(abs, values)), off, len(values)))
            return totals
        first, bias = read[self.names[0]], read.get("bias")
        deviates = any(first.off) or any(second.off)
        for entry in self.entries:
            exact = magnitude = deviation = 0
            for i, j in zip(entry.first, entry.second, strict=True):
                product = first.values[i] * second.values[j]
                exact += product
                magnitude += abs(product)
                if deviates:
                    deviation += first.off[i] * (abs(second.values[j]) + second.off[j])
                    deviation += abs(first.values[i]) * second.off[j]
            if bias is not None and entry.bias is not None:
                exact += bias.values[entry.bias]
                magnitude += abs(bias.values[entry.bias])
                deviation += bias.off[entry.bias]
            terms = len(entry.first) + self.has_bias
            totals.append(Sums(exact, magnitude, deviation, terms))
        return totals

    def ranges(self) -> list[tuple[int, int]]:
        """Return each entry's least and largest exact value over all operands within their eps."""
        eps = {
            name: integers(np.array([self.eps[name]]), self.units[name])[0] for name in self.used
        }
        ends = {
            name: [(v - eps[name], v + eps[name]) for v in self.integers[name]]
            for name in self.used
        }
        second = ends[self.names[-1]]
        intervals = []
        for entry in self.entries:
            low = high = 0
            if self.which == "bias":
                low = sum(second[j][0] for j in entry.second)
                high = sum(second[j][1] for j in entry.second)
            else:
                first = ends[self.names[0]]
                for i, j in zip(entry.first, entry.second, strict=True):
                    (a, b), (c, d) = first[i], second[j]
                    corners = (a * c, a * d, b * c, b * d)
                    low += min(corners)
                    high += max(corners)
            if self.has_bias and entry.bias is not None:
                low += ends["bias"][entry.bias][0]
                high += ends["bias"][entry.bias][1]
            intervals.append((low, high))
        return intervals

    def plain(self, promise: Promise, read: Read) -> bool:
        """Return whether the terms are not products, and have a dtype that the sums' format holds.

        Operands that a promise rounds are kept in float32, those of 8 bits in float16.
        """
        if self.which != "bias" or promise.across is not None:
            return False
        if promise.operands is not None and not promise.accumulate.holds(promise.operands):
            return False
        name = self.names[-1]
        kept = self.formats[name]
        if list(read.values) != list(self.integers[name]):
            kept = BINARY["float32"]
        elif kept.name not in BINARY:
            kept = BINARY["float16"]
        return promise.accumulate.holds(kept)


def _tied(value: int, rounded: int, unit: int) -> bool:
    """Return whether a value is in the middle between two numbers of tf32."""
    off = abs(value - rounded)
    if off == 0:
        return False
    format = BINARY["tf32"]
    exponent = max(abs(value).bit_length() - 1 - unit, format.least) - format.bits + unit
    return exponent >= 0 and off == 1 << exponent
