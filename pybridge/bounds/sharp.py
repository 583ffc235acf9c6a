"""Operands on which rounding is small beside every result: condition number one.

With signs that factor over channels, aᶜ of an input channel and bₒ of an output channel, x has the
sign aᶜ, the weight aᶜ·bₒ, the bias and the cotangent bₒ. Then all terms of every entry of the
output and of the three gradients have one sign, and Σ|x||y| is the entry's own magnitude.

Rounding to nearest costs up to half an ulp: u of an entry just above a power of two, but u/2 of one
just below the next. A promise allows u of either. So a defect that is smaller than the last
rounding shows only at entries just above a power of two. Therefore scales vary over channels, too,
evenly between 1/√2 and √2: entries then lie everywhere between powers of two, while without that,
sums of many terms would all be near one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pybridge.errors import InputError, InputTypeError
from pybridge.problem.formats import dtype_name, find_format
from pybridge.problem.geometry import Geometry, Padding, Pair

__all__ = ["SharpFactors", "SharpOperands", "sharp_factors", "sharp_operands"]


class SharpOperands(NamedTuple):
    """Operands of a conv2d: x, weight, bias and the cotangent of the output."""

    x: npt.NDArray[Any]
    weight: npt.NDArray[Any]
    bias: npt.NDArray[Any]
    grad_output: npt.NDArray[Any]


class SharpFactors(NamedTuple):
    """Operands of a product of matrices, or of batches of them.

    x [..., M, K], y [..., K, N], an addend of the product and the cotangent [..., M, N].
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    addend: npt.NDArray[Any]
    grad_output: npt.NDArray[Any]


def sharp_factors(
    x_shape: Sequence[int], y_shape: Sequence[int], *, seed: int = 0, dtype: Any = "float32"
) -> SharpFactors:
    """Return random x [..., M, K] and y [..., K, N] whose x·y has condition number one.

    The same holds for its sum with the addend, and for its gradients. A product is the conv2d of
    images of one pixel, with a group for each element of the batch; dtypes are those of
    `sharp_operands`. For a linear layer, y is the weight's transpose, and a row of the addend the
    bias. Raises `InputError` for shapes that do not fit, and as `sharp_operands` does.
    """
    x_shape, y_shape = tuple(x_shape), tuple(y_shape)
    *batch, rows, inner = (1, 1, *x_shape)
    batch = batch[2:]
    if len(x_shape) < 2 or y_shape[:-1] != (*batch, inner) or min(*x_shape, *y_shape) < 1:
        raise InputError(
            f"expected shapes [..., M, K] and [..., K, N] with entries, and of one batch, got "
            f"{x_shape} and {y_shape}"
        )
    many, columns = prod(batch), y_shape[-1]
    drawn = sharp_operands(
        (rows, many * inner, 1, 1),
        (many * columns, inner, 1, 1),
        groups=many,
        seed=seed,
        dtype=dtype,
    )

    def of_rows(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
        """Return an array [M, batch·size, 1, 1] as [..., M, size]."""
        moved = array.reshape(rows, many, size).transpose(1, 0, 2)
        return np.ascontiguousarray(moved).reshape(*batch, rows, size)

    weight = drawn.weight.reshape(many, columns, inner).transpose(0, 2, 1)
    grad_output = of_rows(drawn.grad_output, columns)
    return SharpFactors(
        x=of_rows(drawn.x, inner),
        y=np.ascontiguousarray(weight).reshape(y_shape),
        addend=grad_output[..., ::-1, :].copy(),
        grad_output=grad_output,
    )


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
        """Return scales of either sign, with magnitudes evenly spread on a logarithmic scale."""
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
