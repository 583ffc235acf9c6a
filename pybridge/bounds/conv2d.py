"""Conv2d's forward pass and gradients: rounded values, each with its proved error bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from pybridge.bounds.enclosure import enclosure_bound
from pybridge.bounds.theorems import Theorem, proofs
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import estimator, require_finite
from pybridge.engine.reference import Evaluation, evaluate
from pybridge.engine.replay import evaluate_replay
from pybridge.engine.upward import Float64
from pybridge.errors import InputError, RoundingOverflowError
from pybridge.exported.document import Definitions, DefinitionsError, load_definitions, size_value
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import FloatArray, FloatFormat, format_array, format_of
from pybridge.problem.geometry import Geometry, Padding, Pair
from pybridge.problem.operands import Operand, check_eps
from pybridge.problem.results import Result

__all__ = [
    "Bounded",
    "Conv2dGradients",
    "Method",
    "conv2d_backward",
    "conv2d_forward",
    "evaluate_conv2d",
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
    format: str = "float32",
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_grad_output: float = 0.0,
) -> Conv2dGradients:
    """The gradients of conv2d, and their proved bounds.

    Shapes: x [N, I, H, W], weight [O, I/groups, KH, KW], grad_output [N, O, OH, OW]. `stride` and
    `dilation` are an int or (height, width); `padding` is an int, (height, width) or
    ((top, bottom), (left, right)). Arrays are of the format's dtype (bfloat16: ml_dtypes), or of
    another floating-point dtype whose values the format holds exactly; PyTorch tensors, too. The
    bounds cover every exact operand whose entries are within `eps_…` of the given ones.

    The method says what is computed, and what of it is proved:

    * `replay`: values of the format's operations in the stated order, and their bounds, evaluated
      by the fast path.
    * `replay-reference`: the same values, and the exported definitions' bounds, evaluated as they
      stand.
    * `any-order`: values that BLAS sums in an order of its own (in binary32 for the formats with 16
      bits, rounded once), and a bound for every order.
    * `enclosure`: the same values, with the far smaller bounds of `certify_gradient`.

    The first two mirror Lean's `RuntimeApprox.conv2dBiasDeriv`, `conv2dKernelDeriv` and
    `conv2dInputDeriv`, with the bounds `conv2dBiasBoundTensor`, `conv2dKernelBoundTensor` and
    `conv2dInputBoundTensor`; the theorems are `approxT_conv2d_bias_deriv_spec` and those for kernel
    and input. Values are those of the format's operations in the order stated there, without fused
    multiply-add.

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
        "grad_output": _given("grad_output", grad_output, found, eps_grad_output),
    }
    geometry = Geometry.of(
        given["x"].value.shape,
        given["weight"].value.shape,
        given["grad_output"].value.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    gradients = (Result.BIAS, Result.WEIGHT, Result.INPUT)
    return Conv2dGradients(*_results(method, gradients, geometry, found, given, definitions))


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
    format: str = "float32",
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_bias: float = 0.0,
) -> Bounded:
    """conv2d of x and weight plus bias, and its proved bound.

    Shapes and parameters are those of `conv2d_backward`; bias is [O], added after the products.
    Without one, it is zero: in the replay, that addition is charged as any other. The result is
    [N, O, OH, OW]. The replay mirrors Lean's `RuntimeApprox.conv2d` with the bound
    `conv2dBoundTensor`; the theorem is `approxT_conv2d_spec`. Raises what `conv2d_backward` does.
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
        if method not in ("any-order", "enclosure"):
            given["bias"] = Operand(np.zeros(geometry.bias_shape, found.dtype))
    else:
        given["bias"] = _given("bias", bias, found, eps_bias)
    if "bias" in given and given["bias"].value.shape != geometry.bias_shape:
        raise InputError(
            f"bias has shape {given['bias'].value.shape}, but weight of shape "
            f"{geometry.weight_shape} expects {geometry.bias_shape}"
        )
    (output,) = _results(method, (Result.OUTPUT,), geometry, found, given, definitions)
    return output


def _results(
    method: Method,
    results: Sequence[Result],
    geometry: Geometry,
    format: FloatFormat,
    given: Mapping[str, Operand],
    definitions: Definitions,
) -> list[Bounded]:
    """The results of exported contractions by a method."""
    if not isinstance(method, str) or method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise InputError(f"method: expected one of {known}, got {method!r:.60}")
    if method in ("replay", "replay-reference"):
        fast = method == "replay"
        evaluations = evaluate_conv2d(geometry, format, given, results, definitions, fast=fast)
        return [
            _bounded(result, evaluations[result], format, proofs(result, method))
            for result in results
        ]
    return [_by_blas(method, result, geometry, format, given, definitions) for result in results]


def _by_blas(
    method: Method,
    result: Result,
    geometry: Geometry,
    format: FloatFormat,
    given: Mapping[str, Operand],
    definitions: Definitions,
) -> Bounded:
    found = estimator(result, geometry, given, definitions)
    value = found.rounded(format)
    _require_no_overflow(result, ~np.isfinite(value), format)
    if method == "any-order":
        promise = Accumulation.of(format.name)
        bound = found.any_order(promise)
        proved = proofs(result, method, promise)
    else:
        bound = enclosure_bound(result, value, geometry, given, definitions)
        proved = proofs(result, "enclosure")
    require_finite(f"the bound of {result.words}", bound)
    return Bounded(value, bound, proved)


def evaluate_conv2d(
    geometry: Geometry,
    format: FloatFormat,
    operands: Mapping[str, Operand],
    names: Iterable[str],
    definitions: Definitions,
    *,
    fast: bool = False,
) -> dict[str, Evaluation]:
    """Evaluates exported contractions by name (output, bias, weight, input), overflow marked.

    By the reference evaluation, or where `fast` by the replay, with the same values.
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
    results: dict[str, Evaluation] = {}
    for wanted in names:
        contraction = data.contractions[wanted]
        if fast:
            found = evaluate_replay(contraction, parameters, format, operands, definitions)
        else:
            found = evaluate(contraction, data.laws, parameters, format, operands)
        results[wanted] = found
    return results


def _given(name: str, array: npt.ArrayLike, format: FloatFormat, eps: object) -> Operand:
    found = format_array(name, to_numpy(name, array), format)
    return Operand(found, check_eps(f"eps_{name}", eps))


def _bounded(
    result: Result, evaluation: Evaluation, format: FloatFormat, proved: tuple[Theorem, ...]
) -> Bounded:
    _require_no_overflow(result, evaluation.overflow, format)
    return Bounded(evaluation.value, evaluation.bound, proved)


def _require_no_overflow(
    result: Result, overflow: npt.NDArray[np.bool_], format: FloatFormat
) -> None:
    if overflow.any():
        first = np.unravel_index(int(np.argmax(overflow)), overflow.shape)
        count = int(np.count_nonzero(overflow))
        raise RoundingOverflowError(result.words, [int(i) for i in first], count, format.name)
