"""Judges convolutions of every unit, honest and with defects, by the stated promises.

Honest results are computed by `mmasim`. Defects are planted in the weight gradient, with operands
of condition number one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.tensor_cores.data import DOTS, READ, Problem, convolution, dots, scaled
from bench.tensor_cores.kernels import Kernel
from bench.tensor_cores.promises import others, promise
from bench.tensor_cores.scaled import SCALED_DOTS
from bench.tensor_cores.unfold import Unfolded, unfold
from bench.tensor_cores.units import Unit, units
from pybridge.bounds.conv2d import conv2d_result
from pybridge.bounds.judge import Judge
from pybridge.bounds.kernel_result import KernelResult
from pybridge.check.torch.kernels import import_torch
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import Result as Which
from pybridge.testing import Accumulation

__all__ = [
    "Honest",
    "Planted",
    "Study",
    "Verdict",
    "defects",
    "kernels",
    "problems",
    "returned",
    "run",
]

_Array = npt.NDArray[Any]

_CONVOLUTION = Geometry.of((2, 6, 9, 8), (4, 3, 3, 3), stride=(2, 1), padding=1, groups=2)
_LAYER = Geometry.of((2, 4, 16, 16), (8, 4, 3, 3), padding=1)
_POINTWISE = Geometry.of((1, 4, 1, 512), (8, 4, 1, 1))
_LONG = Geometry.of((2, 1, 40, 40), (4, 1, 1, 1))
_SIZES = ((100, 68), (1000, 12))
"""The terms and the rows of dot products."""
_PROMOTE = 128
"""The terms after which DeepSeek-V3 promotes: https://arxiv.org/abs/2412.19437."""
_NARROW = 13
"""The bits of units that need promotion."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The largest error over what is allowed, and whether entries fail."""

    ratio: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Honest:
    """A result of `mmasim`, judged by `tensor_core` and, if it is one sum, by other promises."""

    kernel: Kernel
    data: str
    result: str
    verdict: Verdict
    others: Mapping[str, Verdict]

    @property
    def random(self) -> bool:
        """Whether the operands are random, not made to lose digits."""
        return self.data in ("normal", "sharp", "normal in blocks")


@dataclass(frozen=True, slots=True)
class Planted:
    """A result with a defect."""

    kernel: Kernel
    what: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that was judged."""

    honest: Sequence[Honest]
    planted: Sequence[Planted]
    versions: str

    def of(self, *, scaled: bool) -> Study:
        """Return the results of units with block scales, or of units without."""
        honest = [one for one in self.honest if one.kernel.unit.scaled == scaled]
        planted = [one for one in self.planted if one.kernel.unit.scaled == scaled]
        return Study(honest, planted, self.versions)

    @property
    def units(self) -> list[Unit]:
        """The units, in order."""
        return list(dict.fromkeys(one.kernel.unit for one in self.honest))

    @property
    def false_alarms(self) -> list[Honest]:
        """Honest results that `tensor_core` does not allow."""
        return [one for one in self.honest if one.verdict.failed]

    @property
    def missed(self) -> list[Planted]:
        """Defects that `tensor_core` allows."""
        return [one for one in self.planted if not one.verdict.failed]

    @property
    def unexplained(self) -> list[Planted]:
        """Missed defects that few bits do not explain: 13, or an accumulator in float16."""
        few = [one for one in self.missed if one.kernel.unit.bits == _NARROW]
        few += [one for one in self.missed if one.kernel.unit.result == "float16"]
        return [one for one in self.missed if one not in few]


def kernels(unit: Unit) -> list[Kernel]:
    """Return the kernels of a unit: one sum, split-k, and some that depend on its operands.

    16-bit results are also rounded to their dtype, 8-bit operands promoted, and block scales the
    largest that fit.
    """
    chosen = [Kernel(unit), Kernel(unit, splits=3)]
    if unit.x in ("float16", "bfloat16") and unit.result == "float32":
        chosen.append(Kernel(unit, output=unit.x))
    if unit.x.startswith("float8"):
        chosen.append(Kernel(unit, promote=_PROMOTE))
    if unit.scaled:
        chosen.append(Kernel(unit, scales="largest"))
    return chosen


def problems(unit: Unit, sizes: Sequence[tuple[int, int]], seed: int = 1) -> list[Problem]:
    """Return the problems for each kernel of a unit; `sizes` has terms and rows of dot products."""
    if unit.scaled:
        return [
            scaled(data, unit, rows, terms, seed) for data in SCALED_DOTS for terms, rows in sizes
        ]
    chosen = [
        convolution(data, unit, result, _CONVOLUTION, seed)
        for data in ("normal", "sharp")
        for result in READ
    ]
    results = list(READ)
    for number, data in enumerate(DOTS):
        # Every kind as one of the results: they are computed alike, as tests show.
        for terms, rows in sizes:
            chosen.append(dots(data, unit, results[(number + terms) % 3], rows, terms, seed))
    return chosen


def returned(problem: Problem, result: _Array) -> KernelResult:
    """Return the result in the form that pybridge judges."""
    options = problem.geometry.options
    what = conv2d_result(Which(problem.result), problem.operands, options, actual=result)
    return what.returned(result)


class _Judge:
    """Judges results of a problem; references are computed once for a result."""

    def __init__(self, problem: Problem, result: _Array) -> None:
        self.returned = returned(problem, result)
        self.judge = Judge(self.returned)

    def __call__(self, accumulation: Accumulation | None) -> Verdict:
        comparison = self.judge(self.returned.promise(accumulation))
        failed, finite = comparison.failures, comparison.errors.finite
        if (failed & ~finite).any():
            return Verdict(math.inf, True)
        # Infinite entries that do not fail are right: they overflow.
        counted = finite & (comparison.errors.upper > 0)
        ratios = comparison.errors.upper[counted] / comparison.allowance[counted]
        return Verdict(float(ratios.max(initial=0.0)), bool(failed.any()))


def _factors(problem: Problem) -> Unfolded:
    return unfold(problem.result, problem.geometry, problem.operands)


def defects(kernel: Kernel, problem: Problem) -> Iterator[tuple[str, _Array]]:
    """Yield the same kernel with something wrong, on the weight gradient."""
    factors, length = _factors(problem), kernel.unit.length
    yield "an instruction left out", replace(kernel, lost=1)(factors)
    kept = (len(factors.x) - 1) // length * length
    shorter = replace(factors, x=factors.x[:kept], y=factors.y[:kept])
    yield "the last terms left out", kernel(shorter)
    yield "32 terms scaled by two", kernel(replace(factors, x=_doubled(factors.x)))
    shifted = replace(factors, y=np.roll(factors.y, 1, axis=-2))
    yield "output channels shifted", kernel(shifted)
    narrow = "bfloat16" if kernel.unit.result == "float32" else "float8_e5m2"
    yield "accumulator in another format", replace(kernel, accumulator=narrow)(factors)


def _doubled(x: _Array) -> _Array:
    doubled = np.array(x)
    doubled[32:64] = (2 * doubled[32:64].astype(np.float64)).astype(x.dtype)
    return doubled


def _versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("mmasim", "torch", "ml_dtypes"))


def run(
    progress: Callable[[str], None], *, quick: bool = False, block_scales: bool = False
) -> Study:
    """Compute and judge everything, or only units with block scales.

    Raises `InputError` if mmasim or PyTorch is missing.
    """
    scaled = [unit for unit in units() if unit.scaled]
    plain = [unit for unit in units() if not (unit.scaled or block_scales)]
    chosen = plain[::24] + scaled[::4] if quick else plain + scaled
    torch = import_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        honest: list[Honest] = []
        planted: list[Planted] = []
        for number, unit in enumerate(chosen, 1):
            progress(f"{unit.name} ({number} of {len(chosen)})")
            honest += _compute(unit, _SIZES[:1] if quick else _SIZES)
            planted += _plant(unit)
    finally:
        torch.set_num_threads(threads)
    return Study(honest, planted, _versions())


def _compute(unit: Unit, sizes: Sequence[tuple[int, int]]) -> Iterator[Honest]:
    for problem in problems(unit, sizes):
        factors = _factors(problem)
        for kernel in kernels(unit):
            judge = _Judge(problem, kernel(factors))
            stated = others(unit) if kernel == Kernel(unit) else {}
            compared = {name: judge(other) for name, other in stated.items()}
            yield Honest(kernel, problem.data, problem.result, judge(promise(kernel)), compared)


def _plant(unit: Unit) -> Iterator[Planted]:
    problem = convolution("sharp", unit, "weight", _POINTWISE if unit.scaled else _LAYER, 1)
    for kernel in kernels(unit):
        if kernel.splits > 1 or kernel.output is not None or kernel.scales == "largest":
            continue
        for what, result in defects(kernel, problem):
            yield Planted(kernel, what, _Judge(problem, result)(promise(kernel)))
        if kernel.promote is not None and unit.bits == _NARROW:
            long = convolution("sharp", unit, "weight", _LONG, 1)
            without = replace(kernel, promote=None)(_factors(long))
            yield Planted(kernel, "not promoted", _Judge(long, without)(promise(kernel)))
