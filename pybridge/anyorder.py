"""Bounds for sums in any order, and for results that something else computed.

*Any order*: whoever sums an entry's products in some order, in a stated arithmetic, errs by at most
an estimate that needs no more than Σ|x||y| (Lean: `Contraction.any_order`, …). *Enclosure*: with a
result g′ of any order in binary64, every array g is within |g − g′| and the estimate for g′ of the
exact result, whatever computed g. Both are matrix products (`pybridge.products`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.accumulation import Accumulation
from pybridge.contraction import Given
from pybridge.definitions import Contraction, Definitions
from pybridge.errors import InputError, RoundingOverflowError
from pybridge.estimates import Errors, Weights, round_up, weigh, weigh_counts
from pybridge.exact import Dyadic, exact_conv2d
from pybridge.formats import FloatArray, FloatFormat, require_ieee
from pybridge.geometry import Geometry
from pybridge.identity import Same
from pybridge.pieces import Counts, Layout, Split, split
from pybridge.products import contract
from pybridge.upward import Float64

__all__ = [
    "EXACT_WORK",
    "READ",
    "Estimator",
    "enclosure_bound",
    "estimator",
    "exact_result",
    "require_finite",
]

READ: Mapping[str, tuple[str, ...]] = {
    "forward": ("x", "weight", "bias"),
    "bias": ("gradOutput",),
    "weight": ("x", "gradOutput"),
    "input": ("weight", "gradOutput"),
}
"""The operands that the output and the gradients of a conv2d are computed from."""

EXACT_WORK = 2**31
"""The most products times 64-bit words of an exact result: some 20 seconds."""

_REFERENCE = Accumulation(accumulate="float64")

_WIDE_TERMS = 2**19
"""Above n terms with n·2⁻²⁴ = 1/32, magnitudes are summed in binary64."""


@dataclass(frozen=True, slots=True)
class _Assumed:
    """What a bound is for, as far as its weights depend on it; None: no operation errs."""

    accumulation: Accumulation | None
    eps: tuple[float, ...]
    addend_eps: float
    sums: str
    distance: bool


class Estimator:
    """Computes an exported contraction of given operands by BLAS, and bounds of its results.

    `operands` maps the exported operand names to arrays of the shapes that the contraction gives
    them, each of a dtype whose values float64 holds. An addend that it lacks is zero: it is not
    added, but counts as a term. Raises `InputError` for other shapes, and what `split` and
    `require_ieee` do.
    """

    def __init__(
        self,
        contraction: Contraction,
        parameters: Mapping[str, int],
        operands: Mapping[str, Given],
        definitions: Definitions,
    ) -> None:
        require_ieee()
        self.definitions = definitions
        self.pieces = split(contraction, parameters)
        lone = _lone_addends(Same(contraction))
        self.added = tuple(split(addend, parameters) for addend in lone)
        self.given = [_operand(layout, operands) for layout in self.pieces.layouts]
        self.addends = [
            (pieces, _operand(pieces.layouts[0], operands))
            for pieces in self.added
            if pieces.layouts[0].name in operands
        ]
        self.values = [given.value for given in self.given]
        self._magnitudes: dict[np.dtype[Any], FloatArray] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.pieces.shape

    @property
    def counts(self) -> Counts:
        """How many terms each entry sums, addends included; of size one where constant."""
        return _counts(self.pieces, *self.added)

    def value(self, dtype: npt.DTypeLike, *, absolute: bool = False) -> FloatArray:
        """The results in float32 or float64, summed in an order of BLAS's choosing.

        Infinite or nan where they overflow. `absolute` takes the magnitudes of all entries.
        """
        with np.errstate(all="ignore"):
            total = contract(self.pieces, self.values, dtype, absolute=absolute)
            for pieces, given in self.addends:
                total += contract(pieces, [given.value], dtype, absolute=absolute)
        return total

    def magnitudes(self, dtype: npt.DTypeLike) -> FloatArray:
        """The sums of the terms' magnitudes, which are computed once."""
        kind = np.dtype(dtype)
        if kind not in self._magnitudes:
            self._magnitudes[kind] = self.value(kind, absolute=True)
        return self._magnitudes[kind]

    def rounded(self, format: FloatFormat) -> FloatArray:
        """The results as `Accumulation.of(format)` has them."""
        wide = self.value(np.float64 if format.precision > 24 else np.float32)
        with np.errstate(all="ignore"):
            return wide.astype(format.dtype, copy=False)

    def any_order(self, accumulation: Accumulation) -> Float64:
        """How far from the exact result one may be, summed in any order as is promised."""
        return self._bound(accumulation, None)

    def enclosure(self, computed: FloatArray) -> Float64:
        """How far an array, whoever computed it, may be from the exact result."""
        distance = self.value(np.float64)
        with np.errstate(all="ignore"):
            np.subtract(computed, distance, out=distance, dtype=np.float64)
            np.abs(distance, out=distance)
        return self._bound(_REFERENCE, distance)

    def around(self, distance: Float64) -> Float64:
        """Bounds of an array from upper bounds of its distance to the results of the operands as
        they are given: what the operands' eps add.
        """
        addend_eps = sum(given.eps for _, given in self.addends)
        if not (any(given.eps for given in self.given) or addend_eps):
            return distance
        return self._bound(None, distance)

    def _bound(self, accumulation: Accumulation | None, distance: Float64 | None) -> Float64:
        wide = prod(self.pieces.red_sizes) > _WIDE_TERMS or any(
            given.value.dtype.itemsize > 4 for given in (*self.given, *(g for _, g in self.addends))
        )
        with np.errstate(all="ignore"):
            bound, weight = self._estimate(accumulation, distance is not None, wide)
            if not (wide or np.isfinite(bound.max())):
                bound, weight = self._estimate(accumulation, distance is not None, wide=True)
            if distance is not None:
                bound += np.multiply(distance, weight, out=distance)
        if np.isnan(bound.max()):
            bound[np.isnan(bound)] = np.inf
        return bound

    def _estimate(
        self, accumulation: Accumulation | None, distance: bool, wide: bool
    ) -> tuple[Float64, float | Float64]:
        """The estimate without the distance, and the weight of that.

        Magnitudes are summed in binary64 when `wide`, else in binary32.
        """
        weights = _weights(
            Same(self.definitions),
            self.pieces,
            self.added,
            _Assumed(
                accumulation,
                tuple(given.eps for given in self.given),
                sum(given.eps for _, given in self.addends),
                "binary64" if wide else "binary32",
                distance,
            ),
        )
        dtype = np.float64 if wide else np.float32
        if _given(weights["product"]):
            bound = np.multiply(self.magnitudes(dtype), weights["product"], dtype=np.float64)
            bound += weights["constant"]
        else:
            bound = np.empty(self.shape)
            bound[...] = weights["constant"]
        for k, name in enumerate(("first", "second")):
            if _given(weights[name]):
                alone = [v if k == i else None for i, v in enumerate(self.values)]
                sums = contract(self.pieces, alone, dtype, absolute=True)
                bound += np.multiply(sums, weights[name], dtype=np.float64)
        return bound, weights["distance"]


def estimator(
    name: str, geometry: Geometry, operands: Mapping[str, Given], definitions: Definitions
) -> Estimator:
    """The estimator of an exported contraction: forward, bias, weight or input."""
    contraction = definitions.data.contractions[name]
    return Estimator(contraction, geometry.parameters(), operands, definitions)


def enclosure_bound(
    name: str,
    computed: FloatArray,
    geometry: Geometry,
    operands: Mapping[str, Given],
    definitions: Definitions,
) -> Float64:
    """How far an array may be from a conv2d's exact output or gradient, whoever computed it.

    `computed` has the result's shape. One in binary64 is compared with the exact result, which
    `EXACT_WORK` limits (else `InputError`); others with one that is computed in binary64. A bound
    may be infinite where numbers are near the largest float64.
    """
    estimates = estimator(name, geometry, operands, definitions)
    if computed.dtype.itemsize <= 4:
        return estimates.enclosure(computed)
    return estimates.around(_exact_distance(name, computed, geometry, operands))


def require_finite(name: str, bound: Float64) -> None:
    """Raises `RoundingOverflowError` where a bound is infinite or nan."""
    if not np.isfinite(bound.max()):
        beyond = ~np.isfinite(bound)
        first = np.unravel_index(int(np.argmax(beyond)), bound.shape)
        count = int(np.count_nonzero(beyond))
        raise RoundingOverflowError(name, [int(i) for i in first], count, "binary64")


def _exact_distance(
    name: str, computed: FloatArray, geometry: Geometry, operands: Mapping[str, Given]
) -> Float64:
    """|computed − exact|, rounded up."""
    exact = exact_result(name, geometry, operands)
    entries = zip(computed.ravel().tolist(), exact, strict=True)
    distances = [round_up(abs(Fraction(value) - entry)) for value, entry in entries]
    return np.array(distances).reshape(computed.shape)


def exact_result(name: str, geometry: Geometry, operands: Mapping[str, Given]) -> list[Fraction]:
    """All entries of the exact result, row-major; `InputError` beyond `EXACT_WORK`."""
    given = {key: operand.value for key, operand in operands.items() if key in READ[name]}
    words = sum(_bits(values) for values in given.values()) // 64 + 1
    work = geometry.multiply_adds * words if name != "bias" else given["gradOutput"].size
    if work > EXACT_WORK:
        raise InputError(
            f"a bound for a result in binary64 needs the exact one: of {geometry.multiply_adds} "
            f"products with {64 * words} bits, which is more than is reasonable; give a smaller "
            "one, the result in binary32, or take the method any-order"
        )
    zero = np.zeros(1)
    x, weight, bias, grad_output = (
        Dyadic.of(given.get(key, zero)) for key in ("x", "weight", "bias", "gradOutput")
    )
    return exact_conv2d(geometry, x, weight, bias, grad_output, names=(name,))[name].fractions()


def _bits(values: FloatArray) -> int:
    """How many bits the entries have over a common power of two."""
    exponents = np.frexp(values.astype(np.float64)[values != 0])[1]
    return 53 + int(np.ptp(exponents)) if exponents.size else 1


def _given(weight: float | Float64) -> bool:
    return not (isinstance(weight, float) and weight == 0)


@lru_cache(maxsize=64)
def _lone_addends(contraction: Same[Contraction]) -> tuple[Contraction, ...]:
    """Each addend as a contraction of its own."""
    held = contraction.held
    return tuple(
        held.model_copy(update={"red": (), "factors": (addend,), "addends": ()})
        for addend in held.addends
    )


def _operand(layout: Layout, operands: Mapping[str, Given]) -> Given:
    given = operands[layout.name]
    if given.value.shape != layout.extents:
        raise InputError(
            f"{layout.name} has shape {given.value.shape}, but the definitions give "
            f"{layout.extents}"
        )
    return given


@lru_cache(maxsize=64)
def _counts(*pieces: Split) -> Counts:
    total = sum(part.counts for part in pieces)
    return np.asarray(total, np.int64)


@lru_cache(maxsize=8)
def _weights(
    definitions: Same[Definitions], pieces: Split, addends: tuple[Split, ...], assumed: _Assumed
) -> dict[str, float | Float64]:
    factors = len(pieces.layouts)
    eps = [Fraction(e) for e in assumed.eps]
    longest = prod(pieces.red_sizes) + len(addends)

    def one(terms: int) -> Weights:
        if assumed.accumulation is None:
            errors = Errors(
                terms,
                first_absolute=eps[0] if factors == 2 else Fraction(0),
                second_absolute=eps[-1],
            )
        else:
            errors = assumed.accumulation.errors(terms, factors, eps, definitions.held)
        return weigh(
            definitions.held,
            errors,
            assumed.sums,
            factors=factors,
            longest=longest,
            addend_eps=Fraction(assumed.addend_eps),
            distance=assumed.distance,
        )

    return weigh_counts(_counts(pieces, *addends), one, pieces.shape)
