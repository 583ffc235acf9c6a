"""`python -m bench.cuda_layers`: a GPU's own convolutions, judged by what its hardware promises.

Runs layers of ResNet-50 and MobileNet in float32, TF32, float16 and bfloat16 on the device, forward
and backward, and judges every result by `tensor_core` of the device's architecture and by the
default promise of its dtype. A library may compute in float32 where TF32 is allowed, and may round
operands to TF32 to nearest before the instruction would cut them: each is tried. Defects are
planted in results on sharp operands. Matrix products whose sums cuBLAS returns in float32, of
operands down to eight bits, are judged as 1×1 convolutions. Exit status: 0 every honest result is
explained, and every defect is found; 1 otherwise; 2 no CUDA device.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch

from pybridge.testing import (
    Accumulation,
    Comparison,
    compare_gradient,
    compare_output,
    sharp_operands,
    tensor_core,
)

__all__ = ["main"]


@dataclass(frozen=True)
class Layer:
    """A convolution: channels in and out, kernel, image, and its options."""

    name: str
    channels: int
    filters: int
    kernel: int
    image: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @property
    def options(self) -> dict[str, int]:
        """Stride, padding and groups."""
        return {"stride": self.stride, "padding": self.padding, "groups": self.groups}


LAYERS = (
    Layer("stem 7×7", 3, 64, 7, 224, 2, 3),
    Layer("3×3 64→64", 64, 64, 3, 56, 1, 1),
    Layer("1×1 256→64", 256, 64, 1, 56),
    Layer("1×1 512→1024 s2", 512, 1024, 1, 28, 2),
    Layer("3×3 512→512", 512, 512, 3, 7, 1, 1),
    Layer("depthwise 3×3 144", 144, 144, 3, 56, 1, 1, 144),
)

_ARCHITECTURES = {(7, 0): "volta", (7, 5): "turing", (8, 0): "ampere", (8, 9): "ada"}
_ARCHITECTURES |= {(9, 0): "hopper", (10, 0): "blackwell"}
_DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


_FEW = 2**20
"""The most entries of results in which defects are planted: a failure is diagnosed on the host."""


@dataclass(frozen=True)
class Results:
    """The operands of a layer and what the device computed of them."""

    layer: Layer
    x: torch.Tensor
    weight: torch.Tensor
    grad_output: torch.Tensor
    values: dict[str, torch.Tensor]

    def compare(self, which: str, actual: Any, promise: Accumulation | None) -> Comparison:
        """The verdict on an array as one of the layer's results."""
        options: dict[str, Any] = {**self.layer.options, "accumulation": promise}
        if which == "output":
            return compare_output(actual, self.x, self.weight, **options)
        return compare_gradient(
            actual, self.x, self.weight, self.grad_output, which=cast(Any, which), **options
        )


def compute(layer: Layer, name: str, batch: int, sharp: bool, device: str) -> Results:
    """Forward and backward of a layer in a format on the device."""
    torch.backends.cudnn.allow_tf32 = name == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    dtype = _DTYPES[name]
    x_shape = (batch, layer.channels, layer.image, layer.image)
    weight_shape = (layer.filters, layer.channels // layer.groups, layer.kernel, layer.kernel)
    if sharp:
        drawn = sharp_operands(x_shape, weight_shape, seed=1, dtype="float32", **layer.options)
        x, weight, grad = (
            torch.from_numpy(getattr(drawn, key)) for key in ("x", "weight", "grad_output")
        )
    else:
        generator = torch.Generator().manual_seed(1)
        x, weight = (torch.randn(s, generator=generator) for s in (x_shape, weight_shape))
        out = (layer.image + 2 * layer.padding - layer.kernel) // layer.stride + 1
        grad = torch.randn((batch, layer.filters, out, out), generator=generator)
    x, weight, grad = (t.to(device, dtype) for t in (x, weight, grad))
    output = torch.nn.functional.conv2d(
        x, weight, None, layer.stride, layer.padding, 1, layer.groups
    )
    mask = [True, True, False]
    pair = [layer.stride] * 2, [layer.padding] * 2, [1, 1], False, [0, 0], layer.groups
    grad_input, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, weight, None, *pair, mask
    )
    values = {"output": output, "weight": grad_weight, "input": grad_input}
    return Results(layer, x, weight, grad, values)


def defects(which: str, value: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Wrong versions of a result."""
    yield "zero", torch.zeros_like(value)
    yield "doubled", value * 2
    lost = value.clone()
    lost[-1] = 0
    yield "the last index lost", lost
    yield "two channels swapped", value.roll(1, 1 if which != "weight" else 0)
    yield "flipped", value.flip(-1) if value.shape[-1] > 1 else value.neg()


def main() -> None:
    """Compute, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--layers", type=int, default=len(LAYERS))
    parser.add_argument("--dtypes", default=",".join(_DTYPES))
    chosen = parser.parse_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("bench.cuda_layers: no CUDA device: nothing was judged", file=sys.stderr)
        raise SystemExit(2)
    architecture = "hopper"
    if chosen.device == "cuda":
        capability = torch.cuda.get_device_capability()
        architecture = _ARCHITECTURES.get(capability, "ampere")
        print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}: {architecture}")
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    print("error / allowed and failing entries, by each promise that the kernel may keep")
    wrong = 0
    for name in chosen.dtypes.split(","):
        for layer in LAYERS[: chosen.layers]:
            for sharp in (False, True):
                wrong += _judge(layer, name, promises(architecture, name), sharp, chosen)
    if chosen.device == "cuda" and architecture in ("hopper", "blackwell"):
        wrong += sum(_judge_product(architecture, *row) for row in _products())
    raise SystemExit(1 if wrong else 0)


def _products() -> Iterator[tuple[str, str, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(words, dtype of the promise, A [M, K], B [K, N], A·B in float32) of cuBLAS."""
    generator = torch.Generator().manual_seed(2)
    one = torch.ones((), device="cuda")
    torch.backends.cuda.matmul.allow_tf32 = True
    for k in (512, 4096):
        for kind in ("normal", "positive", "wide"):
            a, b = (torch.randn(s, generator=generator) for s in ((256, k), (k, 256)))
            if kind == "positive":
                a, b = a.abs(), b.abs()
            if kind == "wide":
                a = a * torch.exp2(torch.randint(-8, 9, a.shape, generator=generator))
            a, b = a.cuda(), b.cuda()
            for dtype in (torch.float16, torch.bfloat16):
                x, y = a.to(dtype), b.to(dtype)
                name = str(dtype).removeprefix("torch.")
                product = torch.mm(x, y, out_dtype=torch.float32)
                yield f"{name} {kind} K={k}", name, x, y, product
            x, y = ((t.view(torch.int32) & -8192).view(torch.float32) for t in (a, b))
            yield f"tf32 {kind} K={k}", "tf32", x, y, x @ y
            for first in (torch.float8_e4m3fn, torch.float8_e5m2):
                limit = 400.0
                x, y = a.clamp(-limit, limit).to(first), b.to(torch.float8_e4m3fn)
                columns = y.t().contiguous().t()
                for fast in (True, False):
                    product = torch._scaled_mm(
                        x, columns, one, one, out_dtype=torch.float32, use_fast_accum=fast
                    )
                    words = f"{str(first)[6:]} {kind} K={k} fast={fast}"
                    yield words, "float8", x, y, product


def _judge_product(
    architecture: str,
    words: str,
    name: str,
    a: torch.Tensor,
    b: torch.Tensor,
    product: torch.Tensor,
) -> int:
    x, weight = a.float()[:, :, None, None], b.float().t().contiguous()[:, :, None, None]
    actual = product[:, :, None, None]
    found = []
    passed = False
    for label, promise in {
        "unit": tensor_core(architecture, name),
        "promote=128": tensor_core(architecture, name, promote=128),
        "any order": Accumulation(),
    }.items():
        verdict = compare_output(actual, x, weight, accumulation=promise)
        found.append(f"{label} {verdict.worst.ratio:.3g} ({verdict.failed})")
        passed = passed or (label != "any order" and verdict.passed)
    print(f"product {words:34} {', '.join(found)}", flush=True)
    return not passed


def promises(architecture: str, name: str) -> dict[str, Accumulation | None]:
    """What a library may promise, the sharpest first: it says not what it does."""
    if name == "float32":
        return {"float32": None}
    unit = tensor_core(architecture, name)
    if name != "tf32":
        return {"unit": unit, "default": None}
    nearest = unit.model_copy(update={"operand_rounding": "nearest"})
    return {"float32": None, "cut": unit, "nearest": nearest}


def _judge(
    layer: Layer,
    name: str,
    kept: dict[str, Accumulation | None],
    sharp: bool,
    chosen: argparse.Namespace,
) -> int:
    wrong = 0
    results = compute(layer, name, chosen.batch, sharp, chosen.device)
    for which, value in results.values.items():
        words, power, explained, first = [], 0.0, False, None
        for label, promise in kept.items():
            found = results.compare(which, value, promise)
            words.append(f"{label} {found.worst.ratio:.3g} ({found.failed})")
            if found.passed and not explained:
                explained, power, first = True, found.power, promise
            if found.passed and name == "tf32":
                break
        missed = []
        if sharp and explained and value.numel() <= _FEW:
            missed = [
                defect
                for defect, bad in defects(which, value)
                if results.compare(which, bad, first).passed
            ]
        wrong += (not explained) + bool(missed)
        print(
            f"{name:9} {layer.name:18} {'sharp' if sharp else 'normal':6} {which:7} "
            f"{', '.join(words):60} power {power:5.2f}   missed: {', '.join(missed) or '-'}",
            flush=True,
        )
    return wrong


if __name__ == "__main__":
    main()
