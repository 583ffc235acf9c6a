"""Conv2d's forward pass and gradients: rounded values, each with its proved error bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from pybridge.bounds.applied import Applied
from pybridge.bounds.theorems import Proved, Theorem, proofs
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import require_finite
from pybridge.engine.upward import Float64
from pybridge.errors import InputError, RoundingOverflowError
from pybridge.exported.document import load_definitions
from pybridge.problem.arrays import to_numpy
from pybridge.problem.computation import Computation, conv2d_computation
from pybridge.problem.formats import FloatArray, FloatFormat, format_among, format_array, format_of
from pybridge.problem.geometry import Geometry, Padding, Pair
from pybridge.problem.operands import Operand, check_eps
from pybridge.problem.results import Result

__all__ = [
    "Bounded",
    "Conv2dGradients",
    "Method",
    "conv2d_backward",
    "conv2d_forward",
]

Method: TypeAlias = Literal["replay", "replay-reference", "any-order", "enclosure"]


@dataclass(frozen=True, slots=True, eq=False)
class Bounded:
    """A rounded result and how far each entry may be from the exact one.

    `value` has the format's dtype, `bound` is float64, both of the result's shape: every exact
    result, of every exact operand within its eps of the given one, is within `bound` of `value`.
    A bound above the largest float64 is infinite. `theorems` are the Lean theorems that prove it.
    """

    value: FloatArray
    bound: Float64
    theorems: tuple[Theorem, ...] = ()

    @property
    def theorem(self) -> Theorem:
        """The Lean theorem whose conclusion the bound is, with its file and line."""
        return self.theorems[0]

    @property
    def bound_linf(self) -> float:
        """The largest bound of an entry (Lean: `linfNorm` of the bound tensor)."""
        return float(self.bound.max())


@dataclass(frozen=True, slots=True, eq=False)
class Conv2dGradients:
    """The gradients of a conv2d: bias [O], weight [O, I/groups, KH, KW] and input [N, I, H, W]."""

    bias: Bounded
    weight: Bounded
    input: Bounded


def conv2d_backward(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    grad_output: npt.ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    method: Method = "replay",
    format: str | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_grad_output: float = 0.0,
) -> Conv2dGradients:
    """Return the gradients of conv2d and their proved bounds.

    Shapes: x [N, I, H, W], weight [O, I/groups, KH, KW], grad_output [N, O, OH, OW]. `stride` and
    `dilation` are an int or (height, width); `padding` is an int, (height, width) or
    ((top, bottom), (left, right)). Arrays are NumPy's, PyTorch's, or sequences of numbers. The
    bounds cover every exact operand whose entries are within `eps_…` of the given ones.

    Without a `format`, the operands' dtype is the format: float16, bfloat16 (of ml_dtypes), float32
    or float64, which NumPy's arrays and sequences have by default. With one, operands may have any
    floating-point dtypes, if the format holds their values exactly.

    `method` says what is computed and proved:

    * `replay`: values by the format's operations in the stated order, and bounds by the fast path.
    * `replay-reference`: the same values, and bounds by term-by-term evaluation of the exported
      definitions.
    * `any-order`: values that BLAS sums in its own order (in binary32 for the formats with 16 bits,
      rounded once), and bounds for every order.
    * `enclosure`: the values of `any-order`, with the far smaller bounds of `certify_gradient`.

    The first two mirror Lean's `RuntimeApprox.conv2dBiasDeriv`, `conv2dKernelDeriv` and
    `conv2dInputDeriv`, with the bounds `conv2dBiasBoundTensor`, `conv2dKernelBoundTensor` and
    `conv2dInputBoundTensor`; the theorems are `approxT_conv2d_bias_deriv_spec` and those for kernel
    and input. Values are those of the format's operations in the order stated there, without fused
    multiply-add.

    Raises `InputError` (a `ValueError`) for shapes, values or parameters that do not fit,
    `InputTypeError` (a `TypeError`) for a wrong type or dtype, or several dtypes without a
    `format`, `RoundingOverflowError` (an `OverflowError`) if a gradient overflows,
    `DefinitionsError` (a `ValueError`) if the exported definitions are missing or damaged, and
    `FloatingPointError` if this thread flushes subnormal numbers to zero or does not round to
    nearest.
    """
    held, operands = _operands(
        {
            "x": (x, eps_x),
            "weight": (weight, eps_weight),
            "grad_output": (grad_output, eps_grad_output),
        },
        format,
    )
    geometry = Geometry.of(
        operands["x"].value.shape,
        operands["weight"].value.shape,
        operands["grad_output"].value.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return Conv2dGradients(
        *(
            bounded(Applied(conv2d_computation(result, geometry), operands), method, held)
            for result in (Result.BIAS, Result.WEIGHT, Result.INPUT)
        )
    )


def conv2d_forward(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    method: Method = "replay",
    format: str | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_bias: float = 0.0,
) -> Bounded:
    """Return the output of conv2d and its proved bound.

    Shapes and parameters are as in `conv2d_backward`; bias is [O] and added after the products.
    Without a bias, the replay adds zero, and its bound includes that addition's error. The result
    is [N, O, OH, OW]. The replay mirrors Lean's `RuntimeApprox.conv2d` with the bound
    `conv2dBoundTensor`; the theorem is `approxT_conv2d_spec`. Raises the errors of
    `conv2d_backward`.
    """
    arrays = {"x": (x, eps_x), "weight": (weight, eps_weight)}
    if bias is not None:
        arrays["bias"] = (bias, eps_bias)
    held, operands = _operands(arrays, format)
    geometry = Geometry.of(
        operands["x"].value.shape,
        operands["weight"].value.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    if bias is None:
        if eps_bias:
            raise InputError(f"eps_bias: expected 0 without a bias, got {eps_bias}")
        if method not in ("any-order", "enclosure"):
            operands["bias"] = Operand(np.zeros(geometry.bias_shape, held.dtype))
    else:
        shape = operands["bias"].value.shape
        if shape != geometry.bias_shape:
            raise InputError(
                f"bias has shape {shape}, but weight of shape {geometry.weight_shape} expects "
                f"{geometry.bias_shape}"
            )
    return bounded(Applied(conv2d_computation(Result.OUTPUT, geometry), operands), method, held)


def _operands(
    read: Mapping[str, tuple[npt.ArrayLike, float]], format: str | None
) -> tuple[FloatFormat, dict[str, Operand]]:
    """Return the format, or if None that of the arrays, and the operands in it by name."""
    arrays = {name: to_numpy(name, array) for name, (array, _) in read.items()}
    name = format if format is not None else format_among(arrays).name
    held = format_of(name, load_definitions())
    return held, {
        name: Operand(format_array(name, array, held), check_eps(f"eps_{name}", read[name][1]))
        for name, array in arrays.items()
    }


def bounded(applied: Applied, method: Method, format: FloatFormat) -> Bounded:
    """A result by a method, and its bound."""
    if not isinstance(method, str) or method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise InputError(f"method: expected one of {known}, got {method!r:.60}")
    computation = applied.computation
    if method in ("replay", "replay-reference"):
        evaluation = applied.evaluate(format, fast=method == "replay")
        _require_no_overflow(computation, evaluation.overflow, format)
        value, bound = map(computation.outward, (evaluation.value, evaluation.bound))
        return Bounded(value, bound, proofs(computation, method))
    estimates = applied.estimator()
    value = estimates.rounded(format)
    _require_no_overflow(computation, ~np.isfinite(value), format)
    promise: Accumulation | None = None
    proved: Proved = "any-order"
    if method == "any-order":
        promise = Accumulation.of(format.name)
        bound = estimates.any_order(promise)
    else:
        bound, proved = applied.enclosure(value)
    require_finite(f"the bound of {computation.words}", bound)
    value, bound = map(computation.outward, (value, bound))
    return Bounded(value, bound, proofs(computation, proved, promise))


def _require_no_overflow(
    computation: Computation, overflow: npt.NDArray[np.bool_], format: FloatFormat
) -> None:
    if overflow.any():
        first = np.unravel_index(int(np.argmax(overflow)), overflow.shape)
        index = computation.outer_index(tuple(int(i) for i in first))
        count = int(np.count_nonzero(overflow))
        raise RoundingOverflowError(computation.words, index, count, format.name)
