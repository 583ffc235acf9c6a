"""Some entries of a large case, each as a small case that Lean evaluates in its stead.

An entry of a convolution or of a gradient is a sum over a part of the operands. The convolution of
that part alone has the entry as its only one, with the same terms in the same order, those that
padding skips left out. So Lean evaluates what it would for the whole case, at the cost of the
entry.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.bounds.applied import Applied
from pybridge.check.compare import Fast, fast_evaluations
from pybridge.engine.reference import Evaluation
from pybridge.errors import InputError
from pybridge.exported.document import Definitions
from pybridge.problem.case import Case
from pybridge.problem.computation import conv2d_computation
from pybridge.problem.geometry import Window
from pybridge.problem.results import Result

__all__ = ["Entry", "sample"]

_PAST: Mapping[str, Any] = {"stride": 2, "padding": (1, 0)}
"""A window of one position, which reads only padding: no term."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An entry of a result: a case of which it is the only one, and the whole case's `fast` ones.

    `fast` holds the evaluations of the whole case by the fast methods, at this entry.
    """

    case: Case
    which: str
    fast: Fast


@dataclass(frozen=True, slots=True)
class _Axis:
    """What an entry reads along an axis: slices or indices, and parameters of its own window."""

    x: Any
    weight: Any
    grad_output: Any
    stride: int = 1
    padding: tuple[int, int] = (0, 0)


def sample(case: Case, count: int, seed: int, definitions: Definitions) -> Iterator[Entry]:
    """Yield `count` entries of each result, or all that it has, drawn by the seed.

    Raises `InputError` for a case that is not a convolution of two spatial axes.
    """
    windows = case.convolution.windows
    if len(windows) != 2 or windows[0].transposed:
        raise InputError(f"{case.label}: entries are sampled of two-dimensional convolutions only")
    operands = case.operands
    for which in Result:
        applied = Applied(conv2d_computation(which, case.convolution, definitions), operands)
        evaluations = fast_evaluations(applied, case.float_format)
        shape = evaluations["replay"].value.shape
        size = math.prod(shape)
        rng = Random(f"{seed} {case.name} {which}")
        for place in sorted(rng.sample(range(size), min(count, size))):
            index = tuple(int(i) for i in np.unravel_index(place, shape))
            single = (1,) * len(shape)
            fast = {
                method: Evaluation(
                    e.value.reshape(-1)[place].reshape(single),
                    e.bound.reshape(-1)[place].reshape(single),
                    e.overflow.reshape(-1)[place].reshape(single),
                )
                for method, e in evaluations.items()
            }
            yield Entry(_alone(case, which, index), which, fast)


def _alone(case: Case, which: Result, index: tuple[int, ...]) -> Case:
    """Return the case whose result `which` is the entry alone."""
    g = case.convolution
    ic, oc = g.in_channels, g.out_channels
    if which is Result.BIAS:
        (o,) = index
        delta = case.values["grad_output"][:, o : o + 1]
        one = np.zeros((1, 1, 1, 1), delta.dtype)
        return _case(case, which, index, np.zeros_like(delta), one, delta, [_Axis(0, 0, 0)] * 2)
    first, second, *places = index
    read = {Result.OUTPUT: _output, Result.WEIGHT: _weight, Result.INPUT: _input}[which]
    axes = [read(w, at) for w, at in zip(g.windows, places, strict=True)]
    if which is Result.OUTPUT:
        group = second // oc
        x = _part(case.values["x"][first : first + 1, group * ic : (group + 1) * ic], axes, "x")
        weight = _part(case.values["weight"][second : second + 1], axes, "weight")
        delta = case.values["grad_output"][first : first + 1, second : second + 1, :1, :1]
        bias = case.values["bias"][second : second + 1]
        return _case(case, which, index, x, weight, delta, axes, bias)
    if which is Result.WEIGHT:
        channel = first // oc * ic + second
        x = _part(case.values["x"][:, channel : channel + 1], axes, "x")
        weight = case.values["weight"][first : first + 1, second : second + 1, :1, :1]
        delta = _part(case.values["grad_output"][:, first : first + 1], axes, "grad_output")
        return _case(case, which, index, x, weight, delta, axes)
    group = second // ic
    outputs = slice(group * oc, (group + 1) * oc)
    x = case.values["x"][first : first + 1, second : second + 1, :1, :1]
    weight = _part(case.values["weight"][outputs, second % ic : second % ic + 1], axes, "weight")
    delta = _part(case.values["grad_output"][first : first + 1, outputs], axes, "grad_output")
    return _case(case, which, index, x, weight, delta, axes)


def _output(window: Window, at: int) -> _Axis:
    """The taps that hit x, at a position of the output."""
    start = at * window.stride - window.pad_begin
    taps = [k for k in range(window.kernel) if 0 <= start + k * window.dilation < window.size]
    if not taps:
        return _Axis([0], [0], [0], **_PAST)
    return _Axis([start + k * window.dilation for k in taps], taps, [0])


def _weight(window: Window, at: int) -> _Axis:
    """The positions at which a tap of the kernel hits x."""
    start = at * window.dilation - window.pad_begin
    hits = [k for k in range(window.output) if 0 <= start + k * window.stride < window.size]
    if not hits:
        return _Axis([0], [0], [0], **_PAST)
    return _Axis([start + k * window.stride for k in hits], [0], hits)


def _input(window: Window, at: int) -> _Axis:
    """The taps that hit a position of x; the kernel of these alone moves over one position."""
    hits = [
        (k, position // window.stride)
        for k in range(window.kernel)
        if (position := at + window.pad_begin - k * window.dilation) % window.stride == 0
        and 0 <= position // window.stride < window.output
    ]
    if not hits:
        return _Axis([0], [0], [0], **_PAST)
    taps, outputs = (list(part) for part in zip(*hits, strict=True))
    beside = len(taps) - 1
    return _Axis([0], taps, outputs[::-1], padding=(beside, beside))


def _part(array: npt.NDArray[Any], axes: list[_Axis], name: str) -> npt.NDArray[Any]:
    rows, columns = (getattr(axis, name) for axis in axes)
    return array[:, :, rows][..., columns]


def _case(
    case: Case,
    which: Result,
    index: tuple[int, ...],
    x: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    grad_output: npt.NDArray[Any],
    axes: list[_Axis],
    bias: npt.NDArray[Any] | None = None,
) -> Case:
    ending = f":{which}.{'.'.join(map(str, index))}"
    return Case.of(
        case.label[: 100 - len(ending)] + ending,
        x,
        weight,
        grad_output,
        bias,
        format=case.format,
        stride=tuple(axis.stride for axis in axes),
        padding=tuple(axis.padding for axis in axes),
        eps_x=case.eps["x"],
        eps_weight=case.eps["weight"],
        eps_bias=case.eps["bias"],
        eps_grad_output=case.eps["grad_output"],
    )
