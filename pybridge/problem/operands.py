"""An operand: its values, and how far the exact ones may be from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from pybridge.errors import InputError, InputTypeError

__all__ = ["Operand", "check_eps"]


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """An operand: C-contiguous values of the format, and how far exact entries may be from them.

    The values are a NumPy array, or a PyTorch tensor that is computed with where it is.
    """

    value: Any
    eps: float = 0.0


def check_eps(name: str, eps: object) -> float:
    """Return `eps` as a float.

    Raises `InputTypeError` if it is not a real number, and `InputError` if it is negative, nan or
    infinite, or if float64 does not hold it.
    """
    if isinstance(eps, bool | np.bool_) or not isinstance(eps, Real):
        raise InputTypeError(f"{name}: expected a non-negative number, got {eps!r:.60}")
    try:
        value = float(eps)
    except OverflowError:
        value = math.inf
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}: expected a finite non-negative number, got {eps!r:.60}")
    if value != eps:
        raise InputError(f"{name}: expected a number that float64 holds exactly, got {eps!r:.60}")
    return value
