"""A conv2d's output and gradients as nested loops: which operands meet in which entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count, product
from random import Random
from typing import Any, Literal, TypeAlias

__all__ = ["RESULTS", "Entry", "Shapes", "Which", "entries", "long_shapes", "random_shapes"]

Which: TypeAlias = Literal["output", "bias", "weight", "input"]
RESULTS: tuple[Which, ...] = ("output", "bias", "weight", "input")


@dataclass(frozen=True, slots=True)
class Shapes:
    """Sizes of a conv2d; pairs are (height, width), channels are counted per group."""

    batch: int
    groups: int
    ins: int
    outs: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    @property
    def out(self) -> tuple[int, int]:
        """Height and width of the output."""
        found = []
        for k in range(2):
            room = self.size[k] + sum(self.padding[k]) - self.dilation[k] * (self.kernel[k] - 1) - 1
            found.append(room // self.stride[k] + 1)
        return found[0], found[1]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of x, weight, bias, grad_output or of a result."""
        outs = self.groups * self.outs
        return {
            "x": (self.batch, self.groups * self.ins, *self.size),
            "input": (self.batch, self.groups * self.ins, *self.size),
            "weight": (outs, self.ins, *self.kernel),
            "bias": (outs,),
            "grad_output": (self.batch, outs, *self.out),
            "output": (self.batch, outs, *self.out),
        }[name]

    @property
    def keywords(self) -> dict[str, Any]:
        """The parameters as the package's functions take them."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """The terms of an entry in the stated order: flat indices of the factors, and of the bias.

    Of the bias gradient, the only factor is the second.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    bias: int | None = None


def entries(which: Which, s: Shapes) -> list[Entry]:
    """The entries of a result, row-major.

    The factors are x and weight of the output, x and grad_output of the weight's gradient, weight
    and grad_output of the input's, grad_output alone of the bias's.
    """
    (height, width), (rows, columns), (tall, wide) = s.size, s.kernel, s.out
    outs, channels = s.groups * s.outs, s.groups * s.ins

    def x(n: int, c: int, i: int, j: int) -> int:
        return ((n * channels + c) * height + i) * width + j

    def w(o: int, c: int, a: int, b: int) -> int:
        return ((o * s.ins + c) * rows + a) * columns + b

    def g(n: int, o: int, i: int, j: int) -> int:
        return ((n * outs + o) * tall + i) * wide + j

    def place(i: int, a: int, axis: int) -> int:
        return i * s.stride[axis] + a * s.dilation[axis] - s.padding[axis][0]

    def reads(i: int, a: int, j: int, b: int) -> tuple[int, int] | None:
        p, q = place(i, a, 0), place(j, b, 1)
        return (p, q) if 0 <= p < height and 0 <= q < width else None

    found = []
    if which == "bias":
        for o in range(outs):
            met = [g(n, o, i, j) for n, i, j in product(*map(range, (s.batch, tall, wide)))]
            found.append(Entry((), tuple(met)))
        return found
    if which == "input":
        readers: dict[tuple[int, int], list[tuple[int, int, int, int]]] = {}
        for a, b, i, j in product(*map(range, (rows, columns, tall, wide))):
            at = reads(i, a, j, b)
            if at is not None:
                readers.setdefault(at, []).append((a, b, i, j))
    for index in product(*map(range, s.shape(which))):
        pairs: list[tuple[int, int]] = []
        bias = None
        if which == "output":
            n, o, i, j = index
            bias = o
            for c, a, b in product(*map(range, (s.ins, rows, columns))):
                at = reads(i, a, j, b)
                if at is not None:
                    pairs.append((x(n, o // s.outs * s.ins + c, *at), w(o, c, a, b)))
        elif which == "weight":
            o, c, a, b = index
            for n, i, j in product(*map(range, (s.batch, tall, wide))):
                at = reads(i, a, j, b)
                if at is not None:
                    pairs.append((x(n, o // s.outs * s.ins + c, *at), g(n, o, i, j)))
        else:
            n, c, p, q = index
            group, inner = divmod(c, s.ins)
            for o in range(group * s.outs, (group + 1) * s.outs):
                for a, b, i, j in readers.get((p, q), ()):
                    pairs.append((w(o, inner, a, b), g(n, o, i, j)))
        found.append(Entry(tuple(p for p, _ in pairs), tuple(q for _, q in pairs), bias))
    return found


def random_shapes(random: Random, most: int) -> Shapes:
    """Sizes with at most so many products in the output, and mostly not far fewer."""
    for attempt in count():
        axes = [_axis(random, most > 20_000) for _ in range(2)]
        found = Shapes(
            batch=random.choice((1, 1, 2, 3, 5)),
            groups=random.choice((1, 1, 1, 2, 3)),
            ins=random.choice((1, 1, 2, 3, 6, 20)),
            outs=random.choice((1, 2, 3, 6, 20)),
            size=(axes[0][0], axes[1][0]),
            kernel=(axes[0][1], axes[1][1]),
            stride=(axes[0][2], axes[1][2]),
            dilation=(axes[0][3], axes[1][3]),
            padding=(axes[0][4], axes[1][4]),
        )
        if min(found.out) < 1:
            continue
        tall, wide = found.out
        kernel = found.kernel[0] * found.kernel[1]
        work = found.batch * found.groups * found.outs * found.ins * tall * wide * kernel
        if work <= most and (work * 20 >= most or attempt > 50):
            return found
    raise AssertionError


def long_shapes(random: Random, most: int) -> tuple[Which, Shapes]:
    """A result with few entries of up to so many terms."""
    which = random.choice(RESULTS)
    terms = random.randint(most // 20, most)
    side = math.isqrt(terms)
    if which == "output":
        area = (random.choice((1, 3)), random.choice((1, 5)))
        return which, Shapes(1, 1, terms // math.prod(area), 1, area, area)
    if which == "input":
        return which, Shapes(1, 1, 1, terms, (1, 1), (1, 1))
    return which, Shapes(1, 1, 1, 1, (side, side), (1, 1))


def _axis(random: Random, large: bool) -> tuple[int, int, int, int, tuple[int, int]]:
    size, kernel = random.randint(1, 30 if large else 9), random.choice((1, 1, 2, 3, 4))
    if random.random() < 0.5:
        pad = random.randint(0, 2)
        pads = (pad, pad)
    else:
        pads = (random.randint(0, 3), random.randint(0, 3))
    dilation = random.choice((1, 1, 2, 3))
    if size + sum(pads) < dilation * (kernel - 1) + 1:
        dilation = kernel = 1
    return size, kernel, random.choice((1, 1, 2, 3)), dilation, pads
