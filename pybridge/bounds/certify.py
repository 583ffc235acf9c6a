"""Proved bounds for gradients and outputs that something else computed, such as PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.scaled import divided_up
from pybridge.bounds.theorems import Theorem, proofs
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.estimator import require_finite
from pybridge.engine.upward import Float64
from pybridge.errors import InputError

__all__ = ["Method", "ProvedBound", "certify"]

Method: TypeAlias = Literal["enclosure", "any-order"]


@dataclass(frozen=True, slots=True, eq=False)
class ProvedBound:
    """How far each entry of an array may be from the exact one, and what proves it.

    `bound` is float64 and has the array's shape. `theorem` is the Lean theorem whose conclusion it
    is; `theorems` also has the theorems that state the assumptions about a kernel. Each has a name,
    a file and a line.
    """

    bound: Float64
    method: Method
    theorems: tuple[Theorem, ...]

    @property
    def theorem(self) -> Theorem:
        """The theorem whose conclusion the bound is."""
        return self.theorems[0]

    @property
    def bound_linf(self) -> float:
        """The largest bound of an entry."""
        return float(self.bound.max(initial=0.0))


@np.errstate(all="ignore")
def certify(
    returned: KernelResult, method: Method, accumulation: Accumulation | None
) -> ProvedBound:
    """Return the proved bound of a kernel's result by a method: see `certify_gradient`."""
    if not isinstance(method, str) or method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise InputError(f"method: expected one of {known}, got {method!r:.60}")
    if method == "enclosure":
        if accumulation is not None:
            raise InputError("accumulation: the method enclosure assumes none, expected None")
        bound, proved = returned.applied.enclosure(returned.values, returned.rest)
        theorems = proofs(returned.computation, proved)
    else:
        promise = returned.promise(accumulation)
        bound = returned.estimator(returned.unrounded(promise)).any_order(promise)
        theorems = proofs(returned.computation, method, promise)
    require_finite(f"the bound of {returned.computation.words}", bound)
    bound = returned.computation.outward(divided_up(bound, returned.computation.unit))
    return ProvedBound(np.asarray(bound), method, theorems)
