"""Planted defects: kernels that compute another thing than a convolution's result, or in another
arithmetic than they promise.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np

from bench.studies.rounding_or_bug.kernels import NUMERICS, Float32, Kernel, Numerics
from bench.studies.rounding_or_bug.problems import Problem, whole
from bench.studies.rounding_or_bug.unfold import unfold
from pybridge.check.torch.layers import Layer
from pybridge.problem.formats import FORMATS, FloatArray
from pybridge.problem.geometry import Geometry

__all__ = ["DEFECTS", "LAYERS", "LONG", "Defect", "Planted", "planted_problem"]

_ALL = tuple(NUMERICS)
_SEQUENTIAL = Kernel("sequential")

_Geometries: TypeAlias = Mapping[str, Geometry]
LAYERS: _Geometries = {
    "plain": Geometry.of((5, 16, 14, 14), (16, 16, 3, 3), padding=1),
    "dilated": Geometry.of((2, 8, 15, 15), (8, 8, 3, 3), padding=2, dilation=2),
    "strided": Geometry.of((4, 16, 15, 15), (16, 16, 3, 3), padding=1, stride=2),
    "grouped": Geometry.of((4, 16, 14, 14), (16, 4, 3, 3), padding=1, groups=4),
    "pointwise": Geometry.of((8, 16, 64, 64), (16, 16, 1, 1)),
    "positive": Geometry.of((8, 16, 64, 64), (16, 16, 1, 1)),
}
"""Moderate layers; the kernel gradients of the last two have the sums of 32,768 terms that
ROCm/rocm-libraries#8029 is about.
"""

LONG: Mapping[str, float] = {"pointwise": -1.0, "positive": 0.0}
"""Those two, with the least entry of their operands: these are uniform up to 1."""


@lru_cache(maxsize=32)
def planted_problem(layer: str, name: str) -> Problem:
    """A layer's whole result.

    Operands are those of a network's layer (`Layer.operands`), grad_output of deviation 10⁻³ among
    them; of `pointwise`, uniform in [−1, 1], and of `positive`, in [0, 1].
    """
    geometry = LAYERS[layer]
    if layer in LONG:
        rng = np.random.default_rng(8029)
        shapes = {
            "x": geometry.x_shape,
            "grad_output": geometry.output_shape,
            "weight": geometry.weight_shape,
            "bias": geometry.bias_shape,
        }
        drawn = {key: rng.uniform(LONG[layer], 1, shape) for key, shape in shapes.items()}
    else:
        drawn = dict(Layer(f"planted-{layer}", geometry).operands())
    return whole(layer, name, geometry, drawn)


@dataclass(frozen=True, eq=False)
class Planted:
    """A problem in a format, for a defective kernel to compute."""

    problem: Problem
    numerics: Numerics
    kernel: Kernel

    @cached_property
    def rng(self) -> np.random.Generator:
        """What is random of the kernel."""
        return np.random.default_rng(zlib.crc32(self.kernel.name.encode()))

    @property
    def geometry(self) -> Geometry:
        """The convolution's."""
        return self.problem.geometry

    @cached_property
    def factors(self) -> tuple[Float32, Float32]:
        """Copies of the factors of all terms, [n, …]."""
        read = self.problem.read(self.numerics)
        return read.x.copy(), read.y.copy()

    def sums(self, x: Float32, y: Float32) -> FloatArray:
        """The kernel's sums of the products of factors, not rounded to the result's format."""
        return self.kernel.sum(x, y, self.rng).reshape(self.problem.shape)

    def honest(self) -> FloatArray:
        """The kernel's result."""
        return self.numerics.store(self.sums(*self.factors))

    def reading(self, **windows: object) -> FloatArray:
        """The result with other window parameters, on both axes."""
        g = self.geometry
        changed = g.moving(*(window.model_copy(update=windows) for window in g.windows))
        read = self.problem.read(self.numerics, changed)
        return self.numerics.store(self.kernel.sum(read.x, read.y, self.rng).reshape(read.shape))

    def grid(self, terms: Float32) -> Float32:
        """A view of factors with the leading axis as [batch, rows, columns]."""
        g = self.geometry
        return terms.reshape(g.batch, g.height.output, g.width.output, *terms.shape[1:])

    def taps(self, terms: Float32) -> Float32:
        """A view of a kernel gradient's x with the last axis as [channels, KH, KW]."""
        g = self.geometry
        return terms.reshape(*terms.shape[:-1], g.in_channels, g.height.kernel, g.width.kernel)


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect: what it is, in which result of which layer, and in which arithmetic.

    `kernel` is what the kernel does beside it; it promises `splits` partial sums in binary32.
    `dtypes` are those in which it is one.
    """

    what: str
    name: str
    layer: str
    plant: Callable[[Planted], FloatArray]
    kernel: Kernel = _SEQUENTIAL
    dtypes: tuple[str, ...] = _ALL

    @property
    def problem(self) -> Problem:
        """The layer's result."""
        return planted_problem(self.layer, self.name)

    def result(self, numerics: Numerics) -> FloatArray:
        """What the defective kernel computes."""
        return self.plant(self._planted(numerics))

    def without(self, numerics: Numerics) -> FloatArray:
        """What the same kernel computes without the defect."""
        return self._planted(numerics).honest()

    def _planted(self, numerics: Numerics) -> Planted:
        return Planted(self.problem, numerics, self.kernel)


def _missing_tap(p: Planted) -> FloatArray:
    x, y = p.factors
    p.taps(p.grid(x))[:, :, -2, ..., -1] = 0
    return p.numerics.store(p.sums(x, y))


def _padding(p: Planted) -> FloatArray:
    return p.reading(pad_begin=0, pad_end=2)


def _swapped(p: Planted) -> FloatArray:
    return p.reading(stride=2, dilation=1, pad_end=14)


def _dilation(p: Planted) -> FloatArray:
    return p.reading(dilation=3, pad_end=4)


def _skipped_group(p: Planted) -> FloatArray:
    result = p.honest()
    result[-p.geometry.out_channels :] = 0
    return result


def _batch_remainder(p: Planted) -> FloatArray:
    x, y = p.factors
    p.grid(y)[4:] = 0
    return p.numerics.store(p.sums(x, y))


def _narrow_partials(p: Planted) -> FloatArray:
    narrow = replace(p.kernel, across="bfloat16")
    return p.numerics.store(narrow.sum(*p.factors, p.rng).reshape(p.problem.shape))


def _tf32(p: Planted) -> FloatArray:
    return replace(p, numerics=replace(p.numerics, tf32="toward-zero")).honest()


def _partial(p: Planted, change: Callable[[FloatArray], object]) -> FloatArray:
    partial = p.kernel.partial_sums(*p.factors, p.rng)
    change(partial)
    return p.numerics.store(p.kernel.add_up(partial).reshape(p.problem.shape))


def _double_split(p: Planted) -> FloatArray:
    def change(partial: FloatArray) -> None:
        partial[3] *= 2

    return _partial(p, change)


def _lost_split(p: Planted) -> FloatArray:
    def change(partial: FloatArray) -> None:
        partial[3] = 0

    return _partial(p, change)


def _one_lost_update(p: Planted) -> FloatArray:
    def change(partial: FloatArray) -> None:
        partial[3].flat[0] = 0

    return _partial(p, change)


def _zero(p: Planted) -> FloatArray:
    return np.zeros(p.problem.shape, p.numerics.format.dtype)


def _transposed(p: Planted) -> FloatArray:
    return np.ascontiguousarray(p.honest().swapaxes(0, 1))


def _flipped(p: Planted) -> FloatArray:
    return np.ascontiguousarray(p.honest()[..., ::-1, ::-1])


def _bias_row(p: Planted) -> FloatArray:
    x, y = p.factors
    p.grid(y)[0, -1, :, 3] = 0
    return p.numerics.store(p.sums(x, y))


def _last_column(p: Planted) -> FloatArray:
    x, y = p.factors
    p.grid(y)[:, :, -1] = 0
    return p.numerics.store(p.sums(x, y))


def _accumulating(format: str) -> Callable[[Planted], FloatArray]:
    def plant(p: Planted) -> FloatArray:
        return replace(p, kernel=replace(p.kernel, accumulate=format, across=format)).honest()

    return plant


def _sign(p: Planted) -> FloatArray:
    x, y = p.factors
    y[len(y) // 2] *= -1
    return p.numerics.store(p.sums(x, y))


def _last_term(p: Planted) -> FloatArray:
    x, y = p.factors
    return p.numerics.store(p.sums(x[:-1], y[:-1]))


def _tile_twice(p: Planted) -> FloatArray:
    x, y = p.factors
    x[16:32] = x[:16]
    return p.numerics.store(p.sums(x, y))


def _stale(p: Planted) -> FloatArray:
    sums = p.sums(*p.factors)
    sums[8] += sums[7]
    return p.numerics.store(sums)


def _neighbour(p: Planted) -> FloatArray:
    result = p.honest()
    result[4:8] = np.roll(result[4:8], 1, axis=0)
    return result


def _stale_weight(p: Planted) -> FloatArray:
    """The weights of the last group are those before a step of 1/1000 of their size."""
    g = p.geometry
    weight = p.problem.operands["weight"].copy()
    weight[-g.out_channels :] *= 1.001
    changed = replace(p.problem, operands={**p.problem.operands, "weight": weight})
    return replace(p, problem=changed).honest()


def _scaled(p: Planted) -> FloatArray:
    n = len(p.factors[1])
    return p.numerics.store(p.sums(*p.factors) * np.float32((n - 1) / n))


def _mean(p: Planted) -> FloatArray:
    return p.numerics.store(p.sums(*p.factors) / np.float32(p.geometry.batch))


def _truncated(p: Planted) -> FloatArray:
    sums = p.sums(*p.factors).astype(np.float32)
    bits = 32 - 8 - p.numerics.format.precision
    cut = (sums.view(np.uint32) >> np.uint32(bits) << np.uint32(bits)).view(np.float32)
    return p.numerics.store(cut)


def _through_bfloat16(p: Planted) -> FloatArray:
    return p.numerics.store(p.honest().astype(FORMATS["bfloat16"].dtype).astype(np.float32))


def _bias_twice(p: Planted) -> FloatArray:
    x, y = p.factors
    x[-1] = 2
    return p.numerics.store(p.sums(x, y))


def _bias_neighbour(p: Planted) -> FloatArray:
    x, y = p.factors
    y[-1] = np.roll(y[-1], 1, axis=-2)
    return p.numerics.store(p.sums(x, y))


def _vector_tail(p: Planted) -> FloatArray:
    x, y = p.factors
    g = p.geometry
    taps = g.height.kernel * g.width.kernel
    y[taps * (g.in_channels - 1) : taps * g.in_channels] = 0
    return p.numerics.store(p.sums(x, y))


def _residue_class(p: Planted) -> FloatArray:
    result = p.honest()
    result[:, :, 1::2, 1::2] = 0
    return result


def _unwritten_corner(p: Planted) -> FloatArray:
    result = p.honest()
    result[-1, -1, -1, -1] = 0
    return result


def _clamped(p: Planted) -> FloatArray:
    """Padding that repeats the border instead of zeros."""
    held = p.problem.held(p.numerics)
    g = p.geometry
    pad, size = g.height.pad_begin, g.height.size
    repeated = np.pad(held["x"], ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="edge")
    window = {"size": size + 2 * pad, "pad_begin": 0, "pad_end": 0}
    wide = g.moving(*(w.model_copy(update=window) for w in g.windows))
    operands = {name: p.numerics.read(values) for name, values in held.items()}
    read = unfold(p.problem.name, wide, operands | {"x": p.numerics.read(repeated)})
    return p.numerics.store(p.sums(read.x, read.y))


_SPLIT_8 = Kernel("split-k 8", splits=8)
_SPLIT_64 = Kernel("split-k 64", splits=64)

DEFECTS: tuple[Defect, ...] = (
    Defect("a tap is missing at the border column", "weight", "plain", _missing_tap),
    Defect("padding off by one", "weight", "plain", _padding),
    Defect("padding repeats the border", "weight", "plain", _clamped),
    Defect("stride and dilation swapped", "weight", "dilated", _swapped),
    Defect("dilation off by one", "weight", "dilated", _dilation),
    Defect("one group skipped", "weight", "grouped", _skipped_group),
    Defect("remainder of the batch dropped", "weight", "plain", _batch_remainder),
    Defect(
        "bfloat16 partial sums under a binary32 promise, 8 splits",
        "weight", "pointwise", _narrow_partials, _SPLIT_8,
    ),
    Defect(
        "bfloat16 partial sums under a binary32 promise, 64 splits",
        "weight", "pointwise", _narrow_partials, _SPLIT_64,
    ),
    Defect(
        "bfloat16 partial sums under a binary32 promise, 8 splits",
        "weight", "positive", _narrow_partials, _SPLIT_8,
    ),
    Defect(
        "bfloat16 partial sums under a binary32 promise, 64 splits",
        "weight", "positive", _narrow_partials, _SPLIT_64,
    ),
    Defect("TF32 under a binary32 promise", "weight", "plain", _tf32, dtypes=("float32",)),
    Defect("TF32 under a binary32 promise, input", "input", "strided", _tf32, dtypes=("float32",)),
    Defect("one split accumulated twice", "weight", "plain", _double_split, _SPLIT_8),
    Defect("one split lost", "weight", "pointwise", _lost_split, _SPLIT_64),
    Defect("one entry's update of a split lost", "weight", "plain", _one_lost_update, _SPLIT_8),
    Defect("output left zero", "weight", "plain", _zero),
    Defect("channels transposed", "weight", "plain", _transposed),
    Defect("kernel flipped", "weight", "plain", _flipped),
    Defect("one channel's bias gradient lacks a row", "bias", "plain", _bias_row),
    Defect("last column of the image dropped", "weight", "plain", _last_column),
    Defect("accumulation in float16", "weight", "plain", _accumulating("binary16")),
    Defect("accumulation in bfloat16", "weight", "plain", _accumulating("bfloat16")),
    Defect("the sign of one position's terms", "weight", "plain", _sign),
    Defect("last term dropped", "weight", "plain", _last_term),
    Defect("an input tile read twice", "weight", "plain", _tile_twice),
    Defect("stale accumulator in one channel", "weight", "plain", _stale),
    Defect("output written to the neighbouring channel", "weight", "plain", _neighbour),
    Defect("one group's weights are one step old", "input", "grouped", _stale_weight),
    Defect("scaled by (n − 1)/n", "weight", "plain", _scaled),
    Defect("divided by the batch", "weight", "plain", _mean),
    Defect("result through bfloat16", "weight", "plain", _through_bfloat16,
           dtypes=("float32", "tf32", "float16")),
    Defect("result cut off instead of rounded", "weight", "plain", _truncated,
           dtypes=("bfloat16", "float16")),
    Defect("bias added twice", "output", "plain", _bias_twice),
    Defect("bias of the neighbouring channel", "output", "plain", _bias_neighbour),
    Defect("last input channel not summed", "output", "plain", _vector_tail),
    Defect("entries between the strides left zero", "input", "strided", _residue_class),
    Defect("one corner entry not written", "input", "plain", _unwritten_corner),
)  # fmt: skip
"""The defects, each to be run in its dtypes."""
