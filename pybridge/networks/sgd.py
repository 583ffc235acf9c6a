"""One step of stochastic gradient descent: bounds of the updated parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pybridge.bounds.computed import Bounded
from pybridge.bounds.theorems import theorem
from pybridge.engine.elementwise import Pairs
from pybridge.errors import InputError
from pybridge.networks.arithmetic import Arithmetic
from pybridge.networks.network import Eps, Network, NetworkBounds, around, bounded, eps_by_name

__all__ = ["SgdStep", "sgd_step"]


@dataclass(frozen=True, slots=True, eq=False)
class SgdStep:
    """The updated parameters and momenta by name, with their bounds."""

    parameters: Mapping[str, Bounded]
    momenta: Mapping[str, Bounded]


def sgd_step(
    network: Network,
    bounds: NetworkBounds,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    momenta: Mapping[str, Bounded] | None = None,
    eps_parameters: Mapping[str, Eps] | float = 0.0,
    computed: Mapping[str, npt.ArrayLike] | None = None,
    computed_momenta: Mapping[str, npt.ArrayLike] | None = None,
) -> SgdStep:
    """Return the parameters after a step of `torch.optim.SGD`, and bounds of their errors.

    The gradients come from `bounds`; `momenta` are the results of the previous step, None at the
    first one; `eps_parameters` is the argument of `Network.bound`. The bounds are against an exact
    step on exact gradients (Lean: `Sgd.step_encloses`). They are bounds of the values that a
    machine `computed`, by name (`computed_momenta`: its momenta), or by default of the results in
    binary64, rounded. Raises `InputError` if arguments do not fit, and `RoundingOverflowError` if a
    parameter overflows.
    """
    for name, number in {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}.items():
        if not 0 <= number < np.inf:
            raise InputError(f"{name}: expected a finite number that is not negative, got {number}")
    if nesterov and (momentum == 0 or dampening != 0):
        raise InputError("nesterov: expected a momentum that is not zero, and no dampening")
    arithmetic = Arithmetic.of("binary64", "any")
    eps = eps_by_name(network.tensors, eps_parameters)
    parameters: dict[str, Bounded] = {}
    moved: dict[str, Bounded] = {}

    def scaled(number: float | Fraction, pairs: Pairs) -> Pairs:
        return arithmetic.law("mul", x=arithmetic.number(number), y=pairs)

    for tensor in network.tensors:
        if tensor.constant:
            continue
        name = tensor.name
        parameter = _wide(tensor.value, eps[name])
        of_parameter = bounds.gradients[name]
        gradient = _wide(of_parameter.value, of_parameter.bound)
        decayed = arithmetic.law("add", x=gradient, y=scaled(weight_decay, parameter))
        update = buffer = decayed
        if momentum and momenta is not None:
            before = scaled(momentum, _wide(momenta[name].value, momenta[name].bound))
            part = scaled(1 - Fraction(dampening), decayed)
            update = buffer = arithmetic.law("add", x=before, y=part)
        if nesterov:
            update = arithmetic.law("add", x=decayed, y=scaled(momentum, buffer))
        after = arithmetic.law("add", x=parameter, y=scaled(-lr, update))
        theorems = (theorem("Sgd.step_encloses"), *of_parameter.theorems)
        for results, pairs, values in (
            (parameters, after, None if computed is None else computed[name]),
            (moved, buffer, None if computed_momenta is None else computed_momenta[name]),
        ):
            with np.errstate(all="ignore"):
                rounded = pairs.value.astype(network.format.dtype) if values is None else values
            updated = around(f"the updated {name}", rounded, pairs, network.format)
            results[name] = bounded(f"the updated {name}", updated, theorems)
    return SgdStep(parameters, moved)


def _wide(value: npt.ArrayLike, eps: npt.ArrayLike) -> Pairs:
    return Pairs(np.asarray(value).astype(np.float64), np.asarray(eps, np.float64))
