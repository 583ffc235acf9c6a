"""PyTorch tensors, and whatever else holds an array, as NumPy arrays.

PyTorch is imported only for an array that another library, as CuPy or JAX, holds on a device: a
tensor brings it along.
"""

from __future__ import annotations

import sys
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from pybridge.errors import InputTypeError

__all__ = ["may_stay", "shared_tensor", "to_numpy"]

_STAYING = ("float16", "bfloat16", "float32", "float64")


def may_stay(*values: Any) -> bool:
    """Return whether all values that are not None are PyTorch tensors that can be computed with
    where they are: on one CPU or CUDA device, strided, of one of the formats, and of no subclass.
    """
    torch = sys.modules.get("torch")
    tensors = [value for value in values if value is not None]
    if torch is None or not all(
        type(value) in (torch.Tensor, torch.nn.Parameter) for value in tensors
    ):
        return False
    return len({tensor.device for tensor in tensors}) == 1 and all(
        tensor.device.type in ("cpu", "cuda")
        and tensor.layout == torch.strided
        and str(tensor.dtype).removeprefix("torch.") in _STAYING
        for tensor in tensors
    )


def shared_tensor(values: Any) -> Any:
    """Return an array that another library holds on a device as a tensor of the same memory, by
    DLPack, if PyTorch is installed and takes it; other values as they are.
    """
    device = getattr(values, "__dlpack_device__", None)
    tensor = type(values).__module__.startswith("torch")
    if tensor or isinstance(values, np.ndarray) or not callable(device) or device()[0] == 1:
        return values
    try:
        import torch.utils.dlpack

        return torch.utils.dlpack.from_dlpack(values)
    except (ImportError, AssertionError, BufferError, RuntimeError, TypeError, ValueError):
        return values  # `to_numpy` copies it to the host, or says why that cannot be.


def to_numpy(name: str, values: Any) -> npt.NDArray[Any]:
    """Return `values` as a NumPy array, which shares their memory if it can.

    Accepts PyTorch tensors (on any device, requiring a gradient or not, bfloat16 and float8 as the
    dtypes of `ml_dtypes`), objects with NumPy's array protocol or `__dlpack__`, and sequences. An
    array in another byte order is copied to the machine's. `name` is how errors name the array.
    Raises `InputTypeError` for what is not an array of numbers.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise InputTypeError(f"{name}: expected an array without a mask, got a masked array")
    try:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(values, torch.Tensor):
            return _tensor(torch, values)
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            return _native(_dlpack(values))
        if _is_cupy_like(values):
            return _native(np.asarray(values.get()))
        return _native(np.asarray(values))
    except (ValueError, TypeError, RuntimeError, BufferError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise InputTypeError(f"{name}: expected an array of floats: {reason}") from None


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array in the machine's byte order: the same values."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _tensor(torch: Any, tensor: Any) -> npt.NDArray[Any]:
    tensor = tensor.detach().cpu().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    if name.startswith(("bfloat16", "float8")) and hasattr(ml_dtypes, name):
        bits: npt.NDArray[Any] = tensor.view(
            torch.uint8 if tensor.itemsize == 1 else torch.int16
        ).numpy()
        return bits.view(getattr(ml_dtypes, name))
    array: npt.NDArray[Any] = tensor.numpy()
    return array


def _is_cupy_like(values: Any) -> bool:
    """Return whether an array is on a device and copied to the host by `get` alone, as CuPy's
    are.
    """
    device = getattr(values, "__dlpack_device__", None)
    return callable(device) and device()[0] != 1 and callable(getattr(values, "get", None))


def _dlpack(values: Any) -> npt.NDArray[Any]:
    """Return a DLPack object as an array, copied to the host if it is on a device."""
    on_host = values.__dlpack_device__()[0] == 1
    if on_host:
        return np.from_dlpack(values)
    from_dlpack: Any = np.from_dlpack
    array: npt.NDArray[Any] = from_dlpack(values, device="cpu", copy=True)
    return array
