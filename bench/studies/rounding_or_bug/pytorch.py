"""PyTorch's own results, where it is installed, by the promise that its kernels make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.studies.rounding_or_bug.defects import LAYERS, LONG, planted_problem
from bench.studies.rounding_or_bug.kernels import NUMERICS
from bench.studies.rounding_or_bug.problems import Problem, whole
from bench.studies.rounding_or_bug.verdicts import Given
from pybridge.check.torch.kernels import (
    Refused,
    Setting,
    describe,
    devices,
    import_torch,
    promises,
    settings,
    torch_results,
)
from pybridge.check.torch.layers import QUICK, layers
from pybridge.engine.estimator import estimator
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

__all__ = ["PyTorch", "Tested", "run_pytorch"]

_DTYPES = ("float32", "tf32", "bfloat16", "float16")


@dataclass(slots=True)
class Tested:
    """What became of PyTorch's results in a setting.

    `alarms` counts entries by test; "ours" are those beyond the promise, and `explained` those of
    them that are within what the setting's kernels are known to do instead.
    """

    setting: Setting
    promise: str
    results: int = 0
    entries: int = 0
    refused: int = 0
    explained: int = 0
    alarms: dict[str, int] = field(default_factory=dict)
    largest: float = 0.0
    first: str = ""


@dataclass(frozen=True, slots=True)
class PyTorch:
    """The devices, in words, and what was tested on them; nothing where PyTorch is missing."""

    descriptions: Sequence[str]
    tested: Sequence[Tested]


def run_pytorch(progress: Callable[[str], None], *, quick: bool = False) -> PyTorch:
    """Tests PyTorch's outputs and gradients of the layers of the defects and of some networks."""
    try:
        torch = import_torch()
    except InputError:
        return PyTorch((), ())
    found = devices(torch, "auto")
    tested = []
    for setting in (s for device in found for s in settings(device, _DTYPES)):
        kept = promises(torch, setting)
        one = Tested(setting, kept[0].sentence)
        for label, geometry, drawn in _layers(setting, quick=quick):
            progress(f"PyTorch in {setting.label}, {label}")
            _test(torch, one, label, geometry, drawn)
        tested.append(one)
    return PyTorch([describe(torch, device) for device in found], tested)


def _layers(
    setting: Setting, *, quick: bool
) -> Iterator[tuple[str, Geometry, Mapping[str, Float64]]]:
    for name, geometry in LAYERS.items():
        if quick and name in LONG:
            continue
        yield name, geometry, _drawn(name)
    if quick or (setting.device == "cpu" and setting.dtype == "float16"):
        return
    for layer in layers():
        if layer.label in QUICK:
            yield layer.label, layer.geometry, layer.operands()


def _reference(problem: Problem, held: Mapping[str, FloatArray]) -> Float64:
    """The result in binary64, by BLAS."""
    given = {key: Operand(held[key]) for key in problem.operands}
    found = estimator(problem.name, problem.geometry, given, load_definitions())
    return np.broadcast_to(found.value(np.float64), problem.shape)


def _drawn(name: str) -> dict[str, Float64]:
    drawn: dict[str, Float64] = {}
    for result in ("output", "weight"):
        drawn |= planted_problem(name, result).operands
    return drawn


def _test(
    torch: Any, tested: Tested, label: str, geometry: Geometry, drawn: Mapping[str, Float64]
) -> None:
    setting = tested.setting
    numerics = NUMERICS[setting.dtype]
    held = {name: numerics.hold(values) for name, values in drawn.items()}
    try:
        computed = torch_results(torch, setting, geometry, held)
    except Refused:
        tested.refused += 1
        return
    kept, *others = promises(torch, setting)
    for name in Result:
        problem = whole(label, name, geometry, drawn)
        given = Given.of(problem, numerics, _reference(problem, held))
        found, alarms = given.compare(computed[name], kept)
        tested.results += 1
        tested.entries += found.entries
        tested.largest = max(tested.largest, found.ratio)
        for test, count in {"ours": alarms.ours, **alarms.recipes}.items():
            tested.alarms[test] = tested.alarms.get(test, 0) + count
        if found.failed:
            tested.first = tested.first or f"{label}, {name}: {found.message}"
            beyond = min((given.compare(computed[name], o)[1].ours for o in others), default=None)
            if beyond is not None:
                tested.explained += found.failed - min(beyond, found.failed)
