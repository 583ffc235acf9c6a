"""Errors with their origin: the exported laws, evaluated so that every summand keeps its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from pybridge.engine.laws_exact import Monomial, monomials, scalar_value
from pybridge.exported.declarations import LAWS
from pybridge.exported.document import FormatParameters, Law, Laws
from pybridge.exported.expressions import Scalar

__all__ = ["Contribution", "Ledger", "Quantity"]

_ROUNDINGS = {"add": "rounding of a sum", "mul": "rounding of a product"}
_SIGNS = {"add": " + ", "mul": "·"}


@dataclass(frozen=True, slots=True)
class Contribution:
    """A part of a bound.

    `amount` is exact. `source` is `rounding of a sum`, `rounding of a product`, or the eps that is
    carried to the result. `formula` says what the amount is, `term` with which term of the sum,
    counted from 1, it entered. `law` is the Lean declaration of the law.
    """

    amount: Fraction
    source: str
    formula: str
    term: int
    law: str


@dataclass(slots=True)
class Quantity:
    """A rounded number, its text, and its eps with all contributions.

    An operand's entry has no contributions, but the name of its eps.
    """

    value: Fraction
    eps: Fraction
    text: str
    eps_name: str = ""
    contributions: list[Contribution] = field(default_factory=list)


class Ledger:
    """The exported laws in a format, applied to quantities."""

    def __init__(self, laws: Laws, format: FormatParameters) -> None:
        self._laws: Mapping[str, Law] = {"add": laws.add, "mul": laws.mul}
        self._format = format
        self._zero = laws.zero
        self._monomials = {name: list(monomials(law.eps)) for name, law in self._laws.items()}

    def zero(self) -> Quantity:
        """Return the empty sum."""
        value, eps = (
            scalar_value(node, {}, self._format) for node in (self._zero.value, self._zero.eps)
        )
        start = [Contribution(eps, "the empty sum", "0", 0, LAWS["zero"])]
        return Quantity(value, eps, "0", contributions=start)

    def combine(self, operation: str, x: Quantity, y: Quantity, term: int) -> Quantity:
        """Return the sum (`add`) or product (`mul`) of two quantities, which must not be used
        again.

        Raises `OverflowError` if the result is beyond the format's largest number.
        """
        operands = {"x": x, "y": y}
        variables = {"x.value": x.value, "x.eps": x.eps, "y.value": y.value, "y.eps": y.eps}
        value = scalar_value(self._laws[operation].value, variables, self._format)
        parts: list[Contribution] = []
        eps = Fraction(0)
        for monomial in self._monomials[operation]:
            amount = self._amount(monomial, variables)
            eps += amount
            if amount == 0:
                continue
            carried, rest = _composite(monomial, operands)
            if carried is None:
                parts.append(self._contribution(amount, monomial, operation, operands, term))
            elif rest:
                parts += self._scaled(carried, rest, variables, operands)
            elif parts:
                parts += carried.contributions
            else:
                parts = carried.contributions
        text = "acc" if operation == "add" else f"fl({x.text}·{y.text})"
        return Quantity(value, eps, text, contributions=parts)

    def _amount(self, monomial: Monomial, variables: Mapping[str, Fraction]) -> Fraction:
        amount = Fraction(1)
        for factor in monomial:
            amount *= scalar_value(factor, variables, self._format)
        return amount

    def _contribution(
        self,
        amount: Fraction,
        monomial: Monomial,
        operation: str,
        operands: Mapping[str, Quantity],
        term: int,
    ) -> Contribution:
        eps = [
            operands[factor.name[0]].eps_name
            for factor in monomial
            if factor.op == "var" and factor.name.endswith(".eps")
        ]
        return Contribution(
            amount=amount,
            source="·".join(eps) or _ROUNDINGS[operation],
            formula="·".join(_text(factor, operands) for factor in monomial),
            term=term,
            law=LAWS[operation],
        )

    def _scaled(
        self,
        carried: Quantity,
        rest: Monomial,
        variables: Mapping[str, Fraction],
        operands: Mapping[str, Quantity],
    ) -> list[Contribution]:
        """Return the contributions of a computed quantity times the other factors."""
        factor = self._amount(rest, variables)
        scale = "·".join(_text(node, operands) for node in rest)
        return [
            Contribution(c.amount * factor, c.source, f"{c.formula}·{scale}", c.term, c.law)
            for c in carried.contributions
        ]


def _composite(
    monomial: Monomial, operands: Mapping[str, Quantity]
) -> tuple[Quantity | None, Monomial]:
    """Return the first computed quantity whose eps is a factor, and the other factors."""
    for k, factor in enumerate(monomial):
        if factor.op == "var" and factor.name.endswith(".eps"):
            quantity = operands[factor.name[0]]
            if not quantity.eps_name:
                return quantity, (*monomial[:k], *monomial[k + 1 :])
    return None, monomial


def _text(node: Scalar, operands: Mapping[str, Quantity]) -> str:
    match node:
        case Scalar("var", name=name):
            quantity = operands[name[0]]
            return quantity.text if name.endswith(".value") else quantity.eps_name or "eps"
        case Scalar("zero"):
            return "0"
        case Scalar("halfUlp", (inner,)):
            return f"½ulp({_text(inner, operands)})"
        case Scalar("abs", (inner,)):
            return f"|{_text(inner, operands)}|"
        case Scalar("round", (inner,)):
            return f"fl({_text(inner, operands)})"
    left, right = (_text(argument, operands) for argument in node.args)
    return f"{left}{_SIGNS[node.op]}{right}"
