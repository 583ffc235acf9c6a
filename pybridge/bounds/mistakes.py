"""Common mistakes of a kernel: what it would have computed, as a result of its own.

Each is a part of the result (`Region`) of the same shape, of other operands or another geometry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from pybridge.bounds.crops import Region, crop
from pybridge.bounds.kernel_result import KernelResult
from pybridge.errors import InputError
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand

__all__ = ["mistakes"]

Moves: TypeAlias = Mapping[str, tuple[int, int, int]]
"""Stride, padding at the start, and dilation, of the height and the width."""

_MODES: tuple[tuple[Literal["edge", "reflect", "wrap"], str], ...] = (
    ("edge", "the padding repeated the border"),
    ("reflect", "the padding reflected the border"),
    ("wrap", "the padding were circular"),
)


def mistakes(region: Region) -> Iterator[tuple[str, KernelResult]]:
    """Mistakes in words, and what the entries of a region would then be of."""
    part = crop(region)
    yield from _other_addends(region, part)
    geometry = region.returned.computation.geometry
    if not isinstance(geometry, Geometry):
        yield from _transposed(region)
        return
    if "weight" in part.operands:
        yield from _other_kernels(region, part, geometry.rank)
    if geometry.rank != 2 or geometry.transposed or not part.computation.multiplies:
        return
    for words, windows in _other_geometries(geometry):
        other = _moved(part, windows)
        if other is not None:
            yield f"as if {words}", other
    if "x" in part.operands:
        yield from _shifted(part)
        for mode, words in _MODES:
            other = _filled(part, mode)
            if other is not None:
                yield f"as if {words}", other


def _geometry(returned: KernelResult) -> Geometry:
    geometry = returned.computation.geometry
    assert isinstance(geometry, Geometry)
    return geometry


def _with(returned: KernelResult, key: str, values: FloatArray) -> KernelResult:
    operand = Operand(np.ascontiguousarray(values), returned.operands[key].eps)
    return replace(returned, operands={**returned.operands, key: operand})


def _over_output(returned: KernelResult) -> bool:
    """Whether the result is what windows move over: the input gradient."""
    return "x" not in returned.operands


def _of_windows(returned: KernelResult, *windows: Window) -> KernelResult:
    geometry = _geometry(returned).moving(*windows)
    return replace(returned, computation=returned.computation.of_geometry(geometry))


def _other_kernels(
    region: Region, part: KernelResult, rank: int
) -> Iterator[tuple[str, KernelResult]]:
    own = part.operands["weight"].value
    flipped = own[(..., *(slice(None, None, -1),) * rank)]
    yield "as if the kernel were flipped", _with(part, "weight", flipped)
    if rank == 2 and own.shape[2] == own.shape[3]:
        words = "as if the kernel's height and width were transposed"
        yield words, _with(part, "weight", own.swapaxes(2, 3))
    whole = region.returned.operands["weight"].value
    if whole.shape[0] == whole.shape[1]:
        words = "as if the kernel's input and output channels were transposed"
        yield words, crop(region, _with(region.returned, "weight", whole.swapaxes(0, 1)))


def _transposed(region: Region) -> Iterator[tuple[str, KernelResult]]:
    """Factors of which two axes of one size are exchanged."""
    whole = region.returned
    for key in whole.computation.factors:
        values = whole.operands[key].value
        for a, b in combinations(range(values.ndim), 2):
            if values.shape[a] == values.shape[b] > 1:
                words = f"as if {whole.computation.called(key)} were transposed"
                yield words, crop(region, _with(whole, key, values.swapaxes(a, b)))


def _other_addends(region: Region, part: KernelResult) -> Iterator[tuple[str, KernelResult]]:
    for key in part.computation.addends:
        if key not in part.operands:
            continue
        called = part.computation.called(key)
        without = {name: operand for name, operand in part.operands.items() if name != key}
        yield f"as if the {called} were left out", replace(part, operands=without)
        own = part.operands[key].value
        with np.errstate(over="ignore"):
            twice = own + own
        if np.isfinite(twice).all():
            yield f"as if the {called} were added twice", _with(part, key, twice)
        if own.ndim > 1:
            continue
        for step, side in ((1, "before"), (-1, "after")):
            rolled = np.roll(region.returned.operands[key].value, step)
            words = f"as if the {called} were that of the output channel {side}"
            yield words, crop(region, _with(region.returned, key, rolled))


def _other_geometries(geometry: Geometry) -> Iterator[tuple[str, Moves]]:
    """For each axis another stride, padding at the start, and dilation."""
    own: dict[str, tuple[int, int, int]] = {
        axis: (window.stride, window.pad_begin, window.dilation)
        for axis, window in (("height", geometry.height), ("width", geometry.width))
    }

    def changed(axes: tuple[str, ...], step: int) -> Moves:
        return own | {axis: (own[axis][0], own[axis][1] + step, own[axis][2]) for axis in axes}

    for axes, where in (
        (("height",), "the height"),
        (("width",), "the width"),
        (("height", "width"), "both axes"),
    ):
        for step, side in ((1, "more"), (-1, "less")):
            words = f"there were one {side} of padding at the start of {where}"
            yield words, changed(axes, step)
    others: dict[str, Moves] = {
        "there were no padding at the start": {a: (s, 0, d) for a, (s, _, d) in own.items()},
        "stride and dilation were swapped": {a: (d, p, s) for a, (s, p, d) in own.items()},
        "height and width were swapped in the parameters": {
            "height": own["width"],
            "width": own["height"],
        },
        "the stride were 1": {a: (1, p, d) for a, (_, p, d) in own.items()},
        "the dilation were 1": {a: (s, p, 1) for a, (s, p, _) in own.items()},
        "the stride were one more": {a: (s + 1, p, d) for a, (s, p, d) in own.items()},
        "the stride were one less": {a: (s - 1, p, d) for a, (s, p, d) in own.items()},
        "the dilation were one more": {a: (s, p, d + 1) for a, (s, p, d) in own.items()},
        "the dilation were one less": {a: (s, p, d - 1) for a, (s, p, d) in own.items()},
    }
    met: list[Moves] = [own]
    for words, windows in others.items():
        if windows not in met and all(s > 0 and d > 0 for s, _, d in windows.values()):
            met.append(windows)
            yield words, windows


def _moved(returned: KernelResult, windows: Moves) -> KernelResult | None:
    """The result where the kernel moves otherwise over x; its output has the same size.

    None if a kernel of such a geometry would read nothing, or write an input gradient of another
    size.
    """
    moved: dict[str, Window] = {}
    kept = []
    for axis, (stride, pad, dilation) in windows.items():
        window: Window = getattr(_geometry(returned), axis)
        last = (window.output - 1) * stride + dilation * (window.kernel - 1) - pad
        low, high = max(-pad, 0), min(last + 1, window.size)
        if low >= high or (_over_output(returned) and pad < 0):
            return None
        try:
            moved[axis] = Window(
                size=window.size if _over_output(returned) else high - low,
                kernel=window.kernel,
                stride=stride,
                pad_begin=max(pad, 0),
                pad_end=max(last + 1 - window.size, 0),
                dilation=dilation,
            )
        except InputError:
            return None
        if moved[axis].output != window.output:
            return None
        kept.append(slice(low, high))
    result = _of_windows(returned, moved["height"], moved["width"])
    if _over_output(returned):
        return result
    return _with(result, "x", returned.operands["x"].value[:, :, kept[0], kept[1]])


def _shifted(returned: KernelResult) -> Iterator[tuple[str, KernelResult]]:
    """x read one row or column away, zeros where there is none."""
    own = returned.operands["x"].value
    steps = ((1, "further"), (-1, "before"))
    for axes, what in (((2,), "row"), ((3,), "column"), ((2, 3), "row and column")):
        for step, side in steps:
            values = np.roll(own, -step, axes)
            for axis in axes:
                np.moveaxis(values, axis, 0)[-1 if step > 0 else 0] = 0
            yield f"as if x were read one {what} {side}", _with(returned, "x", values)


def _filled(
    returned: KernelResult, mode: Literal["edge", "reflect", "wrap"]
) -> KernelResult | None:
    """The result where padding is not zero, but what a mode of `numpy.pad` makes it."""
    geometry = _geometry(returned)
    pads = [(w.pad_begin, w.pad_end) for w in geometry.windows]
    if not any(map(any, pads)):
        return None
    values = np.pad(returned.operands["x"].value, [(0, 0), (0, 0), *pads], mode)
    unpadded = (
        w.model_copy(update={"size": w.padded, "pad_begin": 0, "pad_end": 0})
        for w in geometry.windows
    )
    return _with(_of_windows(returned, *unpadded), "x", values)
