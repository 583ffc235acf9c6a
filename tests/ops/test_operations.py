"""Operations against PyTorch on operands whose results float64 holds exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, cast

import ml_dtypes
import numpy as np
import pytest

from pybridge import InputError, ops
from pybridge.bounds.operation import Operation
from pybridge.bounds.true_errors import after
from pybridge.engine.accumulation import Accumulation, ScaledAccumulation
from pybridge.engine.coefficients import ErrorBound
from pybridge.exported.document import load_definitions
from pybridge.testing import assert_close, compare, sharp_factors, tf32

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

FORMATS = ("float16", "bfloat16", "float32", "float64")
Arrays = Mapping[str, Any]

CASES: Mapping[str, tuple[str, Mapping[str, tuple[int, ...]], Mapping[str, Any]]] = {
    "conv1d": (
        "conv1d",
        {"input": (2, 4, 9), "weight": (6, 2, 3), "bias": (6,)},
        {"stride": 2, "padding": 1, "groups": 2},
    ),
    "conv1d same": (
        "conv1d",
        {"input": (3, 7), "weight": (2, 3, 4)},
        {"padding": "same", "dilation": 2},
    ),
    "conv2d": (
        "conv2d",
        {"input": (3, 6, 5), "weight": (4, 3, 3, 2), "bias": (4,)},
        {"stride": (2, 1), "padding": (1, 0)},
    ),
    "conv3d": (
        "conv3d",
        {"input": (2, 2, 4, 5, 3), "weight": (3, 2, 2, 3, 1)},
        {"padding": (1, 0, 1), "dilation": (2, 1, 1)},
    ),
    "conv_transpose1d": (
        "conv_transpose1d",
        {"input": (2, 3, 4), "weight": (3, 2, 3), "bias": (2,)},
        {"stride": 3, "padding": 1, "output_padding": 2},
    ),
    "conv_transpose2d": (
        "conv_transpose2d",
        {"input": (2, 4, 3, 4), "weight": (4, 3, 3, 2), "bias": (6,)},
        {"stride": 2, "output_padding": (1, 0), "groups": 2, "dilation": (1, 2)},
    ),
    "conv_transpose3d": (
        "conv_transpose3d",
        {"input": (3, 2, 3, 2), "weight": (3, 2, 2, 2, 3)},
        {"stride": (1, 2, 1), "padding": (0, 1, 1)},
    ),
    "linear": ("linear", {"input": (2, 3, 7), "weight": (5, 7), "bias": (5,)}, {}),
    "linear of a vector": ("linear", {"input": (7,), "weight": (5, 7)}, {}),
    "matmul": ("matmul", {"input": (3, 4, 5), "other": (5, 6)}, {}),
    "matmul that broadcasts": ("matmul", {"input": (2, 1, 4, 5), "other": (3, 5, 2)}, {}),
    "matmul of vectors": ("matmul", {"input": (5,), "other": (2, 5, 3)}, {}),
    "bmm": ("bmm", {"input": (3, 4, 5), "mat2": (3, 5, 2)}, {}),
    "addmm": ("addmm", {"input": (1, 4), "mat1": (3, 5), "mat2": (5, 4)}, {}),
    "avg_pool2d scaled": (
        "avg_pool2d",
        {"input": (2, 3, 7, 6)},
        {"kernel_size": (4, 2), "stride": (2, 1), "padding": (1, 1)},
    ),
    "avg_pool2d of an image scaled": (
        "avg_pool2d",
        {"input": (3, 6, 7)},
        {"kernel_size": 3, "divisor_override": 4, "count_include_pad": False, "padding": 1},
    ),
    "avg_pool2d of several divisors, scaled": (
        "avg_pool2d",
        {"input": (2, 3, 6, 5)},
        {"kernel_size": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    ),
    "addmm scaled": (
        "addmm",
        {"input": (3, 4), "mat1": (3, 5), "mat2": (5, 4)},
        {"beta": 0.5, "alpha": 2.0},
    ),
    "baddbmm scaled": (
        "baddbmm",
        {"input": (1, 3, 1), "batch1": (2, 3, 5), "batch2": (2, 5, 4)},
        {"beta": 0.75, "alpha": 1.5},
    ),
    "baddbmm": ("baddbmm", {"input": (2, 3, 4), "batch1": (2, 3, 5), "batch2": (2, 5, 4)}, {}),
    "einsum": ("bhqd,bhkd->bhqk", {"first": (2, 3, 4, 5), "second": (2, 3, 6, 5)}, {}),
    "einsum that sums alone": ("bij,kbl->lb", {"first": (2, 3, 4), "second": (5, 2, 3)}, {}),
    "einsum with dots": ("...ij,...kj", {"first": (2, 1, 3, 4), "second": (3, 2, 4)}, {}),
    "einsum that repeats": ("ij,jk->ik", {"first": (2, 1), "second": (3, 4)}, {}),
}


ROUNDED_BETWEEN = (
    "einsum that sums alone",
    "matmul that broadcasts",
    "einsum with dots",
    "einsum that repeats",
)
"""Where PyTorch sums an operand alone, or a gradient over batches, and rounds that to 16 bits."""


def call(module: Any, case: str, arrays: Arrays, scaled: bool = True) -> Any:
    """Return what a module computes of arrays: `pybridge.ops`, or PyTorch."""
    function, _, arguments = CASES[case]
    arguments = {k: v for k, v in arguments.items() if scaled or k not in ("alpha", "beta")}
    if function == "avg_pool2d" and not scaled:
        arguments["divisor_override"] = 1
    if case.startswith("einsum"):
        return module.einsum(function, arrays["first"], arrays["second"])
    callee = getattr(module, function, None) or getattr(torch.nn.functional, function)
    return callee(*arrays.values(), **arguments)


def drawn(case: str, rng: np.random.Generator) -> dict[str, Any]:
    """Draw small multiples of 1/8, of which float64 holds sums of products exactly."""
    return {
        name: torch.from_numpy(rng.integers(-12, 13, shape) / 8.0)
        for name, shape in CASES[case][1].items()
    }


def results(case: str, arrays: Arrays, cotangent: Any, scaled: bool = True) -> dict[str, Any]:
    """Return the output, and the gradients of all operands, as PyTorch has them."""
    leaves = {name: array.clone().requires_grad_() for name, array in arrays.items()}
    output = call(torch, case, leaves, scaled)
    weights = cotangent if cotangent is not None else torch.ones_like(output)
    gradients = torch.autograd.grad(output, list(leaves.values()), weights)
    return {"output": output.detach(), **dict(zip(leaves, gradients, strict=True))}


def asked(case: str, name: str, arrays: Arrays, cotangent: Any) -> Operation:
    operation: Operation = call(ops, case, arrays)
    return operation if name == "output" else operation.grad(name, cotangent)


def allowed(
    promise: Accumulation, terms: int, size: Fraction, exact: Fraction, plain: bool = False
) -> Fraction:
    """Return the error that a promise allows; `plain` entries sum numbers, not products."""
    definitions = load_definitions()
    error = promise.sum_error(terms, definitions, plain=plain)
    before, relative, constant = after(promise.last_rounding(definitions))
    bound = error.relative * size + error.absolute
    return before * bound + relative * abs(exact) + constant


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_verdicts_are_those_of_exact_arithmetic(case: str, dtype: str) -> None:
    rng = np.random.default_rng([len(case), *case.encode()])
    arrays = drawn(case, rng)
    shape = call(torch, case, arrays).shape
    cotangent = torch.from_numpy(rng.integers(-12, 13, shape) / 8.0)
    exact = results(case, arrays, cotangent)
    sizes = results(case, {k: a.abs() for k, a in arrays.items()}, cotangent.abs())
    counts = results(case, {k: torch.ones_like(a) for k, a in arrays.items()}, None, False)
    narrow = {name: array.to(getattr(torch, dtype)) for name, array in arrays.items()}
    for name, values in exact.items():
        operation = asked(case, name, narrow, cotangent.to(getattr(torch, dtype)))
        assert operation.shape == tuple(values.shape)
        honest = values.to(getattr(torch, dtype))
        assert compare(honest, operation).passed, (name, compare(honest, operation).message)
        promise = compare(honest, operation).accumulation
        assert promise.output == Accumulation.of(dtype).output
        assert isinstance(promise, ScaledAccumulation) == case.endswith("scaled")
        what = operation.computation
        units = what.outward(np.broadcast_to(what.unit, what.shape))
        for share in (0.5, 0.9, 1.2, 3.0, 1000.0):
            index = tuple(int(rng.integers(n)) for n in values.shape)
            true, size = (Fraction(float(of[name][index])) for of in (exact, sizes))
            terms = int(counts[name][index])
            unit = int(units[index])
            if isinstance(promise, ScaledAccumulation):
                promise = promise.of_divisor(unit)
            plain = not what.multiplies
            most, sure = (
                allowed(promise, n, unit * size, unit * true, flat) / unit
                for n, flat in ((max(terms, 1) + 1, False), (terms or 1, plain))
            )
            defect = honest.clone()
            defect[index] = float(true) + share * float(most)
            error = abs(Fraction(float(defect[index])) - true)
            passed = compare(defect, operation).passed
            if terms and error <= sure:
                assert passed, (name, share)
            if error > most * Fraction(105, 100):
                assert not passed, (name, share)


@pytest.mark.parametrize("case", CASES)
def test_pytorch_s_own_results_are_within_their_bounds(case: str) -> None:
    rng = np.random.default_rng(list(case.encode()))
    narrow = () if case in ROUNDED_BETWEEN else (torch.bfloat16, torch.float16)
    for dtype in (torch.float32, torch.float64, *narrow):
        arrays = {
            name: torch.from_numpy(rng.standard_normal(shape)).to(dtype)
            for name, shape in CASES[case][1].items()
        }
        shape = call(torch, case, arrays).shape
        cotangent = torch.from_numpy(rng.standard_normal(shape)).to(dtype)
        if case.endswith("scaled"):  # float64 has to hold the multiples.
            arrays = {name: array.float().to(dtype) for name, array in arrays.items()}
            cotangent = cotangent.float().to(dtype)
        computed = results(case, arrays, cotangent)
        short: Accumulation | None = None
        if case.endswith("scaled") and dtype in (torch.bfloat16, torch.float16):
            if case.startswith("avg_pool2d"):  # Gradients are sums of rounded quotients.
                short = Accumulation(accumulate=str(dtype).removeprefix("torch."))
            else:  # Gradients are rounded before they are scaled.
                computed = {"output": computed["output"]}
        for name, values in computed.items():
            promise = short if name != "output" else None
            assert_close(values, asked(case, name, arrays, cotangent), accumulation=promise)


@pytest.mark.parametrize(
    "case", ["conv_transpose2d", "conv3d", "baddbmm scaled", "avg_pool2d scaled", "einsum"]
)
@pytest.mark.parametrize("method", ["replay", "replay-reference", "any-order", "enclosure"])
def test_computed_bounds_hold_of_all_operands_within_eps(case: str, method: Any) -> None:
    rng = np.random.default_rng(5)
    arrays = drawn(case, rng)
    held = {name: array.to(torch.float32).numpy() for name, array in arrays.items()}
    eps = dict.fromkeys(held, 2.0 ** (-6))
    moved = {
        name: array + torch.from_numpy(rng.choice([-1, 1], array.shape) * 2.0**-6)
        for name, array in arrays.items()
    }
    cotangent = torch.from_numpy(rng.integers(-12, 13, call(torch, case, arrays).shape) / 8.0)
    for name, exact in results(case, moved, cotangent).items():
        operation = call_with_eps(case, held, eps)
        if name != "output":
            operation = operation.grad(name, cotangent.to(torch.float32).numpy())
        computed = operation.compute(method=method)
        assert computed.value.shape == computed.bound.shape == operation.shape == exact.shape
        assert (np.abs(computed.value.astype(np.float64) - exact.numpy()) <= computed.bound).all()
        assert computed.theorem.startswith("RuntimeApprox.")


def call_with_eps(case: str, arrays: Arrays, eps: Mapping[str, float]) -> Operation:
    function, _, arguments = CASES[case]
    if case.startswith("einsum"):
        return ops.einsum(function, *arrays.values(), eps=eps)
    of_module: Callable[..., Operation] = getattr(ops, function)
    return of_module(*arrays.values(), **arguments, eps=eps)


POOLED: Mapping[str, tuple[Any, ...]] = {
    "one divisor": (3, 2, 1),
    "windows beyond the padding": (3, 2, 1, True),
    "entries that count": ((3, 2), 2, 1, True, False),
    "override": (2, 1, 0, True, False, 7),
}


def quotients(options: tuple[Any, ...], shape: tuple[int, ...]) -> list[tuple[Any, Any, int]]:
    """Return each index of the output, with an index that it reads and the divisor."""
    kernel, stride, pad = options[:3]
    with_padding = options[4] if len(options) > 4 else True
    override = options[5] if len(options) > 5 else None
    kernels: Any = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    outputs = torch.nn.functional.avg_pool2d(torch.zeros(shape), *options).shape
    reads = []
    for index in np.ndindex(*outputs):
        along, counts = [], []
        for o, k, size in zip(index[2:], kernels, shape[2:], strict=True):
            padded = [o * stride - pad + j for j in range(k)]
            along.append([i for i in padded if 0 <= i < size])
            counts.append(len([i for i in padded if i < size + pad]))
        count = math.prod(counts if with_padding else map(len, along))
        read = [(*index[:2], i, j) for i in along[0] for j in along[1]]
        reads += [(index, at, override or count) for at in read]
    return reads


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ["output", "input"])
@pytest.mark.parametrize("options", POOLED.values(), ids=POOLED)
def test_averages_of_any_divisors(options: tuple[Any, ...], name: str, dtype: str) -> None:
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.standard_normal((2, 2, 6, 6))).to(getattr(torch, dtype))
    x.requires_grad_()
    own = torch.nn.functional.avg_pool2d(x, *options)
    cotangent, promise = x.detach(), None
    if name == "input":
        cotangent = torch.from_numpy(rng.standard_normal(own.shape)).to(own.dtype)
        (own,) = torch.autograd.grad(own, x, cotangent)
        if own.dtype.itemsize == 2:
            promise = Accumulation(accumulate=dtype)
    own = own.detach()
    terms: dict[Any, list[tuple[Fraction, int]]] = {index: [] for index in np.ndindex(*own.shape)}
    for index, at, divisor in quotients(options, tuple(x.shape)):
        into, of = (index, at) if name == "output" else (at, index)
        terms[into].append((Fraction(float(cotangent[of])), divisor))
    exact = {index: sum((v / d for v, d in of), Fraction(0)) for index, of in terms.items()}

    def asked(cotangent: Any, **eps: Any) -> Operation:
        if name == "output":
            return ops.avg_pool2d(cotangent, *options, eps={"input": 0.125} if eps else None)
        return ops.avg_pool2d(x.detach(), *options).grad("input", cotangent, **eps)

    def within(values: Any, bounds: Any) -> bool:
        return all(
            abs(Fraction(float(values[index])) - true) <= Fraction(float(bounds[index]))
            for index, true in exact.items()
        )

    operation = asked(cotangent)
    for each in (operation, asked(cotangent + 2.0**-8, eps=0.125)):
        for m in ("replay", "replay-reference", "any-order", "enclosure"):
            computed = each.compute(method=m)
            assert within(computed.value, computed.bound)
    several = len({d for of in terms.values() for _, d in of}) > 1
    if dtype == "float64" and several and name == "input":
        with pytest.raises(InputError, match="grad_output: float64 does not hold"):
            compare(own, operation)
        return
    for method in ("enclosure", "any-order"):
        assumed = promise if method == "any-order" else None
        assert within(own, operation.certify(own, method=method, accumulation=assumed).bound)
    comparison = compare(own, operation, accumulation=promise)
    assert comparison.passed, comparison.message
    assert " divided by " in comparison.message or "of quotients" in comparison.message
    expected = "summands_smul" if name == "input" else "near_divided"
    assert f"RuntimeApprox.Contraction.{expected}" in comparison.theorems
    assert within(own, comparison.errors)
    kept = comparison.accumulation
    assert isinstance(kept, ScaledAccumulation)
    for index in [tuple(int(rng.integers(n)) for n in own.shape) for _ in range(6)]:
        of = terms[index]
        unit = math.lcm(*(d for _, d in of)) if name == "output" else kept.divisors[0]
        size = sum((abs(v) * unit / d for v, d in of), Fraction(0))
        most = allowed(kept.of_divisor(unit), len(of), size, unit * exact[index], name == "output")
        most /= unit
        assert 0.95 * most <= comparison.allowance[index] <= 1.05 * most
        for share in (0.9, 1.2, 5.0):
            defect = own.clone()
            defect[index] = float(exact[index] + Fraction(share) * most)
            error = abs(Fraction(float(defect[index])) - exact[index]) / most
            judged = compare(defect, operation, accumulation=promise)
            if not 0.95 < error < 1.05:
                assert judged.passed == (error < 1), (index, float(error))
            if not judged.passed:
                assert judged.worst.index == index
                assert judged.worst.value == float(defect[index])
                assert judged.worst.lower <= exact[index] <= judged.worst.upper


@pytest.mark.parametrize("dtype", FORMATS)
def test_pytorch_s_own_averages_of_unseen_shapes(dtype: str) -> None:
    """Some operands are subnormal; quotients are rounded before they are added."""
    rng = np.random.default_rng(8)
    short = Accumulation(accumulate=dtype) if dtype in ("bfloat16", "float16") else None
    for number in range(24):
        kernel, stride, more = (tuple(map(int, rng.integers(1, 5, 2))) for _ in range(3))
        pad = tuple(int(rng.integers(k // 2 + 1)) for k in kernel)
        override = [None, None, 7][rng.integers(3)]
        options = (kernel, stride, pad, bool(number & 1), bool(number & 2), override)
        x = torch.from_numpy(rng.standard_normal((2, 2, *np.add(kernel, more))))
        small = float(torch.finfo(getattr(torch, dtype)).smallest_normal) if number & 4 else 1.0
        x = (x * small).to(getattr(torch, dtype)).requires_grad_()
        output = torch.nn.functional.avg_pool2d(x, *options)
        cotangent = torch.from_numpy(rng.standard_normal(output.shape) * small).to(output.dtype)
        (gradient,) = torch.autograd.grad(output, x, cotangent)
        operation = ops.avg_pool2d(x.detach(), *options)
        assert_close(output.detach(), operation)
        asked = operation.grad("input", cotangent)
        if dtype != "float64" or len(asked.computation.divisors) == 1:  # Others are refused.
            assert_close(gradient, asked, accumulation=short)


def test_an_average_overflows_where_its_sum_or_itself_does() -> None:
    for dtype, large, right in (("float16", 2.0**15, True), ("bfloat16", 2.0**127, False)):
        x = torch.full((1, 1, 7, 7), large, dtype=getattr(torch, dtype))
        infinite = torch.full((1, 1, 4, 4), math.inf, dtype=x.dtype)
        failures = compare(infinite, ops.avg_pool2d(x, 3, 2, 1, divisor_override=4)).failures
        assert not failures[:, :, 1:-1, 1:-1].any()
        if right:
            assert compare(infinite, ops.avg_pool2d(x, 3, 2, 1)).failed == 16
    tiny = torch.full((1, 1, 8, 8), 3 * 2.0**-149)
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    (own,) = torch.autograd.grad(torch.nn.functional.avg_pool2d(x, 2, 1), x, tiny)
    assert_close(own, ops.avg_pool2d(x.detach(), 2, 1).grad("input", tiny))


@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize("rounding", ["nearest", "toward-zero"])
def test_a_scaled_sum_errs_by_what_lean_says(added: bool, rounding: Any) -> None:
    definitions = load_definitions()
    plain = Accumulation(rounding=rounding)
    scaled = ScaledAccumulation(**dict(plain), scales=(-3.0,), added=added)
    first = plain.sum_error(7, definitions)
    roundoff = Fraction(2) ** (-24 if rounding == "nearest" else -23)
    underflow = Fraction(2) ** (-150 if rounding == "nearest" else -149)
    relative, absolute = first.relative, 3 * first.absolute
    for step in range(1 + added):
        absolute += underflow * step
        relative, absolute = (
            relative + roundoff * (1 + relative),
            absolute + roundoff * absolute + underflow,
        )
    error = scaled.sum_error(7 + added, definitions)
    assert (error.relative, error.absolute) == (relative, absolute)
    if not added:
        divided = ScaledAccumulation(**dict(plain), added=False, divisors=(9,))
        times = 9 * (first.absolute * (1 + roundoff) + underflow)
        assert divided.sum_error(7, definitions) == ErrorBound(relative, times)


def test_sums_that_are_multiplied_twice() -> None:
    rng = np.random.default_rng(11)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((5, 9), (9, 4)))
    first, second = (float(np.float32(x)) for x in (0.7, 1.1))
    operation = ops.addmm(np.zeros(4, np.float32), a, b, alpha=(first, second))
    honest = (a @ b) * np.float32(first) * np.float32(second)
    comparison = compare(honest, operation)
    assert comparison.passed, comparison.message
    assert "multiplied by 0.7 and 1.1" in comparison.message
    size = first * second * (np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64)))
    once = ops.addmm(np.zeros(4, np.float32), a, b, alpha=first)
    plain = compare((a @ b) * np.float32(first), once).allowance / (size / second)
    assert np.allclose(comparison.allowance / size - plain, 2.0**-24, rtol=1e-3)
    exact = first * second * (a.astype(np.float64) @ b.astype(np.float64))
    for share, right in ((0.9, True), (1.1, False)):
        wrong = exact + share * comparison.allowance
        assert compare(wrong.astype(np.float32), operation).passed == right
    most, infinite = (np.full((1, 1), n, np.float32) for n in (2.0**63, math.inf))
    for alphas, right in (((4.0, 0.25), True), ((0.25, 4.0), False)):
        asked = ops.addmm(np.zeros(1, np.float32), most, most, alpha=alphas)
        assert compare(infinite, asked).passed == right


@pytest.mark.parametrize(
    ("dtype", "entry", "right"),
    [("float16", 300.0, False), ("float16", 400.0, True), ("float32", 2.0**64, True)],
)
def test_an_infinity_is_right_where_the_sum_or_the_result_overflows(
    dtype: str, entry: float, right: bool
) -> None:
    a = np.full((1, 1), entry, dtype)
    operation = ops.addmm(np.zeros((1, 1), dtype), a, a, alpha=0.5)
    assert compare(np.full((1, 1), math.inf, dtype), operation).passed == right


def test_scaled_sums_of_inexact_multiples() -> None:
    rng = np.random.default_rng(7)
    c, a, b = (rng.standard_normal(s).astype(np.float32) for s in ((3, 4), (3, 5), (5, 4)))
    operation = ops.addmm(c, a, b, alpha=0.1, beta=1e-3)
    exact = [
        Fraction(1e-3) * Fraction(float(c[i, j]))
        + Fraction(0.1) * sum(Fraction(float(a[i, k])) * Fraction(float(b[k, j])) for k in range(5))
        for i, j in np.ndindex(3, 4)
    ]
    computed = operation.compute()
    for value, bound, true in zip(computed.value.flat, computed.bound.flat, exact, strict=True):
        assert abs(Fraction(float(value)) - true) <= Fraction(float(bound)) < Fraction(1, 10**5)
    with pytest.raises(InputError, match="but a kernel of float32 multiplies by float32 numbers"):
        compare(computed.value, operation)
    rounded: Any = {"alpha": float(np.float32(0.1)), "beta": float(np.float32(1e-3))}
    assert_close(computed.value, ops.addmm(c, a, b, **rounded))
    assert not compare(
        computed.value + a[0, 0] * b[0, 0] * np.float32(1e-4), ops.addmm(c, a, b, **rounded)
    ).passed
    wide = [array.astype(np.float64) / 3 for array in (c, a, b)]
    with pytest.raises(InputError, match="float64 does not hold"):
        compare(computed.value.astype(np.float64), ops.addmm(*wide, alpha=0.1))


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_sharp_factors_have_condition_number_one(batch: tuple[int, ...], dtype: str) -> None:
    sharp = sharp_factors((*batch, 5, 24), (*batch, 24, 7), seed=4, dtype=dtype)
    assert {array.dtype.name for array in sharp} == {dtype}
    assert sharp.x.shape == (*batch, 5, 24)
    assert sharp.y.shape == (*batch, 24, 7)
    assert sharp.addend.shape == sharp.grad_output.shape == (*batch, 5, 7)
    x, y, addend, cotangent = (array.astype(np.float64) for array in sharp)
    back, forth = (array.swapaxes(-1, -2) for array in (x, y))
    for first, second, added in ((x, y, addend), (cotangent, forth, 0), (back, cotangent, 0)):
        size = np.abs(first) @ np.abs(second) + np.abs(added)
        np.testing.assert_allclose(np.abs(first @ second + added), size, rtol=1e-12)
    exact = (x @ y).astype(sharp.x.dtype)
    assert compare(exact, ops.matmul(sharp.x, sharp.y)).power == 1
    assert np.unique(sharp.x).size > sharp.x.size / 2 or dtype == "bfloat16"


@pytest.mark.parametrize("as_text", [False, True])
def test_an_exported_contraction_is_asked_as_any_operation(as_text: bool) -> None:
    exported: Any = load_definitions().data.operations["product"]
    if as_text:
        exported = json.dumps({"product": exported.model_dump(by_alias=True)})
    a, b, cotangent = drawn_float(6, (1, 4, 5, 1), (1, 3, 5, 1), (1, 4, 3))
    sizes = {"B": 1, "M": 4, "N": 3, "K": 5, "P": 1, "Q": 1}
    operation = ops.contraction(exported, {"x": a, "y": b}, sizes)
    right = (a[..., 0] @ b[..., 0].mT).reshape(1, 4, 3)
    assert_close(right, operation)
    assert np.array_equal(
        operation.compute().value, ops.matmul(a[..., 0], b[..., 0].mT).compute().value
    )
    assert not compare(right + 2.0**-12, operation).passed
    gradient = operation.grad("x", cotangent)
    assert_close((cotangent @ b[..., 0]).reshape(1, 4, 5, 1), gradient)


def test_the_gradient_of_a_gradient() -> None:
    rng = np.random.default_rng(2)
    x, w = (torch.from_numpy(rng.integers(-9, 9, s) / 4.0) for s in ((2, 3, 5, 5), (4, 3, 3, 3)))
    x.requires_grad_()
    w.requires_grad_()
    output = torch.nn.functional.conv2d(x, w, padding=1)
    cotangent = torch.ones_like(output, requires_grad=True)
    (gradient,) = torch.autograd.grad(output, x, cotangent, create_graph=True)
    second = torch.ones_like(gradient)
    by_weight, by_cotangent = torch.autograd.grad(gradient, (w, cotangent), second)
    operation = ops.conv2d(x, w, padding=1).grad("input", cotangent)
    assert operation.operands == ("weight", "grad_output")
    assert_close(by_weight, operation.grad("weight", second))
    assert_close(by_cotangent, operation.grad("grad_output", second))


def test_what_an_interpreter_shows_is_one_line() -> None:
    x, weight = np.ones((1, 2, 5), np.float32), np.ones((3, 2, 2), np.float32)
    operation = ops.conv1d(x, weight)
    of = "input (1, 2, 5) float32, weight (3, 2, 2) float32"
    assert repr(operation) == f"<Operation conv1d: the output (1, 3, 4) of {of}>"
    right = operation.compute().value
    promise = "float32 sums, in any order"
    wrong = right + np.eye(1, 12, dtype=np.float32).reshape(right.shape)
    for verdict, actual in {"passed": right, "1 of 12 entries fail": wrong}.items():
        comparison = operation.compare(actual)
        assert repr(comparison) == f"<Comparison of the output (1, 3, 4): {verdict}; {promise}>"
        assert str(comparison) == comparison.message


def test_an_entry_is_explained_where_the_caller_has_it() -> None:
    a, b = np.ones((4, 8, 4), np.float32), np.ones((4, 9), np.float32)
    operation = ops.matmul(a, b)
    explained = operation.explain((1, 2, 3))
    assert explained.index == (1, 2, 3)
    assert any("input[1,2,0]·other[0,3]" in c.formula for c in explained.contributions)
    assert explained.bound == Fraction(
        float(operation.compute(method="replay-reference").bound[1, 2, 3])
    )
    wrong = a @ b
    wrong[1, :, 3] += 1
    message = compare(wrong, operation).message
    assert "only batch element 1" in message
    assert "only column 3" in message
    assert "worst: [1, " in message
    tolerance = operation.tolerance()
    assert tolerance.shape == (4, 8, 9)
    assert f"of matmul with input {a.shape} and other {b.shape}" in tolerance.derivation


@pytest.mark.parametrize("case", CASES)
def test_every_operation_has_a_tolerance_and_explanations(case: str) -> None:
    torch.manual_seed(1)
    rng = np.random.default_rng([1, *case.encode()])
    arrays = {name: array.float() for name, array in drawn(case, rng).items()}
    arrays = {name: array + torch.rand(array.shape) for name, array in arrays.items()}
    cotangent = torch.rand(call(torch, case, arrays).shape) - 0.5
    for name, values in results(case, arrays, cotangent).items():
        operation = asked(case, name, arrays, cotangent)
        tolerance, comparison = operation.tolerance(), compare(values, operation)
        assert comparison.passed
        assert tolerance.shape == operation.shape
        most = tolerance.per_entry * (1 + 2.0**-18) + 2.0**-1000  # Allowances lack some digits.
        assert (most >= comparison.allowance).all()
        assert tolerance.absolute < 1e-3
        index = tuple(int(rng.integers(n)) for n in operation.shape)
        explained = operation.explain(index)
        computed = operation.compute(method="replay-reference")
        assert explained.bound <= Fraction(float(computed.bound[index]))
        assert explained.bound >= Fraction(float(computed.bound[index])) * Fraction(0.999)
        assert explained.value == Fraction(float(computed.value[index]))
    if case == "avg_pool2d of several divisors, scaled":
        corner = ops.avg_pool2d(arrays["input"], 2, padding=1, count_include_pad=False)
        assert "1/1·input[0,0,0,0]" in str(corner.explain((0, 0, 0, 0)).contributions)
        assert "1/4·input[0,0,1,1]" in str(corner.explain((0, 0, 1, 1)).contributions)
        assert "divided by" in corner.tolerance().derivation


def test_both_factors_broadcast() -> None:
    a, b = np.arange(12.0).reshape(2, 1, 2, 3), np.arange(18.0).reshape(1, 3, 3, 2)
    assert_close(a @ b, ops.matmul(a, b))
    wrong = a @ b
    wrong[1, 2, 0, 1] += 1
    assert compare(wrong, ops.matmul(a, b)).worst.index == (1, 2, 0, 1)


@pytest.mark.parametrize("actual", [np.float64(14.5), np.array(14.5), torch.tensor(14.5), 14.5])
def test_results_without_axes(actual: Any) -> None:
    a = torch.tensor([1.0, 2.0, 3.0])
    bias = ops.linear(a, a, torch.tensor(0.5)).grad("bias", np.float32(14.5))
    for operation in (ops.linear(a, a, torch.tensor(0.5)), bias):
        assert operation.shape == operation.compute().value.shape == ()
        assert_close(actual, operation)
        assert "worst: [] is" in compare(actual + 1, operation).message


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("case", CASES)
def test_operands_in_float8(case: str, dtype: str) -> None:
    """Float32 results of the operands' numbers pass; one wrong entry is noticed."""
    rng = np.random.default_rng(8)
    arrays = {
        name: torch.from_numpy(rng.standard_normal(shape)).to(getattr(torch, dtype))
        for name, shape in CASES[case][1].items()
    }
    operation = call(ops, case, arrays)
    actual = call(torch, case, {name: array.float() for name, array in arrays.items()})
    assert compare(actual, operation).passed
    actual[(0,) * actual.ndim] += 2.0**-8
    assert compare(actual, operation).worst.index == (0,) * actual.ndim


@pytest.mark.parametrize(("dtype", "most"), [("float8_e4m3fn", 448.0), ("float8_e5m2", 57344.0)])
@pytest.mark.parametrize("held_in", ["float32", "bfloat16", "float8_e4m3fn"])
def test_results_in_float8(dtype: str, most: float, held_in: str) -> None:
    """Sums are rounded once; a unit off is noticed, and so is an infinity without overflow."""
    narrow = getattr(torch, dtype)
    a, b = (x.to(getattr(torch, held_in)) for x in drawn_float(9, (7, 30), (30, 9)))
    exact = a.double() @ b.double()
    honest, operation = exact.float().to(narrow), ops.matmul(a, b)
    for each in (honest, np.asarray(honest.float()).astype(getattr(ml_dtypes, dtype))):
        comparison = compare(each, operation)
        assert comparison.passed, comparison.message
        assert f"rounded to {dtype}" in comparison.message
        unit = 2.0 ** (-4 if "e4m3" in dtype else -3)
        size = np.abs(exact.numpy())
        least = 2.0 ** (-10 if "e4m3" in dtype else -17)
        assert (comparison.allowance >= unit * size).all()
        assert (comparison.allowance <= unit * size + least + 1e-4).all()
        errors = np.abs(honest.double().numpy() - exact.numpy())
        assert (errors <= operation.certify(each).bound).all()
    code = honest.view(torch.uint8).clone()
    code[3, 4] += 2
    judged = compare(code.view(narrow), operation)
    assert judged.failed == 1
    assert judged.worst.index == (3, 4)
    one = torch.ones(1, 1)
    over = torch.tensor([[math.nan if "e4m3" in dtype else math.inf]]).to(narrow)
    edge = most * (464 / 448 if "e4m3" in dtype else 61440 / 57344)
    for value, right in (
        (edge * 1.01, True),
        (edge * 0.99, False),
        (-edge * 1.01, "e4m3" in dtype),
    ):
        assert compare(over, ops.matmul(one, one * value)).passed == right
    assert compare(torch.full((1, 1), most).to(narrow), ops.matmul(one, one * most)).passed


def drawn_float(seed: int, *shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in shapes]


def rolled(array: Any, axis: int) -> Any:
    """Return the next entries along an axis, zeros after the last."""
    moved = array.roll(-1, axis)
    moved.select(axis, -1).zero_()
    return moved


def planted_mistakes() -> dict[str, tuple[Any, Operation]]:
    """Return results with a common mistake, by what the message has to say."""
    nn = torch.nn.functional
    x1, w1 = drawn_float(1, (3, 4, 17), (5, 4, 3))
    x2, w2, b2 = drawn_float(2, (2, 4, 9, 8), (4, 3, 3, 2), (3,))
    x3, w3 = drawn_float(3, (2, 3, 6, 7, 5), (4, 3, 3, 2, 3))
    a, b, c, d, e = drawn_float(4, (3, 8, 8), (3, 8, 8), (9, 12), (7, 12), (7,))
    x4, w4 = x3[:, :, :5, :5].contiguous(), w3[:, :, :2].contiguous()
    unpadded = nn.conv_transpose2d(x2, w2, b2, stride=2)
    return {
        "as if input were read one position further": (
            nn.conv1d(rolled(x1, 2), w1, padding=1),
            ops.conv1d(x1, w1, padding=1),
        ),
        "as if the padding were circular": (
            nn.conv1d(nn.pad(x1, (2, 2), mode="circular"), w1),
            ops.conv1d(x1, w1, padding=2),
        ),
        "as if the kernel were flipped": (nn.conv3d(x3, w3.flip(2, 3, 4)), ops.conv3d(x3, w3)),
        "as if depth and height were swapped in the parameters": (
            nn.conv3d(nn.pad(x4, (0, 0, 0, 0, 0, 3)), w4, stride=(2, 1, 1))[:, :, :, :2],
            ops.conv3d(x4, w4, stride=(1, 2, 1)),
        ),
        "as if there were one more of padding at the start of the height": (
            unpadded[:, :, 2:, 1:-1],
            ops.conv_transpose2d(x2, w2, b2, stride=2, padding=1),
        ),
        "as if the bias were added twice": (
            nn.conv_transpose2d(x2, w2, 2 * b2, stride=2),
            ops.conv_transpose2d(x2, w2, b2, stride=2),
        ),
        "as if there were one less of padding at the start of the height": (
            nn.avg_pool2d(rolled(x2, 2), 2, 1),
            ops.avg_pool2d(x2, 2, 1),
        ),
        "as if other were transposed": (a @ b.mT, ops.matmul(a, b)),
        "as if the last 2 inner positions were left out": (
            torch.bmm(a[:, :, :6], b[:, :6]),
            ops.bmm(a, b),
        ),
        "as if inner position 3 were of the wrong sign": (
            nn.linear(c * torch.tensor([1.0] * 3 + [-1.0] + [1.0] * 8), d, e),
            ops.linear(c, d, e),
        ),
    }


@pytest.mark.parametrize("words", planted_mistakes())
def test_a_message_names_the_mistake(words: str) -> None:
    actual, operation = planted_mistakes()[words]
    comparison = compare(actual, operation)
    assert any(pattern.startswith(words) for pattern in comparison.patterns), comparison.message


EMPTY: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "conv1d": {"input": (0, 4, 9)},
    "conv3d": {"input": (0, 2, 4, 5, 3)},
    "conv_transpose2d": {"input": (0, 4, 3, 4)},
    "linear": {"input": (2, 0, 7)},
    "matmul": {"input": (0, 4, 5)},
    "matmul that broadcasts": {"input": (2, 1, 4, 0), "other": (3, 0, 2)},
    "bmm": {"input": (3, 4, 0), "mat2": (3, 0, 2)},
    "addmm scaled": {"mat1": (3, 0), "mat2": (0, 4)},
    "addmm": {"input": (4,), "mat1": (0, 5)},
    "avg_pool2d scaled": {"input": (0, 3, 7, 6)},
    "einsum": {"first": (2, 3, 0, 5)},
    "einsum that repeats": {"second": (0, 4)},
}


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
@pytest.mark.parametrize("case", EMPTY)
def test_operands_without_entries(case: str, dtype: str) -> None:
    """PyTorch's results without rows or without terms pass, and others do not."""
    shapes = {**CASES[case][1], **EMPTY[case]}
    arrays = {n: torch.full(s, 0.5, dtype=getattr(torch, dtype)) for n, s in shapes.items()}
    cotangent = torch.ones_like(call(torch, case, arrays))
    for name, right in results(case, arrays, cotangent).items():
        operation = asked(case, name, arrays, cotangent)
        assert operation.shape == tuple(right.shape)
        assert compare(right, operation).passed
        if right.numel():
            wrong = right.contiguous().clone()
            wrong.view(-1)[-1] += 2.0**-20
            assert compare(wrong, operation).passed == torch.equal(wrong, right)
        else:
            assert compare(right, operation).message.endswith(": it has no entries")
        computed = operation.compute()
        assert computed.value.shape == computed.bound.shape == operation.shape
        assert operation.certify(right).bound.shape == operation.shape
        assert operation.tolerance().shape == operation.shape
        with pytest.raises(InputError, match="actual has shape"):
            compare(torch.zeros(1, 0, 1), operation)


ONES = np.ones((2, 3), np.float32)
REFUSED: Mapping[str, Callable[[], Any]] = {
    "other has shape (2, 3): expected 3 along axis 0": lambda: ops.matmul(ONES, ONES),
    "expected two operands, got 3": lambda: ops.einsum("a,a,a", ONES, ONES, ONES),
    "'i' is twice in 'ii'": lambda: ops.einsum("ii,ij->j", np.ones((2, 2)), ONES),
    "name: expected one of input, other, got 'bias'": lambda: ops.matmul(ONES, ONES.T).grad(
        "bias", np.ones((2, 2))
    ),
    "grad_output has shape (3,), expected (2, 2)": lambda: ops.matmul(ONES, ONES.T).grad(
        "input", np.ones(3)
    ),
    "actual has shape (3,), expected (2, 2)": lambda: compare(np.ones(3), ops.matmul(ONES, ONES.T)),
    "eps: expected numbers for some of input, other": lambda: ops.matmul(
        ONES, ONES.T, eps={"z": 1}
    ),
    "alpha: 0 leaves no products": lambda: ops.addmm(ONES, ONES, ONES, alpha=0),
    "alpha: expected a number, got (1, 2, 3)": lambda: ops.addmm(
        ONES, ONES, ONES, alpha=cast(Any, (1, 2, 3))
    ),
    "beta: expected a finite float64 number, got inf": lambda: ops.addmm(
        ONES, ONES, ONES, beta=math.inf
    ),
    "nothing is proved about kernels that round or flush": lambda: compare(
        np.ones((2, 2), np.float32),
        ops.addmm(ONES[:, :2], ONES, ONES.T, alpha=2),
        accumulation=tf32(),
    ),
    "got (2, 3) and (2, 3)": lambda: sharp_factors((2, 3), (2, 3)),
    "got (3,) and (3,)": lambda: sharp_factors((3,), (3,)),
    "got (2, 3) and (3, 0)": lambda: sharp_factors((2, 3), (3, 0)),
    "name: the bias gradient of linear is a sum of grad_output alone and has no gradients, got": (
        lambda: (
            ops.linear(ONES, ONES, ONES[:, 0])
            .grad("bias", np.ones((2, 2)))
            .grad("grad_output", np.ones(2))
        )
    ),
    "grad_output: float64 does not hold": lambda: compare(
        np.ones((1, 5, 5)),
        ops.avg_pool2d(np.ones((1, 5, 5)), 3, 2, 1, count_include_pad=False).grad(
            "input", np.full((1, 3, 3), 0.1)
        ),
    ),
    "divisor: a comparison needs": lambda: compare(
        np.ones((1, 1, 1)), ops.avg_pool2d(np.ones((1, 5, 5)), 5, divisor_override=2**27 + 1)
    ),
    "actual: 9 times an entry overflows float64": lambda: compare(
        np.full((1, 1, 1), 1e308), ops.avg_pool2d(np.ones((1, 3, 3)), 3)
    ),
    "dilation: expected an integer or (height, width), got (1, 1, 1)": lambda: ops.conv2d(
        np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)), padding="same", dilation=(1, 1, 1)
    ),
    "input has shape (3, 2), expected one that broadcasts to (2, 2)": lambda: ops.addmm(
        np.ones((3, 2)), ONES, ONES.T
    ),
    "actual: expected": lambda: compare(None, ops.matmul(torch.ones(2, 2), torch.ones(2, 2))),
    "'same' needs a stride of 1": lambda: ops.conv1d(
        ONES, np.ones((1, 2, 2)), stride=2, padding="same"
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_usage_is_one_line(message: str) -> None:
    with pytest.raises((InputError, TypeError)) as caught:
        REFUSED[message]()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
