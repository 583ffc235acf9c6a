"""Some entries of a large case, each as a small case that Lean evaluates in its stead.

An entry of any result is a sum of terms, and an addend. A product of two rows, or the sum of a
window, has the same terms in the same order, as the textbook reads them from the operands. So Lean
evaluates what it would for the whole case, at the cost of the entry.
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

__whole_ = ["Entry", "sample"]

_ONE = Window(size=1, kernel=1)
_PADDING = Window(size=1, kernel=1, stride=2, pad_begin=1)
"""One position, which reads only padding: no term."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An entry of a result: a case of which it is the only one, and the whole case's `fast` ones.

    `fast` holds the evaluations of the whole case by the fast methods, at this entry.
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
        for place in sorted(rng.sample(range(size), min(count, size))):
            index = tuple(int(i) for i in np.unravel_index(place, shape))
            alone, result = _alone(case, applied.computation, index)
            single = alone.geometry.result_shapes[result]
            fast = {method: _at(e, place, single) for method, e in evaluations.items()}
            yield Entry(alone, result, fast)


def _at(whole: Evaluation, place: int, shape: tuple[int, ...]) -> Evaluation:
    """Return one entry of an evaluation, with a shape of size one."""
    parts = (
        part.ravel()[place].reshape(shape) for part in (whole.value, whole.bound, whole.overflow)
    )
    return Evaluation(*parts)


def _alone(case: Case, what: Computation, index: tuple[int, ...]) -> tuple[Case, str]:
    """Return a case with the entry as its only one of a result, and the result's name."""
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
