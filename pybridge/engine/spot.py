"""Spot checks that BLAS computes as the proved bounds of its sums assume.

The bounds assume that every product and sum is rounded to nearest in the result's format, in any
order, fused or not. Some libraries do otherwise: threads that flush subnormal numbers to zero,
Strassen's algorithm, operands with fewer bits (TF32), float64 that is emulated. Two checks notice:

* A small product whose results show the arithmetic of every thread (`require_ieee_threads`). It is
  computed at first and then after so many terms that it costs little.
* A few entries of every product, computed again without BLAS (`require_sound`). They are compared
  with the bound of sums in any order, n·u·Σ|x·y| + n·η (Lean: `Computes.near_nearest`).
"""

from __future__ import annotations

import itertools
import math
import operator
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.engine.backend import HOST, Array, Backend
from pybridge.engine.dense import Form, Layout, Split

__all__ = ["require_ieee_threads", "require_sound", "thread_fault"]

_MOST = 8
"""The most entries of a product that are checked."""
_ENTRY, _TERM = 1 << 25, 1 << 13
"""BLAS adds up so many terms in about fifty times the time of checking an entry, or one of its
terms.
"""
_LOOKED_AT = 1024
"""The largest and the smallest of about so many entries are checked."""
_AGAIN = 1 << 33
"""After so many terms, threads are checked again."""
_SHORT = 4096
"""Up to so many float64 terms are added up without rounding."""
_CHUNK = 16
_INFLATION = 1 + 2.0**-20
"""Covers the rounding of the bound's own evaluation."""
_GOLDEN = (math.sqrt(5) - 1) / 2

_REMEDY = (
    "import numpy before libraries that change the processor's mode, use one BLAS thread, or turn "
    "off TF32, emulation and fast algorithms in BLAS"
)

_calls = itertools.count()


@dataclass
class _Checked(threading.local):
    """For each backend and dtype, the process in which this thread's BLAS was checked, and the
    terms since.
    """

    last: dict[tuple[Backend, np.dtype[Any]], tuple[int, int]] = field(default_factory=dict)


_checked = _Checked()


def require_sound(
    split: Split, boxes: Sequence[Array], result: Array, backend: Backend = HOST
) -> None:
    """Raise `FloatingPointError` if BLAS did not compute a contraction as the bounds assume.

    `boxes` are the padded operands and `result` is BLAS's result, over the output loop dimensions,
    of size one if nothing depends on them. Each call checks a few entries, always others: a fault
    in many entries is noticed soon, a fault in few entries perhaps never.
    """
    terms = prod(split.red_sizes)
    shape = tuple(result.shape)
    size = prod(shape)
    if not (size and terms and split.lattices):
        return
    dtype = np.dtype(np.float32 if result.itemsize == 4 else np.float64)
    require_ieee_threads(dtype, size * terms, backend)
    if backend.on_cpu:  # NumPy takes less time for few numbers.
        boxes, result = [backend.to_host(box) for box in boxes], backend.to_host(result)
        backend = HOST
    with np.errstate(all="ignore"):
        for flat in _sample(result, terms, backend):
            index = tuple(int(i) for i in np.unravel_index(flat, shape))
            entry = _Entry.of(_products(split, boxes, index, shape, backend), dtype, backend)
            computed = float(result[index])
            if not math.isfinite(computed) and _may_overflow(boxes, terms, dtype, backend):
                continue  # Infinite numbers and sums times the zeros of the padding are nan.
            if not entry.is_near(computed, dtype):
                raise FloatingPointError(
                    f"a matrix product in {dtype.name} errs by more than rounding can: "
                    f"BLAS computed {computed!r} at {list(index)}, expected about "
                    f"{entry.exact!r}; {_REMEDY}"
                )


def _may_overflow(
    boxes: Sequence[Array], terms: int, dtype: np.dtype[Any], backend: Backend
) -> bool:
    """Return whether a sum of so many products, or of entries of one operand, may overflow."""
    largest = [max(float(backend.functions.abs(box).max()), 1.0) for box in boxes]
    return not prod(largest) * terms < float(np.finfo(dtype).max) / 4


def require_ieee_threads(
    dtype: np.dtype[Any], terms: int = _AGAIN, backend: Backend = HOST
) -> None:
    """Raise `FloatingPointError` if a BLAS thread flushes subnormals or does not round to nearest.

    Threads keep the mode of the thread that started them, so each process and thread is checked
    once, and again after 2³³ terms. `terms` is the number of terms that are about to be added up.
    """
    process, before = _checked.last.get((backend, dtype), (0, _AGAIN))
    if process == os.getpid() and before + terms < _AGAIN:
        _checked.last[backend, dtype] = (process, before + terms)
        return
    fault = thread_fault(dtype) if backend is HOST else thread_fault(dtype, backend)
    if fault:
        raise FloatingPointError(f"a BLAS thread {fault} in {dtype.name}; {_REMEDY}")
    _checked.last[backend, dtype] = (os.getpid(), 0)


def thread_fault(dtype: np.dtype[Any], backend: Backend = HOST) -> str | None:
    """Compute a product that is large enough for all BLAS threads and say what is wrong with it.

    None if every result is the one that rounding to nearest gives, subnormal numbers included.
    """
    size, period = 512, 32
    info = np.finfo(dtype)
    tiny, unit = float(info.tiny), float(info.eps)
    kinds = (
        ((tiny, 0.5), (0.0, 0.0), tiny / 2, "flushes subnormal numbers to zero"),
        ((tiny / 4, 4.0), (0.0, 0.0), tiny, "flushes subnormal numbers to zero"),
        ((1.0, 1.0), (unit, 0.25), 1.0, "does not round to nearest"),
        ((1.0, 1.0), (unit, 0.75), 1 + unit, "does not round to nearest"),
    )
    rows = np.zeros((size, max(8, min(64, os.cpu_count() or 1))), dtype)
    columns = np.zeros((rows.shape[1], size), dtype)
    for k, (first, second, _, _) in enumerate(kinds):
        for at, (row, column) in ((2 * k, first), (2 * k + 1, second)):
            rows[:, at] = row
            columns[at, k::period] = column
    product = backend.new((size, size), dtype)
    with backend.exact_products():
        backend.multiply(backend.from_host(rows), backend.from_host(columns), product)
    bits = backend.bits(product)
    for k, (_, _, expected, fault) in enumerate(kinds):
        kept = bits[:, k::period]
        if not np.array_equal(kept, _bits(kept.shape, expected, dtype)):
            return fault
    return None


def _bits(shape: tuple[int, ...], value: float, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a value's bits, since comparisons of floats may take subnormal numbers for zero."""
    return np.full(shape, value, dtype).view(f"u{dtype.itemsize}")


def _sample(result: Array, terms: int, backend: Backend = HOST) -> Iterator[int]:
    """Yield the flat indices of the entries to check.

    These are a few that differ with each call and, from a larger sample, the largest entry and the
    smallest one that is not zero, which shows errors that are small beside the others.
    """
    size = prod(result.shape)
    count = min(_MOST, max(2, size * terms // (_ENTRY + _TERM * terms)))
    call = next(_calls)
    step = -(-size // _LOOKED_AT)
    first = int(call * _GOLDEN % 1 * step)
    magnitudes = np.abs(backend.to_host(result.reshape(-1)[first::step]))
    if count > 3:
        count -= 1
        yield first + step * int(magnitudes.argmax())
    magnitudes[magnitudes == 0] = np.inf
    yield first + step * int(magnitudes.argmin())
    count = min(count - 1, size)
    for k in range(count):
        yield int((k + (_MOST * call + k) * _GOLDEN % 1) * size / count)


def _products(
    split: Split,
    boxes: Sequence[Array],
    index: Sequence[int],
    shape: Sequence[int],
    backend: Backend,
) -> list[Array]:
    """Return the products of an entry's terms, in float64."""
    products = []
    for lattice in split.lattices:
        local = []
        for i, size, (start, step, length) in zip(index, shape, lattice.out, strict=True):
            at, rest = divmod(i - start, step) if size > 1 else (0, 0)
            if rest or not 0 <= at < length:
                break
            local.append(at)
        else:
            first, second = (
                _read(box, layout, forms, local, lattice.red_sizes, backend)
                for box, layout, forms in zip(boxes, split.layouts, lattice.forms, strict=True)
            )
            wide = backend.cast(first, np.float64) * backend.cast(second, np.float64)
            products.append(wide.reshape(-1))
    return products


def _read(
    box: Array,
    layout: Layout,
    forms: Sequence[Form],
    local: Sequence[int],
    reductions: Sequence[int],
    backend: Backend,
) -> Array:
    """Return the view of the entries that an output index reads, over the reductions."""
    start, strides = 0, [0] * len(reductions)
    stride = box.itemsize * prod(box.shape)
    for extent, low, form in zip(box.shape, layout.low, forms, strict=True):
        stride //= extent
        if extent > 1:
            own, reduced = form.coefficients[: len(local)], form.coefficients[len(local) :]
            start += stride * (form.offset - low + sum(map(operator.mul, own, local)))
            for k, coefficient in enumerate(reduced):
                strides[k] += coefficient * stride
    return backend.part(box, start, reductions, strides)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry computed without BLAS: the sum of its products, in float64 or exactly, and of their
    magnitudes (`size`); the number of `products`; the number of products other than zero
    (`roundings`); and the error of the sum in units of 2⁻⁵³ times the magnitudes (`own`).
    """

    exact: float
    size: float
    products: int
    roundings: int
    own: int

    @classmethod
    def of(cls, parts: Sequence[Array], dtype: np.dtype[Any], backend: Backend) -> _Entry:
        """Return the entry of the products, in float64, of operands in a dtype.

        Products of float32 numbers are exact in float64, and their sum errs by a unit per term.
        Products of float64 numbers err by a unit themselves, and in long sums each chunk does.
        """
        count = sum(prod(part.shape) for part in parts)
        functions = backend.functions
        size = sum(float(functions.abs(part).sum()) for part in parts)
        roundings = sum(int(functions.count_nonzero(part)) for part in parts)
        if not size < float(np.finfo(dtype).max) / 4:
            exact, own = math.nan, 0
        elif dtype.itemsize == 4:
            exact, own = sum(float(part.sum()) for part in parts), roundings
        else:
            products = np.concatenate([np.zeros(1), *map(backend.to_host, parts)])[1:]
            if count <= _SHORT:
                exact, own = math.fsum(products.tolist()), 1
            else:
                chunks = np.add.reduceat(products, range(0, products.size, _CHUNK))
                exact, own = math.fsum(chunks.tolist()), _CHUNK + 1
        return cls(exact, size, max(count, 1), roundings, own)

    def is_near(self, computed: float, dtype: np.dtype[Any]) -> bool:
        """Return whether a computed sum of products is as near to the exact one as rounding
        allows.
        """
        info = np.finfo(dtype)
        if not self.size < float(info.max) / 4:
            return True
        unit, least = float(info.eps) / 2, float(info.smallest_subnormal)
        relative = (self.roundings * unit + self.own * 2.0**-53) * self.size * _INFLATION
        return abs(computed - self.exact) <= relative + 2 * self.products * least
