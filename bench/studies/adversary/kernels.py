"""Simulated kernels that keep a promise: every operation rounded exactly, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from bench.studies.adversary.numbers import Exceeds, Flushing, Format, Round, rounding
from bench.studies.adversary.promise import Promise

__all__ = ["Computed", "Kernel"]

_Order: TypeAlias = Literal["stated", "reversed", "shuffled", "descending", "ascending"]
_Tree: TypeAlias = Literal["sequential", "pairwise", "random"]
_Leaves: TypeAlias = list[tuple[int, bool]]
"""Numbers, and whether they are products that are not rounded yet."""

_ORDERS: tuple[_Order, ...] = ("stated", "reversed", "shuffled", "descending", "ascending")
_TREES: tuple[_Tree, ...] = ("sequential", "pairwise", "random")


@dataclass(frozen=True, slots=True)
class Computed:
    """A result; `overflow` is the sign of what overflowed.

    `late` says that only the last sum or the last rounding did.
    """

    value: int
    overflow: int = 0
    late: bool = False


class Kernel:
    """A way to sum: an order, a tree, how often products are fused with sums, and flushing."""

    def __init__(self, promise: Promise, unit: int, random: Random, longest: int) -> None:
        self.promise, self.random, self.longest = promise, random, longest
        self.order: _Order = random.choice(_ORDERS)
        self.tree: _Tree = random.choice(_TREES)
        self.fused = random.choice((0.0, 0.0, 1.0, 0.5))
        flushing: Flushing = random.choice(("always", "random")) if promise.flushed else "never"

        def rounded(format: Format) -> Round:
            return rounding(format, unit, promise.rounding, flushing, random)

        self.round = rounded(promise.accumulate)
        self.second = rounded(promise.across) if promise.across else None
        self.output = rounded(promise.output) if promise.output != promise.summed else None

    def __call__(self, terms: Sequence[int], addends: Sequence[int] = ()) -> Computed:
        """Return the sum of products, and of numbers that are not products."""
        leaves = [(term, True) for term in terms] + [(addend, False) for addend in addends]
        if self.order == "reversed":
            leaves.reverse()
        elif self.order == "shuffled":
            self.random.shuffle(leaves)
        elif self.order != "stated":
            leaves.sort(key=lambda leaf: abs(leaf[0]), reverse=self.order == "descending")
        self.root = False
        try:
            total = self._total(leaves)
            self.root = True
            return Computed(self.output(total) if self.output else total)
        except Exceeds as error:
            return Computed(0, error.sign, self.root)

    def _total(self, leaves: _Leaves) -> int:
        """Return the sum of the partial sums; terms that are not among the leaves are padding."""
        promise = self.promise
        if not promise.bounded:
            return self._sum(leaves, final=True)
        if promise.depth is not None:
            return self._limited(leaves, promise.depth - 1)
        part = -(-self.longest // promise.splits)
        places = sorted(self.random.sample(range(self.longest), len(leaves)))
        sums = []
        for chosen in _divided(leaves, places, part):
            total = self._part(*chosen, part)
            sums.append(self.second(total) if self.second else total)
        return self._add(sums, self.second or self.round, final=False)

    def _part(self, leaves: _Leaves, places: list[int], size: int) -> int:
        """Return one partial sum of `size` terms, of which `leaves` are at `places`."""
        block, way = self.promise.block, self.promise.summation
        if way == "any-order" or (way == "pairwise" and size <= block):
            return self._sum(leaves, final=False)
        if way == "blocked":
            blocks = _divided(leaves, places, block)
            sums = [self._sum(chosen, final=False) for chosen, _ in blocks]
            return self._add(sums, self.round, final=False)
        half = -(-size // 2)
        halves = [self._part(*chosen, half) for chosen in _divided(leaves, places, half)]
        return self._add(halves, self.round, final=False)

    def _limited(self, leaves: _Leaves, additions: int) -> int:
        """Return a sum in which no leaf passes more than `additions` additions."""
        count = len(leaves)
        if count <= 1:
            return self.round(leaves[0][0]) if leaves else 0
        most = 2 ** (additions - 1) if additions < 40 else count
        assert count <= 2 * most
        cut = self.random.randint(max(1, count - most), min(count - 1, most))
        left, right = leaves[:cut], leaves[cut:]
        fuse = cut == 1 and left[0][1] and self.random.random() < self.fused
        first = left[0][0] if fuse else self._limited(left, additions - 1)
        return self.round(first + self._limited(right, additions - 1))

    def _sum(self, leaves: _Leaves, *, final: bool) -> int:
        """Return the sum of leaves; a product is rounded, or fused with the sum it is added to."""
        rnd = self.round
        if not leaves:
            return 0
        if self.fused == 0:
            return self._add([rnd(leaf) for leaf, _ in leaves], rnd, final=final)
        if self.tree == "sequential":
            total, started = 0, False
            for k, (leaf, product) in enumerate(leaves):
                fuse = product and self.random.random() < self.fused
                addend = leaf if fuse else rnd(leaf)
                self.root = final and k == len(leaves) - 1
                total = rnd(total + addend) if started or fuse else addend
                started = True
            return total
        # In a tree, a fused product goes into the sum of its neighbour.
        ready: list[int] = []
        waiting: list[int] = []
        for leaf, product in leaves:
            fuse = product and self.random.random() < self.fused and bool(ready or waiting)
            (waiting if fuse else ready).append(leaf if fuse else rnd(leaf))
        sums = [rnd(t + a) for t, a in zip(waiting, ready, strict=False)]
        used = len(sums)
        sums += ready[used:]
        rest = waiting[used:]
        total = self._add(sums, rnd, final=final and not rest)
        self.root = False
        for leaf in rest:
            total = rnd(leaf + total)
        return total

    def _add(self, numbers: list[int], rnd: Round, *, final: bool = True) -> int:
        if not numbers:
            return 0
        if self.tree == "sequential":
            total = numbers[0]
            last = len(numbers) - 1
            for k in range(1, last + 1):
                self.root = final and k == last
                total = rnd(total + numbers[k])
            return total
        while len(numbers) > 1:
            self.root = final and len(numbers) == 2
            if self.tree == "random" and len(numbers) < 200:
                k = self.random.randrange(len(numbers) - 1)
                numbers[k : k + 2] = [rnd(numbers[k] + numbers[k + 1])]
            else:
                odd = numbers[len(numbers) & ~1 :]
                pairs = zip(numbers[::2], numbers[1::2], strict=False)
                numbers = [rnd(a + b) for a, b in pairs] + odd
        return numbers[0]


def _divided(leaves: _Leaves, places: list[int], size: int) -> list[tuple[_Leaves, list[int]]]:
    """Return leaves at ascending places in groups of `size` places, with their places in them."""
    groups: dict[int, tuple[_Leaves, list[int]]] = {}
    for leaf, place in zip(leaves, places, strict=True):
        chosen, within = groups.setdefault(place // size, ([], []))
        chosen.append(leaf)
        within.append(place % size)
    return list(groups.values())
