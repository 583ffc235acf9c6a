"""The features of shapes that fuzzing has to cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pybridge.exported.document import OPERATIONS
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.shapes import Pooling, Product, Shape

__all__ = ["FEATURES", "features"]


def _reads(window: Window) -> list[list[int]]:
    """Return what each position of the window reads of the array that it moves over."""
    size, positions = window.size, window.output
    if window.transposed:
        size, positions = positions, size
    return [
        [
            place
            for k in range(window.kernel)
            if 0 <= (place := p * window.stride + k * window.dilation - window.pad_begin) < size
        ]
        for p in range(positions)
    ]


def _reads_padding_only(window: Window) -> bool:
    return not all(_reads(window))


def _leaves_unread(window: Window) -> bool:
    read = {place for places in _reads(window) for place in places}
    return len(read) < (window.output if window.transposed else window.size)


def _axis(holds: Callable[[Window], bool]) -> Callable[[Geometry], bool]:
    return lambda geometry: any(map(holds, geometry.windows))


_OF_GEOMETRIES: Mapping[str, Callable[[Geometry], bool]] = {
    "several images": lambda g: g.batch > 1,
    "several groups": lambda g: g.groups > 1,
    "depthwise": lambda g: g.groups > 1 and g.in_channels == g.out_channels == 1,
    "depthwise with a multiplier": lambda g: (
        g.groups > 1 and g.in_channels == 1 and g.out_channels > 1
    ),
    "stride": _axis(lambda w: w.stride > 1 and w.output > 1),
    "dilation": _axis(lambda w: w.dilation > 1 and w.kernel > 1),
    "stride and dilation": _axis(
        lambda w: w.stride > 1 and w.output > 1 and w.dilation > 1 and w.kernel > 1
    ),
    "padding": _axis(lambda w: w.pad_begin + w.pad_end > 0),
    "asymmetric padding": _axis(lambda w: w.pad_begin != w.pad_end),
    "kernel as large as the padded input": _axis(
        lambda w: not w.transposed and w.kernel > 1 and w.reach == w.padded
    ),
    "windows that read padding only": _axis(_reads_padding_only),
    "input that no window reads": _axis(_leaves_unread),
    "output padding": _axis(lambda w: w.output_padding > 0),
    "1×1 kernel": lambda g: all(w.kernel == 1 for w in g.windows),
    "a single output": lambda g: all(w.output == 1 for w in g.windows),
    "axes that differ": lambda g: len(set(g.windows)) > 1,
}
_OF_PRODUCTS: Mapping[str, Callable[[Product], bool]] = {
    "several products": lambda p: p.B > 1,
    "a product of matrices": lambda p: min(p.M, p.N, p.K) > 1,
    "sums of one operand alone": lambda p: max(p.P, p.Q) > 1,
}
FEATURES = (*OPERATIONS, *_OF_GEOMETRIES, *_OF_PRODUCTS)
"""The names of all features: first the operations."""


def features(shape: Shape) -> tuple[str, ...]:
    """Return the features that a shape has."""
    if isinstance(shape, Product):
        own = [name for name, holds in _OF_PRODUCTS.items() if holds(shape)]
    else:
        geometry = shape.convolution if isinstance(shape, Pooling) else shape
        own = [name for name, holds in _OF_GEOMETRIES.items() if holds(geometry)]
    return (shape.operation, *own)
