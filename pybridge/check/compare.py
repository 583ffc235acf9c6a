"""Compares one case's NumPy evaluation with Lean's, and both with exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.bounds.applied import Applied
from pybridge.check.observed import Observed, Observer
from pybridge.check.problems import Kind, Method, Problem
from pybridge.check.report import CaseReport, MethodReport, TensorReport
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.coefficients import round_up
from pybridge.engine.reference import Evaluation
from pybridge.exported.document import Definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.lean.protocol import CaseResult, TensorResult
from pybridge.problem.case import Case
from pybridge.problem.computation import computation_of
from pybridge.problem.formats import FloatFormat
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.exact import exact_results

__all__ = [
    "EXCESS",
    "REPLAY_EXCESS",
    "Fast",
    "check_case",
    "fast_evaluations",
    "sign_patterns",
]

Fast: TypeAlias = Mapping[Method, Evaluation]
"""A result by each of the fast methods."""

EXCESS = Fraction(1, 10**12)
"""The relative excess of a bound over Lean's exact one that outward rounding may cause.

A term is added in two roundings upward, each by 2⁻⁵² at most: this is for 2000 terms.
"""

REPLAY_EXCESS = Fraction(1, 20)
"""How far the fast replay's bound may be above Lean's exact one, relative to it."""

_RANDOM_PATTERNS = 2


def check_case(
    case: Case,
    lean: CaseResult | None,
    definitions: Definitions,
    seed: int,
    observe: Observer | None = None,
    fast: Mapping[str, Fast] | None = None,
) -> CaseReport:
    """Return the report on a case: for each result, values, bounds, exact values and true errors.

    `lean` is Lean's result, None if Lean gave none. `seed` determines the random sign patterns of
    perturbed operands. `observe` is called with each result that was compared. With `fast`, the
    evaluations of some results by the fast methods, only these results are compared.
    """
    report = CaseReport.of(case)
    if lean is None:
        return report.with_problem("no-answer")
    if lean.refused is not None:
        return report.with_problem("refused", lean.refused)
    parameters = case.geometry.parameters()
    operation = definitions.data.operations.get(case.geometry.operation)
    sizes = () if operation is None else tuple(parameters[name] for name in operation.parameters)
    if lean.sizes != sizes:
        got, expected = (" ".join(map(str, numbers)) for numbers in (lean.sizes, sizes))
        return report.with_problem("output-size", f"sizes {got}, expected {expected}")
    try:
        applied = {
            name: Applied(computation_of(case.geometry, name, definitions), case.operands)
            for name in case.geometry.results
        }
        evaluations = {name: a.evaluate(case.float_format) for name, a in applied.items()}
    except DefinitionsError as error:
        return report.with_problem("definitions", str(error))
    exact = list(_exact(case, seed))
    tensors: dict[str, TensorReport] = {}
    for name in applied if fast is None else fast:
        answer = lean.tensors.get(name)
        shape = evaluations[name].value.shape
        if answer is None or len(answer.value) != math.prod(shape):
            return report.with_problem(
                "entry-count",
                f"{'no' if answer is None else len(answer.value)} entries of {name}, "
                f"expected {math.prod(shape)}",
            )
        references = {pattern: results[name] for pattern, results in exact if name in results}
        if observe is not None:
            observe(Observed.of(case, name, evaluations[name], answer, references))
        reference = _check_tensor(
            name,
            evaluations[name],
            answer,
            references,
            max(EXCESS, Fraction(applied[name].computation.terms, 2**51)),
            infinite=_may_be_infinite(case, name),
        )
        methods = fast_evaluations(applied[name], case.float_format) if fast is None else fast[name]
        others = _check_methods(case, name, evaluations[name], answer, references, methods)
        tensors[name] = reference.with_methods(*others)
    return report.with_tensors(tensors)


def fast_evaluations(applied: Applied, format: FloatFormat) -> Fast:
    """Return a result by the fast methods: values, bounds, and which entries overflowed."""
    estimates = applied.estimator()
    value = estimates.rounded(format)
    finite = np.isfinite(value)
    held = np.where(finite, value, np.zeros((), value.dtype))
    any_order = estimates.any_order(Accumulation.of(format.name))
    return {
        "replay": applied.evaluate(format, fast=True),
        "any-order": Evaluation(held, any_order, ~finite),
        "enclosure": Evaluation(held, applied.enclosure(held).bound, ~finite),
    }


def _check_methods(
    case: Case,
    name: str,
    reference: Evaluation,
    lean: TensorResult,
    exact: Mapping[str, Sequence[Fraction]],
    fast: Fast,
) -> tuple[dict[str, MethodReport], tuple[Problem, ...]]:
    """Compare the fast replay with the reference and Lean, and all fast methods with the truth."""
    reports: dict[str, MethodReport] = {}
    problems: list[Problem] = []

    def add(method: Method, computed: Evaluation, excess: float | None) -> None:
        sound = np.flatnonzero(~computed.overflow.ravel()).tolist()
        values = computed.value.astype(np.float64).ravel().tolist()
        entries = computed.bound.ravel().tolist()
        ratio = 0.0
        beyond: set[int] = set()
        for truth in exact.values():
            for i in sound:
                error = abs(truth[i] - Fraction(values[i]))
                if not error <= entries[i]:
                    beyond.add(i)
                if error and math.isfinite(entries[i]):
                    ratio = max(ratio, _quotient(error, Fraction(entries[i])))
        if beyond:
            shape = computed.value.shape
            problems.append(
                Problem.at("error-beyond-bound", sorted(beyond), shape, result=name, method=method)
            )
        linf = max((entries[i] for i in sound), default=0.0)
        reports[method] = MethodReport(bound_linf=linf.hex(), excess=excess, error_ratio=ratio)

    infinite = _may_be_infinite(case, name)
    excess, unlike = _check_replay(name, fast["replay"], reference, lean, infinite=infinite)
    problems += unlike
    for method, computed in fast.items():
        add(method, computed, excess if method == "replay" else None)
    return reports, tuple(problems)


def _may_be_infinite(case: Case, name: str) -> bool:
    """Return whether a result reads an operand whose magnitude plus its eps is beyond float64.

    Then a bound may be infinite although the exact one is finite.
    """
    return any(
        operand.eps
        and math.isinf(round_up(Fraction(float(abs(operand.value).max())) + Fraction(operand.eps)))
        for operand in (case.operands[key] for key in case.geometry.results[name])
    )


def _check_replay(
    name: str, replayed: Evaluation, reference: Evaluation, lean: TensorResult, *, infinite: bool
) -> tuple[float, list[Problem]]:
    """Return the excess of the replay's bounds over Lean's exact ones, and all problems."""
    sound = np.flatnonzero(~reference.overflow.ravel()).tolist()
    bounds = replayed.bound.ravel().tolist()
    kind = np.dtype(f"u{reference.value.itemsize}")
    same, expected = (r.value.reshape(-1).view(kind).tolist() for r in (replayed, reference))
    differing = [i for i in sound if same[i] != expected[i]]
    problems: dict[Kind, list[int]] = {
        "overflow": np.flatnonzero((replayed.overflow != reference.overflow).ravel()).tolist(),
        "value": differing,
        **_wrong_bounds(bounds, lean.bound, sound, REPLAY_EXCESS, infinite=infinite),
    }
    shape = reference.value.shape
    unlike = [
        Problem.at(kind, positions, shape, result=name, method="replay")
        for kind, positions in problems.items()
        if positions
    ]
    return max((_excess(bounds[i], lean.bound[i]) for i in sound), default=0.0), unlike


def _wrong_bounds(
    bounds: Sequence[float],
    exact: Sequence[Fraction],
    sound: Sequence[int],
    largest_excess: Fraction,
    *,
    infinite: bool,
) -> dict[Kind, list[int]]:
    """Return the positions of bounds that are below the exact ones, or too far above them."""
    return {
        "bound-below": [i for i in sound if not bounds[i] >= exact[i]],
        "bound-above": [
            i
            for i in sound
            if bounds[i] > round_up(exact[i] * (1 + largest_excess))
            and not (infinite and math.isinf(bounds[i]))
        ],
    }


def _check_tensor(
    name: str,
    evaluation: Evaluation,
    lean: TensorResult,
    exact: Mapping[str, Sequence[Fraction]],
    largest_excess: Fraction,
    *,
    infinite: bool,
) -> TensorReport:
    shape = evaluation.value.shape
    values = evaluation.value.astype(np.float64).ravel().tolist()
    bounds = evaluation.bound.ravel().tolist()
    overflow = evaluation.overflow.ravel().tolist()
    lean_overflow = [value is None for value in lean.value]
    sound = [i for i in range(len(values)) if not (overflow[i] or lean_overflow[i])]
    unlike: dict[Kind, list[int]] = {
        "overflow": [i for i in range(len(values)) if overflow[i] != lean_overflow[i]],
        "value": [i for i in sound if not _same(values[i], lean.value[i])],
        **_wrong_bounds(bounds, lean.bound, sound, largest_excess, infinite=infinite),
        "exact-value": [i for i, entry in enumerate(exact["given"]) if entry != lean.exact[i]],
    }
    problems = [
        Problem.at(kind, positions, shape, result=name)
        for kind, positions in unlike.items()
        if positions
    ]
    ratio, where = 0.0, ""
    for pattern, entries in exact.items():
        beyond = []
        for i in sound:
            error = abs(entries[i] - Fraction(values[i]))
            if error > lean.bound[i] or not error <= bounds[i]:
                beyond.append(i)
            if error and (quotient := _quotient(error, lean.bound[i])) > ratio:
                ratio, where = quotient, pattern
        if beyond:
            problems.append(
                Problem.at("error-beyond-bound", beyond, shape, result=name, detail=pattern)
            )
    return TensorReport(
        shape=shape,
        overflowed=sum(overflow),
        bound_linf=max((bounds[i] for i in sound), default=0.0).hex(),
        excess=max((_excess(bounds[i], lean.bound[i]) for i in sound), default=0.0),
        error_ratio=ratio,
        error_ratio_operands=where,
        patterns=tuple(exact),
        problems=tuple(problems),
    )


def _same(value: float, lean: Fraction | None) -> bool:
    return value == lean and not (value == 0 and math.copysign(1, value) < 0)


def _excess(bound: float, exact: Fraction) -> float:
    """Return the relative excess of a bound over the exact one, beyond rounding it to float64."""
    if bound <= round_up(exact):
        return 0.0
    return _quotient(Fraction(bound) - exact, exact) if math.isfinite(bound) else math.inf


def _quotient(a: Fraction, b: Fraction) -> float:
    try:
        return float(a / b)
    except (ZeroDivisionError, OverflowError):
        return math.inf


def sign_patterns(
    case: Case, seed: int
) -> Iterator[tuple[str, dict[str, npt.NDArray[np.float64]]]]:
    """Yield named signs (−1, 0 or 1) of each operand's perturbations by its eps.

    `given` leaves the operands as they are. If an eps is not zero, `plus`, `minus`, `outward`
    (magnitudes grow), `inward` and random patterns follow.
    """
    arrays = {name: value.astype(np.float64) for name, value in case.values.items()}
    yield "given", {name: np.zeros(array.shape) for name, array in arrays.items()}
    if not any(case.eps.values()):
        return
    yield "plus", {name: np.ones(array.shape) for name, array in arrays.items()}
    yield "minus", {name: -np.ones(array.shape) for name, array in arrays.items()}
    outward = {name: np.where(array < 0, -1.0, 1.0) for name, array in arrays.items()}
    yield "outward", outward
    yield "inward", {name: -signs for name, signs in outward.items()}
    for k in range(_RANDOM_PATTERNS):
        rng = Random(f"{seed} {case.name} {k}")
        yield (
            f"random-{k + 1}",
            {
                name: np.array(
                    [1.0 if rng.getrandbits(1) else -1.0 for _ in range(array.size)]
                ).reshape(array.shape)
                for name, array in arrays.items()
            },
        )


def _exact(case: Case, seed: int) -> Iterator[tuple[str, dict[str, list[Fraction]]]]:
    """Yield each sign pattern, and the exact results that read an operand moved by it."""
    operands = {name: Dyadic.of(value) for name, value in case.values.items()}
    moved = {name: eps for name, eps in case.eps.items() if eps}
    for pattern, signs in sign_patterns(case, seed):
        shifted = {
            name: operands[name] + Dyadic.of(signs[name] * eps)
            for name, eps in moved.items()
            if pattern != "given"
        }
        names = [
            name
            for name, read in case.geometry.results.items()
            if pattern == "given" or moved.keys() & set(read)
        ]
        results = exact_results(case.geometry, operands | shifted, names)
        yield pattern, {name: result.fractions() for name, result in results.items()}
