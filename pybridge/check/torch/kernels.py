"""Runs PyTorch's own operations and their gradients, and knows what their kernels promise."""

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
from pybridge.problem.shapes import Pooling, Product, Shape

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
    "torch_results",
]

Device: TypeAlias = Literal["cpu", "cuda"]

DTYPES = ("float32", "tf32", "float64", "bfloat16", "float16")
"""PyTorch's dtypes; tf32 is float32 computed by tensor cores, which may cut operands to TF32."""

_REFUSALS = (RuntimeError, NotImplementedError, TypeError)


class Refused(Exception):
    """PyTorch does not compute this; the message is its first line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The device and dtype in which PyTorch computes."""

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
    """Return the devices that `auto` (the CPU, and a GPU if there is one), `cpu` or `cuda` means.

    Raises `InputError` for another name, and for `cuda` if PyTorch finds no GPU.
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
    """Return the settings of a device with each dtype; only a GPU has TF32."""
    return [Setting(device, d) for d in dtypes if device == "cuda" or d != "tf32"]


def import_torch() -> Any:
    """Return the module `torch`; `InputError` if it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise InputError(
            f"--against torch: PyTorch is not installed, expected {install_command('torch')}"
        ) from None


def describe(torch: Any, device: Device) -> str:
    """Return one line: the version of PyTorch and what it runs on."""
    if device == "cuda":
        what = torch.cuda.get_device_name()
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        what = f"{platform.machine()} {capability}, {torch.get_num_threads()} threads"
    return f"PyTorch {torch.__version__} on {device} ({what})"


def promises(torch: Any, setting: Setting) -> tuple[Accumulation, ...]:
    """Return what a setting's kernels promise, then what they are known to do instead.

    * float32, float64: every operation in the format itself.
    * 16 bits: sums in float32, rounded once. The bfloat16 instructions of a CPU read subnormal
      numbers as zero and never return them. If a CPU has no instructions for a format, PyTorch's
      own kernels unfold the input, and keep sums of several products in the format itself.
    * tf32: operands cut to TF32, sums in float32. A kernel may round the operands to nearest
      first. Tensor cores may round sums toward zero.
    """
    kept = Accumulation.of(setting.dtype)
    if setting.dtype == "tf32":
        both = kept, tf32("nearest")
        return *both, *(one.model_copy(update={"rounding": "toward-zero"}) for one in both)
    if setting.device == "cuda" and setting.format.precision < 24:
        return kept, kept.model_copy(update={"rounding": "toward-zero"})
    if setting.format.precision >= 24:
        return (kept,)
    if _has_instructions(torch, setting.format):
        return kept, kept.model_copy(update={"flushed": True})
    return kept, Accumulation(accumulate=setting.dtype)


def _has_instructions(torch: Any, format: FloatFormat) -> bool:
    """Return whether oneDNN computes in a format with 16 bits on this CPU."""
    short = "bf16" if format.name == "bfloat16" else "fp16"
    try:
        return bool(getattr(torch.ops.mkldnn, f"_is_mkldnn_{short}_supported")())
    except (AttributeError, RuntimeError):
        return False


def torch_results(
    torch: Any, setting: Setting, shape: Shape, operands: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return the output and the gradients, by autograd, under the names of the shape's results.

    `operands` are the shape's, in the setting's format; a bias or an addend may be left out. If the
    padding differs between the two ends of an axis, x is padded with zeros first, by
    `torch.nn.functional.pad`, or the output of a transposed convolution is cut. Average pooling
    divides by 1. Raises `Refused` if PyTorch does not compute it.
    """
    try:
        tensors = {
            name: _tensor(torch, array).to(setting.device) for name, array in operands.items()
        }
        grad_output = tensors.pop("grad_output")
        wanted = {name: tensor.requires_grad_() for name, tensor in tensors.items()}
        with _precision(torch, setting):
            output = _output(torch, shape, wanted)
            gradients = torch.autograd.grad(output, list(wanted.values()), grad_output)
    except _REFUSALS as error:
        raise Refused((str(error).strip() or type(error).__name__).splitlines()[0]) from None
    of_x = {} if isinstance(shape, Product) else {"x": "input"}
    named = {of_x.get(name, name): g for name, g in zip(wanted, gradients, strict=True)}
    return {name: to_numpy(name, tensor) for name, tensor in {"output": output, **named}.items()}


def _output(torch: Any, shape: Shape, operands: Mapping[str, Any]) -> Any:
    """Return the output of PyTorch's own function."""
    functional = torch.nn.functional
    if isinstance(shape, Product):
        return _product(torch, shape, **operands)
    x, windows = operands["x"], shape.windows
    begins, ends = [w.pad_begin for w in windows], [w.pad_end for w in windows]
    strides, dilations = [w.stride for w in windows], [w.dilation for w in windows]
    even = begins == ends
    pads = [pad for w in reversed(windows) for pad in (w.pad_begin, w.pad_end)]
    if isinstance(shape, Pooling):
        if set(dilations) != {1}:
            raise Refused("average pooling without dilation only")
        kernels = [w.kernel for w in windows]
        even = even and all(2 * pad <= kernel for pad, kernel in zip(begins, kernels, strict=True))
        return functional.avg_pool2d(
            x if even else functional.pad(x, pads),
            kernels,
            strides,
            begins if even else 0,
            divisor_override=1,
        )
    weight, bias = operands["weight"], operands.get("bias")
    if shape.transposed:
        extra = [w.output_padding for w in windows]
        function = getattr(functional, f"conv_transpose{shape.rank}d")
        padding = begins if even else 0
        output = function(x, weight, bias, strides, padding, extra, shape.groups, dilations)
        if even:
            return output
        kept = [slice(w.pad_begin, w.pad_begin + w.output) for w in windows]
        return output[:, :, *kept]
    function = getattr(functional, f"conv{shape.rank}d")
    padded = x if even else functional.pad(x, pads)
    return function(padded, weight, bias, strides, begins if even else 0, dilations, shape.groups)


def _product(torch: Any, shape: Product, x: Any, y: Any, addend: Any = None) -> Any:
    """Return the output of linear or matmul or, with an addend, of addmm or baddbmm."""
    if shape.P * shape.Q > 1:
        raise Refused("no sums of one operand alone")
    x, y = x[..., 0], y[..., 0]
    if shape.B > 1:
        y = y.transpose(1, 2)
        return torch.matmul(x, y) if addend is None else torch.baddbmm(addend, x, y)
    if addend is None:
        return torch.nn.functional.linear(x[0], y[0])[None]
    return torch.addmm(addend[0], x[0], y[0].T)[None]


@contextmanager
def _precision(torch: Any, setting: Setting) -> Iterator[None]:
    """Allow TF32 on a GPU if the setting's dtype is tf32, and forbid it otherwise."""
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
    """Return a tensor with a copy of an array."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())
