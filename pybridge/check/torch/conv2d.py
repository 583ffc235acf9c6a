"""PyTorch's own conv2d and its gradients, and the arithmetic that each of its kernels promises."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from pybridge.engine.accumulation import Accumulation, tf32
from pybridge.errors import InputError
from pybridge.extras import install_command
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import FloatArray, FloatFormat, find_format
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import OPERANDS

__all__ = [
    "DTYPES",
    "Device",
    "Refused",
    "Setting",
    "describe",
    "devices",
    "import_torch",
    "promises",
    "settings",
    "torch_conv2d",
]

Device: TypeAlias = Literal["cpu", "cuda"]

DTYPES = ("float32", "tf32", "float64", "bfloat16", "float16")
"""What PyTorch computes in; tf32 is float32 where tensor cores may round the operands to TF32."""

_REFUSALS = (RuntimeError, NotImplementedError, TypeError)


class Refused(Exception):
    """PyTorch does not compute this; the message is its first line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where PyTorch computes, and in what."""

    device: Device
    dtype: str

    @property
    def format(self) -> FloatFormat:
        """The format of operands and results."""
        return find_format("float32" if self.dtype == "tf32" else self.dtype)

    @property
    def label(self) -> str:
        """`dtype`, or `cuda dtype`."""
        return self.dtype if self.device == "cpu" else f"{self.device} {self.dtype}"


def devices(torch: Any, name: str) -> tuple[Device, ...]:
    """The devices that `auto` (the CPU, and the GPU where there is one), `cpu` or `cuda` means.

    Raises `InputError` for another name, and for `cuda` where PyTorch finds no GPU.
    """
    available = bool(torch.cuda.is_available())
    match name:
        case "auto":
            return ("cpu", "cuda") if available else ("cpu",)
        case "cpu":
            return ("cpu",)
        case "cuda" if available:
            return ("cuda",)
        case "cuda":
            raise InputError("--device cuda: PyTorch finds no GPU, expected cpu or auto")
    raise InputError(f"--device: expected one of auto, cpu, cuda, got {name!r:.60}")


def settings(device: Device, dtypes: Sequence[str]) -> list[Setting]:
    """The settings of a device among dtypes; TF32 is a GPU's."""
    return [Setting(device, d) for d in dtypes if device == "cuda" or d != "tf32"]


def import_torch() -> Any:
    """PyTorch; `InputError` when it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise InputError(
            f"--against torch: PyTorch is not installed, expected {install_command('torch')}"
        ) from None


def describe(torch: Any, device: Device) -> str:
    """One line: the version of PyTorch and what it runs on."""
    if device == "cuda":
        what = torch.cuda.get_device_name()
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        what = f"{platform.machine()} {capability}, {torch.get_num_threads()} threads"
    return f"PyTorch {torch.__version__} on {device} ({what})"


def promises(torch: Any, setting: Setting) -> tuple[Accumulation, ...]:
    """The arithmetic that a setting's kernels promise, then what they are known to do instead.

    * float32, float64: every operation in the format itself.
    * 16 bits: sums in float32, rounded once. The bfloat16 instructions of a CPU take subnormal
      numbers for zero and give none; where it has no instructions for a format, PyTorch's own
      kernels unfold the input, and keep sums of several such products in the format itself.
    * tf32: operands cut to TF32, sums in float32. A kernel may round the operands to nearest
      before. Tensor cores may round sums toward zero.
    """
    kept = Accumulation.of(setting.dtype)
    if setting.dtype == "tf32":
        found = kept, tf32("nearest")
        return *found, *(one.model_copy(update={"rounding": "toward-zero"}) for one in found)
    if setting.device == "cuda" and setting.format.precision < 24:
        return kept, kept.model_copy(update={"rounding": "toward-zero"})
    if setting.format.precision >= 24:
        return (kept,)
    if _has_instructions(torch, setting.format):
        return kept, kept.model_copy(update={"flushed": True})
    return kept, Accumulation(accumulate=setting.dtype)


def _has_instructions(torch: Any, format: FloatFormat) -> bool:
    """Whether oneDNN computes in a format with 16 bits on this CPU."""
    short = "bf16" if format.name == "bfloat16" else "fp16"
    try:
        return bool(getattr(torch.ops.mkldnn, f"_is_mkldnn_{short}_supported")())
    except (AttributeError, RuntimeError):
        return False


def torch_conv2d(
    torch: Any, setting: Setting, geometry: Geometry, operands: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """The output (`output`) and the `bias`, `weight` and `input` gradients, by autograd.

    `operands` are x, weight, bias and grad_output, of the geometry's shapes and the setting's
    format. Where the padding differs between the two ends of an axis, x is padded with zeros first,
    by `torch.nn.functional.pad`. Raises `Refused` when PyTorch does not compute it.
    """
    functional = torch.nn.functional
    height, width = geometry.height, geometry.width
    pads = (width.pad_begin, width.pad_end, height.pad_begin, height.pad_end)
    symmetric = pads[0] == pads[1] and pads[2] == pads[3]
    try:
        x, weight, bias, grad_output = (
            _tensor(torch, operands[name]).to(setting.device) for name in OPERANDS
        )
        wanted = [tensor.requires_grad_() for tensor in (x, weight, bias)]
        with _precision(torch, setting):
            output = functional.conv2d(
                x if symmetric else functional.pad(x, pads),
                weight,
                bias,
                stride=(height.stride, width.stride),
                padding=(pads[2], pads[0]) if symmetric else 0,
                dilation=(height.dilation, width.dilation),
                groups=geometry.groups,
            )
            found = torch.autograd.grad(output, wanted, grad_output)
    except _REFUSALS as error:
        raise Refused((str(error).strip() or type(error).__name__).splitlines()[0]) from None
    tensors = dict(zip(("output", "input", "weight", "bias"), (output, *found), strict=True))
    return {name: to_numpy(name, tensor) for name, tensor in tensors.items()}


@contextmanager
def _precision(torch: Any, setting: Setting) -> Iterator[None]:
    """TF32 allowed on a GPU if the setting says so."""
    if setting.device == "cpu":
        yield
        return
    flags = torch.backends.cudnn.flags(enabled=True, allow_tf32=setting.dtype == "tf32")
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = setting.dtype == "tf32"
    try:
        with flags:
            yield
    finally:
        matmul.allow_tf32 = before


def _tensor(torch: Any, array: FloatArray) -> Any:
    """A tensor with a copy of an array."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())
