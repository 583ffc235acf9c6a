"""Sums of products of two operands: matrix products, linear layers, einsum.

Each is brought to the exported product, x [B, M, K, P] and y [B, N, K, Q], by its axes' labels: B
has the labels of both factors and the result, M and N the labels of one factor and the result, K
the summed labels of both factors, P and Q the summed labels of one factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Real
from typing import Any, NamedTuple, TypeAlias, cast

from pybridge.bounds.arguments import held
from pybridge.bounds.operation import Operation
from pybridge.errors import InputError, InputTypeError
from pybridge.ops.bilinear import Bilinear, Eps
from pybridge.problem.computation import Arrangement, Computation, computation_of
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.shapes import Product

__all__ = ["addmm", "baddbmm", "bmm", "einsum", "linear", "matmul"]

Alpha: TypeAlias = float | tuple[float, float]


def matmul(input: Any, other: Any, *, eps: Eps = None) -> Operation:
    """Return the matrix product of `torch.matmul`: vectors, matrices, and batches, which broadcast.

    It has gradients of input and other. `eps` says by name how far the exact operands may be from
    those passed.
    """
    input, other = held("input", input), held("other", other)
    for name, array in (("input", input), ("other", other)):
        if not array.shape:
            raise InputError(f"{name}: expected one or more axes, got a number")
    rows, columns = ("row",) * (len(input.shape) > 1), ("column",) * (len(other.shape) > 1)
    batches = max(len(input.shape), len(other.shape), 2) - 2
    batch = tuple(f"batch {k}" if batches > 1 else "batch element" for k in range(batches))

    def labels(array: Any, *own: str) -> tuple[str, ...]:
        return batch[len(batch) - (len(array.shape) - len(own)) :] + own

    first = labels(input, *rows, "inner")
    second = labels(other, "inner", *columns)
    return _product(
        "matmul",
        _Factors("input", input, first, "other", other, second, frozenset(batch)),
        (*batch, *rows, *columns),
        eps,
    )


def bmm(input: Any, mat2: Any, *, eps: Eps = None) -> Operation:
    """Return the products of two batches of matrices, as by `torch.bmm`."""
    factors = _Factors(
        "input",
        held("input", input),
        ("batch element", "row", "inner"),
        "mat2",
        held("mat2", mat2),
        ("batch element", "inner", "column"),
    )
    return _product("bmm", factors, ("batch element", "row", "column"), eps)


def linear(input: Any, weight: Any, bias: Any = None, *, eps: Eps = None) -> Operation:
    """Return a linear layer, as by `torch.nn.functional.linear`.

    input is [*, I], weight [O, I], bias [O]. Without an axis of outputs, weight is [I] and bias a
    number.
    """
    input, weight = held("input", input), held("weight", weight)
    leading = len(input.shape) - 1
    if leading < 0:
        raise InputError("input: expected one or more axes, got a number")
    batch = tuple("batch element" if leading == 1 else f"axis {k}" for k in range(leading))
    outputs = ("output feature",) * (len(weight.shape) > 1)
    factors = _Factors(
        "input",
        input,
        (*batch, "input feature"),
        "weight",
        weight,
        (*outputs, "input feature"),
    )
    addend = None if bias is None else _Addend("bias", held("bias", bias), outputs)
    return _product("linear", factors, (*batch, *outputs), eps, addend)


def addmm(
    input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: Alpha = 1, eps: Eps = None
) -> Operation:
    """Return beta·input + alpha·mat1·mat2, as by `torch.addmm`; input broadcasts.

    A kernel in float32, bfloat16 or float16 multiplies by float32 numbers: beta and alpha must be
    float32 numbers. alpha may be two numbers, by which a kernel multiplies the sum one after the
    other, as `torch._scaled_mm` does. If beta is 0, input is not read. Raises `InputError` if alpha
    is 0.
    """
    factors = _Factors(
        "mat1",
        held("mat1", mat1),
        ("row", "inner"),
        "mat2",
        held("mat2", mat2),
        ("inner", "column"),
    )
    addend = _trailing(input, ("row", "column"))
    return _product("addmm", factors, ("row", "column"), eps, addend, _Scales.of(alpha, beta))


def baddbmm(
    input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: Alpha = 1, eps: Eps = None
) -> Operation:
    """Return beta·input + alpha·batch1·batch2 of batches of matrices, as by `torch.baddbmm`.

    input broadcasts; beta and alpha as in `addmm`.
    """
    factors = _Factors(
        "batch1",
        held("batch1", batch1),
        ("batch element", "row", "inner"),
        "batch2",
        held("batch2", batch2),
        ("batch element", "inner", "column"),
    )
    result = ("batch element", "row", "column")
    addend = _trailing(input, result)
    return _product("baddbmm", factors, result, eps, addend, _Scales.of(alpha, beta))


def einsum(equation: str, *operands: Any, eps: Eps = None) -> Operation:
    """Return the summed products of two operands, as by `torch.einsum`.

    The operands are named first and second. An ellipsis stands for axes that broadcast. Without an
    arrow, the result has the labels that occur once, in alphabetical order. Raises `InputError` for
    a label that an operand has twice, and unless there are two operands.
    """
    if not isinstance(equation, str):
        raise InputTypeError(f"equation: expected a text, got {equation!r:.60}")
    if len(operands) != 2:
        raise InputError(
            f"einsum: expected two operands, got {len(operands)}: a sum of products of more is no "
            "contraction of two, and its intermediate results would be rounded"
        )
    first, second = held("first", operands[0]), held("second", operands[1])
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != 2:
        raise InputError(f"equation: expected two terms, got {equation!r:.60}")
    shapes = (first.shape, second.shape)
    ranks = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes, strict=True)]
    most = max([0, *(rank for rank, term in zip(ranks, terms, strict=True) if "..." in term)])
    labels = [
        _labels(term, rank, most, len(shape))
        for term, rank, shape in zip(terms, ranks, shapes, strict=True)
    ]
    if arrow:
        wanted = _labels(result, most, most, None)
    else:
        every = [label for term in labels for label in term]
        once = sorted(label for label in set(every) if every.count(label) == 1 and len(label) == 1)
        wanted = (*(f"...{k}" for k in range(most)), *once)
    for label in wanted:
        if wanted.count(label) > 1 or not any(label in term for term in labels):
            raise InputError(
                f"equation: expected each label of the result once, and in an operand, got "
                f"{label!r} in {equation!r:.60}"
            )
    every_label = frozenset(label for term in labels for label in term)
    factors = _Factors("first", first, labels[0], "second", second, labels[1], every_label)
    return _product("einsum", factors, wanted, eps)


def _labels(term: str, rank: int, most: int, axes: int | None) -> tuple[str, ...]:
    """Return the labels of a term, of which an ellipsis stands for the last of `most` axes."""
    before, dots, after = term.partition("...")
    if axes is not None and (rank < 0 or (rank and not dots)):
        raise InputError(f"equation: {term!r} has not as many labels as its operand's {axes} axes")
    for label in before + after:
        if not label.isalpha() or not label.isascii():
            raise InputError(f"equation: expected letters as labels, got {label!r}")
        if (before + after).count(label) > 1 and axes is not None:
            raise InputError(
                f"equation: {label!r} is twice in {term!r}: take the operand's diagonal first"
            )
    hidden = tuple(f"...{k}" for k in range(most - rank, most)) if dots else ()
    return (*before, *hidden, *after)


@dataclass(frozen=True, slots=True)
class _Factors:
    """Two factors, their names, and the labels of their axes.

    Along axes of labels in `broadcast`, one of them may have a size of one.
    """

    first: str
    x: Any
    x_labels: tuple[str, ...]
    second: str
    y: Any
    y_labels: tuple[str, ...]
    broadcast: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, array, labels in (
            (self.first, self.x, self.x_labels),
            (self.second, self.y, self.y_labels),
        ):
            if len(array.shape) != len(labels):
                raise InputError(
                    f"{name} has shape {tuple(array.shape)}, expected axes [{', '.join(labels)}]"
                )


@dataclass(frozen=True, slots=True)
class _Addend:
    name: str
    array: Any
    labels: tuple[str, ...]


class _Scales(NamedTuple):
    """The factors of a sum of products, one after the other, and the factor of its addend."""

    alphas: tuple[float, ...]
    beta: float

    @classmethod
    def of(cls, alpha: object, beta: object) -> _Scales:
        """Check the arguments: finite numbers that float64 holds, alpha not zero."""
        alphas = alpha if isinstance(alpha, tuple) and len(alpha) == 2 else (alpha,)
        for name, value in (*(("alpha", each) for each in alphas), ("beta", beta)):
            if isinstance(value, bool) or not isinstance(value, Real):
                raise InputTypeError(f"{name}: expected a number, got {value!r:.60}")
            if not math.isfinite(value) or float(value) != value:
                raise InputError(f"{name}: expected a finite float64 number, got {value!r:.60}")
        if 0 in alphas:
            raise InputError("alpha: 0 leaves no products, expected another number")
        return cls(tuple(map(float, alphas)), float(cast(float, beta)))


def _trailing(input: Any, labels: tuple[str, ...]) -> _Addend:
    """Return an addend that broadcasts to the axes: it has the last of them."""
    array = held("input", input)
    if len(array.shape) > len(labels):
        raise InputError(
            f"input has shape {tuple(array.shape)}, expected at most {len(labels)} axes"
        )
    return _Addend("input", array, labels[len(labels) - len(array.shape) :])


def _sizes(factors: _Factors) -> dict[str, int]:
    """Return the size of each label; raise `InputError` if two axes do not agree."""
    sizes: dict[str, int] = {}
    for name, array, labels in (
        (factors.first, factors.x, factors.x_labels),
        (factors.second, factors.y, factors.y_labels),
    ):
        for axis, (label, size) in enumerate(zip(labels, array.shape, strict=True)):
            known = sizes.setdefault(label, int(size))
            if known != size and not (label in factors.broadcast and 1 in (known, size)):
                raise InputError(
                    f"{name} has shape {tuple(array.shape)}: expected {known} along axis {axis} "
                    f"({label}), as {factors.first} of shape {tuple(factors.x.shape)} has"
                )
            sizes[label] = int(size) if known == 1 else known
    return sizes


def _product(
    function: str,
    factors: _Factors,
    result: tuple[str, ...],
    eps: Eps,
    addend: _Addend | None = None,
    scales: _Scales | None = None,
) -> Operation:
    """Return the product of factors, summed over all labels that the result lacks, scaled, plus an
    addend.
    """
    alphas, beta = scales or ((1.0,), 1.0)
    if beta == 0:
        addend = None
    sizes = _sizes(factors)
    # A broadcast axis of size one counts as none of the operand's axes.
    x_labels = [
        a if n == sizes[a] else "" for a, n in zip(factors.x_labels, factors.x.shape, strict=True)
    ]
    y_labels = [
        a if n == sizes[a] else "" for a, n in zip(factors.y_labels, factors.y.shape, strict=True)
    ]
    groups = {
        "B": [a for a in result if a in x_labels and a in y_labels],
        "M": [a for a in result if a in x_labels and a not in y_labels],
        "N": [a for a in result if a not in x_labels],
        "K": [a for a in x_labels if a and a in y_labels and a not in result],
        "P": [a for a in x_labels if a and a not in y_labels and a not in result],
        "Q": [a for a in y_labels if a and a not in x_labels and a not in result],
    }
    # An empty sum is computed as the sum of one zero.
    extents = {name: prod(sizes[a] for a in labels) or 1 for name, labels in groups.items()}
    shape = Product(**extents)

    def arranged(labels: Sequence[str], outer: tuple[int, ...], names: str) -> Arrangement:
        """Return the axes in the order of the groups; broadcast axes of size one are last."""
        order = [labels.index(a) for name in names for a in groups[name]]
        rest = [axis for axis in range(len(labels)) if axis not in order]
        return Arrangement(outer, (*order, *rest), tuple(extents[name] for name in names))

    outer = tuple(sizes[a] for a in result)
    arrangements = {
        "x": arranged(x_labels, tuple(map(int, factors.x.shape)), "BMKP"),
        "y": arranged(y_labels, tuple(map(int, factors.y.shape)), "BNKQ"),
        "grad_output": arranged(result, outer, "BMN"),
    }
    names = {"x": factors.first, "y": factors.second, "grad_output": "grad_output"}
    arrays = {"x": factors.x, "y": factors.y}
    axes = {"x": factors.x_labels, "y": factors.y_labels, "grad_output": result}
    others = {}
    if addend is not None:
        shape_of_addend = tuple(map(int, addend.array.shape))
        expected = outer[len(outer) - len(shape_of_addend) :]
        if any(n not in (1, m) for n, m in zip(shape_of_addend, expected, strict=True)):
            raise InputError(
                f"{addend.name} has shape {shape_of_addend}, expected one that broadcasts to "
                f"{outer}"
            )
        arrays["addend"], names["addend"] = addend.array, addend.name
        arrangements["addend"] = arrangements["grad_output"].expanding(tuple(addend.array.shape))
        others["addend"] = _summed(addend, result, outer, names).scaled_by((beta,), 1.0)
    results = {
        role: computation_of(shape, "output" if role == "grad_output" else role)
        .called_by(
            noun="output" if role == "grad_output" else f"{names[role]} gradient",
            axes=axes[role],
            names=names,
            arranged=arrangements,
            result=arrangements[role],
        )
        .scaled_by(alphas, beta if addend is not None else 1.0)
        for role in axes
    }
    return Bilinear(function, results | others, names).output(arrays, eps)


def _summed(
    addend: _Addend, result: tuple[str, ...], outer: tuple[int, ...], names: Mapping[str, str]
) -> Computation:
    """Return the gradient of an addend: the sum of the cotangent over the axes along which it
    repeats.

    It is the bias gradient of a convolution whose channels are the addend's entries.
    """
    leading = len(result) - len(addend.array.shape)
    own = [
        leading + axis
        for axis, size in enumerate(addend.array.shape)
        if size == outer[leading + axis]
    ]
    rest = [axis for axis in range(len(result)) if axis not in own]
    entries, repeated = (prod(outer[axis] for axis in axes) or 1 for axes in (own, rest))
    shape = Geometry(batch=repeated, out_channels=entries, windows=(Window(size=1, kernel=1),))
    return computation_of(shape, "bias").called_by(
        noun=f"{addend.name} gradient",
        axes=addend.labels,
        names=names,
        arranged={"grad_output": Arrangement(outer, (*rest, *own), (repeated, entries, 1))},
        result=Arrangement.plain(tuple(addend.array.shape), (entries,)),
    )
