"""Bounds of sums in any order, and enclosures, against exact results."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import REGIMES, data, formats, geometries

from pybridge import anyorder
from pybridge.accumulation import Accumulation
from pybridge.anyorder import (
    Estimator,
    enclosure_bound,
    estimator,
)
from pybridge.contraction import Given
from pybridge.definitions import load_definitions
from pybridge.errors import InputError
from pybridge.estimates import round_up
from pybridge.exact import Dyadic, exact_conv2d
from pybridge.formats import FORMATS, FloatFormat
from pybridge.geometry import Geometry, Window

DEFINITIONS = load_definitions()
NAMES = ("forward", "bias", "weight", "input")
KEYS = ("x", "weight", "bias", "gradOutput")
EPS = st.sampled_from([0.0, 0.0, 2.0**-7, 1e-30, 5e-324])


def operands(
    geometry: Geometry, format: FloatFormat, regimes: tuple[str, str], eps: Any, seed: int
) -> dict[str, Given]:
    rng = np.random.default_rng(seed)
    shapes = (geometry.x_shape, geometry.weight_shape, geometry.bias_shape, geometry.output_shape)
    return {
        key: Given(data(rng, format, regime, shape), e)
        for key, shape, regime, e in zip(KEYS, shapes, regimes * 2, eps, strict=True)
    }


def exact(
    geometry: Geometry, given_: dict[str, Given], name: str, signs: npt.NDArray[Any] | None = None
) -> list[Fraction]:
    """The exact result of operands moved by ± their eps."""
    moved = []
    rng = np.random.default_rng(0)
    for key in KEYS:
        operand = given_[key]
        sign = rng.choice([-1.0, 1.0], size=operand.value.shape) * (signs is not None)
        moved.append(Dyadic.of(operand.value) + Dyadic.of(operand.eps * sign))
    return exact_conv2d(geometry, *moved, names=(name,))[name].fractions()


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
    given_ = operands(geometry, format, regimes, eps, seed)
    found = estimator(name, geometry, given_, DEFINITIONS)
    values = found.rounded(format)
    assert values.dtype == format.dtype
    assume(np.isfinite(values).all())
    any_order = found.any_order(Accumulation.of(format.name))
    enclosure = enclosure_bound(name, values, geometry, given_, DEFINITIONS)
    for signs in (None, np.ones(1)):
        true = exact(geometry, given_, name, signs)
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
    given_ = operands(geometry, format, (regime, regime), (0.0,) * 4, seed)
    shape = estimator(name, geometry, given_, DEFINITIONS).shape
    wrong = data(np.random.default_rng(seed), format, regime, shape)
    bound = enclosure_bound(name, wrong, geometry, given_, DEFINITIONS)
    assert holds(wrong, bound, exact(geometry, given_, name))


def round_to(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """Float32 arrays rounded to a narrower format."""
    if name == "tf32":
        bits = values.view(np.uint32).astype(np.uint64)
        bits = (bits + 0xFFF + ((bits >> np.uint64(13)) & np.uint64(1))) & np.uint64(0xFFFFE000)
        return bits.astype(np.uint32).view(np.float32)
    kind = {"bfloat16": ml_dtypes.bfloat16, "binary16": np.float16}[name]
    return values.astype(kind).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(
    geometry=geometries(200),
    read=st.sampled_from(["tf32", "bfloat16", "binary16"]),
    output=st.sampled_from([None, "bfloat16", "binary16"]),
    regime=st.sampled_from(["normal", "cancelling"]),
    eps=st.tuples(*[st.sampled_from([0.0, 1e-3])] * 4),
    name=st.sampled_from(["bias", "weight", "input"]),
    seed=st.integers(0, 2**32),
)
def test_mixed_precision(
    geometry: Geometry,
    read: str,
    output: str | None,
    regime: str,
    eps: Any,
    name: str,
    seed: int,
) -> None:
    given_ = operands(geometry, FORMATS["binary32"], (regime, regime), eps, seed)
    kernel = {key: Given(round_to(given.value, read)) for key, given in given_.items()}
    values = estimator(name, geometry, kernel, DEFINITIONS).value(np.float32)
    if output:
        values = round_to(values, output)
    assume(np.isfinite(values).all())
    bound = estimator(name, geometry, given_, DEFINITIONS).any_order(
        Accumulation(operands=read, output=output)
    )
    for signs in (None, np.ones(1)):
        assert holds(values, bound, exact(geometry, given_, name, signs))


def layer(channels: int, size: int, **kwargs: Any) -> Geometry:
    window = Window(size=size, kernel=3, pad_begin=1, pad_end=1)
    return Geometry(
        **{"in_channels": channels, "out_channels": channels, **kwargs}, height=window, width=window
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_layer(name: str) -> None:
    """Sharp: the enclosure is the true error but for one part in 10⁴, the any-order bound is far
    below one that charges the terms that padding skips.
    """
    geometry = layer(8, 14)
    given_ = operands(geometry, FORMATS["binary32"], ("normal", "normal"), (0.0,) * 4, 3)
    found = estimator(name, geometry, given_, DEFINITIONS)
    values = found.value(np.float32)
    true = exact(geometry, given_, name)
    bound = found.enclosure(values)
    assert holds(values, bound, true)
    errors = [float(abs(Fraction(float(v)) - t)) for v, t in zip(values.ravel(), true, strict=True)]
    assert bound.max() <= 1.0001 * max(errors)
    counts = np.broadcast_to(found.counts, found.shape)
    magnitudes = found.value(np.float64, absolute=True)
    assert (found.any_order(Accumulation()) <= counts * 2.0**-24 * magnitudes * 1.01).all()


def test_terms_that_are_skipped_are_not_counted() -> None:
    geometry = layer(1, 5)
    given_ = operands(geometry, FORMATS["binary32"], ("normal", "normal"), (0.0,) * 4, 3)
    weight = estimator("weight", geometry, given_, DEFINITIONS)
    assert weight.counts.tolist() == [[[[16, 20, 16], [20, 25, 20], [16, 20, 16]]]]
    forward = estimator("forward", geometry, given_, DEFINITIONS)
    assert forward.counts[0, 0, 0].tolist() == [5, 7, 7, 7, 5]
    without = {key: operand for key, operand in given_.items() if key != "bias"}
    lacking = estimator("forward", geometry, without, DEFINITIONS)
    assert (lacking.counts == forward.counts).all()
    difference = forward.value(np.float64) - lacking.value(np.float64)
    assert np.allclose(difference, given_["bias"].value.item())


def test_an_addend_is_a_term_of_the_bound() -> None:
    geometry = Geometry.of((1, 1, 1, 1), (1, 1, 1, 1))
    shapes = (geometry.x_shape, geometry.weight_shape, geometry.bias_shape)
    ones = {key: Given(np.ones(s, np.float32)) for key, s in zip(KEYS, shapes, strict=False)}
    forward = estimator("forward", geometry, ones, DEFINITIONS)
    bound = Fraction(forward.any_order(Accumulation(accumulate="float32")).item())
    two_roundings = 2 * Fraction(1, 2**24) / (1 - 2 * Fraction(1, 2**24))
    assert two_roundings * 2 <= bound <= two_roundings * 2 * (1 + Fraction(1, 2**20))


def test_magnitudes_that_overflow_binary32_are_summed_in_binary64() -> None:
    geometry = layer(2, 4)
    given_ = operands(geometry, FORMATS["binary32"], ("normal", "normal"), (0.0,) * 4, 1)
    signs = np.array([1.0, -1.0] * 8).reshape(1, 1, 4, 4)
    given_["x"] = Given((np.ones((1, 2, 4, 4)) * 1e30).astype(np.float32))
    given_["gradOutput"] = Given((np.ones((1, 2, 4, 4)) * signs * 3e7).astype(np.float32))
    found = estimator("weight", geometry, given_, DEFINITIONS)
    assert np.isinf(found.value(np.float32, absolute=True)).any()
    values = found.value(np.float32)
    assert np.isfinite(values).all()
    bound = found.any_order(Accumulation())
    assert np.isfinite(bound).all()
    assert holds(values, bound, exact(geometry, given_, "weight"))


def test_many_terms_are_summed_in_binary64(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = layer(2, 4)
    given_ = operands(geometry, FORMATS["binary32"], ("normal", "normal"), (0.0,) * 4, 1)
    found = estimator("bias", geometry, given_, DEFINITIONS)
    narrow = found.any_order(Accumulation())
    monkeypatch.setattr(anyorder, "_WIDE_TERMS", 15)
    wide = found.any_order(Accumulation())
    assert (wide < narrow).all()
    assert (narrow < wide * 1.00001).all()


def test_results_in_binary64_are_compared_with_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = layer(3, 6)
    given_ = operands(geometry, FORMATS["binary64"], ("normal", "normal"), (0.0,) * 4, 1)
    found = estimator("weight", geometry, given_, DEFINITIONS)
    values = found.value(np.float64)
    bound = enclosure_bound("weight", values, geometry, given_, DEFINITIONS)
    true = exact(geometry, given_, "weight")
    for value, b, t in zip(values.ravel().tolist(), bound.ravel().tolist(), true, strict=True):
        assert b == round_up(abs(Fraction(value) - t))
    monkeypatch.setattr(anyorder, "EXACT_WORK", 10**3)
    with pytest.raises(InputError, match=r"needs the exact one: of 2916 products with \d+ bits"):
        enclosure_bound("weight", values, geometry, given_, DEFINITIONS)
    assert found.any_order(Accumulation(accumulate="float64")).max() < 1e-12


def test_bad_operands_and_arithmetic() -> None:
    geometry = layer(2, 4)
    given_ = operands(geometry, FORMATS["binary32"], ("normal", "normal"), (0.0,) * 4, 1)
    with pytest.raises(
        InputError, match=r"^accumulate: unknown format 'float8', expected one of float16, bfloat16"
    ):
        Accumulation(accumulate="float8")
    large = layer(1, 28)
    values = operands(large, FORMATS["bfloat16"], ("normal", "normal"), (0.0,) * 4, 1)
    weight = estimator("weight", large, values, DEFINITIONS)
    with pytest.raises(InputError, match="an entry has 729 terms: with the unit roundoff 2"):
        weight.any_order(Accumulation(accumulate="bfloat16"))
    given_["x"] = Given(given_["x"].value[:, :1])
    with pytest.raises(InputError, match=r"x has shape \(1, 1, 4, 4\), .* give \(1, 2, 4, 4\)"):
        Estimator(
            DEFINITIONS.data.contractions["weight"], geometry.parameters(), given_, DEFINITIONS
        )
