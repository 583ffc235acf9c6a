"""Gradients of conv2d without bounds, as one writes them in NumPy; and the literal recursion.

The sequential ones add in the order that the definitions state, so their values are the replay's,
bit for bit. The `plain` ones are what one writes first; the `tuned` ones lay out operands
beforehand and reuse buffers. All take any geometry; arrays are NCHW and OIHW, and so are results,
which may be views of arrays in another order.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from bench.shapes import Shape
from pybridge.engine.upward import Float64
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry, Window

__all__ = [
    "literal_weight",
    "patch_matrix",
    "plain_input",
    "plain_weight",
    "tuned_input",
    "tuned_weight",
    "unfolded_first",
    "unfolded_last",
]


def plain_weight(shape: Shape) -> FloatArray:
    """Loop over (image, output row, output column): acc += grad_output · patch."""
    g = shape.geometry
    padded = _padded(g, shape.x)
    total = np.zeros((g.groups, g.out_channels, *g.weight_shape[1:]), padded.dtype)
    for n, i, j in product(range(g.batch), range(g.height.output), range(g.width.output)):
        patch = padded[n, :, _reach(g.height, i), _reach(g.width, j)]
        grad = shape.grad_output[n, :, i, j].reshape(g.groups, g.out_channels, 1, 1, 1)
        total += grad * patch.reshape(g.groups, 1, *g.weight_shape[1:])
    return total.reshape(g.weight_shape)


def plain_input(shape: Shape) -> FloatArray:
    """Loop over (output channel, kernel row, kernel column), and add weight · grad_output to the
    entries that the kernel's entry reads.
    """
    g = shape.geometry
    padded = _padded(g)
    split = padded.reshape(g.batch, g.groups, g.in_channels, *padded.shape[2:])
    grad, weight = _by_group(shape)
    for o, i, j in product(*map(range, (g.out_channels, g.height.kernel, g.width.kernel))):
        met = split[..., _met(g.height, i), _met(g.width, j)]
        met += weight[:, o, :, i, j, None, None] * grad[:, :, o, None]
    return _inner(g, padded)


def tuned_weight(shape: Shape) -> FloatArray:
    """Lay patches and gradients of all steps out contiguously, channels last (groups innermost),
    and write the products to a buffer.
    """
    g = shape.geometry
    windows = _windows(g, shape.x)
    steps = g.batch * g.height.output * g.width.output
    taps = g.height.kernel * g.width.kernel
    split = shape.grad_output.reshape(g.batch, g.groups, g.out_channels, -1)
    grads: FloatArray = np.ascontiguousarray(split.transpose(0, 3, 2, 1))
    patches: FloatArray
    if g.groups == 1:
        patches = np.ascontiguousarray(windows).reshape(steps, 1, -1)
        grads = grads.reshape(steps, -1, 1)
    else:
        windows = windows.reshape(*windows.shape[:3], taps, g.groups, g.in_channels)
        patches = np.ascontiguousarray(windows.swapaxes(-1, -2)).reshape(steps, 1, -1, g.groups)
        grads = grads.reshape(steps, g.out_channels, 1, g.groups)
    total = np.zeros(np.broadcast_shapes(patches.shape[1:], grads.shape[1:]), grads.dtype)
    term = np.empty_like(total)
    for patch, grad in zip(patches, grads, strict=True):
        np.multiply(grad, patch, out=term)
        np.add(total, term, out=total)
    taken = total.reshape(g.out_channels, g.height.kernel, g.width.kernel, g.in_channels, g.groups)
    return taken.transpose(4, 0, 3, 1, 2).reshape(g.weight_shape)


def tuned_input(shape: Shape) -> FloatArray:
    """Compute `plain_input` with a buffer for the products."""
    g = shape.geometry
    padded = _padded(g)
    split = padded.reshape(g.batch, g.groups, g.in_channels, *padded.shape[2:])
    grad, weight = _by_group(shape)
    term = np.empty((*split.shape[:3], *grad.shape[3:]), padded.dtype)
    for o, i, j in product(*map(range, (g.out_channels, g.height.kernel, g.width.kernel))):
        np.multiply(weight[:, o, :, i, j, None, None], grad[:, :, o, None], out=term)
        met = split[..., _met(g.height, i), _met(g.width, j)]
        np.add(met, term, out=met)
    return _inner(g, padded)


def literal_weight(shape: Shape) -> tuple[FloatArray, Float64]:
    """Return the kernel gradient and its bound by the recursion as it is written down.

    At every step, for all outputs at once, the half ulps of product and sum, by np.spacing, are
    added to the bound. Terms that padding skips are skipped. Operands are exact, so no eps is
    added. Bounds are float64, and not rounded upward.
    """
    g = shape.geometry
    x = shape.x.reshape(g.batch, g.groups, 1, g.in_channels, g.height.size, g.width.size)
    value = np.zeros((g.groups, g.out_channels, *g.weight_shape[1:]), x.dtype)
    ulps = np.zeros(value.shape)
    for n, i, j in product(range(g.batch), range(g.height.output), range(g.width.output)):
        rows, taps_h = _inside(g.height, i)
        columns, taps_w = _inside(g.width, j)
        grad = shape.grad_output[n, :, i, j].reshape(g.groups, g.out_channels, 1, 1, 1)
        term = grad * x[n, ..., rows, columns]
        total = value[..., taps_h, taps_w] + term
        ulps[..., taps_h, taps_w] += np.spacing(np.abs(term))
        ulps[..., taps_h, taps_w] += np.spacing(np.abs(total))
        value[..., taps_h, taps_w] = total
    return value.reshape(g.weight_shape), ulps.reshape(g.weight_shape) / 2


def unfolded_first(shape: Shape) -> FloatArray:
    """Return the kernel gradient of one group by im2col and one matrix product, with patches laid
    out as PyTorch's unfold does, channels first.
    """
    g = shape.geometry
    padded = _padded(g, shape.x)
    columns = np.empty((*g.weight_shape[1:], g.batch, *g.output_shape[2:]), padded.dtype)
    for i, j in np.ndindex(g.height.kernel, g.width.kernel):
        met = padded[..., _met(g.height, i), _met(g.width, j)]
        columns[:, i, j] = met.swapaxes(0, 1)
    taps = g.in_channels * g.height.kernel * g.width.kernel
    return (_rows(shape) @ columns.reshape(taps, -1).T).reshape(g.weight_shape)


def unfolded_last(shape: Shape) -> FloatArray:
    """Return the kernel gradient of one group by im2col and one matrix product, channels last.

    This is the fastest layout here. The result is a view of an array whose channels are last.
    """
    g = shape.geometry
    gradient = _rows(shape) @ patch_matrix(shape)
    split = gradient.reshape(-1, g.height.kernel, g.width.kernel, g.in_channels)
    return split.transpose(0, 3, 1, 2)


def patch_matrix(shape: Shape) -> FloatArray:
    """Return the patch of every output [N·OH·OW, KH·KW·I], zero outside of the image."""
    windows = _windows(shape.geometry, shape.x)
    return np.ascontiguousarray(windows).reshape(np.prod(windows.shape[:3]), -1)


def _rows(shape: Shape) -> FloatArray:
    """Return the gradient of the output [O, N·OH·OW], without a copy if N = 1."""
    return shape.grad_output.swapaxes(0, 1).reshape(shape.grad_output.shape[1], -1)


def _padded(g: Geometry, x: FloatArray | None = None) -> FloatArray:
    """Return the padded input, or zeros of its shape."""
    padded = np.zeros((*g.x_shape[:2], g.height.padded, g.width.padded), np.float32)
    if x is not None:
        _inner(g, padded)[...] = x
    return padded


def _inner(g: Geometry, padded: FloatArray) -> FloatArray:
    """Return the view of a padded input without its padding."""
    top, left = g.height.pad_begin, g.width.pad_begin
    return padded[:, :, top : top + g.height.size, left : left + g.width.size]


def _reach(window: Window, output: int) -> slice:
    """Return what the kernel at an output reads of the padded input, along an axis."""
    start = output * window.stride
    return slice(start, start + window.reach, window.dilation)


def _met(window: Window, tap: int) -> slice:
    """Return what a tap of the kernel reads of the padded input over all outputs, along an axis."""
    start = tap * window.dilation
    return slice(start, start + (window.output - 1) * window.stride + 1, window.stride)


def _inside(window: Window, output: int) -> tuple[slice, slice]:
    """Return the entries of the input that the kernel at an output reads, and the taps' slice."""
    taps = [
        (output * window.stride + tap * window.dilation - window.pad_begin, tap)
        for tap in range(window.kernel)
    ]
    met = [(entry, tap) for entry, tap in taps if 0 <= entry < window.size]
    if not met:
        return slice(0), slice(0)
    return (
        slice(met[0][0], met[-1][0] + 1, window.dilation),
        slice(met[0][1], met[-1][1] + 1),
    )


def _windows(g: Geometry, x: FloatArray) -> FloatArray:
    """Return the view [N, OH, OW, KH, KW, channels] of the padded input, channels last."""
    padded = np.zeros((g.batch, g.height.padded, g.width.padded, g.x_shape[1]), x.dtype)
    top, left = g.height.pad_begin, g.width.pad_begin
    inner = padded[:, top : top + g.height.size, left : left + g.width.size]
    inner[...] = x.transpose(0, 2, 3, 1)
    image, row, column, channel = padded.strides
    return as_strided(
        padded,
        (
            g.batch,
            g.height.output,
            g.width.output,
            g.height.kernel,
            g.width.kernel,
            g.x_shape[1],
        ),
        (
            image,
            row * g.height.stride,
            column * g.width.stride,
            row * g.height.dilation,
            column * g.width.dilation,
            channel,
        ),
        writeable=False,
    )


def _by_group(shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Return grad_output [N, groups, O, OH, OW] and weight [groups, O, I, KH, KW]."""
    g = shape.geometry
    grad = shape.grad_output.reshape(g.batch, g.groups, g.out_channels, *g.output_shape[2:])
    return grad, shape.weight.reshape(g.groups, g.out_channels, *g.weight_shape[1:])
