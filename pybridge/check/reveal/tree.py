"""The summation tree of a kernel, as it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.accumulation import Accumulation
from pybridge.errors import InputError, NotProvedError

__all__ = ["Nested", "SummationTree"]

Nested: TypeAlias = "int | tuple[Nested, ...]"

_DEEPEST = 200
"""The deepest tree that `nested` builds: Python's own repr recurses."""


@dataclass(frozen=True, eq=False)
class SummationTree:
    """In which order a sum of `terms` terms was added up, on the machine where it was measured.

    Nodes 0, 1, … stand for the terms `leaves`, in that order; the nodes after them are additions,
    and `sizes` has how many terms, measured or not, each of them adds up. `parents` has the node
    that reads each node, −1 for the last addition. `runs` counts the kernel's runs.

    This is evidence and no proof. It was measured on one machine, for one number of terms and one
    kind of data. Another shape, another number of threads or another version of a library may add
    up in another order.
    """

    terms: int
    leaves: npt.NDArray[np.int64]
    parents: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    runs: int

    @property
    def sampled(self) -> bool:
        """Whether some terms were left out. Then `least_depth` is a lower estimate."""
        return len(self.leaves) < self.terms

    @property
    def arity(self) -> int:
        """How many numbers the widest node adds: 2, or more where steps are fused, as in tensor
        cores.
        """
        inner = self.parents[self.parents >= 0]
        return int(np.bincount(inner).max()) if inner.size else 1

    @cached_property
    def additions(self) -> npt.NDArray[np.int64]:
        """How many of the measured additions each of `leaves` passes."""
        above = np.zeros(len(self.parents), np.int64)
        # A node is made before the nodes that it reads, or is a leaf: see `measure`.
        for node in range(len(self.leaves), len(self.parents)):
            parent = self.parents[node]
            above[node] = above[parent] + 1 if parent >= 0 else 1
        leaves = self.parents[: len(self.leaves)]
        return np.where(leaves >= 0, above[leaves], 0)

    @property
    def least_depth(self) -> int:
        """The most roundings that a term was seen to pass: its product's, and one an addition.

        The depth of the whole tree is this, or more if the tree is `sampled`.
        """
        return int(self.additions.max(initial=0)) + 1

    @property
    def depth(self) -> int | None:
        """The depth that `Accumulation(depth=…)` may state: the most roundings that a term passes,
        its product's and one for each addition.

        None if the tree does not tell: terms were left out, or more than two numbers are added at
        once, which is no rounded addition (`pybridge.testing.tensor_core`). It does not count what
        cannot be measured: a bias that is added, partial sums that are rounded to another format.
        """
        return None if self.sampled or self.arity > 2 else self.least_depth

    def promise(self, accumulate: Any = "float32") -> Accumulation:
        """Return the promise of sums with this depth; `NotProvedError` if it is None."""
        if self.depth is None:
            raise NotProvedError(self.text)
        return Accumulation(accumulate=accumulate, depth=self.depth)

    @property
    def nested(self) -> Nested:
        """The tree as tuples of tuples and of the terms' numbers, smallest number first.

        `InputError` if it is deeper than 200 additions.
        """
        if self.least_depth > _DEEPEST + 1:
            raise InputError(
                f"the tree has a depth of {self.least_depth - 1}, expected at most {_DEEPEST} to "
                "nest tuples: read leaves and parents"
            )
        children: dict[int, list[Nested]] = {}
        for leaf, number in enumerate(self.leaves.tolist()):
            children.setdefault(int(self.parents[leaf]), []).append(number)
        for node in reversed(range(len(self.leaves), len(self.parents))):
            made = tuple(sorted(children.pop(node), key=_first))
            children.setdefault(int(self.parents[node]), []).append(made)
        (root,) = children[-1]
        return root

    @property
    def text(self) -> str:
        """What was measured, in a sentence."""
        words = f"a sum of {self.terms} terms"
        if self.sampled:
            words += f", of which {len(self.leaves)} were sampled, has a depth of at least "
            words += f"{self.least_depth}"
        else:
            words += f" has a depth of {self.least_depth}"
        if self.arity > 2:
            words += f", and adds up to {self.arity} numbers at once"
        return f"{words} ({self.runs} runs, on this machine)"


def _first(nested: Nested) -> int:
    """Return the number of a tree's first term."""
    while not isinstance(nested, int):
        nested = nested[0]
    return nested
