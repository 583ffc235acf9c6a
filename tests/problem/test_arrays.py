"""What is accepted as an array: tensors, DLPack, sequences; and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pybridge.errors import InputTypeError
from pybridge.problem.arrays import shared_tensor, to_numpy


class Exporter:
    """Has DLPack and nothing else."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


class Elsewhere(Exporter):
    """Says that it is on a CUDA device."""

    def __dlpack_device__(self) -> Any:
        return (2, 0)


class LikeCuPy(Elsewhere):
    """Refuses to become NumPy's by itself."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def get(self) -> Any:
        return self.array.copy()


class Unreachable(Elsewhere):
    def __dlpack__(self, **kwargs: Any) -> Any:
        raise BufferError("cannot copy it to the host")


class Pinned(Exporter):
    """In memory of the host that a device reads, too: no NumPy array takes it as it is."""

    def __dlpack_device__(self) -> Any:
        return (3, 0)


def test_arrays_on_devices_are_tensors_of_the_same_memory(torch: Any) -> None:
    array = np.arange(6.0)
    tensor = shared_tensor(Pinned(array))
    tensor[0] = 7
    assert isinstance(tensor, torch.Tensor)
    assert array[0] == 7
    for values in (array, tensor, Exporter(array), Elsewhere(array), Unreachable(array), [1.0]):
        assert shared_tensor(values) is values


def test_arrays_sequences_and_dlpack() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert to_numpy("x", array) is array
    assert to_numpy("x", array.tolist()).tolist() == array.tolist()
    assert np.shares_memory(to_numpy("x", Exporter(array)), array)
    for elsewhere in (Elsewhere(array), LikeCuPy(array)):
        copied = to_numpy("x", elsewhere)
        assert copied.tolist() == array.tolist()
        assert not np.shares_memory(copied, array)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
def test_other_byte_orders_are_copied_to_the_machine_s(dtype: str) -> None:
    native = np.arange(6, dtype=dtype).reshape(2, 3)
    swapped = native.astype(native.dtype.newbyteorder())
    assert not swapped.dtype.isnative
    for view in (swapped, swapped[:, ::2], swapped.T):
        array = to_numpy("x", view)
        assert array.dtype == native.dtype
        assert array.dtype.isnative
        assert array.tolist() == view.tolist()


@pytest.mark.parametrize(
    "dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
)
def test_short_dtypes_stay(dtype: Any) -> None:
    array = np.array([0.5, -1.5], dtype)
    assert to_numpy("x", array) is array


@pytest.mark.parametrize(
    "bad", [[[1.0], [1.0, 2.0]], np.ma.masked_array([1.0]), Unreachable(np.ones(2))]
)
def test_what_is_no_array_is_refused(bad: Any) -> None:
    with pytest.raises(InputTypeError, match=r"^x: expected an array [^\n]*$"):
        to_numpy("x", bad)


def test_tensors(torch: Any) -> None:
    tensor = torch.arange(12.0).reshape(3, 4)
    for t in (
        tensor,
        tensor.T,
        tensor[:, ::2],
        torch.nn.Parameter(tensor),
        tensor.requires_grad_(),
    ):
        array = to_numpy("x", t)
        assert array.tolist() == t.tolist()
        assert array.dtype == np.float32
        assert array.__array_interface__["data"][0] == t.data_ptr()
    half = tensor.detach().to(torch.bfloat16)
    for t in (half, half.T, half[1:, 1:3], half[0, 0]):
        array = to_numpy("x", t)
        assert array.dtype == ml_dtypes.bfloat16
        assert array.astype(np.float32).tolist() == t.tolist()
        assert array.__array_interface__["data"][0] == t.data_ptr()
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"):
        eighths = (tensor.detach() / 8).to(getattr(torch, name))
        for t in (eighths, eighths.T, eighths[1:, 1:3], eighths[0, 0]):
            array = to_numpy("x", t)
            assert array.dtype == getattr(ml_dtypes, name)
            assert array.astype(np.float32).tolist() == t.float().tolist()
            assert array.__array_interface__["data"][0] == t.data_ptr()
    assert to_numpy("x", torch._neg_view(tensor.detach())).tolist() == (-tensor).tolist()


def test_tensors_that_are_no_arrays_are_refused(torch: Any) -> None:
    for bad in (torch.ones(2, 2).to_sparse(), torch.ones(2, device="meta")):
        with pytest.raises(InputTypeError, match=r"^x: expected an array of floats: [^\n]*$"):
            to_numpy("x", bad)


def test_torch_is_not_imported() -> None:
    code = (
        "import sys, numpy, pybridge.problem.arrays as a; a.to_numpy('x', numpy.ones(2)); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
