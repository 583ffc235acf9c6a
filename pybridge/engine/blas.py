"""A contraction as BLAS matrix products, in blocks that bound the memory.

On a lattice (`pybridge.engine.dense`) the factors are strided views. The dimensions of both factors
that the result keeps are the batch, the dimensions of one factor alone are rows or columns, and the
others are reductions: there is a product of matrices for every index of the batch. BLAS multiplies
a view that it can read as a matrix directly; otherwise blocks of it are copied into a buffer
(im2col), one by one. Where one dimension slides along another, as a kernel's rows do along an
image's rows, one copy of the image serves them all.

Every entry is a sum of its terms in some order, each a product of two entries, and of zeros in
place of skipped terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from pybridge.engine.backend import HOST, Array, Backend, dtype_of
from pybridge.engine.dense import Lattice, Layout, Split, merge_axes
from pybridge.engine.spot import require_sound
from pybridge.errors import InputError
from pybridge.exported.expressions import DefinitionsError
from pybridge.problem.formats import FloatArray

__all__ = ["contract", "contract_parts"]

_Part: TypeAlias = dict[int, slice]
_Caller: TypeAlias = Callable[..., None]

_BUFFER = 1 << 21
"""The largest block, in bytes, that is copied for a product: it stays in the cache."""

_DEVICE_BUFFERS = (1 << 24, 1 << 28)
"""The same on other devices, at least and at most: they need large products."""

_PADDED = (1 << 30, 16)
"""Padded operands are refused if they take more bytes than this, and more than so many times
operands and result.
"""

_FEW = 64
"""With fewer rows or columns, reductions are divided into blocks first."""

_LONG = 128
"""With fewer reductions in one product, a smaller copy is not worth smaller matrices."""

_NARROW = 16
"""With fewer rows or columns of a matrix, copying is faster than many small products."""

_OFTEN = 2
"""An operand that is copied up to so many times is converted in these copies, not before."""

_SHIFTS, _WASTE = 128, 4 / 3
"""The most shifts of an image whose products are added up, and the largest share of products that
are computed and not used.
"""


def contract(
    split: Split,
    operands: Sequence[Array | None],
    dtype: npt.DTypeLike,
    *,
    absolute: bool = False,
    backend: Backend = HOST,
) -> Array:
    """Return Σ Π of the factors' entries in float32 or float64, summed in an order of BLAS's
    choosing.

    `operands` holds the factors' arrays, in the contraction's order and of its shapes, all of the
    backend, which computes; None stands for a factor of ones. `absolute` takes the entries'
    magnitudes. The addends are not added. The result has the contraction's axes, of size one if
    nothing depends on them.

    Beside None, a factor is summed over its own reductions before it is multiplied by zeros and
    ones. Raises `DefinitionsError` if there are more than two factors, `FloatingPointError` as
    `require_sound` does if BLAS errs by more than rounding can, and `InputError` if padding makes
    operands many times as large as operands and result.
    """
    (result,) = contract_parts((split,), operands, dtype, absolute=absolute, backend=backend)
    return result


def contract_parts(
    parts: Sequence[Split],
    operands: Sequence[Array | None],
    dtype: npt.DTypeLike,
    *,
    absolute: bool = False,
    backend: Backend = HOST,
) -> list[Array]:
    """Return what `contract` does for several sums over some of the terms, of the same layouts."""
    if len(operands) > 2:
        raise DefinitionsError(f"cannot evaluate products of {len(operands)} factors by matrices")
    kind = np.dtype(dtype)
    _require_room(parts[0], operands, kind)
    if backend is not HOST:
        parts = [part.forwards for part in parts]
    beside_ones = backend is HOST and any(array is None for array in operands)
    plans = [
        None
        if beside_ones or len(operands) == 1
        else _plan(part, kind, _limits(part, kind, backend))
        for part in parts
    ]
    copied = [
        all(plan is not None for plan in plans)
        and sum(plan.read[k] for plan in plans if plan) <= _OFTEN * prod(layout.shape)
        for k, layout in enumerate(parts[0].layouts)
    ]
    results = []
    with backend.exact_products():
        boxes = [
            _ones(layout, kind, backend)
            if array is None
            else _box(layout, array, _narrower(array, kind) if own else kind, absolute, backend)
            for layout, array, own in zip(parts[0].layouts, operands, copied, strict=False)
        ]
        for part, plan in zip(parts, plans, strict=True):
            if plan is not None:
                result = plan.run(boxes, backend)
            elif len(boxes) == 2:
                result = _beside_ones(part, boxes, _limits(part, kind, backend))
            else:
                result = _sums(part, boxes[0], kind, backend)
            if len(boxes) == 2:
                require_sound(part, boxes, result, backend)
            results.append(merge_axes(result, part.axes, backend))
    return results


def _limits(split: Split, dtype: np.dtype[Any], backend: Backend) -> _Limits:
    buffer = _BUFFER if backend.on_cpu else _device_buffer(split, dtype)
    return _Limits(buffer, _FEW, _LONG, _NARROW, accumulates=backend is not HOST)


def _require_room(split: Split, operands: Sequence[Array | None], dtype: np.dtype[Any]) -> None:
    """Raise `InputError` if an operand with its padding takes unreasonably much memory."""
    boxes = [
        (prod(layout.shape), layout)
        for layout, array in zip(split.layouts, operands, strict=True)
        if array is not None
    ]
    own = prod(split.out_sizes) + sum(prod(layout.extents) for _, layout in boxes)
    least, times = _PADDED
    for entries, layout in boxes:
        if entries * dtype.itemsize > least and entries > times * own:
            raise InputError(
                f"{layout.name}: with its padding it has the shape {layout.shape}, "
                f"{entries * dtype.itemsize / 2**30:.1f} GiB in {dtype.name}, more than {times} "
                f"times what operands and result take; expected less padding or dilation"
            )


def _device_buffer(split: Split, dtype: np.dtype[Any]) -> int:
    """Return the largest block that is copied on a device: a fourth of operands and result."""
    entries = prod(split.out_sizes) + sum(prod(layout.shape) for layout in split.layouts)
    least, most = _DEVICE_BUFFERS
    return min(max(entries * dtype.itemsize // 4, least), most)


def _box(
    layout: Layout, array: Array, dtype: np.dtype[Any], absolute: bool, backend: Backend
) -> Array:
    """Return the box of a factor, in C order."""
    return backend.contiguous(layout.pad(array, dtype, absolute=absolute, backend=backend))


def _narrower(array: Array, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the array's dtype if it takes less memory than `dtype`, else `dtype`."""
    return dtype_of(array) if 1 < array.itemsize < dtype.itemsize else dtype


def _ones(layout: Layout, dtype: np.dtype[Any], backend: Backend) -> Array:
    """Return the box of a factor of ones; on the host it has size one along axes without
    padding.
    """
    if backend is HOST:
        return layout.indicator(dtype)
    return backend.from_host(layout.pad(np.ones(layout.extents, dtype)))


def _sums(split: Split, box: Array, dtype: np.dtype[Any], backend: Backend) -> Array:
    """Return the sums of one factor."""
    model = box if backend is HOST else np.empty(box.shape, dtype)
    viewed = [split.views(lattice, [model]) for lattice in split.lattices]
    sizes, covered = _result_sizes(split, viewed), _is_covered(split)
    result = backend.new(sizes, dtype, zero=not covered)
    for lattice, (like,) in zip(split.lattices, viewed, strict=True):
        outs = len(lattice.out)
        view = backend.part(box, _address(like) - _address(model), like.shape, like.strides)
        full = backend.functions.broadcast_to(view, like.shape[:outs] + lattice.red_sizes)
        total = backend.sum(full, range(outs, like.ndim))
        (backend.copy if lattice.first else backend.add)(_region(result, lattice), total)
    return result


def _address(array: FloatArray) -> int:
    """Return the address of an array's first entry."""
    return int(array.__array_interface__["data"][0])


def _beside_ones(split: Split, boxes: Sequence[FloatArray], limits: _Limits) -> FloatArray:
    """Return the sums of products with zeros and ones."""
    viewed = [split.views(lattice, boxes) for lattice in split.lattices]
    result = _new_result(split, viewed, boxes[0].dtype)
    buffers = _Buffers(result.dtype)
    for lattice, views in zip(split.lattices, viewed, strict=True):
        reductions = list(lattice.red_sizes)
        views = _presum(views, reductions)
        target = _region(result, lattice)
        _Product(views, reductions, target, lattice.first, limits, buffers, _call).run()
    return result


def _is_covered(split: Split) -> bool:
    """Return whether every entry of the result is in some lattice."""
    covered = sum(prod(lattice.out_sizes) for lattice in split.lattices if lattice.first)
    return covered == prod(split.out_sizes)


def _new_result(
    split: Split, viewed: Sequence[Sequence[FloatArray]], dtype: np.dtype[Any]
) -> FloatArray:
    """Return an array for the result over the loop dimensions, of zeros if lattices leave gaps."""
    return HOST.new(_result_sizes(split, viewed), dtype, zero=not _is_covered(split))


def _result_sizes(split: Split, viewed: Sequence[Sequence[FloatArray]]) -> list[int]:
    """Return the sizes of the output dimensions, one if neither lattices nor views depend on
    them.
    """
    return [
        1
        if viewed
        and all(
            lattice.out_sizes[k] == size and all(view.shape[k] == 1 for view in views)
            for lattice, views in zip(split.lattices, viewed, strict=True)
        )
        else size
        for k, size in enumerate(split.out_sizes)
    ]


def _region(result: FloatArray, lattice: Lattice) -> FloatArray:
    """Return the part of a result that a lattice contributes to."""
    parts: list[Any] = [
        part if size > 1 else slice(None)
        for part, size in zip(lattice.region, result.shape, strict=True)
    ]
    region: FloatArray = result[(*parts, ...)]
    return region


def _presum(views: Sequence[FloatArray], reductions: list[int]) -> list[FloatArray]:
    """Return the views summed over their own reductions, which get size one."""
    outs = views[0].ndim - len(reductions)
    summed = []
    for view, other in zip(views, views[::-1], strict=True):
        alone = [k for k in range(outs, view.ndim) if view.shape[k] > 1 and other.shape[k] == 1]
        summed.append(view.sum(axis=tuple(alone), keepdims=True) if alone else view)
        for k in alone:
            reductions[k - outs] = 1
    return summed


def _call(step: str, *arrays: FloatArray) -> None:
    getattr(HOST, step)(*arrays)


class _Limits(NamedTuple):
    """The module's constants that a plan depends on."""

    buffer: int
    few: int
    long: int
    narrow: int
    accumulates: bool = False


class _Buffers:
    """Buffers for the blocks of the two factors and of the result."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.held = [np.empty(0, dtype) for _ in range(3)]
        self.starts = [0, 0, 0]

    def array(self, which: int, shape: Sequence[int]) -> FloatArray:
        """Return an uninitialized array, which the next array of the same number overwrites."""
        size = prod(shape)
        if self.held[which].size < size:
            self.held[which] = np.empty(size, self.held[which].dtype)
            self.starts[which] = _address(self.held[which])
        return self.held[which][:size].reshape(shape)


class _Strided(NamedTuple):
    """An array as a part of another one: its number, an offset in bytes, shape and strides."""

    base: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The backend's methods that a product calls, with the parts of boxes, result and buffers that
    they take.

    Offsets and strides are for arrays of the plan's dtype. Boxes that are only copied may have a
    narrower dtype: `read` says how many of their entries are, infinite if one is multiplied as it
    is.
    """

    dtype: np.dtype[Any]
    sizes: tuple[int, ...]
    covered: bool
    buffers: tuple[int, ...]
    steps: tuple[tuple[str, tuple[_Strided, ...]], ...]
    read: tuple[float, ...]

    def run(self, boxes: Sequence[Array], backend: Backend) -> Array:
        """Return the result for boxes of the planned shapes, in C order."""
        result = backend.new(self.sizes, self.dtype, zero=not self.covered)
        buffers = (backend.new((size,), self.dtype) for size in self.buffers)
        arrays = [*boxes, result, *buffers]
        planned = self.dtype.itemsize
        for step, operands in self.steps:
            parts = []
            for base, offset, shape, strides in operands:
                array = arrays[base]
                if (own := array.itemsize) != planned:
                    offset = offset // planned * own
                    strides = tuple(stride // planned * own for stride in strides)
                parts.append(backend.part(array, offset, shape, strides))
            getattr(backend, step)(*parts)
        return result


@lru_cache(maxsize=1 << 10)
def _plan(split: Split, dtype: np.dtype[Any], limits: _Limits) -> _Plan:
    boxes = [np.empty(layout.shape, dtype) for layout in split.layouts]
    viewed = [split.views(lattice, boxes) for lattice in split.lattices]
    result = _new_result(split, viewed, dtype)
    buffers = _Buffers(dtype)
    steps: list[tuple[str, tuple[_Strided, ...]]] = []

    fixed = [(_address(base), base.nbytes) for base in (*boxes, result)]

    def strided(array: FloatArray) -> _Strided:
        address = _address(array)
        held = zip(buffers.starts, (base.nbytes for base in buffers.held), strict=True)
        for number, (start, size) in enumerate((*fixed, *held)):
            if 0 <= address - start < size:
                return _Strided(number, address - start, array.shape, array.strides)
        raise AssertionError

    def record(step: str, *arrays: FloatArray) -> None:
        steps.append((step, tuple(map(strided, arrays))))

    for lattice, views in zip(split.lattices, viewed, strict=True):
        target = _region(result, lattice)
        whole = _Product(views, lattice.red_sizes, target, lattice.first, limits, buffers, record)
        shifted = _Shifted.of(whole) if limits.accumulates else None
        if limits.accumulates and whole.is_elementwise:
            whole.run_elementwise()
        else:
            (shifted or whole).run()
    sizes = tuple(buffer.size for buffer in buffers.held)
    read = [0.0 for _ in boxes]
    for step, operands in steps:
        for base, _, shape, _ in operands:
            if base < len(boxes):
                read[base] += prod(shape) if step == "copy" else math.inf
    return _Plan(dtype, result.shape, _is_covered(split), sizes, tuple(steps), tuple(read))


class _Slide(NamedTuple):
    """A step along `dimension` moves a view as far as `steps` along `reduced`."""

    dimension: int
    reduced: int
    steps: int


class _Factor(NamedTuple):
    """How a factor is passed to BLAS.

    Of its own dimensions, `walked` ones are looped over, and `merged` ones are the rows of a
    matrix, whose columns are the reductions; `copied` says that blocks are copied. With a slide,
    the one walked dimension is not copied: its matrices are parts of one copy, in which the
    reduction is longer. `along` says that the reductions are contiguous.
    """

    view: FloatArray
    walked: list[int]
    merged: list[int]
    copied: bool
    along: bool
    slide: _Slide | None = None

    @property
    def own(self) -> list[int]:
        """The dimensions that are the factor's alone."""
        return self.walked + self.merged


class _Product:
    """The product of two views with the dimensions (outputs…, reductions…), into `target`."""

    def __init__(
        self,
        views: Sequence[FloatArray],
        reductions: Sequence[int],
        target: FloatArray,
        first: bool,
        limits: _Limits,
        buffers: _Buffers,
        call: _Caller,
    ) -> None:
        self.target, self.first = target, first
        self.limits, self.buffers, self.call = limits, buffers, call
        self.copies: dict[int, object] = {}
        self.limit = max(limits.buffer // target.itemsize, 1)
        outs = target.ndim
        a, b = (view.shape for view in views)
        self.sizes = [max(a[k], b[k]) for k in range(outs)] + list(reductions)
        self.batch = [k for k in range(outs) if a[k] > 1 and b[k] > 1]
        self.reduced = [k for k in range(outs, len(a)) if self.sizes[k] > 1]
        self.constant = [k for k in range(outs) if a[k] == b[k] == 1]
        self.factors = [
            self._factor(view, [k for k in range(outs) if view.shape[k] > 1 and other[k] == 1])
            for view, other in zip(views, (b, a), strict=True)
        ]
        smaller = int(self._rows(0) > self._rows(1))
        if target.itemsize == 4 and all(factor.along for factor in self.factors):
            factor = self.factors[smaller]
            if not (factor.copied or factor.walked) and self._rows(smaller) >= limits.narrow:
                self.factors[smaller] = factor._replace(copied=True, along=False)

    def _rows(self, number: int) -> int:
        return prod(self.sizes[k] for k in self.factors[number].merged)

    def _factor(self, view: FloatArray, own: list[int]) -> _Factor:
        columns = _merged(view, self.reduced, self.sizes)
        if columns is not None:
            for start in range(len(own) + 1):
                rows = _merged(view, own[start:], self.sizes)
                if rows is not None and _matrix_strides(rows, columns, view.itemsize):
                    if start == 0 or rows[0] >= self.limits.narrow:
                        along = columns[1] == view.itemsize
                        return _Factor(view, own[:start], own[start:], copied=False, along=along)
                    break
        slide = self._slide(view, own)
        walked = [slide.dimension] if slide else []
        moving = [k for k in (*own, *self.reduced) if view.shape[k] > 1]
        nearest = min(moving, key=lambda k: (abs(view.strides[k]), -self.sizes[k]), default=None)
        along = slide is not None or nearest not in own
        return _Factor(view, walked, [k for k in own if k not in walked], True, along, slide)

    def _slide(self, view: FloatArray, own: Sequence[int]) -> _Slide | None:
        """Return the slide that saves most of the copy, with long enough matrices; None for
        none.
        """
        best, least = None, 1.0
        for i, reduced in enumerate(self.reduced):
            inner = prod(self.sizes[k] for k in self.reduced[i:])
            if view.strides[reduced] <= 0 or inner < self.limits.long:
                continue
            for k in own:
                steps, rest = divmod(view.strides[k], view.strides[reduced])
                if rest or steps <= 0:
                    continue
                size = self.sizes[reduced]
                copied = (size + steps * (self.sizes[k] - 1)) / (size * self.sizes[k])
                if copied < least:
                    best, least = _Slide(k, reduced, steps), copied
        return best

    def run(self) -> None:
        """Compute the product, block by block."""
        left, right = self.factors
        block = self._block_sizes()
        for batch in self.parts(self.batch, block):
            for reduction in self.parts(self.reduced, block):
                whole = {**batch, **reduction}
                first = self.first and all(part.start == 0 for part in reduction.values())
                for rows in self.parts(left.own, block):
                    a = self._matrix(0, {**whole, **rows})
                    for columns in self.parts(right.own, block):
                        b = self._matrix(1, {**whole, **columns})
                        self._multiply(a, b, {**batch, **rows, **columns}, first)

    @property
    def is_elementwise(self) -> bool:
        """Whether there are few terms, and no matrices: a factor has no dimensions of its own."""
        few = prod(self.sizes[k] for k in self.reduced) <= _FEW
        return few and bool(self.batch) and not all(factor.own for factor in self.factors)

    def run_elementwise(self) -> None:
        """Compute the product term by term, for a block of entries at a time."""
        dims = [k for k in range(self.target.ndim) if self.target.shape[k] > 1]
        block = list(self.sizes)
        for k in dims:
            if (total := prod(block[j] for j in dims)) > self.limit:
                block[k] = max(block[k] * self.limit // total, 1)
        outs = self.target.ndim
        inner: tuple[Any, ...] = (..., *(0 for _ in self.factors[0].view.shape[outs:]))
        for part in self.parts(dims, block):
            step = "product" if self.first else "add_product"
            for index in np.ndindex(*(self.sizes[k] for k in self.reduced)):
                at = {k: slice(i, i + 1) for k, i in zip(self.reduced, index, strict=True)}
                a, b = (_cut(factor.view, {**part, **at})[inner] for factor in self.factors)
                self.call(step, a, b, _cut(self.target, part))
                step = "add_product"

    def _block_sizes(self) -> list[int]:
        """Return the sizes of blocks whose copies are within the buffers' limit."""
        block = list(self.sizes)
        for factor in self.factors:
            if factor.slide:
                before = self.reduced[: self.reduced.index(factor.slide.reduced)]
                block = [1 if k in before else size for k, size in enumerate(block)]

        def count(dims: Sequence[int]) -> int:
            return prod(block[k] for k in dims)

        while True:
            factors = [factor for factor in self.factors if factor.copied]
            totals = [
                count(self.batch + factor.merged) * prod(self._copied(factor, block))
                for factor in factors
            ]
            total = max(totals, default=0)
            if total <= self.limit:
                return block
            factor = factors[totals.index(total)]
            rows = count(factor.merged)
            least = 1
            if count(self.batch) > 1:
                dims = self.batch
            elif rows > self.limits.few or count(self.reduced) == 1:
                dims = factor.merged if rows > 1 else factor.walked
                outermost = next(block[k] for k in dims if block[k] > 1)
                least = -(-self.limits.few * outermost // rows)
            else:
                dims = self.reduced
            k = next(k for k in dims if block[k] > 1)
            fitting = max(block[k] * self.limit // total, least)
            parts = -(-self.sizes[k] // fitting)
            block[k] = min(-(-self.sizes[k] // parts), block[k] - 1)

    def _copied(self, factor: _Factor, sizes: Sequence[int]) -> list[int]:
        """Return the sizes of the reductions in a copy of a block of these sizes."""
        copied = [sizes[k] for k in self.reduced]
        if factor.slide:
            dimension, reduced, steps = factor.slide
            copied[self.reduced.index(reduced)] += steps * (sizes[dimension] - 1)
        return copied

    def parts(self, dims: Sequence[int], block: Sequence[int]) -> Iterator[_Part]:
        """Yield the slices of dimensions that divide them into blocks."""
        for starts in product(*(range(0, self.sizes[k], block[k]) for k in dims)):
            yield {
                k: slice(start, min(start + block[k], self.sizes[k]))
                for k, start in zip(dims, starts, strict=True)
            }

    def _matrix(self, number: int, part: _Part) -> FloatArray:
        """Return a block of a factor: the batch, the walked dimensions of both, rows,
        reductions.
        """
        factor = self.factors[number]
        view = _cut(factor.view, part)
        sizes = [part[k].stop - part[k].start if k in part else 1 for k in range(view.ndim)]
        outer = self.batch + self.factors[0].walked + self.factors[1].walked
        loops = [view.shape[k] for k in outer]
        if factor.copied:
            return self._copy(number, view, sizes, loops)
        rows, columns = _merged(view, factor.merged, sizes), _merged(view, self.reduced, sizes)
        assert rows is not None
        assert columns is not None
        strides = _matrix_strides(rows, columns, view.itemsize)
        assert strides is not None
        return as_strided(
            view, (*loops, rows[0], columns[0]), [*(view.strides[k] for k in outer), *strides]
        )

    def _copy(
        self, number: int, view: FloatArray, sizes: Sequence[int], loops: Sequence[int]
    ) -> FloatArray:
        """Return a block copied into a buffer, unless it is there: the reductions last, or before
        the rows.
        """
        factor = self.factors[number]
        merged = factor.merged
        reduced = self._copied(factor, sizes)
        rows, columns = prod(sizes[k] for k in merged), prod(sizes[k] for k in self.reduced)
        if factor.slide:
            shape = list(view.shape)
            shape[factor.slide.dimension] = 1
            shape[factor.slide.reduced] = reduced[self.reduced.index(factor.slide.reduced)]
            view = as_strided(view, shape, view.strides)
        across = not factor.along
        extents = [sizes[k] for k in merged], reduced
        order = (
            [*self.batch, *self.reduced, *merged]
            if across
            else [*self.batch, *merged, *self.reduced]
        )
        flat = view.transpose([k for k in range(view.ndim) if k not in order] + order)
        flat = flat[(0,) * (view.ndim - len(order))]
        batch = flat.shape[: len(self.batch)]
        copy = self.buffers.array(number, [*batch, *extents[across], *extents[not across]])
        held = (_address(flat), flat.shape, flat.strides, copy.shape)
        if self.copies.get(number) != held:
            self.copies[number] = held
            self.call("copy", copy, flat)
        if factor.slide is None:
            matrix = copy.reshape(*loops, *((columns, rows) if across else (rows, columns)))
            return matrix.swapaxes(-1, -2) if across else matrix
        whole = copy.reshape(*batch, rows, -1)
        step = factor.slide.steps * columns // sizes[factor.slide.reduced] * copy.itemsize
        walked = [step if size > 1 else 0 for size in loops[len(batch) :]]
        strides = (*whole.strides[:-2], *walked, *whole.strides[-2:])
        return as_strided(whole, (*loops, rows, columns), strides)

    def _multiply(self, a: FloatArray, b: FloatArray, part: _Part, first: bool) -> None:
        left, right = self.factors
        outer = self.batch + left.walked + right.walked
        ends = [left.merged, right.merged]
        target = _cut(self.target, part)
        larger = int(b.shape[-2] > a.shape[-2])
        last = larger ^ ((a, b)[larger].strides[-1] == a.itemsize)
        if last == 0:
            a, b, ends = b, a, ends[::-1]
        b = b.swapaxes(-1, -2)
        if first and (out := self._out(target, outer, ends)) is not None:
            self.call("multiply", a, b, out)
            return
        moving = [*outer, *ends[0], *ends[1]]
        loops = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        values = self.buffers.array(2, [*loops, a.shape[-2], b.shape[-1]])
        self.call("multiply", a, b, values)
        values = values.reshape([target.shape[k] for k in moving] + [1] * len(self.constant))
        step = "copy" if first else "add"
        self.call(step, target.transpose(moving + self.constant), values)

    def _out(
        self, target: FloatArray, outer: Sequence[int], ends: Sequence[Sequence[int]]
    ) -> FloatArray | None:
        """Return the target as matrices with contiguous rows, if it has these; else None."""
        if any(target.shape[k] > 1 for k in self.constant):
            return None
        rows, columns = (_merged(target, end, target.shape) for end in ends)
        strides = rows and columns and _matrix_strides(rows, columns, target.itemsize)
        if not (rows and columns and strides and strides[1] == target.itemsize):
            return None
        return as_strided(
            target,
            (*(target.shape[k] for k in outer), rows[0], columns[0]),
            (*(target.strides[k] for k in outer), *strides),
        )


@dataclass(frozen=True, slots=True)
class _Shifted:
    """A product whose one factor is an image that windows slide over, without copies of patches.

    If the entries between the image's rows are read, too, its dimensions `rows` and `columns` form
    one dimension with a step of one entry, and windows are shifts of it: for each index of the
    reductions `shifts`, a matrix over the other reduction, `reduced`, is multiplied by the shifted
    image and added to the results, which have as many unused entries between their rows.
    """

    whole: _Product
    image: int
    rows: int
    columns: int
    reduced: int
    shifts: list[int]

    @classmethod
    def of(cls, whole: _Product) -> _Shifted | None:
        """Return the product in this form; None without such a factor, or if it would waste too
        much.
        """
        sizes = whole.sizes
        for number, factor in enumerate(whole.factors):
            view, own = factor.view, factor.own
            if not factor.copied or len(own) < 2 or len(whole.reduced) < 2:
                continue
            rows, columns = sorted(own, key=lambda k: -view.strides[k])[-2:]
            pitch, width = view.strides[rows], sizes[columns] * view.itemsize
            reduced, *shifts = whole.reduced
            if (
                view.strides[columns] == view.itemsize
                and width <= pitch <= _WASTE * width
                and pitch % view.itemsize == 0
                and view.strides[reduced] >= sizes[rows] * pitch
                and sizes[reduced] >= whole.limits.narrow
                and prod(sizes[k] for k in shifts) <= _SHIFTS
            ):
                return cls(whole, number, rows, columns, reduced, shifts)
        return None

    def run(self) -> None:
        """Compute the product, one block of images at a time."""
        whole = self.whole
        image, matrix = whole.factors[self.image], whole.factors[1 - self.image]
        sizes, outer = whole.sizes, [k for k in image.own if k not in (self.rows, self.columns)]
        loops = [*whole.batch, *outer]
        pitch = image.view.strides[self.rows] // image.view.itemsize
        weights = self._weights(matrix)
        block = list(sizes)
        room = whole.limit // (prod(sizes[k] for k in matrix.own) * sizes[self.rows] * pitch)
        for k in loops:
            block[k] = max(min(room, sizes[k]), 1) if k == loops[-1] else 1
        length = (sizes[self.rows] - 1) * pitch + sizes[self.columns]
        order = [*loops, *matrix.own, self.rows, self.columns, *whole.constant]
        for part in whole.parts(loops, block):
            lengths = [part[k].stop - part[k].start for k in loops]
            own = [sizes[k] for k in matrix.own]
            held = whole.buffers.array(2, [*lengths, *own, sizes[self.rows], pitch])
            out = held.reshape(*lengths, prod(own), -1)[..., :length]
            step = "multiply"
            for index in np.ndindex(*(sizes[k] for k in self.shifts)):
                at = {k: slice(i, i + 1) for k, i in zip(self.shifts, index, strict=True)}
                view = _cut(image.view, {**part, **at})
                strides = [view.strides[k] for k in (*loops, self.reduced, self.columns)]
                shifted = as_strided(view, (*lengths, sizes[self.reduced], length), strides)
                rows = weights[(*index, *(part[k] for k in whole.batch))]
                rows = np.expand_dims(rows, [*range(len(whole.batch), len(loops))])
                whole.call(step, rows, shifted, out)
                step = "accumulate"
            target = _cut(whole.target, part).transpose(order)
            values = held[..., : sizes[self.columns]]
            values = np.expand_dims(values, [*range(values.ndim, target.ndim)])
            whole.call("copy" if whole.first else "add", target, values)

    def _weights(self, matrix: _Factor) -> FloatArray:
        """Return the other factor, copied: a matrix for each shift and each index of the batch."""
        whole = self.whole
        order = [*self.shifts, *whole.batch, *matrix.own, self.reduced]
        view = matrix.view.transpose([k for k in range(matrix.view.ndim) if k not in order] + order)
        view = view[(0,) * (view.ndim - len(order))]
        copy = whole.buffers.array(0, view.shape)
        whole.call("copy", copy, view)
        outer = view.shape[: len(self.shifts) + len(whole.batch)]
        return copy.reshape(*outer, -1, view.shape[-1])


def _cut(view: FloatArray, part: _Part) -> FloatArray:
    """Return the part of a view, whole along its dimensions of size one."""
    return view[
        tuple(
            part[k] if k in part and size > 1 else slice(None) for k, size in enumerate(view.shape)
        )
    ]


def _merged(
    view: FloatArray, dims: Sequence[int], sizes: Mapping[int, int] | Sequence[int]
) -> tuple[int, int] | None:
    """Return the size and the stride of the one dimension that these form; None if they do not."""
    total, stride = 1, 0
    for k in reversed(dims):
        if sizes[k] == 1:
            continue
        step = view.strides[k]
        if view.shape[k] == 1 or (total > 1 and step != total * stride):
            return None
        if total == 1:
            stride = step
        total *= sizes[k]
    return total, stride


def _matrix_strides(
    rows: tuple[int, int], columns: tuple[int, int], itemsize: int
) -> tuple[int, int] | None:
    """Return the strides of a matrix that BLAS can read as it is; None if there are none."""
    (n, down), (m, right) = rows, columns
    if m == 1:
        right = itemsize if n == 1 or down != itemsize else n * itemsize
    if n == 1:
        down = m * itemsize if right == itemsize else itemsize
    for near, far, least in ((right, down, m), (down, right, n)):
        if near == itemsize and far >= least * itemsize and far % itemsize == 0:
            return down, right
    return None
