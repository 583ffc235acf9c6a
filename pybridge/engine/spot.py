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

from pybridge.engine.dense import Form, Layout, Split
from pybridge.problem.formats import FloatArray

__all__ = ["require_ieee_threads", "require_sound", "thread_fault"]

_MOST = 8
"""The most entries of a product that are checked."""
_ENTRY, _TERM = 1 << 25, 1 << 13
"""Terms that BLAS adds up in some fifty times the time that checking an entry, or a term of it,
takes."""
_LOOKED_AT = 1024
"""Entries of which the largest and the smallest are checked."""
_AGAIN = 1 << 33
"""Terms after which threads are checked again."""
_SHORT = 4096
"""Up to as many float64 terms are added up without rounding."""
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
    """For each dtype, the process in which this thread's BLAS was checked, and the terms since."""

    last: dict[np.dtype[Any], tuple[int, int]] = field(default_factory=dict)


_checked = _Checked()


def require_sound(pieces: Split, boxes: Sequence[FloatArray], result: FloatArray) -> None:
    """Raise `FloatingPointError` if BLAS did not compute a contraction as the bounds assume.

    `boxes` are the padded operands and `result` what BLAS made of them, over the output loop
    dimensions, of size one where nothing depends on one. A few entries are checked, others with
    each call, so that a fault in many entries is found soon, and one in few entries perhaps never.
    """
    terms = prod(pieces.red_sizes)
    if not (result.size and terms and pieces.pieces):
        return
    require_ieee_threads(result.dtype, result.size * terms)
    with np.errstate(all="ignore"):
        for place in _sample(result, terms):
            index = tuple(int(i) for i in np.unravel_index(place, result.shape))
            products = _products(pieces, boxes, index, result.shape)
            found = float(result[index])
            if not math.isfinite(found) and _may_overflow(boxes, terms, result.dtype):
                continue  # Infinite numbers and sums times the zeros of the padding are nan.
            if not _is_near(found, products, result.dtype):
                raise FloatingPointError(
                    f"a matrix product in {result.dtype.name} errs by more than rounding can: "
                    f"BLAS computed {found!r} at {list(index)}, expected about "
                    f"{float(products.sum())!r}; {_REMEDY}"
                )


def _may_overflow(boxes: Sequence[FloatArray], terms: int, dtype: np.dtype[Any]) -> bool:
    """Whether a sum of so many products, or of entries of one operand, may overflow."""
    largest = [max(float(np.abs(box).max(initial=0.0)), 1.0) for box in boxes]
    return not prod(largest) * terms < float(np.finfo(dtype).max) / 4


def require_ieee_threads(dtype: np.dtype[Any], terms: int = _AGAIN) -> None:
    """Raise `FloatingPointError` if a BLAS thread flushes subnormals or does not round to nearest.

    Threads keep the mode of the thread that started them: this is checked once in each process and
    thread, and again after 2³³ terms. `terms` says how many are added up now.
    """
    process, before = _checked.last.get(dtype, (0, _AGAIN))
    if process == os.getpid() and before + terms < _AGAIN:
        _checked.last[dtype] = (process, before + terms)
        return
    fault = thread_fault(dtype)
    if fault:
        raise FloatingPointError(f"a BLAS thread {fault} in {dtype.name}; {_REMEDY}")
    _checked.last[dtype] = (os.getpid(), 0)


def thread_fault(dtype: np.dtype[Any]) -> str | None:
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
        for place, (row, column) in ((2 * k, first), (2 * k + 1, second)):
            rows[:, place] = row
            columns[place, k::period] = column
    with np.errstate(all="ignore"):
        product = np.matmul(rows, columns)
    for k, (_, _, expected, fault) in enumerate(kinds):
        kept = product[:, k::period]
        if not np.array_equal(kept.view(f"u{dtype.itemsize}"), _bits(kept.shape, expected, dtype)):
            return fault
    return None


def _bits(shape: tuple[int, ...], value: float, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Unsigned integers, since comparisons may take subnormal numbers for zero."""
    return np.full(shape, value, dtype).view(f"u{dtype.itemsize}")


def _sample(result: FloatArray, terms: int) -> Iterator[int]:
    """The flat indices of the entries to check.

    They are a few that differ with each call and, of a larger sample, the smallest entry that is
    not zero, which shows errors that are small beside others, and the largest.
    """
    size = result.size
    count = min(_MOST, max(2, size * terms // (_ENTRY + _TERM * terms)))
    call = next(_calls)
    step = -(-size // _LOOKED_AT)
    first = int(call * _GOLDEN % 1 * step)
    magnitudes = np.abs(result.reshape(-1)[first::step])
    if count > 3:
        count -= 1
        yield first + step * int(magnitudes.argmax())
    magnitudes[magnitudes == 0] = np.inf
    yield first + step * int(magnitudes.argmin())
    count = min(count - 1, size)
    for k in range(count):
        yield int((k + (_MOST * call + k) * _GOLDEN % 1) * size / count)


def _products(
    pieces: Split, boxes: Sequence[FloatArray], index: Sequence[int], shape: Sequence[int]
) -> npt.NDArray[np.float64]:
    """The products of an entry's terms, in float64."""
    found = []
    for piece in pieces.pieces:
        local = []
        for i, size, (start, step, length) in zip(index, shape, piece.out, strict=True):
            at, rest = divmod(i - start, step) if size > 1 else (0, 0)
            if rest or not 0 <= at < length:
                break
            local.append(at)
        else:
            factors = (
                _read(box, layout, forms, local, piece.red_sizes)
                for box, layout, forms in zip(boxes, pieces.layouts, piece.forms, strict=True)
            )
            found.append(np.multiply(*factors, dtype=np.float64).reshape(-1))
    return np.concatenate(found) if found else np.zeros(1)


def _read(
    box: FloatArray,
    layout: Layout,
    forms: Sequence[Form],
    local: Sequence[int],
    reductions: Sequence[int],
) -> FloatArray:
    """The view of the entries that an output index reads, over the reductions."""
    start, strides = 0, [0] * len(reductions)
    for stride, extent, low, form in zip(box.strides, box.shape, layout.low, forms, strict=True):
        if extent > 1:
            own, reduced = form.coefficients[: len(local)], form.coefficients[len(local) :]
            start += stride * (form.offset - low + sum(map(operator.mul, own, local)))
            for k, coefficient in enumerate(reduced):
                strides[k] += coefficient * stride
    return np.ndarray(reductions, box.dtype, box.data, start, strides)


def _is_near(found: float, products: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> bool:
    """Whether a computed sum of products is as near to the exact one as rounding allows.

    Beside the error that is allowed, there is that of the comparison: products of float32 numbers
    are exact in float64 and their sum errs by 2⁻⁵³ a term; products of float64 numbers err by as
    much, and of long sums each chunk.
    """
    info = np.finfo(dtype)
    size = float(np.abs(products).sum())
    if not size < float(info.max) / 4:
        return True
    roundings = int(np.count_nonzero(products))
    if dtype.itemsize == 4:
        exact, own = float(products.sum()), roundings
    elif products.size <= _SHORT:
        exact, own = math.fsum(products.tolist()), 1
    else:
        chunks = np.add.reduceat(products, range(0, products.size, _CHUNK))
        exact, own = math.fsum(chunks.tolist()), _CHUNK + 1
    unit, least = float(info.eps) / 2, float(info.smallest_subnormal)
    allowed = (roundings * unit + own * 2.0**-53) * size * _INFLATION + 2 * products.size * least
    return abs(found - exact) <= allowed
