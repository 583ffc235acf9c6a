"""A function of two factors, and an addend: its output and all its gradients are operations.

⟨γ, f(x, y)⟩ is linear in x, in y and in the cotangent γ. So its gradient with respect to each of
the three is a function of the two others, and the gradient of such a gradient is again one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from pybridge.bounds.arguments import held
from pybridge.bounds.operation import Operation
from pybridge.errors import InputError
from pybridge.problem.computation import Arrangement, Computation
from pybridge.problem.operands import check_eps

__all__ = ["Bilinear", "Eps"]

Eps: TypeAlias = Mapping[str, float] | None
"""How far exact operands may be from the passed ones, by the caller's names."""

_COTANGENT = "grad_output"


@dataclass(frozen=True, slots=True, eq=False)
class Bilinear:
    """A function at given sizes, of factors and an addend that the caller has in other shapes.

    `results` are its computations by the role that each plays: a factor's name, the addend's, or
    `grad_output`, which stands for the output. `names` are the caller's names of these roles.
    """

    function: str
    results: Mapping[str, Computation]
    names: Mapping[str, str]

    def output(self, arrays: Mapping[str, Any], eps: Eps) -> Operation:
        """Return the output for arrays by role; `eps` is by the caller's names."""
        return self._of(_COTANGENT, arrays, self._eps(eps or {}, arrays))

    def _eps(self, eps: Mapping[str, float], arrays: Mapping[str, Any]) -> dict[str, float]:
        known = {self.names[role]: role for role in arrays}
        if not isinstance(eps, Mapping) or not set(eps) <= set(known):
            raise InputError(
                f"eps: expected numbers for some of {', '.join(known)} by name, got {eps!r:.60}"
            )
        return {known[name]: check_eps(f"eps of {name}", value) for name, value in eps.items()}

    def _of(self, role: str, arrays: Mapping[str, Any], eps: Mapping[str, float]) -> Operation:
        """Return the operation that computes one role from the arrays of the others."""
        computation = self.results[role]
        used = {name: arrays[name] for name in computation.operands if name in arrays}
        filled, whole = self._filled(computation, used)
        # A sum of a cotangent, as an addend's gradient, does not depend on the other operands.
        known = computation.multiplies or set(self.results) == {"x", _COTANGENT}
        differentiable = [name for name in used if known and name in self.results]
        return Operation(
            self.function,
            filled,
            whole,
            {name: eps[name] for name in used if name in eps and whole[name] is used[name]},
            {
                self.names[name]: partial(self._gradient, name, role, used, eps)
                for name in differentiable
            },
        )

    def _filled(
        self, computation: Computation, arrays: Mapping[str, Any]
    ) -> tuple[Computation, dict[str, Any]]:
        """Return the computation and its operands, with zeros for operands that it does not read.

        Those are arrays without entries, or all operands if the result has none.
        """
        whole, arranged = dict(arrays), dict(computation.arranged)
        for name, array in arrays.items():
            shape, expected = tuple(array.shape), computation.outer(name)
            if shape != expected:
                raise InputError(f"{self.names[name]} has shape {shape}, expected {expected}")
            if 0 in (*shape, *computation.outer_shape):
                inner = computation.shapes[name]
                whole[name] = Arrangement((0,), (0,), inner).inward(array)
                arranged[name] = Arrangement.plain(inner)
        return replace(computation, arranged=arranged), whole

    def _gradient(
        self,
        role: str,
        of: str,
        arrays: Mapping[str, Any],
        eps: Mapping[str, float],
        cotangent: Any,
        cotangent_eps: float,
    ) -> Operation:
        """Return the gradient of the role `of` with respect to `role`."""
        array = held(_COTANGENT, cotangent)
        expected = self.results[of].outer_shape
        if tuple(array.shape) != expected:
            raise InputError(f"{_COTANGENT} has shape {tuple(array.shape)}, expected {expected}")
        deviation = check_eps("eps", cotangent_eps)
        return self._of(role, {**arrays, of: array}, {**eps, of: deviation})
