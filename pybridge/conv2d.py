"""Conv2d's forward pass and gradients: rounded values, each with its proved error bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt

from pybridge.contraction import Evaluation, Given, evaluate
from pybridge.definitions import Definitions, DefinitionsError, load_definitions, size_value
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.formats import FloatArray, FloatFormat, format_array, format_of
from pybridge.geometry import Geometry, Padding, Pair
from pybridge.upward import Float64

__all__ = [
    "Bounded",
    "Conv2dGradients",
    "check_eps",
    "conv2d_backward",
    "conv2d_forward",
    "evaluate_conv2d",
]


@dataclass(frozen=True, slots=True, eq=False)
class Bounded:
    """A rounded result and how far each entry may be from the exact one.

    `value` has the format's dtype, `bound` is float64, both of the result's shape: every exact
    result, of every exact operand within its eps of the given one, is within `bound` of `value`.
    A bound above the largest float64 is infinite.
    """

    value: FloatArray
    bound: Float64

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
    format: str = "float32",
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_grad_output: float = 0.0,
) -> Conv2dGradients:
    """The gradients of conv2d, accumulated in the format, and their proved bounds.

    Shapes: x [N, I, H, W], weight [O, I/groups, KH, KW], grad_output [N, O, OH, OW]. `stride` and
    `dilation` are an int or (height, width); `padding` is an int, (height, width) or
    ((top, bottom), (left, right)). Arrays are of the format's dtype (bfloat16: ml_dtypes), or of
    another floating-point dtype whose values the format holds exactly. The bounds cover every exact
    operand whose entries are within `eps_…` of the given ones.

    Mirrors Lean's `RuntimeApprox.conv2dBiasDeriv`, `conv2dKernelDeriv` and `conv2dInputDeriv`, with
    the bounds `conv2dBiasBoundTensor`, `conv2dKernelBoundTensor` and `conv2dInputBoundTensor`; the
    theorems are `approxT_conv2d_bias_deriv_spec` and those for kernel and input. Values are those
    of the format's operations in the order stated there, without fused multiply-add.

    Raises `InputError` (a `ValueError`) for shapes, values or parameters that do not fit,
    `InputTypeError` (a `TypeError`) for a wrong dtype or type, `RoundingOverflowError` (an
    `OverflowError`) when a gradient overflows, and `DefinitionsError` (a `ValueError`) when the
    exported definitions are missing or damaged. `FloatingPointError` when this thread flushes
    subnormal numbers to zero or does not round to nearest.
    """
    definitions = load_definitions()
    found = format_of(format, definitions)
    given = {
        "x": _given("x", x, found, eps_x),
        "weight": _given("weight", weight, found, eps_weight),
        "gradOutput": _given("grad_output", grad_output, found, eps_grad_output),
    }
    geometry = Geometry.of(
        given["x"].value.shape,
        given["weight"].value.shape,
        given["gradOutput"].value.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    names = ("bias", "weight", "input")
    results = evaluate_conv2d(geometry, found, given, names, definitions)
    bias, weight_, input_ = (
        _bounded(f"the {name} gradient", results[name], found) for name in names
    )
    return Conv2dGradients(bias, weight_, input_)


def conv2d_forward(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    format: str = "float32",
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_bias: float = 0.0,
) -> Bounded:
    """conv2d of x and weight plus bias, accumulated in the format, and its proved bound.

    Shapes and parameters are those of `conv2d_backward`; bias is [O], added after the products.
    Without one, it is zero: that addition is charged as any other. The result is [N, O, OH, OW].
    Mirrors Lean's `RuntimeApprox.conv2d` with the bound `conv2dBoundTensor`; the theorem is
    `approxT_conv2d_spec`. Raises what `conv2d_backward` does.
    """
    definitions = load_definitions()
    found = format_of(format, definitions)
    given = {
        "x": _given("x", x, found, eps_x),
        "weight": _given("weight", weight, found, eps_weight),
    }
    geometry = Geometry.of(
        given["x"].value.shape,
        given["weight"].value.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    if bias is None:
        if eps_bias:
            raise InputError(f"eps_bias: expected 0 without a bias, got {eps_bias}")
        bias = np.zeros(geometry.bias_shape, found.dtype)
    given["bias"] = _given("bias", bias, found, eps_bias)
    if given["bias"].value.shape != geometry.bias_shape:
        raise InputError(
            f"bias has shape {given['bias'].value.shape}, but weight of shape "
            f"{geometry.weight_shape} expects {geometry.bias_shape}"
        )
    results = evaluate_conv2d(geometry, found, given, ("forward",), definitions)
    return _bounded("the output", results["forward"], found)


def evaluate_conv2d(
    geometry: Geometry,
    format: FloatFormat,
    operands: Mapping[str, Given],
    names: Iterable[str],
    definitions: Definitions,
) -> dict[str, Evaluation]:
    """Evaluates exported contractions by name (forward, bias, weight, input), overflow marked.

    `operands` maps exported operand names to arrays of the geometry's shapes. Raises
    `DefinitionsError` when the definitions give another output size than the geometry.
    """
    parameters = geometry.parameters()
    for name, size in definitions.data.output_size.items():
        if (exported := size_value(size, parameters)) != parameters[name]:
            raise DefinitionsError(
                f"the definitions give {name} = {exported}, but the geometry {parameters[name]}"
            )
    data = definitions.data
    return {
        name: evaluate(data.contractions[name], data.laws, parameters, format, operands)
        for name in names
    }


def check_eps(name: str, eps: object) -> float:
    """`eps` as a float: `InputTypeError` when it is not a real number, `InputError` when it is
    negative, nan or infinite, or not a float64.
    """
    if isinstance(eps, bool | np.bool_) or not isinstance(eps, Real):
        raise InputTypeError(f"{name}: expected a non-negative number, got {eps!r:.60}")
    try:
        value = float(eps)
    except OverflowError:
        value = math.inf
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}: expected a finite non-negative number, got {eps!r:.60}")
    if value != eps:
        raise InputError(f"{name}: expected a number that float64 holds exactly, got {eps!r:.60}")
    return value


def _given(name: str, array: npt.ArrayLike, format: FloatFormat, eps: object) -> Given:
    return Given(format_array(name, array, format), check_eps(f"eps_{name}", eps))


def _bounded(name: str, evaluation: Evaluation, format: FloatFormat) -> Bounded:
    if evaluation.overflow.any():
        first = np.unravel_index(int(np.argmax(evaluation.overflow)), evaluation.overflow.shape)
        count = int(np.count_nonzero(evaluation.overflow))
        raise RoundingOverflowError(name, [int(i) for i in first], count, format.name)
    return Bounded(evaluation.value, evaluation.bound)
