"""ResNet-50's layers at batch 32: honest PyTorch results and planted defects, by promises and data.

For each layer, dtype and kind of data, PyTorch computes the results. Defects are planted in the
weight gradient, whose sums are longest. All are measured by error over allowance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.studies.power.defects import HONEST, Operands, gradients, weight_gradients
from pybridge.bounds.conv2d import conv2d_result
from pybridge.bounds.judge import Judge, Judgement
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.sharp import sharp_operands
from pybridge.check.torch.kernels import import_torch
from pybridge.engine.accumulation import Accumulation
from pybridge.problem.arrays import to_numpy
from pybridge.problem.geometry import Geometry, Parameters
from pybridge.problem.results import Result

__all__ = ["DATA", "DEPTH", "DTYPES", "PROMISES", "STATED", "Cell", "Measured", "Study", "run"]

DEPTH = 1024
DTYPES = ("float32", "bfloat16")
DATA = ("normal", "sharp")
STATED = f"depth {DEPTH:,}"
PROMISES: Mapping[str, Accumulation | None] = {
    "any order": None,
    STATED: Accumulation(depth=DEPTH),
}
"""None: the default promise of the result's dtype."""

_RESULTS = {
    "output": "output",
    "weight": "weight gradient",
    "input": "input gradient",
    "bias": "bias gradient",
}


def _layer(batch: int, channels: int, out: int, size: int, kernel: int, stride: int) -> Geometry:
    return Geometry.of(
        (batch, channels, size, size),
        (out, channels, kernel, kernel),
        stride=stride,
        padding=kernel // 2,
    )


def _layers(*, quick: bool) -> dict[str, Geometry]:
    if quick:
        return {"4→8, 3×3 at 12²": _layer(4, 4, 8, 12, 3, 1)}
    return {
        "stem 3→64, 7×7, stride 2, at 224²": _layer(32, 3, 64, 224, 7, 2),
        "64→64, 3×3 at 56²": _layer(32, 64, 64, 56, 3, 1),
        "256→64, 1×1 at 56²": _layer(32, 256, 64, 56, 1, 1),
        "512→512, 3×3 at 7²": _layer(32, 512, 512, 7, 3, 1),
    }


@dataclass(frozen=True, slots=True)
class Cell:
    """The largest error over what a promise allows, whether that is a failure, and the power."""

    ratio: float
    failed: bool
    power: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A result of a layer in a dtype, on one kind of data: an honest one, or one with a defect.

    `cells` has a cell for each promise; `close` says whether `torch.testing.assert_close`, with its
    default tolerances, accepts it against the float64 reference rounded to the dtype.
    """

    layer: str
    result: str
    dtype: str
    data: str
    what: str
    cells: Mapping[str, Cell]
    close: bool

    @property
    def honest(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.what == HONEST


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that was measured, and the numbers of terms of the layers' weight gradients."""

    layers: Mapping[str, Geometry]
    measured: Sequence[Measured]
    versions: str

    def terms(self, layer: str) -> int:
        """Return the number of terms of an entry of the weight gradient, padding included."""
        geometry = self.layers[layer]
        return geometry.batch * geometry.height.output * geometry.width.output

    @property
    def false_alarms(self) -> list[Measured]:
        """Honest results that fail a promise."""
        return [m for m in self.measured if m.honest and any(c.failed for c in m.cells.values())]

    def passing(self, promise: str, data: str) -> list[Measured]:
        """Return the defects that a promise allows on one kind of data."""
        return [
            m
            for m in self.measured
            if not m.honest and m.data == data and not m.cells[promise].failed
        ]

    @property
    def missed(self) -> list[Measured]:
        """Defects on sharp operands that assert_close finds there and the stated depth does not,
        and those that assert_close finds on some data and the stated depth on none.
        """
        on = {data: {_key(m): m for m in self.passing(STATED, data)} for data in DATA}
        unseen = on["sharp"].keys() & on["normal"].keys()
        caught = {_key(m) for m in self.measured if not m.close}
        return [m for key, m in on["sharp"].items() if not m.close or key in unseen & caught]

    @property
    def holds(self) -> bool:
        """Whether no honest result fails, and nothing is missed that assert_close finds."""
        return not self.false_alarms and not self.missed


def _key(measured: Measured) -> tuple[str, str, str]:
    return measured.layer, measured.dtype, measured.what


def run(progress: Callable[[str], None], *, quick: bool = False) -> Study:
    """Compute and measure everything; `InputError` if PyTorch is missing."""
    torch = import_torch()
    layers = _layers(quick=quick)
    measured: list[Measured] = []
    for layer, geometry in layers.items():
        for dtype in DTYPES:
            for data in DATA:
                progress(f"{layer}, {dtype}, {data} data")
                operands = _operands(torch, geometry, dtype, data)
                measured += _measure(torch, operands, layer, dtype, data)
    versions = f"{torch.__version__}, {torch.get_num_threads()} threads"
    return Study(layers, measured, versions)


def _operands(torch: Any, geometry: Geometry, dtype: str, data: str) -> Operands:
    axis = geometry.height
    if data == "sharp":
        drawn = sharp_operands(
            geometry.x_shape,
            geometry.weight_shape,
            stride=axis.stride,
            padding=axis.pad_begin,
            seed=1,
        )
        arrays = [drawn.x, drawn.weight, drawn.grad_output]
    else:
        rng = np.random.default_rng(1)
        shapes = (geometry.x_shape, geometry.weight_shape, geometry.output_shape)
        arrays = [rng.standard_normal(shape, np.float32) for shape in shapes]
    kind = getattr(torch, dtype)
    return Operands(geometry, *(torch.from_numpy(array).to(kind) for array in arrays))


def _measure(
    torch: Any, operands: Operands, layer: str, dtype: str, data: str
) -> Iterator[Measured]:
    results = gradients(torch, operands)
    for name, honest in results.items():
        ruler = _Ruler(torch, _returned(name, honest, operands))
        kernels = [(HONEST, honest)]
        if name == "weight":
            kernels += weight_gradients(torch, operands, honest)
        for what, result in kernels:
            cells, close = ruler(result)
            yield Measured(layer, _RESULTS[name], dtype, data, what, cells, close)


def _returned(name: str, result: Any, arrays: Operands) -> KernelResult:
    operands = {
        key: to_numpy(key, getattr(arrays, key))
        for key in ("x", "weight", *(["grad_output"] if name != "output" else []))
    }
    operation = conv2d_result(Result(name), operands, Parameters(**arrays.arguments))
    return operation.returned(to_numpy(name, result))


class _Ruler:
    """Measures results of the same operands.

    Reference and allowances do not depend on the result, and pybridge computes them once.
    """

    def __init__(self, torch: Any, honest: KernelResult) -> None:
        self.torch = torch
        judge = Judge(honest)
        self.judged: dict[str, Judgement] = {
            name: judge(honest.promise(promise)) for name, promise in PROMISES.items()
        }

    def __call__(self, result: Any) -> tuple[dict[str, Cell], bool]:
        values = to_numpy("result", result).astype(np.float64)
        cells = {name: _cell(values, judged) for name, judged in self.judged.items()}
        reference = next(iter(self.judged.values())).errors.reference
        expected = self.torch.from_numpy(np.array(reference)).to(result.dtype)
        try:
            self.torch.testing.assert_close(result, expected)
        except AssertionError:
            return cells, False
        return cells, True


def _cell(values: npt.NDArray[np.float64], judged: Judgement) -> Cell:
    errors, allowance = judged.errors, judged.allowance
    distance = np.abs(values - errors.reference)
    upper = distance + errors.slack
    ratio = float(np.max(np.where(upper > 0, upper / allowance, 0.0), initial=0.0))
    failed = bool((distance * (1 - 1e-12) - errors.slack > allowance).any())
    size = np.abs(errors.reference)
    nonzero = size > 0
    noticed = nonzero & (size - errors.slack > allowance)
    count = int(nonzero.sum())
    power = int(noticed.sum()) / count if count else 1.0
    return Cell(ratio if not math.isnan(ratio) else math.inf, failed, power)
