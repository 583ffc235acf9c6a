"""Bounds for sums in any order, and for results that something else computed.

*Any order*: a sum of an entry's products in any order, in a stated arithmetic, errs by at most

  ρ·Σ|x||y| + (1 + ρ)·(Σ Dx·(|y| + Dy) + Σ|x|·Dy + Db) + η

where (ρ, η) is what Lean proves about the arithmetic, and D is how far the multiplied operands and
the exact ones are together from the passed ones, entry by entry (Lean: `conv2d_any_order`, …).
*Enclosure*: with a result g′ of any order in binary64, every array g is within |g − g′| plus the
bound of g′ of the exact result, whatever computed g. All sums are matrix
products (`pybridge.engine.blas`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pybridge.engine.accumulation import Accumulation, format_parameters, parameters_of
from pybridge.engine.aligned import Aligned
from pybridge.engine.backend import HOST, Array, backend_of, dtype_of
from pybridge.engine.blas import contract, contract_parts
from pybridge.engine.coefficients import (
    EXACT,
    Broadcast,
    ErrorBound,
    Part,
    Weights,
    followed_by,
    formula,
    nearest,
    numbers,
    operation,
    weigh,
    weigh_counts,
)
from pybridge.engine.dense import (
    Counts,
    Layout,
    PartialSums,
    Split,
    divided_reduction,
    narrowed,
    partial_sums,
    split_contraction,
)
from pybridge.engine.scaled import block_axes, excess_of_blocks
from pybridge.engine.upward import Float64, add_up
from pybridge.errors import InputError, RoundingOverflowError
from pybridge.exported.document import Contraction, Definitions
from pybridge.exported.identity import Same
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import FloatArray, FloatFormat, require_ieee
from pybridge.problem.operands import Operand
from pybridge.problem.rounding import holds

__all__ = [
    "Dealt",
    "Estimator",
    "Inexact",
    "require_finite",
]

_REFERENCE = Accumulation(accumulate="float64")

_WIDE_TERMS = 2**19
"""Above n terms with n·2⁻²⁴ = 1/32, magnitudes are summed in binary64."""

_LATTICES = 1 << 11
"""Above so many lattices, zeros between the entries of an operand take less time."""

_NEAR = 3
"""Slices may be up to so many times larger than asked for."""

_REMEMBERED = 1 << 11
"""Cached results: enough for a network's layers, forward and backward."""

_OF_ENTRIES = 1 << 14
"""Error bounds of entries that have different numbers of terms, as at borders of long kernels."""

_ROOM, _DEVICE_ROOM = (1 << 21, 1 << 24), (1 << 21, 1 << 30)
"""The least and the most bytes that copies and results may take at a time; between them, half of
what factors and result take.
"""

_LARGEST_EXPONENT = 1000
"""Sums of magnitudes that may exceed this power of two are scaled."""


@dataclass(frozen=True, slots=True, eq=False)
class Inexact:
    """Values, and how far the multiplied numbers and the exact ones are together from them: one
    nonnegative number, or an array of the values' shape.
    """

    value: Array
    deviation: float | Float64 = 0.0

    @property
    def scalar(self) -> float:
        """The deviation, if it is one number, else zero."""
        return self.deviation if isinstance(self.deviation, float) else 0.0

    @property
    def array(self) -> Float64 | None:
        """The deviation, if it is an array that is not zero."""
        if isinstance(self.deviation, float) or not self.deviation.any():
            return None
        return self.deviation

    @property
    def deviates(self) -> bool:
        """Whether the deviation is not zero."""
        return bool(self.scalar) or self.array is not None


@dataclass(frozen=True, slots=True)
class _Assumed:
    """The assumptions that a bound's weights depend on.

    `accumulation` is None if no operation errs. `deviations` are the scalar ones of the factors,
    `arrays` says which of them are arrays, `addend` is the scalar one of the addends. `sums` is the
    format in which magnitudes are summed, and they are scaled by 2^−`scale`.
    """

    accumulation: Accumulation | None
    finished: bool
    plain: bool
    deviations: tuple[float, ...]
    arrays: tuple[bool, ...]
    addend: float
    addend_array: bool
    sums: str
    scale: int
    distance: bool
    shortfall: Fraction


class Dealt(NamedTuple):
    """How an entry's terms are dealt out to partial sums: how many terms there are, addends
    included, how many sums have any, and how many the longest has.
    """

    terms: int
    sums: int
    longest: int


class Estimator:
    """Computes an exported contraction of its operands by BLAS, and bounds of its results.

    `operands` maps the exported operand names to arrays of the shapes that the contraction gives
    them, each of a dtype whose values float64 holds, all of one backend. Bounds need NumPy arrays.
    A missing addend is zero, and no term (Lean: `Near.append_zero`). `names` are the names of
    operands in messages, if others. Raises `InputError` for other shapes, and what
    `split_contraction` and `require_ieee` raise.
    """

    def __init__(
        self,
        contraction: Contraction,
        parameters: Mapping[str, int],
        operands: Mapping[str, Operand | Inexact],
        definitions: Definitions,
        names: Mapping[str, str] | None = None,
    ) -> None:
        require_ieee()
        self._names = names or {}
        self.definitions = definitions
        self.split = split_contraction(contraction, parameters, most=_LATTICES)
        lone = _lone_addends(Same(contraction))
        splits = [split_contraction(addend, parameters) for addend in lone]
        self.added = tuple(split for split in splits if split.layouts[0].name in operands)
        self.factors = [_operand(layout, operands) for layout in self.split.layouts]
        self.addends = [(split, _operand(split.layouts[0], operands)) for split in self.added]
        self.values = [operand.value for operand in self.factors]
        self.backend = backend_of(*self.values, *(addend.value for _, addend in self.addends))
        self._magnitudes: dict[tuple[np.dtype[Any], int], FloatArray] = {}
        self._contraction, self._parameters = contraction, parameters
        arrays = [(value.itemsize, value.shape) for value in self.values]
        arrays.append((min(size for size, _ in arrays), self.shape))
        own = sum(size * prod(shape) for size, shape in arrays)
        least, most = _ROOM if self.backend.on_cpu else _DEVICE_ROOM
        self.room = min(max(own // 2, least), most)
        """About how many bytes arrays may take beside operands and result."""
        self._divided = divided_reduction(self.split)
        self._excesses: dict[tuple[str, bool], tuple[Fraction, ...]] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.split.shape

    @property
    def counts(self) -> Counts:
        """How many terms each entry sums, addends included; of size one where constant."""
        return _counts(self.split, *self.added)

    @property
    def distinct_counts(self) -> tuple[int, ...]:
        """The numbers of terms that entries have, in ascending order."""
        return _distinct(self.split, *self.added)

    def value(self, dtype: npt.DTypeLike, *, absolute: bool = False) -> Array:
        """Return the results in float32 or float64, summed in an order of BLAS's choosing.

        Infinite or nan where they overflow. `absolute` takes the magnitudes of all entries.
        """
        with np.errstate(all="ignore"):
            total = self._over(0, None, np.dtype(dtype), absolute=absolute)
            for addend in self._added(dtype, absolute=absolute):
                total += addend
        return self._whole(total)

    def in_parts(self, dtype: npt.DTypeLike) -> tuple[list[Array], list[Array]]:
        """Return the results as `partial_sums` and addends that are not yet added."""
        sums, kind = self._partial, np.dtype(dtype)
        with np.errstate(all="ignore"):
            if self._steps(kind):
                parts = [self._over(*ends, kind) for ends in pairwise(sums.cuts)]
            else:
                parts = contract_parts(sums.parts, self.values, kind, backend=self.backend)
            addends = list(self._added(dtype))
        return [self._whole(part) for part in parts], [self._whole(one) for one in addends]

    @property
    def _partial(self) -> PartialSums:
        return partial_sums(self.split, self._divided)

    def _over(
        self, start: int, stop: int | None, dtype: np.dtype[Any], *, absolute: bool = False
    ) -> Array:
        """Return the sums over some steps of the reduction that `partial_sums` divides, or all.

        Steps are taken a few at a time if the factors' copies would be large (`_steps`).
        """
        steps, dim = self._steps(dtype), self._divided
        if not steps or dim is None:
            return contract(self.split, self.values, dtype, absolute=absolute, backend=self.backend)
        total: Array = None
        for part in _even_slices(start, self._partial.cuts[-1] if stop is None else stop, steps):
            cut = self.cut(dim, part.stop - part.start, part)
            assert cut is not None
            term = contract(cut.split, cut.values, dtype, absolute=absolute, backend=self.backend)
            if total is None:
                total = term
            else:
                total += term
        return total

    def _steps(self, dtype: np.dtype[Any]) -> int | None:
        """Return how many steps of the reduction that `partial_sums` divides are taken at a time;
        None if all are.
        """
        own = None if self._divided is None else narrowed(self.split, self._divided, 1)
        if own is None:
            return None
        copied = self._copies(dtype)
        total = sum(n for n, axis in zip(copied, own.axes, strict=True) if axis is not None)
        return max(self._partial.cuts[-1] * self.room // total, 1) if total > self.room else None

    def _copies(self, dtype: npt.DTypeLike) -> list[int]:
        """Return the bytes of each factor as it is multiplied in a dtype, 0 if it is not copied."""
        size = np.dtype(dtype).itemsize
        return [
            size * prod(layout.shape) if layout.padded or value.itemsize < size else 0
            for layout, value in zip(self.split.layouts, self.values, strict=True)
        ]

    def _added(self, dtype: npt.DTypeLike, *, absolute: bool = False) -> Iterator[Array]:
        for split, addend in self.addends:
            yield contract(split, [addend.value], dtype, absolute=absolute, backend=self.backend)

    def _whole(self, array: Array) -> Array:
        """Return an array in the result's shape, also along axes on which no operand depends."""
        if tuple(array.shape) == self.shape:
            return array
        functions = self.backend.functions
        return self.backend.contiguous(functions.broadcast_to(array, self.shape))

    def cut(self, dim: int, size: int, part: slice) -> Estimator | None:
        """Return the estimator of the `size` steps `part` of a dimension; None if it cannot be cut.

        The outputs' dimensions are counted first, then the reductions'. Addends stay if a reduction
        is cut. The arrays are views.
        """
        outs = len(self.split.out_sizes)
        own = narrowed(self.split, dim, size)
        added = [narrowed(split, dim, size) for split in self.added if dim < outs]
        if own is None or any(other is None for other in added):
            return None
        cut = copy(self)
        cut.split = own.split
        cut.factors = [
            _cut(factor, axis, part) for factor, axis in zip(self.factors, own.axes, strict=True)
        ]
        if added:
            others = {split: other for split, other in zip(self.added, added, strict=True) if other}
            cut.added = tuple(other.split for other in others.values())
            cut.addends = [
                (others[split].split, _cut(addend, others[split].axes[0], part))
                for split, addend in self.addends
            ]
        cut.values = [factor.value for factor in cut.factors]
        cut._magnitudes = {}
        return cut

    def slices(self, dtype: np.dtype[Any]) -> Iterator[tuple[tuple[slice, ...], Estimator]]:
        """Yield slices of the result, so that memory stays bounded, each with its estimator.

        They are ranges along axes of the result, and their operands are views; for any iterations
        of loops, as a computation of its own, see `pybridge.problem.parts`. Three arrays of a
        slice's shape in a dtype, and the factors' copies, take about the room.
        """
        copies = 0 if self._steps(dtype) else sum(self._copies(dtype))
        return self._sliced(-(-(3 * dtype.itemsize * prod(self.shape) + copies) // self.room))

    def _sliced(self, parts: int) -> Iterator[tuple[tuple[slice, ...], Estimator]]:
        """Yield about so many slices along the axis that leaves least to be read again for each. If
        it has far too few steps, each slice is cut along another axis.
        """
        axes = [
            (axis, dim)
            for dim, (axis, size) in enumerate(self._loops())
            if size == self.shape[axis] > 1 and self.cut(dim, 1, slice(0, 1)) is not None
        ]
        if parts <= 1 or not axes:
            yield (), self
            return
        axis, dim = min(axes, key=lambda one: self._read_without(one[1]))
        size = self.shape[axis]
        for part in _even_slices(0, size, -(-size // parts)):
            cut = self.cut(dim, part.stop - part.start, part)
            assert cut is not None
            for place, own in cut._sliced(parts // (_NEAR * size)):
                inner = [*place, *(slice(None),) * (axis + 1 - len(place))]
                inner[axis] = part
                yield tuple(inner), own

    def _read_without(self, dim: int) -> int:
        """Return how many entries of factors that do not depend on a dimension the terms read."""
        sizes = (*self.split.out_sizes, *self.split.red_sizes)
        each = [
            {k for axis in reader.axes for k, c in enumerate(axis.out + axis.red) if c}
            for reader in self.split.readers
        ]
        return sum(prod(sizes[k] for k in dims) for dims in each if dim not in dims)

    def _loops(self) -> Iterator[tuple[int, int]]:
        """Yield the axis of the result that each output dimension belongs to, and its size."""
        for axis, loop in enumerate(self.split.axes):
            for size in loop:
                yield axis, size

    @property
    def multiplies_wide(self) -> bool:
        """Whether an operand has a dtype that is wider than float32."""
        everything = (*self.factors, *(addend for _, addend in self.addends))
        return any(operand.value.dtype.itemsize > 4 for operand in everything)

    def largest(self, known: Mapping[str, float]) -> tuple[float, ...]:
        """Return about the largest magnitude of each factor and addend; `known` has some of
        them.
        """
        layouts = [*self.split.layouts, *(split.layouts[0] for split, _ in self.addends)]
        operands = [*self.factors, *(addend for _, addend in self.addends)]
        return tuple(
            known[layout.name] if layout.name in known else self.backend.largest(operand.value)
            for layout, operand in zip(layouts, operands, strict=True)
        )

    @property
    def dealt(self) -> tuple[tuple[Dealt, ...], Counts]:
        """The ways in which entries' terms are dealt out to the sums of `in_parts`, and which of
        them each entry has; of size one where constant.
        """
        return _dealt(self._partial, self.split, *self.added)

    def parts_error(self, dealt: Dealt, format: str) -> tuple[ErrorBound, ErrorBound]:
        """Return the errors of `in_parts`: of its partial sums together, and of the sum of all.

        Each partial sum is one in any order; their absolute errors add up, and the relative one is
        the largest (Lean: `NearAll.append`). So is the sum of them and the addends, which are
        numbers (Lean: `NearAll.followedBy`), of which zeros do not count (Lean:
        `Computes.near_numbers`).
        """
        factors, addends = len(self.factors), len(self.addends)
        return _parts_error(Same(self.definitions), dealt, factors, addends, format)

    def some_entries(self, most: int) -> Estimator:
        """Return the estimator of about so many entries, evenly spread; more if few axes can be
        cut.
        """
        some = self
        loops = list(self._loops())
        dims = list(range(len(loops)))
        while dims and prod(some.shape) > most:
            dim = max(dims, key=lambda k: some.split.out_sizes[k])
            size = some.split.out_sizes[dim]
            fewer = max(size // 2, 2)
            step = size // fewer
            alone = size == some.shape[loops[dim][0]] > fewer
            cut = some.cut(dim, fewer, slice(0, fewer * step, step)) if alone else None
            if cut is None:
                dims.remove(dim)
            else:
                some = cut
        return some

    def rounded(self, format: FloatFormat) -> FloatArray:
        """Return the results rounded as `Accumulation.of(format)` promises."""
        wide: FloatArray = self.value(np.float64 if format.precision > 24 else np.float32)
        with np.errstate(all="ignore"):
            return wide.astype(format.dtype, copy=False)

    def any_order(self, accumulation: Accumulation, *, finished: bool = True) -> Float64:
        """Return how far a result of this promise, summed in any order, may be from the exact one.

        The last rounding is included if `finished`. Infinite where that is beyond float64.
        """
        return self._bound(accumulation, None, finished)

    def enclosure(self, computed: FloatArray) -> Float64:
        """Return how far an array may be from the exact result, whatever computed it."""
        distance: Float64 = self.value(np.float64)
        with np.errstate(all="ignore"):
            np.subtract(computed, distance, out=distance, dtype=np.float64)
            np.abs(distance, out=distance)
        return self._bound(_REFERENCE, distance)

    def around(self, distance: Float64) -> Float64:
        """Return bounds of an array from upper bounds of its distance to the results of the
        operands as they are, by adding the effect of the operands' deviations.
        """
        everything = [*self.factors, *(addend for _, addend in self.addends)]
        if not any(operand.deviates for operand in everything):
            return distance
        return self._bound(None, distance)

    def coefficients(
        self, accumulation: Accumulation, *, finished: bool = True, wide: bool = False
    ) -> Callable[[int], tuple[float, float]]:
        """Return the bound of `any_order` as a function of an entry's number of terms: (a, c) means
        a·size + c.

        The size is Σ|x||y| with the addends' magnitudes, summed in float64 if `wide`, else in
        float32; the deviations of operands are left out.
        """
        zeros = tuple(0.0 for _ in self.factors)
        assumed = _Assumed(
            accumulation,
            finished,
            self._plain(accumulation),
            zeros,
            tuple(False for _ in self.factors),
            0.0,
            False,
            "binary64" if wide else "binary32",
            0,
            False,
            self._shortfall(accumulation),
        )

        def of(terms: int) -> tuple[float, float]:
            weights = _entry_weights(Same(self.definitions), self.longest, assumed, terms)
            return weights.coefficients[0], weights.constant

        return of

    def sizes(self) -> Float64:
        """Return Σ|x||y| plus the addends' magnitudes, in float64 or float32; these are no
        bounds.
        """
        for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
            if (dtype, 0) in self._magnitudes:
                return np.asarray(self._magnitudes[dtype, 0].astype(np.float64))
        return np.asarray(self._magnitude(np.dtype(np.float64), 0).astype(np.float64))

    def sum_error(self, accumulation: Accumulation, terms: int) -> ErrorBound:
        """Return the error of a promised sum of so many terms, before the last rounding."""
        return _sum_error(
            Same(self.definitions),
            accumulation,
            terms,
            self._plain(accumulation),
            self.longest,
            self._shortfall(accumulation),
        )

    @property
    def longest(self) -> int:
        """How many terms a kernel goes over, padding and addends included."""
        return prod(self.split.red_sizes) + len(self.added)

    def _shortfall(self, accumulation: Accumulation) -> Fraction:
        """Return how much exponents of products may be too large in a matrix unit."""
        if accumulation.core is None:
            return Fraction(0)
        least = float(accumulation.least_normal(self.definitions))
        sizes = [_largest(operand, least) for operand in self.factors]
        if accumulation.core.scaled is None:
            excesses = tuple(Fraction(least) * subnormal for _, subnormal in sizes)
        else:
            excesses = self._excess_of_blocks(accumulation.core)
        factors = [(size, excess) for (size, _), excess in zip(sizes, excesses, strict=True)]
        return accumulation.shortfall(factors, self.definitions)

    def _excess_of_blocks(self, core: Aligned) -> tuple[Fraction, ...]:
        """Return `excess_of_blocks` of each factor, computed once."""
        assert core.scaled is not None
        key = core.scaled, core.unit == "grouped"
        if key not in self._excesses:
            keys = [factor.name for factor in self._contraction.factors]
            names = [self._names.get(key, key) for key in keys]
            factors = [
                (name, to_numpy(name, operand.value))
                for name, operand in zip(names, self.factors, strict=True)
            ]
            axes = block_axes(self._contraction, self._parameters)
            self._excesses[key] = excess_of_blocks(*key, factors, axes, self.definitions)
        return self._excesses[key]

    def _plain(self, accumulation: Accumulation) -> bool:
        """Return whether the terms are no products, but numbers of the format of the sums."""
        if len(self.factors) != 1 or self.addends or accumulation.across is not None:
            return False
        if accumulation.operands and not accumulation.sums_hold_operands(self.definitions):
            return False
        sums, operand = (
            parameters_of(name, self.definitions)
            for name in (accumulation.accumulate, dtype_of(self.factors[0].value).name)
        )
        return holds(sums, operand)

    def _bound(
        self, accumulation: Accumulation | None, distance: Float64 | None, finished: bool = True
    ) -> Float64:
        wide = prod(self.split.red_sizes) > _WIDE_TERMS or any(
            operand.value.dtype.itemsize > 4
            for operand in (*self.factors, *(addend for _, addend in self.addends))
        )
        with np.errstate(all="ignore"):
            bound = self._estimate(accumulation, distance, wide, 0, finished)
            if not np.isfinite(bound.max()):
                scaled = self._estimate(accumulation, distance, True, self._scale(), finished)
                bound = np.where(np.isfinite(bound), bound, scaled)
        if np.isnan(bound.max()):
            bound[np.isnan(bound)] = np.inf
        return bound

    def _scale(self) -> int:
        """Return log₂ of the factor that magnitudes are divided by, so that sums do not
        overflow.
        """
        exponents = [_exponent(operand) for operand in self.factors]
        most = sum(exponents) + (prod(self.split.red_sizes) + 1).bit_length()
        most = max([most, *(_exponent(addend) for _, addend in self.addends)])
        return max(most - _LARGEST_EXPONENT, 0)

    def _estimate(
        self,
        accumulation: Accumulation | None,
        distance: Float64 | None,
        wide: bool,
        scale: int,
        finished: bool,
    ) -> Float64:
        """Return the bound; magnitudes are summed in binary64 when `wide`, else in binary32.

        They are of operands that were scaled by powers of two, 2^−`scale` together, and rounded up.
        """
        arrays = tuple(operand.array is not None for operand in self.factors)
        scalars = tuple(operand.scalar for operand in self.factors)
        coefficients, constant = _weights(
            Same(self.definitions),
            self.split,
            self.added,
            _Assumed(
                accumulation,
                finished,
                accumulation is not None and self._plain(accumulation),
                scalars,
                arrays,
                sum(addend.scalar for _, addend in self.addends),
                any(addend.array is not None for _, addend in self.addends),
                "binary64" if wide else "binary32",
                scale,
                distance is not None,
                Fraction(0) if accumulation is None else self._shortfall(accumulation),
            ),
        )
        dtype = np.dtype(np.float64 if wide else np.float32)
        bound: Float64 | None = None
        for coefficient, name in zip(coefficients, _PARTS, strict=True):
            if not _is_positive(coefficient):
                continue
            size = self._sums(name, dtype, scale, distance)
            part: Float64 = np.multiply(size, coefficient, dtype=np.float64)
            bound = part if bound is None else np.add(bound, part, out=_target(bound, part))
        if bound is None or bound.shape != self.shape:
            bound = np.array(np.broadcast_to(0.0 if bound is None else bound, self.shape))
        bound += constant
        return bound

    def _sums(
        self, name: str, dtype: np.dtype[Any], scale: int, distance: Float64 | None
    ) -> FloatArray:
        """Return the sums of magnitudes that a coefficient multiplies, each computed in a dtype.

        `magnitude` is Σ|x||y| and the addends' magnitudes, `first` Σ Dx·(|y| + Dy), `second`
        Σ|x|·Dy, `addend` the addends' deviations. A deviation that is one number belongs to the
        coefficient, and is replaced by one here. `distance` is the argument.
        """
        if name == "distance":
            assert distance is not None
            return distance
        if name == "magnitude":
            return self._magnitude(dtype, scale)
        if name == "addend":
            total: FloatArray = np.zeros((1,) * len(self.shape), dtype)
            for split, addend in self.addends:
                if addend.array is not None:
                    total = total + contract(split, [_scaled(addend.array, scale, dtype)], dtype)
            return total
        if len(self.factors) == 1:
            (operand,) = self.factors
            assert operand.array is not None
            return self._contract([_scaled(operand.array, scale, dtype)], dtype)
        first, second = self.factors
        halves = _halves(scale, _exponent(first), _exponent(second))
        if name == "first":
            deviation = first.array
            left = None if deviation is None else _scaled(deviation, halves[0], dtype)
            wide = np.abs(second.value.astype(np.float64))
            reach = np.asarray(add_up(wide, second.deviation))
            rest = halves[1] if deviation is not None else scale
            return self._contract([left, _scaled(reach, rest, dtype)], dtype)
        deviation = second.array
        right = None if deviation is None else _scaled(deviation, halves[1], dtype)
        rest = halves[0] if deviation is not None else scale
        size = _scaled(np.abs(first.value.astype(np.float64)), rest, dtype)
        return self._contract([size, right], dtype)

    def _contract(self, factors: Sequence[FloatArray | None], dtype: np.dtype[Any]) -> FloatArray:
        product: FloatArray = contract(self.split, factors, dtype)
        return product

    def _magnitude(self, dtype: np.dtype[Any], scale: int) -> FloatArray:
        """Return Σ|x||y| plus the addends' magnitudes, computed once."""
        if (dtype, scale) not in self._magnitudes:
            if scale == 0:
                total = self.value(dtype, absolute=True)
            else:
                scales = [scale]
                if len(self.factors) == 2:
                    scales = list(_halves(scale, *(_exponent(operand) for operand in self.factors)))
                sizes = [
                    _scaled(np.abs(value.astype(np.float64)), part, dtype)
                    for value, part in zip(self.values, scales, strict=True)
                ]
                total = contract(self.split, sizes, dtype)
                for split, addend in self.addends:
                    size = _scaled(np.abs(addend.value.astype(np.float64)), scale, dtype)
                    total = total + contract(split, [size], dtype)
            self._magnitudes[dtype, scale] = total
        return self._magnitudes[dtype, scale]


_PARTS = ("magnitude", "first", "second", "addend", "distance")


def _target(bound: Float64, part: Float64) -> Float64 | None:
    """Return the array that a sum can be stored in, if there is one."""
    return bound if bound.shape == np.broadcast_shapes(bound.shape, part.shape) else None


def _exponent(operand: Inexact) -> int:
    """Return an exponent e such that no magnitude with its deviation is above 2^e."""
    largest = float(np.abs(operand.value.astype(np.float64)).max(initial=0.0))
    off = operand.scalar if operand.array is None else float(operand.array.max())
    return math.frexp(max(largest, off))[1] + 1


def _largest(operand: Inexact, least: float) -> tuple[Fraction, bool]:
    """Return the largest number that may be multiplied, and whether a number other than zero may be
    below `least`.
    """
    backend = backend_of(operand.value)
    if backend is not HOST and not operand.deviates:
        below = (operand.value.abs() < least) & (operand.value != 0)
        return Fraction(backend.largest(operand.value)), bool(below.any())
    size = np.abs(operand.value.astype(np.float64))
    off = np.asarray(operand.deviation, np.float64)
    most = Fraction(float(size.max(initial=0.0))) + Fraction(float(off.max(initial=0.0)))
    below = size < add_up(off, least)
    return most, bool((below & ((size > 0) | (off > 0))).any())


def _halves(scale: int, first: int, second: int) -> tuple[int, int]:
    """Return a scale divided between two factors so that both become about equally large."""
    left = min(max((scale + first - second) // 2, 0), scale)
    return left, scale - left


def _scaled(values: Float64, scale: int, dtype: np.dtype[Any]) -> FloatArray:
    """Return nonnegative values times 2^−scale in a dtype, rounded up."""
    wide = values if scale == 0 else np.ldexp(values, -scale)
    lost = np.ldexp(wide, scale) < values if scale else None
    if lost is not None and lost.any():
        wide = np.where(lost, np.nextafter(wide, np.inf), wide)
    narrow: FloatArray = wide.astype(dtype)
    if dtype.itemsize < 8:
        below = narrow < wide
        if below.any():
            narrow = np.where(below, np.nextafter(narrow, dtype.type(np.inf)), narrow)
    return narrow


@lru_cache(maxsize=_REMEMBERED)
def _distinct(*splits: Split) -> tuple[int, ...]:
    return tuple(map(int, np.unique(_counts(*splits))))


def require_finite(name: str, bound: Float64) -> None:
    """Raise `RoundingOverflowError` if a bound is infinite or nan."""
    if not np.isfinite(bound.max()):
        beyond = ~np.isfinite(bound)
        first = np.unravel_index(int(np.argmax(beyond)), bound.shape)
        count = int(np.count_nonzero(beyond))
        raise RoundingOverflowError(name, [int(i) for i in first], count, "binary64")


def _is_positive(weight: Broadcast) -> bool:
    return not (isinstance(weight, float) and weight == 0)


@lru_cache(maxsize=64)
def _lone_addends(contraction: Same[Contraction]) -> tuple[Contraction, ...]:
    """Return each addend as a contraction of its own."""
    held = contraction.held
    return tuple(
        held.model_copy(update={"red": (), "factors": (addend,), "addends": ()})
        for addend in held.addends
    )


def _even_slices(start: int, stop: int, most: int) -> Iterator[slice]:
    """Return slices of at most so many steps, of about one size, that cover a range."""
    count = -(-(stop - start) // most)
    ends = [start + k * (stop - start) // count for k in range(count + 1)]
    return (slice(*pair) for pair in pairwise(ends))


def _cut(operand: Inexact, axis: int | None, part: slice) -> Inexact:
    if axis is None:
        return operand
    place = (slice(None),) * axis + (part,)
    off = operand.deviation
    return Inexact(operand.value[place], off if isinstance(off, float) else off[place])


def _operand(layout: Layout, operands: Mapping[str, Operand | Inexact]) -> Inexact:
    operand = operands[layout.name]
    if operand.value.shape != layout.extents:
        raise InputError(
            f"{layout.name} has shape {operand.value.shape}, but the definitions give "
            f"{layout.extents}"
        )
    return operand if isinstance(operand, Inexact) else Inexact(operand.value, float(operand.eps))


@lru_cache(maxsize=_REMEMBERED)
def _counts(*splits: Split) -> Counts:
    total = sum(split.counts for split in splits)
    return np.asarray(total, np.int64)


@lru_cache(maxsize=_OF_ENTRIES)
def _sum_error(
    definitions: Same[Definitions],
    accumulation: Accumulation,
    terms: int,
    plain: bool,
    longest: int,
    shortfall: Fraction,
) -> ErrorBound:
    return accumulation.sum_error(
        terms, definitions.held, plain=plain, longest=longest, shortfall=shortfall
    )


@lru_cache(maxsize=_REMEMBERED)
def _dealt(sums: PartialSums, *splits: Split) -> tuple[tuple[Dealt, ...], Counts]:
    counts, parts = _counts(*splits), [part.counts for part in sums.parts]
    present = sum((part > 0).astype(np.int64) for part in parts)
    longest = np.asarray(reduce(np.maximum, parts))
    _, kinds = np.unique(counts * (len(parts) + 1) + present, return_inverse=True)
    shape = np.broadcast_shapes(kinds.shape, longest.shape)
    codes = kinds.astype(np.int64) * (int(longest.max(initial=0)) + 1) + longest
    _, first, kinds = np.unique(codes, return_index=True, return_inverse=True)
    each = (np.broadcast_to(of, shape).reshape(-1)[first] for of in (counts, present, longest))
    dealt = tuple(Dealt(*map(int, one)) for one in zip(*each, strict=True))
    return dealt, kinds.reshape(shape)


@lru_cache(maxsize=_OF_ENTRIES)
def _parts_error(
    definitions: Same[Definitions], dealt: Dealt, factors: int, addends: int, format: str
) -> tuple[ErrorBound, ErrorBound]:
    held = definitions.held
    unit = operation(format_parameters(format, held))
    longest = (nearest if factors > 1 else numbers)(held, max(dealt.longest, 1), unit)
    together = ErrorBound(longest.relative, dealt.sums * longest.absolute)
    return together, followed_by(held, together, numbers(held, dealt.sums + addends, unit))


@lru_cache(maxsize=8)
def _weights(
    definitions: Same[Definitions], split: Split, addends: tuple[Split, ...], assumed: _Assumed
) -> tuple[Sequence[Broadcast], Broadcast]:
    """Return the coefficients of `_PARTS` and the constant, at every entry."""
    longest = prod(split.red_sizes) + len(addends)
    return weigh_counts(
        _counts(split, *addends),
        lambda terms: _entry_weights(definitions, longest, assumed, terms),
        split.shape,
    )


@lru_cache(maxsize=_OF_ENTRIES)
def _entry_weights(
    definitions: Same[Definitions], longest: int, assumed: _Assumed, terms: int
) -> Weights:
    """Return the coefficients of `_PARTS` and the constant, at an entry of so many terms, among the
    `longest` that a kernel goes over.
    """
    held = definitions.held
    unit = operation(format_parameters(assumed.sums, held))
    once = ErrorBound(operation(format_parameters("binary64", held)).relative)
    scale = Fraction(2) ** assumed.scale
    error = EXACT
    if assumed.accumulation is not None:
        kernel = assumed.accumulation
        near = kernel.error if assumed.finished else kernel.sum_error
        error = near(terms, held, plain=assumed.plain, longest=longest, shortfall=assumed.shortfall)
    computed = nearest(held, terms, unit)
    values = {"bound.relative": error.relative, "bound.absolute": error.absolute}
    magnitude = formula(held, "magnitude", values) * scale
    deviation = formula(held, "deviation", values)
    constant = formula(held, "constant", values) + deviation * Fraction(assumed.addend)
    off = [Fraction(d) for d in assumed.deviations]
    if len(off) == 1:
        constant += deviation * terms * off[0]
        factors = [deviation * scale * assumed.arrays[0], Fraction(0)]
    else:
        factors = [
            deviation * scale * (1 if array else d)
            for d, array in zip(off, assumed.arrays, strict=True)
        ]
    return weigh(
        held,
        [
            Part(magnitude, computed),
            *(Part(factor, computed) for factor in factors),
            Part(deviation * scale * assumed.addend_array, computed),
            Part(Fraction(assumed.distance), once),
        ],
        constant,
    )
