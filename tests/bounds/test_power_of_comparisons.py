"""The depth that explains a result, the power of comparisons, operands of condition number one."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from ml_dtypes import bfloat16

from pybridge.bounds.comparison import Comparison
from pybridge.bounds.conv2d import conv2d_result
from pybridge.bounds.kernel_result import Gradient
from pybridge.bounds.sharp import SharpOperands
from pybridge.engine.accumulation import Accumulation, blocked, pairwise, split_k
from pybridge.errors import InputError, InputTypeError
from pybridge.problem.geometry import Geometry, Parameters
from pybridge.problem.results import OPERANDS, Result
from pybridge.testing import (
    PowerWarning,
    assert_gradient_close,
    assert_output_close,
    compare_gradient,
    compare_output,
    sharp_operands,
    tolerance,
)
from pybridge.truth.exact import exact_results

Array: TypeAlias = npt.NDArray[Any]
Sum: TypeAlias = Callable[[Array], Array]

# Kernels that are simulated: a 1×1 convolution's weight gradient, whose terms are x·grad_output.

OUT, IN = 5, 4
COUNT = 6 * 16 * 16


def factors(kind: str, seed: int) -> tuple[Array, Array, Array]:
    if kind == "sharp":
        operands = sharp_operands((6, IN, 16, 16), (OUT, IN, 1, 1), seed=seed)
        return operands.x, operands.weight, operands.grad_output
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, IN, 16, 16), np.float32)
    weight = rng.standard_normal((OUT, IN, 1, 1), np.float32)
    return x, weight, rng.standard_normal((6, OUT, 16, 16), np.float32)


def products(x: Array, grad_output: Array, dtype: Any) -> Array:
    """Return the terms of all entries, [COUNT, OUT, IN], rounded to a dtype."""
    left = np.moveaxis(grad_output, 1, -1).reshape(COUNT, OUT, 1).astype(dtype)
    right = np.moveaxis(x, 1, -1).reshape(COUNT, 1, IN).astype(dtype)
    return np.asarray(left * right)


def one_by_one(terms: Array) -> Array:
    total: Array = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def halving(block: int) -> Sum:
    def sum_up(terms: Array) -> Array:
        if len(terms) <= block:
            return one_by_one(terms)
        middle = len(terms) // 2
        return np.asarray(sum_up(terms[:middle]) + sum_up(terms[middle:]))

    return sum_up


def blocking(block: int) -> Sum:
    def sum_up(terms: Array) -> Array:
        parts = [one_by_one(terms[k : k + block]) for k in range(0, len(terms), block)]
        return one_by_one(np.array(parts))

    return sum_up


KERNELS: list[tuple[str, Sum, dict[str, Any]]] = [
    ("sequential", one_by_one, {}),
    ("pairwise", halving(1), {"summation": "pairwise"}),
    ("pairwise, 16", halving(16), {"summation": "pairwise", "block": 16}),
    ("blocked, 32", blocking(32), {"summation": "blocked", "block": 32}),
    ("blocked, 100", blocking(100), {"summation": "blocked", "block": 100}),
    ("by depth", blocking(32), {"depth": 32 + COUNT // 32}),
    ("pairwise by depth", halving(1), {"depth": 12}),
    ("splits", blocking(COUNT // 6), {"splits": 6}),
]


@pytest.mark.parametrize("dtype", [np.float32, bfloat16])
@pytest.mark.parametrize("kind", ["normal", "sharp"])
@pytest.mark.parametrize(("name", "sum_up", "said"), KERNELS, ids=[k[0] for k in KERNELS])
def test_kernels_are_not_flagged_at_their_depth(
    name: str, sum_up: Sum, said: dict[str, Any], kind: str, dtype: Any
) -> None:
    for seed in range(3):
        x, weight, grad = (a.astype(dtype) for a in factors(kind, seed))
        gradient = sum_up(products(x, grad, dtype)).reshape(OUT, IN, 1, 1)
        assert gradient.dtype == dtype
        promise = Accumulation(accumulate=dtype, **said)
        comparison = compare_gradient(
            gradient, x, weight, grad, which="weight", accumulation=promise
        )
        assert comparison.passed, f"{name}: {comparison.message}"
        assert comparison.most == promise.roundings(COUNT)
        assert comparison.depth is not None
        assert comparison.depth <= comparison.most


def in_bfloat16_parts(x: Array, grad: Array) -> Array:
    """Add up in bfloat16 six partial sums, of 256 terms each, in float32."""
    parts = products(x, grad, np.float32).reshape(6, -1, OUT, IN).sum(1, dtype=np.float32)
    return one_by_one(parts.astype(bfloat16)).astype(np.float32).reshape(OUT, IN, 1, 1)


def test_partial_sums_in_bfloat16_are_flagged_at_a_depth_of_1024() -> None:
    for seed in range(5):
        x, weight, grad = factors("sharp", seed)
        comparison = compare_gradient(
            in_bfloat16_parts(x, grad),
            x,
            weight,
            grad,
            which="weight",
            accumulation=Accumulation(depth=1024),
        )
        assert not comparison.passed
        assert comparison.power == 1.0
        assert comparison.depth is None or comparison.depth > 1024
        assert comparison.best_depth in (0, 1)
        assert f"depth: 1024 promised, this result needs {comparison.depth}" in comparison.message


def at(gradient: Array, operands: tuple[Array, Array, Array], depth: int) -> Comparison:
    x, weight, grad = operands
    accumulation = Accumulation(depth=depth)
    return compare_gradient(gradient, x, weight, grad, which="weight", accumulation=accumulation)


@pytest.mark.parametrize("kind", ["normal", "sharp"])
@pytest.mark.parametrize("steps", [1, 5, 30, 200])
def test_the_depth_of_a_result_is_the_least_that_explains_it(kind: str, steps: int) -> None:
    for seed in range(4):
        operands = factors(kind, seed)
        x, _, grad = operands
        exact = np.einsum("nohw,nihw->oi", grad.astype(np.float64), x.astype(np.float64))
        sizes = np.einsum("nohw,nihw->oi", abs(grad).astype(np.float64), abs(x).astype(np.float64))
        off = (steps - 0.5) * 2.0**-24 * sizes
        result = (exact + off).astype(np.float32).reshape(OUT, IN, 1, 1)
        needed = at(result, operands, 1024).depth
        assert needed is not None
        assert 1 <= needed < 1024
        assert at(result, operands, needed).passed
        error = np.abs(result.reshape(OUT, IN) - exact) / sizes
        least = np.log1p(error.max()) / np.log1p(2.0**-24)
        assert needed - 1 < least <= needed
        # Magnitudes are summed in float32, so that the allowance is COUNT·2⁻²⁴ above the exact one.
        if needed >= 2 and least > (needed - 1) * (1 + 2e-4):
            assert not at(result, operands, needed - 1).passed


def test_the_depth_of_a_result_does_not_depend_on_the_promise_of_the_depth() -> None:
    operands = factors("sharp", 1)
    gradient = in_bfloat16_parts(operands[0], operands[2])
    assert len({at(gradient, operands, d).depth for d in (1, 10, 1024)}) == 1


def test_a_result_with_nan_has_no_depth() -> None:
    operands = factors("sharp", 1)
    gradient = in_bfloat16_parts(operands[0], operands[2])
    gradient[1, 2] = np.nan
    comparison = at(gradient, operands, 1024)
    assert comparison.depth is None
    assert "depth" not in comparison.message.partition("worst")[2]


def rounded(x: Array, grad: Array) -> Array:
    exact = np.einsum("nohw,nihw->oi", grad.astype(np.float64), x.astype(np.float64))
    return np.asarray(exact.astype(np.float32)).reshape(OUT, IN, 1, 1)


def test_the_power_is_one_where_all_exact_values_are_zero() -> None:
    x, weight, grad = factors("normal", 0)
    comparison = compare_gradient(
        np.zeros((OUT, IN, 1, 1), np.float32), 0 * x, weight, grad, which="weight"
    )
    assert comparison.passed
    assert comparison.power == 1.0
    assert comparison.weakness is None


def cancelled() -> tuple[Array, Array, Array]:
    """Return operands whose terms cancel but for a difference that rounding may hide."""
    x, weight, grad = factors("sharp", 3)
    x[3:] = -x[:3]
    grad[3:] = grad[:3]
    x[0, :, 0, 0] = np.nextafter(x[0, :, 0, 0], np.float32(9))
    return x, weight, grad


def test_the_power_is_zero_where_terms_cancel() -> None:
    x, weight, grad = cancelled()
    comparison = compare_gradient(rounded(x, grad), x, weight, grad, which="weight")
    assert comparison.passed
    assert comparison.power == 0.0
    assert comparison.needed == 0
    assert comparison.weakness is not None
    assert "whatever the depth" in comparison.weakness


def test_sharp_operands_have_power_one() -> None:
    shapes = (3, 4, 9, 9), (6, 2, 3, 3)
    for dtype in ("float32", "bfloat16"):
        operands = sharp_operands(*shapes, padding=1, stride=2, groups=2, dtype=dtype)
        x, weight, bias, grad = operands
        results: tuple[Gradient, ...] = ("weight", "input", "bias")
        for which in results:
            zero = np.zeros_like({"weight": weight, "input": x, "bias": bias}[which])
            comparison = compare_gradient(
                zero, x, weight, grad, which=which, padding=1, stride=2, groups=2
            )
            assert comparison.power == 1.0
            assert not comparison.passed
        output = compare_output(np.zeros_like(grad), x, weight, bias, padding=1, stride=2, groups=2)
        assert output.power == 1.0
        assert output.failed == output.entries


def wide() -> tuple[Array, Array, Array]:
    """Return operands with which the promise WEAK notices less than half of the zeros."""
    x, weight, grad = factors("normal", 0)
    return x.astype(bfloat16), weight.astype(bfloat16), grad.astype(bfloat16)


WEAK = Accumulation(accumulate="bfloat16")


def weak(min_power: Any = 0.0) -> None:
    x, weight, grad = wide()
    assert_gradient_close(
        rounded(x, grad).astype(bfloat16),
        x,
        weight,
        grad,
        which="weight",
        accumulation=WEAK,
        min_power=min_power,
    )


def test_the_needed_depth_restores_the_power() -> None:
    x, weight, grad = wide()

    def power(accumulation: Accumulation) -> Comparison:
        return compare_gradient(
            rounded(x, grad).astype(bfloat16),
            x,
            weight,
            grad,
            which="weight",
            accumulation=accumulation,
        )

    default = power(WEAK)
    assert default.power < 0.5
    assert 0 < default.needed < COUNT
    assert power(WEAK.model_copy(update={"depth": default.needed})).power >= 0.5
    assert power(WEAK.model_copy(update={"depth": default.needed + 1})).power <= 0.5
    assert default.weakness is not None
    assert f"a promise of depth {default.needed} or less" in default.weakness
    assert "pybridge.testing.sharp_operands" in default.weakness


def test_little_power_warns_once_a_call_site() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            weak()
    assert [w.category for w in caught] == [PowerWarning]
    assert "a zero would be noticed at" in str(caught[0].message)


def test_the_warning_points_at_the_assertion() -> None:
    x, weight, grad = wide()
    gradient = rounded(x, grad).astype(bfloat16)
    frame = inspect.currentframe()
    assert frame is not None
    line = frame.f_lineno + 2
    with pytest.warns(PowerWarning) as caught:
        assert_gradient_close(gradient, x, weight, grad, which="weight", accumulation=WEAK)
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_outputs_of_little_power_warn_at_the_assertion() -> None:
    x = cancelled()[0]
    long = np.concatenate([np.moveaxis(x, 0, 1).reshape(1, -1, 16, 16)] * 40, 1)
    ones = np.ones((1, long.shape[1], 1, 1), np.float32)
    exact = long.astype(np.float64).sum(1, keepdims=True)
    with pytest.warns(PowerWarning, match="the output: a zero") as caught:
        assert_output_close(exact.astype(np.float32), long, ones)
    assert caught[0].filename == __file__


def test_the_warning_is_an_error_under_w_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PowerWarning, match="the weight gradient: a zero would be noticed"):
            weak()
    script = "import test_power_of_comparisons; test_power_of_comparisons.weak()"
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        cwd=__file__.rpartition("/")[0],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PowerWarning: the weight gradient" in done.stderr


def test_enough_power_does_not_warn() -> None:
    operands = factors("sharp", 0)
    x, weight, grad = operands
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_gradient_close(rounded(x, grad), x, weight, grad, which="weight", min_power=1)


@pytest.mark.filterwarnings("error")
def test_min_power_fails_below_it() -> None:
    with pytest.raises(AssertionError, match=r"expected a power of at least 0\.9$") as caught:
        weak(0.9)
    assert "the weight gradient: a zero would be noticed at" in str(caught.value)


@pytest.mark.filterwarnings("ignore::pybridge.testing.PowerWarning")
def test_min_power_passes_where_the_power_is_it() -> None:
    weak(0.0)
    weak(np.float64(0.0))


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (-0.1, InputError, "expected a share from 0 to 1, got -0.1"),
        (1.5, InputError, "expected a share from 0 to 1, got 1.5"),
        (float("nan"), InputError, "expected a share from 0 to 1, got nan"),
        ("half", InputTypeError, "expected a number, got 'half'"),
        (True, InputTypeError, "expected a number, got True"),
        (None, InputTypeError, "expected a number, got None"),
    ],
)
def test_a_bad_min_power_is_one_line(value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        weak(value)
    assert str(caught.value) == f"min_power: {words}"


# Operands of condition number one.

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5, 6), (4, 3, 3, 3), {"padding": 1}),
    ((2, 3, 7, 6), (4, 3, 3, 2), {"stride": 2, "padding": (1, 0)}),
    ((1, 4, 9, 8), (6, 2, 2, 3), {"dilation": (3, 2), "groups": 2, "padding": 2}),
    ((2, 6, 5, 5), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    ((2, 6, 5, 5), (12, 1, 3, 3), {"groups": 6, "stride": (1, 2), "padding": ((2, 0), (0, 1))}),
    ((3, 1, 1, 1), (1, 1, 1, 1), {}),
]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("x_shape", "weight_shape", "parameters"), SHAPES)
def test_the_condition_number_is_one(
    x_shape: tuple[int, ...], weight_shape: tuple[int, ...], parameters: dict[str, Any], dtype: str
) -> None:
    geometry = Geometry.of(x_shape, weight_shape, **parameters)
    sharp = sharp_operands(x_shape, weight_shape, seed=5, dtype=dtype, **parameters)
    assert all(a.dtype.name == dtype for a in sharp)
    assert sharp.x.shape == geometry.x_shape
    assert sharp.weight.shape == geometry.weight_shape
    assert sharp.bias.shape == geometry.bias_shape
    assert sharp.grad_output.shape == geometry.output_shape
    names = ("output", "bias", "weight", "input")

    def exact(operands: Sequence[Array]) -> dict[str, list[Fraction]]:
        read = dict(zip(OPERANDS, operands, strict=True))
        results = exact_results(geometry, read)
        return {name: list(results[name].fractions()) for name in names}

    values, sizes = exact(sharp), exact([np.abs(a) for a in sharp])
    for name in names:
        assert [abs(v) for v in values[name]] == sizes[name], name


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_magnitudes_vary_and_signs_too(dtype: str) -> None:
    sharp = sharp_operands((4, 16, 9, 9), (16, 8, 3, 3), groups=2, dtype=dtype)
    for values in sharp:
        size = np.abs(values.astype(np.float64))
        assert size.min() >= 0.25
        assert size.max() <= 4
        assert size.max() / size.min() > 2
        assert len(np.unique(size)) > min(values.size, 64) / 2
        assert (values > 0).any()
        assert (values < 0).any()


def test_less_than_half_an_ulp_shows() -> None:
    """Losing one of 1,792 terms, a quarter of the last rounding, shows just above powers of two."""
    sharp = sharp_operands((4, 16, 8, 8), (32, 16, 3, 3), padding=1, dtype="bfloat16", seed=1)
    read = {"x": sharp.x, "grad_output": sharp.grad_output}
    blank = np.zeros((32, 16, 3, 3), bfloat16)
    operation = conv2d_result(Result.WEIGHT, read, Parameters(padding=1), actual=blank)
    returned = operation.returned(blank)
    exact = returned.estimator().value(np.float64)
    assert np.mean(np.frexp(np.abs(exact))[0] < 0.5 * 2**0.2) > 0.15
    options: dict[str, Any] = {"which": "weight", "padding": 1}
    operands = sharp.x, sharp.weight, sharp.grad_output
    assert compare_gradient(exact.astype(bfloat16), *operands, **options).passed
    less = (exact * (1 - 1 / 1792)).astype(bfloat16)
    assert not compare_gradient(less, *operands, **options).passed


def test_seeds_reproduce() -> None:
    def draw(seed: int) -> SharpOperands:
        return sharp_operands((2, 3, 5, 5), (4, 3, 3, 3), seed=seed)

    assert all(np.array_equal(a, b) for a, b in zip(draw(7), draw(7), strict=True))
    assert all(not np.array_equal(a, b) for a, b in zip(draw(7), draw(8), strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float16"), bfloat16, "binary16"])
def test_dtypes_may_be_dtypes(dtype: Any) -> None:
    sharp = sharp_operands((1, 1, 3, 3), (1, 1, 2, 2), dtype=dtype)
    expected = np.float16 if dtype == "binary16" else np.dtype(dtype)
    assert sharp.x.dtype == expected


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": -1}, InputError, "seed: expected a number of at least 0, got -1"),
        ({"seed": True}, InputTypeError, "seed: expected an integer, got True"),
        ({"seed": 1.0}, InputTypeError, "seed: expected an integer, got 1.0"),
        ({"dtype": "int8"}, InputError, "int8"),
        ({"dtype": None}, InputError, "None"),
        ({"dtype": object()}, InputError, "object"),
        ({"groups": 2}, InputError, "groups"),
        ({"stride": 0}, InputError, "stride"),
        ({"x_shape": (2, 3, 5)}, InputError, "x"),
        ({"weight_shape": (4, 3, 9, 9)}, InputError, "kernel|weight"),
        ({"weight_shape": (4, 2, 3, 3)}, InputError, "channels"),
    ],
)
def test_bad_arguments_of_sharp_operands(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    options: dict[str, Any] = {"x_shape": (2, 3, 5, 5), "weight_shape": (4, 3, 3, 3), **arguments}
    with pytest.raises(error, match=words) as caught:
        sharp_operands(options.pop("x_shape"), options.pop("weight_shape"), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        (Accumulation(), "n·u with n = 1960, u = 2^-24]"),
        (Accumulation(depth=64), "(1 + u)^d − 1 with d = 64, u = 2^-24]"),
        (Accumulation(depth=64, rounding="toward-zero"), "(1 + u)^d − 1 with d = 64, u = 2^-23]"),
        (Accumulation(depth=1960), "n·u with n = 1960, u = 2^-24]"),
        (pairwise(), "(1 + u)^d − 1 with d = 12, u = 2^-24]"),
        (blocked(32), "(1 + u)^d − 1 with d = 94, u = 2^-24]"),
        (split_k(8), "(1 + u)^d − 1 with d = 253, u = 2^-24]"),
        (split_k(8, "bfloat16"), "(1 + u)^d − 1 with d = 245, u = 2^-24; 8 partial sums in"),
    ],
)
def test_derivations_of_tolerances_name_the_depth(promise: Accumulation, words: str) -> None:
    shapes = (10, 8, 14, 14), (16, 8, 3, 3)
    allowed = tolerance(
        *shapes, which="weight", padding=1, max_x=4, max_grad_output=4, accumulation=promise
    )
    assert f"[every term, by all roundings on its way: {words}" in allowed.derivation


def test_a_tolerance_of_a_great_depth_is_quick() -> None:
    promise = Accumulation(depth=2_000_000)
    allowed = tolerance(
        (64, 1, 224, 224), (1, 1, 1, 1), which="bias", max_grad_output=1, accumulation=promise
    )
    assert "with d = 2000000" in allowed.derivation


def test_a_call_site_warns_once_of_whatever_operands() -> None:
    rng = np.random.default_rng(5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            x = rng.standard_normal((1, 1, 1, 1 << 20)).astype(np.float32)
            sums = x.astype(np.float64).sum()
            result = np.full((1, 1, 1, 1), sums, np.float32)
            assert_gradient_close(result, x, None, np.ones_like(x), which="weight")
    assert [w.category for w in caught] == [PowerWarning]
