"""Honest kernels pass in any order, planted defects fail and are named, verdicts are exact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from test_arrays import Exporter

from pybridge.bounds import comparison, exact_entries
from pybridge.bounds.comparison import compare, interval
from pybridge.bounds.conv2d import conv2d_result
from pybridge.bounds.hints import Diagnosis
from pybridge.bounds.judge import Decision
from pybridge.bounds.theorems import proofs
from pybridge.engine.coefficients import round_up
from pybridge.errors import InputError, InputTypeError, NotProvedError
from pybridge.problem.geometry import Geometry, Parameters
from pybridge.problem.results import Result
from pybridge.testing import (
    Accumulation,
    Comparison,
    assert_gradient_close,
    assert_output_close,
    compare_gradient,
    compare_output,
    split_k,
    tf32,
)
from pybridge.truth.exact import exact_entry, exact_results

Array = npt.NDArray[Any]
Kernel = Callable[[Array, Array], Array]

X, WEIGHT, OUTPUT = (4, 4, 10, 10), (4, 4, 3, 3), (4, 4, 10, 10)
GEOMETRY = Geometry.of(X, WEIGHT, padding=1)


def drawn(dtype: Any = np.float32, seed: int = 0) -> tuple[Array, Array, Array]:
    """Draw x, weight and grad_output of a convolution with padding 1."""
    rng = np.random.default_rng(seed)
    x, weight, grad = (rng.standard_normal(shape).astype(dtype) for shape in (X, WEIGHT, OUTPUT))
    return x, weight, grad


def terms(x: Array, grad: Array) -> tuple[Array, Array]:
    """Return the factors of the weight gradient's terms, [O, I, 3, 3, terms] when broadcast."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (10, 10), axis=(2, 3))
    rows = windows.transpose(1, 2, 3, 0, 4, 5).reshape(1, 4, 3, 3, -1)
    columns = grad.transpose(1, 0, 2, 3).reshape(4, 1, 1, 1, -1)
    return rows, columns


def sequential(values: Array) -> Array:
    return np.add.accumulate(values, axis=-1, dtype=values.dtype)[..., -1]


def pairwise(values: Array) -> Array:
    while values.shape[-1] > 1:
        if values.shape[-1] % 2:
            values = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        values = values[..., ::2] + values[..., 1::2]
    return values[..., 0]


def shuffled(values: Array) -> Array:
    return sequential(values[..., np.random.default_rng(1).permutation(values.shape[-1])])


def blocked(values: Array) -> Array:
    return sequential(np.stack([sequential(b) for b in np.array_split(values, 16, -1)], -1))


def backward(values: Array) -> Array:
    return sequential(values[..., ::-1])


ORDERS = (sequential, pairwise, shuffled, blocked, backward)


def fused(x: Array, grad: Array) -> Array:
    """Multiply and add with one rounding, but for a rounding to float64 before it."""
    a, b = (v.astype(np.float64) for v in np.broadcast_arrays(*terms(x, grad)))
    total = np.zeros(a.shape[:-1], np.float32)
    for k in range(a.shape[-1]):
        total = (total + a[..., k] * b[..., k]).astype(np.float32)
    return total


def split(dtype: Any, k: int) -> Kernel:
    """Return a kernel by split-k: float32 partial sums, added in another dtype."""

    def kernel(x: Array, grad: Array) -> Array:
        a, b = (v.astype(np.float32) for v in terms(x, grad))
        parts = [sequential(p).astype(dtype) for p in np.array_split(a * b, k, axis=-1)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total.astype(np.float32)

    return kernel


def cut_to_tf32(values: Array) -> Array:
    """Cut as matrix instructions cut float32 operands."""
    bits = values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000)
    return bits.view(np.float32)


def rounded_to_tf32_away(values: Array) -> Array:
    """Round as `cvt.rna` does: ties away from zero."""
    bits = (values.astype(np.float32).view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    return bits.view(np.float32)


def rounded_to_tf32(values: Array) -> Array:
    bits = values.astype(np.float32).view(np.uint32)
    bits = (bits + np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1))) & np.uint32(
        0xFFFFE000
    )
    return bits.view(np.float32)


def in_order(order: Callable[[Array], Array], dtype: Any = np.float32) -> Kernel:
    def kernel(x: Array, grad: Array) -> Array:
        a, b = (v.astype(dtype) for v in terms(x, grad))
        return order(a * b)

    return kernel


def compared(kernel: Kernel, dtype: Any = np.float32, **options: Any) -> Comparison:
    x, weight, grad = drawn(dtype)
    with np.errstate(all="ignore"):
        actual = kernel(x, grad).astype(options.pop("to", dtype))
    return compare_gradient(actual, x, weight, grad, which="weight", padding=1, **options)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_every_order_passes(order: Callable[[Array], Array], dtype: Any) -> None:
    wide = np.float64 if dtype == np.float64 else np.float32
    judged = compared(in_order(order, wide), dtype)
    assert judged.passed, judged.message
    assert 0 < judged.ratio < 1
    assert judged.failed == judged.nonfinite == 0
    assert (judged.patterns, judged.explanations) == ((), ())


def test_fused_split_and_tf32_pass() -> None:
    assert compared(fused).passed
    assert compared(fused, accumulation=Accumulation(products="exact")).passed
    for k in (2, 7, 64):
        assert compared(split(np.float32, k)).passed
        assert compared(split(np.float32, k), accumulation=split_k(k)).passed
        for dtype in (np.float16, ml_dtypes.bfloat16):
            across = np.dtype(dtype).name
            assert compared(split(dtype, k), accumulation=split_k(k, across)).passed
            assert not compared(split(dtype, k)).passed

    def tensor_cores(read: Callable[[Array], Array]) -> Kernel:
        return lambda x, grad: in_order(sequential)(read(x), read(grad))

    promises = {cut_to_tf32: tf32(), rounded_to_tf32: tf32("nearest")}
    for read in (cut_to_tf32, rounded_to_tf32, rounded_to_tf32_away):
        judged = compared(tensor_cores(read))
        assert not judged.passed
        for reads, promise in promises.items():
            same = (reads is cut_to_tf32) == (read is cut_to_tf32)
            assert compared(tensor_cores(read), accumulation=promise).passed == same
    narrow = in_order(sequential, np.float16)
    assert compared(narrow, accumulation=Accumulation(accumulate="float16")).passed
    assert not compared(narrow).passed


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["output", "input", "weight", "bias"])
def test_results_of_all_kinds(name: str, dtype: Any) -> None:
    """The exact result, rounded once, passes; twice it does not."""
    x, weight, grad = drawn(dtype)
    bias = np.arange(4).astype(dtype)
    read = {"x": x, "weight": weight, "bias": bias}
    arrays = {**read, "grad_output": grad}
    exact = exact_results(GEOMETRY, arrays)[name].fractions()
    shape = {"output": OUTPUT, "input": X, "weight": WEIGHT, "bias": (4,)}[name]
    actual = np.array([float(value) for value in exact]).reshape(shape).astype(dtype)

    def check(actual: Array) -> None:
        if name == "output":
            assert_output_close(actual, x, weight, bias, padding=1)
        else:
            which: Any = name
            assert_gradient_close(actual, x, weight, grad, which=which, padding=1)

    check(actual)
    with pytest.raises(AssertionError, match="2 times what they should be"):
        check(actual + actual)


def defect(change: Callable[[Array], Any], base: Array | None = None) -> Comparison:
    """Return a weight gradient with a defect."""
    x, weight, grad = drawn()
    actual = in_order(sequential)(x, grad) if base is None else base.copy()
    changed = change(actual)
    actual = actual if changed is None else changed
    return compare_gradient(actual, x, weight, grad, which="weight", padding=1)


def put(index: Any, value: float) -> Callable[[Array], None]:
    def change(actual: Array) -> None:
        actual[index] = value

    return change


def scale(index: Any, factor: float) -> Callable[[Array], None]:
    def change(actual: Array) -> None:
        actual[index] *= np.float32(factor)

    return change


TIMES = "these entries are {} times what they should be"


@pytest.mark.parametrize(
    ("change", "patterns"),
    [
        (put(..., 0), ("every entry is zero",)),
        (put(2, 0), ("only output channel 2", "these entries are zero")),
        (scale((slice(None), 1), 2), ("only input channel 1", TIMES.format("2"))),
        (scale((..., 0, 2), 3), ("only kernel row 0", "only kernel column 2", TIMES.format("3"))),
        (scale(..., 1 / 3), (TIMES.format("1/3"),)),
        (np.negative, ("these entries have the wrong sign",)),
        (lambda a: a[..., ::-1, ::-1], ("the kernel is flipped",)),
        (lambda a: a.swapaxes(0, 1), ("output channels and input channels are transposed",)),
        (lambda a: a.swapaxes(2, 3), ("kernel rows and kernel columns are transposed",)),
        (lambda a: a[::-1], ("output channels are in reverse",)),
    ],
)  # fmt: skip
def test_patterns_of_entries(change: Callable[[Array], Any], patterns: tuple[str, ...]) -> None:
    judged = defect(change)
    assert not judged.passed
    assert judged.patterns == patterns
    assert judged.explanations == ()


def dropped(rows: slice) -> Array:
    x, _, grad = drawn()
    grad = grad.copy()
    grad[rows] = 0
    return in_order(sequential)(x, grad)


@pytest.mark.parametrize(
    ("base", "pattern"),
    [
        (dropped(slice(3, 4)), "as if the last batch element (3) were left out"),
        (dropped(slice(2, 4)), "as if the last 2 batch elements were left out"),
    ],
)
def test_terms_that_are_missing(base: Array, pattern: str) -> None:
    assert defect(lambda actual: actual, base).patterns == (pattern,)


def test_another_geometry() -> None:
    x, weight, grad = drawn()
    moved = np.pad(x, ((0, 0), (0, 0), (2, 0), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(moved, (10, 10), axis=(2, 3))
    actual = np.einsum("nixyhw,nohw->oixy", windows, grad).astype(np.float32)
    judged = compare_gradient(actual, x, weight, grad, which="weight", padding=1)
    assert judged.patterns == ("as if there were one more of padding at the start of the height",)


def output_of(x: Array, weight: Array) -> Array:
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    sums: Array = np.einsum("nihwxy,oixy->nohw", windows, weight.astype(np.float64))
    return sums.astype(np.float32)


def test_patterns_of_an_output() -> None:
    x, weight, _ = drawn()

    def patterns(actual: Array) -> tuple[str, ...]:
        return compare_output(actual, x, weight, padding=1).patterns

    right = output_of(x, weight)
    assert compare_output(right, x, weight, padding=1).passed
    assert patterns(output_of(x, weight[..., ::-1, ::-1])) == ("as if the kernel were flipped",)
    words = "as if the kernel's input and output channels were transposed"
    assert patterns(output_of(x, weight.swapaxes(0, 1))) == (words,)
    without = weight.copy()
    without[:, :, 2, 0] = 0
    assert patterns(output_of(x, without)) == ("as if kernel tap (2, 0) were left out",)
    without = x.copy()
    without[:, 3] = 0
    assert patterns(output_of(without, weight)) == (
        "as if the last input channel (3) were left out",
    )
    noise = np.random.default_rng(0).standard_normal(OUTPUT).astype(np.float32)
    wrong = right + noise
    wrong[:, :, 1:-1, 1:-1] = right[:, :, 1:-1, 1:-1]
    assert patterns(wrong) == ("only rows and columns at the border",)
    wrong = right.copy()
    wrong[:, :, 0] += noise[:, :, 0]
    wrong[:, :, -1] += noise[:, :, -1]
    assert patterns(wrong) == ("only rows at the border",)
    wrong = right.copy()
    wrong[1] += noise[1]
    assert patterns(wrong) == ("only batch element 1",)


def test_a_group() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 6, 5, 5), dtype=np.float32)
    grad = rng.standard_normal((2, 6, 3, 3), dtype=np.float32)
    blank, read = np.zeros((6, 2, 3, 3), np.float32), {"x": x, "grad_output": grad}
    operation = conv2d_result(Result.WEIGHT, read, Parameters(groups=3), actual=blank)
    returned = operation.returned(blank)
    actual = returned.estimator().value(np.float32)
    actual[2:4] = 0
    judged = compare_gradient(actual, x, None, grad, which="weight", groups=3)
    assert judged.patterns == ("only group 1", "these entries are zero")


def test_promises_that_would_explain_it() -> None:
    judged = compared(split(ml_dtypes.bfloat16, 64))
    assert judged.patterns == ("every entry is a bfloat16 number",)
    likely = ["bfloat16" in words for words in judged.explanations]
    assert likely == sorted(likely, reverse=True)
    assert likely[0]
    assert re.search(r"bfloat16 partial sums of split_k\(\d+\) \(0\.\d+ of what", judged.message)

    def noisy(x: Array, grad: Array) -> Array:
        rng = np.random.default_rng(0)
        right = in_order(sequential)(x, grad)
        return right + 0.02 * rng.standard_normal(right.shape)

    judged = compared(noisy)
    assert judged.patterns == ()
    assert judged.explanations == ()  # float16 partial sums would, but these are no numbers of it
    assert "no standard promise that has power would explain it" in judged.message

    def with_operands(read: Callable[[Array], Array]) -> tuple[str, ...]:
        return compared(lambda x, grad: in_order(sequential)(read(x), read(grad))).explanations

    assert with_operands(cut_to_tf32)[0].startswith("operands cut to tf32 (0.00")
    assert with_operands(rounded_to_tf32_away)[0].startswith("operands rounded to tf32 (0.00")
    narrow = with_operands(lambda values: values.astype(ml_dtypes.bfloat16).astype(np.float32))
    assert narrow[0].startswith("operands rounded to bfloat16 (0.00")
    far = defect(put((0, 0, 0, 0), 1e9))
    assert far.explanations == ()
    assert "no standard promise that has power would explain it" in far.message


def test_the_message() -> None:
    judged = defect(scale(3, 2))
    lines = judged.message.splitlines()
    assert lines[0] == "the weight gradient: rounding cannot explain this"
    allowed = "allowed by float32 sums, in any order"
    assert lines[1] == f"  {judged.failed} of 144 entries are beyond what is {allowed}"
    number = r"-?\d+\.?\d*(e[+-]\d+)?"
    assert re.fullmatch(
        rf"  worst: \[3, \d, \d, \d\] is {number}, the exact value is in \[{number}, {number}\]: "
        rf"error {number}, allowed {number}, ratio {number}",
        lines[2],
    )
    depths = r"  depth: 400 promised, this result needs \d{7}, one from float64, rounded once, \d"
    assert re.fullmatch(depths, lines[3])
    assert lines[4:] == [
        "  pattern: only output channel 3",
        "  pattern: these entries are 2 times what they should be",
        "  theorems: " + ", ".join(proofs(Result("weight"), "comparison", Accumulation())),
    ]
    assert judged.failed == 36
    assert "rounding explains all 144 entries" in defect(lambda actual: None).message


def test_the_interval_holds_the_exact_value() -> None:
    x, weight, grad = drawn()
    judged = defect(scale(..., 1.5))
    read = {"x": x, "weight": weight, "grad_output": grad}
    blank = np.zeros(WEIGHT, np.float32)
    returned = conv2d_result(Result.WEIGHT, read, Parameters(padding=1)).returned(blank)
    values = {key: operand.value for key, operand in returned.operands.items()}
    exact = exact_entry("weight", GEOMETRY, values, judged.worst.index)
    assert Fraction(judged.worst.lower) <= exact <= Fraction(judged.worst.upper)
    low, high = interval(judged.worst.lower, judged.worst.upper)
    assert Fraction(low) <= exact <= Fraction(high)
    assert Fraction(judged.worst.error) >= abs(Fraction(judged.worst.value) - exact)


def test_verdicts_in_the_sliver_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the allowance is the exact error or just less, the enclosure cannot decide."""
    x, weight, grad = drawn()
    actual = in_order(sequential)(x, grad)
    read = {"x": x, "weight": weight, "grad_output": grad}
    returned = conv2d_result(Result.WEIGHT, read, Parameters(padding=1)).returned(actual)
    exact = exact_results(GEOMETRY, read)["weight"].fractions()
    values = actual.ravel().tolist()
    errors = [round_up(abs(Fraction(v) - e)) for v, e in zip(values, exact, strict=True)]
    just = np.array(errors).reshape(WEIGHT)
    calls: list[Any] = []

    def counted(*arguments: Any) -> Fraction:
        calls.append(arguments)
        return exact_entry(*arguments)

    monkeypatch.setattr(exact_entries, "exact_entry", counted)
    monkeypatch.setattr(comparison, "diagnose", lambda *_: Diagnosis((), ()))
    monkeypatch.setattr(comparison, "screen", lambda *_: None)
    for allowance, failed in ((just, 0), (np.nextafter(just, 0), just.size)):
        calls.clear()
        monkeypatch.setattr(Decision, "allowance", lambda *_, allowance=allowance: allowance.copy())
        verdict = compare(returned, None)
        assert verdict.failed == failed
        assert len(calls) == just.size
        assert (verdict.errors == just).all()


def test_nan_and_infinities() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        judged = defect(put((1, 2, 0, 1), bad))
        assert (judged.failed, judged.nonfinite) == (1, 1)
        assert judged.worst.index == (1, 2, 0, 1)
        assert "1 of them is nan or infinite" in judged.message
        assert f"[1, 2, 0, 1] is {bad}" in judged.message
        assert judged.ratio == math.inf
    x = np.full((1, 1, 2, 2), 2.0**15, np.float16)
    weight = np.full((1, 1, 1, 1), 2, np.float16)
    right = np.full((1, 1, 2, 2), np.inf, np.float16)
    assert compare_output(right, x, weight).passed
    wrong = right.copy()
    wrong[0, 0, 0, 1] = -np.inf
    wrong[0, 0, 1, 1] = np.nan
    assert (compare_output(wrong, x, weight).failed, compare_output(-wrong, -x, weight).failed) == (
        2,
        2,
    )
    largest = np.full((1, 1, 2, 2), 65504, np.float16)
    assert compare_output(largest, x, weight).passed  # 32 is within half an ulp of what is exact
    assert not compare_output(right, x, weight / 4).passed


def test_arrays_with_dlpack_alone() -> None:
    x, weight, grad = drawn()
    actual = in_order(sequential)(x, grad)
    exporters = [Exporter(a) for a in (actual, x, weight, grad)]
    assert_gradient_close(*exporters, which="weight", padding=1)
    assert_gradient_close(Exporter(actual), x.tolist(), None, grad, which="weight", padding=1,
                          accumulation=Accumulation())  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_tensors(dtype: str, torch: Any) -> None:
    """In 16 bits, PyTorch's kernels for the CPU may promise less."""
    kind = getattr(torch, dtype)
    x, weight, grad = (torch.from_numpy(a).to(kind) for a in drawn())
    x.requires_grad_()
    weight.requires_grad_()
    output = torch.nn.functional.conv2d(x, weight, padding=1)
    gradients = torch.autograd.grad(output, (x, weight), grad)
    if dtype in ("float32", "float64"):
        assert_output_close(output, x, weight, padding=1)
    for name, gradient in zip(("input", "weight"), gradients, strict=True):
        which: Any = name
        if dtype in ("float32", "float64"):
            assert_gradient_close(gradient, x, weight, grad, which=which, padding=1)
        with pytest.raises(AssertionError, match="every entry is zero"):
            assert_gradient_close(
                torch.zeros_like(gradient), x, weight, grad, which=which, padding=1
            )
    assert Accumulation.of(kind) == Accumulation.of(dtype)


def test_operands_of_a_wider_dtype_are_rounded_first() -> None:
    x, weight, _ = drawn(np.float64)
    bias = np.arange(4) / 3
    actual = output_of(x.astype(np.float32), weight.astype(np.float32))
    actual = actual + bias.astype(np.float32)[:, None, None]
    judged = compare_output(actual, x, weight, bias, padding=1)
    assert judged.passed
    assert judged.accumulation == Accumulation(operands="float32")
    assert "operands rounded to float32" in judged.message
    off = np.zeros((4, 1, 1), np.float32)
    off[1] = 0.03125
    assert compare_output(actual + off, x, weight, bias, padding=1).failed == 4 * 100
    narrow = Accumulation(accumulate="float16")
    assert compare_output(actual, x, weight, bias + 1e-4, padding=1, accumulation=narrow).passed


def test_the_dtype_of_the_result_is_its_last_rounding() -> None:
    x, weight, grad = drawn(ml_dtypes.bfloat16)
    actual = in_order(sequential)(x, grad).astype(ml_dtypes.bfloat16)
    options: dict[str, Any] = {"which": "weight", "padding": 1}
    judged = compare_gradient(actual, x, weight, grad, accumulation=tf32(), **options)
    assert judged.passed
    assert judged.accumulation == tf32().model_copy(update={"output": "bfloat16"})
    with pytest.raises(InputError, match="its output is float32, but the array is bfloat16"):
        compare_gradient(
            actual, x, weight, grad, accumulation=Accumulation(output="float32"), **options
        )


def test_accumulations() -> None:
    assert Accumulation.of("float32") == Accumulation.of(np.float32) == Accumulation()
    assert Accumulation.of("binary64") == Accumulation(accumulate="float64")
    assert Accumulation.of(ml_dtypes.bfloat16) == Accumulation(output="bfloat16")
    assert Accumulation.of("tf32") == tf32()
    assert split_k(8, np.float16) == Accumulation(splits=8, across="float16")
    assert hash(tf32()) == hash(tf32())
    assert tf32() == Accumulation(operands="tf32", operand_rounding="toward-zero")
    assert tf32("nearest") == Accumulation(operands="tf32")


@pytest.mark.parametrize(
    ("promise", "sentence", "text"),
    [
        (
            split_k(4, "bfloat16"),
            "float32 sums in 4 splits, added in bfloat16",
            "float32, 4 splits added in bfloat16",
        ),
        (tf32(), "float32 sums of operands cut to tf32", "float32 of tf32 (cut)"),
        (tf32("nearest"), "float32 sums of operands rounded to tf32", "float32 of tf32"),
        (
            Accumulation(rounding="toward-zero", output="bfloat16"),
            "float32 sums, rounded to bfloat16, toward zero",
            "float32, toward zero",
        ),
        (
            Accumulation(operands="tf32", operand_rounding="toward-zero", rounding="toward-zero"),
            "float32 sums of operands cut to tf32, toward zero",
            "float32 of tf32 (cut), toward zero",
        ),
        (Accumulation(flushed=True), "float32 sums, subnormals flushed", "float32, flushed"),
    ],
)
def test_promises_in_words(promise: Accumulation, sentence: str, text: str) -> None:
    assert (promise.sentence, promise.text) == (sentence, text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accumulate": "float8"}, "accumulate: unknown format 'float8', expected one of float16"),
        ({"operands": 3}, "operands: unknown format 3, expected one of float16"),
        ({"across": "bfloat16"}, "across: there is one sum, expected splits of 2 or more"),
        ({"splits": 0}, "splits: Input should be greater than or equal to 1, got 0"),
        ({"splits": 2.5}, "splits: Input should be a valid integer"),
        ({"products": "fused"}, "products: Input should be 'rounded' or 'exact', got 'fused'"),
        ({"epsilon": 1}, "epsilon: Extra inputs are not permitted"),
        ({"truncated": True}, "truncated: Extra inputs are not permitted"),
        ({"rounding": "down"}, "rounding: Input should be 'nearest' or 'toward-zero', got 'down'"),
        (
            {"operands": "tf32", "operand_rounding": "cut"},
            "operand_rounding: Input should be 'nearest' or 'toward-zero', got 'cut'",
        ),
        ({"operand_rounding": "toward-zero"}, "operand_rounding: no format is given in operands"),
    ],
)
def test_bad_accumulations(values: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        Accumulation(**values)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="dtype: unknown format 'int8'"):
        Accumulation.of("int8")


def test_arguments_that_do_not_fit() -> None:
    """These are mistakes of the test, not of the kernel."""
    x, weight, grad = drawn()
    actual = in_order(sequential)(x, grad)

    def check(error: type[Exception], message: str, **changes: Any) -> None:
        arguments: Any = {
            "actual": actual,
            "x": x,
            "weight": weight,
            "grad_output": grad,
            "which": "weight",
        }
        with pytest.raises(error, match=message):
            assert_gradient_close(**{**arguments, "padding": 1, **changes})

    check(InputError, "gradient has shape", actual=actual[1:])
    check(InputError, "grad_output has shape", padding=0)
    check(InputTypeError, "gradient: expected one of float16", actual=actual.astype(int))
    check(InputTypeError, "x: the weight gradient depends on it, got None", x=None)
    check(InputError, r"x\[0, 0, 0, 0\] is nan, expected finite", x=np.full_like(x, np.nan))
    check(InputError, "which: expected one of bias, weight, input", which="kernel")
    check(InputError, "gradient has shape .*, expected", actual=actual[:0])
    check(
        InputTypeError,
        r"accumulation: expected an Accumulation, as Accumulation\.of\('bfloat16'\), got 'bfl",
        accumulation="bfloat16",
    )
    check(
        NotProvedError,
        r"^x\[0, 0, 0, 0\] is 65520.0, which overflows float16: nothing is proved about a",
        x=np.full_like(x, 65520),
        accumulation=Accumulation(operands="float16"),
    )


def test_entries_without_terms_are_zero() -> None:
    x = np.ones((1, 1, 2, 2), np.float32)
    weight = np.ones((1, 1, 1, 1), np.float32)
    grad = np.ones((1, 1, 1, 1), np.float32)
    actual = np.array([[[[1, 0], [0, 0]]]], np.float32)
    options: dict[str, Any] = {"which": "input", "stride": 2}
    assert compare_gradient(actual, x, weight, grad, **options).passed
    actual[0, 0, 1, 1] = 1e-30
    assert compare_gradient(actual, x, weight, grad, **options).failed == 1


def test_flushed_and_truncated_promises() -> None:
    tiny = np.full((1, 1, 2, 2), 2.0**-70, np.float32)
    zero = np.zeros((1, 1, 1, 1), np.float32)
    assert not compare_gradient(zero, tiny, None, tiny, which="weight").passed
    flushed = Accumulation(flushed=True)
    assert compare_gradient(zero, tiny, None, tiny, which="weight", accumulation=flushed).passed
    assert compare_gradient(zero, tiny, None, tiny, which="weight").patterns == (
        "every entry is zero",
    )
    cut = Accumulation(output="bfloat16", rounding="toward-zero")
    x, weight, _ = drawn(ml_dtypes.bfloat16)
    exact = output_of(x, weight)
    bits = (exact.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    actual = bits.astype(ml_dtypes.bfloat16)
    assert compare_output(actual, x, weight, padding=1, accumulation=cut).passed
    plain = compare_output(actual, x, weight, padding=1)
    assert not plain.passed
    assert any("rounding toward zero" in words for words in plain.explanations)


def test_results_that_overflow_rightly_need_no_depth() -> None:
    x = np.full((1, 2, 1, 1), 1e30, np.float32)
    weight = np.full((1, 2, 1, 1), 1e10, np.float32)
    comparison = compare_output(np.full((1, 1, 1, 1), np.inf, np.float32), x, weight)
    assert comparison.passed
    assert comparison.ratio == 0
    assert comparison.depth == 0
    wrong = compare_output(np.full((1, 1, 1, 1), -np.inf, np.float32), x, weight)
    assert not wrong.passed
    assert wrong.ratio == np.inf
    assert wrong.depth is None
