"""Bounds of sums in any order, and enclosures, against exact results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import REGIMES, conv2d_operands, data, estimator, formats, geometries

from pybridge.bounds.applied import Applied
from pybridge.bounds.arguments import read_kernel_result
from pybridge.bounds.conv2d import conv2d_result
from pybridge.engine.accumulation import Accumulation, parameters_of, split_k, tf32
from pybridge.engine.coefficients import round_up
from pybridge.engine.estimator import Estimator, Inexact
from pybridge.engine.upward import add_up
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.problem.computation import conv2d_computation
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result
from pybridge.problem.rounding import round_to
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.exact import exact_results

DEFINITIONS = load_definitions()


def applied(name: str, geometry: Geometry, operands: Mapping[str, Operand]) -> Applied:
    return Applied(conv2d_computation(Result(name), geometry), operands)


NAMES = ("output", "bias", "weight", "input")
KEYS = ("x", "weight", "bias", "grad_output")
EPS = st.sampled_from([0.0, 0.0, 2.0**-7, 1e-30, 5e-324])


def exact(
    geometry: Geometry, operands: dict[str, Operand], name: str, *, move: bool = False
) -> list[Fraction]:
    """Return the exact result of the operands, or of operands moved by ± their eps."""
    moved = {}
    rng = np.random.default_rng(0)
    for key in KEYS:
        operand = operands[key]
        sign = rng.choice([-1.0, 1.0], size=operand.value.shape) * move
        moved[key] = Dyadic.of(operand.value) + Dyadic.of(operand.eps * sign)
    return exact_results(geometry, moved, [name])[name].fractions()


def holds(values: Any, bound: Any, true: list[Fraction]) -> bool:
    computed = values.astype(np.float64).ravel().tolist()
    return bool(bound.shape == values.shape) and all(
        abs(Fraction(v) - t) <= (Fraction(b) if np.isfinite(b) else abs(Fraction(v) - t))
        for v, b, t in zip(computed, bound.ravel().tolist(), true, strict=True)
    )


@settings(max_examples=200, deadline=None)
@given(
    geometry=geometries(200),
    format=formats,
    regimes=st.tuples(st.sampled_from(REGIMES), st.sampled_from(REGIMES)),
    eps=st.tuples(EPS, EPS, EPS, EPS),
    name=st.sampled_from(NAMES),
    seed=st.integers(0, 2**32),
)
def test_results_of_blas_are_within_the_bounds(
    geometry: Geometry,
    format: FloatFormat,
    regimes: tuple[str, str],
    eps: Any,
    name: str,
    seed: int,
) -> None:
    operands = conv2d_operands(geometry, format, regimes, eps, seed)
    estimates = estimator(name, geometry, operands)
    values = estimates.rounded(format)
    assert values.dtype == format.dtype
    assume(np.isfinite(values).all())
    any_order = estimates.any_order(Accumulation.of(format.name))
    enclosure = applied(name, geometry, operands).enclosure(values).bound
    for move in (False, True):
        true = exact(geometry, operands, name, move=move)
        assert holds(values, any_order, true)
        assert holds(values, enclosure, true)
    if format.precision == 24 and not any(eps):
        assert (enclosure <= any_order * (1 + 2.0**-28) + 1e-320).all()


@settings(max_examples=100, deadline=None)
@given(
    geometry=geometries(200),
    format=formats,
    regime=st.sampled_from(["normal", "mixed", "subnormal"]),
    name=st.sampled_from(NAMES),
    seed=st.integers(0, 2**32),
)
def test_any_array_is_enclosed(
    geometry: Geometry, format: FloatFormat, regime: str, name: str, seed: int
) -> None:
    operands = conv2d_operands(geometry, format, (regime, regime), seed=seed)
    shape = estimator(name, geometry, operands).shape
    wrong = data(np.random.default_rng(seed), format, regime, shape)
    bound = applied(name, geometry, operands).enclosure(wrong).bound
    assert holds(wrong, bound, exact(geometry, operands, name))


@settings(max_examples=100, deadline=None)
@given(
    geometry=geometries(200),
    promise=st.sampled_from(
        [
            tf32(),
            tf32("nearest"),
            Accumulation(operands="bfloat16"),
            Accumulation(operands="float16", output="bfloat16"),
            Accumulation(operands="bfloat16", operand_rounding="toward-zero", output="float16"),
        ]
    ),
    regime=st.sampled_from(["normal", "cancelling"]),
    eps=st.tuples(*[st.sampled_from([0.0, 1e-3])] * 4),
    name=st.sampled_from(["bias", "weight", "input"]),
    seed=st.integers(0, 2**32),
)
def test_mixed_precision(
    geometry: Geometry, promise: Accumulation, regime: str, eps: Any, name: Any, seed: int
) -> None:
    """Rounded operands deviate by what rounding changes, entry by entry."""
    operands = conv2d_operands(geometry, FORMATS["binary32"], (regime, regime), eps, seed)
    read = parameters_of(promise.operands or "float32", DEFINITIONS)
    kernel = {
        key: round_to(original.value, read, promise.operand_rounding).astype(np.float32)
        for key, original in operands.items()
    }
    values = estimator(
        name, geometry, {key: Operand(value) for key, value in kernel.items()}
    ).value(np.float32)
    if promise.output:
        last = parameters_of(promise.output, DEFINITIONS)
        values = round_to(values, last).astype(np.float32)
    assume(np.isfinite(values).all())
    deviating = {
        key: Inexact(
            original.value, add_up(np.abs(kernel[key] - original.value.astype(float)), original.eps)
        )
        for key, original in operands.items()
    }
    bound = estimator(name, geometry, deviating).any_order(promise)
    for move in (False, True):
        assert holds(values, bound, exact(geometry, operands, name, move=move))
    operation = conv2d_result(
        Result(name),
        {key: operands[key].value for key in ("x", "weight", "grad_output")},
        geometry.options,
        eps={"x": eps[0], "weight": eps[1], "grad_output": eps[3]},
    )
    returned = read_kernel_result(
        operation.computation, values, operation.arrays, operation.eps, finite=True
    )
    claimed = returned.unrounded(promise)
    if promise.operands != "tf32" or promise.operand_rounding != "nearest":
        for key, operand in claimed.items():
            assert (np.asarray(operand.deviation) == deviating[key].deviation).all()
    again = returned.estimator(claimed).any_order(promise)
    assert (again >= bound * (1 - 1e-4)).all()
    for move in (False, True):
        assert holds(values, again, exact(geometry, operands, name, move=move))


U, ETA = Fraction(1, 2**24), Fraction(1, 2**150)
W, OMEGA = Fraction(1, 2**8), Fraction(1, 2**134)
LEAST = Fraction(1, 2**126)
Pair = tuple[Fraction, Fraction]


def split_in_three(n: int, longest: int) -> Pair:
    """Return the errors of n terms, of which a partial sum in float32 has a third, rounded up."""
    depth = -(-longest // 3)
    if depth < n and (1 + U) ** depth - 1 < n * U:
        growth = (1 + U) ** depth
        first = growth - 1, 2 * n * ETA * growth
    else:
        first = n * U, n * ETA * (1 + n * U)
    k = min(n, 3)
    second = k * W, k * OMEGA * (1 + k * W)
    return (1 + first[0]) * (1 + second[0]) - 1, (1 + second[0]) * first[1] + second[1]


PROMISES: dict[str, tuple[Accumulation, Callable[[int, bool, int], Pair]]] = {
    "float32": (
        Accumulation(),
        lambda n, plain, _: ((n - 1) * U, Fraction(0)) if plain else (n * U, n * ETA * (1 + n * U)),
    ),
    "bfloat16": (
        Accumulation.of("bfloat16"),
        lambda n, plain, _: (
            (1 + (n - plain) * U) * (1 + W) - 1,
            (1 + W) * (not plain) * n * ETA * (1 + n * U) + OMEGA,
        ),
    ),
    "split": (split_k(3, "bfloat16"), lambda n, _, longest: split_in_three(n, longest)),
    "cut": (
        Accumulation(rounding="toward-zero"),
        lambda n, plain, _: (
            (1 + 2 * U) ** n - 1, (not plain) * 4 * n * ETA * (1 + 2 * U) ** n
        ),
    ),
    "flushed": (
        Accumulation(flushed=True),
        lambda n, *_: ((1 + U) ** n - 1, 2 * n * LEAST * (1 + U) ** n),
    ),
}  # fmt: skip
"""Promises, and what their sums of n terms err by, relatively and absolutely, by hand."""


@settings(max_examples=200, deadline=None)
@given(
    geometry=geometries(200),
    promise=st.sampled_from(sorted(PROMISES)),
    format=st.sampled_from(["binary32", "binary64"]),
    regimes=st.tuples(*[st.sampled_from(["normal", "mixed", "tiny", "cancelling"])] * 2),
    off=st.tuples(*[st.sampled_from(["none", "number", "array", "sparse"])] * 4),
    shift=st.sampled_from([(0, 0), (500, 500), (1000, -20), (1010, 11), (600, -900)]),
    name=st.sampled_from(NAMES),
    seed=st.integers(0, 2**32),
)
def test_the_formula_with_deviations(
    geometry: Geometry,
    promise: str,
    format: str,
    regimes: tuple[str, str],
    off: tuple[str, ...],
    shift: tuple[int, int],
    name: str,
    seed: int,
) -> None:
    """ρ·Σ|x||y| + (1 + ρ)·(Σ Dx(|y| + Dy) + Σ|x|Dy + Db) + η by exact fractions is not above the
    bound, and not far below, whether the deviations are numbers or arrays, and near overflow.
    """
    operands = conv2d_operands(geometry, FORMATS[format], regimes, seed=seed)
    wide = format == "binary64"
    rng = np.random.default_rng(seed)
    moved, sizes, deviations = {}, {}, {}
    for key, kind, k in zip(KEYS, off, (0, 1, 0, 1), strict=True):
        value = operands[key].value
        if wide:
            with np.errstate(all="ignore"):
                value = np.ldexp(np.clip(value, -8.0, 8.0), shift[k])
            value[~np.isfinite(value)] = 1.0
        deviation: Any = {
            "none": 0.0,
            "number": 2.0**-9,
            "array": np.abs(value.astype(float)) * rng.random(value.shape) / 256,
            "sparse": np.where(rng.random(value.shape) < 0.2, 2.0**-20, 0.0),
        }[kind]
        moved[key] = Inexact(value, deviation)
        sizes[key] = Dyadic.of(np.abs(value))
        deviations[key] = Dyadic.of(np.broadcast_to(deviation, value.shape))
    plain = name == "bias" and not wide
    accumulation, errs = PROMISES[promise]
    estimates = estimator(name, geometry, moved)
    bound = estimates.any_order(accumulation).ravel().tolist()
    counts = np.broadcast_to(estimates.counts, estimates.shape).ravel().tolist()

    def sums(arrays: Mapping[str, Dyadic]) -> list[Fraction]:
        return exact_results(geometry, arrays, [name])[name].fractions()

    magnitudes = sums(sizes)
    reaches = sums({key: sizes[key] + deviations[key] for key in KEYS})
    slack = Fraction(1, 2**120) if not wide else Fraction(1, 2**1000)
    for b, n, magnitude, reach in zip(bound, counts, magnitudes, reaches, strict=True):
        relative, absolute = errs(n, plain, estimates.longest) if n else (Fraction(0), Fraction(0))
        expected = relative * magnitude + (1 + relative) * (reach - magnitude) + absolute
        if not np.isfinite(b):
            assert max(expected, max(reaches)) > Fraction(2) ** 1000
            continue
        assert expected <= Fraction(b)
        if n and "mixed" not in regimes and "tiny" not in regimes:
            assert Fraction(b) <= expected * (1 + Fraction(1, 10**4)) + slack


@pytest.mark.parametrize("shift", [(512, 510), (1000, 20), (20, 1000), (1022, -2), (-2, 1022)])
@pytest.mark.parametrize("name", ["output", "weight", "input"])
def test_bounds_near_overflow_are_finite_and_sharp(name: str, shift: tuple[int, int]) -> None:
    """Magnitudes whose sum overflows binary64 are scaled by a power of two."""
    geometry = layer(2, 4)
    operands = conv2d_operands(geometry, FORMATS["binary64"], ("cancelling", "cancelling"), seed=1)
    shifts = dict(zip(KEYS, (shift[0], shift[1], 1000, shift[1]), strict=True))
    if name == "input":
        shifts["weight"] = shift[0]
    large = {key: Operand(np.ldexp(operands[key].value, shifts[key])) for key in KEYS}
    estimates = estimator(name, geometry, large)
    assert np.isinf(estimates.value(np.float64, absolute=True)).any()
    bound = estimates.any_order(Accumulation(accumulate="float64"))
    assert np.isfinite(bound).all()
    sizes = {key: np.abs(large[key].value) for key in KEYS}
    magnitudes = exact_results(geometry, sizes)[name].fractions()
    counts = np.broadcast_to(estimates.counts, estimates.shape).ravel().tolist()
    for b, n, magnitude in zip(bound.ravel().tolist(), counts, magnitudes, strict=True):
        expected = n * Fraction(1, 2**53) * magnitude
        assert expected <= Fraction(b) <= expected * (1 + Fraction(1, 10**12))


@pytest.mark.parametrize("promise", ["float32", "cut", "flushed"])
def test_more_terms_than_the_roundoff_is_small(promise: str) -> None:
    """n·u may be 1 or more: 729 terms of 1 in bfloat16, whose sum stops growing at 256."""
    operands: dict[str, Operand] = {}
    geometry = Geometry.of((1, 1, 27, 27), (1, 1, 1, 1))
    for key, shape in zip(
        KEYS, (geometry.x_shape, (1, 1, 1, 1), (1,), geometry.x_shape), strict=True
    ):
        operands[key] = Operand(np.ones(shape, ml_dtypes.bfloat16))
    weight = estimator("weight", geometry, operands)
    chosen = PROMISES[promise][0].model_copy(update={"accumulate": "bfloat16"})
    total = ml_dtypes.bfloat16(0)
    for _ in range(729):
        total = total + ml_dtypes.bfloat16(1)
    assert float(total) == 256
    u = Fraction(1, 2**7) if promise == "cut" else Fraction(1, 2**8)
    relative = 729 * u if promise == "float32" else (1 + u) ** 729 - 1
    bound = Fraction(weight.any_order(chosen).item())
    assert 729 - 256 <= relative * 729 <= bound <= relative * 729 * (1 + Fraction(1, 10**4))


def layer(channels: int, size: int, **kwargs: Any) -> Geometry:
    window = Window(size=size, kernel=3, pad_begin=1, pad_end=1)
    return Geometry(
        **{"in_channels": channels, "out_channels": channels, **kwargs}, windows=(window, window)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_layer(name: str) -> None:
    """Sharp: the enclosure is the true error but for one part in 10⁴, the any-order bound is far
    below one that charges the terms that padding skips.
    """
    geometry = layer(8, 14)
    operands = conv2d_operands(geometry, FORMATS["binary32"], seed=3)
    estimates = estimator(name, geometry, operands)
    values = estimates.value(np.float32)
    true = exact(geometry, operands, name)
    bound = estimates.enclosure(values)
    assert holds(values, bound, true)
    errors = [float(abs(Fraction(float(v)) - t)) for v, t in zip(values.ravel(), true, strict=True)]
    assert bound.max() <= 1.0001 * max(errors)
    counts = np.broadcast_to(estimates.counts, estimates.shape)
    magnitudes = estimates.value(np.float64, absolute=True)
    assert (estimates.any_order(Accumulation()) <= counts * 2.0**-24 * magnitudes * 1.01).all()


def test_terms_that_are_skipped_are_not_counted() -> None:
    geometry = layer(1, 5)
    operands = conv2d_operands(geometry, FORMATS["binary32"], seed=3)
    weight = estimator("weight", geometry, operands)
    assert weight.counts.tolist() == [[[[16, 20, 16], [20, 25, 20], [16, 20, 16]]]]
    forward = estimator("output", geometry, operands)
    assert forward.counts[0, 0, 0].tolist() == [5, 7, 7, 7, 5]
    without = {key: operand for key, operand in operands.items() if key != "bias"}
    lacking = estimator("output", geometry, without)
    assert (lacking.counts == forward.counts - 1).all()
    difference = forward.value(np.float64) - lacking.value(np.float64)
    assert np.allclose(difference, operands["bias"].value.item())


def test_an_addend_is_a_term_of_the_bound() -> None:
    geometry = Geometry.of((1, 1, 1, 1), (1, 1, 1, 1))
    shapes = (geometry.x_shape, geometry.weight_shape, geometry.bias_shape)
    ones = {key: Operand(np.ones(s, np.float32)) for key, s in zip(KEYS, shapes, strict=False)}
    forward = estimator("output", geometry, ones)
    bound = Fraction(forward.any_order(Accumulation(accumulate="float32")).item())
    two_roundings = 2 * Fraction(1, 2**24)
    assert two_roundings * 2 <= bound <= two_roundings * 2 * (1 + Fraction(1, 2**20))


def test_magnitudes_that_overflow_binary32_are_summed_in_binary64() -> None:
    geometry = layer(2, 4)
    operands = conv2d_operands(geometry, FORMATS["binary32"], seed=1)
    signs = np.array([1.0, -1.0] * 8).reshape(1, 1, 4, 4)
    operands["x"] = Operand((np.ones((1, 2, 4, 4)) * 1e30).astype(np.float32))
    operands["grad_output"] = Operand((np.ones((1, 2, 4, 4)) * signs * 3e7).astype(np.float32))
    estimates = estimator("weight", geometry, operands)
    assert np.isinf(estimates.value(np.float32, absolute=True)).any()
    values = estimates.value(np.float32)
    assert np.isfinite(values).all()
    bound = estimates.any_order(Accumulation())
    assert np.isfinite(bound).all()
    assert holds(values, bound, exact(geometry, operands, "weight"))


def test_many_terms_are_summed_in_binary64(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = layer(2, 4)
    operands = conv2d_operands(geometry, FORMATS["binary32"], seed=1)
    estimates = estimator("bias", geometry, operands)
    narrow = estimates.any_order(Accumulation())
    monkeypatch.setattr("pybridge.engine.estimator._WIDE_TERMS", 15)
    wide = estimates.any_order(Accumulation())
    assert (wide < narrow).all()
    assert (narrow < wide * 1.00001).all()


@pytest.mark.parametrize("name", ["output", "bias", "weight", "input"])
def test_results_in_binary64_are_compared_with_exact_products_of_slices(name: str) -> None:
    geometry = layer(3, 6)
    operands = conv2d_operands(geometry, FORMATS["binary64"], seed=1)
    estimates = estimator(name, geometry, operands)
    values = estimates.value(np.float64)
    bound, proved = applied(name, geometry, operands).enclosure(values)
    assert proved == "slices"
    true = exact(geometry, operands, name)
    unit = estimates.sizes().ravel() * 2.0**-53
    for value, b, t, u in zip(values.ravel(), bound.ravel(), true, unit, strict=True):
        error = abs(Fraction(float(value)) - t)
        assert error <= b <= error + Fraction(u)


def test_exponents_that_are_too_far_apart_need_the_exact_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    geometry = layer(3, 6)
    operands = conv2d_operands(geometry, FORMATS["binary64"], seed=1)
    operands["x"].value[...] *= 2.0**-1000
    operands["grad_output"].value[...] *= 2.0**-40
    estimates = estimator("weight", geometry, operands)
    values = estimates.value(np.float64)
    convolution = applied("weight", geometry, operands)
    bound, proved = convolution.enclosure(values)
    assert proved == "enclosure"
    true = exact(geometry, operands, "weight")
    for value, b, t in zip(values.ravel().tolist(), bound.ravel().tolist(), true, strict=True):
        assert b == round_up(abs(Fraction(value) - t))
    monkeypatch.setattr("pybridge.bounds.applied.EXACT_WORK", 10**3)
    with pytest.raises(InputError, match=r"needs the exact one: of 2916 products with \d+ bits"):
        convolution.enclosure(values)
    assert estimates.any_order(Accumulation(accumulate="float64")).max() < 1e-12


def test_bad_operands_and_arithmetic() -> None:
    geometry = layer(2, 4)
    operands = conv2d_operands(geometry, FORMATS["binary32"], seed=1)
    with pytest.raises(
        InputError, match=r"^accumulate: unknown format 'float8', expected one of float16, bfloat16"
    ):
        Accumulation(accumulate="float8")
    operands["x"] = Operand(operands["x"].value[:, :1])
    with pytest.raises(InputError, match=r"x has shape \(1, 1, 4, 4\), .* give \(1, 2, 4, 4\)"):
        Estimator(
            DEFINITIONS.data.contractions["weight"], geometry.parameters(), operands, DEFINITIONS
        )
