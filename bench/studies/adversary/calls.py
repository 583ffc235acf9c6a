"""The public functions of the package, with a problem's operands."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

import pybridge
from bench.studies.adversary.problem import Problem
from bench.studies.adversary.promise import Promise
from pybridge import testing

__all__ = ["Accumulation", "Array", "accumulation_of", "bounded", "certify", "compare", "passes"]
__all__ += ["tolerance"]

Array = npt.NDArray[Any]
Accumulation = testing.Accumulation


def accumulation_of(promise: Promise, *, output: bool) -> Accumulation:
    """A promise as the package has it; with `output`, the format of the result is said."""
    return Accumulation(**promise.keywords(output=output))


def certify(
    problem: Problem, array: Array, method: str, accumulation: Accumulation | None
) -> pybridge.ProvedBound:
    """What `certify_gradient` or `certify_output` returns."""
    eps = {f"eps_{name}": value for name, value in problem.eps.items()}
    keywords: dict[str, Any] = {"method": method, "accumulation": accumulation, **eps}
    if problem.which == "output":
        return pybridge.certify_output(array, **_operands(problem), **keywords)
    return pybridge.certify_gradient(array, which=problem.which, **_operands(problem), **keywords)


def compare(
    problem: Problem, array: Array, accumulation: Accumulation | None
) -> testing.Comparison:
    """What `compare_gradient` or `compare_output` returns."""
    given = {"accumulation": accumulation, **_operands(problem)}
    if problem.which == "output":
        return testing.compare_output(array, **given)
    return testing.compare_gradient(array, which=problem.which, **given)


def passes(problem: Problem, array: Array, accumulation: Accumulation | None) -> bool:
    """Whether `assert_gradient_close` or `assert_output_close` passes."""
    given = {"accumulation": accumulation, **_operands(problem)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", testing.PowerWarning)
            if problem.which == "output":
                testing.assert_output_close(array, **given)
            else:
                testing.assert_gradient_close(array, which=problem.which, **given)
    except AssertionError:
        return False
    return True


def bounded(problem: Problem, method: Any, format: str) -> pybridge.Bounded:
    """What `conv2d_forward` or `conv2d_backward` returns of a result."""
    keywords: dict[str, Any] = {"method": method, "format": format}
    keywords |= {f"eps_{name}": value for name, value in problem.eps.items()}
    if problem.which == "output":
        return pybridge.conv2d_forward(**_operands(problem), **keywords)
    x, weight, grad_output = (problem.arrays[name] for name in ("x", "weight", "grad_output"))
    keywords |= problem.shapes.keywords
    found = pybridge.conv2d_backward(x, weight, grad_output, **keywords)
    result: pybridge.Bounded = getattr(found, problem.which)
    return result


def tolerance(problem: Problem, accumulation: Accumulation) -> testing.Tolerance:
    """The tolerance of operands as large as a problem's."""
    sizes: dict[str, Any] = {
        "max_" + name: float(np.abs(problem.arrays[name].astype(np.float64)).max())
        for name in problem.used
    }
    return testing.tolerance(
        problem.shapes.shape("x"),
        problem.shapes.shape("weight"),
        which=problem.which,
        accumulation=accumulation,
        **sizes,
        **problem.shapes.keywords,
    )


def _operands(problem: Problem) -> dict[str, Any]:
    """Operands and parameters; what a result does not depend on is None."""
    names = ("x", "weight", "bias" if problem.which == "output" else "grad_output")
    given = {name: problem.arrays[name] if name in problem.used else None for name in names}
    return {**given, **problem.shapes.keywords}
