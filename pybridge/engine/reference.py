"""Evaluates an exported contraction, with its error bound, on arrays of any geometry.

This is the reference evaluation: it executes the contraction record and the laws of
`definitions.json`. The reduction indices are walked in lexicographic order, and each one's terms
are added to a block of outputs at once, so that every output accumulates in the stated order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

from pybridge.engine.estimator import Inexact
from pybridge.engine.indices import Block, Reader, View, blocks, dimensions_alone, locate
from pybridge.engine.laws import Amount, LawEvaluator, Scope, Values
from pybridge.engine.upward import Float64, scale_down, scale_up
from pybridge.errors import InputError
from pybridge.exported.document import Contraction, Laws
from pybridge.exported.expressions import Scalar, size_value
from pybridge.problem.formats import FloatArray, FloatFormat, require_ieee
from pybridge.problem.operands import Operand

__all__ = ["Evaluation", "evaluate"]

_BLOCK = 1 << 15
_SCALE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Rounded values, the proved bound of each (float64, rounded upward), and overflow.

    `overflow` marks the entries for which a sum or product went beyond the format's largest number:
    their value is infinite or nan, their bound infinite.
    """

    value: FloatArray
    bound: Float64
    overflow: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """An operand as the multiplication law sees it, and the law's parts that depend on it alone."""

    values: Values
    eps: Amount
    parts: Mapping[str, Amount]


def evaluate(
    contraction: Contraction,
    laws: Laws,
    parameters: Mapping[str, int],
    format: FloatFormat,
    operands: Mapping[str, Operand] | Mapping[str, Inexact],
) -> Evaluation:
    """Return the values and bounds of a contraction under the exported laws.

    `operands` maps the exported operand names to arrays of the shapes that the contraction gives
    them, else `InputError`; an `Inexact` operand may have an eps for every entry. The results have
    the contraction's output shape. Raises `DefinitionsError` if a law cannot be evaluated soundly,
    and `FloatingPointError` as `require_ieee` does.

    Bounds are computed times 2^128 in binary64, whose half ulps go down to 2⁻¹⁰⁷⁵. Where that
    overflows, the bound is above 2⁻¹⁷⁹ and is computed again without scaling: what float64 then
    rounds up to 2⁻¹⁰⁷⁴ is too small to matter. Where an operand's magnitude and its eps are
    together beyond the largest float64, a bound may be infinite though the exact one is not.
    """
    require_ieee()
    scale = _SCALE if format.precision > 24 else 0
    with np.errstate(all="ignore"):
        run = _Run(contraction, laws, parameters, format, operands, scale)
        value, bound = run.results()
        overflow = ~np.isfinite(value)
        again = np.isinf(bound) & ~overflow
        if scale and again.any():
            run = _Run(contraction, laws, parameters, format, operands, 0)
            bound[again] = run.results()[1][again]
        bound[overflow] = np.inf
    return Evaluation(value, bound, overflow)


class _Run:
    """One evaluation of a contraction, with errors held times 2^scale."""

    def __init__(
        self,
        contraction: Contraction,
        laws: Laws,
        parameters: Mapping[str, int],
        format: FloatFormat,
        operands: Mapping[str, Operand] | Mapping[str, Inexact],
        scale: int,
    ) -> None:
        self.laws = laws
        self.format = format
        self.scale = scale
        self.evaluator = LawEvaluator(format, scale)
        self.out = [[size_value(size, parameters) for size in axis] for axis in contraction.out]
        self.out_sizes = [size for axis in self.out for size in axis]
        self.red_sizes = [size_value(size, parameters) for size in contraction.red]
        self.factors = [Reader.of(operand, parameters) for operand in contraction.factors]
        self.addends = [Reader.of(operand, parameters) for operand in contraction.addends]
        self.operands = [_operand(reader, operands) for reader in self.factors]
        self.added = [self._prepared(_operand(reader, operands)) for reader in self.addends]
        self.mul_eps, self.sides = self._prepare()

    def _prepared(self, operand: Operand | Inexact) -> _Prepared:
        if isinstance(operand, Inexact):
            value = operand.scalar if operand.array is None else operand.array
        else:
            value = operand.eps
        eps = Amount(scale_up(value, self.scale), scaled=True)
        return _Prepared(Values(operand.value), eps, {})

    def _prepare(self) -> tuple[Scalar, list[_Prepared]]:
        """Return the multiplication law without the parts that depend on one of its first two
        operands alone, and the factors with these parts evaluated on the whole operand.
        """
        sides = [self._prepared(operand) for operand in self.operands]
        law = self.laws.mul.eps
        if len(sides) < 2:
            return law, sides
        errors = {"x.eps": sides[0].eps, "y.eps": sides[1].eps}
        constant = {name for name, eps in errors.items() if np.ndim(eps.data) == 0}
        for i, name in enumerate("xy"):
            known = {key: errors[key] for key in constant | {f"{name}.eps"}}
            wide = Values(sides[i].values.array, sides[i].values.wide)
            parts: dict[str, Amount] = {}
            scope = Scope({f"{name}.value": wide}, known)
            law = self.evaluator.hoist(law, name, scope, parts)
            sides[i] = _Prepared(wide, sides[i].eps, parts)
        return law, sides

    def results(self) -> tuple[FloatArray, Float64]:
        """Return the values and bounds, in the contraction's output shape."""
        value = np.empty(self.out_sizes, self.format.dtype)
        bound = np.empty(self.out_sizes, np.float64)
        alone = dimensions_alone(self.factors, self.out_sizes, self.red_sizes)
        alone |= dimensions_alone(self.addends, self.out_sizes, ())
        for block in blocks(self.out_sizes, alone, _BLOCK):
            block_value, block_bound = self._block(block)
            value[block.slices] = block_value
            bound[block.slices] = scale_down(block_bound, self.scale)
        shape = [prod(axis) for axis in self.out]
        return value.reshape(shape), bound.reshape(shape)

    def _block(self, block: Block) -> tuple[FloatArray, Float64]:
        nothing = Scope({}, {})
        value = np.empty(block.sizes, self.format.dtype)
        value[...] = self.evaluator.value(self.laws.zero.value, nothing).array
        eps = np.empty(block.sizes)
        eps[...] = self.evaluator.scaled(self.evaluator.amount(self.laws.zero.eps, nothing))
        for reduction in product(*map(range, self.red_sizes)):
            located = locate(self.factors, block, reduction)
            if located is not None:
                region, views = located
                self._accumulate(value[region], eps[region], *self._term(views))
        for reader, side in zip(self.addends, self.added, strict=True):
            located = locate([reader], block, ())
            if located is not None:
                region, (view,) = located
                self._accumulate(value[region], eps[region], *_read(side, view)[:2])
        return value, eps

    def _term(self, views: Sequence[View]) -> tuple[Values, Amount]:
        value, eps, parts = _read(self.sides[0], views[0])
        law = self.mul_eps
        for side, view in zip(self.sides[1:], views[1:], strict=True):
            other, other_eps, other_parts = _read(side, view)
            scope = Scope(
                {"x.value": value, "y.value": other},
                {"x.eps": eps, "y.eps": other_eps, **parts, **other_parts},
            )
            eps = self.evaluator.amount(law, scope)
            value = self.evaluator.value(self.laws.mul.value, scope)
            law, parts = self.laws.mul.eps, {}
        return value, eps

    def _accumulate(self, value: FloatArray, eps: Float64, term: Values, error: Amount) -> None:
        scope = Scope(
            {"x.value": Values(value), "y.value": term},
            {"x.eps": Amount(eps, scaled=True), "y.eps": error},
        )
        total_eps = self.evaluator.scaled(self.evaluator.amount(self.laws.add.eps, scope))
        value[...] = self.evaluator.value(self.laws.add.value, scope).array
        eps[...] = total_eps


def _operand(
    reader: Reader, operands: Mapping[str, Operand] | Mapping[str, Inexact]
) -> Operand | Inexact:
    operand = operands[reader.name]
    if operand.value.shape != reader.shape:
        raise InputError(
            f"{reader.name} has shape {operand.value.shape}, but the definitions give "
            f"{reader.shape}"
        )
    return operand


def _read(side: _Prepared, view: View) -> tuple[Values, Amount, dict[str, Amount]]:
    array = view.of(side.values.array)
    wide = view.of(side.values.__dict__["wide"]) if "wide" in side.values.__dict__ else None
    parts = {name: _read_amount(amount, view) for name, amount in side.parts.items()}
    return Values(array, wide), _read_amount(side.eps, view), parts


def _read_amount(amount: Amount, view: View) -> Amount:
    if np.ndim(amount.data) == 0:
        return amount
    return Amount(view.of(np.ascontiguousarray(amount.data)), amount.scaled)
