"""Layers as nodes: convolutions, linear layers, pooling, and normalisation with fixed statistics.

A linear layer is a convolution of one pixel by a kernel of one pixel, and a normalisation is three
convolutions of each channel for itself by one pixel.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod, sqrt

import numpy as np

from pybridge.engine.coefficients import round_up
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.networks.nodes import Divide, Operation
from pybridge.problem.computation import computation_of
from pybridge.problem.formats import FloatArray
from pybridge.problem.shapes import Pooling, Shape

__all__ = ["average", "operation", "reciprocal_root"]


def operation(shape: Shape) -> Operation:
    """Return the node of a shape's operation, operands in the order of the output's contraction."""
    exported = load_definitions().data.operations[shape.operation]
    numbers = shape.parameters()
    output = computation_of(shape, "output")
    names = {
        name: name if name in exported.results else {"x": "input"}[name] for name in output.operands
    }
    return Operation(
        shape.operation,
        tuple(numbers[name] for name in exported.stated),
        output,
        {operand: computation_of(shape, result) for operand, result in names.items()},
    )


def average(pooling: Pooling) -> tuple[Operation, Divide]:
    """Return the sums over windows, padding included, and the division by the window's size."""
    return operation(pooling), Divide(prod(axis.kernel for axis in pooling.windows))


def reciprocal_root(numbers: FloatArray, added: float) -> tuple[Float64, Float64]:
    """Return 1 / √(number + added) in float64, and how far each is from the exact root.

    An approximation r is within e of it if (r − e)²·w ≤ 1 ≤ (r + e)²·w, which is decided exactly
    (Lean: `abs_sub_le_of_sq`).
    """
    roots, errors = [], []
    for number in numbers.ravel().tolist():
        exact = Fraction(number) + Fraction(added)
        if exact <= 0:
            raise InputError(f"the variance {number} and eps {added} are not positive together")
        root = Fraction(1 / sqrt(exact))
        error = root / 2**53
        while not (root - error) ** 2 * exact <= 1 <= (root + error) ** 2 * exact:
            error *= 2
        roots.append(float(root))
        errors.append(round_up(error))
    shape = numbers.shape
    return np.array(roots).reshape(shape), np.array(errors).reshape(shape)
