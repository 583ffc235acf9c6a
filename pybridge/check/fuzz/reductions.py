"""Simplifications of a case: less of an axis, a plainer window, plainer numbers."""

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
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.results import OPERANDS

__all__ = ["Reduction", "digits", "reductions"]

Reduction: TypeAlias = Callable[[Case], Case | None]
"""A simplified case, or None where it does not apply."""


_CHANNELS = ("batch", "groups", "in_channels", "out_channels")
_AXES: Mapping[str, tuple[str, ...]] = {
    "x": ("batch", "groups", "in_channels", "height", "width"),
    "weight": ("groups", "out_channels", "in_channels", "kernel height", "kernel width"),
    "bias": ("groups", "out_channels"),
    "grad_output": ("batch", "groups", "out_channels", "output height", "output width"),
}


def reductions(case: Case) -> Iterator[Reduction]:
    """The simplifications that a case suggests, those that take most away first."""
    yield from _of_shape(case.geometry)
    for name in OPERANDS:
        yield partial(_replace, name=name, part=slice(None), value=0.0)
        yield partial(_without_eps, name=name)
    for name in OPERANDS:
        yield partial(_replace, name=name, part=slice(None), value=1.0)
        yield partial(_rounded, name=name, part=slice(None), digits=1)
    pieces = 2
    while pieces <= 4:
        for name in OPERANDS:
            for part in _parts(getattr(case, name).size, pieces):
                yield partial(_replace, name=name, part=part, value=0.0)
        pieces *= 2
    places = [(name, i) for name in OPERANDS for i in range(getattr(case, name).size)]
    for value in (0.0, 1.0):
        for name, i in places:
            yield partial(_replace, name=name, part=slice(i, i + 1), value=value)
    for name, i in places:
        for kept in (1, 2, case.float_format.precision // 2, case.float_format.precision - 1):
            yield partial(_rounded, name=name, part=slice(i, i + 1), digits=kept)
    for name, i in places:
        yield partial(_positive, name=name, part=slice(i, i + 1))
    for name in OPERANDS:
        yield partial(_eps_to_power, name=name)


def digits(value: float) -> int:
    """The binary digits of a number, and the size of its exponent."""
    if value == 0:
        return 0 if math.copysign(1, value) > 0 else 1
    numerator, denominator = abs(value).as_integer_ratio()
    trailing = (numerator & -numerator).bit_length() - 1
    exponent = trailing - denominator.bit_length() + 1
    return (numerator >> trailing).bit_length() + abs(exponent) + (value < 0)


def _of_shape(g: Geometry) -> Iterator[Reduction]:
    for axis in _CHANNELS:
        size = getattr(g, axis)
        for kept in _less(size):
            for first in sorted({0, size - kept}):
                yield partial(_keep, axis=axis, kept=kept, first=first)
    for side in ("height", "width"):
        window: Window = getattr(g, side)
        for kept in _less(window.size):
            for first in sorted({0, window.size - kept}):
                yield partial(_window, side=side, update={"size": kept}, cut={side: first})
        for kept in _less(window.kernel):
            for first in sorted({0, window.kernel - kept}):
                cut = {f"kernel {side}": first}
                yield partial(_window, side=side, update={"kernel": kept}, cut=cut)
        for parameter, least in (("stride", 1), ("dilation", 1), ("pad_begin", 0), ("pad_end", 0)):
            now = getattr(window, parameter)
            for value in sorted({least, now - 1} - {now, least - 1}):
                yield partial(_window, side=side, update={parameter: value}, cut={})
        if window.output > 1:
            fewer = window.padded - window.reach + 1
            yield partial(_window, side=side, update={"stride": fewer}, cut={})
            for parameter in ("pad_end", "pad_begin"):
                if (now := getattr(window, parameter)) > 0:
                    update = {parameter: max(0, now - window.stride)}
                    cut = {f"output {side}": 1} if parameter == "pad_begin" else {}
                    yield partial(_window, side=side, update=update, cut=cut)


def _less(size: int) -> list[int]:
    return sorted({1, size // 2, size - 1} - {0, size})


def _parts(size: int, pieces: int) -> Iterator[slice]:
    edges = sorted({round(size * k / pieces) for k in range(pieces + 1)})
    if len(edges) > 2:
        yield from map(slice, edges[:-1], edges[1:])


def _keep(case: Case, *, axis: str, kept: int, first: int) -> Case | None:
    size = getattr(case.geometry, axis)
    if not (kept < size and first + kept <= size):
        return None
    return _refit(case, case.geometry.model_copy(update={axis: kept}), {axis: first})


def _window(
    case: Case, *, side: str, update: Mapping[str, int], cut: Mapping[str, int]
) -> Case | None:
    window = getattr(case.geometry, side)
    try:
        changed = Window(**{**window.model_dump(), **update})
    except InputError:
        return None
    if changed == window or any(
        getattr(changed, name) > getattr(window, name) for name in ("size", "kernel")
    ):
        return None
    windows = {"height": case.geometry.height, "width": case.geometry.width, side: changed}
    return _refit(case, case.geometry.moving(*windows.values()), cut)


def _refit(case: Case, geometry: Geometry, cut: Mapping[str, int]) -> Case | None:
    """The case with a geometry: of each axis, what begins at `cut`, and zeros where that ends."""
    arrays = {}
    for name, axes in _AXES.items():
        before = getattr(case, name).reshape(_sizes(case.geometry, axes))
        after: FloatArray = np.zeros(_sizes(geometry, axes), before.dtype)
        starts = [cut.get(axis, 0) for axis in axes]
        counts = [
            min(size, old - start)
            for size, old, start in zip(after.shape, before.shape, starts, strict=True)
        ]
        if min(counts) <= 0:
            return None
        source = tuple(slice(s, s + n) for s, n in zip(starts, counts, strict=True))
        after[tuple(slice(n) for n in counts)] = before[source]
        arrays[name] = after
    shapes = (geometry.x_shape, geometry.weight_shape, geometry.bias_shape, geometry.output_shape)
    return _changed(
        case,
        geometry=geometry,
        **{name: arrays[name].reshape(s) for name, s in zip(OPERANDS, shapes, strict=True)},
    )


def _sizes(g: Geometry, axes: tuple[str, ...]) -> list[int]:
    sizes = {
        **{axis: getattr(g, axis) for axis in _CHANNELS},
        **{side: getattr(g, side).size for side in ("height", "width")},
        **{f"kernel {side}": getattr(g, side).kernel for side in ("height", "width")},
        **{f"output {side}": getattr(g, side).output for side in ("height", "width")},
    }
    return [sizes[axis] for axis in axes]


def _replace(case: Case, *, name: str, part: slice, value: float) -> Case | None:
    return _with_numbers(case, name, part, lambda numbers: np.full_like(numbers, value))


def _positive(case: Case, *, name: str, part: slice) -> Case | None:
    return _with_numbers(case, name, part, np.abs)


def _rounded(case: Case, *, name: str, part: slice, digits: int) -> Case | None:
    """Numbers cut to some binary digits."""

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
    array: FloatArray = getattr(case, name).copy()
    flat = array.reshape(-1)
    if not flat[part].size:
        return None
    flat[part] = change(flat[part].astype(np.float64)).astype(array.dtype)
    if array.tobytes() == getattr(case, name).tobytes():
        return None
    return _changed(case, **{name: array})


def _without_eps(case: Case, *, name: str) -> Case | None:
    return _changed(case, **{f"eps_{name}": 0.0}) if getattr(case, f"eps_{name}") else None


def _eps_to_power(case: Case, *, name: str) -> Case | None:
    eps = getattr(case, f"eps_{name}")
    fraction, exponent = math.frexp(eps)
    if fraction in (0.0, 0.5):
        return None
    return _changed(case, **{f"eps_{name}": math.ldexp(0.5, exponent)})


def _changed(case: Case, **update: object) -> Case:
    content = {name: getattr(case, name) for name in type(case).model_fields}
    return Case(**{**content, **update})
