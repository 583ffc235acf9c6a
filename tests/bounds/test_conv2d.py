"""The public calls: results, formats, bounds of perturbed operands, overflow, bad input."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import conv2d_operands, formats, geometries

import pybridge
from pybridge import conv2d_backward, conv2d_forward
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.problem.formats import FORMATS, FloatFormat, find_format
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.results import OPERANDS
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.exact import exact_results

ALIASES = {"binary16": "float16", "binary32": "float32", "binary64": "float64"}


@settings(max_examples=150, deadline=None)
@given(
    geometry=geometries(200),
    format=formats,
    regime=st.sampled_from(["normal", "subnormal", "cancelling", "mixed"]),
    eps=st.tuples(*[st.sampled_from([0.0, 2.0**-7, 1e-30])] * 4),
    signs=st.tuples(*[st.sampled_from(["plus", "minus", "random"])] * 4),
    seed=st.integers(0, 2**32),
)
def test_exact_results_of_perturbed_operands_are_within_the_bound(
    geometry: Geometry, format: FloatFormat, regime: str, eps: Any, signs: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    drawn = conv2d_operands(geometry, format, (regime, regime), seed=seed)
    x, w, b, g = (operand.value for operand in drawn.values())
    forward = conv2d_forward(
        x,
        w,
        b,
        **geometry.options._asdict(),
        format=ALIASES.get(format.name, format.name),
        eps_x=eps[0],
        eps_weight=eps[1],
        eps_bias=eps[2],
    )
    gradients = conv2d_backward(
        x,
        w,
        g,
        **geometry.options._asdict(),
        format=format.name,
        eps_x=eps[0],
        eps_weight=eps[1],
        eps_grad_output=eps[3],
    )
    operands = {}
    for key, array, e, sign in zip(OPERANDS, (x, w, b, g), eps, signs, strict=True):
        choice = {
            "plus": np.ones(array.shape),
            "minus": -np.ones(array.shape),
            "random": rng.choice([-1.0, 0.0, 1.0], size=array.shape),
        }[sign]
        operands[key] = Dyadic.of(array) + Dyadic.of(e * choice)
    exact = exact_results(geometry, operands)
    for name, result in (
        ("output", forward),
        ("bias", gradients.bias),
        ("weight", gradients.weight),
        ("input", gradients.input),
    ):
        assert result.value.dtype == format.dtype
        assert result.value.shape == result.bound.shape == exact[name].numerators.shape
        assert result.bound_linf == result.bound.max()
        values = result.value.astype(np.float64).ravel().tolist()
        bounds = result.bound.ravel().tolist()
        for value, bound, true in zip(values, bounds, exact[name].fractions(), strict=True):
            assert abs(true - Fraction(value)) <= Fraction(bound)


def test_values_are_sums_in_the_stated_order() -> None:
    """Compare with plain loops over NumPy scalars."""
    rng = np.random.default_rng(0)
    for dtype in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16):
        x = rng.standard_normal((2, 2, 5, 4)).astype(dtype)
        w = rng.standard_normal((3, 2, 3, 2)).astype(dtype)
        b = rng.standard_normal(3).astype(dtype)
        name = np.dtype(dtype).name
        forward = conv2d_forward(x, w, b, stride=(2, 1), padding=(1, 0), format=name)
        g = rng.standard_normal(forward.value.shape).astype(dtype)
        gradients = conv2d_backward(x, w, g, stride=(2, 1), padding=(1, 0), format=name)
        batch, outs, height, width = forward.value.shape
        total: Any
        for n, o, i, j in product(*map(range, forward.value.shape)):
            total = dtype(0)
            for c, kh, kw in product(range(2), range(3), range(2)):
                if 0 <= 2 * i + kh - 1 < 5:
                    total = total + x[n, c, 2 * i + kh - 1, j + kw] * w[o, c, kh, kw]
            assert forward.value[n, o, i, j] == total + b[o]
        for o in range(outs):
            total = dtype(0)
            for n, i, j in product(range(batch), range(height), range(width)):
                total = total + g[n, o, i, j]
            assert gradients.bias.value[o] == total
        for o, c, kh, kw in product(*map(range, w.shape)):
            total = dtype(0)
            for n, i, j in product(range(batch), range(height), range(width)):
                if 0 <= 2 * i + kh - 1 < 5:
                    total = total + x[n, c, 2 * i + kh - 1, j + kw] * g[n, o, i, j]
            assert gradients.weight.value[o, c, kh, kw] == total
        for n, c, h, v in product(*map(range, x.shape)):
            total = dtype(0)
            for o, kh, kw in product(range(outs), range(3), range(2)):
                i, rest = divmod(h + 1 - kh, 2)
                if rest == 0 and 0 <= i < height and 0 <= v - kw < width:
                    total = total + w[o, c, kh, kw] * g[n, o, i, v - kw]
            assert gradients.input.value[n, c, h, v] == total


def test_known_numbers() -> None:
    """Compare the bounds of one product and of one sum with numbers written out."""
    backward = partial(conv2d_backward, method="replay-reference")
    x, w, g = (np.full((1, 1, 1, 1), v, np.float32) for v in (3.0, 0.5, 2.0))
    result = backward(x, w, g, eps_x=0.25, eps_grad_output=2.0**-3)
    assert result.bias.value.tolist() == [2.0]
    assert result.bias.bound.tolist() == [2.0**-3 + 2.0 ** (1 - 24)]
    assert result.weight.value.item() == 6.0
    assert result.weight.bound.item() == (3 + 0.25) * 2.0**-3 + 2 * 0.25 + 2 * 2.0 ** (2 - 24)
    assert result.input.value.item() == 1.0
    assert result.input.bound.item() == 0.5 * 2.0**-3 + 2 * 2.0**-24
    assert conv2d_forward(x, w, method="replay-reference").bound.item() == 3 * 2.0**-24
    zero = backward(0 * x, w, 0 * g, format="float32")
    assert zero.weight.bound.item() == 2 * 2.0**-150
    padded = backward(x, np.ones((1, 1, 3, 3), np.float32), g, padding=1)
    assert padded.weight.bound[0, 0, 0, 0] == 0
    assert padded.weight.value[0, 0, 0, 0] == 0
    assert not np.signbit(padded.weight.value[0, 0, 0, 0])


@pytest.mark.parametrize("format", ["float16", "bfloat16", "float32", "float64"])
def test_methods(format: str) -> None:
    rng = np.random.default_rng(3)
    x, w, g = (
        rng.standard_normal(shape).astype(find_format(format).dtype)
        for shape in ((2, 4, 9, 8), (6, 2, 3, 3), (2, 6, 5, 4))
    )
    layer: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2, "format": format}
    reference = conv2d_backward(x, w, g, **layer, method="replay-reference")
    replay = conv2d_backward(x, w, g, **layer)
    exact = exact_results(
        Geometry.of(x.shape, w.shape, stride=2, padding=1, groups=2),
        {"x": x, "weight": w, "grad_output": g},
    )
    for name in ("bias", "weight", "input"):
        slow, fast = getattr(reference, name), getattr(replay, name)
        assert fast.value.tobytes() == slow.value.tobytes()
        assert (fast.bound >= slow.bound * (1 - 1e-12)).all()
        assert (fast.bound <= slow.bound * 1.05).all()
        truth = exact[name].fractions()
        for method in ("replay", "any-order", "enclosure"):
            result = getattr(conv2d_backward(x, w, g, **layer, method=method), name)
            errors = [
                abs(Fraction(float(value)) - t)
                for value, t in zip(result.value.ravel(), truth, strict=True)
            ]
            pairs = zip(errors, result.bound.ravel().tolist(), strict=True)
            assert all(error <= bound for error, bound in pairs)
        assert result.bound_linf <= 1.001 * float(max(errors))  # of the enclosure


def test_an_unknown_method_is_refused() -> None:
    x = np.ones((1, 1, 1, 1), np.float32)
    with pytest.raises(InputError, match="method: expected one of replay, replay-reference, any-o"):
        conv2d_backward(x, x, x, method="replays")  # type: ignore[arg-type]


def test_operands_of_other_dtypes() -> None:
    rng = np.random.default_rng(1)
    x, w = (rng.integers(-3, 4, size=shape) / 4 for shape in ((1, 1, 4, 4), (1, 1, 2, 2)))
    forward = partial(conv2d_forward, format="float32")
    wide = forward(x, w)
    narrow = forward(x.astype(np.float32), w.astype(ml_dtypes.bfloat16))
    assert wide.value.dtype == np.float32
    assert (wide.value == narrow.value).all()
    assert forward(x.tolist(), w.tolist()).value.tolist() == wide.value.tolist()
    strided = forward(np.asfortranarray(x)[..., ::-1], w)
    assert (strided.value == forward(x[..., ::-1].copy(), w).value).all()


def contents(value: pybridge.Bounded | pybridge.Conv2dGradients) -> tuple[Any, ...]:
    """Return the dtype, bytes and theorems of each result."""
    if isinstance(value, pybridge.Bounded):
        results: tuple[pybridge.Bounded, ...] = (value,)
    else:
        results = (value.bias, value.weight, value.input)
    return tuple((r.value.dtype, r.value.tobytes(), r.bound.tobytes(), r.theorems) for r in results)


@pytest.mark.parametrize("method", ["replay", "replay-reference", "any-order", "enclosure"])
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_without_a_format_it_is_that_of_the_dtype(name: str, method: Any) -> None:
    rng = np.random.default_rng(2)
    shapes = ((1, 2, 4, 4), (3, 2, 2, 2), (1, 3, 3, 3), (3,))
    x, w, g, b = (rng.standard_normal(s).astype(find_format(name).dtype) for s in shapes)
    back, forth = partial(conv2d_backward, method=method), partial(conv2d_forward, method=method)
    gradients, output = back(x, w, g, format=name), forth(x, w, b, format=name)
    assert output.value.dtype == x.dtype
    assert contents(back(x, w, g)) == contents(gradients)
    assert contents(forth(x, w, b)) == contents(output)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_without_a_format_tensors_have_that_of_their_dtype(name: str, torch: Any) -> None:
    tensors = [torch.full(s, 0.25, dtype=getattr(torch, name)) for s in (X.shape, W.shape, G.shape)]
    arrays = [np.full(t.shape, 0.25, find_format(name).dtype) for t in tensors]
    assert contents(conv2d_backward(*tensors)) == contents(conv2d_backward(*arrays))
    assert contents(conv2d_forward(*tensors[:2])) == contents(conv2d_forward(*arrays[:2]))


def test_plain_numpy_arrays_and_sequences_are_in_float64() -> None:
    x, w = np.full((1, 1, 2, 2), 0.1), np.full((1, 1, 1, 1), 0.3)
    assert contents(conv2d_forward(x, w)) == contents(conv2d_forward(x.tolist(), w.tolist()))
    assert conv2d_forward(x, w).value.dtype == np.float64


def test_a_bias_of_another_dtype_asks_for_a_format() -> None:
    with pytest.raises(InputTypeError, match="weight is float32, bias is float64: expected one "):
        conv2d_forward(X, W, np.zeros(3))
    assert conv2d_forward(X, W, np.zeros(3), format="float64").value.dtype == np.float64


def test_operands_are_not_changed_and_results_are_new() -> None:
    x, w, g = (np.ones((1, 1, 1, 1), np.float32) for _ in range(3))
    for array in (x, w, g):
        array.flags.writeable = False
    result = conv2d_backward(x, w, g)
    result.bias.value[0] = 5
    assert g.item() == 1


X = np.ones((1, 2, 4, 4), np.float32)
W = np.ones((3, 2, 2, 2), np.float32)
G = np.ones((1, 3, 3, 3), np.float32)
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"grad_output": G[:, :2]}, ValueError, "grad_output has shape (1, 2, 3, 3), but x of shape"),
    ({"grad_output": G[:, :2]}, ValueError, "give an output of shape (1, 3, 3, 3)"),
    ({"grad_output": G[0]}, ValueError, "grad_output has shape (3, 3, 3), but"),
    ({"x": X.astype(int)}, TypeError, "x is int64: expected float16, bfloat16, float32, float64"),
    ({"x": X.astype(int), "format": "float32"}, TypeError, "x: expected float32, or a floating-"),
    ({"x": X.astype(ml_dtypes.float8_e4m3fn)}, TypeError, "x is float8_e4m3fn: expected float16"),
    (
        {"weight": W.astype(float)},
        TypeError,
        "x is float32, weight is float64, grad_output is float32: expected one dtype, or format=",
    ),
    ({"x": X * np.nan}, ValueError, "x[0, 0, 0, 0] is nan, expected finite numbers"),
    ({"weight": W / 3.0}, None, ""),  # type: ignore[list-item]
    (
        {"weight": W.astype(float) / 3, "format": "float32"},
        ValueError,
        "weight[0, 0, 0, 0] is 0.3333333333333333, ",
    ),
    ({"weight": W[:0]}, ValueError, "weight has shape (0, 2, 2, 2): it has no entries"),
    ({"eps_x": -1.0}, ValueError, "eps_x: expected a finite non-negative number, got -1.0"),
    ({"eps_weight": float("nan")}, ValueError, "eps_weight: expected a finite non-negative"),
    ({"eps_grad_output": float("inf")}, ValueError, "eps_grad_output: expected a finite"),
    ({"eps_x": 10**400}, ValueError, "eps_x: expected a finite non-negative number"),
    ({"eps_x": Fraction(1, 3)}, ValueError, "eps_x: expected a number that float64 holds exactly"),
    ({"eps_x": "1"}, TypeError, "eps_x: expected a non-negative number, got '1'"),
    ({"eps_x": None}, TypeError, "eps_x: expected a non-negative number, got None"),
    ({"eps_x": np.array([1.0])}, TypeError, "eps_x: expected a non-negative number"),
    ({"eps_x": True}, TypeError, "eps_x: expected a non-negative number, got True"),
    ({"format": "float8"}, ValueError, "format: unknown name 'float8'"),
    ({"stride": 0}, ValueError, "height: stride: Input should be greater than or equal to 1"),
    ({"groups": 2}, ValueError, "x has 2 channels, but weight of shape (3, 2, 2, 2)"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
def test_bad_input_is_refused_in_one_line(change: Any, kind: Any, message: str) -> None:
    arguments: dict[str, Any] = {"x": X, "weight": W, "grad_output": G, **change}
    if kind is None:
        assert conv2d_backward(**arguments).weight.value.shape == W.shape
        return
    with pytest.raises(kind) as error:
        conv2d_backward(**arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, InputError | InputTypeError)


def test_bad_bias() -> None:
    with pytest.raises(InputError, match=r"bias has shape \(2,\), expected \(3,\)"):
        conv2d_forward(X, W, np.zeros(2, np.float32))
    with pytest.raises(InputError, match=r"eps_bias: expected 0 without a bias, got 0.5"):
        conv2d_forward(X, W, eps_bias=0.5)


@pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
def test_overflow_is_reported_by_name_and_index(format: FloatFormat) -> None:
    largest = (2 - 2.0 ** (1 - format.precision)) * 2.0**format.max_exponent
    x = np.ones((2, 1, 2, 2)).astype(format.dtype)
    w = np.ones((1, 1, 1, 1)).astype(format.dtype)
    g = x.copy()
    g[1, 0, :, 1] = largest
    with pytest.raises(RoundingOverflowError) as error:
        conv2d_backward(x, w, g, format=format.name)
    assert str(error.value).startswith(f"the bias gradient[0] overflows {format.name} (1 entry of")
    assert (error.value.index, error.value.count) == ((0,), 1)
    with pytest.raises(OverflowError) as raised:
        conv2d_backward(x, -w - w, g - g.min(axis=(2, 3), keepdims=True), format=format.name)
    assert isinstance(raised.value, pybridge.RoundingOverflowError)
    with pytest.raises(RoundingOverflowError) as error:
        conv2d_forward(g, w + w, format=format.name)
    assert error.value.index == (1, 0, 0, 1)
    assert error.value.count == 2
    assert error.value.tensor == "the output"
    assert conv2d_forward(g, w, format=format.name).value[1, 0, 0, 1] == largest


def test_an_overflow_in_any_order_is_reported() -> None:
    with pytest.raises(RoundingOverflowError, match=r"the bias gradient\[0\] overflows binary32"):
        conv2d_backward(X, W, np.full_like(G, 3e38), method="any-order")


def test_memory_is_a_few_times_operands_and_results() -> None:
    geometry = Geometry(
        batch=4,
        in_channels=16,
        out_channels=16,
        windows=(Window(size=64, kernel=3, pad_begin=1, pad_end=1),) * 2,
    )
    rng = np.random.default_rng(2)
    x, w = (
        rng.standard_normal(shape, np.float32)
        for shape in (geometry.x_shape, geometry.weight_shape)
    )
    conv2d_forward(x[:1, :, :4, :4], w, padding=1)
    tracemalloc.start()
    result = conv2d_forward(x, w, padding=1, eps_x=1e-3, eps_weight=1e-3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 6 * (x.nbytes + w.nbytes + result.value.nbytes + result.bound.nbytes)
