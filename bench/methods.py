"""Computes a shape's results with pybridge, by each of its methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from bench.shapes import Shape
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import Estimator
from pybridge.engine.reference import Evaluation, evaluate
from pybridge.engine.replay import evaluate_replay
from pybridge.engine.upward import Float64
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FORMATS, FloatArray

__all__ = ["METHODS", "Result", "any_order", "enclosure", "estimates", "reference", "replay"]

FORMAT = FORMATS["binary32"]
"""The format of everything that is measured."""


class Result(NamedTuple):
    """Values in float32, and bounds in float64, in the shape of a result."""

    value: FloatArray
    bound: Float64


def replay(name: str, shape: Shape) -> Evaluation:
    """Return an exported contraction by the replay, values and bounds (method "replay")."""
    definitions = load_definitions()
    contraction = definitions.data.contractions[name]
    return evaluate_replay(
        contraction, shape.geometry.parameters(), FORMAT, shape.operands, definitions
    )


def reference(name: str, shape: Shape) -> Evaluation:
    """Return an exported contraction by the generic evaluation (method "replay-reference")."""
    data = load_definitions().data
    contraction = data.contractions[name]
    return evaluate(contraction, data.laws, shape.geometry.parameters(), FORMAT, shape.operands)


def estimates(name: str, shape: Shape) -> Estimator:
    """Return the estimator of an exported contraction."""
    definitions = load_definitions()
    contraction = definitions.data.contractions[name]
    return Estimator(contraction, shape.geometry.parameters(), shape.operands, definitions)


def any_order(name: str, shape: Shape) -> Float64:
    """Return the bound of a float32 result in any order."""
    return estimates(name, shape).any_order(Accumulation.of(FORMAT.name))


def enclosure(name: str, shape: Shape, computed: FloatArray) -> Float64:
    """Return the bound of a computed result."""
    return estimates(name, shape).enclosure(computed)


def _replay(name: str, shape: Shape) -> Result:
    replayed = replay(name, shape)
    return Result(replayed.value, replayed.bound)


def _reference(name: str, shape: Shape) -> Result:
    evaluated = reference(name, shape)
    return Result(evaluated.value, evaluated.bound)


def _any_order(name: str, shape: Shape) -> Result:
    estimated = estimates(name, shape)
    return Result(estimated.rounded(FORMAT), estimated.any_order(Accumulation.of(FORMAT.name)))


def _enclosure(name: str, shape: Shape) -> Result:
    estimated = estimates(name, shape)
    value = estimated.rounded(FORMAT)
    return Result(value, estimated.enclosure(value))


Method: TypeAlias = Callable[[str, Shape], Result]

METHODS: Mapping[str, Method] = {
    "replay": _replay,
    "replay-reference": _reference,
    "any-order": _any_order,
    "enclosure": _enclosure,
}
"""Values and bounds of an exported contraction (output, bias, weight, input), as conv2d_backward
and conv2d_forward compute them.
"""
