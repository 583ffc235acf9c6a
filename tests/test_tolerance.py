"""Tolerances from magnitudes: the formula, what they bound, and the command."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pybridge.errors import InputError, InputTypeError
from pybridge.testing import Accumulation, compare_gradient, compare_output, split_k, tf32
from pybridge.tolerance import Tolerance, tolerance
from pybridge.tolerance_command import app, assert_close, dynamic

RUNNER = CliRunner()
X, WEIGHT, OUTPUT = (2, 4, 6, 6), (6, 2, 3, 3), (2, 6, 3, 3)
OPTIONS: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2}
MAGNITUDES = {"max_x": 2.0, "max_weight": 0.5, "max_grad_output": 3.0}


def of(which: Any, **options: Any) -> Tolerance:
    return tolerance(X, WEIGHT, which=which, **{**MAGNITUDES, **OPTIONS, **options})


def gamma(n: int, roundoff: Fraction) -> Fraction:
    return n * roundoff / (1 - n * roundoff)


def test_the_formula() -> None:
    u, eta = Fraction(1, 2**24), Fraction(1, 2**150)
    found = of("weight")
    assert (found.shape, found.terms) == (WEIGHT, 18)
    magnitude = 18 * 2 * 3
    expected = gamma(18, u) * magnitude + (1 + gamma(18, u)) * 18 * 2 * eta
    assert 0 <= Fraction(found.absolute) - expected <= Fraction(np.spacing(found.absolute))
    assert found.largest == magnitude
    assert found.per_entry.shape == (1, 1, 3, 3)
    assert found.per_entry[0, 0, 0, 0] < found.per_entry[0, 0, 1, 1] == found.absolute

    w, omega = Fraction(1, 2**8), Fraction(1, 2**134)
    growth = (1 + gamma(18, u)) * (1 + w)
    expected = (growth - 1) * magnitude + growth * 18 * 2 * eta + omega
    rounded = of("weight", accumulation=Accumulation.of("bfloat16"))
    assert float(expected) <= rounded.absolute <= float(expected) * (1 + 1e-15)

    k = 1 + gamma(4, w)
    growth = (1 + gamma(18, u)) * k
    expected = (growth - 1) * magnitude + growth * 18 * 2 * eta + k * 4 * 2 * omega
    across = of("weight", accumulation=split_k(4, "bfloat16"))
    assert float(expected) <= across.absolute <= float(expected) * (1 + 1e-15)
    assert of("weight", accumulation=split_k(4)).absolute == found.absolute


def test_output_bias_and_input() -> None:
    u = 2.0**-24
    assert of("bias").absolute == pytest.approx(18 * u * 18 * 3, rel=1e-5)
    assert of("bias").shape == (6,)
    assert of("output").absolute == pytest.approx(19 * u * 18 * 2 * 0.5, rel=1e-5)
    biased = of("output", max_bias=100.0)
    assert biased.absolute == pytest.approx(19 * u * (18 * 2 * 0.5 + 100), rel=1e-5)
    found = of("input")
    assert found.shape == X
    assert found.terms == 12
    assert sorted(set(found.per_entry.ravel().tolist()))[0] == pytest.approx(
        3 * u * 3 * 1.5, rel=1e-5
    )


def test_flushed_promises_cover_operands_and_bias() -> None:
    flushed = Accumulation(flushed=True)
    tiny = {"max_x": 2.0**-126, "max_weight": 1.0}
    assert of("output", **tiny).absolute < 1e-42
    assert of("output", accumulation=flushed, **tiny).absolute > 18 * 2.0**-126
    with_bias = of("output", accumulation=flushed, max_bias=2.0**-127, **tiny)
    assert with_bias.absolute > of("output", accumulation=flushed, **tiny).absolute + 2.0**-127


@pytest.mark.parametrize("promise", [Accumulation(), tf32(), split_k(3, "bfloat16")])
def test_it_is_at_least_what_is_allowed_with_the_operands(promise: Accumulation) -> None:
    rng = np.random.default_rng(0)
    x, weight, grad = (
        rng.uniform(-size, size, shape).astype(np.float32)
        for size, shape in ((2, X), (0.5, WEIGHT), (3, OUTPUT))
    )
    for which, shape in (("weight", WEIGHT), ("input", X), ("bias", (6,))):
        name: Any = which
        zero = np.zeros(shape, np.float32)
        found = compare_gradient(zero, x, weight, grad, which=name, accumulation=promise, **OPTIONS)
        bound = np.broadcast_to(of(which, accumulation=promise).per_entry, shape)
        assert (found.allowance <= bound * (1 + 1e-5)).all()
    output = compare_output(
        np.zeros(OUTPUT, np.float32), x, weight, accumulation=promise, **OPTIONS
    )
    bound = np.broadcast_to(of("output", accumulation=promise).per_entry, OUTPUT)
    assert (output.allowance <= bound * (1 + 1e-5)).all()


def test_the_derivation() -> None:
    found = of("weight", accumulation=Accumulation(operands="tf32", output="bfloat16"))
    assert found.derivation.splitlines() == [
        "Tolerance for the weight gradient of a conv2d with x (2, 4, 6, 6) and weight "
        "(6, 2, 3, 3): 0.5279",
        "An entry sums at most 18 products; |x| ≤ 2, |grad_output| ≤ 3.",
        "The kernel promises float32 sums of operands rounded to tf32, rounded to bfloat16, in any "
        "order. Then |computed − exact| is at most",
        "  0.004888 · (18·2·3)  [every term, by all roundings on its way: n·u / (1 − n·u) with "
        "n = 18, u = 2^-24; operands tf32: 2^-11 each; output bfloat16: 2^-8]",
        "  + 5.648e-40  [underflow]",
        "This is a theorem, proved in Lean: RuntimeApprox.conv2d_kernel_tolerance",
    ]
    text = of("weight", accumulation=split_k(4, "bfloat16")).derivation
    assert "; 4 partial sums in bfloat16: 0.01588]" in text
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


def test_too_many_terms() -> None:
    with pytest.raises(InputError, match=r"1024 terms: .* no bound is proved"):
        tolerance(
            (64, 1, 4, 4),
            (1, 1, 1, 1),
            which="weight",
            max_x=1,
            max_grad_output=1,
            accumulation=Accumulation(accumulate="bfloat16"),
        )


def run(*arguments: str) -> Any:
    return RUNNER.invoke(app, ["--x", "2,4,6,6", "--weight", "6,4,3,3", *arguments])


def test_the_command() -> None:
    result = run("--padding", "1", "--max-x", "2")
    assert result.exit_code == 0
    assert "weight gradient (6, 4, 3, 3): at most 72 products an entry" in result.stdout
    assert "float32 sums in 128 splits, added in bfloat16" in result.stdout
    assert "This is a theorem, proved in Lean" in result.stdout
    document = json.loads(run("--padding", "1", "--which", "input", "--json").stdout)
    assert document["theorem"] == "RuntimeApprox.conv2d_input_tolerance"
    assert document["shape"] == [2, 4, 6, 6]
    assert document["largest"] == document["terms"] == 54
    rows = {row["promise"]: row for row in document["rows"]}
    plain = rows["float32 sums"]
    expected = tolerance(
        (2, 4, 6, 6), (6, 4, 3, 3), which="input", padding=1, max_weight=1, max_grad_output=1
    )
    assert plain["tolerance"] == expected.absolute
    assert plain["assert_close"] == assert_close("float32", 54.0) == 1e-5 + 1.3e-6 * 54
    assert plain["dynamic"] == dynamic("float32", 54, 54.0)
    assert plain["least"] < plain["tolerance"] < plain["dynamic"]
    assert rows["float64 sums"]["dtype"] == "float64"


def test_rows_without_a_bound() -> None:
    result = RUNNER.invoke(
        app, ["--x", "4096,1,64,64", "--weight", "1,1,1,1", "--dtype", "float64"]
    )
    assert result.exit_code == 0, result.stderr
    assert "none" in result.stdout
    assert dynamic("float32", 2**24, 1.0) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--which", "kernel"), "which: expected one of output, bias, weight, input"),
        (("--padding", "1,2,3"), "--padding: expected 1 or 2 or 4 integers with commas"),
        (("--weight", "6,4,3"), "--weight: expected 4 integers with commas, got '6,4,3'"),
        (("--dtype", "int8"), "dtype: unknown format 'int8'"),
        (("--max-x", "-1"), "max_x: expected a finite non-negative number"),
        (("--groups", "5"), "groups=5"),
    ],
)
def test_bad_usage(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
