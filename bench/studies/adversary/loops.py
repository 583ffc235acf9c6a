"""Operations of two factors as nested loops: which operands meet in which entry.

Roles have the names of a convolution: x and weight are the factors, bias is added, and grad_output
is the cotangent of the output; input is the gradient of x.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, product
from random import Random
from typing import Any, Literal, TypeAlias

__all__ = ["RESULTS", "Entry", "Shapes", "Which", "entries", "long_shapes", "random_shapes"]

Which: TypeAlias = Literal["output", "bias", "weight", "input"]
RESULTS: tuple[Which, ...] = ("output", "bias", "weight", "input")

_Meetings: TypeAlias = list[tuple[int, int, int]]
"""Flat indices of an entry of the output, and of x's and weight's entries in one of its terms."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """A call of a function of `pybridge.ops`: shapes by role, names by role, further arguments.

    `addend` has the index of the bias's entry for each entry of the output; `longest` has for each
    result how many terms a kernel goes over for an entry, with padding but without a bias. `stated`
    says whether the terms of `entries` are in the order of the definitions.
    """

    function: str
    sizes: Mapping[str, tuple[int, ...]]
    names: Mapping[str, str]
    keywords: Mapping[str, Any]
    meetings: _Meetings = field(repr=False)
    addend: Sequence[int] = field(repr=False)
    longest: Mapping[Which, int]
    stated: bool = True

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an operand or a result."""
        return self.sizes[{"output": "grad_output", "input": "x"}.get(name, name)]


@dataclass(frozen=True, slots=True)
class Entry:
    """The terms of an entry: flat indices of the factors, and of the bias.

    The bias gradient has only the second factor.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    bias: int | None = None


def entries(which: Which, s: Shapes) -> list[Entry]:
    """Return the entries of a result, row-major.

    The factors are x and weight for the output, x and grad_output for the weight's gradient, weight
    and grad_output for x's, and only grad_output for the bias's.
    """
    total = math.prod(s.shape(which))
    pairs: list[list[tuple[int, int]]] = [[] for _ in range(total)]
    if which == "bias":
        for out, bias in enumerate(s.addend):
            pairs[bias].append((0, out))
        return [Entry((), tuple(out for _, out in met)) for met in pairs]
    for out, x, w in s.meetings:
        if which == "output":
            pairs[out].append((w, x))
        elif which == "weight":
            pairs[w].append((x, out))
        else:
            pairs[x].append((w, out))
    indices = []
    for k, met in enumerate(pairs):
        met.sort()
        first, second = tuple(a for a, _ in met), tuple(b for _, b in met)
        if which == "output":
            indices.append(Entry(second, first, s.addend[k]))
        else:
            indices.append(Entry(first, second))
    return indices


# Convolutions


@dataclass(frozen=True, slots=True)
class _Axis:
    """A spatial axis: the size of what windows move over, and the number of their positions."""

    moved: int
    positions: int
    kernel: int
    stride: int
    dilation: int
    pads: tuple[int, int]
    extra: int = 0

    def meetings(self) -> Iterator[tuple[int, int, int]]:
        """Yield each position, with the index that it reads and the tap that reads it."""
        for p, k in product(range(self.positions), range(self.kernel)):
            at = p * self.stride + k * self.dilation - self.pads[0]
            if 0 <= at < self.moved:
                yield p, at, k


def convolution(
    batch: int, groups: int, ins: int, outs: int, axes: Sequence[_Axis], *, transposed: bool
) -> Shapes:
    """Return a convolution, or a transposed one; channels are counted per group."""
    kernel = tuple(axis.kernel for axis in axes)
    moved, placed = (tuple(getattr(a, name) for a in axes) for name in ("moved", "positions"))
    x, out = (placed, moved) if transposed else (moved, placed)
    weight = (groups * ins, outs, *kernel) if transposed else (groups * outs, ins, *kernel)
    sizes = {
        "x": (batch, groups * ins, *x),
        "weight": weight,
        "bias": (groups * outs,),
        "grad_output": (batch, groups * outs, *out),
    }
    meetings = []
    spatial = [
        tuple(_flat([axis[j] for axis in met], sizes)
              for j, sizes in enumerate((placed, moved, kernel)))
        for met in product(*(list(axis.meetings()) for axis in axes))
    ]  # fmt: skip
    area = {name: math.prod(shape[2:]) for name, shape in sizes.items()}
    for n, g, i, o in product(*map(range, (batch, groups, ins, outs))):
        into, outof = g * ins + i, g * outs + o
        start = n * groups * ins + into, n * groups * outs + outof
        first, second = (into, o) if transposed else (outof, i)
        tap = (first * weight[1] + second) * area["weight"]
        for p, at, k in spatial:
            one, other = (at, p) if transposed else (p, at)
            meetings.append(
                (start[1] * area["grad_output"] + one, start[0] * area["x"] + other, tap + k)
            )
    many = math.prod(sizes["grad_output"]) // area["grad_output"]
    addend = [c % (groups * outs) for c in range(many) for _ in range(area["grad_output"])]
    taps = math.prod(kernel)
    pads = tuple(axis.pads for axis in axes)
    keywords: dict[str, Any] = {
        "stride": tuple(axis.stride for axis in axes),
        "padding": pads,
        "dilation": tuple(axis.dilation for axis in axes),
        "groups": groups,
    }
    if transposed:
        keywords["padding"] = tuple(begin for begin, _ in pads)
        keywords["output_padding"] = tuple(axis.extra for axis in axes)
    return Shapes(
        f"conv_transpose{len(axes)}d" if transposed else f"conv{len(axes)}d",
        sizes,
        {"x": "input", "weight": "weight", "bias": "bias"},
        keywords,
        meetings,
        addend,
        {
            "output": ins * taps,
            "input": outs * taps,
            "weight": batch * math.prod(placed),
            "bias": batch * math.prod(out),
        },
    )


def _flat(index: Sequence[int], shape: Sequence[int]) -> int:
    place = 0
    for i, size in zip(index, shape, strict=True):
        place = place * size + i
    return place


# Products


def einsum(
    function: str,
    labels: tuple[str, str, str],
    sizes: Mapping[str, int],
    names: Mapping[str, str],
    keywords: Mapping[str, Any],
    addend: str = "",
) -> Shapes:
    """Return a product of x and weight with labelled axes; the bias has the labels `addend`."""
    x, weight, out = labels
    loops = list(sizes)
    meetings = []
    for index in product(*(range(sizes[label]) for label in loops)):
        at = dict(zip(loops, index, strict=True))
        flat = [_flat([at[a] for a in term], [sizes[a] for a in term]) for term in (out, x, weight)]
        meetings.append((flat[0], flat[1], flat[2]))
    added = []
    for index in product(*(range(sizes[label]) for label in out)):
        at = dict(zip(out, index, strict=True))
        added.append(_flat([at[a] for a in addend], [sizes[a] for a in addend]))

    def over(term: str) -> int:
        """Return the number of terms of an entry: the loops that are not axes of it."""
        return math.prod(size for label, size in sizes.items() if label not in term)

    shape = {name: tuple(sizes[a] for a in term) for name, term in zip(
        ("grad_output", "x", "weight", "bias"), (out, x, weight, addend), strict=True)}  # fmt: skip
    return Shapes(
        function,
        shape,
        names,
        keywords,
        meetings,
        added,
        {
            "output": over(out),
            "input": over(x),
            "weight": over(weight),
            "bias": math.prod(sizes[a] for a in out if a not in addend),
        },
        stated=False,
    )


_PRODUCTS: Mapping[str, tuple[tuple[str, str, str], str, tuple[str, str]]] = {
    # function: labels of x, weight and the output; of the bias; names of the factors
    "matmul": (("bmk", "bkn", "bmn"), "", ("input", "other")),
    "bmm": (("bmk", "bkn", "bmn"), "", ("input", "mat2")),
    "linear": (("bmk", "nk", "bmn"), "n", ("input", "weight")),
    "addmm": (("mk", "kn", "mn"), "mn", ("mat1", "mat2")),
    "baddbmm": (("bmk", "bkn", "bmn"), "mn", ("batch1", "batch2")),
}


def _product(random: Random, most: int) -> Shapes:
    """Draw a matrix product of some function, or an einsum of any labels."""
    side = max(2, round(most ** (1 / 4)))
    function = random.choice([*_PRODUCTS, "einsum", "einsum"])
    if function == "einsum":
        letters = random.sample("abcdefghij", random.randint(1, 6))
        terms = ["".join(random.sample(letters, random.randint(0, len(letters)))) for _ in range(2)]
        used = sorted({*terms[0], *terms[1]})
        terms.append("".join(random.sample(used, random.randint(0, len(used)))))
        labels = terms[0], terms[1], terms[2]
        names, bias = {"x": "first", "weight": "second"}, ""
        keywords: dict[str, Any] = {"equation": f"{labels[0]},{labels[1]}->{labels[2]}"}
    else:
        labels, bias, (first, second) = _PRODUCTS[function]
        names = {"x": first, "weight": second}
        if bias:
            names["bias"] = "bias" if function == "linear" else "input"
        used, keywords = sorted({*labels[0], *labels[1]}), {}
    sizes = {label: random.randint(1, side) for label in used}
    while math.prod(sizes.values()) > most:
        largest = max(sizes, key=lambda label: sizes[label])
        sizes[largest] = max(1, sizes[largest] // 2)
    return einsum(function, labels, sizes, names, keywords, bias)


# Random shapes


def random_shapes(random: Random, most: int) -> Shapes:
    """Draw sizes of some function with at most `most` products, and mostly not far fewer."""
    kind = random.choice(("conv2d", "conv2d", "conv", "transposed", "product", "product"))
    if kind == "product":
        return _product(random, most)
    rank = 2 if kind == "conv2d" else random.choice((1, 2, 3, 3))
    transposed = kind == "transposed"
    for attempt in count():
        axes = [_axis(random, most > 20_000, transposed) for _ in range(rank)]
        channels = (
            random.choice((1, 1, 2, 3, 5)),
            random.choice((1, 1, 1, 2, 3)),
            random.choice((1, 1, 2, 3, 6, 20)),
            random.choice((1, 2, 3, 6, 20)),
        )
        if min((axis.positions for axis in axes), default=0) < 1 or min(a.moved for a in axes) < 1:
            continue
        work = math.prod(channels) * math.prod(axis.positions * axis.kernel for axis in axes)
        if work <= most and (work * 20 >= most or attempt > 50):
            return convolution(*channels, axes, transposed=transposed)
    raise AssertionError


def long_shapes(random: Random, most: int) -> tuple[Which, Shapes]:
    """Draw a result that has few entries, of up to `most` terms."""
    which = random.choice(RESULTS)
    terms = random.randint(most // 20, most)
    side = math.isqrt(terms)

    def conv2d(ins: int, outs: int, size: tuple[int, int], kernel: tuple[int, int]) -> Shapes:
        axes = [
            _Axis(s, s - k + 1, k, 1, 1, (0, 0)) for s, k in zip(size, kernel, strict=True)
        ]  # fmt: skip
        return convolution(1, 1, ins, outs, axes, transposed=False)

    if which == "output":
        area = (random.choice((1, 3)), random.choice((1, 5)))
        return which, conv2d(terms // math.prod(area), 1, area, area)
    if which == "input":
        return which, conv2d(1, terms, (1, 1), (1, 1))
    return which, conv2d(1, 1, (side, side), (1, 1))


def _axis(random: Random, large: bool, transposed: bool) -> _Axis:
    size, kernel = random.randint(1, 30 if large else 9), random.choice((1, 1, 2, 3, 4))
    if transposed or random.random() < 0.5:
        pad = random.randint(0, 2)
        pads = (pad, pad)
    else:
        pads = (random.randint(0, 3), random.randint(0, 3))
    stride, dilation = random.choice((1, 1, 2, 3)), random.choice((1, 1, 2, 3))
    reach = dilation * (kernel - 1) + 1
    if transposed:
        extra = random.randint(0, max(stride, dilation) - 1)
        moved = (size - 1) * stride + reach + extra - sum(pads)
        return _Axis(moved, size, kernel, stride, dilation, pads, extra)
    if size + sum(pads) < reach:
        dilation = kernel = reach = 1
    positions = (size + sum(pads) - reach) // stride + 1
    return _Axis(size, positions, kernel, stride, dilation, pads)
