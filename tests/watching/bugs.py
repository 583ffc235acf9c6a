"""Twelve defects in autograd functions, as kernels have them, and what the functions should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_input, conv2d_weight

from pybridge import ops

__all__ = ["BUGS", "Bug", "Layer", "autograd_function"]

Forward: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Backward: TypeAlias = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
_IMAGES, _KERNEL = (4, 4, 8, 8), (6, 4, 3, 3)


@dataclass(frozen=True)
class Bug:
    """A defect: the function that has it, what it should be, and the result that is wrong."""

    name: str
    result: str
    function: type[torch.autograd.Function]
    operation: Callable[[Tensor, Tensor], ops.Operation]
    x: tuple[int, ...]
    weight: tuple[int, ...]


class Layer(nn.Module):
    """A layer of one weight that applies a function."""

    def __init__(self, function: type[torch.autograd.Function], weight: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(weight) / 4)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function.apply(x, self.weight)  # type: ignore[no-any-return, no-untyped-call]


def autograd_function(forward: Forward, backward: Backward) -> type[torch.autograd.Function]:
    """Return a function of two operands."""

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *operands: Any) -> Any:
            ctx.save_for_backward(*operands)
            x, weight = operands
            return forward(x, weight)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            x, weight = ctx.saved_tensors
            return backward(x, weight, grads[0])

    return Kernel


def _convolution(x: Tensor, weight: Tensor) -> Tensor:
    return conv2d(x, weight, padding=1)


def _gradients(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return _input(x, weight, grad), _weight(x, weight, grad)


def _input(x: Tensor, weight: Tensor, grad: Tensor, **options: Any) -> Tensor:
    gradient: Tensor = conv2d_input(  # type: ignore[no-untyped-call]
        x.shape, weight, grad, padding=1, **options
    )
    return gradient


def _weight(x: Tensor, weight: Tensor, grad: Tensor, **options: Any) -> Tensor:
    gradient: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
        x, weight.shape, grad, padding=1, **options
    )
    return gradient


def _padding(x: Tensor, weight: Tensor) -> Tensor:
    return conv2d(pad(x, (2, 0, 1, 1)), weight)


def _scaled(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return _input(x, weight, grad), 1.001 * _weight(x, weight, grad)


def _flipped(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return _input(x, weight.flip(2, 3), grad), _weight(x, weight, grad)


def _undilated(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    wrong = _input(x, weight, pad(grad, (1, 1, 1, 1)))
    return wrong, _weight(x, weight, grad, dilation=2)


def _without_last_image(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return _input(x, weight, grad), _weight(x[:-1], weight, grad[:-1])


def _raced(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Lose the last image's share of every third channel, as if two blocks wrote one tile."""
    raced = _weight(x, weight, grad)
    raced[::3] -= _weight(x[-1:], weight, grad[-1:])[::3]
    return _input(x, weight, grad), raced


def _without_group(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    dropped = _weight(x, weight, grad, groups=2)
    dropped[3:] = 0
    return _input(x, weight, grad, groups=2), dropped


def _stale() -> Forward:
    """Return a kernel that keeps the weight of its first call, as if it were laid out once."""
    kept: list[Tensor] = []

    def run(x: Tensor, weight: Tensor) -> Tensor:
        kept.append(weight.detach().clone())
        return _convolution(x, kept[0])

    return run


def _buffered() -> Backward:
    """Return a kernel that adds to a buffer which still has the last step's gradient."""
    buffers: list[Tensor] = []

    def run(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        gradient = _weight(x, weight, grad)
        buffers.append(buffers[-1] + gradient if buffers else gradient)
        return _input(x, weight, grad), buffers[-1]

    return run


def _product(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight.T


def _products(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return grad @ weight, grad.T @ x


def _short(x: Tensor, weight: Tensor) -> Tensor:
    return (x.bfloat16() @ weight.T.bfloat16()).float()


def _transposed(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return grad @ weight, x.T @ grad


def _without_last_row(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    gradient, other = _products(x, weight, grad)
    gradient[-1] = 0
    return gradient, other


def _conv(name: str, result: str, forward: Forward, backward: Backward, **options: Any) -> Bug:
    weight = (6, 4 // options.get("groups", 1), 3, 3)
    options = {"padding": 1, **options}

    def operation(x: Tensor, weight: Tensor) -> ops.Operation:
        return ops.conv2d(x, weight, **options)

    return Bug(name, result, autograd_function(forward, backward), operation, _IMAGES, weight)


def _linear(name: str, result: str, forward: Forward, backward: Backward) -> Bug:
    return Bug(name, result, autograd_function(forward, backward), ops.linear, (8, 32), (32, 32))


BUGS = (
    _conv("scale of a gradient", "weight", _convolution, _scaled),
    _conv("padding off by one", "output", _padding, _gradients),
    _conv("kernel flipped", "input", _convolution, _flipped),
    _conv(
        "dilation forgotten",
        "input",
        lambda x, w: conv2d(x, w, padding=1, dilation=2),
        _undilated,
        dilation=2,
    ),
    _conv("last image lost", "weight", _convolution, _without_last_image),
    _conv("race", "weight", _convolution, _raced),
    _conv(
        "group dropped",
        "weight",
        lambda x, w: conv2d(x, w, padding=1, groups=2),
        _without_group,
        groups=2,
    ),
    _conv("stale weight", "output", _stale(), _gradients),
    _conv("stale gradient buffer", "weight", _convolution, _buffered()),
    _linear("sums in bfloat16", "output", _short, _products),
    _linear("transposed gradient", "weight", _product, _transposed),
    _linear("last row lost", "input", _product, _without_last_row),
)
