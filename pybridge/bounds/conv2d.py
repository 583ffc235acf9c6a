"""Conv2d's forward pass and gradients as functions: shortcuts to the operations of
`pybridge.ops`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

from pybridge.bounds.arguments import held
from pybridge.bounds.certify import Method as CertifyMethod
from pybridge.bounds.certify import ProvedBound
from pybridge.bounds.computed import Bounded, Method
from pybridge.bounds.kernel_result import Gradient
from pybridge.bounds.operation import Operation
from pybridge.bounds.tolerance import Tolerance, tolerance_of
from pybridge.engine.accumulation import Accumulation, require_accumulation
from pybridge.errors import InputError, InputTypeError
from pybridge.problem.arrays import to_numpy
from pybridge.problem.computation import Computation, conv2d_computation
from pybridge.problem.formats import format_among, require_ieee
from pybridge.problem.geometry import Geometry, Padding, Pair, Parameters, Window
from pybridge.problem.operands import check_eps
from pybridge.problem.results import Result

__all__ = [
    "Conv2dGradients",
    "Which",
    "certify_gradient",
    "certify_output",
    "conv2d_backward",
    "conv2d_forward",
    "conv2d_result",
    "tolerance",
]

_LARGEST = 2**27
"""The most entries of an array of which only the shape is known."""

Which: TypeAlias = Result | Literal["output", "bias", "weight", "input"]


@dataclass(frozen=True, slots=True, eq=False)
class Conv2dGradients:
    """The gradients of a conv2d: bias [O], weight [O, I/groups, KH, KW] and input [N, I, H, W]."""

    bias: Bounded
    weight: Bounded
    input: Bounded


def conv2d_result(
    which: Result,
    operands: Mapping[str, Any],
    parameters: Parameters,
    *,
    actual: Any = None,
    eps: Mapping[str, object] | None = None,
) -> Operation:
    """Return a result of conv2d as an operation; operands are by name, each an array or None.

    Operands that the result does not depend on only give the shapes; `actual`, which a gradient is
    compared with, may replace the operand that it is the gradient of. Raises `InputError` and
    `InputTypeError` for arguments that do not fit.
    """
    for key in which.operands:
        if operands.get(key) is None and key != "bias":
            raise InputTypeError(f"{key}: {which.words} depends on it, got None")
    arrays = {key: held(key, array) for key, array in operands.items() if array is not None}
    deviations = {key: check_eps(f"eps_{key}", value) for key, value in (eps or {}).items()}
    if deviations.get("bias") and "bias" not in arrays:
        raise InputError(f"eps_bias: expected 0 without a bias, got {deviations['bias']}")
    shapes = {key: tuple(array.shape) for key, array in arrays.items()}
    name = "output" if which is Result.OUTPUT else "gradient"
    own = {Result.WEIGHT: "weight", Result.INPUT: "x"}.get(which)
    if own is not None and actual is not None:
        shapes.setdefault(own, tuple(held(name, actual).shape))
    return Operation(
        "conv2d",
        conv2d_computation(which, _geometry(shapes, parameters)),
        {key: arrays[key] for key in which.operands if key in arrays},
        {key: deviations[key] for key in which.operands if key in deviations},
        argument=name,
    )


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
    `dilation` are an int or (height, width); `padding` is an int, (height, width) or ((top,
    bottom), (left, right)). Arrays are NumPy's, PyTorch's, or sequences of numbers. The bounds
    cover every exact operand whose entries are within `eps_…` of the given ones.

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
    operands = {"x": x, "weight": weight, "grad_output": grad_output}
    eps = {"x": eps_x, "weight": eps_weight, "grad_output": eps_grad_output}
    parameters = Parameters(stride, padding, dilation, groups)
    if format is None:
        format = format_among({name: to_numpy(name, a) for name, a in operands.items()}).name
    return Conv2dGradients(
        *(
            conv2d_result(which, operands, parameters, eps=eps).compute(
                method=method, format=format
            )
            for which in (Result.BIAS, Result.WEIGHT, Result.INPUT)
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
    operation = conv2d_result(
        Result.OUTPUT,
        {"x": x, "weight": weight, "bias": bias},
        Parameters(stride, padding, dilation, groups),
        eps={"x": eps_x, "weight": eps_weight, "bias": eps_bias},
    )
    return operation.compute(method=method, format=format)


def certify_gradient(
    gradient: npt.ArrayLike,
    x: npt.ArrayLike | None,
    weight: npt.ArrayLike | None,
    grad_output: npt.ArrayLike,
    *,
    which: Gradient,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    method: CertifyMethod = "enclosure",
    accumulation: Accumulation | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_grad_output: float = 0.0,
) -> ProvedBound:
    """Return a proved bound of the error of an array as a gradient of conv2d.

    `which` says which gradient: bias [O], weight [O, I/groups, KH, KW] or input [N, I, H, W].
    Operands have the shapes and parameters that `conv2d_backward` says; those that the gradient
    does not depend on may be None. Arrays are NumPy's or PyTorch's, or have `__dlpack__`, and are
    finite. The gradient is in binary16, bfloat16, binary32 or binary64; operands may have any dtype
    whose values float64 can represent. The bound covers every exact operand within `eps_…` of the
    argument.

    The method `enclosure` holds for any algorithm that computed the gradient, and its bound is the
    smaller one, except for one part in 2²⁸. A gradient in binary64 is compared with exact products
    of slices of the operands, or, if their exponents are too far apart, with exact arithmetic,
    which is refused if it would take minutes. `any-order` does not read the gradient's entries: it
    holds if they are sums of products in any order in an `accumulation`. By default, that is the
    gradient's format, or binary32 for the formats with 16 bits. Operands that this format cannot
    represent are rounded to it first, which the bound includes entry by entry.

    Raises `InputError` for shapes, values or parameters that do not fit, `InputTypeError` for a
    wrong type, and `RoundingOverflowError` if the bound is beyond the largest float64.
    """
    operation = conv2d_result(
        Result.of(which, gradient=True),
        {"x": x, "weight": weight, "grad_output": grad_output},
        Parameters(stride, padding, dilation, groups),
        actual=gradient,
        eps={"x": eps_x, "weight": eps_weight, "grad_output": eps_grad_output},
    )
    return operation.certify(gradient, method=method, accumulation=accumulation)


def certify_output(
    output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    method: CertifyMethod = "enclosure",
    accumulation: Accumulation | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_bias: float = 0.0,
) -> ProvedBound:
    """Return a proved bound of the error of an array as an output of conv2d.

    Works like `certify_gradient`, for an output [N, O, OH, OW]; bias is [O].
    """
    operation = conv2d_result(
        Result.OUTPUT,
        {"x": x, "weight": weight, "bias": bias},
        Parameters(stride, padding, dilation, groups),
        eps={"x": eps_x, "weight": eps_weight, "bias": eps_bias},
    )
    return operation.certify(output, method=method, accumulation=accumulation)


def tolerance(
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    which: Which,
    accumulation: Accumulation | None = None,
    max_x: float | None = None,
    max_weight: float | None = None,
    max_bias: float = 0.0,
    max_grad_output: float | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tolerance:
    """Return the proved absolute tolerance of conv2d's output or of one of its gradients.

    `which` is output, or the gradient: bias, weight or input. `accumulation` is the kernel's
    promise, by default sums in float32; `Accumulation.of("bfloat16")` is the default promise of a
    dtype. `max_…` are bounds of the operands' magnitudes. They are required for the operands that
    the result depends on, except for the output's bias, which defaults to zero. Shapes and
    parameters are as in `conv2d_backward`.

    The tolerance bounds the distance to the exact result; two kernels may differ by the sum of
    their tolerances. It is infinite if it is beyond float64. A bias is assumed to be a number of
    the format of the sums; the kernel may round it to 16 bits where it rounds the factors to them.

    Raises `InputError` for arguments that do not fit, `InputTypeError` for a wrong type, and
    `FloatingPointError` if this thread does not compute as IEEE 754 requires.
    """
    require_ieee()
    result = Result.of(which)
    geometry = Geometry.of(
        x_shape,
        weight_shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    computation = conv2d_computation(result, geometry)
    for name, shape in (
        ("x", geometry.x_shape),
        ("weight", geometry.weight_shape),
        ("the output", geometry.output_shape),
    ):
        if prod(shape) > _LARGEST:
            raise InputError(
                f"{name} of shape {shape} has {prod(shape)} entries, expected at most {_LARGEST}"
            )
    known = {"x": max_x, "weight": max_weight, "grad_output": max_grad_output}
    sizes = {
        name: _magnitude(f"max_{name}", known[name], computation) for name in computation.factors
    }
    bias = Fraction(check_eps("max_bias", max_bias))
    if bias and not computation.addends:
        raise InputError(f"max_bias: {computation.words} does not depend on it, expected 0")
    subject = f"a conv2d with x {geometry.x_shape} and weight {geometry.weight_shape}"
    return tolerance_of(computation, sizes, bias, require_accumulation(accumulation), subject)


def _magnitude(name: str, value: float | None, computation: Computation) -> Fraction:
    if value is None:
        what = computation.words
        raise InputError(f"{name}: {what} depends on it, expected the largest magnitude")
    return Fraction(check_eps(name, value))


def _geometry(shapes: Mapping[str, tuple[int, ...]], parameters: Parameters) -> Geometry:
    """Return the geometry of operands' shapes; the bias gradient needs grad_output alone."""
    if "x" in shapes and "weight" in shapes:
        return Geometry.of(
            shapes["x"], shapes["weight"], shapes.get("grad_output"), **parameters._asdict()
        )
    return _pointwise(shapes["grad_output"])


def _pointwise(shape: tuple[int, ...]) -> Geometry:
    """Return a conv2d with a kernel of one entry whose output has this shape."""
    if len(shape) != 4:
        raise InputError(
            f"grad_output has shape {shape}, expected four axes [batch, channels, height, width]"
        )
    batch, channels, height, width = shape
    return Geometry(
        batch=batch,
        out_channels=channels,
        windows=(Window(size=height, kernel=1), Window(size=width, kernel=1)),
    )
