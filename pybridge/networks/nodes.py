"""The nodes of a network: what each computes forward, and for its operands' gradients.

A node is written once for every arithmetic, as in Lean (`ParametricNode`), and performs its
operations in the same order, so that values and bounds are Lean's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pybridge.engine.elementwise import Pairs
from pybridge.networks.arithmetic import Arithmetic
from pybridge.problem.computation import Computation
from pybridge.problem.shapes import Pooling

__all__ = [
    "Add",
    "Divide",
    "LeakyRelu",
    "MaxPool",
    "Node",
    "Operation",
    "Relu",
    "Reshape",
    "Shape",
    "uncertain",
]

Shape = tuple[int, ...]
_Mask = npt.NDArray[np.bool_]


class Node(Protocol):
    """A function of tensors and its vector-Jacobian product."""

    @property
    def words(self) -> str:
        """The node in Lean's text: its kind and numbers."""

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the result."""

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return the operands' gradients, given the result's, and how many choices were unsure."""


def uncertain(choice: Pairs) -> _Mask:
    """Return where a number may be zero or less, and may be more than zero."""
    return np.asarray((choice.wide <= choice.eps) & (choice.eps > -choice.wide))


@dataclass(frozen=True, slots=True)
class Operation:
    """A sum of products: the output's computation, and those of the operands' gradients.

    `gradients` has the computation of each operand's gradient by the operand's name, in the order
    of the node's operands (Lean: `operationNode`).
    """

    name: str
    sizes: tuple[int, ...]
    output: Computation
    gradients: Mapping[str, Computation]

    @property
    def words(self) -> str:
        """The operation's name and sizes."""
        return " ".join([self.name, *map(str, self.sizes)])

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the output."""
        return arithmetic.contract(self.output, dict(zip(self.gradients, operands, strict=True)))

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return the gradient of each operand."""
        named = {**dict(zip(self.gradients, operands, strict=True)), "grad_output": gradient}
        return [arithmetic.contract(of, named) for of in self.gradients.values()], 0


@dataclass(frozen=True, slots=True)
class Relu:
    """max(x, 0); the gradient is δ where x > 0, otherwise 0 (Lean: `reluNode`)."""

    words = "relu"

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the larger of x and zero."""
        return arithmetic.law("max", x=operands[0], y=arithmetic.zeros())

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return δ or 0, and where the sign of x is uncertain a bound that covers both."""
        (x,) = operands
        chosen = arithmetic.law("choose", x=x, y=arithmetic.zeros(), z=gradient)
        return [chosen], int(uncertain(x).sum())


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """max(x, c·x) for a slope 0 ≤ c ≤ 1; the gradient is δ where x > 0, otherwise c·δ (Lean:
    `leakyReluNode`).
    """

    slope: float

    @property
    def words(self) -> str:
        """The slope as a hexadecimal float."""
        return f"leakyRelu {float(self.slope).hex()}"

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the larger of x and c·x."""
        (x,) = operands
        small = arithmetic.law("mul", x=arithmetic.number(self.slope), y=x)
        return arithmetic.law("max", x=x, y=small)

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return δ or c·δ, and where the sign of x is uncertain a bound that covers both."""
        (x,) = operands
        small = arithmetic.law("mul", x=arithmetic.number(self.slope), y=gradient)
        chosen = arithmetic.law("choose", x=x, y=small, z=gradient)
        return [chosen], int(uncertain(x).sum())


@dataclass(frozen=True, slots=True)
class Add:
    """x + y of two tensors of one shape (Lean: `addNode`)."""

    words = "add"

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the rounded sums."""
        x, y = operands
        return arithmetic.law("add", x=x, y=y)

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return δ for both."""
        return [gradient, gradient], 0


@dataclass(frozen=True, slots=True)
class Divide:
    """x / c for a positive integer c that every format holds (Lean: `divNode`)."""

    divisor: int

    @property
    def words(self) -> str:
        """The divisor as a hexadecimal float."""
        return f"div {float(self.divisor).hex()}"

    def _divided(self, arithmetic: Arithmetic, x: Pairs) -> Pairs:
        return arithmetic.law("div", x=x, y=arithmetic.number(self.divisor))

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the rounded quotients."""
        return self._divided(arithmetic, operands[0])

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return δ / c."""
        return [self._divided(arithmetic, gradient)], 0


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same entries, in row-major order, in another shape (Lean: `reshapeNode`)."""

    shape: Shape

    @property
    def words(self) -> str:
        """The shape."""
        return " ".join(["reshape", *map(str, self.shape)])

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the entries."""
        (x,) = operands
        return Pairs(x.value.reshape(self.shape), x.eps.reshape(self.shape))

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return the entries, back in the operand's shape."""
        shape = operands[0].value.shape
        return [Pairs(gradient.value.reshape(shape), gradient.eps.reshape(shape))], 0


@dataclass(frozen=True)
class MaxPool:
    """The largest entry of each window of x [batch, channels, …]; padding is skipped.

    The gradient of an output goes to the first of its window's largest entries (Lean:
    `maxPoolNode`). `sums` is the operation that sums the same windows.
    """

    pooling: Pooling
    sums: Operation

    @property
    def words(self) -> str:
        """The sizes, which are those of `sums`."""
        return " ".join(["maxPool", *map(str, self.sums.sizes)])

    @cached_property
    def _taps(self) -> tuple[tuple[npt.NDArray[np.intp], _Mask], ...]:
        """For each tap of the window, in order, the flat input position that each output reads,
        and whether that is in the input.
        """
        taps = []
        for tap in product(*(range(axis.kernel) for axis in self.pooling.windows)):
            position = np.zeros((), np.intp)
            inside = np.ones((), bool)
            for axis, k in zip(self.pooling.windows, tap, strict=True):
                read = np.arange(axis.output) * axis.stride + k * axis.dilation - axis.pad_begin
                fits = (read >= 0) & (read < axis.size)
                position = position[..., None] * axis.size + np.where(fits, read, 0)
                inside = inside[..., None] & fits
            taps.append((position.ravel(), inside.ravel()))
        return tuple(taps)

    def _flat(self, x: Pairs) -> Pairs:
        shape = self._shape_of(prod(axis.size for axis in self.pooling.windows))
        return Pairs(x.value.reshape(shape), x.eps.reshape(shape))

    def _entries(self, x: Pairs) -> Iterator[tuple[Pairs, _Mask]]:
        """Yield what each tap reads, an entry for each output, and whether it reads one."""
        flat = self._flat(x)
        for position, inside in self._taps:
            yield Pairs(flat.value[..., position], flat.eps[..., position]), inside

    def forward(self, arithmetic: Arithmetic, operands: Sequence[Pairs]) -> Pairs:
        """Return the largest entries, comparing one tap after the other."""
        (x,) = operands
        total, filled = _none_of(arithmetic, self._shape)
        for entry, inside in self._entries(x):
            larger = arithmetic.law("max", x=total, y=entry)
            total = _where(inside & filled, larger, _where(inside, entry, total))
            filled = filled | inside
        shape = self._shape_of(*(axis.output for axis in self.pooling.windows))
        return Pairs(total.value.reshape(shape), total.eps.reshape(shape))

    def backward(
        self, arithmetic: Arithmetic, operands: Sequence[Pairs], gradient: Pairs
    ) -> tuple[Sequence[Pairs], int]:
        """Return for each entry of x the sum of δ over the outputs that may have chosen it."""
        (x,) = operands
        passed = Pairs(gradient.value.reshape(self._shape), gradient.eps.reshape(self._shape))
        zero = arithmetic.zeros()
        total, filled = _none_of(arithmetic, self._flat(x).value.shape)
        unsure = np.zeros(self._shape, bool)
        for (position, inside), chosen in zip(self._taps, self._chosen(arithmetic, x), strict=True):
            unsure |= inside & (chosen.eps > 0)
            part = arithmetic.law("choose", x=chosen, y=zero, z=passed)
            spread, reached = _none_of(arithmetic, total.value.shape)
            to = position[inside]
            spread.value[..., to] = part.value[..., inside]
            spread.eps[..., to] = part.eps[..., inside]
            reached[..., to] = True
            added = arithmetic.law("add", x=total, y=spread)
            total = _where(reached & filled, added, _where(reached, spread, total))
            filled = filled | reached
        return [Pairs(total.value.reshape(x.value.shape), total.eps.reshape(x.value.shape))], int(
            unsure.sum()
        )

    @property
    def _shape(self) -> Shape:
        return self._shape_of(prod(axis.output for axis in self.pooling.windows))

    def _shape_of(self, *spatial: int) -> Shape:
        return (self.pooling.batch, self.pooling.channels, *spatial)

    def _chosen(self, arithmetic: Arithmetic, x: Pairs) -> Iterator[Pairs]:
        """Yield for each tap 1 where its entry is the first of the window's largest, else 0."""
        taps = list(self._entries(x))
        zero = arithmetic.zeros()
        for k, (entry, _) in enumerate(taps):
            chosen = Pairs(np.ones(self._shape, arithmetic.format.dtype), np.zeros(self._shape))
            for other, (rival, inside) in enumerate(taps):
                if other == k:
                    continue
                law = "greater" if other < k else "at_least"
                wins = arithmetic.law(law, x=entry, y=rival)
                both = arithmetic.law("choose", x=wins, y=zero, z=chosen)
                chosen = _where(inside, both, chosen)
            yield chosen


def _none_of(arithmetic: Arithmetic, shape: Shape) -> tuple[Pairs, _Mask]:
    """Return zeros, and a mask that marks none of them as a number yet."""
    return arithmetic.zeros(shape), np.zeros(shape, bool)


def _where(mask: _Mask, then: Pairs, otherwise: Pairs) -> Pairs:
    return Pairs(
        np.where(mask, then.value, otherwise.value), np.where(mask, then.eps, otherwise.eps)
    )
