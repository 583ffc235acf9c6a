"""Averages of windows: their sums, divided by one number."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from pybridge.bounds.arguments import held
from pybridge.bounds.operation import Operation
from pybridge.errors import InputError, InputTypeError
from pybridge.ops.bilinear import Bilinear
from pybridge.ops.products import Eps
from pybridge.problem.computation import Arrangement, computation_of
from pybridge.problem.geometry import Geometry, Pair
from pybridge.problem.shapes import Pooling

__all__ = ["avg_pool2d"]

_NAMES = {"x": "input", "grad_output": "grad_output"}


def avg_pool2d(
    input: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    eps: Eps = None,
) -> Operation:
    """The averages of windows of input [N, C, H, W] or [C, H, W], as by `avg_pool2d` of PyTorch.

    `eps` says by name how far the exact operand may be. The gradient is that of input, if the
    divisor is a power of two: PyTorch divides before it sums, and float64 does not hold the entries
    divided by another number. Nor does it hold float64 results times that, which a comparison
    needs. Raises `InputError` if the windows are not all divided by one number, which `ceil_mode`
    or `count_include_pad=False` may cause.
    """
    array = held("input", input)
    outer = tuple(map(int, array.shape))
    if len(outer) not in (3, 4):
        raise InputError(f"input has shape {outer}, expected axes [N, C, H, W] or [C, H, W]")
    batched = len(outer) == 4
    # Without images, one of zeros is computed, of which no entry is returned.
    shape = (outer[0] or 1, *outer[1:]) if batched else (1, *outer)
    kernel = _pair("kernel_size", kernel_size)
    steps = kernel if stride is None else _pair("stride", stride)
    pads = _pair("padding", padding)
    if any(2 * pad > size for pad, size in zip(pads, kernel, strict=True)):
        raise InputError(f"padding: expected at most half of the kernel {kernel}, got {pads}")
    windows = Geometry.of(
        shape, (shape[1], 1, *kernel), stride=steps, padding=pads, groups=shape[1], called="input"
    ).windows
    if ceil_mode and any((w.padded - w.reach) % w.stride for w in windows):
        raise InputError("ceil_mode: windows that end beyond the padding are not supported")
    if divisor_override is None and not count_include_pad and any(pads):
        raise InputError("count_include_pad: expected True, as windows count alike then, got False")
    divisor = prod(kernel) if divisor_override is None else divisor_override
    if isinstance(divisor, bool) or not isinstance(divisor, int):
        raise InputTypeError(f"divisor_override: expected an integer, got {divisor!r:.60}")
    if not 1 <= divisor <= 2**31:
        raise InputError(f"divisor_override: expected a number from 1 to 2^31, got {divisor}")
    pooling = Pooling(batch=shape[0], channels=shape[1], windows=windows)
    arranged = {
        role: Arrangement.plain((*outer[:1] * batched, *inner[1:]), inner)
        for role, inner in pooling.shapes.items()
    }
    axes = (*("batch element",) * batched, "channel", "row", "column")
    results = {
        role: computation_of(pooling, name).called_by(
            noun=noun, axes=axes, names=_NAMES, arranged=arranged, result=arranged[role]
        )
        for role, name, noun in (
            ("grad_output", "output", "output"),
            ("x", "input", "input gradient"),
        )
    }
    if divisor & (divisor - 1):
        results = {"grad_output": replace(results["grad_output"], divisor=divisor)}
    else:
        results = {role: result.scaled_by(1 / divisor, 1.0) for role, result in results.items()}
    return Bilinear("avg_pool2d", results, _NAMES).output({"x": array}, eps)


def _pair(name: str, value: Any) -> tuple[int, int]:
    """One number for each axis, of which a single one is for both."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if any(isinstance(n, bool) or not isinstance(n, int) for n in pair):
        raise InputTypeError(f"{name}: expected an integer or two, got {value!r:.60}")
    if len(pair) != 2 or min(pair) < (name != "padding"):
        raise InputError(f"{name}: expected one positive number or two, got {value!r:.60}")
    return pair[0], pair[1]
