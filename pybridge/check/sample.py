"""Samples entries of a large case, and writes each as a small case for Lean.

An entry of any result is a sum of terms, and an addend. A product of two rows, or the sum of a
window, has the same terms in the same order; `truth` reads them from the operands. So Lean computes
what it would for the whole case, at the cost of one entry.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np

from pybridge.bounds.applied import Applied
from pybridge.check.compare import Fast, fast_evaluations
from pybridge.engine.reference import Evaluation
from pybridge.exported.document import Definitions
from pybridge.problem.case import Case
from pybridge.problem.computation import Computation, computation_of
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Pooling, Product, Shape
from pybridge.truth.exact import entry_terms

__all__ = ["Entry", "sample"]

_ONE = Window(size=1, kernel=1)
_PADDING = Window(size=1, kernel=1, stride=2, pad_begin=1)
"""One position, which reads only padding: no term."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An entry of a result, as the only entry of a case's result `which`.

    `fast` has the fast methods' evaluations of the whole case, at this entry.
    """

    case: Case
    which: str
    fast: Fast


def sample(case: Case, count: int, seed: int, definitions: Definitions) -> Iterator[Entry]:
    """Yield `count` entries of each result, or all that it has, drawn by the seed."""
    for which in case.geometry.results:
        applied = Applied(computation_of(case.geometry, which, definitions), case.operands)
        evaluations = fast_evaluations(applied, case.float_format)
        shape = applied.computation.shape
        size = math.prod(shape)
        rng = Random(f"{seed} {case.name} {which}")
        for position in sorted(rng.sample(range(size), min(count, size))):
            index = tuple(int(i) for i in np.unravel_index(position, shape))
            alone, result = _alone(case, applied.computation, index)
            single = alone.geometry.result_shapes[result]
            fast = {method: _at(e, position, single) for method, e in evaluations.items()}
            yield Entry(alone, result, fast)


def _at(whole: Evaluation, position: int, shape: tuple[int, ...]) -> Evaluation:
    """Return one entry of an evaluation, with a shape of size one."""
    arrays = whole.value, whole.bound, whole.overflow
    return Evaluation(*(array.ravel()[position].reshape(shape) for array in arrays))


def _alone(case: Case, what: Computation, index: tuple[int, ...]) -> tuple[Case, str]:
    """Return a case one of whose results has only this entry, and the result's name."""
    factors, added = entry_terms(what.name, case.geometry, case.values, index)
    first, *second = (Operand(factors[name], case.operands[name].eps) for name in what.factors)
    addend = [
        Operand(np.array([v], first.value.dtype), case.operands[name].eps)
        for name, v in added.items()
    ]
    terms = first.value.size
    shape: Shape
    if not terms and addend:
        shape, result, own = Geometry(windows=(_PADDING,)), "output", {"bias": addend[0]}
    elif not terms or not second:
        window = Window(size=terms, kernel=terms) if terms else _PADDING
        shape, result = Pooling(windows=(_ONE, window)), "output"
        own = {"x": first} if terms else {}
    elif addend:
        shape, result = Product(K=terms), "output"
        own = {"x": first, "y": second[0], "addend": addend[0]}
    else:
        shape, result, own = Product(N=terms), "x", {"y": first, "grad_output": second[0]}
    nothing = Operand(np.zeros(1, first.value.dtype), 0.0)
    operands = {}
    for name, sizes in shape.shapes.items():
        operand = own.get(name, nothing)
        operands[name] = Operand(np.resize(operand.value, sizes), operand.eps)
    ending = f":{what.name}.{'.'.join(map(str, index))}"
    label = case.label[: 100 - len(ending)] + ending
    return Case(label=label, geometry=shape, format=case.format, operands=operands), result
