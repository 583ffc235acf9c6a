"""Calls the public functions of the package with a problem's operands."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

import pybridge
from bench.studies.adversary.problem import Problem
from bench.studies.adversary.promise import Promise
from pybridge import ops, testing

__all__ = ["Accumulation", "Array", "accumulation_of", "bounded", "certify", "compare", "passes"]
__all__ += ["tolerance"]

Array = npt.NDArray[Any]
Accumulation = testing.Accumulation


def accumulation_of(promise: Promise, *, output: bool) -> Accumulation:
    """Return a promise as the package's object, with or without the format of the result."""
    return Accumulation(**promise.keywords(output=output))


def certify(
    problem: Problem, array: Array, method: Any, accumulation: Accumulation | None
) -> pybridge.ProvedBound:
    """Call `certify`, `certify_gradient` or `certify_output`."""
    eps: dict[str, Any] = {f"eps_{name}": value for name, value in problem.eps.items()}
    keywords: dict[str, Any] = {"method": method, "accumulation": accumulation}
    if not _has_functions(problem):
        return _operation(problem).certify(array, **keywords)
    if problem.which == "output":
        return pybridge.certify_output(array, **_operands(problem), **keywords, **eps)
    operands = _operands(problem)
    return pybridge.certify_gradient(array, which=problem.which, **operands, **keywords, **eps)


def compare(
    problem: Problem, array: Array, accumulation: Accumulation | None
) -> testing.Comparison:
    """Call `compare`, `compare_gradient` or `compare_output`."""
    if not _has_functions(problem):
        return testing.compare(array, _operation(problem, eps=False), accumulation=accumulation)
    keywords = {"accumulation": accumulation, **_operands(problem)}
    if problem.which == "output":
        return testing.compare_output(array, **keywords)
    return testing.compare_gradient(array, which=problem.which, **keywords)


def passes(problem: Problem, array: Array, accumulation: Accumulation | None) -> bool:
    """Return whether `assert_close`, `assert_gradient_close` or `assert_output_close` passes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", testing.PowerWarning)
            if not _has_functions(problem):
                operation = _operation(problem, eps=False)
                testing.assert_close(array, operation, accumulation=accumulation)
                return True
            keywords = {"accumulation": accumulation, **_operands(problem)}
            if problem.which == "output":
                testing.assert_output_close(array, **keywords)
            else:
                testing.assert_gradient_close(array, which=problem.which, **keywords)
    except AssertionError:
        return False
    return True


def bounded(problem: Problem, method: Any, format: str) -> pybridge.Bounded:
    """Call `compute`, `conv2d_forward` or `conv2d_backward`, and return the result."""
    if not _has_functions(problem):
        return _operation(problem).compute(method=method, format=format)
    keywords: dict[str, Any] = {"method": method, "format": format}
    keywords |= {f"eps_{name}": value for name, value in problem.eps.items()}
    if problem.which == "output":
        return pybridge.conv2d_forward(**_operands(problem), **keywords)
    x, weight, grad_output = (problem.arrays[name] for name in ("x", "weight", "grad_output"))
    keywords |= problem.shapes.keywords
    both = pybridge.conv2d_backward(x, weight, grad_output, **keywords)
    result: pybridge.Bounded = getattr(both, problem.which)
    return result


def tolerance(problem: Problem, accumulation: Accumulation) -> testing.Tolerance:
    """Return the tolerance of operands as large as a problem's."""
    if not _has_functions(problem):
        return _operation(problem, eps=False).tolerance(accumulation=accumulation)
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


def _has_functions(problem: Problem) -> bool:
    """Return whether conv2d's own functions are called instead of those of operations."""
    return problem.shapes.function == "conv2d" and problem.units[problem.names[-1]] % 2 == 0


def _operation(problem: Problem, *, eps: bool = True) -> ops.Operation:
    """Return the operation of `pybridge.ops`, or a gradient of it."""
    shapes, arrays = problem.shapes, problem.arrays
    names = {**shapes.names, "grad_output": "grad_output"}
    off = {names[name]: value for name, value in problem.eps.items() if eps}
    deviations = {name: value for name, value in off.items() if name != "grad_output"}
    factors = [arrays["x"], arrays["weight"]]
    bias = [arrays["bias"]] if "bias" in arrays and "bias" in shapes.names else []
    if shapes.names.get("bias") == "input" and shapes.function in ("addmm", "baddbmm"):
        arguments = [arrays["bias"], *factors]
    elif shapes.function == "einsum":
        arguments = [shapes.keywords["equation"], *factors]
    else:
        arguments = [*factors, *bias]
    keywords = {name: value for name, value in shapes.keywords.items() if name != "equation"}
    operation: ops.Operation = getattr(ops, shapes.function)(*arguments, **keywords, eps=deviations)
    if problem.which == "output":
        return operation
    role = {"input": "x"}.get(problem.which, problem.which)
    return operation.grad(names[role], arrays["grad_output"], eps=off.get("grad_output", 0.0))


def _operands(problem: Problem) -> dict[str, Any]:
    """Return operands and parameters, with None for what the result does not depend on."""
    names = ("x", "weight", "bias" if problem.which == "output" else "grad_output")
    used = {name: problem.arrays[name] if name in problem.used else None for name in names}
    return {**used, **problem.shapes.keywords}
