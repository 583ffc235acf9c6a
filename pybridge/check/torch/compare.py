"""Compares results that something else computed with the proved any-order bounds.

The true error of each entry is enclosed (`pybridge.bounds.true_errors`).

* The bound *holds* if the enclosure's upper end is within it.
* It is *violated* if the enclosure's lower end is beyond it.
* Otherwise exact arithmetic decides (`pybridge.bounds.exact_entries`). So it does for binary64
  results, whose errors a recomputation in binary64 cannot enclose tightly enough. Of many entries,
  it takes a sample: half of it random, half where the recomputation is farthest off.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from pybridge.bounds.exact_entries import ExactEntries
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.true_errors import Index, TrueErrors
from pybridge.check.suite import suite
from pybridge.check.torch.kernels import (
    DTYPES,
    Device,
    Refused,
    Setting,
    describe,
    promises,
    settings,
    torch_results,
)
from pybridge.check.torch.layers import QUICK, Layer, layers
from pybridge.check.torch.operations import Example, examples, unseen
from pybridge.check.torch.report import (
    AgainstReport,
    LayerReport,
    PromiseProblem,
    PromiseReport,
    ResultReport,
)
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import Definitions
from pybridge.problem.case import Case
from pybridge.problem.computation import computation_of
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Shape

__all__ = ["Plan", "Work", "against_torch", "check_result"]

_Mask: TypeAlias = npt.NDArray[np.bool_]

_SAMPLE = 256
"""The most entries of a result that are computed exactly."""

_LEAST_SAMPLE = 8

_SAMPLE_TERMS = 2**17
"""The most terms of a sample, which take about a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Work:
    """An operation to compute in a setting; its operands may have any dtype, and are rounded."""

    label: str
    setting: Setting
    geometry: Shape
    operands: Mapping[str, npt.NDArray[Any]]

    def rounded(self) -> dict[str, FloatArray]:
        """Return the operands in the setting's format."""
        dtype = self.setting.format.dtype
        return {name: np.ascontiguousarray(a, dtype) for name, a in self.operands.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """The cases of the built-in suite and the layers to check, each in settings of its own.

    Layers are convolutions of networks, and other operations at the sizes of models and at sizes
    that the seed draws.
    """

    cases: Sequence[tuple[Case, Setting]]
    layers: Sequence[tuple[Layer | Example, Sequence[Setting]]]
    seed: int = 0

    @classmethod
    def of(
        cls,
        devices: Sequence[Device],
        *,
        dtypes: Sequence[str] = (),
        layer_patterns: Sequence[str] = (),
        case_patterns: Sequence[str] = (),
        quick: bool = False,
        seed: int = 0,
    ) -> Plan:
        """Return the plan that the command line asks for.

        Without patterns, it has the suite and all layers (`quick`: a few of them); otherwise only
        what matches. Without dtypes, it has all of them, except layers in float16 on the CPU, which
        are slow. Raises `InputError` if a pattern matches nothing, or a dtype is unknown.
        """
        for dtype in dtypes:
            if dtype not in DTYPES:
                known = ", ".join(DTYPES)
                raise InputError(f"--dtype: expected some of {known}, got {dtype!r:.60}")
        asked = [s for device in devices for s in settings(device, dtypes or DTYPES)]
        if not asked:
            raise InputError("--dtype tf32: only a GPU computes in it, expected another dtype")
        fast = [s for s in asked if dtypes or s.device != "cpu" or s.dtype != "float16"]
        chosen: list[Layer | Example] = [
            *(layer for layer in layers() if not quick or layer.label in QUICK),
            *examples(),
            *unseen(seed),
        ]
        cases = suite(str(seed) if seed else "")
        if layer_patterns or case_patterns:
            chosen = _matching("--layers", layer_patterns, chosen)
            cases = _matching("--case", case_patterns, cases)
        return cls(
            [(c, s) for c in cases for s in asked if s.format.name == c.format],
            [(layer, fast) for layer in chosen],
            seed,
        )

    def __len__(self) -> int:
        return len(self.cases) + sum(len(asked) for _, asked in self.layers)

    def __iter__(self) -> Iterator[Work]:
        for case, setting in self.cases:
            yield Work(case.label, setting, case.geometry, case.values)
        for layer, asked in self.layers:
            drawn = layer.operands(self.seed)
            for setting in asked:
                yield Work(layer.label, setting, layer.geometry, drawn)


_Labelled = TypeVar("_Labelled", Case, Layer | Example)


def _matching(option: str, patterns: Sequence[str], items: Sequence[_Labelled]) -> list[_Labelled]:
    for pattern in patterns:
        if not any(fnmatchcase(item.label, pattern) for item in items):
            labels = ", ".join(item.label for item in items)
            raise InputError(f"{option}: no label matches {pattern!r:.60}; there are {labels}")
    return [i for i in items if any(fnmatchcase(i.label, pattern) for pattern in patterns)]


def against_torch(
    torch: Any, work: Iterable[Work], definitions: Definitions, *, seed: int = 0
) -> AgainstReport:
    """Check PyTorch's outputs and gradients; after an interrupt, return a partial report."""
    started = time.monotonic()
    reports: list[LayerReport] = []
    descriptions: dict[str, None] = {}
    interrupted = False
    try:
        for item in work:
            reports.append(_layer(torch, item, seed))
            descriptions.setdefault(describe(torch, item.setting.device))
    except KeyboardInterrupt:
        interrupted = True
    return AgainstReport(
        against="torch",
        descriptions=tuple(descriptions),
        definitions_sha256=definitions.sha256,
        seed=seed,
        seconds=time.monotonic() - started,
        interrupted=interrupted,
        layers=tuple(reports),
    )


def _layer(torch: Any, work: Work, seed: int) -> LayerReport:
    setting = work.setting
    report = LayerReport(
        label=work.label, dtype=setting.dtype, device=setting.device, geometry=work.geometry
    )
    operands = work.rounded()
    try:
        computed = torch_results(torch, setting, work.geometry, operands)
    except Refused as refusal:
        return report.model_copy(update={"skipped": f"PyTorch refuses: {refusal}"})
    assumed = promises(torch, setting)
    rng = np.random.default_rng([seed, zlib.crc32(work.label.encode())])
    results = {
        name: check_result(
            name, computed[name], setting.format, work.geometry, operands, assumed, rng
        )
        for name in work.geometry.results
        if name in computed and name != "addend"  # an addend's gradient is a copy, not a sum
    }
    return report.model_copy(update={"results": results})


def check_result(
    which: str,
    computed: FloatArray,
    format: FloatFormat,
    geometry: Shape,
    operands: Mapping[str, FloatArray],
    assumed: Sequence[Accumulation],
    rng: np.random.Generator,
) -> ResultReport:
    """Try arithmetics in order until the any-order bound of one holds for a result.

    `computed` and `operands` are in the format; a bias or an addend may be left out. `rng` chooses
    the sample. Raises `InputError` if `computed` has the wrong shape.
    """
    computation = computation_of(geometry, which)
    shape = computation.shape
    if computed.shape != shape:
        raise InputError(f"{which} has shape {computed.shape}, expected {shape}")
    returned = KernelResult(
        computation,
        computed,
        format,
        {key: Operand(operands[key]) for key in computation.operands if key in operands},
        dict.fromkeys(computation.operands, math.ldexp(1.0, format.min_exponent)),
    )
    judge = _Judge(returned, rng)
    tried: list[PromiseReport] = []
    for arithmetic in assumed:
        tried.append(judge.compare(arithmetic))
        if tried[-1].verdict == "holds":
            break
    known = judge.errors.upper[judge.known]
    return ResultReport(
        shape=shape,
        terms=int(judge.estimates.counts.max()),
        entries=computed.size,
        known=known.size,
        exact=len(judge.exact.known),
        overflowed=int(np.count_nonzero(judge.overflowed)),
        error=float(known.max(initial=0.0)),
        promises=tuple(tried),
    )


class _Judge:
    """Compares the errors of a result with any-order bounds.

    `known` marks the entries whose error is known: they are finite and, in binary64, were computed
    exactly.
    """

    def __init__(self, returned: KernelResult, rng: np.random.Generator) -> None:
        self.returned, self.rng = returned, rng
        self.estimates = returned.estimator()
        self.errors = TrueErrors.enclose(returned.values, self.estimates)
        values = {key: operand.value for key, operand in returned.operands.items()}
        self.exact = ExactEntries(returned.computation, values)
        self.wide = returned.format.precision > 24
        empty = np.broadcast_to(self.estimates.counts == 0, returned.values.shape)
        self.known: _Mask = self.errors.finite & (empty if self.wide else True)
        self.overflowed = ~self.errors.finite & self._can_overflow()

    def _can_overflow(self) -> _Mask:
        """Return where the sum of magnitudes is so large that the sum overflows in some order."""
        finite = self.errors.finite
        if finite.all():
            return np.zeros(finite.shape, bool)
        largest = math.ldexp(1.0, self.returned.format.max_exponent)
        can: _Mask = ~(self.estimates.value(np.float64, absolute=True) < largest)
        return np.broadcast_to(can, finite.shape)

    def compare(self, arithmetic: Accumulation) -> PromiseReport:
        """Compare an arithmetic's bound with the errors, entry by entry."""
        try:
            operands = self.returned.unrounded(arithmetic)
            deviates = any(operand.deviates for operand in operands.values())
            estimates = self.returned.estimator(operands) if deviates else self.estimates
            bound = estimates.any_order(arithmetic)
        except InputError as error:
            return PromiseReport(
                arithmetic=arithmetic.text,
                bound=None,
                ratio=None,
                beyond=0,
                undecided=0,
                problem=PromiseProblem(kind="not-proved", detail=str(error)),
            )
        finite = self.errors.finite
        seen = finite & np.isfinite(bound)
        within = self.known & self.errors.within(bound)
        beyond = ~finite & ~self.overflowed
        open_ = seen & ~within
        if open_.any():
            beyond |= self.errors.beyond(bound, open_)
            self._decide(self._sample(open_ & ~beyond, bound), bound, within, beyond)
        undecided = finite & ~within & ~beyond
        if self.wide:
            undecided &= ~seen
        measured = seen & self.known & (self.errors.upper > 0)
        with np.errstate(all="ignore"):
            ratios = bound[measured] / self.errors.upper[measured]
        return PromiseReport(
            arithmetic=arithmetic.text,
            bound=float(bound[seen].max(initial=0.0)),
            ratio=float(ratios.min()) if ratios.size else None,
            beyond=int(np.count_nonzero(beyond)),
            undecided=int(np.count_nonzero(undecided)),
            problem=self._problem(beyond, undecided, bound),
        )

    def _sample(self, open_: _Mask, bound: Float64) -> list[Index]:
        """Return the undecided entries to compute exactly."""
        positions = np.flatnonzero(open_)
        terms = int(self.estimates.counts.max())
        most = min(max(_SAMPLE_TERMS // max(terms, 1), _LEAST_SAMPLE), _SAMPLE)
        if positions.size > most:
            with np.errstate(all="ignore"):
                lower, bounds = self.errors.lower.ravel()[positions], bound.ravel()[positions]
                excess = np.nan_to_num(lower / bounds)
            order = np.argpartition(excess, positions.size - most // 2)
            others, farthest = np.split(order, [positions.size - most // 2])
            chosen = self.rng.choice(others, most - farthest.size, replace=False)
            positions = positions[np.concatenate([farthest, chosen])]
        return [tuple(int(i) for i in np.unravel_index(p, open_.shape)) for p in positions]

    def _decide(
        self, indices: Sequence[Index], bound: Float64, within: _Mask, beyond: _Mask
    ) -> None:
        for index in indices:
            error = self.errors.settle(index, self.exact.value(index))
            self.known[index] = True
            (within if error <= Fraction(float(bound[index])) else beyond)[index] = True

    def _problem(self, beyond: _Mask, undecided: _Mask, bound: Float64) -> PromiseProblem | None:
        kinds: tuple[Literal["beyond", "undecided"], ...] = ("beyond", "undecided")
        for mask, kind in zip((beyond, undecided), kinds, strict=True):
            if mask.any():
                place = np.unravel_index(int(np.argmax(mask)), mask.shape)
                finite = bool(self.errors.finite[place])
                error = (self.errors.upper if self.known[place] else self.errors.lower)[place]
                return PromiseProblem(
                    kind=kind if finite else "not-finite",
                    index=tuple(int(i) for i in place),
                    entries=int(np.count_nonzero(mask)),
                    of=mask.size,
                    error=float(error) if finite else None,
                    bound=float(bound[place]) if finite else None,
                )
        return None
