"""Convolutions of one to three spatial axes, and transposed ones, as PyTorch has them."""

from __future__ import annotations

from typing import Any

from pybridge.bounds.arguments import held
from pybridge.bounds.operation import Operation
from pybridge.errors import InputError
from pybridge.ops.bilinear import Bilinear, Eps
from pybridge.problem.computation import Arrangement, computation_of
from pybridge.problem.geometry import Geometry, Padding, Pair, index_names

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

_NAMES = {"x": "input", "weight": "weight", "bias": "bias", "grad_output": "grad_output"}


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Padding | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    eps: Eps = None,
) -> Operation:
    """Return a convolution as by `torch.nn.functional.conv2d`: input [N, I, H, W], or [I, H, W].

    weight is [O, I/groups, KH, KW], bias [O]. `padding` may also be "valid" or "same", or have
    (begin, end) for each axis. It has gradients of input, weight and bias. `eps` says by name how
    far the exact operands may be from those passed. Raises `InputError` and `InputTypeError` for
    arguments that do not fit.
    """
    return _convolution("conv2d", 2, input, weight, bias, stride, padding, dilation, groups, eps)


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Padding | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    eps: Eps = None,
) -> Operation:
    """Return a convolution of one axis, as by `torch.nn.functional.conv1d`: see `conv2d`."""
    return _convolution("conv1d", 1, input, weight, bias, stride, padding, dilation, groups, eps)


def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Padding | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    eps: Eps = None,
) -> Operation:
    """Return a convolution of three axes, as by `torch.nn.functional.conv3d`: see `conv2d`."""
    return _convolution("conv3d", 3, input, weight, bias, stride, padding, dilation, groups, eps)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    eps: Eps = None,
) -> Operation:
    """Return a transposed convolution of one axis: see `conv_transpose2d`."""
    parameters = (stride, padding, dilation, groups)
    return _convolution(
        "conv_transpose1d", 1, input, weight, bias, *parameters, eps, output_padding
    )


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    eps: Eps = None,
) -> Operation:
    """Return a transposed convolution, as by `torch.nn.functional.conv_transpose2d`.

    input is [N, I, H, W], or [I, H, W], weight [I, O/groups, KH, KW], bias [O]. Gradients, `eps`
    and errors are as in `conv2d`.
    """
    parameters = (stride, padding, dilation, groups)
    return _convolution(
        "conv_transpose2d", 2, input, weight, bias, *parameters, eps, output_padding
    )


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    eps: Eps = None,
) -> Operation:
    """Return a transposed convolution of three axes: see `conv_transpose2d`."""
    parameters = (stride, padding, dilation, groups)
    return _convolution(
        "conv_transpose3d", 3, input, weight, bias, *parameters, eps, output_padding
    )


def _convolution(
    function: str,
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Padding | str,
    dilation: Pair,
    groups: int,
    eps: Eps,
    output_padding: Pair | None = None,
) -> Operation:
    arrays = {"x": held("input", input), "weight": held("weight", weight)}
    if bias is not None:
        arrays["bias"] = held("bias", bias)
    outer = tuple(map(int, arrays["x"].shape))
    batched = len(outer) != rank + 1
    geometry = Geometry.of(
        # Without images, one of zeros is computed, of which no entry is returned.
        (*(n or 1 for n in outer[:1]), *outer[1:]) if batched else (1, *outer),
        arrays["weight"].shape,
        stride=stride,
        padding=_padding(padding, arrays["weight"].shape[2:], stride, dilation),
        dilation=dilation,
        groups=groups,
        output_padding=0 if output_padding is None else output_padding,
        transposed=output_padding is not None,
        rank=rank,
        called="input",
    )
    spatial = index_names(rank)
    kernel = tuple("kernel " + axis for axis in spatial)
    channels = ("output channel", "input channel")[:: -1 if geometry.transposed else 1]
    batch = ("batch element",) * batched
    axes = {
        "x": (*batch, "input channel", *spatial),
        "weight": (*channels, *kernel),
        "bias": ("output channel",),
        "grad_output": (*batch, "output channel", *spatial),
    }
    arranged = {
        role: Arrangement.plain(
            shape if role in ("weight", "bias") else (*outer[:1] * batched, *shape[1:]), shape
        )
        for role, shape in geometry.shapes.items()
    }
    exported = {"x": "input", "weight": "weight", "bias": "bias", "grad_output": "output"}
    results = {
        role: computation_of(geometry, name).called_by(
            noun="output" if role == "grad_output" else f"{_NAMES[role]} gradient",
            axes=axes[role],
            names=_NAMES,
            arranged=arranged,
            result=arranged[role],
        )
        for role, name in exported.items()
    }
    return Bilinear(function, results, _NAMES).output(arrays, eps)


def _padding(padding: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return the padding as numbers, also of "valid" and "same", which pads more at the end, as in
    PyTorch.
    """
    if not isinstance(padding, str):
        return padding
    if padding == "valid":
        return 0
    if padding != "same":
        raise InputError(f"padding: expected numbers, 'same' or 'valid', got {padding!r:.60}")
    strides = stride if isinstance(stride, tuple | list) else [stride]
    if any(step != 1 for step in strides):
        raise InputError(f"padding: 'same' needs a stride of 1, got {stride!r:.60}")
    dilations = dilation if isinstance(dilation, tuple | list) else [dilation] * len(kernel)
    if len(dilations) != len(kernel) or not all(isinstance(step, int) for step in dilations):
        return 0  # `Geometry.of` says what is wrong with the dilation.
    totals = [int(d) * (int(k) - 1) for d, k in zip(dilations, kernel, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)
