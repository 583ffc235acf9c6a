"""What once was wrong: a bound below an error, a pass that nothing proves, an error that is none.

Each of these failed before it was fixed. Kernels are written out, entry by entry, so that a reader
sees the exact result at once.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pybridge import certify_gradient, certify_output, conv2d_forward
from pybridge.errors import InputError, InputTypeError, NotProvedError
from pybridge.exported.declarations import declaration
from pybridge.exported.document import load_definitions
from pybridge.testing import (
    Accumulation,
    Comparison,
    assert_gradient_close,
    assert_output_close,
    compare_gradient,
    compare_output,
    split_k,
    tf32,
    tolerance,
)

FLUSHED = Accumulation(flushed=True)
BFLOAT16 = ml_dtypes.bfloat16


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    """Make every floating-point event and every warning an error."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def row(values: Any, dtype: Any) -> Any:
    """Return an array of shape (1, 1, 1, n)."""
    return np.array(values, dtype).reshape(1, 1, 1, -1)


def weight_gradient(actual: Any, x: Any, grad_output: Any, **promise: Any) -> Comparison:
    """Compare Σ x·δ, as the gradient of a weight of one entry."""
    return compare_gradient(row([actual], x.dtype), x, None, grad_output, which="weight", **promise)


def output(actual: Any, x: Any, weight: Any, dtype: Any = np.float64, **promise: Any) -> Comparison:
    """Compare Σ x·w over channels, as an output of one entry."""
    entries, factors = (np.array(values).reshape(1, -1, 1, 1) for values in (x, weight))
    with np.errstate(over="ignore"):
        result = np.array(actual, dtype).reshape(1, 1, 1, 1)
    return compare_output(result, entries, factors, **promise)


# 1: subnormal numbers that are flushed to zero


def test_a_flushing_kernel_is_within_its_certificate() -> None:
    x, grad_output = row([1e-39], np.float32), row([1e30], np.float32)
    exact = Fraction(float(x[0, 0, 0, 0])) * Fraction(float(grad_output[0, 0, 0, 0]))
    bound = certify_gradient(
        row([0.0], np.float32), x, None, grad_output, which="weight", method="any-order",
        accumulation=FLUSHED,
    ).bound  # fmt: skip
    assert Fraction(float(bound.max())) >= exact


@pytest.mark.parametrize(
    ("x", "grad_output"),
    [
        (row([2.0**-15], np.float16), row([1024.0], np.float16)),
        (row([float(np.float32(1e-39))], np.float64), row([1e30], np.float64)),
        (row([1e-39], np.float32), row([1e30], np.float32)),
    ],
    ids=["float16", "float64-arrays", "float32"],
)
def test_conforming_kernels_that_flush_pass(x: Any, grad_output: Any) -> None:
    promise = Accumulation(accumulate="float32", flushed=True)
    result = row([0.0], np.float32 if x.dtype == np.float16 else x.dtype)
    judged = compare_gradient(result, x, None, grad_output, which="weight", accumulation=promise)
    assert judged.passed
    # Where the kernel does not flush, zero is wrong.
    assert not compare_gradient(
        result, x, None, grad_output, which="weight", accumulation=Accumulation()
    ).passed


def test_an_operand_may_be_flushed_before_it_is_rounded() -> None:
    x = row([2.0**-126 - 2.0**-149], np.float32)
    grad_output = row([2.0**100], np.float32)
    for operands in ("bfloat16", "tf32"):
        promise = Accumulation(operands=operands, flushed=True)
        assert weight_gradient(0.0, x, grad_output, accumulation=promise).passed
        bound = certify_gradient(
            row([0.0], np.float32), x, None, grad_output, which="weight", method="any-order",
            accumulation=promise,
        ).bound  # fmt: skip
        assert bound.max() >= float(x[0, 0, 0, 0]) * 2.0**100


def test_a_tolerance_does_not_know_the_format_of_grad_output() -> None:
    for promise, grad_output, result in (
        (Accumulation(accumulate="bfloat16", operands="tf32"), 1 - 2.0**-9, 1.0),
        (Accumulation(accumulate="bfloat16", output="float32"), 1 - 2.0**-9, 1.0),
        (Accumulation(), 1 / 3, float(np.float32(1 / 3))),
    ):
        allowed = tolerance(
            (1, 1, 1, 1), (1, 1, 1, 1), which="bias", max_grad_output=1.0, accumulation=promise
        )
        assert allowed.absolute >= abs(result - grad_output)


# 2: numbers near overflow


@pytest.mark.parametrize("actual", [5e307, -5e307, math.inf, -math.inf, math.nan])
def test_a_cancelled_sum_near_overflow_is_not_anything(actual: float) -> None:
    assert not output(actual, [1.2e308, 1.2e308], [1.0, -1.0]).passed
    assert output(0.0, [1.2e308, 1.2e308], [1.0, -1.0]).passed


@pytest.mark.parametrize("promise", [None, Accumulation(accumulate="float64", output="float32")])
def test_a_result_that_overflows_is_the_infinity_of_its_sign(promise: Accumulation | None) -> None:
    if promise is None:
        x, weight, dtype = [1.2e308] * 4, [1.0] * 4, "float64"
    else:
        x, weight, dtype = [1e160], [1e160], "float32"
    assert output(math.inf, x, weight, dtype, accumulation=promise).passed
    for actual in (-math.inf, 0.0, 1e38, math.nan):
        assert not output(actual, x, weight, dtype, accumulation=promise).passed


def test_an_operand_that_overflows_its_rounding_is_said() -> None:
    with pytest.raises(
        NotProvedError, match=r"x\[0, 0, 0, 0\] is 1e\+160, which overflows float32"
    ):
        output(math.inf, [1e160], [1e160], np.float32)


def test_a_tolerance_of_operands_that_overflow_is_refused() -> None:
    promise = Accumulation(operands="float16", operand_rounding="toward-zero")
    with pytest.raises(NotProvedError, match="max_x is 1e\\+38, above the largest"):
        tolerance(
            (1, 1, 1, 1), (1, 1, 1, 1), which="weight", max_x=1e38, max_grad_output=1.0,
            accumulation=promise,
        )  # fmt: skip


def test_an_entry_that_overflows_does_not_weaken_the_others() -> None:
    x = np.array([1e200, 1e-150]).reshape(1, 1, 1, 2)
    weight = x[..., :1] * 0 + 1e150
    with np.errstate(over="ignore"):
        actual = x * weight
    actual[..., 1] *= 1 + 1e-10
    comparison = compare_output(actual, x, weight)
    assert comparison.failures.ravel().tolist() == [False, True]


def test_bounds_in_any_order_near_overflow_are_finite() -> None:
    x, weight = (np.array(v).reshape(1, 2, 1, 1) for v in ([1.2e308, 1.2e308], [1.0, -1.0]))
    bounded = conv2d_forward(x, weight, method="any-order", format="float64")
    assert bounded.value[0, 0, 0, 0] == 0
    assert 2.6e292 < bounded.bound[0, 0, 0, 0] < 1e293


# 3: huge errors, and NumPy's error states (all tests here run with everything raised)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1e-160, 1e-30, 1.0, 1e30])
@pytest.mark.parametrize("actual", [1.0, 3e38, math.inf, math.nan])
def test_every_failure_is_an_assertion(dtype: Any, size: float, actual: float) -> None:
    with np.errstate(all="ignore"):
        x = np.full((1, 1, 1, 1), size).astype(dtype)
        result = np.full((1, 1, 1, 1), actual).astype(dtype)
    exact = Fraction(float(x[0, 0, 0, 0])) ** 2
    if math.isfinite(actual) and abs(Fraction(actual) - exact) <= exact / 2**20:
        return
    if actual == math.inf and exact > Fraction(3.5e38) and dtype == np.float32:
        return
    with pytest.raises(AssertionError, match="rounding cannot explain this"):
        assert_output_close(result, x, x)


def test_the_error_state_stays_as_it_was() -> None:
    before = np.geterr()
    x = row([1.0, 2.0], np.float64)
    assert_gradient_close(row([5.0], np.float64), x, None, x, which="weight")
    assert np.geterr() == before


# 4: operands in other dtypes


def test_operands_in_8_bits_are_what_they_are() -> None:
    rng = np.random.default_rng(0)
    x, weight = (
        rng.standard_normal(shape).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
        for shape in ((1, 8, 4, 4), (4, 8, 3, 3))
    )
    exact = conv2d_forward(x.astype(np.float64), weight.astype(np.float64), format="float64").value
    comparison = compare_output(exact.astype(BFLOAT16), x, weight)
    assert comparison.passed
    assert comparison.accumulation == Accumulation.of("bfloat16")
    assert not compare_output((exact * 1.012).astype(BFLOAT16), x, weight).passed


@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_operands_in_the_other_byte_order_are_what_they_are(dtype: str) -> None:
    x = np.arange(1, 13).reshape(1, 3, 2, 2) / 8
    little, big = (np.array(x, f"{order}{dtype}") for order in "<>")
    exact = np.sum(x**2).reshape(1, 1, 1, 1)
    for operand in (little, big):
        comparison = compare_output(exact.astype(BFLOAT16), operand, operand)
        assert comparison.passed
        assert comparison.accumulation == Accumulation.of("bfloat16")
        assert not compare_output((exact * 1.012).astype(BFLOAT16), operand, operand).passed
    assert compare_output(exact.astype(big.dtype), big, big).passed
    assert not compare_output((exact * 1.5).astype(big.dtype), big, big).passed


# 5: operands that are known are rounded exactly


def test_a_bias_is_rounded_in_its_own_channel() -> None:
    x, weight = np.zeros((1, 1, 1, 1), np.float32), np.zeros((2, 1, 1, 1), np.float32)
    bias = np.array([1e8 + 3.9, 0.5])
    right = np.array([1e8 + 3.9, 0.5], np.float32).reshape(1, 2, 1, 1)
    assert compare_output(right, x, weight, bias).passed
    wrong = right + np.array([0, 2.5], np.float32).reshape(1, 2, 1, 1)
    comparison = compare_output(wrong, x, weight, bias)
    assert comparison.failures.ravel().tolist() == [False, True]


def test_rounded_operands_are_not_allowed_for_a_second_time() -> None:
    rng = np.random.default_rng(1)
    x, grad_output = (rng.standard_normal((1, 1, 1, 400)).astype(np.float32) for _ in range(2))
    cut = [(a.view(np.uint32) & np.uint32(0xFFFF_E000)).view(np.float32) for a in (x, grad_output)]
    kernel = float(np.sum(cut[0].astype(np.float64) * cut[1]))
    assert weight_gradient(kernel, x, grad_output, accumulation=tf32()).passed
    # A kernel that does not reduce its operands is not one that promises to.
    plain = float(np.sum(x.astype(np.float64) * grad_output))
    assert not weight_gradient(plain, x, grad_output, accumulation=tf32()).passed


# 6: theorems that cover what they are named for


def test_partial_sums_in_another_format_name_their_theorem() -> None:
    x = row([1.0] * 9, np.float32)
    certificate = certify_gradient(
        row([9.0], np.float32), x, None, x, which="weight", method="any-order",
        accumulation=split_k(8, "bfloat16"),
    )  # fmt: skip
    assert certificate.theorems == (
        "RuntimeApprox.conv2d_kernel_any_order",
        "RuntimeApprox.Accumulation.near_within",
    )
    assert certificate.theorem.place.startswith("RuntimeApprox/Estimate/")
    # What it is about: a kernel with partial sums, of a format across them that is another one.
    kernel = declaration("RuntimeApprox.Accumulation", load_definitions()).source
    assert "splits : Nat" in kernel
    assert "across : " in kernel


# 7: sums of many terms in few bits


@pytest.mark.parametrize(("dtype", "terms"), [(BFLOAT16, 577), (np.float16, 2049)])
def test_long_sums_in_16_bits_have_a_bound(dtype: Any, terms: int) -> None:
    x = np.ones((1, terms, 1, 1), dtype)
    total = dtype(0)
    for _ in range(terms):
        total = dtype(total + dtype(1))
    promise = Accumulation(accumulate=np.dtype(dtype).name)
    result = np.full((1, 1, 1, 1), total)
    assert compare_output(result, x, x, accumulation=promise).passed
    certificate = certify_output(result, x, x, method="any-order", accumulation=promise)
    assert Fraction(float(certificate.bound.max())) >= terms - Fraction(float(total))


# 10: arguments of the wrong kind


@pytest.mark.parametrize("bad", ["bfloat16", "", 0, False, (), np.float32])
def test_a_promise_is_a_promise(bad: Any) -> None:
    x = row([1.0], np.float32)
    calls = (
        lambda: compare_gradient(x, x, None, x, which="weight", accumulation=bad),
        lambda: compare_output(x, x, x, accumulation=bad),
        lambda: certify_gradient(
            x, x, None, x, which="weight", method="any-order", accumulation=bad
        ),
        lambda: tolerance(
            (1, 1, 1, 1), (1, 1, 1, 1), which="weight", max_x=1, max_grad_output=1, accumulation=bad
        ),
    )
    for call in calls:
        with pytest.raises(InputTypeError, match="accumulation: expected an Accumulation"):
            call()


@pytest.mark.parametrize("bad", [np.array(["weight", "bias"]), np.arange(3), ["weight"], None])
def test_a_result_is_named_by_a_word(bad: Any) -> None:
    x = row([1.0], np.float32)
    with pytest.raises(InputError, match="which: expected one of"):
        compare_gradient(x, x, None, x, which=bad)
    with pytest.raises(InputError, match="which: expected one of"):
        tolerance((1, 1, 1, 1), (1, 1, 1, 1), which=bad, max_x=1, max_grad_output=1)
    with pytest.raises(InputError, match="method: expected one of"):
        certify_gradient(x, x, None, x, which="weight", method=bad)


# 11: operands that are cut, and operands that are rounded


@pytest.mark.parametrize("direction", ["nearest", "toward-zero"])
def test_tf32_operands_are_cut_or_rounded(direction: Any) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 8, 14, 14)).astype(np.float32)
    weight = rng.standard_normal((8, 1, 3, 3)).astype(np.float32)

    def reduced(values: Any) -> Any:
        bits = values.view(np.uint32)
        up = np.uint32(0x1000 if direction == "nearest" else 0)  # ties away, as cvt.rna
        return ((bits + up) & np.uint32(0xFFFF_E000)).view(np.float32)

    exact = conv2d_forward(
        reduced(x).astype(np.float64), reduced(weight).astype(np.float64), padding=1, groups=8,
        format="float64",
    ).value  # fmt: skip
    actual = exact.astype(np.float32)
    options: dict[str, Any] = {"padding": 1, "groups": 8}
    assert compare_output(actual, x, weight, accumulation=tf32(direction), **options).passed
    other = tf32("nearest" if direction == "toward-zero" else "toward-zero")
    assert not compare_output(actual, x, weight, accumulation=other, **options).passed


def test_exact_references_that_are_subnormal_raise_nothing() -> None:
    x, weight = (row([2.0**-530], np.float64) for _ in range(2))
    bound = conv2d_forward(x, weight, method="enclosure").bound
    assert 0 <= bound.max() <= 2.0**-1074
