"""PyTorch carries out the same plans, on its device, and what would spoil them is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import geometries
from test_products import CONTRACTIONS, LARGER, exact, integers, operands

from pybridge.engine import blas, estimator, spot
from pybridge.engine.backend import HOST, PyTorch, backend_of, require_no_emulation
from pybridge.engine.blas import contract
from pybridge.engine.dense import divided_reduction, partial_sums, split_contraction
from pybridge.engine.entries import some_entries
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.spot import thread_fault
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.problem.geometry import Geometry

torch = pytest.importorskip("torch")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
DTYPES = {"float16", "bfloat16", "float32", "float64"}

on_devices = pytest.mark.parametrize("device", DEVICES)


def tensors(arrays: dict[str, Any], dtype: str, device: str) -> dict[str, Any]:
    return {
        key: torch.from_numpy(value).to(device, getattr(torch, dtype))
        for key, value in arrays.items()
    }


def backend(device: str) -> PyTorch:
    chosen = backend_of(torch.zeros(1, device=device))
    assert isinstance(chosen, PyTorch)
    return chosen


@on_devices
@settings(max_examples=150, deadline=None)
@given(
    geometry=geometries(),
    name=st.sampled_from(sorted(CONTRACTIONS)),
    dtype=st.sampled_from(["float32", "float64"]),
    held_in=st.sampled_from(sorted(DTYPES)),
    absolute=st.booleans(),
    ones=st.sampled_from(["", "", "x", "weight", "grad_output"]),
    buffer=st.sampled_from([1, 24, 400, 1 << 20]),
    narrow=st.sampled_from([1, 2, 16]),
    most=st.sampled_from([None, 1, 4]),
    seed=st.integers(0, 2**32),
)
def test_exact_on_small_integers(
    device: str,
    geometry: Geometry,
    name: str,
    dtype: str,
    held_in: str,
    absolute: bool,
    ones: str,
    buffer: int,
    narrow: int,
    most: int | None,
    seed: int,
) -> None:
    split = split_contraction(CONTRACTIONS[name], geometry.parameters(), most=most)
    arrays = integers(geometry, seed)
    stored = tensors(arrays, held_in, device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "_BUFFER", buffer)
        patch.setattr(blas, "_DEVICE_BUFFERS", (buffer, buffer))
        patch.setattr(blas, "_NARROW", narrow)
        result = contract(
            split, operands(split, stored, ones), dtype, absolute=absolute, backend=backend(device)
        )
    assert result.device.type == device
    assert result.dtype == getattr(torch, dtype)
    if absolute:
        arrays = {key: np.abs(value) for key, value in arrays.items()}
    if ones in arrays:
        arrays[ones] = np.ones_like(arrays[ones])
    expected = exact(geometry, arrays, name)
    assert tuple(result.shape) == expected.shape
    assert (result.cpu().numpy() == expected).all()


@on_devices
@pytest.mark.parametrize("name", ["output", "weight", "input", "bias"])
@pytest.mark.parametrize("shape", LARGER)
def test_larger_shapes(name: str, shape: str, device: str) -> None:
    geometry = LARGER[shape]
    split = split_contraction(CONTRACTIONS[name], geometry.parameters())
    arrays = integers(geometry, 7)
    held = tensors(arrays, "bfloat16", device)
    for dtype in (np.float32, np.float64):
        result = contract(split, operands(split, held), dtype, backend=backend(device))
        assert (result.cpu().numpy() == exact(geometry, arrays, name)).all()


@pytest.mark.parametrize("device", ["numpy", *DEVICES])
@settings(max_examples=60, deadline=None)
@given(
    geometry=geometries(),
    name=st.sampled_from(["output", "weight", "input"]),
    dtype=st.sampled_from(["float32", "float64"]),
    room=st.sampled_from([1, 200, 1 << 21]),
    most=st.sampled_from([1, 1 << 11]),
    seed=st.integers(0, 2**32),
)
def test_slices_and_their_partial_sums(
    device: str, geometry: Geometry, name: str, dtype: str, room: int, most: int, seed: int
) -> None:
    """Slices, few steps at a time, and single entries are the result, and no part of the terms has
    more than its share.
    """
    arrays = {key: np.abs(array) for key, array in integers(geometry, seed).items()}
    ones = {key: np.ones_like(array) for key, array in arrays.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "_ROOM", (room, room))
        patch.setattr(estimator, "_DEVICE_ROOM", (room, room))
        patch.setattr(estimator, "_LATTICES", most)
        of_ones, of_integers = (
            Estimator(
                CONTRACTIONS[name],
                geometry.parameters(),
                {key: Inexact(value) for key, value in held.items() if key != "bias"},
                load_definitions(),
            )
            for held in (
                {key: array.astype(np.float16) for key, array in values.items()}
                if device == "numpy"
                else tensors(values, "bfloat16", device)
                for values in (ones, arrays)
            )
        )
    whole = exact(geometry, arrays, name)
    counts = np.broadcast_to(of_ones.counts - len(of_ones.added), whole.shape)
    sums = partial_sums(of_ones.split, divided_reduction(of_ones.split))
    dealt = [np.broadcast_to(part.counts, whole.shape) for part in sums.parts]
    kinds, which = of_ones.dealt
    each = np.array(kinds)[np.broadcast_to(which, whole.shape)]
    assert (each[..., 0] == of_ones.counts).all()
    assert (each[..., 1] == np.count_nonzero(dealt, axis=0)).all()
    assert (each[..., 2] == np.max(dealt, axis=0)).all()
    covered = np.zeros(whole.shape, int)
    for (at, counting), (_, own) in zip(
        of_ones.slices(np.dtype(dtype)), of_integers.slices(np.dtype(dtype)), strict=True
    ):
        covered[at] += 1
        assert (sum(as_array(part) for part in own.in_parts(dtype)[0]) == whole[at]).all()
        assert (as_array(own.value(dtype)) == whole[at]).all()
        parts = [as_array(part) for part in counting.in_parts(dtype)[0]]
        assert (sum(parts) == counts[at]).all()
        for part, wanted in zip(parts, dealt, strict=True):
            assert (part == wanted[at]).all()
    assert (covered == 1).all()
    for singly in some_entries(of_integers, np.arange(whole.size)):
        assert (singly == whole.ravel()).all()


def as_array(array: Any) -> Any:
    return backend_of(array).to_host(array)


@on_devices
@pytest.mark.parametrize("kind", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
def test_no_thread_flushes_or_cuts(kind: np.dtype[Any], device: str) -> None:
    assert thread_fault(kind, backend(device)) is None


@on_devices
@pytest.mark.parametrize("precision", ["high", "medium"])
def test_shorter_formats_are_switched_off_and_on_again(precision: str, device: str) -> None:
    """Under `medium`, PyTorch may multiply in bfloat16 on a CPU, and in TF32 on CUDA."""
    ours = backend(device)
    rng = np.random.default_rng(5)
    held = {
        key: torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(device)
        for key, shape in {"x": (4, 64, 32, 32), "weight": (64, 64, 1, 1)}.items()
    }
    split = split_contraction(
        CONTRACTIONS["output"], Geometry.of((4, 64, 32, 32), (64, 64, 1, 1)).parameters()
    )
    before = torch.get_float32_matmul_precision()
    matmul = (torch.backends.mkldnn if device == "cpu" else torch.backends.cuda).matmul
    torch.set_float32_matmul_precision(precision)
    try:
        set_to = matmul.fp32_precision
        with torch.autocast(device, torch.bfloat16):
            result = contract(split, operands(split, held), np.float32, backend=ours)
        assert matmul.fp32_precision == set_to
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    expected = contract(split, operands(split, held), np.float64, backend=ours)
    assert float((result - expected).abs().max()) < 1e-4


def test_the_newer_setting_alone_is_switched_off_and_on_again() -> None:
    """PyTorch refuses to report the older setting while it disagrees with the newer one."""
    holder = torch.backends.mkldnn.matmul
    before = holder.fp32_precision
    holder.fp32_precision = "bf16"
    try:
        with backend("cpu").exact_products():
            assert holder.fp32_precision == "ieee"
        assert holder.fp32_precision == "bf16"
    finally:
        holder.fp32_precision = before
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("fault", ["TF32", "nothing"])
def test_products_that_are_wrong_are_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = backend("cpu")

    def product(a: Any, b: Any, *, out: Any) -> None:
        cut = [(m.contiguous().view(torch.int32) & ~0x1FFF).view(torch.float32) for m in (a, b)]
        out.copy_(torch.matmul(*cut) if fault == "TF32" else torch.zeros_like(out))

    geometry = LARGER["3x3"]
    rng = np.random.default_rng(2)
    held = {
        key: torch.from_numpy(rng.standard_normal(array.shape, dtype=np.float32))
        for key, array in integers(geometry, 2).items()
    }
    split = split_contraction(CONTRACTIONS["weight"], geometry.parameters())
    monkeypatch.setattr(torch, "mm", product)
    monkeypatch.setattr(torch, "bmm", product)
    monkeypatch.setattr(spot, "thread_fault", lambda *_: None)
    with pytest.raises(FloatingPointError, match="errs by more than rounding can"):
        contract(split, operands(split, held), np.float32, absolute=True, backend=ours)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUBLAS_EMULATE_DOUBLE_PRECISION", "1"),
        ("CUBLAS_EMULATE_SINGLE_PRECISION", "1"),
        ("CUBLAS_EMULATION_STRATEGY", "eager"),
        ("NVIDIA_TF32_OVERRIDE", "1"),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16"),
    ],
)
def test_emulation_by_the_environment_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_no_emulation({name: "0"} if name.endswith(("PRECISION", "OVERRIDE")) else {})
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=rf"^the environment variable {name} is '{value}': .*$"):
        thread_fault(np.dtype(np.float64), backend("cpu"))


def test_arrays_of_two_places_are_refused() -> None:
    assert backend_of(np.zeros(1), None) is HOST
    assert backend_of(torch.zeros(1), None) is backend_of(torch.ones(2))
    with pytest.raises(InputError, match="expected tensors on one device"):
        backend_of(torch.zeros(1), torch.zeros(1, device="meta"))
    with pytest.raises(InputError, match="or on the host"):
        backend_of(torch.zeros(1), np.zeros(1))
