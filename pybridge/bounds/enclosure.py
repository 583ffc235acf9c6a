"""Bounds of results that something else computed, whoever did: enclosures."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from pybridge.engine.coefficients import round_up
from pybridge.engine.estimator import estimator
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import Definitions
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result
from pybridge.truth.conv2d import Dyadic, exact_conv2d

__all__ = ["EXACT_WORK", "enclosure_bound", "exact_result"]

EXACT_WORK = 2**31
"""The most products times 64-bit words of an exact result: some 20 seconds."""


def enclosure_bound(
    name: str,
    computed: FloatArray,
    geometry: Geometry,
    operands: Mapping[str, Operand],
    definitions: Definitions,
) -> Float64:
    """How far an array may be from a conv2d's exact output or gradient, whoever computed it.

    `computed` has the result's shape. One in binary64, and one of which the bound is not finite
    otherwise, is compared with the exact result, which `EXACT_WORK` limits (else `InputError`);
    others with one that is computed in binary64.
    """
    estimates = estimator(name, geometry, operands, definitions)
    if computed.dtype.itemsize <= 4:
        bound = estimates.enclosure(computed)
        if np.isfinite(bound.max()):
            return bound
    return estimates.around(_exact_distance(name, computed, geometry, operands))


def _exact_distance(
    name: str, computed: FloatArray, geometry: Geometry, operands: Mapping[str, Operand]
) -> Float64:
    """|computed − exact|, rounded up."""
    exact = exact_result(name, geometry, {key: given.value for key, given in operands.items()})
    entries = zip(computed.ravel().tolist(), exact, strict=True)
    distances = [round_up(abs(Fraction(value) - entry)) for value, entry in entries]
    return np.array(distances).reshape(computed.shape)


def exact_result(
    name: str, geometry: Geometry, operands: Mapping[str, FloatArray]
) -> list[Fraction]:
    """All entries of the exact result, row-major; `InputError` beyond `EXACT_WORK`."""
    given = {key: value for key, value in operands.items() if key in Result(name).operands}
    words = sum(_bits(values) for values in given.values()) // 64 + 1
    work = geometry.multiply_adds * words if name != "bias" else given["grad_output"].size
    if work > EXACT_WORK:
        raise InputError(
            f"a bound for a result in binary64 needs the exact one: of {geometry.multiply_adds} "
            f"products with {64 * words} bits, which is more than is reasonable; give a smaller "
            "one, the result in binary32, or take the method any-order"
        )
    zero = np.zeros(1)
    x, weight, bias, grad_output = (
        Dyadic.of(given.get(key, zero)) for key in ("x", "weight", "bias", "grad_output")
    )
    return exact_conv2d(geometry, x, weight, bias, grad_output, names=(name,))[name].fractions()


def _bits(values: FloatArray) -> int:
    """How many bits the entries have over a common power of two."""
    exponents = np.frexp(values.astype(np.float64)[values != 0])[1]
    return 53 + int(np.ptp(exponents)) if exponents.size else 1
