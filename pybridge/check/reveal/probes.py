"""Kernels to measure, each as the sum of terms that can be chosen one by one.

A sum of products has its terms in one operand, and ones in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.check.reveal.measure import SumOf, reveal
from pybridge.check.reveal.tree import SummationTree
from pybridge.check.torch.kernels import import_torch
from pybridge.errors import InputError
from pybridge.problem.geometry import Geometry, Padding, Pair, Window

__all__ = [
    "Probe",
    "Result",
    "numpy_dot",
    "numpy_matmul",
    "numpy_sum",
    "torch_conv2d",
    "torch_matmul",
    "torch_sum",
]

_Array: TypeAlias = npt.NDArray[Any]
Result: TypeAlias = Literal["output", "bias", "weight", "input"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A kernel as a function of the terms of one of its sums.

    `sum_of` takes an array [terms] of `dtype`; `name` says what it is.
    """

    name: str
    terms: int
    sum_of: SumOf
    dtype: str = "float32"

    def reveal(self, **options: Any) -> SummationTree:
        """Measure the kernel's tree with `reveal` and its options."""
        return reveal(self.sum_of, self.terms, dtype=self.dtype, **options)


def numpy_sum(terms: int, dtype: str = "float32") -> Probe:
    """Return `np.sum` of a contiguous array [terms]."""
    return Probe(f"np.sum, {dtype}", terms, lambda values: float(np.sum(values)), dtype)


def numpy_dot(terms: int, dtype: str = "float32") -> Probe:
    """Return `np.dot` of two arrays [terms], which is BLAS's for float32 and float64."""
    ones = np.ones(terms, dtype)
    return Probe(f"np.dot, {dtype}", terms, lambda values: float(np.dot(values, ones)), dtype)


def numpy_matmul(
    shape: tuple[int, int, int], entry: tuple[int, int] = (0, 0), dtype: str = "float32"
) -> Probe:
    """Return an entry of `np.matmul` of matrices [m, k] and [k, n], where shape is (m, k, n)."""
    a, b = np.ones(shape[:2], dtype), np.ones(shape[1:], dtype)

    def sum_of(values: _Array) -> float:
        a[entry[0]] = values
        return float(np.matmul(a, b)[entry])

    return Probe(f"np.matmul {_by(shape)}, {dtype}", shape[1], sum_of, dtype)


def torch_sum(terms: int, dtype: str = "float32", device: str = "cpu") -> Probe:
    """Return `torch.sum` of a contiguous tensor [terms]."""
    torch = import_torch()

    def sum_of(values: _Array) -> float:
        return float(_tensor(torch, values, dtype, device).sum())

    return Probe(f"torch.sum, {dtype}", terms, sum_of, dtype)


def torch_matmul(
    shape: tuple[int, int, int],
    entry: tuple[int, int] = (0, 0),
    dtype: str = "float32",
    device: str = "cpu",
) -> Probe:
    """Return an entry of `torch.matmul` of matrices [m, k] and [k, n], where shape is (m, k, n)."""
    torch = import_torch()
    kind = {"dtype": getattr(torch, dtype), "device": device}
    a, b = torch.ones(shape[:2], **kind), torch.ones(shape[1:], **kind)

    def sum_of(values: _Array) -> float:
        a[entry[0]] = _tensor(torch, values, dtype, device)
        return float((a @ b)[entry])

    return Probe(f"torch.matmul {_by(shape)}, {dtype}", shape[1], sum_of, dtype)


def torch_conv2d(
    which: Result,
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    entry: Sequence[int] | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    dtype: str = "float32",
    device: str = "cpu",
) -> Probe:
    """Return an entry of PyTorch's conv2d, or of its bias, weight or input gradient.

    The entry is in the middle of the result by default. Its terms are the products that read no
    padding. Parameters are those of `torch.nn.functional.conv2d`. Raises `InputError` if shapes or
    parameters do not fit, or PyTorch is not installed.
    """
    torch = import_torch()
    geometry = Geometry.of(
        x_shape, weight_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    shapes = {
        "output": geometry.output_shape,
        "bias": geometry.bias_shape,
        "weight": geometry.weight_shape,
        "input": geometry.x_shape,
    }
    if which not in shapes:
        raise InputError(f"which: expected one of {', '.join(shapes)}, got {which!r:.60}")
    shape = shapes[which]
    index = tuple(size // 2 for size in shape) if entry is None else tuple(entry)
    if len(index) != len(shape) or not all(0 <= k < n for k, n in zip(index, shape, strict=True)):
        raise InputError(f"entry: expected an index of an array of shape {shape}, got {index}")
    operand, places = _terms(which, geometry, index)
    kind = {"dtype": getattr(torch, dtype), "device": device}
    compute = _computed(torch, which, geometry, index, kind)
    chosen = tuple(torch.from_numpy(axis) for axis in places)

    def sum_of(values: _Array) -> float:
        return float(compute(operand, chosen, _tensor(torch, values, dtype, device)))

    what = which if which == "output" else f"{which} gradient"
    name = f"conv2d {what}, x {_by(geometry.x_shape)}, {dtype}"
    return Probe(name, len(places[0]), sum_of, dtype)


def _computed(
    torch: Any, which: Result, geometry: Geometry, index: tuple[int, ...], kind: dict[str, Any]
) -> Callable[..., Any]:
    """Return a function that computes the entry, all operands being ones except for its terms."""
    shapes = {
        "x": geometry.x_shape,
        "weight": geometry.weight_shape,
        "grad_output": geometry.output_shape,
    }
    operands = {name: torch.ones(shape, **kind) for name, shape in shapes.items()}
    axes = geometry.height, geometry.width
    arguments: dict[str, Any] = {
        "stride": tuple(axis.stride for axis in axes),
        "padding": tuple(axis.pad_begin for axis in axes),
        "dilation": tuple(axis.dilation for axis in axes),
        "groups": geometry.groups,
    }
    if any(axis.pad_begin != axis.pad_end for axis in axes):
        raise InputError("padding: PyTorch pads both sides alike, expected (height, width)")
    wanted = [which == "input", which == "weight", which == "bias"]

    def compute(operand: str, places: Any, terms: Any) -> Any:
        operands[operand][places] = terms
        x, weight = operands["x"], operands["weight"]
        if which == "output":
            return torch.nn.functional.conv2d(x, weight, None, **arguments)[index]
        gradients = torch.ops.aten.convolution_backward(
            operands["grad_output"],
            x,
            weight,
            [weight.shape[0]],
            *(arguments[name] for name in ("stride", "padding", "dilation")),
            False,
            [0, 0],
            arguments["groups"],
            wanted,
        )
        return gradients[wanted.index(True)][index]

    return compute


def _terms(
    which: Result, geometry: Geometry, index: tuple[int, ...]
) -> tuple[str, tuple[npt.NDArray[np.int64], ...]]:
    """Return the operand in which an entry's terms are chosen, and their places in it."""
    g = geometry
    axes = g.height, g.width
    if which in ("bias", "weight"):
        out, *rest = index
        kept = [list(range(axis.output)) for axis in axes]
        if which == "weight":
            kept = [
                [k for k in steps if _inside(axis, k, tap)]
                for axis, steps, tap in zip(axes, kept, rest[1:], strict=True)
            ]
        return "grad_output", _grid(range(g.batch), [out], *kept)
    image, channel, *place = index
    if which == "output":
        read = [
            [
                k * axis.stride + tap * axis.dilation - axis.pad_begin
                for tap in range(axis.kernel)
                if _inside(axis, k, tap)
            ]
            for axis, k in zip(axes, place, strict=True)
        ]
        first = channel // g.out_channels * g.in_channels
        return "x", _grid([image], range(first, first + g.in_channels), *read)
    group, within = divmod(channel, g.in_channels)
    taps = [
        [tap for tap in range(axis.kernel) if _reads(axis, tap, k)]
        for axis, k in zip(axes, place, strict=True)
    ]
    outs = range(group * g.out_channels, (group + 1) * g.out_channels)
    return "weight", _grid(outs, [within], *taps)


def _grid(*axes: Sequence[int]) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the indices of all combinations, axis by axis."""
    grid = np.meshgrid(*(np.array(axis, np.int64) for axis in axes), indexing="ij")
    return tuple(axis.ravel() for axis in grid)


def _inside(axis: Window, output: int, tap: int) -> bool:
    """Return whether an output reads the input, not padding, by a tap."""
    return 0 <= output * axis.stride + tap * axis.dilation - axis.pad_begin < axis.size


def _reads(axis: Window, tap: int, place: int) -> bool:
    """Return whether an output reads this place of the input by this tap."""
    steps = place + axis.pad_begin - tap * axis.dilation
    return steps % axis.stride == 0 and 0 <= steps // axis.stride < axis.output


def _tensor(torch: Any, values: _Array, dtype: str, device: str) -> Any:
    if values.dtype.kind == "f" and values.dtype.itemsize > 1:
        return torch.from_numpy(values).to(device)
    return torch.from_numpy(values.astype(np.float32)).to(device, getattr(torch, dtype))


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
