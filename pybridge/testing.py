"""Assertions for tests of kernels that tell rounding from bugs.

`assert_close` takes an operation of `pybridge.ops` and no tolerance. It takes the kernel's promise
(`Accumulation`: the formats in which it multiplies and adds), and fails if a theorem shows that no
order of summation causes so large an error. `compare` returns the same verdict as an object.
`assert_gradient_close`, `assert_output_close`, `compare_gradient` and `compare_output` do the same
for conv2d.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from numbers import Real
from types import FrameType
from typing import Any, TypeAlias

from pybridge.bounds.comparison import Comparison, Entry
from pybridge.bounds.comparison import compare as compare_result
from pybridge.bounds.conv2d import conv2d_result, tolerance
from pybridge.bounds.kernel_result import Gradient
from pybridge.bounds.operation import Operation
from pybridge.bounds.sharp import sharp_factors, sharp_operands
from pybridge.bounds.tolerance import Tolerance
from pybridge.engine.accumulation import Accumulation, blocked, pairwise, split_k, tf32
from pybridge.engine.tensor_cores import tensor_core
from pybridge.errors import InputError, InputTypeError
from pybridge.problem.blocks import block_scaled
from pybridge.problem.formats import dtype_name, find_format
from pybridge.problem.geometry import Padding, Pair, Parameters
from pybridge.problem.results import Result

__all__ = [
    "Accumulation",
    "Comparison",
    "Entry",
    "PowerWarning",
    "Tolerance",
    "assert_close",
    "assert_gradient_close",
    "assert_output_close",
    "block_scaled",
    "blocked",
    "compare",
    "compare_gradient",
    "compare_output",
    "pairwise",
    "sharp_factors",
    "sharp_operands",
    "split_k",
    "tensor_core",
    "tf32",
    "tolerance",
]


Message: TypeAlias = str | Callable[[str], str] | None


class PowerWarning(UserWarning):
    """An assertion passed under a promise that allows most of the entries to be zero."""


def assert_close(
    actual: Any,
    operation: Operation,
    *,
    accumulation: Accumulation | None = None,
    dtype: Any = None,
    min_power: float = 0.0,
    msg: Message = None,
) -> None:
    """Assert that rounding explains the difference between a kernel's result and the exact one.

    `operation` is what the kernel computed, one of `pybridge.ops` or a gradient of one, with the
    kernel's operands, which must be finite. `actual` has its shape, and need not be finite. Arrays
    are NumPy's, PyTorch's, JAX's or CuPy's, or have `__dlpack__`; PyTorch's stay where they are if
    all are on one device.

    `accumulation` is the kernel's promise; by default, it follows from the dtype of `actual`. See
    `assert_gradient_close` for this, for the other arguments, and for what is raised.
    """
    __tracebackhide__ = True
    _require(actual, _operation(operation), accumulation, dtype, min_power, msg)


def compare(
    actual: Any, operation: Operation, *, accumulation: Accumulation | None = None
) -> Comparison:
    """Return the verdict of `assert_close` as an object, without asserting it."""
    return _operation(operation).compare(actual, accumulation=accumulation)


def _operation(operation: object) -> Operation:
    if not isinstance(operation, Operation):
        got = type(operation).__name__
        raise InputTypeError(f"operation: expected one of pybridge.ops, got {got}")
    return operation


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
    dtype: Any = None,
    min_power: float = 0.0,
    msg: Message = None,
) -> None:
    """Assert that rounding explains the difference between a conv2d gradient and the exact one.

    `which` says which gradient `actual` is: bias [O], weight [O, I/groups, KH, KW] or input [N, I,
    H, W]. `x` [N, I, H, W], `weight` and `grad_output` [N, O, OH, OW] are the kernel's operands;
    those that the gradient does not depend on may be None. Arrays are NumPy's, PyTorch's, JAX's or
    CuPy's, or have `__dlpack__`. Operands must be finite; `actual` need not be. Parameters are as
    in `torch.nn.functional.conv2d`; padding may also be ((top, bottom), (left, right)).

    `accumulation` is the kernel's promise. By default, it follows from the dtype of `actual`: sums
    in float32 or float64 for that dtype, and sums in float32, rounded once, for bfloat16 and
    float16. Factors that the dtype cannot represent are rounded to it first. A float32 result of
    operands that are all bfloat16, or all float16, such as `.grad` under autocast, may have been
    rounded to that dtype before it became float32: if it has only numbers of that dtype, it is
    judged as rounded to it, otherwise as sums in float32. A bias may be rounded to the format of
    the sums, or to 16 bits like the factors, or not at all.

    `dtype` is the dtype that `actual` must have; by default, any. `msg` replaces the generated
    failure message, or is a function that takes it and returns the replacement.

    Raises `AssertionError` if an entry is farther from the exact one than any order of summation
    allows, if it is NaN or infinite although the exact one does not overflow, or if `actual` does
    not have the dtype `dtype`. Raises `InputError` or `InputTypeError` for inconsistent arguments,
    and `NotProvedError` (an `InputError`) if nothing can be proved, because an operand overflows
    the format that it is rounded to or the allowance is beyond float64. A float64 result is an
    `InputError`, too, if its operands' exponents are so far apart that it would take minutes.

    Warns (`PowerWarning`) if a zero would be noticed at fewer than half of the entries, because
    rounding may explain almost any value of very long sums, and names the depth
    (`Accumulation(depth=…)`) that would help. With `min_power`, the assertion fails if the share is
    smaller than that.
    """
    __tracebackhide__ = True
    operation = conv2d_result(
        Result.of(which, gradient=True),
        {"x": x, "weight": weight, "grad_output": grad_output},
        Parameters(stride, padding, dilation, groups),
        actual=actual,
    )
    _require(actual, operation, accumulation, dtype, min_power, msg)


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
    dtype: Any = None,
    min_power: float = 0.0,
    msg: Message = None,
) -> None:
    """Assert that rounding explains the difference between a conv2d output and the exact one.

    Works like `assert_gradient_close`, for an output [N, O, OH, OW]; bias is [O].
    """
    __tracebackhide__ = True
    operation = conv2d_result(
        Result.OUTPUT,
        {"x": x, "weight": weight, "bias": bias},
        Parameters(stride, padding, dilation, groups),
    )
    _require(actual, operation, accumulation, dtype, min_power, msg)


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
    """Return the verdict of `assert_gradient_close` as an object, without asserting it."""
    operation = conv2d_result(
        Result.of(which, gradient=True),
        {"x": x, "weight": weight, "grad_output": grad_output},
        Parameters(stride, padding, dilation, groups),
        actual=actual,
    )
    return operation.compare(actual, accumulation=accumulation)


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
    """Return the verdict of `assert_output_close` as an object, without asserting it."""
    operation = conv2d_result(
        Result.OUTPUT,
        {"x": x, "weight": weight, "bias": bias},
        Parameters(stride, padding, dilation, groups),
    )
    return operation.compare(actual, accumulation=accumulation)


def _require(
    actual: Any,
    operation: Operation,
    accumulation: Accumulation | None,
    dtype: Any,
    min_power: float,
    msg: Message,
) -> None:
    __tracebackhide__ = True
    returned = operation.returned(actual)
    if isinstance(min_power, bool) or not isinstance(min_power, Real):
        raise InputTypeError(f"min_power: expected a number, got {min_power!r:.60}")
    if not 0 <= min_power <= 1:
        raise InputError(f"min_power: expected a share from 0 to 1, got {min_power!r:.60}")
    if msg is not None and not (isinstance(msg, str) or callable(msg)):
        raise InputTypeError(f"msg: expected a string or a function of one, got {msg!r:.60}")
    if dtype is not None:
        try:
            wanted = find_format(dtype_name(dtype)).dtype.name
        except InputError as error:
            raise InputError(f"dtype: {str(error).removeprefix('format: ')}") from None
        if wanted != returned.format.dtype.name:
            raise _failure(
                f"{returned.computation.words} is {returned.format.dtype.name}, expected {wanted}",
                msg,
            )
    comparison = compare_result(returned, accumulation, at_first_look=True)
    if not comparison.passed:
        raise _failure(comparison.message, msg)
    if min_power and comparison.power < min_power:
        raise _failure(
            f"{comparison.weakness or comparison.message}\n  expected a power of at least "
            f"{min_power}",
            msg,
        )
    if comparison.weakness is not None and not _is_known(sys._getframe(2)):
        warnings.warn(comparison.weakness, PowerWarning, stacklevel=3)


def _failure(generated: str, msg: Message) -> AssertionError:
    """Return the error of a failed assertion: what `msg` makes of the generated message."""
    if msg is None:
        return AssertionError(generated)
    return AssertionError(msg if isinstance(msg, str) else msg(generated))


_known: set[tuple[str, int]] = set()


def _is_known(frame: FrameType) -> bool:
    """Return whether a call site was warned before; false if filters raise or show all warnings."""
    site = frame.f_code.co_filename, frame.f_lineno
    known = site in _known
    _known.add(site)
    matching = (f for f in warnings.filters if issubclass(PowerWarning, f[2]))
    return known and next((f[0] for f in matching), "default") not in ("error", "always")
