"""Evaluates exported laws of operations on entries, such as choices, on arrays of pairs.

A pair is a value of a format and how far it may be from the exact number, entry by entry. Values
are computed by the format's operations. Every other number of a law is enclosed by two float64
numbers, so that errors are rounded upward; if rounding makes a law's comparison uncertain, both of
its branches count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pybridge.engine.upward import Float64, half_ulp, mul_up, product_binade, sum_binade
from pybridge.exported.document import Law
from pybridge.exported.expressions import DefinitionsError, Scalar
from pybridge.problem.formats import FloatArray, FloatFormat

__all__ = ["Pairs", "apply_law"]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Values of a format, and how far each may be from the exact number: |value − exact| ≤ eps.

    `eps` is float64, of the values' shape, nonnegative, perhaps infinite.
    """

    value: FloatArray
    eps: Float64

    @property
    def wide(self) -> Float64:
        """The values in float64."""
        return self.value.astype(np.float64, copy=False)


class _Enclosed(NamedTuple):
    """Float64 arrays between which exact numbers lie."""

    low: Float64
    high: Float64


def apply_law(law: Law, format: FloatFormat, **operands: Pairs) -> Pairs:
    """Return the result of a law for operands x, y and z, whose arrays broadcast.

    A value that overflows is infinite or nan, and its eps infinite. Raises `DefinitionsError` for a
    law that cannot be evaluated soundly.
    """
    values = {f"{name}.value": pairs.value for name, pairs in operands.items()}
    exact = {f"{name}.value": _point(pairs.wide) for name, pairs in operands.items()}
    exact |= {f"{name}.eps": _point(pairs.eps) for name, pairs in operands.items()}
    shape = np.broadcast_shapes(*(pairs.value.shape for pairs in operands.values()))
    with np.errstate(all="ignore"):
        value = np.array(np.broadcast_to(_value(law.value, values, format), shape), format.dtype)
        eps = np.array(np.broadcast_to(_enclose(law.eps, exact, format).high, shape), np.float64)
    eps[np.isnan(eps) | ~np.isfinite(value)] = np.inf
    return Pairs(value, eps)


def _value(node: Scalar, values: Mapping[str, FloatArray], format: FloatFormat) -> FloatArray:
    def of(argument: Scalar) -> FloatArray:
        return _value(argument, values, format)

    match node:
        case Scalar("zero"):
            return np.zeros((), format.dtype)
        case Scalar("one"):
            return np.ones((), format.dtype)
        case Scalar("var", name=name) if name in values:
            return values[name]
        case Scalar("max", (a, b)):
            x, y = of(a), of(b)
            return np.where(x <= y, y, x)
        case Scalar("ifLe", (a, b, then, otherwise)):
            return np.where(of(a) <= of(b), of(then), of(otherwise))
        case Scalar("round", (Scalar("add", (a, b)),)):
            return format.add(of(a), of(b))
        case Scalar("round", (Scalar("mul", (a, b)),)):
            return format.mul(of(a), of(b))
        case Scalar("round", (Scalar("div", (a, b)),)):
            quotient: FloatArray = np.divide(of(a), of(b), dtype=format.dtype)
            return quotient
    raise DefinitionsError(f"cannot evaluate the node {node.op!r} of a law as a rounded value")


def _enclose(node: Scalar, exact: Mapping[str, _Enclosed], format: FloatFormat) -> _Enclosed:
    """Enclose a law's number; values and eps of the operands are exact."""

    def of(argument: Scalar) -> _Enclosed:
        return _enclose(argument, exact, format)

    match node:
        case Scalar("zero"):
            return _point(np.zeros(()))
        case Scalar("one"):
            return _point(np.ones(()))
        case Scalar("var", name=name) if name in exact:
            return exact[name]
        case Scalar("abs", (a,)):
            low, high = of(a)
            inside = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
            return _Enclosed(inside, np.maximum(np.abs(low), np.abs(high)))
        case Scalar("max", (a, b)):
            x, y = of(a), of(b)
            return _Enclosed(np.maximum(x.low, y.low), np.maximum(x.high, y.high))
        case Scalar("add", (a, b)):
            return _add(of(a), of(b))
        case Scalar("sub", (a, b)):
            low, high = of(b)
            return _add(of(a), _Enclosed(-high, -low))
        case Scalar("mul", (a, b)):
            return _mul(of(a), of(b))
        case Scalar("div", (a, b)):
            return _div(of(a), of(b))
        case Scalar("halfUlp", (operand,)):
            binade = _binade(operand, exact, format)
            return _point(half_ulp(binade, format.precision, format.min_exponent, 0))
        case Scalar("ifLe", (a, b, then, otherwise)):
            x, y, yes, no = of(a), of(b), of(then), of(otherwise)
            may, may_not = ~(x.low > y.high), ~(x.high <= y.low)
            return _Enclosed(
                np.minimum(np.where(may, yes.low, np.inf), np.where(may_not, no.low, np.inf)),
                np.maximum(np.where(may, yes.high, -np.inf), np.where(may_not, no.high, -np.inf)),
            )
    raise DefinitionsError(f"cannot bound the node {node.op!r} of a law")


def _point(numbers: npt.ArrayLike) -> _Enclosed:
    array = np.asarray(numbers, np.float64)
    return _Enclosed(array, array)


def _add(a: _Enclosed, b: _Enclosed) -> _Enclosed:
    return _Enclosed(-_sum_up(-a.low, -b.low), _sum_up(a.high, b.high))


def _sum_up(a: Float64, b: Float64) -> Float64:
    """Return a + b rounded upward, by the sum's exact error; infinite where it overflows."""
    total = np.add(a, b)
    other = total - a
    error = (a - (total - other)) + (b - other)
    above = np.where(error > 0, np.nextafter(total, np.inf), total)
    return np.where(np.isnan(error) & ~np.isneginf(total), np.inf, above)


def _mul(a: _Enclosed, b: _Enclosed) -> _Enclosed:
    """Enclose products of nonnegative numbers; negative ones are refused."""
    if (a.low < 0).any() or (b.low < 0).any():
        raise DefinitionsError("cannot bound a product of a law whose factors may be negative")
    low = np.nextafter(np.multiply(a.low, b.low), -np.inf)
    low = np.where(np.isnan(low), 0.0, np.maximum(low, 0.0))
    return _Enclosed(low, np.asarray(mul_up(a.high, b.high), np.float64))


def _div(a: _Enclosed, b: _Enclosed) -> _Enclosed:
    """Enclose quotients of nonnegative by positive numbers; others are refused."""
    if (a.low < 0).any() or not (b.low > 0).all():
        raise DefinitionsError("cannot bound a quotient of a law: expected positive numbers")
    high = np.divide(a.high, b.low)
    low = np.maximum(np.nextafter(np.divide(a.low, b.high), -np.inf), 0.0)
    return _Enclosed(low, np.where(a.high == 0, 0.0, np.nextafter(high, np.inf)))


def _binade(node: Scalar, exact: Mapping[str, _Enclosed], format: FloatFormat) -> Float64:
    """Return a power of two that is at least the binade of a sum, product or quotient of two
    values.
    """

    def value(argument: Scalar) -> Float64:
        if argument.op == "zero":
            return np.zeros(())
        low, high = exact[argument.name]
        assert low is high, "expected a value"
        return high

    match node:
        case Scalar("add", (a, b)):
            return sum_binade(value(a), value(b))
        case Scalar("mul", (a, b)):
            return product_binade(value(a), value(b), exact=format.products_fit_float64)
        case Scalar("div", (a, b)):
            quotient = np.divide(value(a), value(b))
            binade = np.ldexp(1.0, np.maximum(np.frexp(quotient)[1] - 1, -1074))
            return np.where(quotient == 0, 0.0, binade)
    raise DefinitionsError(f"cannot bound the half ulp of the node {node.op!r} of a law")
