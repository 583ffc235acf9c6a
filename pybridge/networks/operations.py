"""Layers as nodes: convolutions, linear layers, pooling, and normalisation with fixed statistics.

A linear layer is a convolution of one pixel by a kernel of one pixel, and a normalisation is three
convolutions of each channel for itself by one pixel. Both are so up to the order of entries.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod, sqrt

import numpy as np

from pybridge.engine.coefficients import round_up
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.networks.nodes import Divide, Node, Operation
from pybridge.problem.computation import Computation, conv2d_computation
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.results import Result

__all__ = ["average", "convolution", "reciprocal_root"]

_CONV2D = {"x": Result.INPUT, "weight": Result.WEIGHT, "bias": Result.BIAS}


def convolution(geometry: Geometry) -> Operation:
    """A conv2d with operands x, weight and bias."""
    numbers = [geometry.batch, geometry.groups, geometry.in_channels, geometry.out_channels]
    for axis in geometry.windows:
        numbers += [axis.size, axis.kernel, axis.stride]
        numbers += [axis.pad_begin, axis.pad_end, axis.dilation]
    return Operation(
        "conv2d",
        tuple(numbers),
        conv2d_computation(Result.OUTPUT, geometry),
        {name: conv2d_computation(result, geometry) for name, result in _CONV2D.items()},
    )


def average(batch: int, channels: int, windows: tuple[Window, ...]) -> tuple[Node, Node]:
    """Sums over the windows of each channel, padding included, and the division by their size.

    The sums are the contraction of a convolution of each channel for itself, without the kernel.
    """
    geometry = Geometry(
        batch=batch, groups=channels, in_channels=1, out_channels=1, windows=windows
    )
    numbers = [batch, channels, 1, 1, *convolution(geometry).sizes[4:]]
    sums = Operation(
        "avgPool",
        tuple(numbers),
        _without_kernel(conv2d_computation(Result.OUTPUT, geometry)),
        {"x": _without_kernel(conv2d_computation(Result.INPUT, geometry))},
    )
    return sums, Divide(prod(axis.kernel for axis in windows))


def _without_kernel(computation: Computation) -> Computation:
    factors = tuple(f for f in computation.contraction.factors if f.name != "weight")
    contraction = computation.contraction.model_copy(update={"factors": factors, "addends": ()})
    return replace(computation, contraction=contraction)


def reciprocal_root(numbers: FloatArray, added: float) -> tuple[Float64, Float64]:
    """1 / √(number + added) in float64, and how far each is from the exact one.

    An approximation r is within e of it if (r − e)²·w ≤ 1 ≤ (r + e)²·w, which is decided exactly
    (Lean: `abs_sub_le_of_sq`).
    """
    found, errors = [], []
    for number in numbers.ravel().tolist():
        exact = Fraction(number) + Fraction(added)
        if exact <= 0:
            raise InputError(f"the variance {number} and eps {added} are not positive together")
        root = Fraction(1 / sqrt(exact))
        error = root / 2**53
        while not (root - error) ** 2 * exact <= 1 <= (root + error) ** 2 * exact:
            error *= 2
        found.append(float(root))
        errors.append(round_up(error))
    shape = numbers.shape
    return np.array(found).reshape(shape), np.array(errors).reshape(shape)
