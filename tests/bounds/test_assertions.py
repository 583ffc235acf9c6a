"""What an assertion takes besides arrays: a message, a dtype of the result; and its own promise."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from pybridge.errors import InputError, InputTypeError
from pybridge.testing import (
    Accumulation,
    Comparison,
    assert_gradient_close,
    assert_output_close,
    compare_gradient,
    compare_output,
)

Array = npt.NDArray[Any]

ONES = np.ones((1, 1, 4, 4), np.float32)
ONE = np.ones((1, 1, 1, 1), np.float32)


def test_a_message_of_ones_own() -> None:
    def failing(**options: Any) -> list[str]:
        messages = []
        with pytest.raises(AssertionError) as raised:
            assert_gradient_close(ONE, ONES, None, ONES, which="weight", **options)
        messages.append(str(raised.value))
        with pytest.raises(AssertionError) as raised:
            assert_output_close(ONES + 1, ONES, ONE, **options)
        messages.append(str(raised.value))
        return messages

    generated = failing()
    assert generated[0].startswith("the weight gradient: rounding cannot explain this\n")
    assert failing(msg="of my own") == ["of my own"] * 2
    assert failing(msg=lambda text: f"before {text}") == [f"before {text}" for text in generated]
    assert_output_close(ONES, ONES, ONE, msg="unused")
    with pytest.raises(
        InputTypeError, match=r"^msg: expected a string or a function of one, got 3"
    ):
        assert_output_close(ONES, ONES, ONE, msg=3)  # type: ignore[arg-type]


def test_too_little_power_has_a_message_too() -> None:
    signs = ONES * np.resize([-1, 1], (4, 4)).astype(np.float32)
    signs[0, 0, 0, 0] += 2.0**-22
    exact = signs.sum(keepdims=True)
    options: Any = {"which": "weight", "accumulation": Accumulation(depth=16), "min_power": 0.5}
    with pytest.warns(UserWarning, match="a zero would be noticed at 0 %"):
        assert_gradient_close(exact, signs, None, ONES, **{**options, "min_power": 0.0})
    with pytest.raises(AssertionError, match=r"^at least 0.5$"):
        assert_gradient_close(
            exact, signs, None, ONES, **options, msg=lambda text: text[-len("at least 0.5") :]
        )


def test_the_dtype_that_is_demanded() -> None:
    for dtype in (None, "float32", np.float32, np.dtype("float32"), "binary32"):
        assert_output_close(ONES, ONES, ONE, dtype=dtype)
    with pytest.raises(AssertionError, match=r"^the output is float32, expected bfloat16$"):
        assert_output_close(ONES, ONES, ONE, dtype=ml_dtypes.bfloat16)
    with pytest.raises(AssertionError, match=r"^mine$"):
        assert_output_close(ONES, ONES, ONE, dtype="float64", msg="mine")
    with pytest.raises(InputError, match=r"^dtype: unknown name 'int8', expected one of float16"):
        assert_output_close(ONES, ONES, ONE, dtype="int8")


def drawn(dtype: Any) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    x, grad = (rng.standard_normal((4, 4, 8, 8)).astype(dtype) for _ in range(2))
    exact = np.einsum("nihw,nohw->oi", x.astype(np.float64), grad.astype(np.float64))
    return x, grad, exact[:, :, None, None]


def compared(actual: Array, x: Array, grad: Array) -> Comparison:
    return compare_gradient(actual, x, None, grad, which="weight")


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_float32_results_of_narrow_operands(dtype: Any) -> None:
    """Results rounded to the operands' dtype pass, and others do; neither weakens the other."""
    name = np.dtype(dtype).name
    x, grad, exact = drawn(dtype)
    rounded = exact.astype(np.float32).astype(dtype).astype(np.float32)
    short = compared(rounded, x, grad)
    assert short.passed
    assert short.accumulation == Accumulation(output=name)
    assert f"taken from the operands, which are {name}, as is every number" in short.message
    plain = compared(exact.astype(np.float32), x, grad)
    assert plain.passed
    assert plain.accumulation == Accumulation()
    assert plain.basis is None
    assert plain.power == 1
    mixed = np.where(np.eye(4, dtype=bool)[:, :, None, None], exact, rounded)
    assert not compared(mixed.astype(np.float32), x, grad).passed
    rounded[0, 0] = np.nan
    assert compared(rounded, x, grad).accumulation == Accumulation(output=name)
    wide = compared(rounded, x.astype(np.float32), grad)
    assert wide.accumulation == Accumulation()
    stated = Accumulation(depth=256)
    assert compare_gradient(
        rounded, x, None, grad, which="weight", accumulation=stated
    ).basis is None  # fmt: skip


def test_operands_of_eight_bits_are_not_narrow_ones() -> None:
    x, grad, exact = drawn(ml_dtypes.float8_e4m3fn)
    rounded = exact.astype(np.float16).astype(np.float32)
    assert compared(rounded, x, grad).accumulation == Accumulation()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_autocast(dtype: str, torch: Any) -> None:
    """PyTorch's results pass with the operands that its kernels read, and with those before."""
    kind = getattr(torch, dtype)
    torch.manual_seed(0)
    for channels, groups, padding in ((8, 1, 1), (8, 4, 0)):
        conv = torch.nn.Conv2d(channels, 16, 3, padding=padding, groups=groups)
        x32 = torch.randn(4, channels, 14, 14, requires_grad=True)
        with torch.autocast("cpu", dtype=kind):
            output = conv(x32)
        cotangent = torch.randn_like(output)
        output.backward(cotangent)
        options: Any = {"padding": padding, "groups": groups, "min_power": 0.9}
        assert_output_close(output, x32, conv.weight, conv.bias, **options, dtype=kind)
        x, weight, bias = (t.detach().to(kind) for t in (x32, conv.weight, conv.bias))
        assert_output_close(output, x, weight, bias, **options, dtype=kind)
        for which, gradient in (
            ("weight", conv.weight.grad),
            ("bias", conv.bias.grad),
            ("input", x32.grad),
        ):
            named: Any = which
            assert_gradient_close(
                gradient, x, weight, cotangent, which=named, **options, dtype=torch.float32
            )


def test_a_bias_that_is_cast_with_the_factors() -> None:
    x, _, _ = drawn(np.float32)
    zero = np.zeros((1, 4, 1, 1), np.float32)
    bias = np.array([1 + 2.0**-9], np.float32)
    actual = np.ones((4, 1, 8, 8), ml_dtypes.bfloat16)
    assert compare_output(actual, x, zero, bias).passed
    assert not compare_output(actual.astype(np.float32), x, zero, bias).passed
    assert not compare_output(
        actual.astype(np.float32), x, zero, bias, accumulation=Accumulation(operands="tf32")
    ).passed


def test_a_bias_may_be_cut_as_the_factors_are() -> None:
    """The bias may be cut to the format of the sums, too, which are rounded to nearest."""
    one, bias = np.ones((1, 1, 1, 1), np.float32), np.array([1 + 2**-7 - 2**-12], np.float32)
    weight = np.full((1, 1, 1, 1), 2**-8 - 2**-16, np.float32)
    actual = np.ones((1, 1, 1, 1), ml_dtypes.bfloat16)  # Of a bias of 1.
    cut = Accumulation(operands="bfloat16", operand_rounding="toward-zero", accumulate="bfloat16")
    assert compare_output(actual, one, weight, bias, accumulation=cut).passed
    assert not compare_output(
        actual,
        one,
        weight,
        bias,
        accumulation=cut.model_copy(update={"operand_rounding": "nearest"}),
    ).passed


def test_a_last_rounding_in_float64_is_charged_with_each_entry_alone() -> None:
    """It is not charged with the remainder of the slices, which depends on the largest operand."""
    x = np.array([1e30 / 3, 1e10 / 3, 1 / 3]).reshape(1, 1, 1, 3)
    weight = np.full((1, 1, 1, 1), 1 / 7)
    promise = Accumulation(accumulate="float64", output="bfloat16")
    honest = (x * weight).astype(ml_dtypes.bfloat16).astype(np.float64)
    comparison = compare_output(honest, x, weight, accumulation=promise)
    assert comparison.passed
    assert (comparison.allowance <= 1.001 * 2**-8 * x * weight).all()
    assert compare_output(honest * 1.01, x, weight, accumulation=promise).failures.all()
