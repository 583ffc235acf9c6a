"""Promises of matrix instructions, against a simulation in exact fractions.

The simulation shares nothing with the package or with Lean: it is written from the published
descriptions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from fractions import Fraction
from itertools import pairwise
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pybridge import certify_output
from pybridge.engine.aligned import Aligned
from pybridge.engine.scaled import BlockAxis, excess_of_blocks
from pybridge.engine.tensor_cores import ROWS, Row
from pybridge.errors import InputError, NotProvedError
from pybridge.exported.document import load_definitions
from pybridge.problem.blocks import BLOCK_FORMATS
from pybridge.testing import (
    Accumulation,
    block_scaled,
    compare_gradient,
    compare_output,
    tensor_core,
    tolerance,
)

DTYPES: dict[str, Any] = {
    "float16": np.float16,
    "tf32": np.float32,
    **{
        name: getattr(ml_dtypes, name)
        for name in (
            "bfloat16",
            "float8_e4m3fn",
            "float8_e5m2",
            "float8_e4m3fnuz",
            "float8_e5m2fnuz",
        )
    },
}
LEAST = {
    "float16": -14,
    "bfloat16": -126,
    "tf32": -126,
    "float8_e4m3fn": -6,
    "float8_e5m2": -14,
    "float8_e4m3fnuz": -7,
    "float8_e5m2fnuz": -15,
}


def binade(value: Fraction, least: int) -> int:
    """Return the exponent of a number's binade, the least one for zero and subnormal numbers."""
    if value == 0:
        return least
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** exponent > size:
        exponent -= 1
    return max(exponent, least)


def cut(value: Fraction, exponent: int, floor: bool = False) -> Fraction:
    """Cut toward zero, or down, to a multiple of 2^exponent."""
    unit = Fraction(2) ** exponent
    units = value / unit
    return (math.floor(units) if floor else math.trunc(units)) * unit


def even(value: Fraction, bits: int, least: int) -> Fraction:
    """Round to nearest even, at so many bits after the point."""
    unit = Fraction(2) ** (binade(value, least) - bits)
    return round(value / unit) * unit


Pair = tuple[Fraction, Fraction]


def aligned(terms: Sequence[tuple[Fraction, int]], bits: int) -> tuple[Fraction, int]:
    """Align, cut and add numbers with their exponents."""
    top = max(exponent for _, exponent in terms)
    return sum((cut(value, top - bits) for value, _ in terms), Fraction(0)), top


def products(pairs: Sequence[Pair], least: int, zero: int) -> list[tuple[Fraction, int]]:
    return [(x * y, binade(x, least) + binade(y, least) if x * y else zero) for x, y in pairs]


def step(row: Row, pairs: Sequence[Pair], c: Fraction, least: int, half: bool) -> Fraction:
    """Return the accumulator after one step."""
    if row.unit == "exact":
        return even(sum((x * y for x, y in pairs), c), 23, -126)
    assert row.bits is not None
    floor = -14 if half else -126
    own = (c, binade(c, floor) if c else (floor - 5))
    if row.unit == "aligned":
        total, _ = aligned([*products(pairs, least, floor - 5), own], row.bits)
        if half:
            return even(total, 10, -14)
        return cut(total, binade(total, -126) - (13 if row.narrow else 23))
    terms = products(pairs, least, -999)
    if row.unit == "staged":
        dot, top = aligned(terms, row.bits)
    else:
        (first, one), (second, two) = aligned(terms[::2], row.bits), aligned(terms[1::2], row.bits)
        top = max(one, two)
        dot = cut(first, top - row.bits, True) + cut(second, top - row.bits, True)
    exponent = binade(c, -126)
    most = max(top, exponent)
    kept = cut(c, most - row.bits, True)
    if row.unit == "interleaved" and exponent < most - row.bits - 1:
        kept = Fraction(0)
    total = cut(dot, most - 32, True) + kept
    return even(cut(total, binade(total, -126) - 31, True), 23, -126)


def chain(row: Row, pairs: Sequence[Pair], least: int, half: bool = False) -> Fraction:
    """Run steps one after another; zeros fill the last."""
    c = Fraction(0)
    full = [*pairs, *[(Fraction(0), Fraction(0))] * (-len(pairs) % row.products)]
    for start in range(0, len(full), row.products):
        c = step(row, full[start : start + row.products], c, least, half)
    return c


def values(dtype: str, count: int, rng: np.random.Generator, kind: str) -> list[Fraction]:
    """Draw numbers of a dtype: of one size, of many, subnormal, or positive."""
    least = LEAST[dtype]
    drawn = rng.uniform(1, 2, count) * rng.choice([-1, 1], count)
    if kind == "wide":
        drawn *= 2.0 ** rng.integers(max(least, -12), 6, count)
    elif kind == "subnormal":
        drawn *= 2.0 ** (least + rng.integers(-2, 2, count))
    elif kind == "positive":
        drawn = np.abs(drawn) * 2.0 ** rng.integers(max(least, -11), 1, count)
    held = drawn.astype(np.float32).astype(DTYPES[dtype])
    if dtype == "tf32":
        held = (held.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    return [Fraction(float(value)) for value in held]


def allowed(promise: Accumulation, xs: Sequence[Fraction], ys: Sequence[Fraction]) -> Fraction:
    definitions = load_definitions()
    least = promise.least_normal(definitions)
    factors = [
        (max(map(abs, side)), least * any(0 < abs(value) < least for value in side))
        for side in (xs, ys)
    ]
    shortfall = promise.shortfall(factors, definitions)
    bound = promise.error(len(xs), definitions, shortfall=shortfall)
    return bound.relative * sum(abs(x * y) for x, y in zip(xs, ys, strict=True)) + bound.absolute


def _named(row: Row) -> str:
    return f"{row.architecture} {row.instruction} {row.dtypes[0]}"


def wgmma(dtype: str) -> Row:
    (row,) = (row for row in ROWS if row.instruction == "wgmma" and dtype in row.dtypes)
    return row


PLAIN = [row for row in ROWS if not set(row.dtypes) & set(BLOCK_FORMATS)]
SCALED = [row for row in ROWS if row not in PLAIN]


@pytest.mark.parametrize("row", PLAIN, ids=_named)
@pytest.mark.parametrize("kind", ["plain", "wide", "subnormal", "positive"])
def test_sound(row: Row, kind: str) -> None:
    """No simulated sum is beyond its promise, whichever instruction the promise names."""
    rng = np.random.default_rng(5)
    for dtype in row.dtypes:
        for count in (1, 7, 64, 200):
            second = "plain" if kind == "subnormal" and count > 7 else kind
            xs, ys = values(dtype, count, rng, kind), values(dtype, count, rng, second)
            pairs = list(zip(xs, ys, strict=True))
            exact = sum((x * y for x, y in pairs), Fraction(0))
            total = chain(row, pairs, LEAST[dtype])
            for instruction in (None, row.instruction):
                promise = tensor_core(row.architecture, dtype, instruction=instruction)
                assert abs(total - exact) <= allowed(promise, xs, ys)


class Scaled:
    """Numbers in blocks, [terms]: values of a format, the scale and its exponent for each."""

    def __init__(self, name: str, terms: int, rng: np.random.Generator, kind: str) -> None:
        form = BLOCK_FORMATS[name]
        element, scale = rng.choice(form.elements), form.scale
        self.dtype: Any = getattr(ml_dtypes, element)
        info = ml_dtypes.finfo(self.dtype)  # type: ignore[no-untyped-call]
        self.least = int(info.minexp)
        numbers = np.arange(2**info.bits, dtype=np.uint8).view(self.dtype).astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if kind == "subnormal":
            numbers = numbers[np.abs(numbers) < 2.0 ** (self.least + 2)]
        if kind == "positive":
            numbers = numbers[numbers >= 0.5 * float(info.max)]
        self.elements = rng.choice(numbers, terms).astype(self.dtype)
        blocks = -(-terms // form.block)
        exponents = rng.integers(*((-9, 8) if scale == "float8_e4m3fn" else (-20, 12)), blocks)
        if kind == "positive":
            exponents = -rng.integers(0, 2, blocks)
        if scale == "float8_e4m3fn":
            drawn = np.exp2(exponents + rng.uniform(0, 0.9, blocks))
        else:
            drawn = np.exp2(exponents)
        self.scales = drawn.astype(getattr(ml_dtypes, scale))
        self.array = block_scaled(self.elements, self.scales, axis=0)
        self.values = [Fraction(float(value)) for value in self.elements]
        each = np.repeat(self.scales.astype(np.float64), form.block)[:terms]
        self.factors = [Fraction(float(value)) for value in each]
        lowest = -6 if scale == "float8_e4m3fn" else -127
        self.exponents = [binade(value, lowest) for value in self.factors]


def scaled_step(row: Row, x: Scaled, y: Scaled, span: range, c: Fraction) -> Fraction:
    """Return the accumulator after one step of products with block scales."""
    assert row.bits is not None
    grouped = row.unit == "grouped"
    zero = -139 if grouped else -133
    numbers = [(c, binade(c, -126) if c else zero)]
    products = []
    for i in span:
        exponent = x.exponents[i] + y.exponents[i]
        if not grouped:
            exponent += binade(x.values[i], x.least) + binade(y.values[i], y.least)
        products.append((x.values[i] * y.values[i] * x.factors[i] * y.factors[i], exponent))
    for start in range(0, len(products), 16 if grouped else 1):
        group = products[start : start + (16 if grouped else 1)]
        alone = not any(value for value, _ in group)
        total = sum((value for value, _ in group), Fraction(0))
        numbers.append((total, zero if alone else group[0][1]))
    total, _ = aligned(numbers, row.bits)
    return cut(total, binade(total, -126) - 23)


def scaled_chain(row: Row, x: Scaled, y: Scaled, count: int) -> Fraction:
    """Run steps one after another on the first terms."""
    c = Fraction(0)
    for start in range(0, count, row.products):
        c = scaled_step(row, x, y, range(start, min(start + row.products, count)), c)
    return c


def as_row(x: Scaled, y: Scaled) -> dict[str, Any]:
    """Return the operands of a 1×1 convolution that is one dot product."""
    return {"x": x.array.reshape(1, -1, 1, 1), "weight": y.array.reshape(1, -1, 1, 1)}


def passes(value: Fraction, x: Scaled, y: Scaled, promise: Accumulation) -> bool:
    """Tell whether a promise allows a sum."""
    result = np.full((1, 1, 1, 1), float(value), np.float32)
    return compare_output(result, **as_row(x, y), accumulation=promise).passed


@pytest.mark.parametrize("row", SCALED, ids=_named)
@pytest.mark.parametrize("kind", ["plain", "subnormal", "positive"])
def test_sound_with_block_scales(row: Row, kind: str) -> None:
    """No simulated sum is beyond its promise."""
    rng = np.random.default_rng(11)
    for name in row.dtypes:
        for count in (7, 64, 200):
            x, y = (Scaled(name, count, rng, kind) for _ in range(2))
            honest = scaled_chain(row, x, y, count)
            for instruction in (None, row.instruction):
                assert passes(honest, x, y, tensor_core("blackwell", name, instruction=instruction))


@pytest.mark.parametrize("row", SCALED, ids=_named)
def test_defects_with_block_scales_are_caught(row: Row) -> None:
    """The defects: the last block lost, one scale doubled, the result kept in bfloat16."""
    rng = np.random.default_rng(14)
    for name in row.dtypes:
        x, y = (Scaled(name, 256, rng, "positive") for _ in range(2))
        promise = tensor_core("blackwell", name, instruction=row.instruction)
        honest = scaled_chain(row, x, y, 256)
        assert passes(honest, x, y, promise)
        assert not passes(even(honest, 7, -126), x, y, promise)
        assert not passes(scaled_chain(row, x, y, 240), x, y, promise)
        operands = deepcopy(x)
        for i in range(32):
            x.factors[i] *= 2
            x.exponents[i] += 1
        assert not passes(scaled_chain(row, x, y, 256), operands, y, promise)


@pytest.mark.parametrize("name", BLOCK_FORMATS)
@pytest.mark.parametrize("kind", ["plain", "subnormal", "positive"])
def test_exponents_of_unknown_scales_are_bounded(name: str, kind: str) -> None:
    """The scales that were used stay within the bound, although others give the same numbers."""
    rng = np.random.default_rng(12)
    grouped = name == "nvfp4"
    for count in (1, 32, 90) * 3:
        x = Scaled(name, count, rng, kind)
        true = Fraction(0)
        for value, factor, exponent in zip(x.values, x.factors, x.exponents, strict=True):
            own = exponent - 1 if grouped else binade(value, x.least) + exponent
            if value and Fraction(2) ** own > abs(value * factor):
                true = max(true, Fraction(2) ** own)
        axis = [BlockAxis((0,), count)]
        (excess,) = excess_of_blocks(name, grouped, [("x", x.array)], axis, load_definitions())
        assert true <= excess
        largest = Fraction(float(np.abs(x.array).max()))
        promise = tensor_core("blackwell", name)
        assert true <= promise.largest_excess(largest, load_definitions())


def test_blocks_are_along_what_is_summed_over() -> None:
    """They run along a group's input channels, or along a row if the kernel does not move."""
    promise = tensor_core("blackwell", "mxfp8_e4m3", instruction="mxf8f6f4")
    scales = np.exp2(np.repeat([0.0, -20.0, 20.0, -20.0], [32, 8, 32, 8])).astype(np.float32)
    x, weight = np.full(80, 1.125, np.float32) * scales, np.ones((2, 40, 1, 1), np.float32)
    result = (x.reshape(2, 40).sum(axis=1)).reshape(1, 2, 1, 1)
    grouped = x.reshape(1, 80, 1, 1)
    assert compare_output(result, grouped, weight, groups=2, accumulation=promise).passed
    whole, zero = np.ones((1, 80, 1, 1), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    with pytest.raises(InputError, match="x: expected mxfp8_e4m3 in blocks of 32 along an axis"):
        compare_output(zero, grouped, whole, accumulation=promise)
    row, ones = x[:40].reshape(1, 1, 1, 40), np.ones((1, 1, 1, 40), np.float32)
    total = np.full((1, 1, 1, 1), x[:40].sum())
    assert compare_gradient(total, row, None, ones, which="weight", accumulation=promise).passed


@pytest.mark.parametrize(
    ("values", "scales", "axis", "message"),
    [
        (np.ones(33), np.ones(2, ml_dtypes.float8_e8m0fnu), 0, "at most 32 bits"),
        (np.ones(33, np.float32), np.ones(2, np.float32), 0, "scales: expected one of"),
        (np.ones(33, np.float32), np.ones(3, ml_dtypes.float8_e8m0fnu), 0, r"expected \(2,\)"),
        (np.ones(33, np.float32), np.ones(2, ml_dtypes.float8_e8m0fnu), 1, "axis: 1 is none"),
        (np.ones(33, np.float32), np.ones(2, ml_dtypes.float8_e8m0fnu), 0.0, "axis: expected an"),
        (np.ones(16, np.float32), -np.ones(1, ml_dtypes.float8_e4m3fn), 0, "no negative number"),
        (np.ones(16, np.int32), np.ones(1, ml_dtypes.float8_e4m3fn), 0, "expected floats"),
    ],
)
def test_block_scales_that_do_not_fit(values: Any, scales: Any, axis: Any, message: str) -> None:
    with pytest.raises((InputError, TypeError), match=message):
        block_scaled(values, scales, axis=axis)


@pytest.mark.parametrize(
    "name", ["float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float8_e8m0fnu"]
)
def test_operands_may_have_the_dtypes_of_values_and_of_scales(name: str) -> None:
    """They stand for the same numbers as in float32."""
    x = np.array([0.5, 1, 2, 4], getattr(ml_dtypes, name)).reshape(1, 4, 1, 1)
    result = np.full((1, 1, 1, 1), 21.25, np.float32)
    promise = tensor_core("blackwell", "mxfp")
    assert compare_output(result, x, x, accumulation=promise).passed
    assert not compare_output(result + np.float32(2**-10), x, x, accumulation=promise).passed


def test_operands_that_have_no_blocks_are_refused() -> None:
    """No scale fits these numbers, or the blocks run along the wrong axis."""
    rng = np.random.default_rng(13)
    x, y = (Scaled("mxfp8_e4m3", 64, rng, "plain") for _ in range(2))
    operands = as_row(x, y)
    result = np.zeros((1, 1, 1, 1), np.float32)
    for name in ("mxfp6_e2m3", "mxfp4", "nvfp4"):
        with pytest.raises(InputError, match=f"x: expected {name} in blocks of .* along an axis"):
            compare_output(result, **operands, accumulation=tensor_core("blackwell", name))
    operands["x"] = operands["x"] * np.float32(1.001)
    with pytest.raises(InputError, match="x: expected mxfp8_e4m3 in blocks"):
        compare_output(result, **operands, accumulation=tensor_core("blackwell", "mxfp8_e4m3"))
    wide = np.ones((1, 1, 5, 5), np.float32)
    with pytest.raises(InputError, match="no axis of x and grad_output is summed over"):
        compare_gradient(
            np.ones((1, 1, 3, 3), np.float32),
            wide,
            None,
            np.ones((1, 1, 3, 3), np.float32),
            which="weight",
            accumulation=tensor_core("blackwell", "mxfp"),
        )


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.architecture in ("volta", "hopper")], ids=_named
)
def test_sound_in_float16(row: Row) -> None:
    """No simulated sum whose accumulator is float16 is beyond its promise."""
    rng = np.random.default_rng(6)
    for dtype in set(row.dtypes) - {"bfloat16", "tf32"}:
        for kind in ("plain", "wide", "subnormal"):
            xs, ys = (values(dtype, 64, rng, kind) for _ in range(2))
            total = chain(row, list(zip(xs, ys, strict=True)), LEAST[dtype], half=True)
            exact = sum((x * y for x, y in zip(xs, ys, strict=True)), Fraction(0))
            promise = tensor_core(row.architecture, dtype, accumulate="float16")
            assert abs(total - exact) <= allowed(promise, xs, ys)


def _sum32(parts: Sequence[Fraction]) -> Fraction:
    total = np.float32(0)
    for part in parts:
        total += np.float32(float(part))
    return Fraction(float(total))


@pytest.mark.parametrize(("splits", "promote"), [(1, 128), (3, None), (2, 64)])
def test_sound_in_parts(splits: int, promote: int | None) -> None:
    """Promotion and split-k add partial sums in float32."""
    row = wgmma("float8_e5m2")
    rng = np.random.default_rng(7)
    for kind in ("plain", "wide", "positive"):
        xs, ys = (values("float8_e5m2", 700, rng, kind) for _ in range(2))
        pairs = list(zip(xs, ys, strict=True))
        part = math.ceil(700 / splits / 128) * 128
        totals = []
        for start in range(0, 700, part):
            own = pairs[start : start + part]
            length = promote or part
            ends = range(0, len(own), length)
            totals.append(_sum32([chain(row, own[i : i + length], -14) for i in ends]))
        exact = sum((x * y for x, y in pairs), Fraction(0))
        promise = tensor_core("hopper", "float8_e5m2", splits=splits, promote=promote)
        assert abs(_sum32(totals) - exact) <= allowed(promise, xs, ys)


def _one_output(xs: Sequence[float], ys: Sequence[float], dtype: Any) -> dict[str, Any]:
    """Return a 1×1 convolution that is one dot product."""
    return {
        "x": np.array(xs, dtype).reshape(1, -1, 1, 1),
        "weight": np.array(ys, dtype).reshape(1, -1, 1, 1),
    }


def _hostile(architecture: str) -> tuple[list[float], list[float], Fraction]:
    """Return a product of 2, and many that are just too small to be kept; and the simulated sum."""
    row = next(row for row in ROWS if row.architecture == architecture)
    assert row.bits is not None
    xs, ys = [2.0], [1.0]
    for i in range(1, 256):
        # On Ampere a step keeps one digit more than float32: two halves of a digit may be lost.
        lost = 1 - row.bits + (row.bits == 24 and i % row.products == 0)
        xs.append(2.0 ** (lost + 10) - 2.0**lost)
        ys.append(2.0**-10)
    pairs = [(Fraction(x), Fraction(y)) for x, y in zip(xs, ys, strict=True)]
    assert (np.array(xs, np.float16) == xs).all()
    return xs, ys, chain(row, pairs, -14)


@pytest.mark.parametrize(("architecture", "ratio"), [("volta", 1.97), ("ampere", 1.1)])
def test_honest_sums_that_float32_in_any_order_does_not_explain(
    architecture: str, ratio: float
) -> None:
    """They pass under the promise of their own unit."""
    xs, ys, total = _hostile(architecture)
    operands = _one_output(xs, ys, np.float16)
    result = np.full((1, 1, 1, 1), float(total), np.float32)
    assert compare_output(result, **operands, accumulation=Accumulation()).ratio > ratio
    comparison = compare_output(
        result, **operands, accumulation=tensor_core(architecture, "float16")
    )
    assert comparison.passed
    assert comparison.ratio > 0.6
    assert comparison.theorems[-1] == "RuntimeApprox.TensorCore.Kernel.near"
    assert "blocks of" in comparison.message


def test_planted_defects_are_caught() -> None:
    """The defects: a block lost, a block added twice, the result kept in bfloat16."""
    rng = np.random.default_rng(8)
    row = wgmma("bfloat16")
    xs, ys = (values("bfloat16", 256, rng, "positive") for _ in range(2))
    pairs = list(zip(xs, ys, strict=True))
    operands = _one_output([float(x) for x in xs], [float(y) for y in ys], ml_dtypes.bfloat16)
    promise = tensor_core("hopper", "bfloat16")
    honest = chain(row, pairs, -126)
    wrong = [
        chain(row, pairs[:-16], -126),
        chain(row, [*pairs, *pairs[:16]], -126),
        even(honest, 7, -126),
    ]
    for total, passed in ((honest, True), *((value, False) for value in wrong)):
        result = np.full((1, 1, 1, 1), float(total), np.float32)
        assert compare_output(result, **operands, accumulation=promise).passed is passed


def test_a_failure_names_the_unit_that_explains_it() -> None:
    """The sums keep 13 bits of products of eight-bit numbers; float32 sums are promised."""
    rng = np.random.default_rng(15)
    row = wgmma("float8_e5m2")
    rows = [[values("float8_e4m3fn", 128, rng, "positive") for _ in range(3)] for _ in range(2)]
    sums = [[float(chain(row, list(zip(x, y, strict=True)), -6)) for y in rows[1]] for x in rows[0]]
    x, weight = (
        np.array([[float(value) for value in one] for one in side]).reshape(3, 128, 1, 1)
        for side in rows
    )
    result = np.array(sums, np.float32).reshape(3, 3, 1, 1)
    eight = (side.astype(ml_dtypes.float8_e4m3fn) for side in (x, weight))
    comparison = compare_output(result, *eight)
    assert not comparison.passed
    assert any('tensor_core("hopper", "float8_e4m3fn")' in s for s in comparison.explanations)


@pytest.mark.parametrize("count", [16, 64, 576, 4608, 401_408])
def test_hopper_is_sharper_than_float32_in_any_order(count: int) -> None:
    """In bfloat16, wgmma alone allows less than 0.82 of the error."""
    definitions = load_definitions()

    def relative(promise: Accumulation) -> float:
        return float(promise.sum_error(count, definitions, shortfall=Fraction(0)).relative)

    old = relative(Accumulation())
    assert relative(tensor_core("hopper", "bfloat16")) < old
    assert relative(tensor_core("hopper", "bfloat16", instruction="wgmma")) < 0.82 * old
    if count > 1000:
        assert relative(tensor_core("hopper", "bfloat16", splits=8)) < 0.2 * old
    fp8 = [relative(tensor_core("hopper", "float8_e4m3", promote=p)) for p in (128, 512)]
    assert all(a <= b for a, b in pairwise(fp8))


def test_subnormal_operands_cost_by_their_size() -> None:
    """An exponent exceeds by an operand's distance to normal, times the other operand's largest."""
    definitions = load_definitions()
    promise = tensor_core("ampere", "float16")
    zero, least = Fraction(0), promise.least_normal(definitions)
    none = promise.shortfall([(Fraction(3), zero), (Fraction(5), zero)], definitions)
    assert none == Fraction(2) ** -126
    some = promise.shortfall([(Fraction(3), least), (Fraction(5), zero)], definitions)
    assert some == 5 * Fraction(2) ** -14 + none
    unknown = tensor_core("hopper", "float8").least_normal(definitions)
    assert unknown == Fraction(2) ** -6


def test_operands_are_rounded_to_the_format_of_the_instruction() -> None:
    """The largest number of E4M3 is 448, and more than 464 overflows; TF32 is cut."""
    one = np.ones((1, 1, 1, 1), np.float32)
    for value, rounded in ((448.0, 448.0), (463.0, 448.0), (17.0, 16.0), (19.0, 20.0)):
        result = np.full((1, 1, 1, 1), rounded, np.float32)
        accumulation = tensor_core("blackwell", "float8_e4m3")
        assert compare_output(result, one * value, one, accumulation=accumulation).passed
    with pytest.raises(NotProvedError, match="overflows float8_e4m3fn"):
        compare_output(one * 448, one * 480, one, accumulation=accumulation)
    eight = np.full((1, 1, 1, 1), 1.75, ml_dtypes.float8_e5m2)
    for dtype in ("float8", "float8_e5m2"):
        mixed = tensor_core("hopper", dtype)
        assert compare_output(one * 1.75**2, eight, eight, accumulation=mixed).passed
    lost = one * np.float32(1 + 2.0**-10 + 2.0**-11)
    cut_off = tensor_core("ampere", "tf32")
    assert compare_output(one * np.float32(1 + 2.0**-10), lost, one, accumulation=cut_off).passed
    assert not compare_output(lost, lost, one, accumulation=cut_off).passed
    nearest = tensor_core("ampere", "tf32", operand_rounding="nearest")
    assert compare_output(one * np.float32(1 + 2.0**-9), lost, one, accumulation=nearest).passed


def test_cdna2_adds_pairs_and_flushes() -> None:
    """Its promise is about float32 additions in blocks, with subnormal numbers flushed."""
    promise = tensor_core("cdna2", "bfloat16", output="bfloat16")
    assert promise.flushed
    assert promise.core is None
    assert promise.roundings(64) == 34


def test_the_bias_gradient_is_no_sum_of_products() -> None:
    """Whatever the matrix unit, it is a float32 sum in any order."""
    grad = np.ones((2, 1, 3, 3), np.float32)
    comparison = compare_gradient(
        np.full(1, 18, np.float32),
        None,
        None,
        grad,
        which="bias",
        accumulation=tensor_core("volta", "float16"),
    )
    assert comparison.passed
    assert comparison.accumulation.core is None
    assert comparison.theorems[-1] == "RuntimeApprox.Accumulation.near"


def test_certified_results_of_operands_that_are_rounded() -> None:
    """The bound covers a kernel that rounds its operands to eight bits."""
    rng = np.random.default_rng(9)
    x, weight = rng.standard_normal((2, 1, 64, 1, 1)).astype(np.float32)
    promise = tensor_core("hopper", "float8_e4m3", promote=128)
    rounded = [v.astype(ml_dtypes.float8_e4m3fn).ravel() for v in (x, weight)]
    pairs = [(Fraction(float(a)), Fraction(float(b))) for a, b in zip(*rounded, strict=True)]
    row = wgmma("float8_e5m2")
    output = np.array(float(chain(row, pairs, -6)), np.float32).reshape(1, 1, 1, 1)
    certified = certify_output(output, x, weight, method="any-order", accumulation=promise)
    exact = float(np.sum(x.astype(np.float64) * weight.astype(np.float64)))
    assert abs(float(output.item()) - exact) <= certified.bound.item() < 4
    assert certified.theorems[-1] == "RuntimeApprox.TensorCore.Kernel.near"


def test_tolerance_without_operands() -> None:
    """It assumes that operands may be subnormal."""
    allowance = tolerance(
        (1, 64, 8, 8),
        (8, 64, 3, 3),
        which="output",
        max_x=1.0,
        max_weight=0.5,
        accumulation=tensor_core("hopper", "bfloat16", output="bfloat16"),
    )
    assert 0.5 < allowance.absolute / (576 * 0.5 * (2.0**-8 + 576 * 2.0**-24)) < 3
    assert allowance.theorems[-1] == "RuntimeApprox.TensorCore.Kernel.near"
    assert "blocks of 8 aligned at 25 bits" in allowance.derivation


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: tensor_core("pascal", "float16"), "architecture: unknown 'pascal'"),
        (lambda: tensor_core("volta", "bfloat16"), "dtype: the matrix instructions of volta"),
        (lambda: tensor_core("cdna2", "tf32"), "dtype: the matrix instructions of cdna2"),
        (lambda: tensor_core("cdna3", "float8_e4m3"), "expected one of .* float8_e4m3fnuz"),
        (
            lambda: tensor_core("hopper", "bfloat16", instruction="mfma"),
            "expected one of wgmma, mma",
        ),
        (lambda: tensor_core("hopper", "bfloat16", accumulate="float16"), "do not add in float16"),
        (lambda: tensor_core("hopper", "bfloat16", block=0), "block"),
        (lambda: tensor_core("hopper", "bfloat16", block=17), "block: hopper adds 16 products"),
        (lambda: tensor_core("hopper", "bfloat16", splits=0), "splits"),
        (lambda: tensor_core("hopper", "bfloat16", promote=1.5), "promote"),  # type: ignore[arg-type]
        (lambda: tensor_core("hopper", "bfloat16", output="int8"), "unknown format 'int8'"),
        (lambda: tensor_core("cdna2", "float16", promote=4), "expected no promote"),
        (lambda: tensor_core("hopper", "mxfp4"), "instructions of hopper do not take 'mxfp4'"),
        (
            lambda: tensor_core("blackwell", "nvfp4", operand_rounding="nearest"),
            "operands of nvfp4 are not rounded",
        ),
        (lambda: Aligned(block=4, bits=25, scaled="nvfp4"), "added in groups"),
        (lambda: Aligned(block=4, bits=25, scaled="fp4"), "scaled: unknown 'fp4'"),
        (lambda: Accumulation(promote=128), "promote: the sums are of no matrix unit"),
        (lambda: Accumulation(core=Aligned(block=4, bits=23), depth=3), "core: "),
        (lambda: Accumulation(core=Aligned(block=4, bits=23), flushed=True), "core: "),
        (
            lambda: Accumulation(core=Aligned(block=4, bits=23), accumulate="float16"),
            "accumulate: expected float32",
        ),
        (lambda: Aligned(block=4), "bits: expected a number of bits"),
        (lambda: Accumulation(accumulate="float8_e5m2"), "unknown format 'float8_e5m2'"),
    ],
)
def test_refused(made: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made()


def test_promotion_more_often_is_another_promise() -> None:
    """Promotion every 16 terms instead of 512 loses 4,095 additions of half an ulp."""
    x = np.zeros((1, 65_536, 1, 1), ml_dtypes.bfloat16)
    x[0, ::16] = 2.0**-24
    x[0, 0] = 1
    weight = np.ones_like(x)
    result = np.ones((1, 1, 1, 1), np.float32)
    for promote, passes in ((16, True), (512, False)):
        promise = tensor_core("hopper", "bfloat16", instruction="wgmma", promote=promote)
        assert compare_output(result, x, weight, accumulation=promise).passed == passes
