"""The convolutions whose results are simulated: whole ones, and samples of entries of large ones.

A sample of entries with n terms each is a convolution again, with a group for every entry: x and
grad_output are [1, E, 1, n] for kernel gradients, say, and the result [E, 1, 1, 1]. So samples are
checked by what checks whole results.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.studies.rounding_or_bug.kernels import Numerics
from bench.studies.rounding_or_bug.unfold import Unfolded, nominal_terms, result_shape, unfold
from pybridge.check.suite import suite
from pybridge.check.torch.layers import Layer, layers
from pybridge.engine.upward import Float64
from pybridge.problem.case import Case
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.results import Result
from pybridge.truth.exact import entry_terms

__all__ = ["Budget", "Problem", "networks", "samples", "suite_problems", "whole"]

_FACTORS: Mapping[str, tuple[str, ...]] = {
    "output": ("x", "weight"),
    "bias": ("grad_output",),
    "weight": ("x", "grad_output"),
    "input": ("weight", "grad_output"),
}
_LEAST_ENTRIES = 4
"""A sample drops classes of entries with fewer of them."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A result to compute: `name` is output, bias, weight or input, of operands in binary64.

    `terms` is the number that recipes count, `largest` the operands' magnitudes that they know:
    those of the layer that a sample is taken from.
    """

    label: str
    name: str
    geometry: Geometry
    operands: Mapping[str, Float64]
    terms: int
    largest: tuple[float, float]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return result_shape(self.name, self.geometry)

    def held(self, numerics: Numerics) -> dict[str, FloatArray]:
        """The operands in the format."""
        return {name: numerics.hold(values) for name, values in self.operands.items()}

    def read(self, numerics: Numerics, geometry: Geometry | None = None) -> Unfolded:
        """The factors that a kernel multiplies; a defective one reads by another geometry."""
        held = self.held(numerics)
        bias = {"bias": held["bias"].astype(np.float32)} if "bias" in held else {}
        read = {name: numerics.read(values) for name, values in held.items()} | bias
        return unfold(self.name, geometry or self.geometry, read)

    @cached_property
    def counted(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Budget:
    """How many entries of a layer's result are sampled: so many as have `terms` terms in all, but
    not fewer than `least` or more than `most`.
    """

    terms: int = 2**20
    least: int = 192
    most: int = 2048

    def entries(self, n: int) -> int:
        """The entries of a result whose entries have n terms."""
        return min(max(self.terms // max(n, 1), self.least), self.most)


def whole(label: str, name: str, geometry: Geometry, drawn: Mapping[str, Float64]) -> Problem:
    """A whole result of operands x, weight, bias and grad_output; the output with its bias."""
    return Problem(
        label,
        name,
        geometry,
        {key: values for key, values in drawn.items() if key in Result(name).operands},
        nominal_terms(name, geometry),
        _largest(name, drawn),
    )


def suite_problems(numerics: Numerics) -> Iterator[Problem]:
    """All results of the built-in suite's cases in a format, but of those that overflow.

    Their eps is ignored: a kernel computes with the operands as they are.
    """
    for case in suite():
        sound = case.format == numerics.format.name and not case.label.endswith("overflow")
        if sound and case.geometry.operation == "conv2d":
            yield from _results(case)


def _results(case: Case) -> Iterator[Problem]:
    drawn = {
        name: np.asarray(case.values[name], np.float64)
        for name in ("x", "weight", "bias", "grad_output")
    }
    for name in Result:
        yield whole(case.label, name, case.convolution, drawn)


def networks(*, quick: bool) -> list[Layer]:
    """ResNet-50's convolutions, and those of its dilated variant."""
    found = [layer for layer in layers() if layer.label.startswith("resnet50-")]
    return [layer for layer in found if layer.geometry.height.size == 7] if quick else found


def samples(layer: Layer, budget: Budget) -> Iterator[Problem]:
    """Samples of entries of a layer's results, those with the same number of terms together."""
    drawn = layer.operands()
    rng = np.random.default_rng([1, zlib.crc32(layer.label.encode())])
    for name in Result:
        shape, terms = result_shape(name, layer.geometry), nominal_terms(name, layer.geometry)
        count = min(budget.entries(terms), int(np.prod(shape)))
        chosen = rng.choice(int(np.prod(shape)), count, replace=False)
        classes: dict[int, list[tuple[Float64, Float64]]] = {}
        for flat in np.sort(chosen):
            index = [int(i) for i in np.unravel_index(flat, shape)]
            read, _ = entry_terms(name, layer.geometry, drawn, index)
            *one, last = (read[key] for key in _FACTORS[name])
            classes.setdefault(len(last), []).append((one[0] if one else np.ones_like(last), last))
        for n, found in sorted(classes.items()):
            if n and (len(found) >= _LEAST_ENTRIES or len(found) == count):
                first, second = (np.stack([f[k] for f in found]) for k in (0, 1))
                geometry, operands = _grouped(name, first, second)
                yield Problem(layer.label, name, geometry, operands, terms, _largest(name, drawn))


def _largest(name: str, drawn: Mapping[str, npt.NDArray[np.float64]]) -> tuple[float, float]:
    """The factors' largest magnitudes; of one factor, 1 and its own."""
    found = [float(np.abs(drawn[key]).max()) for key in _FACTORS[name]]
    return (1.0, found[0]) if len(found) == 1 else (found[0], found[1])


def _grouped(name: str, x: Float64, y: Float64) -> tuple[Geometry, dict[str, Float64]]:
    """Entries × terms as a convolution with a group for each entry."""
    entries, n = x.shape
    line, point = Window(size=n, kernel=1), Window(size=1, kernel=1)
    row, column = (1, entries, 1, n), (entries, 1, 1, n)
    if name == "output":
        window = Window(size=n, kernel=n)
        geometry = Geometry(groups=entries, windows=(point, window))
        return geometry, {"x": x.reshape(row), "weight": y.reshape(column)}
    if name == "bias":
        return Geometry(groups=entries, windows=(point, line)), {"grad_output": y.reshape(row)}
    if name == "weight":
        geometry = Geometry(groups=entries, windows=(point, line))
        return geometry, {"x": x.reshape(row), "grad_output": y.reshape(row)}
    geometry = Geometry(groups=entries, out_channels=n, windows=(point, point))
    flat = (entries * n, 1, 1, 1), (1, entries * n, 1, 1)
    return geometry, {"weight": x.reshape(flat[0]), "grad_output": y.reshape(flat[1])}
