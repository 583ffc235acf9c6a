"""Formats: operations round once, as on fractions; arrays are taken over exactly or refused."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import literal
import ml_dtypes
import numpy as np
import pytest
from processor import floating_point_mode, on_glibc_x86
from strategies import REGIMES, data

from pybridge.bounds.conv2d import conv2d_forward, tolerance
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import Definitions, load_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.problem.formats import (
    FORMATS,
    FloatFormat,
    find_format,
    format_array,
    format_of,
    require_ieee,
)

each_format = pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))


def parameters(format: FloatFormat) -> dict[str, int]:
    return literal.DOCUMENT["data"]["formats"][format.name]  # type: ignore[no-any-return]


def check(format: FloatFormat, a: Any, b: Any) -> None:
    with np.errstate(all="ignore"):
        sums, products = format.add(a, b), format.mul(a, b)
    assert sums.dtype == products.dtype == format.dtype
    for x, y, s, p in zip(
        *(array.astype(np.float64) for array in (a, b, sums, products)), strict=True
    ):
        for got, exact in ((s, Fraction(x) + Fraction(y)), (p, Fraction(x) * Fraction(y))):
            expected = literal.rounded(exact, parameters(format))
            assert np.isinf(got) if expected is None else Fraction(got) == expected, (x, y)


@each_format
@pytest.mark.parametrize("regime", REGIMES)
def test_operations_round_once(format: FloatFormat, regime: str) -> None:
    rng = np.random.default_rng(7)
    a = data(rng, format, regime, (300,))
    b = data(rng, format, regime, (300,))
    check(format, a, b)
    check(format, a, data(rng, format, "normal", (300,)))


@pytest.mark.parametrize("name", ["binary16", "bfloat16"])
def test_operations_of_short_formats_on_all_magnitudes(name: str) -> None:
    """Draw random bit patterns, and products around half the least subnormal number."""
    format = FORMATS[name]
    rng = np.random.default_rng(11)
    bits = rng.integers(0, 2**16, size=(2, 4000), dtype=np.uint16)
    a, b = (row.view(format.dtype) for row in bits)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(a) & np.isfinite(b)
    check(format, a[finite], b[finite])
    p, low = format.precision, format.min_exponent
    significands = rng.integers(2 ** (p - 1), 2**p, size=(2, 4000)).astype(np.float64)
    exponents = rng.integers(low // 2 - p - 2, low // 2 + 2, size=4000)
    a = np.ldexp(significands[0], exponents - p + 1).astype(format.dtype)
    b = np.ldexp(significands[1], low - p - exponents).astype(format.dtype)
    assert (format.mul(a, b) != 0).any()
    check(format, a, b)


@each_format
def test_parameters_are_the_dtype_s(format: FloatFormat) -> None:
    info = ml_dtypes.finfo(format.dtype)  # type: ignore[no-untyped-call]
    assert info.nmant + 1 == format.precision
    assert float(info.smallest_normal) == 2.0**format.min_exponent
    assert float(info.max) == (2 - 2.0 ** (1 - format.precision)) * 2.0**format.max_exponent


def test_names() -> None:
    for alias, name in (("float16", "binary16"), ("float32", "binary32"), ("float64", "binary64")):
        assert find_format(alias) is find_format(name)
    assert find_format("bfloat16").name == "bfloat16"
    with pytest.raises(InputError, match="format: unknown name 'float8', expected one of float16"):
        find_format("float8")
    with pytest.raises(InputTypeError, match="format: expected a name, got 32"):
        find_format(32)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="format: expected a name"):
        find_format(np.float32)  # type: ignore[arg-type]


def test_exported_parameters_must_be_the_dtype_s() -> None:
    document = copy.deepcopy(literal.DOCUMENT)
    document["data"]["formats"]["binary16"]["precision"] = 10
    del document["data"]["formats"]["binary64"]
    changed = Definitions.model_validate(document)
    assert format_of("float32", changed) == format_of("float32", load_definitions())
    with pytest.raises(DefinitionsError, match=r"binary16 .* \(10, -14, 15\).* \(11, -14, 15\)"):
        format_of("float16", changed)
    with pytest.raises(DefinitionsError, match="lack the format binary64"):
        format_of("float64", changed)


def test_arrays_of_the_format_are_taken_as_they_are() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert format_array("x", array, FORMATS["binary32"]) is array
    transposed = format_array("x", array.T, FORMATS["binary32"])
    assert transposed.flags.c_contiguous
    assert (transposed == array.T).all()
    swapped = format_array("x", array.astype(">f4"), FORMATS["binary32"])
    assert swapped.dtype == np.dtype(np.float32)
    assert swapped.dtype.isnative
    assert (swapped == array).all()


@each_format
def test_exact_conversions(format: FloatFormat) -> None:
    rng = np.random.default_rng(3)
    values = data(rng, format, "mixed", (50,))
    for dtype in (np.float64, np.longdouble):
        taken = format_array("x", values.astype(dtype), format)
        assert taken.dtype == format.dtype
        assert taken.tobytes() == values.tobytes()
    assert format_array("x", [0.5, -2.0], format).tolist() == [0.5, -2.0]
    eighths = np.array([0.5, -1.5], ml_dtypes.float8_e4m3fn)
    assert format_array("x", eighths, format).tolist() == [0.5, -1.5]


@pytest.mark.parametrize(
    ("values", "format", "message"),
    [
        (np.array([[1.0, 0.1]]), "binary32", "x[0, 1] is 0.1, which binary32 does not hold"),
        (np.array([1e300]), "binary32", "x[0] is 1e+300, which binary32 does not hold exactly"),
        (np.array([1e-40]), "binary32", "x[0] is 1e-40, which binary32"),
        (np.array([1 + 2.0**-8], np.float32), "bfloat16", "x[0] is 1.00390625, which bfloat16"),
        (np.array([65536], ml_dtypes.bfloat16), "binary16", "x[0] is 65536"),
        (np.array([1.0, np.nan]), "binary64", "x[1] is nan, expected finite numbers"),
        (np.array([[np.inf]], np.float32), "binary32", "x[0, 0] is inf, expected finite numbers"),
        (np.array([np.nan], ml_dtypes.bfloat16), "bfloat16", "x[0] is nan, expected finite"),
        (np.zeros((2, 0)), "binary32", "x has shape (2, 0): it has no entries"),
    ],
)
def test_values_that_are_refused(values: Any, format: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        format_array("x", values, FORMATS[format])
    assert message in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(3),
        np.array([True]),
        np.array([1j]),
        np.array(["1.0"]),
        np.array([1.0], dtype=object),
        np.zeros(2, dtype=[("a", "f4")]),
        np.ma.masked_array([1.0], mask=[True]),
        [[1.0], [1.0, 2.0]],
        None,
        "abc",
        np.array([1], ml_dtypes.int4),
        np.array(["2020-01-01"], "M8[D]"),
    ],
)
def test_types_that_are_refused(values: Any) -> None:
    with pytest.raises(InputTypeError, match=r"^x: expected [^\n]*$"):
        format_array("x", values, FORMATS["binary32"])


@on_glibc_x86
@pytest.mark.parametrize("flag", [0x2000, 0x4000, 0x6000])
def test_another_rounding_direction_is_refused(flag: int) -> None:
    one = np.ones((1, 1, 1, 1), np.float32)
    with floating_point_mode(flag):
        with pytest.raises(FloatingPointError, match="does not round to nearest"):
            conv2d_forward(one, one)
        with pytest.raises(FloatingPointError, match="does not round to nearest"):
            tolerance(one.shape, one.shape, which="weight", max_x=1, max_grad_output=1)
    assert conv2d_forward(one, one).value == 1


@on_glibc_x86
@pytest.mark.parametrize("flag", [0x8000, 0x40, 0x8040])
def test_flushing_subnormals_is_refused(flag: int) -> None:
    with (
        floating_point_mode(flag),
        pytest.raises(FloatingPointError, match="flushes subnormal numbers to zero"),
    ):
        require_ieee()
    require_ieee()


def test_an_array_of_no_axes_keeps_its_shape() -> None:
    held = format_array("x", np.array(1.5, np.float32), FORMATS["binary32"])
    assert (held.shape, held.dtype) == ((), np.dtype(np.float32))
