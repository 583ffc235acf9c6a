"""Exact results of every operation, whole and entry by entry, from the textbook's formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.geometry import Geometry
from pybridge.problem.shapes import Pooling, Shape
from pybridge.truth.convolution import convolution, convolution_entry
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.einsum import einsum, einsum_entry

__all__ = ["exact_entry", "exact_results"]

_Floats: TypeAlias = npt.NDArray[Any]

_LABELS: Mapping[str, str] = {"x": "bmkp", "y": "bnkq", "grad_output": "bmn"}
"""The axes of the operands of a product."""


def exact_results(
    shape: Shape,
    operands: Mapping[str, Dyadic | _Floats],
    names: Iterable[str] | None = None,
) -> dict[str, Dyadic]:
    """The exact results that are named, by default all whose operands are there.

    `operands` are those of `shape`; arrays are of dtypes whose values float64 holds. An output
    whose bias or addend is left out has none.
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


def exact_entry(
    name: str, shape: Shape, operands: Mapping[str, _Floats], index: Sequence[int]
) -> Fraction:
    """The exact entry of a result at an index.

    `operands` are as `exact_results` takes them; those that the result does not depend on may be
    left out.
    """
    if isinstance(shape, Pooling):
        geometry = shape.convolution
        ones = np.ones(geometry.weight_shape)
        return convolution_entry(name, geometry, {**operands, "weight": ones}, index)
    if isinstance(shape, Geometry):
        return convolution_entry(name, shape, operands, index)
    if name == "addend":
        return Fraction(float(operands["grad_output"][tuple(index)]))
    first, second, labels = _product(name)
    total = einsum_entry(
        operands[first], _LABELS[first], operands[second], _LABELS[second], labels, index
    )
    if name == "output" and "addend" in operands:
        total += Fraction(float(operands["addend"][tuple(index)]))
    return total


def _product(name: str) -> tuple[str, str, str]:
    """The two operands of a product's result, and the labels of its axes."""
    first, second = (key for key in _LABELS if key != ("grad_output" if name == "output" else name))
    return first, second, _LABELS["grad_output" if name == "output" else name]
