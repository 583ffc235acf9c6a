"""Products of slices enclose the exact result, whatever the exponents of the operands."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from strategies import estimator

from pybridge.engine.estimator import Inexact
from pybridge.engine.sliced import remainder
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import Result
from pybridge.truth.exact import exact_entry

_Floats = npt.NDArray[np.float64]

_KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], _Floats]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "sparse": lambda rng, shape: np.maximum(rng.standard_normal(shape) - 0.5, 0),
    "spread": lambda rng, shape: np.ldexp(rng.standard_normal(shape), rng.integers(-60, 60, shape)),
    "integers": lambda rng, shape: rng.integers(-9, 10, shape).astype(np.float64),
    "large": lambda rng, shape: np.ldexp(rng.standard_normal(shape), 480),
    "one huge": lambda rng, shape: np.where(
        rng.random(shape) < 0.02, np.full(shape, 2.0**60), rng.standard_normal(shape)
    ),
    "halfway": lambda rng, shape: np.ldexp(rng.integers(0, 4, shape) + 2.0**26, -26),
    "zero": lambda rng, shape: np.zeros(shape),
}


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("result", list(Result))
def test_the_exact_result_is_within_the_uncertainty(result: Result, kind: str) -> None:
    geometry = Geometry.of((2, 4, 7, 6), (6, 2, 3, 2), stride=(2, 1), padding=1, groups=2)
    rng = np.random.default_rng(3)
    values = {name: _KINDS[kind](rng, shape) for name, shape in geometry.shapes.items()}
    estimates = estimator(
        result, geometry, {name: Inexact(values[name]) for name in result.operands}
    )
    computed = estimates.value(np.float64)
    left = remainder(estimates, computed)
    assert left is not None
    for index in np.ndindex(computed.shape):
        error = Fraction(float(computed[index])) - exact_entry(result, geometry, values, index)
        off = abs(error - Fraction(float(left.value[index])))
        assert off <= Fraction(float(left.uncertainty[index])), (kind, index)


def test_the_uncertainty_is_far_below_the_errors_of_ordinary_operands() -> None:
    geometry = Geometry.of((4, 8, 12, 12), (8, 8, 3, 3), padding=1)
    rng = np.random.default_rng(0)
    x, grad = rng.standard_normal(geometry.x_shape), rng.standard_normal(geometry.output_shape)
    operands = {"x": Inexact(x), "grad_output": Inexact(grad)}
    estimates = estimator(Result.WEIGHT, geometry, operands)
    left = remainder(estimates, estimates.value(np.float64))
    assert left is not None
    assert (left.uncertainty < 2.0**-53 * 1e-3 * estimates.sizes()).all()


def test_nothing_is_said_of_operands_whose_slices_would_underflow() -> None:
    geometry = Geometry.of((1, 1, 3, 3), (1, 1, 2, 2))
    x = np.full(geometry.x_shape, np.pi * 2.0**-600)
    grad = np.full(geometry.output_shape, np.e * 2.0**-460)
    operands = {"x": Inexact(x), "grad_output": Inexact(grad)}
    estimates = estimator(Result.WEIGHT, geometry, operands)
    assert remainder(estimates, np.zeros(estimates.shape)) is None


def test_underflow_on_the_way_is_no_error() -> None:
    geometry = Geometry.of((1, 1, 1, 2), (1, 1, 1, 1))
    x, weight = np.array([[[[2.0**-1074, 0.0]]]]), np.ones((1, 1, 1, 1))
    operands = {"x": Inexact(x), "weight": Inexact(weight)}
    estimates = estimator(Result.OUTPUT, geometry, operands)
    with np.errstate(all="raise"):
        assert remainder(estimates, np.zeros((1, 1, 1, 2))) is None
