"""Assertions for tests of convolutions, which tell rounding from a bug.

`assert_gradient_close` and `assert_output_close` take no tolerance. They take what the kernel
promises (`Accumulation`: the formats it multiplies and adds up in), and fail where, by a theorem,
no order of summation can be off by so much. `compare_gradient` and `compare_output` give the same
verdict as an object.
"""

from __future__ import annotations

from typing import Any

from pybridge.accumulation import Accumulation, split_k, tf32
from pybridge.claims import Gradient, gradient_claim, output_claim
from pybridge.comparison import Comparison, Entry, compare
from pybridge.geometry import Padding, Pair
from pybridge.tolerance import Tolerance, tolerance

__all__ = [
    "Accumulation",
    "Comparison",
    "Entry",
    "Tolerance",
    "assert_gradient_close",
    "assert_output_close",
    "compare_gradient",
    "compare_output",
    "split_k",
    "tf32",
    "tolerance",
]


def assert_gradient_close(
    actual: Any,
    x: Any,
    weight: Any,
    grad_output: Any,
    *,
    which: Gradient,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    accumulation: Accumulation | None = None,
) -> None:
    """Passes exactly when rounding explains how far a gradient of conv2d is from the exact one.

    `which` says which gradient `actual` is: bias [O], weight [O, I/groups, KH, KW] or input
    [N, I, H, W]. `x` [N, I, H, W], `weight` and `grad_output` [N, O, OH, OW] are what the kernel
    got; those that the gradient does not depend on may be None. Arrays are NumPy's, PyTorch's,
    JAX's, CuPy's, or have `__dlpack__`; the operands are finite, `actual` need not be. Parameters
    are those of `torch.nn.functional.conv2d`, the padding also ((top, bottom), (left, right)).

    `accumulation` is what the kernel promises. By default, that follows from the dtype of `actual`:
    float32 and float64: sums in it; bfloat16 and float16: sums in float32, rounded once; factors
    that it does not hold being rounded to it first. A bias may be rounded to the format of the sums
    or not.

    Raises `AssertionError` where an entry is farther from the exact one than any order of summation
    allows, or is nan or infinite while the exact one does not overflow. `InputError` and
    `InputTypeError` for arguments that do not fit each other, and `NotProvedError`, an
    `InputError`, where nothing is proved: an operand overflows the format that it is rounded to, or
    what is allowed is beyond float64. A result in float64 that would take minutes to compute
    exactly is an `InputError`, too.
    """
    __tracebackhide__ = True
    _require(
        compare_gradient(
            actual,
            x,
            weight,
            grad_output,
            which=which,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            accumulation=accumulation,
        )
    )


def assert_output_close(
    actual: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    accumulation: Accumulation | None = None,
) -> None:
    """Passes exactly when rounding explains how far an output of conv2d is from the exact one.

    As `assert_gradient_close`, for an output [N, O, OH, OW]; bias is [O].
    """
    __tracebackhide__ = True
    _require(
        compare_output(
            actual,
            x,
            weight,
            bias,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            accumulation=accumulation,
        )
    )


def compare_gradient(
    actual: Any,
    x: Any,
    weight: Any,
    grad_output: Any,
    *,
    which: Gradient,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    accumulation: Accumulation | None = None,
) -> Comparison:
    """What `assert_gradient_close` asserts, as an object; raises no `AssertionError`."""
    claim = gradient_claim(
        actual,
        x,
        weight,
        grad_output,
        which=which,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        finite=False,
    )
    return compare(claim, accumulation)


def compare_output(
    actual: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    accumulation: Accumulation | None = None,
) -> Comparison:
    """What `assert_output_close` asserts, as an object; raises no `AssertionError`."""
    claim = output_claim(
        actual,
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        finite=False,
    )
    return compare(claim, accumulation)


def _require(comparison: Comparison) -> None:
    __tracebackhide__ = True
    if not comparison.passed:
        raise AssertionError(comparison.message)
