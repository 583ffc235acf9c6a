"""Array computations: by NumPy on the host, by PyTorch wherever its tensors are.

A contraction is planned once (`pybridge.engine.blas`): which parts of which arrays are copied,
multiplied as matrices, and added. A `Backend` carries that out. Elementwise passes use the
functions that NumPy and PyTorch have under the same names (`Backend.functions`).

What the bounds assume of this arithmetic, and how it is ensured:

* A product of matrices is, at every entry, the sum of the products of its terms in some order, each
  product and sum rounded to nearest in float32 or float64, fused or not (Lean:
  `Computes.near_nearest`). No routine for convolutions is called: these may choose Winograd's
  algorithm or a Fourier transform. Within `Backend.exact_products`, PyTorch multiplies float32
  matrices in float32: TF32 and bfloat16, which its settings may allow, are switched off, and so is
  autocast. What the environment asks of cuBLAS or oneDNN behind its back is refused
  (`require_no_emulation`).
* No operation flushes subnormal numbers to zero.

Both are tested on every backend by `pybridge.engine.spot`, which recomputes some entries of each
product without matrices.

PyTorch is never imported here: a tensor implies that it is.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import product
from typing import Any, Protocol, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from pybridge.errors import InputError

__all__ = [
    "HOST",
    "Array",
    "Backend",
    "NumPy",
    "PyTorch",
    "backend_of",
    "dtype_of",
    "require_no_emulation",
]

Array: TypeAlias = Any
"""A NumPy array or a PyTorch tensor."""

_REFUSED: Mapping[str, tuple[str, ...]] = {
    "CUBLAS_EMULATE_DOUBLE_PRECISION": ("", "0"),
    "CUBLAS_EMULATE_SINGLE_PRECISION": ("", "0"),
    "CUBLAS_EMULATION_STRATEGY": ("", "0", "default"),
    "NVIDIA_TF32_OVERRIDE": ("", "0"),
    "ONEDNN_DEFAULT_FPMATH_MODE": ("", "STRICT"),
    "DNNL_DEFAULT_FPMATH_MODE": ("", "STRICT"),
}
"""Environment variables that make libraries multiply in other formats than asked, and their
harmless values.
"""


class Backend(Protocol):
    """What carries out a plan."""

    @property
    def functions(self) -> Any:
        """The module of the elementwise functions (`abs`, `where`, `isfinite`)."""

    @property
    def on_cpu(self) -> bool:
        """Whether the processor computes."""

    def contiguous(self, array: Array) -> Array:
        """Return the array in C order, itself if it is."""

    def new(self, shape: Sequence[int], dtype: npt.DTypeLike, *, zero: bool = False) -> Array:
        """Return a new C-contiguous array, of zeros or uninitialized."""

    def cast(self, array: Array, dtype: npt.DTypeLike) -> Array:
        """Return the array in a dtype, itself if it has it."""

    def part(self, base: Array, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Array:
        """Return a part of a C-contiguous array; the offset and the strides are in bytes."""

    def backwards(self, array: Array, axes: Sequence[int]) -> Array:
        """Return the array read backwards along some axes, perhaps as a copy."""

    def copy(self, target: Array, values: Array) -> None:
        """Store values, in the target's dtype."""

    def add(self, target: Array, values: Array) -> None:
        """Add values to the target."""

    def magnitudes(self, out: Array, array: Array) -> None:
        """Store the array's magnitudes, in the dtype of `out`."""

    def multiply(self, a: Array, b: Array, out: Array) -> None:
        """Store the products of matrices [..., n, k] and [..., k, m], whose batches broadcast."""

    def accumulate(self, a: Array, b: Array, out: Array) -> None:
        """Add the products of matrices to `out`, as `multiply` stores them."""

    def product(self, a: Array, b: Array, out: Array) -> None:
        """Store the products of entries of arrays that broadcast."""

    def add_product(self, a: Array, b: Array, out: Array) -> None:
        """Add the products of entries of arrays that broadcast."""

    def bits(self, array: Array) -> npt.NDArray[Any]:
        """Return the representations of floats as unsigned integers, on the host."""

    def sum(self, array: Array, axes: Sequence[int]) -> Array:
        """Return the sums over some axes, in the array's dtype."""

    @property
    def chunk(self) -> int:
        """How many entries an elementwise pass takes at once, to stay in the cache; 0 for all."""

    def largest(self, array: Array) -> float:
        """Return the largest magnitude of an array of floats; nan if there is one."""

    def rounded(self, array: Array, format: str, direction: str) -> Array | None:
        """Return an array rounded to a format, held in another dtype perhaps.

        None if an entry overflows, or if the backend does not round to the format by IEEE 754.
        """

    def tiled(self, weights: npt.NDArray[np.float64], count: int) -> Array:
        """Return the weights of a plane's entries, as `screened` takes them for so many planes."""

    def screened(
        self,
        result: Array,
        reference: Array,
        sizes: Array,
        alpha: Array | float,
        beta: float,
        gamma: Array | float,
    ) -> Array:
        """Compare |result − reference| with α·sizes + β·|reference| + γ, in float64.

        Arrays are flat; the reference is in float64. Returns seven numbers: the largest ratio, nan
        if there is one, and its index; how many references are larger than the limit, and how many
        are not zero; result, reference and size at the largest ratio.
        """

    def beyond(
        self,
        result: Array,
        parts: Sequence[Array],
        addends: Sequence[Array],
        scale: Array | float,
        beta: float,
    ) -> npt.NDArray[np.intp]:
        """Return the flat indices at which scale·(|result − r| − β·|r|) ≤ Σ|parts| is not true, on
        the host, where r is the sum of parts and addends in their order.

        Arrays are C-contiguous and of one shape; all but the result have the dtype of the
        computation. Each operation rounds at most once. The parts are overwritten.
        """

    def taken(self, array: Array, places: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return the entries at flat indices, in float64, on the host."""

    def filled(self, array: Array, shape: Sequence[int]) -> Array:
        """Return an array in C order, broadcast to a shape."""

    def numbers(self, rows: Sequence[Array]) -> npt.NDArray[np.float64]:
        """Return the results of `screened` as rows on the host."""

    def from_host(self, array: npt.NDArray[Any]) -> Array:
        """Return a copy of a NumPy array where this backend's are, or itself."""

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        """Return an array as NumPy's."""

    def exact_products(self) -> Any:
        """Return a context in which products are computed in their operands' format."""


class NumPy:
    """NumPy, and the BLAS that it is linked with."""

    functions = np
    on_cpu = True

    def contiguous(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See `Backend.contiguous`."""
        return np.ascontiguousarray(array)

    def new(
        self, shape: Sequence[int], dtype: npt.DTypeLike, *, zero: bool = False
    ) -> npt.NDArray[Any]:
        """See `Backend.new`."""
        return (np.zeros if zero else np.empty)(shape, dtype)

    def cast(self, array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """See `Backend.cast`."""
        return array.astype(dtype, copy=False)

    def part(
        self,
        base: npt.NDArray[Any],
        offset: int,
        shape: Sequence[int],
        strides: Sequence[int],
    ) -> npt.NDArray[Any]:
        """See `Backend.part`; NumPy checks the bounds."""
        return np.ndarray(shape, base.dtype, base, offset, strides)

    def backwards(self, array: npt.NDArray[Any], axes: Sequence[int]) -> npt.NDArray[Any]:
        """See `Backend.backwards`: a view."""
        return np.flip(array, tuple(axes))

    def copy(self, target: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
        """See `Backend.copy`."""
        same = values.dtype == target.dtype
        np.copyto(target, values if same else widened(values), casting="unsafe")

    def add(self, target: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
        """See `Backend.add`."""
        np.add(target, values, target)

    def magnitudes(self, out: npt.NDArray[Any], array: npt.NDArray[Any]) -> None:
        """See `Backend.magnitudes`."""
        if array.dtype == out.dtype:
            np.abs(array, out=out)
            return
        out[...] = widened(array)
        np.abs(out, out=out)

    def multiply(self, a: npt.NDArray[Any], b: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """See `Backend.multiply`."""
        np.matmul(a, b, out)

    def accumulate(self, a: npt.NDArray[Any], b: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """See `Backend.accumulate`."""
        out += np.matmul(a, b)

    def product(self, a: npt.NDArray[Any], b: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """See `Backend.product`."""
        np.multiply(a, b, out)

    def add_product(self, a: npt.NDArray[Any], b: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
        """See `Backend.add_product`."""
        out += a * b

    def bits(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See `Backend.bits`."""
        return array.view(f"u{array.itemsize}")

    def sum(self, array: npt.NDArray[Any], axes: Sequence[int]) -> npt.NDArray[Any]:
        """See `Backend.sum`."""
        total: npt.NDArray[Any] = array.sum(axis=tuple(axes), dtype=array.dtype)
        return total

    chunk = 1 << 15

    def largest(self, array: npt.NDArray[Any]) -> float:
        """See `Backend.largest`."""
        if array.dtype == ml_dtypes.bfloat16 or array.dtype == np.float16:
            # Magnitudes are ordered as their bits are, nan being above infinity.
            bits = (array.view(np.uint16) & 0x7FFF).max(initial=0)
            return float(np.array(bits, np.uint16).view(array.dtype))
        return float(max(array.max(initial=0.0), -array.min(initial=0.0)))

    def rounded(self, array: npt.NDArray[Any], format: str, direction: str) -> None:
        """See `Backend.rounded`: `pybridge.problem.rounding` does it instead."""

    def tiled(self, weights: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
        """See `Backend.tiled`: repeated, since rows of few entries are slow."""
        return np.tile(weights, count)

    def screened(
        self,
        result: npt.NDArray[Any],
        reference: npt.NDArray[np.float64],
        sizes: npt.NDArray[Any],
        alpha: npt.NDArray[np.float64] | float,
        beta: float,
        gamma: npt.NDArray[np.float64] | float,
    ) -> Array:
        """See `Backend.screened`."""
        ratio = np.subtract(widened(result), reference)
        np.abs(ratio, out=ratio)
        magnitude = np.abs(reference)
        if not isinstance(alpha, float):
            alpha = alpha[: sizes.size]
        limit = np.multiply(sizes, alpha, dtype=np.float64)
        if beta:
            limit += magnitude * beta
        limit += gamma if isinstance(gamma, float) else gamma[: sizes.size]
        noticed = np.count_nonzero(magnitude > limit)
        ratio /= limit
        at = int(ratio.argmax())
        met = (float(array[at]) for array in (result, reference, sizes))
        return [float(ratio[at]), at, noticed, np.count_nonzero(reference), *met]

    def beyond(
        self,
        result: npt.NDArray[Any],
        parts: Sequence[npt.NDArray[Any]],
        addends: Sequence[npt.NDArray[Any]],
        scale: npt.NDArray[Any] | float,
        beta: float,
    ) -> npt.NDArray[np.intp]:
        """See `Backend.beyond`."""
        dtype, places = parts[0].dtype.type, []
        for chunk in _chunks(result.size, self.chunk):
            first, *others = (array.reshape(-1)[chunk] for array in (*parts, *addends))
            low, reference = np.abs(first), first
            for part in others[: len(parts) - 1]:
                low += np.abs(part)
            for other in others:
                reference = reference + other
            distance = np.subtract(widened(result.reshape(-1)[chunk]), reference, dtype=dtype)
            np.abs(distance, out=distance)
            if beta:
                distance -= np.abs(reference) * dtype(beta)
            distance *= dtype(scale) if isinstance(scale, float) else scale.reshape(-1)[chunk]
            if not (within := distance <= low).all():
                places.append(chunk.start + np.flatnonzero(~within))
        return np.concatenate([np.zeros(0, np.intp), *places])

    def taken(
        self, array: npt.NDArray[Any], places: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        """See `Backend.taken`."""
        return widened(array.reshape(-1)[places]).astype(np.float64)

    def filled(self, array: npt.NDArray[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
        """See `Backend.filled`."""
        return np.ascontiguousarray(np.broadcast_to(array, tuple(shape)))

    def numbers(self, rows: Sequence[Array]) -> npt.NDArray[np.float64]:
        """See `Backend.numbers`."""
        return np.array(rows, np.float64)

    def from_host(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See `Backend.from_host`: the array itself."""
        return array

    def to_host(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See `Backend.to_host`: the array itself."""
        return array

    @contextmanager
    def exact_products(self) -> Iterator[None]:
        """See `Backend.exact_products`: NumPy has no setting to change."""
        with np.errstate(all="ignore"):
            yield


HOST = NumPy()


def _chunks(size: int, chunk: int) -> Iterator[slice]:
    for start in range(0, size, chunk):
        yield slice(start, min(start + chunk, size))


def widened(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the same values in float32 if they are bfloat16, which NumPy converts one by one."""
    if array.dtype != ml_dtypes.bfloat16:
        return array
    return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


class PyTorch:
    """PyTorch on one device, whose tensors stay there."""

    def __init__(self, torch: Any, device: Any) -> None:
        self.functions = torch
        self.device = device
        self.on_cpu = device.type == "cpu"

    def contiguous(self, array: Array) -> Array:
        """See `Backend.contiguous`."""
        return array.contiguous()

    def new(self, shape: Sequence[int], dtype: npt.DTypeLike, *, zero: bool = False) -> Array:
        """See `Backend.new`."""
        make = self.functions.zeros if zero else self.functions.empty
        return make(tuple(shape), dtype=self._dtype(dtype), device=self.device)

    def cast(self, array: Array, dtype: npt.DTypeLike) -> Array:
        """See `Backend.cast`."""
        return array.to(self._dtype(dtype))

    def part(self, base: Array, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Array:
        """See `Backend.part`; PyTorch checks the bounds, and refuses negative strides."""
        size = base.itemsize
        first = base.storage_offset() + offset // size
        return base.as_strided(tuple(shape), [stride // size for stride in strides], first)

    def backwards(self, array: Array, axes: Sequence[int]) -> Array:
        """See `Backend.backwards`: a copy."""
        return array.flip(tuple(axes))

    def copy(self, target: Array, values: Array) -> None:
        """See `Backend.copy`."""
        target.copy_(values)

    def add(self, target: Array, values: Array) -> None:
        """See `Backend.add`."""
        target.add_(values)

    def magnitudes(self, out: Array, array: Array) -> None:
        """See `Backend.magnitudes`."""
        if array.dtype == out.dtype:
            self.functions.abs(array, out=out)
        else:
            out.copy_(array).abs_()

    def multiply(self, a: Array, b: Array, out: Array) -> None:
        """See `Backend.multiply`."""
        mm, bmm = self.functions.mm, self.functions.bmm
        for x, y, z in _batches(a, b, out):
            (mm if z.ndim == 2 else bmm)(x, y, out=z)

    def accumulate(self, a: Array, b: Array, out: Array) -> None:
        """See `Backend.accumulate`."""
        for x, y, z in _batches(a, b, out):
            (z.addmm_ if z.ndim == 2 else z.baddbmm_)(x, y)

    def product(self, a: Array, b: Array, out: Array) -> None:
        """See `Backend.product`."""
        self.functions.mul(a, b, out=out)

    def add_product(self, a: Array, b: Array, out: Array) -> None:
        """See `Backend.add_product`."""
        out.addcmul_(a, b)

    def bits(self, array: Array) -> npt.NDArray[Any]:
        """See `Backend.bits`."""
        return self.to_host(array).view(f"u{array.itemsize}")

    def sum(self, array: Array, axes: Sequence[int]) -> Array:
        """See `Backend.sum`."""
        return array.sum(dim=tuple(axes)) if axes else array

    @property
    def chunk(self) -> int:
        """See `Backend.chunk`; larger if more threads share it."""
        return min(self.functions.get_num_threads(), 32) << 15 if self.on_cpu else 0

    def largest(self, array: Array) -> float:
        """See `Backend.largest`."""
        low, high = self.functions.aminmax(array)
        return float(self.functions.maximum(-low, high))

    def rounded(self, array: Array, format: str, direction: str) -> Array | None:
        """See `Backend.rounded`."""
        torch = self.functions
        dtype = getattr(torch, format, None)
        short = array.dtype in (torch.float16, torch.bfloat16)
        if array.dtype == dtype or (short and format in ("tf32", "float32")):
            return array
        if array.dtype != torch.float32:
            return None
        if format in ("bfloat16", "float16") and direction == "nearest":
            rounded = array.to(dtype)
        elif format == "tf32":
            bits = array.view(torch.int32)
            if direction == "nearest":
                bits = bits + 0x0FFF + (bits.bitwise_right_shift(13) & 1)
            rounded = (bits & ~0x1FFF).view(torch.float32)
        else:
            return None
        return rounded if math.isfinite(self.largest(rounded)) else None

    def tiled(self, weights: npt.NDArray[np.float64], count: int) -> Array:
        """See `Backend.tiled`: of one plane, which broadcasts."""
        return self.from_host(weights)

    def screened(
        self,
        result: Array,
        reference: Array,
        sizes: Array,
        alpha: Array | float,
        beta: float,
        gamma: Array | float,
    ) -> Array:
        """See `Backend.screened`."""
        torch = self.functions
        ratio = torch.sub(reference, result).abs_()
        magnitude = reference.abs()
        limit = sizes.to(torch.float64, copy=True)
        planes = limit if isinstance(alpha, float) else limit.view(-1, alpha.numel())
        planes.mul_(alpha).add_(gamma)
        if beta:
            limit.add_(magnitude, alpha=beta)
        noticed = (magnitude > limit).sum()
        there = torch.count_nonzero(reference)
        most, at = ratio.div_(limit).max(0)
        row = (most, at, noticed, there, result[at], reference[at], sizes[at])
        return torch.stack([number.to(torch.float64) for number in row])

    def beyond(
        self,
        result: Array,
        parts: Sequence[Array],
        addends: Sequence[Array],
        scale: Array | float,
        beta: float,
    ) -> npt.NDArray[np.intp]:
        """See `Backend.beyond`."""
        torch, places = self.functions, []
        size = result.numel()
        chunk = min(8 * self.chunk // parts[0].itemsize or size, size)
        held = torch.empty((2, chunk), dtype=parts[0].dtype, device=self.device)
        each = [result, *parts, *addends, *([] if isinstance(scale, float) else [scale])]
        chunks = zip(*(array.view(-1).split(chunk) for array in each), strict=True)
        for number, (entries, low, *others) in enumerate(chunks):
            reference, distance = held[0, : low.numel()], held[1, : low.numel()]
            own = scale if isinstance(scale, float) else others.pop()
            torch.add(low, others[0] if others else 0, out=reference)
            for other in others[1:]:
                reference.add_(other)
            low.abs_()
            for part in others[: len(parts) - 1]:
                low.add_(part.abs_())
            if entries.dtype == reference.dtype:
                torch.sub(entries, reference, out=distance)
            else:  # Arithmetic of two dtypes is slow.
                distance.copy_(entries).sub_(reference)
            distance.abs_()
            if beta:
                distance.sub_(reference.abs_(), alpha=beta)
            # Not below zero just where the limit is not below the distance, and fast.
            if isinstance(own, float):
                low.sub_(distance, alpha=own)
            else:
                low.sub_(distance.mul_(own))
            within = low >= 0  # Not of nan.
            if self.on_cpu:  # NumPy is faster to see that all are.
                places.append(np.flatnonzero(~within.numpy()) + number * chunk)
            else:
                places.append(self.to_host((~within).nonzero().view(-1)) + number * chunk)
        return np.concatenate([np.zeros(0, np.intp), *places])

    def taken(self, array: Array, places: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """See `Backend.taken`."""
        if self.on_cpu:
            return HOST.taken(self.to_host(array), places)
        some = array.reshape(-1)[self.from_host(places)]
        return self.to_host(some.to(self.functions.float64))

    def filled(self, array: Array, shape: Sequence[int]) -> Array:
        """See `Backend.filled`."""
        return array.expand(tuple(shape)).contiguous()

    def numbers(self, rows: Sequence[Array]) -> npt.NDArray[np.float64]:
        """See `Backend.numbers`."""
        return self.to_host(self.functions.stack(list(rows)))

    def from_host(self, array: npt.NDArray[Any]) -> Array:
        """See `Backend.from_host`."""
        return self.functions.from_numpy(np.array(array)).to(self.device)

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        """See `Backend.to_host`."""
        host = array.detach() if self.on_cpu else array.detach().cpu()
        if host.dtype == self.functions.bfloat16:
            bits: npt.NDArray[Any] = host.view(self.functions.int16).numpy()
            return bits.view(ml_dtypes.bfloat16)
        shared: npt.NDArray[Any] = host.numpy()
        return shared

    @contextmanager
    def exact_products(self) -> Iterator[None]:
        """See `Backend.exact_products`.

        PyTorch's settings are the process's: if another thread changes them meanwhile, only the
        spot checks can notice.
        """
        require_no_emulation()
        torch = self.functions
        with (
            torch.no_grad(),
            torch.autocast(self.device.type, enabled=False),
            _float32_products(torch, self.on_cpu),
        ):
            yield

    def _dtype(self, dtype: npt.DTypeLike) -> Any:
        return getattr(self.functions, np.dtype(dtype).name)


def _batches(a: Array, b: Array, out: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield matrices, or batches as large as possible, since PyTorch would copy broadcast ones.

    The third array of each is to hold the product of the other two.
    """
    batch = out.shape[:-2]
    a, b = (m.expand(*batch, *m.shape[-2:]) for m in (a, b))
    a, b, out = _merged_batch(a, b, out)
    batch = out.shape[:-2]
    if not batch:
        yield a, b, out
        return
    longest = max(range(len(batch)), key=lambda k: batch[k])
    for place in product(*(range(n) for k, n in enumerate(batch) if k != longest)):
        index: list[Any] = list(place)
        index.insert(longest, 0 if batch[longest] == 1 else slice(None))
        at = tuple(index)
        yield a[at], b[at], out[at]


def _merged_batch(*arrays: Array) -> tuple[Array, ...]:
    """Return views of arrays [batch…, n, m] of one batch with as few dimensions as possible.

    Those of size one are dropped, and neighbours that are one dimension in each array are merged.
    """
    while arrays[0].ndim > 2 and 1 in arrays[0].shape[:-2]:
        k = arrays[0].shape[:-2].index(1)
        arrays = tuple(array.squeeze(k) for array in arrays)
    k = arrays[0].ndim - 4
    while k >= 0:
        if all(a.stride(k) == a.stride(k + 1) * a.shape[k + 1] for a in arrays):
            arrays = tuple(array.flatten(k, k + 1) for array in arrays)
        k -= 1
    return arrays


@contextmanager
def _float32_products(torch: Any, on_cpu: bool) -> Iterator[None]:
    """Switch off TF32 and bfloat16 in products of float32 matrices.

    PyTorch has two settings for this, which must agree when it multiplies: both are changed, and
    restored afterwards.
    """
    holders = (torch.backends.mkldnn.matmul, torch.backends.cuda.matmul)
    matmul = holders[0 if on_cpu else 1]
    if not hasattr(matmul, "fp32_precision"):  # before PyTorch 2.9
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    if matmul.fp32_precision in ("ieee", "none"):
        yield
        return
    newer = [holder.fp32_precision for holder in holders]
    older = "highest"
    try:
        for holder in holders:
            holder.fp32_precision = "ieee"
        older = torch.get_float32_matmul_precision()  # Refused while the newer one disagrees.
        if older != "highest":
            torch.set_float32_matmul_precision("highest")
        yield
    finally:
        if older != "highest":
            torch.set_float32_matmul_precision(older)
        for holder, precision in zip(holders, newer, strict=True):
            holder.fp32_precision = "none"  # As the backend's; if that is another, as it was.
            if holder.fp32_precision != precision:
                holder.fp32_precision = precision


def require_no_emulation(environment: Mapping[str, str] | None = None) -> None:
    """Raise `InputError` if the environment asks libraries to multiply in other formats than asked.

    cuBLAS can emulate float64 and float32 by shorter formats, and both it and oneDNN can reduce
    float32 operands to TF32 or bfloat16: nothing is proved about such products.
    """
    for name, harmless in _REFUSED.items():
        value = (os.environ if environment is None else environment).get(name, "")
        if value not in harmless:
            raise InputError(
                f"the environment variable {name} is {value!r:.60}: matrix products may then be "
                "computed in other formats than their operands', which the bounds assume; unset it"
            )


def backend_of(*arrays: Array) -> Backend:
    """Return the backend of arrays that are on one device; `InputError` if they are not.

    Tensors count, and NumPy arrays only if there is no tensor among them.
    """
    torch = sys.modules.get("torch")
    tensors = [a for a in arrays if torch is not None and isinstance(a, torch.Tensor)]
    if not tensors:
        return HOST
    devices = {tensor.device for tensor in tensors}
    if len(devices) > 1 or len(tensors) < sum(array is not None for array in arrays):
        places = ", ".join(sorted(map(str, devices)))
        raise InputError(f"expected tensors on one device, got arrays on {places} or on the host")
    return _pytorch(tensors[0].device)


def dtype_of(array: Array) -> np.dtype[Any]:
    """Return the dtype of an array or a tensor of floats, as NumPy's or one of `ml_dtypes`."""
    if isinstance(array, np.ndarray):
        return np.dtype(array.dtype)
    name = str(array.dtype).removeprefix("torch.")
    return np.dtype(getattr(ml_dtypes, name, name))


@lru_cache(maxsize=16)
def _pytorch(device: Any) -> PyTorch:
    return PyTorch(sys.modules["torch"], device)
