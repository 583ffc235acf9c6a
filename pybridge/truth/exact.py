"""Exact results of every operation, whole and entry by entry, from the textbook's formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.geometry import Geometry
from pybridge.problem.shapes import Pooling, Shape
from pybridge.truth.convolution import convolution, convolution_terms
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.einsum import einsum, einsum_terms

__all__ = ["entry_terms", "exact_entry", "exact_results"]

_Floats: TypeAlias = npt.NDArray[Any]

_LABELS: Mapping[str, str] = {"x": "bmkp", "y": "bnkq", "grad_output": "bmn"}
"""The axes of the operands of a product."""


def exact_results(
    shape: Shape,
    operands: Mapping[str, Dyadic | _Floats],
    names: Iterable[str] | None = None,
) -> dict[str, Dyadic]:
    """Return the exact results of these names, by default all whose operands are there.

    `operands` are those of `shape`; arrays are of dtypes whose values float64 holds. Without a bias
    or addend, the output has none.
    """
    held = {
        name: value if isinstance(value, Dyadic) else Dyadic.of(value)
        for name, value in operands.items()
    }
    if names is None:
        names = [name for name, needed in shape.results.items() if held.keys() >= {*needed}]
    return {name: _result(name, shape, held) for name in names}


def _result(name: str, shape: Shape, operands: Mapping[str, Dyadic]) -> Dyadic:
    if isinstance(shape, Pooling):
        geometry = shape.convolution
        ones = Dyadic.of(np.ones(geometry.weight_shape))
        return convolution(name, geometry, {**operands, "weight": ones})
    if isinstance(shape, Geometry):
        return convolution(name, shape, operands)
    if name == "addend":
        return operands["grad_output"]
    first, second, labels = _product(name)
    sizes = {label.lower(): size for label, size in shape.parameters().items()}
    total = einsum(
        operands[first], _LABELS[first], operands[second], _LABELS[second], labels, sizes
    )
    return total + operands["addend"] if name == "output" and "addend" in operands else total


def entry_terms(
    name: str, shape: Shape, operands: Mapping[str, _Floats], index: Sequence[int]
) -> tuple[dict[str, _Floats], dict[str, float]]:
    """Return what an entry of a result sums: the factors of its terms, and its addend if any.

    The factors are flat arrays by operand, in the order of the nested sum. `operands` are as
    `exact_results` takes them; those that the result does not depend on may be left out.
    """
    at = tuple(index)
    if isinstance(shape, Pooling):
        return convolution_terms(name, shape.convolution, operands, at), {}
    if isinstance(shape, Geometry):
        factors = convolution_terms(name, shape, operands, at)
        added = {"bias": at[1:2]} if name == "output" else {}
    elif name == "addend":
        return {"grad_output": operands["grad_output"][at].reshape(1)}, {}
    else:
        first, second, labels = _product(name)
        read = [(operands[key], _LABELS[key]) for key in (first, second)]
        terms = einsum_terms(*read[0], *read[1], labels, at)
        factors = dict(zip((first, second), terms, strict=True))
        added = {"addend": at} if name == "output" else {}
    return factors, {key: float(operands[key][i]) for key, i in added.items() if key in operands}


def exact_entry(
    name: str, shape: Shape, operands: Mapping[str, _Floats], index: Sequence[int]
) -> Fraction:
    """Return the exact entry of a result at an index: the sum of its `entry_terms`."""
    factors, added = entry_terms(name, shape, operands, index)
    total = sum(map(Fraction, added.values()), Fraction(0))
    if not all(array.size for array in factors.values()):
        return total
    first, *others = map(Dyadic.of, factors.values())
    for other in others:
        first = first * other
    return total + first.sum((0,)).fractions()[0]


def _product(name: str) -> tuple[str, str, str]:
    """Return the two operands of a product's result, and the labels of its axes."""
    first, second = (key for key in _LABELS if key != ("grad_output" if name == "output" else name))
    return first, second, _LABELS["grad_output" if name == "output" else name]
