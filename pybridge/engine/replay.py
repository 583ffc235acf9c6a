"""The replay of a contraction: the reference's values and, within a hair, its bounds, fast.

`pybridge.engine.sequential` gives the values and the sums of the binades of every product and
addition. The bound of the laws `Approx.add` and `Approx.mul` follows from them with the
coefficients that Lean exports (`replayConstant`, `weight`, …):

    u·Σ binades + εᵧ·Σ|x| + εₓ·Σ|y| + n·(εₓ·εᵧ + 2·η)

where u = 2⁻ᵖ and η = 2^(least exponent − p), and η is left out where the binades are floored. An
addend adds its eps, and η. The coefficients are inflated so that what float64 makes of this is not
below its exact value.

Lean: `Contraction.replay_printed`, of the terms by `Contraction.replay_terms_two` or
`Contraction.replay_terms_one`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from pybridge.engine.blas import contract
from pybridge.engine.coefficients import (
    ErrorBound,
    Numbers,
    Part,
    formula,
    nearest,
    operation,
    tree,
    weigh,
)
from pybridge.engine.dense import Split, split_contraction
from pybridge.engine.reference import Evaluation, evaluate
from pybridge.engine.sequential import replay
from pybridge.engine.upward import Float64
from pybridge.exported.document import Contraction, Definitions, Law, Laws
from pybridge.exported.expressions import Scalar
from pybridge.exported.identity import Same
from pybridge.problem.formats import FloatFormat, require_ieee
from pybridge.problem.operands import Operand

__all__ = ["evaluate_replay"]

_TINY = 2.0**-1000
_FEW = 1 << 15
"""Up to as many products, bounds that are below `_TINY` or have a residue that is not negligible
are taken from the reference, which is sharper there.
"""
_NEGLIGIBLE = 64
"""The residue is negligible in a bound of at least so many times it."""


def evaluate_replay(
    contraction: Contraction,
    parameters: Mapping[str, int],
    format: FloatFormat,
    operands: Mapping[str, Operand],
    definitions: Definitions,
) -> Evaluation:
    """Return what `evaluate` returns, computed by the replay.

    Values are the same bit for bit. A bound is not below the exact bound by the laws, and at most
    1.05 times it, with two exceptions beyond 2¹⁵ multiply-adds: where the rounding of a sum or
    product reached a power of two, its half ulp counts twice, and binary64's bounds below 2⁻¹⁰⁶⁰
    may exceed it by some 2⁻¹⁰⁷⁴, times an operand's eps if that is above 1. `evaluate` is used for
    contractions and laws that the replay does not know, and if float64 overflows on the way. Raises
    what it raises.
    """
    require_ieee()
    laws = definitions.data.laws
    parts = split_contraction(contraction, parameters)
    replayed = replay(parts, format, operands) if _is_known(Same(laws)) else None
    if replayed is None:
        return evaluate(contraction, laws, parameters, format, operands)
    overflow = ~np.isfinite(replayed.value)
    eps = tuple(operands[layout.name].eps for layout in parts.layouts)
    added = tuple(operands[reader.name].eps for reader in parts.addends)
    weights = _weights(Same(definitions), parts, format, eps, added, replayed.roundings)
    with np.errstate(all="ignore"):
        bound = replayed.binades
        bound *= weights.partial
        bound += np.where(replayed.floored, weights.floored, weights.constant)
        for k, weight in enumerate((weights.first, weights.second)):
            if weight:
                values = [operands[layout.name].value for layout in parts.layouts]
                alone = [value if i == k else None for i, value in enumerate(values)]
                bound += contract(parts, alone, np.float64, absolute=True) * weight
        again = ~np.isfinite(bound) & ~overflow
        if not parts.addends:
            bound[np.broadcast_to(parts.counts == 0, bound.shape)] = 0
        if bound.size * prod(parts.red_sizes) <= _FEW:
            least = max(_NEGLIGIBLE * weights.residue, _TINY if format.precision > 24 else 0.0)
            again |= (bound > 0) & (bound < least)
            if parts.addends:  # An addend alone is charged no product.
                again |= np.broadcast_to(parts.counts == 0, bound.shape)
        if again.any():
            return evaluate(contraction, laws, parameters, format, operands)
    bound[overflow] = np.inf
    return Evaluation(replayed.value, bound, overflow)


def _variable(name: str) -> Scalar:
    return Scalar("var", name=name)


def _known_laws() -> tuple[Law, Law, Law]:
    """Return the laws of zero, `Approx.add` and `Approx.mul`, which the replay evaluates."""
    x, y, ex, ey = map(_variable, ("x.value", "y.value", "x.eps", "y.eps"))
    total, product = Scalar("add", (x, y)), Scalar("mul", (x, y))
    bounds = Scalar("add", (ex, ey))
    of_y = Scalar("mul", (Scalar("add", (Scalar("abs", (x,)), ex)), ey))
    of_x = Scalar("mul", (Scalar("abs", (y,)), ex))
    zero = Scalar("zero")

    def law(exact: Scalar, eps: Scalar) -> Law:
        return Law(
            value=Scalar("round", (exact,)), eps=Scalar("add", (eps, Scalar("halfUlp", (exact,))))
        )

    return (
        Law(value=zero, eps=zero),
        law(total, bounds),
        law(product, Scalar("add", (of_y, of_x))),
    )


_LAWS = _known_laws()


@lru_cache(maxsize=8)
def _is_known(laws: Same[Laws]) -> bool:
    return (laws.held.zero, laws.held.add, laws.held.mul) == _LAWS


class _Weights(NamedTuple):
    """Float64 coefficients of the binades, Σ|x|, Σ|y| and 1, these over the result's axes.

    `floored` replaces `constant` where the binades are floored; `residue` is the part of both that
    covers underflow in the computed sums.
    """

    partial: float
    first: float
    second: float
    constant: Float64
    floored: Float64
    residue: float


@lru_cache(maxsize=64)
def _weights(
    definitions: Same[Definitions],
    parts: Split,
    format: FloatFormat,
    operand_eps: tuple[float, ...],
    addend_eps: tuple[float, ...],
    roundings: int,
) -> _Weights:
    held = definitions.held
    formats = held.data.formats
    unit = operation(formats[format.name])
    eps = [Fraction(e) for e in operand_eps]
    added = sum(map(Fraction, addend_eps), Fraction(0))
    most = prod(parts.red_sizes) + len(parts.addends)
    first, second = (eps[-1], eps[0]) if len(eps) == 2 else (Fraction(0), Fraction(0))
    binades = operation(formats["binary64" if format.precision > 24 else "binary32"])
    wide = operation(formats["binary64"])
    coefficients = [
        Part(unit.relative, tree(held, roundings, ErrorBound(binades.relative))),
        Part(first, nearest(held, most, wide)),
        Part(second, nearest(held, most, wide)),
    ]

    def constant(count: int, floor: bool) -> Fraction:
        underflow = Fraction(0) if floor else unit.absolute
        values: Numbers = {
            "terms": count,
            "firstEps": eps[0] if len(eps) == 2 else Fraction(0),
            "secondEps": eps[-1],
            "underflow": underflow,
        }
        exact = formula(held, "replayConstant", values) + added
        exact += len(parts.addends) * underflow
        return exact + count * eps[-1] if len(eps) == 1 else exact

    distinct, inverse = np.unique(parts.counts, return_inverse=True)
    where = inverse.reshape(parts.counts.shape)
    plain = [weigh(held, coefficients, constant(int(n), floor=False)) for n in distinct]
    floored = [weigh(held, coefficients, constant(int(n), floor=True)) for n in distinct]
    partial, of_x, of_y = plain[0].coefficients
    return _Weights(
        partial=partial,
        first=of_x,
        second=of_y,
        constant=np.array([w.constant for w in plain])[where],
        floored=np.array([w.constant for w in floored])[where],
        residue=weigh(held, coefficients, Fraction(0)).constant,
    )
