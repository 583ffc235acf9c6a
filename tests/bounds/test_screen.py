"""The screen passes nothing that the judge does not, and says the same of what passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from strategies import data, geometries

from pybridge.bounds import comparison, screen, sure
from pybridge.bounds.applied import Applied
from pybridge.bounds.comparison import compare
from pybridge.bounds.conv2d import conv2d_result
from pybridge.bounds.judge import Judge
from pybridge.bounds.kernel_result import KernelResult
from pybridge.engine import estimator
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.backend import HOST, backend_of
from pybridge.errors import InputError, NotProvedError
from pybridge.exported.document import load_definitions
from pybridge.problem.computation import conv2d_computation
from pybridge.problem.formats import FORMATS
from pybridge.problem.geometry import Geometry, Parameters
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result
from pybridge.problem.rounding import round_to
from pybridge.testing import compare_gradient, compare_output, tensor_core, tf32

torch = pytest.importorskip("torch")

DEVICES = ["numpy", "cpu", *(["cuda"] if torch.cuda.is_available() else [])]
on_backends = pytest.mark.parametrize("device", DEVICES)
on_devices = pytest.mark.parametrize("device", DEVICES[1:])
PROMISES = [
    None,
    Accumulation(),
    Accumulation(accumulate="float64"),
    Accumulation(operands="bfloat16"),
    Accumulation(accumulate="bfloat16"),
    Accumulation(flushed=True),
    Accumulation(depth=3),
    tf32(),
    tf32("nearest"),
    tensor_core("hopper", "bfloat16"),
    tensor_core("volta", "float16", accumulate="float16"),
]


def moved(returned: KernelResult, device: str) -> KernelResult:
    """Return the same result with tensors in device of arrays."""
    if device == "numpy":
        return returned

    def tensor(array: Any) -> Any:
        if array.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16).to(device)
        return torch.from_numpy(array.copy()).to(device)

    operands = {
        key: Operand(tensor(held.value), held.eps) for key, held in returned.operands.items()
    }
    return KernelResult(
        returned.computation,
        tensor(returned.values),
        returned.format,
        operands,
        returned.least_normals,
    )


def drawn(
    name: str, geometry: Geometry, format: str, regime: str, seed: int, off: Callable[[Any], Any]
) -> KernelResult:
    """Return a result of binary64 that `off` changes before it is rounded once."""
    rng = np.random.default_rng(seed)
    operands = {
        key: Operand(data(rng, FORMATS[format], regime, geometry.shapes[key]))
        for key in Result(name).operands
    }
    computation = conv2d_computation(Result(name), geometry)
    with np.errstate(all="ignore"):
        exact = Applied(computation, operands).estimator().value(np.float64)
        result = off(exact).astype(FORMATS[format].dtype)
    least = dict.fromkeys(operands, 2.0 ** FORMATS[format].min_exponent)
    return KernelResult(computation, result, FORMATS[format], operands, least)


@on_backends
@settings(max_examples=150, deadline=None)
@given(
    geometry=geometries(),
    name=st.sampled_from(["output", "bias", "weight", "input"]),
    format=st.sampled_from(["binary16", "bfloat16", "binary32"]),
    regime=st.sampled_from(
        ["normal", "integer", "tiny", "subnormal", "mixed", "huge", "cancelling"]
    ),
    promise=st.sampled_from(PROMISES),
    off=st.sampled_from([0.0, 1e-7, 1e-4, 0.1]),
    slice_=st.sampled_from([64, 1 << 25]),
    seed=st.integers(0, 2**32),
)
def test_nothing_passes_that_the_judge_fails(
    device: str,
    geometry: Geometry,
    name: str,
    format: str,
    regime: str,
    promise: Accumulation | None,
    off: float,
    slice_: int,
    seed: int,
) -> None:
    noise = np.random.default_rng(seed)
    returned = drawn(
        name,
        geometry,
        format,
        regime,
        seed,
        lambda e: e * (1 + off * noise.uniform(-1, 1, e.shape)),
    )
    try:
        stated = returned.promise(promise)
    except InputError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "_ROOM", (slice_, slice_))
        patch.setattr(estimator, "_DEVICE_ROOM", (slice_, slice_))
        try:
            passed = screen.screen(moved(returned, device), stated)
        except InputError:
            with pytest.raises(InputError):
                Judge(returned)(stated)
            return
    if passed is None:
        return
    judgement = Judge(returned)(stated)
    assert not judgement.failures.any()
    assert passed.value == float(returned.values[passed.worst])
    allowed = float(judgement.allowance[passed.worst])
    assert passed.allowance <= allowed * (1 + 1e-4)
    true = abs(judgement.exact.value(passed.worst) - 0)
    assert abs(float(true) - abs(passed.reference)) <= passed.slack * 1.01


@on_backends
@settings(max_examples=100, deadline=None)
@given(
    geometry=geometries(),
    name=st.sampled_from(["output", "bias", "weight", "input"]),
    format=st.sampled_from(["binary16", "bfloat16", "binary32"]),
    regime=st.sampled_from(["normal", "integer", "tiny", "subnormal", "mixed", "cancelling"]),
    promise=st.sampled_from(PROMISES),
    off=st.sampled_from([0.0, 0.3, 0.9, 1.0, 1.05, 2.0]),
    room=st.sampled_from([0, 0.25, 0.75]),
    singly=st.sampled_from([(0, 10**9, 10**9), (10**9, 1, 1)]),
    slice_=st.sampled_from([(1, 64), (1 << 21, 1 << 24)]),
    seed=st.integers(0, 2**32),
)
def test_nothing_is_certain_that_the_judge_fails(
    device: str,
    geometry: Geometry,
    name: str,
    format: str,
    regime: str,
    promise: Accumulation | None,
    off: float,
    room: float,
    singly: tuple[int, int, int],
    slice_: tuple[int, int],
    seed: int,
) -> None:
    """Results are off by a share of the allowance, or by more.

    `room` says how readily the reference is computed in float32, `singly` whether open entries are
    computed one by one.
    """
    returned = drawn(name, geometry, format, regime, seed, lambda exact: exact)
    try:
        stated = returned.promise(promise)
        allowed = Judge(returned)(stated).allowance
    except (InputError, NotProvedError):
        return
    sign = np.random.default_rng(seed).choice([-1.0, 1.0], allowed.shape)
    with np.errstate(all="ignore"):
        moved_off = returned.values + off * sign * allowed
    returned = replace(returned, values=moved_off.astype(returned.values.dtype))
    with pytest.MonkeyPatch.context() as patch:
        for module, constant, value in (
            (sure, "_ROOM", room),
            (sure, "_OPEN", singly),
            (estimator, "_ROOM", slice_),
        ):
            patch.setattr(module, constant, value)
        try:
            certain = screen.first_look(moved(returned, device), stated)
        except InputError:
            return
    event(f"certain: {certain is not None}, off by {off}")
    if certain is not None:
        assert not Judge(returned)(stated).failures.any()


@on_backends
@pytest.mark.parametrize("format", ["binary32", "bfloat16", "binary16"])
@pytest.mark.parametrize("name", ["output", "weight", "input", "bias"])
def test_honest_results_need_only_a_look(name: str, format: str, device: str) -> None:
    geometry = Geometry.of((4, 32, 12, 11), (16, 32, 3, 3), padding=1)
    returned = moved(drawn(name, geometry, format, "normal", 5, lambda exact: exact), device)
    certain = screen.first_look(returned, returned.promise(None))
    assert certain is not None
    assert certain.power == pytest.approx(compare(returned, None).power, abs=0.05)
    returned.values[(-1,) * returned.values.ndim] += 1
    assert screen.first_look(returned, returned.promise(None)) is None


@on_backends
@pytest.mark.parametrize("format", ["binary32", "bfloat16"])
@pytest.mark.parametrize("name", ["output", "weight", "input", "bias"])
def test_what_passes_is_screened_and_described_as_the_judge_does(
    name: str, format: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = Geometry.of((3, 8, 12, 11), (6, 4, 3, 3), padding=1, stride=(1, 2), groups=2)
    returned = drawn(name, geometry, format, "normal", 5, lambda exact: exact)
    monkeypatch.setattr(comparison, "Judge", None)
    screened = compare(moved(returned, device), None)
    monkeypatch.undo()
    monkeypatch.setattr(comparison, "screen", lambda *_: None)
    expected = compare(returned, None)
    assert screened.passed
    assert screened.worst.index == expected.worst.index
    assert screened.worst.value == expected.worst.value
    assert screened.ratio == pytest.approx(expected.ratio, rel=1e-4)
    assert screened.worst.lower <= expected.worst.upper
    assert screened.worst.upper >= expected.worst.lower
    assert (screened.power, screened.most) == (expected.power, expected.most)
    assert abs(screened.needed - expected.needed) <= 1
    assert screened.depth == expected.depth
    assert (screened.allowance == expected.allowance).all()
    assert not screened.failures.any()


@on_backends
def test_one_wrong_entry_is_not_passed_over(device: str) -> None:
    """It may be anywhere, also at the edges of slices and chunks."""
    geometry = Geometry.of((4, 3, 9, 9), (5, 3, 3, 3), padding=1)
    returned = drawn("output", geometry, "binary32", "normal", 6, lambda exact: exact)
    size = returned.values.size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "_ROOM", (4000, 4000))
        patch.setattr(type(HOST), "chunk", 100)
        for k in [*range(0, size, 81), *range(80, size, 81), 1, 99, 100, 101, size - 2]:
            before = returned.values.flat[k]
            for wrong in (before + np.float32(0.01), np.nan, np.inf):
                returned.values.flat[k] = wrong
                assert screen.screen(moved(returned, device), returned.promise(None)) is None
            returned.values.flat[k] = before
        assert screen.screen(moved(returned, device), returned.promise(None)) is not None


@on_devices
@pytest.mark.parametrize("format", ["bfloat16", "float16", "tf32"])
@pytest.mark.parametrize("direction", ["nearest", "toward-zero"])
def test_tensors_are_rounded_as_formats_are(format: str, direction: Any, device: str) -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 1 << 18, dtype=np.uint32)
    ties = np.arange(1 << 16, dtype=np.uint32) << 12
    values = np.concatenate([bits, ties, ties << 3, ties >> 5]).view(np.float32)
    parameters = load_definitions().data.formats[{"float16": "binary16"}.get(format, format)]
    values = values[np.isfinite(values)]
    expected = round_to(values, parameters, direction)
    kept = np.isfinite(expected)
    tensor = torch.from_numpy(values[kept]).to(device)
    rounded = backend_of(tensor).rounded(tensor, format, direction)
    if rounded is None:
        assert (format != "tf32", direction) == (True, "toward-zero")
        return
    assert np.array_equal(rounded.double().cpu().numpy(), expected[kept])
    huge = torch.full((1,), float(np.finfo(np.float32).max), device=device)
    assert direction != "nearest" or backend_of(huge).rounded(huge, format, direction) is None


@on_devices
def test_tensors_stay_where_they_are(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a message says of an entry, and samples, come to the host."""
    geometry = Geometry.of((8, 16, 40, 40), (16, 16, 3, 3), padding=1)
    returned = moved(
        drawn("weight", geometry, "binary32", "normal", 7, lambda exact: exact), device
    )
    x, grad = returned.operands["x"].value, returned.operands["grad_output"].value
    compare_gradient(returned.values, x, None, grad, which="weight", padding=1)
    moves: list[int] = []
    cpu = torch.Tensor.cpu

    def counted(tensor: Any) -> Any:
        moves.append(tensor.numel())
        return cpu(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", counted)
    comparison = compare_gradient(returned.values, x, None, grad, which="weight", padding=1)
    assert comparison.passed
    assert sum(moves) < x.numel() / 4


def test_arrays_that_were_changed_are_noticed() -> None:
    geometry = Geometry.of((2, 3, 9, 9), (5, 3, 3, 3), padding=1)
    returned = drawn("output", geometry, "binary32", "normal", 6, lambda exact: exact)
    x, weight = returned.operands["x"].value, returned.operands["weight"].value
    operands = {"x": x, "weight": weight, "bias": returned.operands["bias"].value}
    made = conv2d_result(Result.OUTPUT, operands, Parameters(padding=1)).returned(returned.values)
    judged = compare(made, None)
    returned.values[0, 0, 0, 0] += 1
    with pytest.raises(InputError, match="the output: an array was changed after it was compared"):
        _ = judged.errors


def test_tensors_of_other_kinds_are_read_as_before() -> None:
    torch.manual_seed(0)
    x, grad = torch.randn(1, 2, 5, 5), torch.randn(1, 3, 3, 3)
    actual = torch.nn.grad.conv2d_weight(x, (3, 2, 3, 3), grad)

    def read(x: Any) -> KernelResult:
        operands = {"x": x, "weight": None, "grad_output": grad}
        return conv2d_result(Result.WEIGHT, operands, Parameters(), actual=actual).returned(actual)

    kept = read(x)
    assert kept.values.data_ptr() == actual.data_ptr()
    for other in (x.numpy(), x.to(torch.float8_e5m2)):
        assert isinstance(read(other).values, np.ndarray)
    with pytest.raises(InputError, match="expected finite numbers"):
        read(x.log())


@on_backends
def test_allowances_beyond_float64_are_left_to_the_judge(device: str) -> None:
    """150 000 operations toward zero in bfloat16 may grow by (1 + 2⁻⁷)^150 000."""
    ones = np.ones((1, 150_000, 1, 1), np.float32)
    operands = {"x": ones, "weight": ones, "bias": None}
    made = conv2d_result(Result.OUTPUT, operands, Parameters()).returned(ones[:, :1])
    promise = Accumulation(accumulate="bfloat16", rounding="toward-zero")
    assert screen.screen(moved(made, device), promise) is None
    assert compare(made, promise).passed


@on_backends
@pytest.mark.parametrize("which", ["output", "input", "weight"])
def test_padding_that_takes_unreasonable_memory_is_refused(device: str, which: Any) -> None:
    x, weight, output = (np.ones(shape, np.float32) for shape in ((1, 1, 1, 1), (1, 1, 3, 3), (1,)))
    output = output.reshape(1, 1, 1, 1)
    result = {"output": output, "input": x, "weight": weight}[which]
    arrays = [result, x, weight] if which == "output" else [result, x, weight, output]
    if device != "numpy":
        arrays = [torch.tensor(array, device=device) for array in arrays]
    options: dict[str, Any] = {"padding": 20_000, "dilation": 20_000}
    run: Any = compare_output
    if which != "output":
        run, options["which"] = compare_gradient, which
    with pytest.raises(InputError, match=r": with its padding it has the shape .* GiB in float64"):
        run(*arrays, **options)
