"""Tolerances from magnitudes: the formula, what they bound, and the command."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pybridge.bounds.conv2d import tolerance
from pybridge.bounds.tolerance import Tolerance
from pybridge.errors import InputError, InputTypeError, NotProvedError
from pybridge.testing import Accumulation, compare_gradient, compare_output, split_k, tf32

X, WEIGHT, OUTPUT = (2, 4, 6, 6), (6, 2, 3, 3), (2, 6, 3, 3)
OPTIONS: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2}
MAGNITUDES = {"max_x": 2.0, "max_weight": 0.5, "max_grad_output": 3.0}


def of(which: Any, **options: Any) -> Tolerance:
    return tolerance(X, WEIGHT, which=which, **{**MAGNITUDES, **OPTIONS, **options})


U, ETA = Fraction(1, 2**24), Fraction(1, 2**150)
W, OMEGA = Fraction(1, 2**8), Fraction(1, 2**134)


def near(allowed: Tolerance, expected: Fraction, slack: float = 0.0) -> bool:
    """Tell whether it is a number rounded up to float64, or but little more."""
    least = Fraction(allowed.absolute) - expected
    return 0 <= least <= Fraction(np.spacing(allowed.absolute)) + Fraction(slack) * expected


def test_the_formula() -> None:
    allowed = of("weight")
    assert (allowed.shape, allowed.terms) == (WEIGHT, 18)
    magnitude = 18 * 2 * 3
    absolute = 18 * ETA * (1 + 18 * U)
    assert near(allowed, 18 * U * magnitude + absolute)
    assert allowed.largest == magnitude
    assert allowed.per_entry.shape == (1, 1, 3, 3)
    assert allowed.per_entry[0, 0, 0, 0] < allowed.per_entry[0, 0, 1, 1] == allowed.absolute

    growth = (1 + 18 * U) * (1 + W)
    expected = (growth - 1) * magnitude + (1 + W) * absolute + OMEGA
    assert near(of("weight", accumulation=Accumulation.of("bfloat16")), expected)

    part = (1 + U) ** 5
    expected = (part * (1 + 4 * W) - 1) * magnitude
    expected += (1 + 4 * W) * (2 * 18 * ETA * part + 4 * OMEGA)
    assert near(of("weight", accumulation=split_k(4, "bfloat16")), expected, 1e-30)
    part = (1 + U) ** (5 + 4)
    expected = (part - 1) * magnitude + 2 * 18 * ETA * part
    assert near(of("weight", accumulation=split_k(4)), expected, 1e-30)

    growth = (1 + 2 * U) ** 18
    expected = (growth - 1) * magnitude + 2 * 18 * 2 * ETA * growth
    assert near(of("weight", accumulation=Accumulation(rounding="toward-zero")), expected, 1e-30)


@pytest.mark.parametrize(
    ("promise", "relative", "absolute"),
    [
        (tf32(), Fraction(1, 2**10), Fraction(1, 2**136)),
        (tf32("nearest"), Fraction(1, 2**11), Fraction(1, 2**137)),
        (Accumulation(operands="float16"), Fraction(1, 2**11), Fraction(1, 2**25)),
    ],
)
def test_operands_that_are_rounded(
    promise: Accumulation, relative: Fraction, absolute: Fraction
) -> None:
    """Each operand is off by a·X + α, which products and their roundings enlarge."""
    n = 18
    x, y = Fraction(2), Fraction(3)
    dx, dy = relative * x + absolute, relative * y + absolute
    expected = n * U * n * x * y + (1 + n * U) * n * (dx * (y + dy) + x * dy)
    expected += n * ETA * (1 + n * U)
    assert near(of("weight", accumulation=promise), expected)
    expected = n * U * n * y + (1 + n * U) * n * dy + n * ETA * (1 + n * U)
    assert near(of("bias", accumulation=promise), expected)


def test_output_bias_and_input() -> None:
    assert near(of("bias"), 18 * U * 18 * 3 + 18 * ETA * (1 + 18 * U))
    assert of("bias").shape == (6,)
    for bias, n in ((0.0, 18), (100.0, 19)):
        absolute = n * ETA * (1 + n * U)
        expected = n * U * (18 * 2 * Fraction(1, 2) + Fraction(bias)) + absolute
        assert near(of("output", max_bias=bias), expected)
    allowed = of("input")
    assert allowed.shape == X
    assert allowed.terms == 12
    least = Fraction(float(allowed.per_entry.min()))
    expected = 3 * U * 3 * Fraction(3, 2) + 3 * ETA * (1 + 3 * U)
    assert 0 <= least - expected <= Fraction(np.spacing(float(least)))


def flushed_expected(
    n: int, x: Fraction, y: Fraction, least: Fraction, bias: Fraction = Fraction(0)
) -> Fraction:
    """Return the error of float32 sums of n products and a bias, if what is below `least` is 0."""
    terms = n + (bias > 0)
    growth = (1 + U) ** terms
    off = n * (least * (y + least) + x * least) + min(least, bias)
    return (growth - 1) * (n * x * y + bias) + growth * off + 2 * terms * growth / 2**126


def test_flushed_promises_cover_operands_and_bias() -> None:
    flushed = Accumulation(flushed=True)
    tiny = {"max_x": 2.0**-126, "max_weight": 1.0}
    x, y, least = Fraction(1, 2**126), Fraction(1), Fraction(1, 2**126)
    assert of("output", **tiny).absolute < 1e-42
    allowed = of("output", accumulation=flushed, **tiny)
    assert near(allowed, flushed_expected(18, x, y, least), 1e-30)
    assert allowed.absolute > 18 * 2.0**-126
    for bias in (2.0**-127, 2.0**-100):
        allowed = of("output", accumulation=flushed, max_bias=bias, **tiny)
        assert near(allowed, flushed_expected(18, x, y, least, Fraction(bias)), 1e-30)


def test_what_is_flushed_follows_the_operands_format() -> None:
    """2⁻¹⁵ is subnormal in float16: then one operand may be off by its whole magnitude."""
    for promise in (
        Accumulation(operands="float16", flushed=True),
        Accumulation(output="float16", flushed=True),
    ):
        allowed = tolerance(
            (1, 1, 1, 1), (1, 1, 1, 1), which="weight", accumulation=promise,
            max_x=2.0**-15, max_grad_output=1024,
        )  # fmt: skip
        assert allowed.absolute > 2.0**-15 * 1024


@pytest.mark.parametrize(
    "promise",
    [
        Accumulation(),
        Accumulation(rounding="toward-zero"),
        Accumulation(flushed=True),
        Accumulation(accumulate="bfloat16", operands="float32"),
        tf32(),
        tf32("nearest"),
        split_k(3, "bfloat16"),
    ],
)
def test_it_is_at_least_what_is_allowed_with_the_operands(promise: Accumulation) -> None:
    rng = np.random.default_rng(0)
    x, weight, grad = (
        rng.uniform(-size, size, shape).astype(np.float32)
        for size, shape in ((2, X), (0.5, WEIGHT), (3, OUTPUT))
    )
    for which, shape in (("weight", WEIGHT), ("input", X), ("bias", (6,))):
        name: Any = which
        zero = np.zeros(shape, np.float32)
        judged = compare_gradient(
            zero, x, weight, grad, which=name, accumulation=promise, **OPTIONS
        )
        bound = np.broadcast_to(of(which, accumulation=promise).per_entry, shape)
        assert (judged.allowance <= bound * (1 + 1e-5)).all()
    output = compare_output(
        np.zeros(OUTPUT, np.float32), x, weight, accumulation=promise, **OPTIONS
    )
    bound = np.broadcast_to(of("output", accumulation=promise).per_entry, OUTPUT)
    assert (output.allowance <= bound * (1 + 1e-5)).all()


def test_the_derivation() -> None:
    allowed = of("weight", accumulation=Accumulation(operands="tf32", output="bfloat16"))
    assert allowed.derivation.splitlines() == [
        "Tolerance for the weight gradient of a conv2d with x (2, 4, 6, 6) and weight "
        "(6, 2, 3, 3): 0.5279",
        "An entry sums at most 18 products; |x| ≤ 2, |grad_output| ≤ 3.",
        "The kernel promises float32 sums of operands rounded to tf32, rounded to bfloat16, in any "
        "order. Then |computed − exact| is at most",
        "  0.003908 · (18·2·3)  [every term, by all roundings on its way: n·u with n = 18, "
        "u = 2^-24; output bfloat16: 2^-8]",
        "  + 0.1060  [operands rounded or flushed, and underflow]",
        "This is a theorem, proved in Lean: " + ", ".join(allowed.theorems),
    ]
    text = of("weight", accumulation=split_k(4, "bfloat16")).derivation
    assert "  0.01563 · (18·2·3)  [every term, " in text
    assert "u = 2^-24; 4 partial sums in bfloat16]" in text
    assert "  + 1.262e-44  [underflow]" in of("weight").derivation
    text = of("bias").derivation
    assert "[every term, by all roundings on its way: n·u with n = 18, u = 2^-24]" in text
    text = of("bias", accumulation=Accumulation(rounding="toward-zero")).derivation
    assert "(1 + u)^n − 1 with n = 18, u = 2^-23]" in text
    assert "|bias| ≤ 7" in of("output", max_bias=7).derivation


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"which": "kernel"}, InputError, "which: expected one of output, bias, weight, input"),
        ({"max_x": None}, InputError, "max_x: the weight gradient depends on it"),
        ({"max_x": -1.0}, InputError, "max_x: expected a finite non-negative number"),
        ({"max_x": "2"}, InputTypeError, "max_x: expected a non-negative number"),
        ({"max_bias": 1.0}, InputError, "max_bias: the weight gradient does not depend on it"),
        ({"groups": 3}, InputError, "x has 4 channels, but weight"),
    ],
)
def test_bad_arguments(changes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        of(**{"which": "weight", **changes})


def test_as_many_terms_as_there_are() -> None:
    """n·u may be 1 or more."""
    allowed = tolerance(
        (64, 1, 4, 4),
        (1, 1, 1, 1),
        which="weight",
        max_x=1,
        max_grad_output=1,
        accumulation=Accumulation(accumulate="bfloat16"),
    )
    assert near(allowed, 1024 * W * 1024 + 1024 * OMEGA * (1 + 1024 * W))


def test_a_bias_may_be_rounded_to_16_bits_as_the_factors_are() -> None:
    promise = Accumulation(operands="float16")
    one = (1, 1, 1, 1)
    allowed = tolerance(
        one, one, which="output", max_x=0, max_weight=0, max_bias=1e-8, accumulation=promise
    )
    assert allowed.absolute >= 1e-8  # float16 has no number between zero and 6e-8
    with pytest.raises(NotProvedError, match="max_bias"):
        tolerance(
            one, one, which="output", max_x=1, max_weight=1, max_bias=1e5, accumulation=promise
        )
