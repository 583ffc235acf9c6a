"""Computes convolutions by simulated matrix instructions: as sums of products, in steps.

A kernel chains instructions over the reduction through the accumulator, which starts at zero. The
terms are padded with zeros to whole instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from bench.tensor_cores.scaled import Chosen, divided
from bench.tensor_cores.unfold import Unfolded
from bench.tensor_cores.units import Unit
from pybridge.check.torch.kernels import import_torch
from pybridge.problem.blocks import BLOCK_FORMATS

__all__ = ["Kernel", "as_array", "as_tensor", "held"]

_Array: TypeAlias = npt.NDArray[Any]
_WORDS = {1: np.uint8, 2: np.int16}


def _dtype(name: str) -> np.dtype[Any]:
    if name == "tf32" or name in BLOCK_FORMATS:
        return np.dtype(np.float32)
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def held(values: _Array, dtype: str) -> _Array:
    """Return values rounded to the dtype of a unit's operands.

    For tf32, which the instruction cuts itself, and with block scales it is float32.
    """
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(_dtype(dtype))


def as_tensor(array: _Array) -> Any:
    """Return the same numbers as a tensor of PyTorch."""
    torch = import_torch()
    array = np.require(array, requirements=("C", "W"))
    if array.dtype in (np.float16, np.float32):
        return torch.from_numpy(array)
    words = torch.from_numpy(array.view(_WORDS[array.dtype.itemsize]))
    return words.view(getattr(torch, array.dtype.name))


def as_array(tensor: Any) -> _Array:
    """Return a tensor of float16 or float32 as an array."""
    array: _Array = tensor.numpy()
    return array


@dataclass(frozen=True, slots=True)
class Kernel:
    """A unit, and how its sums are put together.

    `splits` is the number of consecutive ranges of the terms, each at most ⌈n/splits⌉ long, whose
    sums are added in float32. `promote` is the number of terms after which the accumulator is added
    to a sum in float32, and starts again at zero; None means never. `output` is the dtype to which
    the finished sum is rounded. `scales` says by which scales the kernel divides operands in
    blocks, the least or the largest.

    Two are defects: `lost` is the number of an instruction that is left out; `accumulator` is a
    format to which the accumulator is rounded after each instruction.
    """

    unit: Unit
    splits: int = 1
    promote: int | None = None
    output: str | None = None
    scales: Chosen = "least"
    lost: int | None = None
    accumulator: str | None = None

    def __call__(self, factors: Unfolded) -> _Array:
        """Return the sums of the products, in `factors.shape`.

        Their dtype is `output`, or else float32 if some are added in it, or else the unit's own.
        """
        x = self._leading_last(factors.x, factors)
        y = self._leading_last(factors.y, factors)
        terms = x.shape[-1]
        part = -(-terms // min(self.splits, terms))
        if self.unit.scaled:
            part = -(-part // self.unit.length) * self.unit.length  # blocks are not divided
        total = None
        for start in range(0, terms, part):
            result = self._sum(x[..., start : start + part], y[..., start : start + part])
            total = result if total is None else total.float() + result.float()
        assert total is not None
        result = as_array(total).reshape(factors.shape)
        return result if self.output is None else held(result, self.output)

    def _leading_last(self, array: _Array, factors: Unfolded) -> Any:
        shape = np.broadcast_shapes(factors.x.shape[1:], factors.y.shape[1:])
        moved = np.moveaxis(np.broadcast_to(array, (len(array), *shape)), 0, -1)
        return as_tensor(moved)

    def _sum(self, x: Any, y: Any) -> Any:
        """Return the sum of one range, promoted or not."""
        if self.promote is None:
            return self._accumulate(x, y)
        ends = range(0, x.shape[-1], self.promote)
        blocks = [(x[..., k : k + self.promote], y[..., k : k + self.promote]) for k in ends]
        total = self._accumulate(*blocks[0]).float()
        for block in blocks[1:]:
            total = total + self._accumulate(*block).float()
        return total

    def _accumulate(self, x: Any, y: Any) -> Any:
        """Return the result of one chain of instructions."""
        torch = import_torch()
        simulation, length = self.unit.simulation, self.unit.length
        total = torch.zeros(x.shape[:-1], dtype=getattr(torch, self.unit.result))
        x, x_scales = self._read(x, self.unit.x)
        y, y_scales = self._read(y, self.unit.y)
        for number, start in enumerate(range(0, x.shape[-1], length)):
            if number == self.lost:
                continue
            a, b = (_padded(v[..., start : start + length], length) for v in (x, y))
            scales = []
            if self.unit.scaled:
                block = simulation.block_size
                first, last = start // block, (start + length) // block
                scales = [v[..., first:last].contiguous() for v in (x_scales, y_scales)]
                if simulation.packing == 2:
                    a, b = ((v[..., ::2] << 4) | v[..., 1::2] for v in (a, b))
            total = simulation.dpa(a, b, total, *scales)
            if self.accumulator is not None:
                total = total.to(getattr(torch, self.accumulator)).to(total.dtype)
        return total

    def _read(self, values: Any, name: str) -> tuple[Any, Any]:
        """Return the tensor that an instruction reads, and the tensor of its scales, if it has any.

        Numbers of six bits are in the low bits of a byte, numbers of four bits where the
        instruction reads them.
        """
        if not self.unit.scaled:
            return values, None
        torch = import_torch()
        numbers, scales = divided(as_array(values), name, self.scales)
        numbers = np.pad(numbers, [(0, 0)] * (numbers.ndim - 1) + [(0, -numbers.shape[-1] % 64)])
        blocks = numbers.shape[-1] // BLOCK_FORMATS[name].block
        filled = np.ones((*scales.shape[:-1], blocks), scales.dtype)
        filled[..., : scales.shape[-1]] = scales
        if numbers.dtype.name.startswith("float8"):
            return as_tensor(numbers), as_tensor(filled)
        bits = numbers.view(np.uint8)
        if name == "mxfp4" and self.unit.length == 32:
            bits = np.left_shift(bits, 2, dtype=np.uint8)
        return torch.from_numpy(np.ascontiguousarray(bits)), as_tensor(filled)


def _padded(values: Any, length: int) -> Any:
    """Return the values padded with zeros to a length."""
    missing = length - values.shape[-1]
    if not missing:
        return values.contiguous()
    torch = import_torch()
    word = {1: torch.uint8, 2: torch.int16, 4: torch.int32}[values.itemsize]
    bits = torch.nn.functional.pad(values.contiguous().view(word), (0, missing))
    return bits.view(values.dtype)
