"""Rounding of float64 arrays to any binary format, exactly, to nearest even or toward zero.

Lean: `Format.round`, `Format.truncate`. Casts between dtypes are not used: some go through a format
in between, and none truncates.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.exported.document import FormatParameters

__all__ = ["Direction", "holds", "largest", "least_normal", "midpoints", "round_to"]

Float64: TypeAlias = npt.NDArray[np.float64]
Direction: TypeAlias = Literal["nearest", "toward-zero"]


def round_to(
    values: npt.NDArray[Any], format: FormatParameters, direction: Direction = "nearest"
) -> Float64:
    """Return the values, which float64 holds, rounded to a format; infinite where they overflow it.

    Toward zero, what is beyond the largest number becomes that number.
    """
    wide = values.astype(np.float64)
    if format.precision >= 53:
        return wide
    with np.errstate(all="ignore"):
        scaled, shift = _in_ulps(wide, format)
        units = np.rint(scaled) if direction == "nearest" else np.trunc(scaled)
        rounded = np.ldexp(units, -shift)
        most = largest(format)
        over = np.abs(rounded) > most
        limit = np.inf if direction == "nearest" else most
        return np.where(over, np.copysign(limit, rounded), rounded)


def midpoints(values: npt.NDArray[Any], format: FormatParameters) -> npt.NDArray[np.bool_]:
    """Return where a value is a tie: as near one number of the format as another."""
    with np.errstate(all="ignore"):
        scaled, _ = _in_ulps(values.astype(np.float64), format)
        tied: npt.NDArray[np.bool_] = np.abs(scaled - np.trunc(scaled)) == 0.5
        return tied


def holds(wide: FormatParameters, narrow: FormatParameters) -> bool:
    """Return whether a format holds every value of another."""
    return (
        wide.precision >= narrow.precision
        and largest(wide) >= largest(narrow)
        and wide.min_exponent - wide.precision <= narrow.min_exponent - narrow.precision
    )


def least_normal(format: FormatParameters) -> float:
    """Return the least normal number of a format."""
    return 2.0**format.min_exponent


def largest(format: FormatParameters) -> float:
    """Return the largest finite number of a format (Lean: `Format.Narrow.largest`)."""
    unit = 2.0 ** (1 - format.precision)
    return float(2.0**format.max_exponent * (2 - (1 + format.reserved) * unit))


def _in_ulps(wide: Float64, format: FormatParameters) -> tuple[Float64, npt.NDArray[np.intc]]:
    """Return the values in units of the format's spacing there, and log₂ of the factor that scaled
    them.
    """
    _, exponents = np.frexp(wide)
    shift = format.precision - np.maximum(exponents, format.min_exponent + 1)
    return np.ldexp(wide, shift), shift
