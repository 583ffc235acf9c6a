"""Proved bounds for gradients and outputs that something else computed: PyTorch, for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from pybridge.bounds.arguments import read_result
from pybridge.bounds.kernel_result import Gradient, KernelResult
from pybridge.bounds.theorems import Theorem, proofs
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import require_finite
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.problem.geometry import Padding, Pair, Parameters
from pybridge.problem.results import Result

__all__ = ["Gradient", "Method", "ProvedBound", "certify", "certify_gradient", "certify_output"]

Method: TypeAlias = Literal["enclosure", "any-order"]


@dataclass(frozen=True, slots=True, eq=False)
class ProvedBound:
    """How far each entry of a given array may be from the exact one, and what proves it.

    `bound` is float64 and has the array's shape. `theorem` is the Lean theorem whose conclusion it
    is; `theorems` also has those that state the assumptions about a kernel. Each has a name, a file
    and a line.
    """

    bound: Float64
    method: Method
    theorems: tuple[Theorem, ...]

    @property
    def theorem(self) -> Theorem:
        """The theorem whose conclusion the bound is."""
        return self.theorems[0]

    @property
    def bound_linf(self) -> float:
        """The largest bound of an entry."""
        return float(self.bound.max())


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
    method: Method = "enclosure",
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
    which is refused if it would take minutes. `any-order` does not read the gradient's
    entries: it holds if they are sums of products in any order in an `accumulation`. By default,
    that is the gradient's format, or binary32 for the formats with 16 bits. Operands that this
    format cannot represent are rounded to it first, which the bound includes entry by entry.

    Raises `InputError` for shapes, values or parameters that do not fit, `InputTypeError` for a
    wrong type, and `RoundingOverflowError` if the bound is beyond the largest float64.
    """
    returned = read_result(
        Result.of(which, gradient=True),
        gradient,
        {"x": x, "weight": weight, "grad_output": grad_output},
        Parameters(stride, padding, dilation, groups),
        eps={"x": eps_x, "weight": eps_weight, "grad_output": eps_grad_output},
    )
    return certify(returned, method, accumulation)


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
    method: Method = "enclosure",
    accumulation: Accumulation | None = None,
    eps_x: float = 0.0,
    eps_weight: float = 0.0,
    eps_bias: float = 0.0,
) -> ProvedBound:
    """Return a proved bound of the error of an array as an output of conv2d.

    Works like `certify_gradient`, for an output [N, O, OH, OW]; bias is [O].
    """
    returned = read_result(
        Result.OUTPUT,
        output,
        {"x": x, "weight": weight, "bias": bias},
        Parameters(stride, padding, dilation, groups),
        eps={"x": eps_x, "weight": eps_weight, "bias": eps_bias},
    )
    return certify(returned, method, accumulation)


@np.errstate(all="ignore")
def certify(
    returned: KernelResult, method: Method, accumulation: Accumulation | None
) -> ProvedBound:
    """The proved bound of a kernel's result by a method: see `certify_gradient`."""
    if not isinstance(method, str) or method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise InputError(f"method: expected one of {known}, got {method!r:.60}")
    if method == "enclosure":
        if accumulation is not None:
            raise InputError("accumulation: the method enclosure assumes none, expected None")
        bound, proved = returned.applied.enclosure(returned.values)
        theorems = proofs(returned.computation, proved)
    else:
        promise = returned.promise(accumulation)
        bound = returned.estimator(returned.unrounded(promise)).any_order(promise)
        theorems = proofs(returned.computation, method, promise)
    require_finite(f"the bound of {returned.computation.words}", bound)
    return ProvedBound(np.asarray(returned.computation.outward(bound)), method, theorems)
