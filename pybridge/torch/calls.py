"""Reads from an ATen call which linear operations its results should be.

The arguments of a call are bound to its schema, so that positional and keyword arguments, in-place
and `out=` variants are one case. Arguments that the call overwrites are copied before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import torch

from pybridge import ops
from pybridge.errors import InputError

__all__ = ["Arguments", "Expected", "Reader", "Unseen", "bind", "name_of", "overlap", "reader"]

Arguments: TypeAlias = Mapping[str, Any]
"""The arguments of a call by their names in its schema."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A result of a call, and the operation that it should be.

    `result` is what the report calls it: `output`, `weight gradient`, …
    """

    result: str
    actual: torch.Tensor
    operation: ops.Operation


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why the results of a call are not checked."""

    reason: str


Reader: TypeAlias = Callable[[Arguments, Any], Sequence[Expected]]


@cache
def name_of(function: Any) -> str:
    """Return the name of an operator without its overload: `aten.mm`, `mylib.conv`."""
    return f"{function.namespace}.{function._schema.name.split('::')[-1]}"


def bind(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included, tensors detached.

    Arguments that share memory with one that the call overwrites are copied. An `out` argument is
    omitted.
    """
    bound: dict[str, Any] = {}
    written: list[torch.Tensor] = []
    for position, argument in enumerate(function._schema.arguments):
        if position < len(args):
            value = args[position]
        else:
            value = kwargs.get(argument.name, argument.default_value)
        if isinstance(value, torch.Tensor):
            value = value.detach()
            if argument.alias_info is not None and argument.alias_info.is_write:
                written.append(value)
                if argument.is_out:
                    continue
        bound[argument.name] = value
    for name, value in bound.items():
        if isinstance(value, torch.Tensor) and any(overlap(value, other) for other in written):
            bound[name] = value.clone()
    return bound


def overlap(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Return whether tensors are the same, or their memory overlaps from first to last entry."""
    if a is b:
        return True
    if a.layout != torch.strided or b.layout != torch.strided or a.device != b.device:
        return False
    (first, end), (other_first, other_end) = _extent(a), _extent(b)
    return first < other_end and other_first < end


def _extent(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the addresses of a tensor's first byte and of the one after its last."""
    if not tensor.numel():
        return 0, 0
    last = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    first = tensor.data_ptr()
    return first, first + (last + 1) * tensor.element_size()


@cache
def reader(function: Any) -> Reader | Unseen | None:
    """Return the reader of an operator's results, why there is none, or None if it computes no
    products.
    """
    namespace, name = name_of(function).split(".")
    if namespace not in ("aten", "prims"):
        if namespace in _PLUMBING:
            return None
        return Unseen("a custom operator; `operation` can say what it computes")
    base = name[:-1] if name.endswith("_") and not name.endswith("__") else name
    if base in _READERS:
        return _READERS[base]
    if base.startswith(("upsample", "_upsample", "_convert")):
        return None
    if _FUSED.search(base):
        return Unseen("a fused kernel, whose products are not visible")
    if _PRODUCTS.search(base):
        return Unseen("pybridge.ops has no such operation")
    return None


_PLUMBING = ("c10d", "_c10d_functional", "profiler", "inductor", "mkldnn_prepacked")
"""Namespaces of operators that move data."""

_FUSED = re.compile(r"(^|_)(attention|rnn|lstm|gru|transformer|mkldnn)(_|$)")
_PRODUCTS = re.compile(
    r"(^|_)(conv\w*|thnn_conv\w*|\w*mm|addmv|mv|addr|ger|outer|inner|kron|\w*linear\w*|v?dot|einsum"
    r"|matmul|tensordot|trilinear|vecdot|multi_dot|matrix_power|cdist_\w*)(_\w+)?$"
)


def _convolution(call: Arguments) -> ops.Operation:
    """Return the convolution of a call of `aten.convolution` or of its backward."""
    x, weight = call["input"], call["weight"]
    axes = weight.ndim - 2
    if axes not in (1, 2, 3):
        raise InputError(f"a convolution with {axes} spatial axes, expected 1, 2 or 3")
    if x.ndim != weight.ndim:
        raise InputError("a convolution of an input without a batch")
    bias = call.get("bias")
    if bias is None and any(call.get("bias_sizes") or ()):  # PyTorch says [0] for none.
        bias = weight.new_zeros(call["bias_sizes"])
    options: dict[str, Any] = {
        name: _each_axis(call[name], axes) for name in ("stride", "padding", "dilation")
    }
    options["groups"] = call["groups"]
    kind = "conv"
    if call["transposed"]:
        kind = "conv_transpose"
        options["output_padding"] = _each_axis(call["output_padding"], axes)
    operation: ops.Operation = getattr(ops, f"{kind}{axes}d")(x, weight, bias, **options)
    return operation


def _each_axis(numbers: Sequence[int], axes: int) -> tuple[int, ...]:
    """Return one number for each axis; a call may have a single one for all."""
    return tuple(numbers) * axes if len(numbers) == 1 else tuple(numbers)


def _output(operation: Callable[[Arguments], ops.Operation]) -> Reader:
    """Return a reader of a call with one result."""
    return lambda call, result: [Expected("output", result, operation(call))]


def _convolution_backward(call: Arguments, result: Any) -> list[Expected]:
    wanted = call["output_mask"]
    # An operand that no wanted gradient depends on may have any values: `torch.nn.grad` does so.
    unread = {
        name: call[name].new_zeros(()).expand(call[name].shape)
        for name, needed in (("input", wanted[1]), ("weight", wanted[0]))
        if not needed
    }
    operation = _convolution({**call, **unread})
    return [
        Expected(f"{name} gradient", gradient, operation.grad(name, call["grad_output"]))
        for name, gradient, needed in zip(("input", "weight", "bias"), result, wanted, strict=True)
        if needed and gradient is not None
    ]


def _scaling(call: Arguments) -> dict[str, Any]:
    """Return alpha and beta, rounded to float32 as kernels do unless they compute in float64."""
    wide = call["self"].dtype == torch.float64
    names = ("alpha", "beta")
    return {n: float(call[n] if wide else torch.tensor(call[n]).float()) for n in names}


def _addbmm(call: Arguments) -> ops.Operation:
    """Return Σ_b batch1[b]·batch2[b] as one product of matrices."""
    left, right = call["batch1"], call["batch2"]
    rows, columns = left.permute(1, 0, 2).flatten(1), right.flatten(0, 1)
    return ops.addmm(call["self"], rows, columns, **_scaling(call))


def _addmv(call: Arguments, result: Any) -> list[Expected]:
    vector = call["self"].expand(call["mat"].shape[0])[:, None]
    operation = ops.addmm(vector, call["mat"], call["vec"][:, None], **_scaling(call))
    return [Expected("output", result[:, None], operation)]


def _scaled_mm(call: Arguments) -> ops.Operation:
    """Return a product of float8 matrices plus a bias.

    There is a scale for each matrix, or for each row and column. A kernel multiplies the sum by one
    scale and by the other. On the CPU, PyTorch multiplies rows and columns by their scales first,
    and rounds them to float32.
    """
    if call.get("scale_result") is not None:
        raise InputError("_scaled_mm with a scale of its result")
    left, right, bias = call["self"], call["mat2"], call.get("bias")
    scales = call["scale_a"], call["scale_b"]
    if bias is None:
        bias = torch.zeros((), dtype=torch.float32, device=left.device)
    if all(scale.numel() == 1 for scale in scales):
        first, second = (float(scale) for scale in scales)
        alpha = second if first == 1 else first if second == 1 else (first, second)
        return ops.addmm(bias, left, right, alpha=alpha)
    shapes = [tuple(scale.shape) for scale in scales]
    if left.is_cuda or shapes != [(left.shape[0], 1), (1, right.shape[1])]:
        raise InputError(f"_scaled_mm with scales of shapes {shapes[0]} and {shapes[1]}")
    return ops.addmm(bias, left.float() * scales[0], right.float() * scales[1])


def _pooling(call: Arguments) -> ops.Operation:
    """Return the average pooling of a call of `aten.avg_pool2d` or of its backward."""
    names = ("ceil_mode", "count_include_pad", "divisor_override")
    kernel, stride, padding = (
        _each_axis(call[name], 2) for name in ("kernel_size", "stride", "padding")
    )
    options = {name: call[name] for name in names}
    return ops.avg_pool2d(call["self"], kernel, stride or None, padding, **options)


def _whole_convolution(name: str) -> Callable[[Arguments], ops.Operation]:
    """Return the operation of a `torch.nn.functional` call, which inference mode does not split."""

    def operation(call: Arguments) -> ops.Operation:
        axes = call["weight"].ndim - 2
        options = {
            key: value if isinstance(value, str) else _each_axis(value, axes)
            for key, value in call.items()
            if key in ("stride", "padding", "dilation", "output_padding")
        }
        made: ops.Operation = getattr(ops, name)(
            call["input"], call["weight"], call.get("bias"), groups=call["groups"], **options
        )
        return made

    return operation


_READERS: Mapping[str, Reader] = {
    **{
        f"{kind}{axes}d": _output(_whole_convolution(f"{kind}{axes}d"))
        for kind in ("conv", "conv_transpose")
        for axes in (1, 2, 3)
    },
    "matmul": _output(lambda call: ops.matmul(call["self"], call["other"])),
    "einsum": _output(lambda call: ops.einsum(call["equation"], *call["tensors"])),
    "convolution": _output(_convolution),
    "_convolution": _output(_convolution),
    "convolution_overrideable": _output(_convolution),
    "convolution_backward": _convolution_backward,
    "convolution_backward_overrideable": _convolution_backward,
    "mm": _output(lambda call: ops.matmul(call["self"], call["mat2"])),
    "bmm": _output(lambda call: ops.bmm(call["self"], call["mat2"])),
    "mv": _output(lambda call: ops.matmul(call["self"], call["vec"])),
    "dot": _output(lambda call: ops.matmul(call["self"], call["tensor"])),
    "addmm": _output(
        lambda call: ops.addmm(call["self"], call["mat1"], call["mat2"], **_scaling(call))
    ),
    "baddbmm": _output(
        lambda call: ops.baddbmm(call["self"], call["batch1"], call["batch2"], **_scaling(call))
    ),
    "addbmm": _output(_addbmm),
    "addmv": _addmv,
    "linear": _output(lambda call: ops.linear(call["input"], call["weight"], call.get("bias"))),
    "_scaled_mm": _output(_scaled_mm),
    "avg_pool2d": _output(_pooling),
    "avg_pool2d_backward": lambda call, result: [
        Expected("input gradient", result, _pooling(call).grad("input", call["grad_output"]))
    ],
}
