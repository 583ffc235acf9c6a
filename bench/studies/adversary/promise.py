"""What a kernel promises, and what that allows: the documented formulas, in integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any, Literal, TypeAlias

from bench.studies.adversary.numbers import BINARY, Format

__all__ = ["Limit", "Pair", "Promise", "random_promise"]

Pair: TypeAlias = tuple[Fraction, Fraction]
"""A relative and an absolute error."""

_EXACT_TERMS = 200
"""The most terms for which powers are exact; above, they are rounded down."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The same as `pybridge.testing.Accumulation`, with every format stated."""

    accumulate: Format
    output: Format
    operands: Format | None = None
    operand_rounding: Literal["nearest", "toward-zero"] = "nearest"
    rounding: Literal["nearest", "toward-zero"] = "nearest"
    depth: int | None = None
    summation: Literal["any-order", "pairwise", "blocked"] = "any-order"
    block: int = 1
    splits: int = 1
    across: Format | None = None
    flushed: bool = False

    @property
    def summed(self) -> Format:
        """The format of the finished sum."""
        return self.across or self.accumulate

    def keywords(self, *, output: bool) -> dict[str, Any]:
        """Return the arguments of `Accumulation`."""
        arguments: dict[str, Any] = {
            "accumulate": self.accumulate.name,
            "rounding": self.rounding,
            "depth": self.depth,
            "summation": self.summation,
            "block": self.block,
            "splits": self.splits,
            "flushed": self.flushed,
        }
        if self.operands is not None:
            arguments |= {"operands": self.operands.name, "operand_rounding": self.operand_rounding}
        if self.across is not None:
            arguments["across"] = self.across.name
        if output:
            arguments["output"] = self.output.name
        return arguments

    @property
    def formats(self) -> Sequence[Format]:
        """The formats to which partial sums and the result are rounded."""
        return (self.accumulate, self.summed, self.output)

    @property
    def threshold(self) -> Fraction:
        """The least magnitude at which some rounding overflows."""
        return min(format.threshold for format in self.formats)

    @property
    def bounded(self) -> bool:
        """Whether it limits the order of summation."""
        return self.depth is not None or self.summation != "any-order" or self.splits > 1

    def sums(self, terms: int, longest: int, plain: bool) -> Pair:
        """Return the largest error of a sum of `terms` terms, before the last rounding.

        `longest` counts the terms that a kernel goes over, padding included.
        """
        part = -(-longest // self.splits)
        depth = self._depth(min(terms, part), part)
        if self.across not in (None, self.accumulate):
            parts = min(self.splits, terms)
            first = self._sum(self.accumulate, terms, depth, plain)
            return _then(first, self._sum(self.summed, parts, parts, False))
        if self.splits > 1:
            depth = min(terms, depth + self.splits, self.depth or terms)
        return self._sum(self.accumulate, terms, depth, plain)

    def _depth(self, terms: int, longest: int) -> int:
        """Return how many roundings a term passes in one sum."""
        depth = min(terms, self.depth or terms)
        blocks, least = -(-longest // self.block), min(terms, self.block)
        if self.summation == "pairwise":
            return min(depth, least + math.ceil(math.log2(blocks)))
        return min(depth, least + blocks) if self.summation == "blocked" else depth

    def last(self) -> Pair:
        """Return the largest error of the last rounding."""
        if self.output == self.summed:
            return Fraction(0), Fraction(0)
        return self._unit(self.output)

    def _unit(self, format: Format) -> Pair:
        u = Fraction(2) ** -format.bits
        absolute = Fraction(2) ** format.quantum / 2
        if self.rounding == "toward-zero":
            u, absolute = 2 * u, 2 * absolute
        return u, Fraction(2) ** format.least if self.flushed else absolute

    def _sum(self, format: Format, terms: int, depth: int, plain: bool) -> Pair:
        u, absolute = self._unit(format)
        growth = _power(1 + u, depth)
        lost = 0 if plain and not self.flushed else 2 * terms * absolute * growth
        by_depth = growth - 1, Fraction(lost)
        if self.rounding == "toward-zero" or self.flushed:
            return by_depth
        any_order = terms * u, terms * absolute * (1 + terms * u)
        if plain:
            any_order = max(terms - 1, 0) * u, Fraction(0)
        return by_depth if depth < terms and by_depth[0] < any_order[0] else any_order


def _then(first: Pair, second: Pair) -> Pair:
    relative = (1 + first[0]) * (1 + second[0]) - 1
    return relative, (1 + second[0]) * first[1] + second[1]


@cache
def _power(base: Fraction, exponent: int) -> Fraction:
    if exponent <= _EXACT_TERMS:
        return base**exponent
    scale = 2**300
    power = Fraction(1)
    for digit in f"{exponent:b}":
        power = Fraction(power * power * scale // 1, scale)
        if digit == "1":
            power = Fraction(power * base * scale // 1, scale)
    return power


class Limit:
    """What an entry may err by: ρ·M + (1 + ρ)·D + η, and then the last rounding.

    Arguments are in units of 2^−unit, results in units of 2^−fine.
    """

    def __init__(
        self, promise: Promise, terms: int, longest: int, plain: bool, unit: int, least_fine: int
    ) -> None:
        relative, absolute = promise.sums(terms, longest, plain)
        last, rest = promise.last()
        bits = _bits(relative)
        more = _bits(last)
        self.fine = max(unit + bits + more, _bits(absolute) + more, _bits(rest), least_fine)
        middle = self.fine - more
        self.relative = int(relative * 2**bits)
        self.one = 1 << bits
        self.absolute = int(absolute * 2**middle)
        self.shift = middle - unit - bits
        self.more = more
        self.last = int(last * 2**more)
        self.rest = int(rest * 2**self.fine)
        self.up = self.fine - unit

    def __call__(self, magnitude: int, deviation: int, exact: int) -> int:
        """Return what is allowed, in units of 2^−fine."""
        bound = self._sum(magnitude, deviation)
        # What is below 2^−fine·2^more is not lost: the sums are in units of 2^−(fine − more).
        return (bound << self.more) + self.last * bound + self._of(exact) + self.rest

    def of_sum(self, magnitude: int, deviation: int) -> int:
        """Return what is allowed before the last rounding, in units of 2^−fine."""
        return self._sum(magnitude, deviation) << self.more

    def _sum(self, magnitude: int, deviation: int) -> int:
        total = self.relative * magnitude + (self.one + self.relative) * deviation
        return (total << self.shift) + self.absolute

    def _of(self, exact: int) -> int:
        return self.last * (abs(exact) << (self.up - self.more))


def _bits(value: Fraction) -> int:
    assert value.denominator & (value.denominator - 1) == 0
    return value.denominator.bit_length() - 1


_ALL = list(BINARY.values())


def random_promise(random: Random, result: Format, terms: int) -> Promise:
    """Draw a promise whose result is an array of this format, for sums of at most `terms` terms."""
    accumulate = random.choice((BINARY["float32"], BINARY["float32"], result, *_ALL))
    across = splits = None
    if random.random() < 0.3:
        splits = random.choice((2, 3, 8, 32))
        across = random.choice((None, *_ALL))
    order: dict[str, Any] = {}
    if random.random() < 0.3:
        order["summation"] = random.choice(("pairwise", "blocked"))
        order["block"] = random.choice((1, 1, 2, 3, 8))
    elif splits is None and random.random() < 0.3:
        least = 1 + max(terms - 1, 0).bit_length()
        order["depth"] = least + random.choice((0, 0, 1, 2, 5, 30))
    summed = across or accumulate
    fitting = [format for format in _ALL if result.holds(format)]
    output = summed if result.holds(summed) and random.random() < 0.7 else random.choice(fitting)
    operands = random.choice((None, None, None, BINARY["tf32"], *_ALL))
    return Promise(
        accumulate=accumulate,
        output=output,
        operands=operands,
        operand_rounding=random.choice(("nearest", "toward-zero")) if operands else "nearest",
        rounding=random.choice(("nearest", "nearest", "toward-zero")),
        **order,
        splits=splits or 1,
        across=across,
        flushed=random.random() < 0.3,
    )
