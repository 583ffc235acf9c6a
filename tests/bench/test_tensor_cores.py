"""Convolutions by simulated matrix instructions."""

from __future__ import annotations

import numpy as np
import pytest

from bench.studies.rounding_or_bug.unfold import unfold
from bench.tensor_cores.data import DOTS, READ, Problem, Result, dots
from bench.tensor_cores.kernels import Kernel, held
from bench.tensor_cores.units import Unit, units
from pybridge.problem.geometry import Geometry
from pybridge.truth.conv2d import Dyadic, exact_conv2d

pytestmark = pytest.mark.torch

GEOMETRY = Geometry.of((2, 4, 7, 6), (6, 2, 3, 3), stride=(2, 1), padding=1, groups=2)


def named(*words: str) -> list[Unit]:
    return [unit for unit in units() if all(word in unit.name for word in words)]


def test_all_architectures_and_operands_are_simulated() -> None:
    found = units()
    assert {unit.architecture for unit in found} == {
        *("Volta", "Turing", "Ampere", "Ada Lovelace", "Hopper", "Blackwell", "RTX Blackwell"),
        *("CDNA1", "CDNA2", "CDNA3"),
    }
    assert {unit.family for unit in found} == {"mma", "wgmma", "tcgen05", "mfma"}
    assert {unit.x for unit in found} == {
        *("float16", "bfloat16", "tf32", "float8_e4m3fn", "float8_e5m2"),
        *("float8_e4m3fnuz", "float8_e5m2fnuz"),
    }
    (one,) = named("Hopper wgmma, float8_e4m3fn to float32")
    assert (one.step, one.length) == (32, 32)


@pytest.mark.slow
@pytest.mark.parametrize("result", ["output", "weight", "input"])
def test_sums_of_small_integers_are_exact(result: Result) -> None:
    g = GEOMETRY
    rng = np.random.default_rng(1)
    shapes = {"x": g.x_shape, "weight": g.weight_shape, "grad_output": g.output_shape}
    drawn = {name: rng.integers(-3, 4, shape) for name, shape in shapes.items()}
    exact = exact_conv2d(
        g,
        Dyadic.of(drawn["x"]),
        Dyadic.of(drawn["weight"]),
        Dyadic.of(np.zeros(g.bias_shape)),
        Dyadic.of(drawn["grad_output"]),
        names=[result],
    )[result]
    expected = np.array(list(map(float, exact.fractions())))
    for unit in units()[::3]:
        first, second = READ[result]
        operands = {first: held(drawn[first], unit.x), second: held(drawn[second], unit.y)}
        factors = unfold(result, g, operands)
        for kernel in (Kernel(unit), Kernel(unit, splits=3), Kernel(unit, promote=32)):
            found = kernel(factors)
            assert found.shape == factors.shape
            assert (found.ravel() == expected).all(), kernel
        without = Kernel(unit, lost=0)(factors)
        assert not (without.ravel() == expected).all()


def test_terms_below_the_last_digit_kept_are_lost() -> None:
    (unit,) = named("Hopper mma, bfloat16 to float32, 16")
    shape = Geometry.of((1, 16, 1, 1), (1, 16, 1, 1))
    for exponent, expected in ((-23, 1 + 15 * 2.0**-23), (-25, 1 + 3 * 2.0**-23), (-26, 1.0)):
        x = held(np.ldexp(1.0, [0, *[exponent] * 15]), unit.x)
        operands = {"x": x.reshape(shape.x_shape), "weight": held(np.ones((1, 16, 1, 1)), unit.y)}
        assert Kernel(unit)(unfold("output", shape, operands)).item() == expected


def sums(problem: Problem) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    factors = unfold(problem.result, problem.geometry, problem.operands)
    total: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = np.sum(
        np.abs(factors.x.astype(np.float64) * factors.y.astype(np.float64)), axis=0
    )
    return total.ravel()


@pytest.mark.parametrize("data", DOTS)
def test_dot_products_are_the_same_as_every_result_and_do_not_overflow(data: str) -> None:
    for unit in [*named("bfloat16 to float32"), *named("to float16"), *named("fnuz")][::4]:
        found = []
        for result in READ:
            problem = dots(data, unit, result, 36, 40, seed=1)
            found.append(Kernel(unit)(unfold(result, problem.geometry, problem.operands)).ravel())
            assert (sums(problem) <= float(np.finfo(unit.result).max)).all()
        assert np.isfinite(found[0]).all()
        assert all((one == found[0]).all() for one in found[1:])
