"""Numbers in blocks with a common scale: MXFP8, MXFP6, MXFP4 and NVFP4.

Sources: OCP Microscaling Formats (MX) Specification, version 1.0; for NVFP4, the PTX ISA
(`mxf4nvf4`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pybridge.errors import InputError, InputTypeError
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import FloatArray, is_floating

__all__ = ["BLOCK_FORMATS", "E2M1", "BlockFormat", "block_scaled"]

_SIZES = {"float8_e8m0fnu": 32, "float8_e4m3fn": 16}
"""How many numbers share a scale of each dtype."""


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """Numbers of a format of `elements`, in blocks that share a scale of the dtype `scale`.

    float8_e8m0fnu holds the powers of two from 2⁻¹²⁷ to 2¹²⁷, float8_e4m3fn is used without sign.
    """

    elements: tuple[str, ...]
    scale: str = "float8_e8m0fnu"

    @property
    def block(self) -> int:
        """How many numbers share a scale."""
        return _SIZES[self.scale]


E2M1 = "float4_e2m1fn"
_EIGHT = ("float8_e4m3fn", "float8_e5m2")
_SIX = ("float6_e2m3fn", "float6_e3m2fn")

BLOCK_FORMATS: Mapping[str, BlockFormat] = {
    "mxfp8_e4m3": BlockFormat(_EIGHT[:1]),
    "mxfp8_e5m2": BlockFormat(_EIGHT[1:]),
    "mxfp6_e2m3": BlockFormat(_SIX[:1]),
    "mxfp6_e3m2": BlockFormat(_SIX[1:]),
    "mxfp4": BlockFormat((E2M1,)),
    "nvfp4": BlockFormat((E2M1,), "float8_e4m3fn"),
    "mxfp": BlockFormat((*_EIGHT, *_SIX, E2M1)),
}
"""By name; mxfp is any of the formats whose scales are powers of two, for products of two of
them.
"""


def block_scaled(values: Any, scales: Any, *, axis: int) -> FloatArray:
    """Return the numbers that block-scaled values stand for: each value times its block's scale.

    `scales` has the shape of `values`, but along `axis` one entry for each block: of 32 values if
    the scales are float8_e8m0fnu (MXFP8, MXFP6, MXFP4), of 16 if they are float8_e4m3fn (NVFP4).
    The last block may be shorter. Values have a dtype of at most 32 bits, one number per entry,
    such as float8_e4m3fn, or float4_e2m1fn of `ml_dtypes`.

    The promise of a matrix unit holds for numbers with blocks along an axis that is summed over. An
    assertion refuses other numbers, but cannot know which axis was meant: numbers that were scaled
    along another axis may have such blocks, too, most often in float8_e5m2, whose range is wide.

    The result is exact: in float32, or in float64 if float32 does not hold it. Raises
    `InputTypeError` for other dtypes and `InputError` for shapes that do not fit and for scales
    that are negative or nan.
    """
    if str(getattr(values, "dtype", "")).endswith("_x2"):
        raise InputTypeError(
            f"values: {values.dtype} packs two numbers in an entry, expected one, as the dtype "
            "float4_e2m1fn of ml_dtypes"
        )
    array, factors = to_numpy("values", values), to_numpy("scales", scales)
    size = _SIZES.get(factors.dtype.name)
    if size is None:
        raise InputTypeError(
            f"scales: expected one of {', '.join(_SIZES)}, got {factors.dtype.name}"
        )
    if array.dtype.itemsize > 4 or not is_floating(array.dtype):
        raise InputTypeError(f"values: expected floats of at most 32 bits, got {array.dtype.name}")
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        raise InputTypeError(f"axis: expected an integer, got {axis!r:.60}")
    if not -array.ndim <= axis < array.ndim:
        raise InputError(f"axis: {axis} is none of the {array.ndim} axes of values")
    axis %= array.ndim
    shape = list(array.shape)
    shape[axis] = -(-shape[axis] // size)
    if factors.shape != tuple(shape):
        raise InputError(
            f"scales has shape {factors.shape}, expected {tuple(shape)}: one for each {size} along "
            f"axis {axis}"
        )
    wide = factors.astype(np.float64)
    if np.isnan(wide).any() or np.signbit(wide).any():
        raise InputError("scales: expected no nan and no negative number")
    repeated = np.repeat(wide, size, axis=axis)
    product: FloatArray = array.astype(np.float64) * np.take(
        repeated, range(array.shape[axis]), axis=axis
    )
    with np.errstate(over="ignore", under="ignore"):
        narrow = product.astype(np.float32)
    return narrow if np.array_equal(narrow, product, equal_nan=True) else product
