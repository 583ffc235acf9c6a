"""Counts which corners of the arithmetic a case reaches in its evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.engine.reference import evaluate
from pybridge.engine.upward import significand_error
from pybridge.exported.document import Definitions, Law, Laws
from pybridge.exported.expressions import Scalar
from pybridge.problem.case import Case
from pybridge.problem.computation import computation_of
from pybridge.problem.formats import FloatArray, FloatFormat

__all__ = ["CORNERS", "corners"]

CORNERS: Mapping[str, str] = {
    "zeros of either sign read": "operand entries that are 0 or −0",
    "subnormal outputs": "output entries that are subnormal",
    "overflowed outputs": "output entries that overflowed",
    "exact operations": "products and sums of nonzero numbers that need no rounding",
    "inexact additions": "sums that are rounded",
    "tied additions": "sums exactly half-way between two numbers",
    "cancelled additions": "sums that lose at least half of the digits, or are zero",
    "absorbed addends": "sums that are the larger addend unchanged, the other not being zero",
    "subnormal additions": "sums that are subnormal",
    "overflowing operations": "products and sums of finite numbers beyond the largest one",
    "inexact products": "products that are rounded",
    "tied products": "products exactly half-way between two numbers",
    "inexact subnormal products": "rounded products that are subnormal or become zero",
}
"""What is counted. Ties of binary64 products are counted where both factors are in
(2⁻⁴⁰⁰, 2⁴⁰⁰)."""

_LEAST, _MOST = 2.0**-400, 2.0**400
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Watched(FloatFormat):
    """A format that counts what its operations do."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, a: FloatArray, b: FloatArray) -> FloatArray:
        result = np.asarray(np.add(a, b, dtype=self.dtype))
        x, y, r, finite = self._wide(a, b, result)
        total, rest = _sum_error(x, y)
        error = (total - r) + rest
        inexact = finite & (error != 0)
        simple = rest == 0 if self.precision < 53 else np.ones(np.shape(r), bool)
        both = (x != 0) & (y != 0)
        larger = np.maximum(np.abs(x), np.abs(y))
        lost = np.abs(r) <= larger * 2.0 ** -(self.precision // 2)
        self._count("inexact additions", inexact)
        self._count("exact operations", finite & both & ~inexact)
        self._count("tied additions", inexact & simple & self._half_way(result, r, error))
        self._count("cancelled additions", finite & both & lost)
        self._count("absorbed addends", finite & both & inexact & (np.abs(r) == larger))
        self._count("subnormal additions", finite & self._subnormal(r))
        self._count("overflowing operations", ~finite & np.isfinite(x) & np.isfinite(y))
        return result

    def mul(self, a: FloatArray, b: FloatArray) -> FloatArray:
        result = np.asarray(np.multiply(a, b, dtype=self.dtype))
        x, y, r, finite = self._wide(a, b, result)
        nonzero = finite & (x != 0) & (y != 0)
        if self.products_fit_float64:
            error, known = x * y - r, nonzero
        else:
            error = _product_error(x, y)
            known = nonzero & self._splits(x) & self._splits(y)
        inexact = known & (error != 0)
        below = np.abs(r) < 2.0**self.min_exponent
        self._count("inexact products", inexact)
        self._count("exact operations", known & ~inexact)
        self._count("tied products", inexact & self._half_way(result, r, error))
        self._count(
            "inexact subnormal products",
            below & ((known & inexact) | (nonzero & ~known & (r == 0))),
        )
        self._count("overflowing operations", ~finite & np.isfinite(x) & np.isfinite(y))
        return result

    def _count(self, name: str, mask: _Mask) -> None:
        self.counts[name] += int(np.count_nonzero(mask))

    def _wide(self, a: FloatArray, b: FloatArray, result: FloatArray) -> tuple[Any, Any, Any, Any]:
        x, y = np.broadcast_arrays(a.astype(np.float64), b.astype(np.float64))
        r = result.astype(np.float64)
        return x, y, r, np.isfinite(r)

    def _half_way(self, result: FloatArray, r: Any, error: Any) -> _Mask:
        """Return where the exact result is as far from the next number as from the rounded one."""
        outward = np.where(error > 0, np.inf, -np.inf).astype(self.dtype)
        gap = np.nextafter(result, outward).astype(np.float64) - r
        half_way: _Mask = np.isfinite(gap) & (2 * error == gap)
        return half_way

    def _subnormal(self, r: Any) -> _Mask:
        subnormal: _Mask = (r != 0) & (np.abs(r) < 2.0**self.min_exponent)
        return subnormal

    @staticmethod
    def _splits(a: Any) -> _Mask:
        splits: _Mask = (np.abs(a) > _LEAST) & (np.abs(a) < _MOST)
        return splits


def corners(case: Case, definitions: Definitions) -> Counter[str]:
    """Return how often each of `CORNERS` is reached in the results' evaluation in the stated order.

    Only the values' operations are counted, not those of the bounds.
    """
    format = case.float_format
    watched = _Watched(
        format.name,
        format.dtype,
        format.precision,
        format.min_exponent,
        format.max_exponent,
    )
    laws = _values_only(definitions.data.laws)
    for name in case.geometry.results:
        computation = computation_of(case.geometry, name, definitions)
        result = evaluate(
            computation.contraction, laws, computation.numbers, watched, case.operands
        )
        wide = result.value.astype(np.float64)
        watched.counts["subnormal outputs"] += int(
            np.count_nonzero((wide != 0) & (np.abs(wide) < 2.0**format.min_exponent))
        )
        watched.counts["overflowed outputs"] += int(np.count_nonzero(result.overflow))
    watched.counts["zeros of either sign read"] = sum(
        int(np.count_nonzero(value == 0)) for value in case.values.values()
    )
    return Counter({name: watched.counts[name] for name in CORNERS})


def _values_only(laws: Laws) -> Laws:
    nothing = Scalar("zero")
    return laws.model_copy(
        update={
            name: Law.model_construct(value=getattr(laws, name).value, eps=nothing)
            for name in ("zero", "add", "mul")
        }
    )


def _sum_error(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the rounded sums s of float64 numbers, and the errors e with a + b = s + e exactly."""
    total = a + b
    swap = np.abs(a) < np.abs(b)
    large, small = np.where(swap, b, a), np.where(swap, a, b)
    return total, small - (total - large)


def _product_error(a: Any, b: Any) -> Any:
    """Return the errors of the rounded float64 products where they do not underflow, exactly."""
    (x, p), (y, q) = np.frexp(a), np.frexp(b)
    return np.ldexp(significand_error(x, y).astype(np.float64), p + q - 106)
