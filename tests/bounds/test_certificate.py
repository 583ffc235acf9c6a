"""Certificates of gradients and outputs that something else computed."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import conv2d_operands, formats, geometries
from test_anyorder import holds

from pybridge.bounds.conv2d import certify_gradient, certify_output, conv2d_backward, conv2d_forward
from pybridge.bounds.kernel_result import Gradient
from pybridge.bounds.theorems import proofs
from pybridge.engine.accumulation import Accumulation, split_k
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import OPERANDS, Result
from pybridge.truth.exact import exact_results

GRADIENTS: tuple[Gradient, ...] = ("bias", "weight", "input")


def arrays(geometry: Geometry, format: FloatFormat, regime: str, seed: int) -> tuple[Any, ...]:
    drawn = conv2d_operands(geometry, format, (regime, regime), seed=seed)
    return tuple(operand.value for operand in drawn.values())


def exact(geometry: Geometry, operands: tuple[Any, ...]) -> dict[str, list[Fraction]]:
    results = exact_results(geometry, dict(zip(OPERANDS, operands, strict=True)))
    return {name: result.fractions() for name, result in results.items()}


@settings(max_examples=100, deadline=None)
@given(
    geometry=geometries(200),
    format=formats,
    regime=st.sampled_from(["normal", "subnormal", "cancelling"]),
    method=st.sampled_from(["any-order", "enclosure"]),
    seed=st.integers(0, 2**32),
)
def test_results_by_blas_have_the_bounds_of_their_certificates(
    geometry: Geometry, format: FloatFormat, regime: str, method: Any, seed: int
) -> None:
    x, w, b, g = operands = arrays(geometry, format, regime, seed)
    true = exact(geometry, operands)
    result = conv2d_backward(
        x, w, g, **geometry.options._asdict(), method=method, format=format.name, eps_x=2.0**-30
    )
    for which in GRADIENTS:
        gradient = getattr(result, which)
        assert holds(gradient.value, gradient.bound, true[which])
        certificate = certify_gradient(
            gradient.value,
            *(x, w, g),
            which=which,
            **geometry.options._asdict(),
            method=method,
            eps_x=2.0**-30,
        )
        assert (certificate.bound == gradient.bound).all()
        assert certificate.bound_linf == gradient.bound_linf
        assert certificate.method == method
    forward = conv2d_forward(
        x, w, b, **geometry.options._asdict(), method=method, format=format.name
    )
    assert holds(forward.value, forward.bound, true["output"])
    certificate = certify_output(
        forward.value, x, w, b, **geometry.options._asdict(), method=method
    )
    assert (certificate.bound == forward.bound).all()


def case(dtype: Any = np.float32) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x, w, g = (rng.standard_normal(shape) for shape in ((2, 4, 7, 6), (6, 2, 3, 3), (2, 6, 4, 3)))
    return x.astype(dtype), w.astype(dtype), g.astype(dtype)


PARAMETERS: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2}


@pytest.mark.parametrize("which", GRADIENTS)
def test_operands_that_a_gradient_does_not_need(which: Any) -> None:
    x, w, g = case()
    gradient = getattr(conv2d_backward(x, w, g, **PARAMETERS), which).value
    full = certify_gradient(gradient, x, w, g, which=which, **PARAMETERS)
    lean = certify_gradient(
        gradient,
        x if which == "weight" else None,
        w if which == "input" else None,
        g,
        which=which,
        **PARAMETERS,
    )
    assert (full.bound == lean.bound).all()
    assert full.theorems == proofs(Result(which), "enclosure")
    assert full.bound.dtype == np.float64
    assert full.bound.shape == gradient.shape
    assert full.bound_linf == full.bound.max()


def test_certificates_name_their_theorems() -> None:
    """The first is the theorem that concludes the bound; then come assumptions about the kernel."""
    arguments: dict[str, Any] = {"which": "weight", **PARAMETERS, "method": "any-order"}
    certificate = certify_gradient(D, X, None, G, **arguments)
    assert certificate.theorem == certificate.theorems[0]
    assert certificate.theorems == proofs(Result("weight"), "any-order", Accumulation())
    split = split_k(8, "bfloat16")
    in_splits = certify_gradient(D, X, None, G, **arguments, accumulation=split)
    assert in_splits.theorems == proofs(Result("weight"), "any-order", split)
    assert in_splits.theorem == certificate.theorem == "RuntimeApprox.conv2d_kernel_any_order"
    enclosed = certify_gradient(D, X, None, G, **{**arguments, "method": "enclosure"})
    assert enclosed.theorems == proofs(Result("weight"), "enclosure")
    for theorem in (*in_splits.theorems, *enclosed.theorems):
        assert theorem.place == f"{theorem.file}:{theorem.line}"


def test_gradients_that_are_wrong_have_their_error_as_bound() -> None:
    x, w, g = case()
    gradient = conv2d_backward(x, w, g, **PARAMETERS).weight.value
    gradient[3, 1, 2, 0] += 0.5
    bound = certify_gradient(gradient, x, w, g, which="weight", **PARAMETERS).bound
    assert bound.argmax() == np.ravel_multi_index((3, 1, 2, 0), gradient.shape)
    assert 0.499 < bound.max() < 0.501


def test_operands_that_the_format_does_not_hold() -> None:
    """A kernel that any-order assumes first rounds float64 operands of a float32 gradient."""
    x, w, g = case(np.float64)
    narrow = conv2d_backward(
        *(a.astype(np.float32) for a in (x, w, g)), **PARAMETERS, method="any-order"
    )
    for which in GRADIENTS:
        gradient = getattr(narrow, which)
        rounded = certify_gradient(
            gradient.value, x, w, g, which=which, **PARAMETERS, method="any-order"
        )
        assert (rounded.bound > gradient.bound).all()
        stated = certify_gradient(
            gradient.value,
            *(x, w, g),
            which=which,
            **PARAMETERS,
            method="any-order",
            accumulation=Accumulation(operands="binary32"),
        )
        assert (stated.bound == rounded.bound).all()
        enclosed = certify_gradient(gradient.value, x, w, g, which=which, **PARAMETERS)
        assert (enclosed.bound <= rounded.bound).all()


X, W, G = case()
D = conv2d_backward(X, W, G, **PARAMETERS).weight.value
NAN = np.where(np.arange(D.size).reshape(D.shape) == 7, np.nan, D).astype(np.float32)
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"which": "kernel"}, InputError, "which: expected one of bias, weight, input, got 'kernel'"),
    ({"method": "replay"}, InputError, "method: expected one of enclosure, any-order"),
    ({"gradient": NAN}, InputError, "gradient[0, 0, 2, 1] is nan, expected finite numbers"),
    ({"gradient": NAN * np.inf}, InputError, "expected finite numbers"),
    ({"gradient": D[:, :1]}, InputError, "x has 4 channels, but weight of shape (6, 1, 3, 3)"),
    ({"gradient": D.astype(int)}, InputTypeError, "gradient: expected one of float16, bfloat16"),
    ({"gradient": D[..., :2]}, InputError, "grad_output has shape (2, 6, 4, 3), but x of shape"),
    ({"gradient": D, "weight": W[..., :2]}, InputError, "grad_output has shape"),
    ({"x": None}, InputTypeError, "x: the weight gradient depends on it, got None"),
    ({"grad_output": None}, InputTypeError, "grad_output: the weight gradient depends on it"),
    ({"which": "input", "weight": None}, InputTypeError, "weight: the input gradient depends"),
    (
        {"which": "input", "weight": W},
        InputError,
        "gradient has shape (6, 2, 3, 3), expected (2, 4, 7, 6)",
    ),
    ({"which": "bias", "x": None}, InputError, "gradient has shape (6, 2, 3, 3), expected (6,)"),
    (
        {"which": "bias", "x": None, "grad_output": G[0]},
        InputError,
        "grad_output has shape (6, 4, 3), expected four axes",
    ),
    ({"accumulation": Accumulation()}, InputError, "accumulation: the method enclosure"),
    (
        {"method": "any-order", "accumulation": Accumulation(output="float64")},
        InputError,
        "accumulation: its output is float64, but the array is float32",
    ),
    ({"eps_x": -1.0}, InputError, "eps_x: expected a finite non-negative number"),
    ({"eps_x": 1e300, "eps_grad_output": 1e300}, RoundingOverflowError, "the bound of the weight"),
    ({"x": X.astype(np.longdouble) + np.longdouble(2) ** -60}, InputError, "binary64 does not"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
def test_bad_input_is_refused_in_one_line(change: Any, kind: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "gradient": D,
        "x": X,
        "weight": None,
        "grad_output": G,
        "which": "weight",
        **PARAMETERS,
        **change,
    }
    with pytest.raises(kind) as error:
        certify_gradient(**arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_outputs() -> None:
    output = conv2d_forward(X, W, **PARAMETERS).value
    certificate = certify_output(output, X, W, **PARAMETERS)
    assert certificate.theorems == proofs(Result("output"), "enclosure")
    for arguments, message in (
        ((output[..., :2], X, W), r"output has shape \(2, 6, 4, 2\), expected \(2, 6, 4, 3\)"),
        ((output, X, W, np.ones(3)), r"bias has shape \(3,\), expected \(6,\)"),
    ):
        with pytest.raises(InputError, match=message):
            certify_output(*arguments, **PARAMETERS)
    with pytest.raises(InputError, match="eps_bias: expected 0 without a bias"):
        certify_output(output, X, W, **PARAMETERS, eps_bias=1.0)
    with pytest.raises(InputTypeError, match="weight: the output depends on it, got None"):
        certify_output(output, X, None, **PARAMETERS)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["any-order", "enclosure"])
def test_memory_is_a_few_times_operands_and_results(method: Any) -> None:
    rng = np.random.default_rng(2)
    x, g = (rng.standard_normal((1, 64, 56, 56), np.float32) for _ in range(2))
    w = rng.standard_normal((64, 64, 3, 3), np.float32)
    tracemalloc.start()
    result = conv2d_backward(x, w, g, padding=1, method=method)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    results = (result.bias, result.weight, result.input)
    held = sum(part.value.nbytes + part.bound.nbytes for part in results)
    assert peak <= 4 * (x.nbytes + w.nbytes + g.nbytes) + held
    for which, gradient in zip(GRADIENTS, results, strict=True):
        tracemalloc.start()
        bound = certify_gradient(gradient.value, x, w, g, which=which, padding=1, method=method)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        read = {"bias": g.nbytes, "weight": x.nbytes + g.nbytes, "input": w.nbytes + g.nbytes}
        assert peak <= 4 * (read[which] + gradient.value.nbytes) + bound.bound.nbytes


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_gradients_of_pytorch(dtype: str, layout: str, torch: Any) -> None:
    rng = np.random.default_rng(1)
    geometry = Geometry.of((2, 6, 9, 8), (4, 3, 3, 2), stride=(2, 1), padding=(1, 2), groups=2)
    x, w, b, g = (
        torch.tensor(rng.standard_normal(shape), dtype=getattr(torch, dtype))
        for shape in geometry.shapes.values()
    )
    if layout == "channels last":
        x = x.to(memory_format=torch.channels_last)
    for operand in (x, w, b):
        operand.requires_grad_()
    y = torch.nn.functional.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), groups=2)
    y.backward(g)
    to_double = [t.detach().to(torch.float64).numpy() for t in (x, w, b, g)]
    true = exact(geometry, tuple(to_double))
    parameters: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "groups": 2}
    for which, computed in (("bias", b.grad), ("weight", w.grad), ("input", x.grad)):
        certificate = certify_gradient(computed, x, w, g, which=which, **parameters)  # type: ignore[arg-type]
        assert holds(computed.to(torch.float64).numpy(), certificate.bound, true[which])
    certificate = certify_output(y, x, w, b, **parameters)
    assert holds(y.detach().to(torch.float64).numpy(), certificate.bound, true["output"])
    format = {"float32": "binary32", "float64": "binary64"}.get(dtype, dtype)
    values = conv2d_backward(x, w, g, **parameters, format=format).weight.value
    assert values.dtype == FORMATS[format].dtype
    assert (ml_dtypes.bfloat16 == values.dtype) == (dtype == "bfloat16")
