"""How far computed kernel gradients are from the exact one, by python-flint."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np

from bench.shapes import Shape
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.exact import exact_results

__all__ = ["true_errors"]


def true_errors(shape: Shape, computed: FloatArray) -> Float64:
    """Return |computed − exact| of a kernel gradient [O, I/groups, KH, KW], in nearest float64."""
    exact = _exact_weight(shape)
    difference = Dyadic.of(computed) + Dyadic(-exact.numerators, exact.exponent)
    errors = [float(abs(Fraction(error))) for error in difference.fractions()]
    return np.array(errors).reshape(computed.shape)


@lru_cache(maxsize=2)
def _exact_weight(shape: Shape) -> Dyadic:
    operands = {"x": shape.x, "grad_output": shape.grad_output}
    return exact_results(shape.geometry, operands)["weight"]
