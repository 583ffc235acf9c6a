"""Common mistakes of kernels: what a kernel would then have computed, as a result of its own.

Each is a region of the result of the same shape, with other operands or another geometry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from pybridge.bounds.crops import Region, crop
from pybridge.bounds.kernel_result import KernelResult
from pybridge.errors import InputError
from pybridge.problem.formats import FloatArray
from pybridge.problem.geometry import Geometry, Window, axis_names, index_names
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Pooling

__all__ = ["mistakes"]

Shaped: TypeAlias = Geometry | Pooling
Moves: TypeAlias = tuple[tuple[int, int, int], ...]
"""Stride, padding at the start, and dilation, of each spatial axis."""

_MODES: tuple[tuple[Literal["edge", "reflect", "wrap"], str], ...] = (
    ("edge", "the padding repeated the border"),
    ("reflect", "the padding reflected the border"),
    ("wrap", "the padding were circular"),
)


def mistakes(region: Region) -> Iterator[tuple[str, KernelResult]]:
    """Yield mistakes in words, each with the result that has them in a region."""
    part = crop(region)
    yield from _other_addends(region, part)
    geometry = region.returned.computation.geometry
    if not isinstance(geometry, Geometry | Pooling):
        yield from _transposed(region)
        return
    if "weight" in part.operands:
        yield from _other_kernels(region, part, len(geometry.windows))
    if isinstance(geometry, Geometry) and not part.computation.multiplies:
        return
    for words, moves in _other_geometries(geometry):
        other = _moved(part, moves)
        if other is not None:
            yield f"as if {words}", other
    if "x" in part.operands:
        yield from _shifted(part)
        for mode, words in _MODES:
            other = _filled(part, mode)
            if other is not None:
                yield f"as if {words}", other


def _geometry(returned: KernelResult) -> Shaped:
    geometry = returned.computation.geometry
    assert isinstance(geometry, Geometry | Pooling)
    return geometry


def _with(returned: KernelResult, key: str, values: FloatArray) -> KernelResult:
    operand = Operand(np.ascontiguousarray(values), returned.operands[key].eps)
    return replace(returned, operands={**returned.operands, key: operand})


def _over_output(returned: KernelResult) -> bool:
    """Return whether the result is what windows move over: the input gradient."""
    return "x" not in returned.operands


def _of_windows(returned: KernelResult, windows: Sequence[Window]) -> KernelResult:
    geometry = _geometry(returned)
    other = type(geometry)(**{**dict(geometry), "windows": tuple(windows)})
    return replace(returned, computation=returned.computation.of_geometry(other))


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
    """Yield the results of factors with two axes of one size exchanged."""
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


def _other_geometries(geometry: Shaped) -> Iterator[tuple[str, Moves]]:
    """Yield other strides, paddings at the start and dilations of the axes."""
    own = tuple((w.stride, w.pad_begin, w.dilation) for w in geometry.windows)
    names, every = axis_names(len(own)), range(len(own))
    where: list[tuple[str, tuple[int, ...]]] = [(f"the {names[k]}", (k,)) for k in every]
    if len(own) > 1:
        where.append(("both axes" if len(own) == 2 else "all axes", tuple(every)))
    for at, axes in where:
        for step, side in ((1, "more"), (-1, "less")):
            words = f"there were one {side} of padding at the start of {at}"
            yield words, tuple((s, p + step * (k in axes), d) for k, (s, p, d) in enumerate(own))
    others: dict[str, Moves] = {
        "there were no padding at the start": tuple((s, 0, d) for s, _, d in own),
        "stride and dilation were swapped": tuple((d, p, s) for s, p, d in own),
    }
    for a, b in combinations(every, 2):
        swapped = [b if k == a else a if k == b else k for k in every]
        words = f"{names[a]} and {names[b]} were swapped in the parameters"
        others[words] = tuple(own[k] for k in swapped)
    others |= {
        "the stride were 1": tuple((1, p, d) for _, p, d in own),
        "the dilation were 1": tuple((s, p, 1) for s, p, _ in own),
        "the stride were one more": tuple((s + 1, p, d) for s, p, d in own),
        "the stride were one less": tuple((s - 1, p, d) for s, p, d in own),
        "the dilation were one more": tuple((s, p, d + 1) for s, p, d in own),
        "the dilation were one less": tuple((s, p, d - 1) for s, p, d in own),
    }
    met: list[Moves] = [own]
    for words, moves in others.items():
        if moves not in met and all(s > 0 and d > 0 for s, _, d in moves):
            met.append(moves)
            yield words, moves


def _moved(returned: KernelResult, moves: Moves) -> KernelResult | None:
    """Return the result of a kernel that moves differently over x, with an output of the same size.

    None if a kernel of such a geometry would read nothing, or write an input gradient of another
    size.
    """
    moved, kept = [], []
    for window, (stride, pad, dilation) in zip(_geometry(returned).windows, moves, strict=True):
        last = (window.output - 1) * stride + dilation * (window.kernel - 1) - pad
        low, high = max(-pad, 0), min(last + 1, window.size)
        numbers = {"kernel": window.kernel, "stride": stride, "dilation": dilation}
        if window.transposed:
            spread = (window.size - 1) * stride + dilation * (window.kernel - 1) + 1
            less = spread - pad - window.output
            low, high = 0, window.size
            numbers |= {"pad_end": max(less, 0), "output_padding": max(-less, 0)}
        else:
            numbers["pad_end"] = max(last + 1 - window.size, 0)
        if low >= high or (pad < 0 and (window.transposed or _over_output(returned))):
            return None
        size = window.size if _over_output(returned) else high - low
        try:
            other = Window(
                size=size, pad_begin=max(pad, 0), transposed=window.transposed, **numbers
            )
        except InputError:
            return None
        if other.output != window.output:
            return None
        moved.append(other)
        kept.append(slice(low, high))
    result = _of_windows(returned, moved)
    if _over_output(returned):
        return result
    return _with(result, "x", returned.operands["x"].value[:, :, *kept])


def _shifted(returned: KernelResult) -> Iterator[tuple[str, KernelResult]]:
    """Yield the results of x read one row or column away, with zeros beyond the border."""
    own, called = returned.operands["x"].value, returned.computation.called("x")
    steps = index_names(own.ndim - 2)
    moved: list[tuple[tuple[int, ...], str]] = [((2 + k,), what) for k, what in enumerate(steps)]
    if len(steps) > 1:
        moved.append((tuple(range(2, own.ndim)), " and ".join(steps)))
    for axes, what in moved:
        for step, side in ((1, "further"), (-1, "before")):
            values = np.roll(own, -step, axes)
            for axis in axes:
                np.moveaxis(values, axis, 0)[-1 if step > 0 else 0] = 0
            yield f"as if {called} were read one {what} {side}", _with(returned, "x", values)


def _filled(
    returned: KernelResult, mode: Literal["edge", "reflect", "wrap"]
) -> KernelResult | None:
    """Return the result with padding by a mode of `numpy.pad` instead of zeros."""
    geometry = _geometry(returned)
    pads = [(w.pad_begin, w.pad_end) for w in geometry.windows]
    if not any(map(any, pads)) or geometry.windows[0].transposed:
        return None
    values = np.pad(returned.operands["x"].value, [(0, 0), (0, 0), *pads], mode)
    unpadded = [
        w.model_copy(update={"size": w.padded, "pad_begin": 0, "pad_end": 0})
        for w in geometry.windows
    ]
    return _with(_of_windows(returned, unpadded), "x", values)
