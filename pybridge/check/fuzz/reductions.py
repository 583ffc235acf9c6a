"""Simplifies a case: shorter axes, plainer windows, plainer numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.errors import InputError
from pybridge.problem.case import Case
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Window
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Pooling, Product, Shape

__all__ = ["Reduction", "digits", "reductions"]

Reduction: TypeAlias = Callable[[Case], Case | None]
"""Returns a simplified case, or None if the simplification does not apply."""

_LEAST = {"stride": 1, "dilation": 1, "pad_begin": 0, "pad_end": 0, "output_padding": 0}


def _axes(shape: Shape) -> dict[str, list[str]]:
    """Return the names of each operand's axes, with groups as an axis of their own."""
    if isinstance(shape, Product):
        return {"x": [*"BMKP"], "y": [*"BNKQ"], "addend": [*"BMN"], "grad_output": [*"BMN"]}
    spatial = {
        kind: [f"{kind} {i}" for i in range(len(shape.windows))]
        for kind in ("size", "kernel", "output")
    }
    if isinstance(shape, Pooling):
        channels = ["batch", "channels"]
        return {
            "x": [*channels, *spatial["size"]],
            "grad_output": [*channels, *spatial["output"]],
        }
    own = ["in_channels", "out_channels"] if shape.transposed else ["out_channels", "in_channels"]
    return {
        "x": ["batch", "groups", "in_channels", *spatial["size"]],
        "weight": ["groups", *own, *spatial["kernel"]],
        "bias": ["groups", "out_channels"],
        "grad_output": ["batch", "groups", "out_channels", *spatial["output"]],
    }


def _sizes(shape: Shape) -> dict[str, int]:
    """Return the sizes of the axes by name."""
    sizes = {name: value for name, value in shape if isinstance(value, int)}
    if not isinstance(shape, Product):
        for i, window in enumerate(shape.windows):
            sizes |= {f"{kind} {i}": getattr(window, kind) for kind in ("size", "kernel", "output")}
    return sizes


def reductions(case: Case) -> Iterator[Reduction]:
    """Yield the simplifications that a case suggests, those that remove most first."""
    yield from _of_shape(case.geometry)
    for name in case.operands:
        yield partial(_replace, name=name, part=slice(None), value=0.0)
        yield partial(_without_eps, name=name)
    for name in case.operands:
        yield partial(_replace, name=name, part=slice(None), value=1.0)
        yield partial(_rounded, name=name, part=slice(None), digits=1)
    for parts in (2, 4):
        for name in case.operands:
            for part in _parts(case.values[name].size, parts):
                yield partial(_replace, name=name, part=part, value=0.0)
    places = [(name, i) for name, value in case.values.items() for i in range(value.size)]
    for value in (0.0, 1.0):
        for name, i in places:
            yield partial(_replace, name=name, part=slice(i, i + 1), value=value)
    for name, i in places:
        for kept in (1, 2, case.float_format.precision // 2, case.float_format.precision - 1):
            yield partial(_rounded, name=name, part=slice(i, i + 1), digits=kept)
    for name, i in places:
        yield partial(_positive, name=name, part=slice(i, i + 1))
    for name in case.operands:
        yield partial(_eps_to_power, name=name)


def digits(value: float) -> int:
    """Return how many digits a number has: of its significand and its exponent, and a sign."""
    if value == 0:
        return 0 if math.copysign(1, value) > 0 else 1
    numerator, denominator = abs(value).as_integer_ratio()
    trailing = (numerator & -numerator).bit_length() - 1
    exponent = trailing - denominator.bit_length() + 1
    return (numerator >> trailing).bit_length() + abs(exponent) + (value < 0)


def _of_shape(shape: Shape) -> Iterator[Reduction]:
    for axis, size in shape:
        for kept in _less(size) if isinstance(size, int) else ():
            for first in sorted({0, size - kept}):
                yield partial(_keep, axis=axis, kept=kept, first=first)
    if isinstance(shape, Product):
        return
    for i, window in enumerate(shape.windows):
        for kept in _less(window.size):
            for first in sorted({0, window.size - kept}):
                yield partial(_window, axis=i, update={"size": kept}, cut={f"size {i}": first})
        for kept in _less(window.kernel):
            for first in sorted({0, window.kernel - kept}):
                yield partial(_window, axis=i, update={"kernel": kept}, cut={f"kernel {i}": first})
        for parameter, least in _LEAST.items():
            now = getattr(window, parameter)
            for value in sorted({least, now - 1} - {now, least - 1}):
                yield partial(_window, axis=i, update={parameter: value}, cut={})
        if window.output > 1 and not window.transposed:
            fewer = window.padded - window.reach + 1
            yield partial(_window, axis=i, update={"stride": fewer}, cut={})
            for parameter in ("pad_end", "pad_begin"):
                if (now := getattr(window, parameter)) > 0:
                    update = {parameter: max(0, now - window.stride)}
                    cut = {f"output {i}": 1} if parameter == "pad_begin" else {}
                    yield partial(_window, axis=i, update=update, cut=cut)


def _less(size: int) -> list[int]:
    return sorted({1, size // 2, size - 1} - {0, size})


def _parts(size: int, parts: int) -> Iterator[slice]:
    edges = sorted({round(size * k / parts) for k in range(parts + 1)})
    if len(edges) > 2:
        yield from map(slice, edges[:-1], edges[1:])


def _keep(case: Case, *, axis: str, kept: int, first: int) -> Case | None:
    size = getattr(case.geometry, axis)
    if not (kept < size and first + kept <= size):
        return None
    return _refit(case, case.geometry.model_copy(update={axis: kept}), {axis: first})


def _window(
    case: Case, *, axis: int, update: Mapping[str, int], cut: Mapping[str, int]
) -> Case | None:
    assert not isinstance(case.geometry, Product)
    windows = list(case.geometry.windows)
    window = windows[axis]
    try:
        changed = windows[axis] = Window(**{**window.model_dump(), **update})
    except InputError:
        return None
    if changed == window or any(
        getattr(changed, name) > getattr(window, name) for name in ("size", "kernel")
    ):
        return None
    return _refit(case, case.geometry.model_copy(update={"windows": tuple(windows)}), cut)


def _refit(case: Case, shape: Shape, cut: Mapping[str, int]) -> Case | None:
    """Return the case with another shape: each axis begins at `cut`, and ends with zeros."""
    operands = {}
    old, new = _sizes(case.geometry), _sizes(shape)
    for name, axes in _axes(shape).items():
        operand = case.operands[name]
        before = operand.value.reshape([old[axis] for axis in axes])
        after: FloatArray = np.zeros([new[axis] for axis in axes], before.dtype)
        starts = [cut.get(axis, 0) for axis in axes]
        counts = [
            min(size, wide - start)
            for size, wide, start in zip(after.shape, before.shape, starts, strict=True)
        ]
        if min(counts) <= 0:
            return None
        source = tuple(slice(s, s + n) for s, n in zip(starts, counts, strict=True))
        after[tuple(slice(n) for n in counts)] = before[source]
        operands[name] = Operand(after.reshape(shape.shapes[name]), operand.eps)
    return case.changed(shape, **operands)


def _replace(case: Case, *, name: str, part: slice, value: float) -> Case | None:
    return _with_numbers(case, name, part, lambda numbers: np.full_like(numbers, value))


def _positive(case: Case, *, name: str, part: slice) -> Case | None:
    return _with_numbers(case, name, part, np.abs)


def _rounded(case: Case, *, name: str, part: slice, digits: int) -> Case | None:
    """Cut numbers to some binary digits."""

    def cut(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        fraction, exponent = np.frexp(numbers)
        kept: npt.NDArray[np.float64] = np.trunc(np.ldexp(fraction, digits))
        return np.asarray(np.ldexp(kept, exponent - digits))

    return _with_numbers(case, name, part, cut)


def _with_numbers(
    case: Case,
    name: str,
    part: slice,
    change: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> Case | None:
    operand = case.operands[name]
    array: FloatArray = operand.value.copy()
    flat = array.reshape(-1)
    if not flat[part].size:
        return None
    flat[part] = change(flat[part].astype(np.float64)).astype(array.dtype)
    if array.tobytes() == operand.value.tobytes():
        return None
    return case.changed(**{name: Operand(array, operand.eps)})


def _without_eps(case: Case, *, name: str) -> Case | None:
    return _with_eps(case, name, 0.0) if case.eps[name] else None


def _eps_to_power(case: Case, *, name: str) -> Case | None:
    fraction, exponent = math.frexp(case.eps[name])
    if fraction in (0.0, 0.5):
        return None
    return _with_eps(case, name, math.ldexp(0.5, exponent))


def _with_eps(case: Case, name: str, eps: float) -> Case:
    return case.changed(**{name: Operand(case.values[name], eps)})
