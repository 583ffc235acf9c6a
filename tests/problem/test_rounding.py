"""Rounding to any format, against exact fractions, and TF32 as hardware cuts it."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import literal
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybridge.exported.document import FormatParameters, load_definitions
from pybridge.problem.rounding import holds, least_normal, midpoints, round_to

FORMATS = load_definitions().data.formats
NARROW = [name for name in FORMATS if name != "binary64"]
DTYPES: dict[str, Any] = {
    "binary16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "binary32": np.float32,
}


def largest(p: FormatParameters) -> Fraction:
    unit = Fraction(2) ** (p.max_exponent + 1 - p.precision)
    return Fraction(2) ** (p.max_exponent + 1) - (1 + p.reserved) * unit


def exactly(value: float, p: FormatParameters, direction: str) -> float:
    """Round a value by exact fractions."""
    if not math.isfinite(value):
        toward_zero = direction == "toward-zero" and math.isinf(value)
        return math.copysign(float(largest(p)), value) if toward_zero else value
    exact = Fraction(value)
    described = {
        "precision": p.precision,
        "minExponent": p.min_exponent,
        "maxExponent": p.max_exponent,
    }
    if direction == "nearest":
        rounded = literal.rounded(exact, described)
        over = rounded is None or abs(rounded) > largest(p)
        return math.copysign(math.inf if over else abs(float(rounded or 0)), value)
    ulp = 2 * literal.half_ulp(exact, described)
    cut = min(math.floor(abs(exact) / ulp) * ulp, largest(p))
    return math.copysign(float(cut), value)


def same(values: Any, expected: list[float]) -> bool:
    """Tell whether numbers are equal bit for bit, signs of zeros included."""
    return bool(values.tobytes() == np.array(expected).tobytes())


def around(p: FormatParameters) -> list[float]:
    """Return numbers of a format, their neighbours, ties, subnormal numbers, and what overflows."""
    ulp = Fraction(2) ** (1 - p.precision)
    least = Fraction(2) ** (p.min_exponent + 1 - p.precision)
    top = largest(p)
    points = [k * ulp / 4 for k in range(2 * 2**3)] + [1 + k * ulp / 4 for k in range(-9, 10)]
    points += [k * least / 4 for k in range(20)]
    points += [Fraction(2) ** p.min_exponent + k * least / 4 for k in range(-9, 10)]
    points += [top * (1 + k * ulp / 16) for k in range(-9, 20)]
    numbers = []
    for point in points:
        try:
            value = float(point)
        except OverflowError:
            continue
        numbers += [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
    numbers += [5e-324, 1e300, math.inf, 1.7976931348623157e308]
    return [sign * value for sign, value in itertools.product((1.0, -1.0), numbers)]


@pytest.mark.parametrize("direction", ["nearest", "toward-zero"])
@pytest.mark.parametrize("name", NARROW)
def test_corners(name: str, direction: Any) -> None:
    p = FORMATS[name]
    values = around(p)
    rounded = round_to(np.array(values), p, direction)
    assert rounded.dtype == np.float64
    assert same(rounded, [exactly(value, p, direction) for value in values])


@pytest.mark.parametrize("direction", ["nearest", "toward-zero"])
@pytest.mark.parametrize("name", NARROW)
@settings(deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_any_numbers(name: str, direction: Any, values: list[float]) -> None:
    p = FORMATS[name]
    rounded = round_to(np.array(values), p, direction)
    assert same(rounded, [exactly(value, p, direction) for value in values])
    assert same(round_to(rounded, p, direction), rounded.tolist()) or np.isinf(rounded).any()


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("regime", ["bits", "normal"])
def test_every_kind_of_float32(name: str, regime: str) -> None:
    """Rounding to nearest is compared with casts, and either direction with fractions."""
    rng = np.random.default_rng(0)
    if regime == "bits":
        values = rng.integers(0, 2**32, 3000, np.uint32).view(np.float32)
        values = values[np.isfinite(values)]
    else:
        values = rng.standard_normal(3000).astype(np.float32)
    p = FORMATS[name]
    with np.errstate(all="raise"):
        nearest, cut = round_to(values, p), round_to(values, p, "toward-zero")
    assert same(nearest, [exactly(v, p, "nearest") for v in values.tolist()])
    assert same(cut, [exactly(v, p, "toward-zero") for v in values.tolist()])
    if name in DTYPES:
        with np.errstate(all="ignore"):
            assert same(nearest, values.astype(DTYPES[name]).astype(np.float64).tolist())


def test_nothing_is_lost_in_binary64() -> None:
    values = np.array([0.1, -5e-324, 1.7976931348623157e308])
    assert same(round_to(values, FORMATS["binary64"]), values.tolist())
    assert same(round_to(values, FORMATS["binary64"], "toward-zero"), values.tolist())


def test_tf32_is_cut_by_clearing_thirteen_bits() -> None:
    """Tensor cores read a float32 operand as `x & 0xFFFFE000`, subnormal numbers included."""
    bits = np.random.default_rng(1).integers(0, 2**32, 100_000, np.uint32)
    bits[:1000] &= np.uint32(0x807FFFFF)
    values = bits.view(np.float32)
    finite = np.isfinite(values)
    cut = (bits & np.uint32(0xFFFFE000)).view(np.float32)[finite]
    rounded = round_to(values[finite], FORMATS["tf32"], "toward-zero")
    assert rounded.astype(np.float32).tobytes() == cut.tobytes()


def test_tf32_to_nearest_differs_from_even_in_ties_alone() -> None:
    """`cvt.rna` rounds ties away from zero; `midpoints` marks these ties."""
    bits = np.random.default_rng(1).integers(0, 2**32, 100_000, np.uint32)
    bits[::2] = (bits[::2] & np.uint32(0xFFFFE000)) | np.uint32(0x1000)
    bits = bits[np.isfinite(bits.view(np.float32)) & (bits & np.uint32(0x7F800000) < 0x7F000000)]
    values = bits.view(np.float32)
    away = ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
    even = round_to(values, FORMATS["tf32"])
    tied = midpoints(values, FORMATS["tf32"])
    assert (tied == ((bits & np.uint32(0x1FFF)) == 0x1000)).all()
    assert tied.any()
    assert (even == away)[~tied].all()
    assert (np.abs(even - away)[tied] <= 2 * np.abs(even - values)[tied]).all()


def test_midpoints_lie_as_near_one_number_as_another() -> None:
    p = FORMATS["bfloat16"]
    ulp = 2.0**-7
    values = np.array(
        [1 + ulp / 2, 1 + ulp, 1 + ulp / 4, -1 - 3 * ulp / 2, 0.0, 2.0**-134, 2.0**-133]
    )
    assert midpoints(values, p).tolist() == [True, False, False, True, False, True, False]


def test_which_formats_hold_which() -> None:
    sums = {"e8m13", "binary32", "extended", "binary64"}
    wide16 = {"binary16", "bfloat16", "tf32", *sums}
    wide8 = {"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"}
    inside = {
        "binary16": {"binary16", "tf32", *sums},
        "bfloat16": {"bfloat16", "tf32", *sums},
        "tf32": {"tf32", *sums},
        "binary32": {"binary32", "extended", "binary64"},
        "binary64": {"binary64"},
        "float8_e4m3fn": {"float8_e4m3fn", *wide16},
        "float8_e5m2": {"float8_e5m2", "float8_e5m2fnuz", *wide16},
        "float8_e4m3fnuz": {"float8_e4m3fnuz", *wide16},
        "float8_e5m2fnuz": {"float8_e5m2fnuz", *wide16},
        "float4_e2m1fn": {"float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", *wide8, *wide16},
        "float6_e2m3fn": {"float6_e2m3fn", "float8_e4m3fn", "float8_e4m3fnuz", *wide16},
        "float6_e3m2fn": {"float6_e3m2fn", *wide8, *wide16},
        "e8m13": sums,
        "extended": {"extended", "binary64"},
    }
    for narrow, wide in itertools.product(FORMATS, FORMATS):
        assert holds(FORMATS[wide], FORMATS[narrow]) == (wide in inside[narrow]), (wide, narrow)
    for name, dtype in DTYPES.items():
        info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
        assert least_normal(FORMATS[name]) == float(info.smallest_normal)
