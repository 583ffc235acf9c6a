"""Derives what a call promises from its dtypes, its device and PyTorch's flags.

If several kernels may run, there are several promises, and a result has to keep one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pybridge.engine.accumulation import Accumulation, tf32
from pybridge.engine.tensor_cores import tensor_core
from pybridge.errors import InputError
from pybridge.ops import Operation

__all__ = ["promises"]

_ARCHITECTURES = {
    (7, 0): "volta",
    (7, 2): "volta",
    (7, 5): "turing",
    (8, 0): "ampere",
    (8, 6): "ampere",
    (8, 7): "ampere",
    (8, 9): "ada",
    (9, 0): "hopper",
    (10, 0): "blackwell",
    (10, 3): "blackwell",
    (12, 0): "blackwell",
}
"""The architecture of a CUDA device by its compute capability."""


def promises(actual: torch.Tensor, operation: Operation) -> Sequence[Accumulation | None]:
    """Return the promises of which a result has to keep one; None is its dtype's own promise.

    On the CPU, 16-bit numbers are summed in float32 and subnormal numbers may be flushed, as by
    oneDNN; float16 may also be summed in float16, if the processor has no instructions for it. The
    quotients of pooling are added in float32 or in the dtype itself. On a CUDA device, tensor cores
    may multiply 16-bit numbers and, if TF32 is allowed, float32.
    """
    what, arrays = operation.computation, operation.arrays
    kinds = {arrays[name].dtype for name in what.factors if name in arrays}
    if not what.multiplies and what.is_scaled:
        short = _output(actual)
        return [None, Accumulation(accumulate=short)] if short else [None]
    if actual.device.type == "cuda":
        return _cuda(actual, kinds)
    if kinds == {torch.float32}:
        output, short = _output(actual), _cpu_float32_precision()
        accumulations = [Accumulation(output=output)]
        return (
            accumulations
            if short is None
            else [*accumulations, Accumulation(operands=short, output=output)]
        )
    if kinds == {torch.bfloat16}:
        return [Accumulation(output=_output(actual), flushed=True)]
    if kinds == {torch.float16}:
        wide = Accumulation(output=_output(actual), flushed=True)
        return [wide, Accumulation(accumulate="float16", flushed=True)]
    return [None]


def _output(actual: torch.Tensor) -> str | None:
    """Return the format to which a sum in float32 is rounded for a result, if any."""
    name = str(actual.dtype).removeprefix("torch.")
    return name if name in ("bfloat16", "float16") else None


def _cpu_float32_precision() -> str | None:
    """Return the format to which oneDNN may round float32 operands, if any."""
    settings = {torch.get_float32_matmul_precision()}
    mkldnn = getattr(torch.backends, "mkldnn", None)
    for part in ("matmul", "conv"):
        settings.add(getattr(getattr(mkldnn, part, None), "fp32_precision", "none"))
    if settings & {"medium", "bf16"}:
        return "bfloat16"
    return "tf32" if settings & {"high", "tf32"} else None


def _cuda(actual: torch.Tensor, kinds: set[torch.dtype]) -> Sequence[Accumulation | None]:
    name = _ARCHITECTURES.get(torch.cuda.get_device_capability(actual.device))
    accumulations: list[Accumulation | None] = [None]
    for kind in kinds & {torch.bfloat16, torch.float16}:
        if name is not None:
            accumulations += _tensor_cores(name, str(kind).removeprefix("torch."))
    if kinds == {torch.float32} and _tf32_is_allowed():
        accumulations += [tf32("nearest"), tf32()]
        if name is not None:
            accumulations += _tensor_cores(name, "tf32")
    if name is not None and any(kind.itemsize == 1 for kind in kinds):
        accumulations += _tensor_cores(name, "float8")
    return accumulations


def _tensor_cores(architecture: str, dtype: str) -> list[Accumulation]:
    try:
        return [tensor_core(architecture, dtype)]
    except InputError:  # it has no instructions for the dtype
        return []


def _tf32_is_allowed() -> bool:
    """Return whether cuBLAS or cuDNN may round float32 operands to TF32."""
    cuda = torch.backends.cuda.matmul
    settings = {getattr(cuda, "fp32_precision", "none"), torch.get_float32_matmul_precision()}
    settings.add(getattr(getattr(torch.backends.cudnn, "conv", None), "fp32_precision", "none"))
    return bool(settings & {"tf32", "high", "medium"})
