"""Measures the summation tree of a kernel, as FPRev does (arXiv 2411.00442).

All terms are ones but two, M and −M, where M is so large that adding ones to it does nothing. Every
one that is added before M and −M meet is lost, so the result counts the others. Hence the number of
terms under the addition at which two terms meet is n minus the result, and these numbers for all
pairs determine the tree.

Not all pairs are needed. The numbers of one term and all others give the additions on its way, and
for each of these the set of terms that join there; each set is a tree of its own. That is O(n²)
pairs at worst; with a random term each time, O(n·log n) are expected. If a set has pairs that meet
only at the addition where the set itself joins, that addition has more than two operands.

If the kernel's format does not count to n, each run has ones for only some of the terms and zeros
for the others, and the counts of several runs are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from pybridge.check.reveal.tree import SummationTree
from pybridge.errors import InputError, InputTypeError

__all__ = ["NotATreeError", "Progress", "SumOf", "probes_of", "reveal"]

_Indices: TypeAlias = npt.NDArray[np.int64]
SumOf: TypeAlias = Callable[[npt.NDArray[Any]], float]
Progress: TypeAlias = Callable[[int, int], None]

_MOST_TERMS = 2**24

_PROBES = {
    "float64": (900, 0),
    "float32": (100, 0),
    "bfloat16": (100, 0),
    "float16": (15, -24),
    "float8_e5m2": (15, -16),
    "float8_e4m3fn": (8, -9),
}
"""log₂ of M and of what stands for a one: as far apart as a format has them, so that sums in wider
formats lose the ones, too. Float32's and float64's leave room for sums of several M.
"""


class NotATreeError(InputError):
    """What a kernel returned is not what a fixed tree of additions that round returns."""


def probes_of(dtype: str) -> tuple[float, float]:
    """Return M and what stands for a one, for terms of a dtype; `InputError` if it is unknown."""
    probes = _PROBES.get(dtype)
    if probes is None:
        raise InputError(f"dtype: expected one of {', '.join(_PROBES)}, got {dtype!r:.60}")
    return math.ldexp(1.0, probes[0]), math.ldexp(1.0, probes[1])


def reveal(
    sum_of: SumOf,
    terms: int,
    *,
    dtype: str = "float32",
    max_runs: int = 20_000,
    confirm: int = 32,
    seed: int = 0,
    large: float | None = None,
    one: float | None = None,
    progress: Progress | None = None,
) -> SummationTree:
    """Measure the summation tree of `sum_of`, a kernel that returns the sum of `terms` terms.

    Parameters
    ----------
    sum_of
        Takes an array [terms] of `dtype` and returns their sum as a number. It is run with M and −M
        in place of two terms; its result has to depend on the terms alone.
    terms
        How many terms there are, at least 1.
    dtype
        Of the array: float64, float32, bfloat16, float16, float8_e5m2 or float8_e4m3fn.
    max_runs
        How often the kernel is run at most, besides some runs that find out how far it counts. If
        that may not suffice for all terms, a sample of them is measured, and the tree is `sampled`:
        its depth is a lower estimate.
    confirm
        How many pairs are measured at the end, half of them for the second time, and compared with
        the tree.
    seed
        Of the random choices.
    large, one
        M and what stands for a one, powers of two. By default they follow from the dtype.
    progress
        Called with the number of runs so far and `max_runs`.

    Returns
    -------
    SummationTree
        Evidence for this number of terms, on this machine. It is no proof: a kernel may add up
        other numbers, or the same ones tomorrow, in another order.

    Raises
    ------
    NotATreeError
        The results differ from run to run, or no tree of additions explains them: exact sums,
        transforms (Winograd, FFT), rounding toward zero in software. A compensated sum may look
        like a plain one.
    InputError
        An argument is out of range, or the kernel's result is no sum of the terms.
    InputTypeError
        An argument of another type.
    """
    for name, value, least in (
        ("terms", terms, 1),
        ("max_runs", max_runs, 1),
        ("confirm", confirm, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputTypeError(f"{name}: expected an integer, got {value!r:.60}")
        if value < least:
            raise InputError(f"{name}: expected at least {least}, got {value}")
    if terms > _MOST_TERMS:
        raise InputError(f"terms: expected at most {_MOST_TERMS}, got {terms}")
    usual = probes_of(dtype)
    kernel = _Kernel(
        sum_of,
        terms,
        np.dtype(getattr(ml_dtypes, dtype, None) or dtype),
        usual[0] if large is None else large,
        usual[1] if one is None else one,
        max_runs,
        progress,
    )
    kernel.calibrate()
    rng = np.random.default_rng(seed)
    pairs = max(max_runs - kernel.runs, 0) // kernel.runs_of_a_pair
    confirm = min(confirm, pairs // 4)
    leaves = _sample(terms, pairs - confirm, rng)
    search = _Search(kernel, leaves, rng, pairs - confirm)
    search.run()
    tree = search.tree()
    _confirm(kernel, tree, search.measured, confirm, rng)
    return SummationTree(tree.terms, tree.leaves, tree.parents, tree.sizes, kernel.runs)


@dataclass
class _Kernel:
    """The kernel, and how often it was run. `chunk` terms at most are ones in a run."""

    sum_of: SumOf
    terms: int
    dtype: np.dtype[Any]
    large: float
    one: float
    max_runs: int
    progress: Progress | None
    runs: int = 0
    chunk: int = 0

    @property
    def runs_of_a_pair(self) -> int:
        """How many runs measure a pair."""
        return -(-self.terms // self.chunk)

    def _run(self, terms: npt.NDArray[Any]) -> float:
        """Run the kernel, and return its sum in units of what stands for a one."""
        self.runs += 1
        if self.progress is not None:
            self.progress(self.runs, self.max_runs)
        return float(self.sum_of(terms)) / self.one

    def _counts(self, start: int, stop: int) -> float:
        """Return the sum with ones from `start` to `stop` and zeros elsewhere."""
        terms = np.zeros(self.terms, self.dtype)
        terms[start:stop] = self.one
        return self._run(terms)

    def calibrate(self) -> None:
        """Find how many ones the kernel counts exactly; `InputError` if it cannot count to two."""
        chunk = self.terms
        while not self._counts_to(chunk):
            if chunk <= 2:
                raise InputError(
                    "the sum of one or two ones is another number: the kernel does not add up "
                    "these terms alone, or flushes them to zero"
                )
            chunk = -(-chunk // 2)
        self.chunk = chunk
        for start in range(0, self.terms, chunk):
            stop = min(start + chunk, self.terms)
            total = self._counts(start, stop)
            if total != stop - start:
                raise InputError(
                    f"the sum of {stop - start} ones from term {start} on is {total:g}: the kernel "
                    "does not add up these terms alone"
                )

    def _counts_to(self, most: int) -> bool:
        """Return whether sums of `most` ones, and of one and two fewer, are exact."""
        numbers = range(max(most - 2, 1), most + 1)
        return all(self._counts(0, number) == number for number in numbers)

    def size(self, i: int, j: int) -> int:
        """Return how many terms are under the addition at which two terms meet."""
        count = 0.0
        for start in range(0, self.terms, self.chunk):
            terms = np.zeros(self.terms, self.dtype)
            terms[start : start + self.chunk] = self.one
            terms[i], terms[j] = self.large, -self.large
            count += self._run(terms)
        if not (count.is_integer() and 0 <= count <= self.terms - 2):
            raise NotATreeError(
                f"with M as term {i} and −M as term {j}, {count:g} of {self.terms - 2} ones are "
                "counted: this is no tree of additions to nearest in which M absorbs ones"
            )
        return self.terms - int(count)


def _sample(terms: int, pairs: int, rng: np.random.Generator) -> _Indices:
    """Return the terms to measure: all, or as many as `pairs` pairs should suffice for.

    Half of a sample is spread at random, the other half is near a term or powers of two from it.
    """
    count = terms
    while count > 2 and min(count * (0.6 * math.log2(count) + 1), count * (count - 1) / 2) > pairs:
        count = max(2, int(count * 0.95))
    if count == terms:
        return np.arange(terms)
    base = int(rng.integers(terms))
    steps = [
        sign * step for k in range(terms.bit_length()) for sign in (1, -1) for step in (1 << k,)
    ]
    near = [base, *(base + step for step in steps), *(base + k for k in range(3, terms))]
    chosen = list(dict.fromkeys(term for term in near if 0 <= term < terms))[: (count + 1) // 2]
    rest = np.setdiff1d(np.arange(terms), chosen)
    spread = rng.choice(rest, count - len(chosen), replace=False)
    return np.sort(np.concatenate([np.array(chosen, np.int64), spread]))


@dataclass
class _Search:
    """A search that measures at most `most` pairs; an addition is found before those it reads."""

    kernel: _Kernel
    leaves: _Indices
    rng: np.random.Generator
    most: int
    parents: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    measured: list[tuple[int, int, int]] = field(default_factory=list)

    def run(self) -> None:
        """Find the parents of all nodes.

        A task is a set of terms that join at a node, whether the set is complete, how many terms
        the node adds up, and the node.
        """
        everything = len(self.leaves) == self.kernel.terms
        tasks = [(self.leaves, everything, self.kernel.terms + 1, -1)]
        made = self.kernel.terms  # numbers of additions follow those of all terms
        while tasks:
            terms, complete, limit, node = tasks.pop()
            pivot = int(self.rng.integers(len(terms)))
            first, others = int(terms[pivot]), np.delete(terms, pivot)
            left = self.most - len(self.measured)
            if len(others) > left:
                others, complete = self.rng.permutation(others)[:left], False
            sizes = np.array([self._size(first, int(other)) for other in others], np.int64)
            _check(first, sizes, limit, complete)
            path = [int(size) for size in np.unique(sizes) if size < limit]
            nodes = range(made + len(path) - 1, made - 1, -1)  # the outermost has the least number
            made += len(path)
            below = first
            for size, above in zip(path, nodes, strict=True):
                self.parents[below] = above
                self.sizes[above] = size
                tasks.append((others[sizes == size], complete, size, above))
                below = above
            self.parents[below] = node
            if (sizes == limit).any():
                tasks.append((others[sizes == limit], complete, limit, node))

    def _size(self, i: int, j: int) -> int:
        size = self.kernel.size(i, j)
        self.measured.append((i, j, size))
        return size

    def tree(self) -> SummationTree:
        """Return the tree of the terms that were measured."""
        terms = self.kernel.terms
        leaves = sorted(node for node in self.parents if node < terms)
        inner = sorted(node for node in self.parents if node >= terms)
        numbers = {node: k for k, node in enumerate([*leaves, *inner])} | {-1: -1}
        parents = [numbers[self.parents[node]] for node in [*leaves, *inner]]
        return SummationTree(
            terms,
            np.array(leaves, np.int64),
            np.array(parents, np.int64),
            np.array([self.sizes[node] for node in inner], np.int64),
            self.kernel.runs,
        )


def _check(first: int, sizes: _Indices, limit: int, complete: bool) -> None:
    """Raise `NotATreeError` unless the sizes are those of nested sets."""
    for size in np.unique(sizes):
        within = 1 + int((sizes <= size).sum())
        if size > limit or (size < limit and (within > size or (complete and within < size))):
            raise NotATreeError(
                f"{within} terms meet term {first} where {size} terms are added up, within "
                f"{limit}: no fixed tree of additions to nearest does that"
            )


def _confirm(
    kernel: _Kernel,
    tree: SummationTree,
    measured: list[tuple[int, int, int]],
    runs: int,
    rng: np.random.Generator,
) -> None:
    """Measure pairs again, and new ones; raise `NotATreeError` if they contradict the tree."""
    if not measured:
        return
    count = len(tree.leaves)
    for k in range(runs):
        if k % 2:
            i, j, expected = measured[int(rng.integers(len(measured)))]
        else:
            first, second = (int(node) for node in rng.choice(count, 2, replace=False))
            i, j = int(tree.leaves[first]), int(tree.leaves[second])
            expected = int(tree.sizes[_meeting(tree, first, second) - count])
        size = kernel.size(i, j)
        if size != expected:
            raise NotATreeError(
                f"terms {i} and {j} meet where {size} terms are added up, and before they met "
                f"where {expected} are: the order differs from run to run"
                if k % 2
                else f"terms {i} and {j} meet where {size} terms are added up, but the tree that "
                f"the other runs give has {expected} there: no fixed order"
            )


def _meeting(tree: SummationTree, first: int, second: int) -> int:
    """Return the node at which two leaves meet."""
    passed = set()
    node = int(tree.parents[first])
    while node >= 0:
        passed.add(node)
        node = int(tree.parents[node])
    node = int(tree.parents[second])
    while node not in passed:
        node = int(tree.parents[node])
    return node
