"""Operands on which rounding is small beside every result: condition number one.

With signs that factor over channels, aᶜ of an input channel and bₒ of an output channel, x has the
sign aᶜ, the weight aᶜ·bₒ, the bias and the cotangent bₒ. Then all terms of every entry of the
output and of the three gradients have one sign, and Σ|x||y| is the entry's own magnitude.

Rounding to nearest costs up to half an ulp: u of an entry just above a power of two, but u/2 of one
just below the next. A promise allows u of either. So a defect that is smaller than the last
rounding shows at entries just above a power of two only. Therefore scales vary over channels, too,
evenly between 1/√2 and √2: entries are then everywhere between powers of two. Without that, sums of
many terms would all be near one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pybridge.errors import InputError, InputTypeError
from pybridge.problem.formats import dtype_name, find_format
from pybridge.problem.geometry import Geometry, Padding, Pair

__all__ = ["SharpOperands", "sharp_operands"]


class SharpOperands(NamedTuple):
    """Operands of a conv2d: x, weight, bias and the cotangent of the output."""

    x: npt.NDArray[Any]
    weight: npt.NDArray[Any]
    bias: npt.NDArray[Any]
    grad_output: npt.NDArray[Any]


def sharp_operands(
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    seed: int = 0,
    dtype: Any = "float32",
) -> SharpOperands:
    """Return random operands of a conv2d whose output and gradients have condition number one.

    Shapes and parameters are as in `conv2d_backward`. Signs and scales vary over channels, and
    magnitudes vary by up to a factor of four within each channel. `dtype` is float16, bfloat16,
    float32 or float64. Raises `InputError` or `InputTypeError` for arguments that do not fit.
    """
    geometry = Geometry.of(
        x_shape, weight_shape, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputTypeError(f"seed: expected an integer, got {seed!r:.60}")
    if seed < 0:
        raise InputError(f"seed: expected a number of at least 0, got {seed}")
    kind = find_format(dtype_name(dtype)).dtype
    rng = np.random.default_rng(seed)

    def scales(count: int) -> npt.NDArray[np.float32]:
        """Of either sign, their magnitudes even on a logarithmic scale."""
        sizes = np.exp2((rng.permutation(count) + rng.random()) / count - 0.5).astype(np.float32)
        return np.asarray(sizes * rng.choice(np.array([-1, 1], np.float32), count))

    def magnitudes(shape: Sequence[int]) -> npt.NDArray[np.float32]:
        return np.exp2(2 * rng.random(shape, np.float32) - 1)

    inputs = scales(geometry.groups * geometry.in_channels)
    outputs = scales(geometry.groups * geometry.out_channels)
    group = np.repeat(np.arange(geometry.groups), geometry.out_channels)
    read = inputs.reshape(geometry.groups, geometry.in_channels)[group]
    weight = magnitudes(geometry.weight_shape) * (read * outputs[:, None])[:, :, None, None]
    x = magnitudes(geometry.x_shape) * inputs[:, None, None]
    grad_output = magnitudes(geometry.output_shape) * outputs[:, None, None]
    bias = magnitudes(geometry.bias_shape) * outputs
    return SharpOperands(*(array.astype(kind) for array in (x, weight, bias, grad_output)))
