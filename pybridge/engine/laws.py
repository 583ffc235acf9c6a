"""Evaluates the exported error laws on arrays.

A law is an expression tree. Rounded values are computed by the format's operations. Everything else
is a nonnegative amount in float64 rounded upward (`pybridge.engine.upward`), so that the result is
never below the exact one. A tree that these rules do not evaluate soundly is refused.

Amounts are *scaled*, i.e. held times 2^scale, or plain: error amounts are scaled, magnitudes of
values plain. The scale keeps the least half ulp of binary64, 2⁻¹⁰⁷⁵, within float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pybridge.engine.upward import (
    Float64,
    add_up,
    half_ulp,
    mul_up,
    product_binade,
    scale_down,
    scale_up,
    sum_binade,
)
from pybridge.exported.expressions import DefinitionsError, Scalar, scalar_variables
from pybridge.problem.formats import FloatArray, FloatFormat

__all__ = ["Amount", "LawEvaluator", "Scope", "Values"]


class Values:
    """Values of a format, and the same in float64."""

    def __init__(self, array: FloatArray, wide: Float64 | None = None) -> None:
        self.array = array
        if wide is not None:
            self.wide = wide

    @cached_property
    def wide(self) -> Float64:
        """The values in float64."""
        return self.array.astype(np.float64, copy=False)


class Amount(NamedTuple):
    """Nonnegative float64 amounts, times 2^scale when `scaled`."""

    data: float | Float64
    scaled: bool


class Scope(NamedTuple):
    """The meaning of a law's variables."""

    values: Mapping[str, Values]
    amounts: Mapping[str, Amount]


@dataclass(frozen=True)
class LawEvaluator:
    """The exported laws' operations in one format, with errors held times 2^scale."""

    format: FloatFormat
    scale: int

    def value(self, node: Scalar, scope: Scope) -> Values:
        """Return the rounded values of a law's `value`."""
        match node:
            case Scalar("zero"):
                return Values(np.zeros((), self.format.dtype))
            case Scalar("var", name=name) if name in scope.values:
                return scope.values[name]
            case Scalar("round", (Scalar("add", (left, right)),)):
                return Values(self.format.add(*self._arrays(left, right, scope)))
            case Scalar("round", (Scalar("mul", (left, right)),)):
                return Values(self.format.mul(*self._arrays(left, right, scope)))
        raise DefinitionsError(
            f"cannot evaluate the law's {_show(node)} as a rounded value: expected zero, a value, "
            "or the rounded sum or product of two"
        )

    def _arrays(self, left: Scalar, right: Scalar, scope: Scope) -> tuple[FloatArray, FloatArray]:
        return self.value(left, scope).array, self.value(right, scope).array

    def amount(self, node: Scalar, scope: Scope) -> Amount:
        """Return the amounts of a law's `eps`, or of a part of it, rounded upward."""
        match node:
            case Scalar("zero"):
                return Amount(0.0, True)
            case Scalar("var", name=name) if name in scope.amounts:
                return scope.amounts[name]
            case Scalar("abs", (operand,)):
                return Amount(np.abs(self.value(operand, scope).wide), False)
            case Scalar("halfUlp", (Scalar("add", (left, right)),)):
                return self._half_ulp(sum_binade(*self._wide(left, right, scope)))
            case Scalar("halfUlp", (Scalar("mul", (left, right)),)):
                exact = self.format.products_fit_float64
                return self._half_ulp(product_binade(*self._wide(left, right, scope), exact=exact))
            case Scalar("add", (left, right)):
                return self._add(self.amount(left, scope), self.amount(right, scope))
            case Scalar("mul", (left, right)):
                return self._mul(self.amount(left, scope), self.amount(right, scope))
        raise DefinitionsError(
            f"cannot bound the law's {_show(node)}: expected zero, an error, the magnitude of a "
            "value, the half ulp of a sum or product of two values, or a sum or product of these"
        )

    def _wide(self, left: Scalar, right: Scalar, scope: Scope) -> tuple[Float64, Float64]:
        return self.value(left, scope).wide, self.value(right, scope).wide

    def _half_ulp(self, binade: Float64) -> Amount:
        format = self.format
        return Amount(
            half_ulp(binade, format.precision, format.min_exponent, self.scale), scaled=True
        )

    def scaled(self, amount: Amount) -> float | Float64:
        """Return the data of an amount, times 2^scale."""
        return amount.data if amount.scaled else scale_up(amount.data, self.scale)

    def _add(self, left: Amount, right: Amount) -> Amount:
        if left.scaled == right.scaled:
            return Amount(add_up(left.data, right.data), left.scaled)
        return Amount(add_up(self.scaled(left), self.scaled(right)), scaled=True)

    def _mul(self, left: Amount, right: Amount) -> Amount:
        product = mul_up(left.data, right.data)
        if left.scaled and right.scaled:
            product = scale_down(product, self.scale)
        return Amount(product, left.scaled or right.scaled)

    def hoist(self, node: Scalar, side: str, scope: Scope, hoisted: dict[str, Amount]) -> Scalar:
        """Return `node` with each part that depends on one operand's entries replaced by a
        variable.

        `side` is x or y, the operand that the parts depend on; `scope` holds its whole arrays, and
        the errors that are constants. The parts' amounts are added to `hoisted`.
        """
        if node.op not in ("add", "mul", "abs"):
            return node
        variables = scalar_variables(node)
        if f"{side}.value" in variables and variables <= scope.values.keys() | scope.amounts.keys():
            name = f"{side}.part{len(hoisted)}"
            hoisted[name] = self.amount(node, scope)
            return Scalar("var", name=name)
        if node.op == "abs":
            return node
        return Scalar(node.op, tuple(self.hoist(arg, side, scope, hoisted) for arg in node.args))


def _show(node: Scalar) -> str:
    if node.op in ("zero", "var"):
        return node.name or "zero"
    return f"{node.op}({', '.join(map(_show, node.args))})"
