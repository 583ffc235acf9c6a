"""The exported error laws on rational numbers: only the law itself rounds.

`pybridge.engine.laws` evaluates the laws on arrays, outward in float64. Here one entry at a time is
evaluated as in Lean, and the result is Lean's number exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from pybridge.exported.document import FormatParameters
from pybridge.exported.expressions import DefinitionsError, Scalar
from pybridge.problem.formats import FloatFormat

__all__ = ["Monomial", "half_ulp", "monomials", "round_even", "scalar_value"]

Monomial = tuple[Scalar, ...]
"""Factors of a product; the empty one is 1."""


def half_ulp(x: Fraction, format: FormatParameters | FloatFormat) -> Fraction:
    """Return 2^(max(⌊log₂|x|⌋, min_exponent) − precision), with min_exponent for x = 0.

    Mirrors Lean's `RuntimeApprox.Format.halfUlp`.
    """
    return _power(_exponent(x, format) - format.precision)


def round_even(x: Fraction, format: FormatParameters | FloatFormat) -> Fraction | None:
    """Return the nearest number of the format, on a tie the even one; None if it overflows.

    Mirrors Lean's `RuntimeApprox.Format.round` and `RuntimeApprox.Format.overflows`.
    """
    ulp = _power(_exponent(x, format) - format.precision + 1)
    rounded = round(x / ulp) * ulp
    largest = (2**format.precision - 1) * _power(format.max_exponent - format.precision + 1)
    return rounded if abs(rounded) <= largest else None


def scalar_value(
    node: Scalar, variables: Mapping[str, Fraction], format: FormatParameters
) -> Fraction:
    """Return the value of a law's expression (Lean: `RuntimeApprox.Law.eval`).

    Raises `OverflowError` if a rounded number is beyond the format's largest, and
    `DefinitionsError` for a node or a variable that has no meaning.
    """
    if node.op == "var" and node.name in variables:
        return variables[node.name]
    arguments = [scalar_value(argument, variables, format) for argument in node.args]
    match node.op, arguments:
        case "zero", []:
            return Fraction(0)
        case "add", [a, b]:
            return a + b
        case "mul", [a, b]:
            return a * b
        case "abs", [a]:
            return abs(a)
        case "one", []:
            return Fraction(1)
        case "sub", [a, b]:
            return a - b
        case "div", [a, b]:
            return a / b
        case "max", [a, b]:
            return max(a, b)
        case "ifLe", [a, b, then, otherwise]:
            return then if a <= b else otherwise
        case "halfUlp", [a]:
            return half_ulp(a, format)
        case "round", [a]:
            rounded = round_even(a, format)
            if rounded is None:
                raise OverflowError
            return rounded
    raise DefinitionsError(f"cannot evaluate the node {node.op!r} {node.name!r} of a law")


def monomials(node: Scalar) -> Iterator[Monomial]:
    """Yield the products whose sum an expression is, multiplied out; none for zero."""
    match node:
        case Scalar("zero"):
            return
        case Scalar("add", (a, b)):
            yield from monomials(a)
            yield from monomials(b)
        case Scalar("mul", (a, b)):
            for left in monomials(a):
                for right in monomials(b):
                    yield (*left, *right)
        case _:
            yield (node,)


def _exponent(x: Fraction, format: FormatParameters | FloatFormat) -> int:
    """Return the exponent of the binade of a number, at least the exponent of the least normal
    number.
    """
    if x == 0:
        return format.min_exponent
    numerator = abs(x.numerator)
    exponent = numerator.bit_length() - x.denominator.bit_length()
    if _power(exponent) * x.denominator > numerator:
        exponent -= 1
    return max(exponent, format.min_exponent)


def _power(exponent: int) -> Fraction:
    return Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)
