"""Weight gradients by PyTorch, honest and with planted defects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pybridge.problem.geometry import Geometry

__all__ = ["HONEST", "Operands", "gradients", "weight_gradients"]

HONEST = "honest: PyTorch's own"


@dataclass(frozen=True, slots=True)
class Operands:
    """Tensors of one dtype: what an honest kernel reads."""

    geometry: Geometry
    x: Any
    weight: Any
    grad_output: Any

    @property
    def arguments(self) -> dict[str, int]:
        """The arguments of `torch.nn.functional.conv2d`, which are alike on both axes."""
        axis = self.geometry.height
        return {"stride": axis.stride, "padding": axis.pad_begin, "dilation": axis.dilation}


def gradients(torch: Any, operands: Operands) -> dict[str, Any]:
    """Return the output, without a bias, and the three gradients of PyTorch's autograd."""
    x = operands.x.clone().requires_grad_()
    weight = operands.weight.clone().requires_grad_()
    bias = torch.zeros(operands.grad_output.shape[1], dtype=x.dtype, requires_grad=True)
    output = torch.nn.functional.conv2d(x, weight, bias, **operands.arguments)
    output.backward(operands.grad_output)
    return {
        "output": output.detach(),
        "weight": weight.grad,
        "input": x.grad,
        "bias": bias.grad,
    }


def weight_gradients(torch: Any, operands: Operands, honest: Any) -> Iterator[tuple[str, Any]]:
    """Yield defects by name, each with the weight gradient that it computes.

    All sums that a defect needs are in float32, rounded to the dtype of the operands at the end.
    """
    dtype = operands.x.dtype
    x, grad = operands.x.float(), operands.grad_output.float()

    def kernel(x: Any, grad: Any) -> Any:
        return torch.nn.grad.conv2d_weight(x, operands.weight.shape, grad, **operands.arguments)

    yield "all zero", torch.zeros_like(honest)
    yield "negated", -honest
    yield "output channels rotated by one", honest.roll(1, 0)
    yield "tripled", 3 * honest
    rest = torch.zeros(honest.shape)
    narrow = torch.zeros(honest.shape, dtype=torch.bfloat16)
    for image in range(x.shape[0] - 1):
        part = kernel(x[image : image + 1], grad[image : image + 1])
        rest += part
        narrow += part.bfloat16()
    yield "last image lost", rest.to(dtype)
    narrow += kernel(x[-1:], grad[-1:]).bfloat16()
    short = grad[-1:].clone()
    short[:, :, -1] = 0
    yield "an output row of the last image lost", (rest + kernel(x[-1:], short)).to(dtype)
    shifted = torch.zeros_like(x)
    shifted[:, :, :-1, :-1] = x[:, :, 1:, 1:]
    yield "padding off by one", kernel(shifted, grad).to(dtype)
    if dtype == torch.float32:
        yield "result through bfloat16", honest.bfloat16().float()
    yield "bfloat16 partial sums, one per image", narrow.to(dtype)
