"""What the entries that rounding does not explain have in common, and what would explain them.

Nothing here is proved, nor is it needed for a verdict: these are hints where to look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.bounds.kernel_result import KernelResult
from pybridge.engine.accumulation import Accumulation
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.problem.formats import FORMATS, FloatArray
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

__all__ = ["Diagnosis", "diagnose"]

_Mask: TypeAlias = npt.NDArray[np.bool_]

_OPERAND_AXES = {
    "x": ("batch element", "input channel", "row of x", "column of x"),
    "weight": ("output channel", "input channel", "kernel row", "kernel column"),
    "grad_output": ("batch element", "output channel", "output row", "output column"),
}

_WORK = 2**32
"""The most products of all results that are computed in search of a pattern: some seconds."""

_CHANCE = 0.01
"""How likely a place may be that all failing entries have in common, were they random."""

_EXACT = 2**24
"""The most multiply-adds of results in float64, of which other operands' results are exact ones."""

_FAR = 100
"""How many times as much as the tightest promise another one may allow, to be named."""

_SPLITS = (2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Patterns of the failing entries, and the standard promises that allow every error.

    The tightest promise is the first. There is none where a pattern says that it is no rounding.
    """

    patterns: tuple[str, ...]
    explanations: tuple[str, ...]


def diagnose(
    returned: KernelResult,
    promise: Accumulation,
    reference: Float64,
    failures: _Mask,
    allowance: Float64,
    ratio: Callable[[Accumulation], float],
) -> Diagnosis:
    """What can be said about failing entries.

    `reference` is near the exact result, `allowance` is what the promise allows, and `ratio` gives
    the largest error in units of what another promise allows.
    """
    actual = returned.values.astype(np.float64)
    found = [*_where(returned, failures)]
    finite = bool(np.isfinite(actual).all() and np.isfinite(reference).all())
    if finite:
        seen = _Seen(returned, actual, reference, failures, allowance)
        found += filter(None, [seen.instead() or seen.otherwise()])
    if found or not finite:
        return Diagnosis(tuple(found), ())
    narrow = _narrower(returned, actual)
    patterns = (f"every entry is a {narrow} number",) if narrow else ()
    return Diagnosis(patterns, _explanations(returned, promise, ratio, narrow or ""))


def _where(returned: KernelResult, failures: _Mask) -> Iterator[str]:
    """The part of the result in which all failing entries are, if it is not the whole."""
    failed = np.count_nonzero(failures)
    for axis, name in enumerate(returned.which.axes):
        others = tuple(k for k in range(failures.ndim) if k != axis)
        size = failures.shape[axis]
        hit = np.flatnonzero(failures.any(axis=others))
        if (hit.size / size) ** (failed - 1) > _CHANCE:
            continue
        if hit.size == 1:
            yield f"only {name} {hit[0]}"
        elif (group := _group(returned, axis, hit)) is not None:
            yield f"only group {group}"
        elif name in ("row", "column") and _is_border(returned, axis, size, hit):
            yield f"only {name}s at the border"
        elif 2 * hit.size <= size and hit[-1] - hit[0] == hit.size - 1:
            yield f"only {name}s {hit[0]} to {hit[-1]}"
    if returned.which in (Result.OUTPUT, Result.INPUT):
        inner = failures
        for axis in (2, 3):
            size = failures.shape[axis]
            width = _border(returned, axis)
            if size <= 2 * width or failures.any(axis=(0, 1, 5 - axis)).sum() < size:
                return
            inner = np.take(inner, np.arange(width, size - width), axis)
        share = 1 - inner.size / failures.size
        if not inner.any() and share ** (failed - 1) <= _CHANCE:
            yield "only rows and columns at the border"


def _group(returned: KernelResult, axis: int, hit: npt.NDArray[np.intp]) -> int | None:
    """The one group that channels are in, and are all of."""
    g = returned.geometry
    channels = {("output", 1): g.out_channels, ("weight", 0): g.out_channels}
    channels |= {("bias", 0): g.out_channels, ("input", 1): g.in_channels}
    each = channels.get((returned.which, axis))
    if each is None or g.groups == 1 or hit.size != each:
        return None
    first, last = int(hit[0]) // each, int(hit[-1]) // each
    return first if first == last else None


def _border(returned: KernelResult, axis: int) -> int:
    window = returned.geometry.height if axis == 2 else returned.geometry.width
    return max(window.pad_begin, window.pad_end, 1)


def _is_border(returned: KernelResult, axis: int, size: int, hit: npt.NDArray[np.intp]) -> bool:
    width = _border(returned, axis)
    return size > 2 * width and bool(((hit < width) | (hit >= size - width)).all())


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A result, all of whose entries are finite, and the one that it should be."""

    returned: KernelResult
    actual: Float64
    reference: Float64
    failures: _Mask
    allowance: Float64

    def instead(self) -> str | None:
        """What the failing entries are, in terms of what they should be."""
        if not self.actual.any():
            return "every entry is zero"
        values, exact = self.actual[self.failures], self.reference[self.failures]
        which = "every entry is" if self.failures.all() else "these entries are"
        if not values.any():
            return f"{which} zero"
        scale = float(np.abs(exact).max())
        if values.size < 2 or not scale:
            return None
        with np.errstate(all="ignore"):
            factor = float(np.divide(values @ (exact / scale), exact @ (exact / scale)))
        if not math.isfinite(factor):
            return None
        for c in (float(Fraction(factor).limit_denominator(16)), factor):
            if c and self._fits(c * self.reference, 1 + abs(c), self.failures):
                words = (
                    "have the wrong sign" if c == -1 else f"are {c:.6g} times what they should be"
                )
                return f"these entries {words}"
        return None

    def otherwise(self) -> str | None:
        """As if what the whole result was computed."""
        for words, values in self._rearranged():
            if self._fits(values):
                return words
        left = count(_WORK // max(self.returned.geometry.multiply_adds, 1), -1)
        for words, other in _other_results(self.returned):
            if next(left) <= 0:
                break
            if self._fits(_value(other)):
                return words
        for words, other in _parts(self.returned):
            if next(left) <= 0:
                break
            part = _value(other)
            if self._fits(self.reference - part):
                return f"as if {words} were left out"
            if self._fits(self.reference + part):
                return f"as if {words} were counted twice"
        return None

    def _fits(self, values: FloatArray, weight: float = 1.0, where: _Mask | None = None) -> bool:
        """Whether values are near, and four times as near at least as what should be there."""
        chosen = np.ones_like(self.failures) if where is None else where
        actual, values = self.actual[chosen], values[chosen]
        with np.errstate(all="ignore"):
            allowance = weight * self.allowance[chosen]
            allowance += np.abs(values) * 2.0**-self.returned.format.precision
            off = np.abs(actual - values) / allowance
            now = np.abs(actual - self.reference[chosen]) / allowance
        return bool(np.isfinite(off).all() and off.max() <= min(2.0, now.max() / 4))

    def _rearranged(self) -> Iterator[tuple[str, FloatArray]]:
        """The result with its entries elsewhere, where that is another result of its shape."""
        if self.returned.which == "weight":
            yield "the kernel is flipped", self.reference[..., ::-1, ::-1]
        names = self.returned.which.axes
        for a, b in ((0, 1), (2, 3)) if self.actual.ndim == 4 else ():
            if self.actual.shape[a] == self.actual.shape[b]:
                words = f"{names[a]}s and {names[b]}s are transposed"
                yield words, self.reference.swapaxes(a, b)
        for axis, name in enumerate(names):
            yield f"{name}s are in reverse", np.flip(self.reference, axis)


def _value(returned: KernelResult) -> FloatArray:
    return np.broadcast_to(returned.estimator().value(np.float64), returned.values.shape)


def _narrower(returned: KernelResult, actual: Float64) -> str | None:
    """The narrowest format that holds every entry of a result of a wider one."""
    if np.count_nonzero(actual) < 8:
        return None
    for name in ("bfloat16", "binary16", "binary32"):
        format = FORMATS[name]
        with np.errstate(all="ignore"):
            same = bool((actual.astype(format.dtype).astype(np.float64) == actual).all())
        if same and format.precision < returned.format.precision:
            return format.dtype.name
    return None


def _other_results(returned: KernelResult) -> Iterator[tuple[str, KernelResult]]:
    """Common mistakes: the same shapes, other operands or another geometry."""
    weight = returned.operands.get("weight")
    if weight is not None:
        w, eps = weight.value, weight.eps

        def with_weight(values: FloatArray) -> KernelResult:
            return replace(returned, operands={**returned.operands, "weight": Operand(values, eps)})

        yield "as if the kernel were flipped", with_weight(w[..., ::-1, ::-1].copy())
        if w.shape[2] == w.shape[3]:
            words = "as if the kernel's height and width were transposed"
            yield words, with_weight(w.swapaxes(2, 3).copy())
        if w.shape[0] == w.shape[1]:
            words = "as if the kernel's input and output channels were transposed"
            yield words, with_weight(w.swapaxes(0, 1).copy())
    if returned.which != "bias":
        for words, geometry in _other_geometries(returned.geometry):
            yield f"as if {words}", replace(returned, geometry=geometry)


def _other_geometries(geometry: Geometry) -> Iterator[tuple[str, Geometry]]:
    """Geometries of the same shapes."""
    for axis in ("height", "width"):
        window: Window = getattr(geometry, axis)
        for step, side in ((1, "more"), (-1, "less")):
            words = f"there were one {side} of padding at the start of the {axis}"
            yield from _changed(geometry, words, {axis: {"pad_begin": window.pad_begin + step}})
    for step, side in ((1, "more"), (-1, "less")):
        words = f"there were one {side} of padding at the start of both axes"
        yield from _changed(
            geometry,
            words,
            {a: {"pad_begin": getattr(geometry, a).pad_begin + step} for a in ("height", "width")},
        )
    pairs = {a: getattr(geometry, a) for a in ("height", "width")}
    swapped = {a: {"stride": w.dilation, "dilation": w.stride} for a, w in pairs.items()}
    yield from _changed(geometry, "stride and dilation were swapped", swapped)
    yield from _changed(
        geometry, "the dilation were 1", {a: {"dilation": 1} for a in ("height", "width")}
    )
    yield from _changed(
        geometry, "the stride were 1", {a: {"stride": 1} for a in ("height", "width")}
    )


def _changed(
    geometry: Geometry, words: str, changes: Mapping[str, Mapping[str, int]]
) -> Iterator[tuple[str, Geometry]]:
    """A geometry with other windows of the same sizes, its padding at the end as fits."""
    windows: dict[str, Window] = {}
    for axis, values in changes.items():
        window: Window = getattr(geometry, axis)
        data = {**window.model_dump(), **values}
        reach = data["dilation"] * (window.kernel - 1) + 1
        needed = (window.output - 1) * data["stride"] + reach
        data["pad_end"] = max(needed - window.size - data["pad_begin"], 0)
        try:
            windows[axis] = Window(**data)
        except InputError:
            return
        if windows[axis].output != window.output:
            return
    changed = geometry.model_copy(update=windows)
    if changed != geometry:
        yield words, changed


def _parts(returned: KernelResult) -> Iterator[tuple[str, KernelResult]]:
    """The result of a part of the terms: those with one index, or the last few, of an operand."""
    for key, axis in (
        ("grad_output", 0),
        ("weight", 2),
        ("weight", 3),
        ("grad_output", 1),
        ("x", 1),
        ("grad_output", 2),
        ("grad_output", 3),
    ):
        if key not in returned.operands or not _is_summed(returned.which, key, axis):
            continue
        given = returned.operands[key]
        size = given.value.shape[axis]
        name = _OPERAND_AXES[key][axis]
        singles = [(f"{name} {i}", slice(i, i + 1)) for i in _ends(size, 8)]
        tails = [(f"the last {m} {name}s", slice(size - m, size)) for m in _tails(size)]
        for words, part in singles + tails:
            values = np.zeros_like(given.value)
            where = (slice(None),) * axis + (part,)
            values[where] = given.value[where]
            operands = {**returned.operands, key: Operand(values, given.eps)}
            operands.pop("bias", None)
            yield words, replace(returned, operands=operands)
    if returned.which in (Result.OUTPUT, Result.INPUT):
        weight = returned.operands["weight"]
        height, width = weight.value.shape[2:]
        for i, j in np.ndindex(height, width) if height * width <= 25 else ():
            values = np.zeros_like(weight.value)
            values[:, :, i, j] = weight.value[:, :, i, j]
            operands = {**returned.operands, "weight": Operand(values, weight.eps)}
            operands.pop("bias", None)
            yield f"kernel tap ({i}, {j})", replace(returned, operands=operands)


def _is_summed(name: str, key: str, axis: int) -> bool:
    """Whether a result sums over an axis of an operand."""
    return (key, axis) in {
        "output": {("x", 1), ("weight", 2), ("weight", 3)},
        "bias": {("grad_output", 0), ("grad_output", 2), ("grad_output", 3)},
        "weight": {("grad_output", 0), ("grad_output", 2), ("grad_output", 3)},
        "input": {("grad_output", 1), ("weight", 2), ("weight", 3)},
    }[name]


def _ends(size: int, most: int) -> list[int]:
    """All indices, or of many the first and the last."""
    return list(range(size)) if size <= most else [0, size - 1]


def _tails(size: int) -> list[int]:
    """Remainders of divisions into blocks, and halves."""
    remainders = {size % block for block in (2, 4, 8, 16, 32, 64, 128)} | {size // 2}
    return sorted(m for m in remainders if 1 < m < size)


def _explanations(
    returned: KernelResult,
    promise: Accumulation,
    ratio: Callable[[Accumulation], float],
    likely: str,
) -> tuple[str, ...]:
    """The standard promises that allow every error, the tightest first.

    Those that round operands come first, for they allow hardly more than the promise itself; then
    those of the likely format. What allows `_FAR` times as much as another one is no explanation.
    """
    found: dict[str, tuple[int, float, str]] = {}
    for family, weaker in _weaker(returned, promise):
        if family in found:
            continue
        try:
            share = ratio(weaker)
        except InputError:
            continue
        if share <= 1:
            words = family.format(weaker.splits)
            shown = f"{words} ({share:.2g} of what that allows)"
            rank = -1 if weaker.flushed else int(bool(likely) and likely in words)
            if weaker.operands != promise.operands:
                rank = 2
            found[family] = rank, share, shown
    best = max((share for rank, share, _ in found.values() if rank in (0, 1)), default=0.0)
    near = [one for one in found.values() if one[0] not in (0, 1) or _FAR * one[1] >= best]
    return tuple(words for _, _, words in sorted(near, reverse=True))


def _weaker(returned: KernelResult, promise: Accumulation) -> Iterator[tuple[str, Accumulation]]:
    """Standard promises that are weaker than a given one, and what they are called."""

    def change(**values: object) -> Accumulation:
        return promise.model_copy(update=values)

    dtypes = {
        returned.values.dtype.name,
        *(g.value.dtype.name for g in returned.operands.values()),
    }
    widest = max(g.value.dtype.itemsize for g in returned.operands.values())
    narrow = {"float32": 4, "tf32": 3, "float16": 2, "bfloat16": 2}
    for name, other in (("float16", "bfloat16"), ("bfloat16", "float16")):
        if name in dtypes and other not in dtypes:
            del narrow[other]
    quick = returned.format.precision <= 24 or returned.geometry.multiply_adds <= _EXACT
    for name, size in narrow.items() if quick else ():
        if size < widest and promise.operands is None:
            yield f"operands rounded to {name}", change(operands=name)
        if name == "tf32" and promise.operands is None and size < widest:
            cut = change(operands=name, operand_rounding="toward-zero")
            yield f"operands cut to {name}", cut
    for name, size in narrow.items():
        if name == "tf32":
            continue
        if size < returned.values.dtype.itemsize and promise.output is None:
            yield f"a result rounded to {name}", change(output=name)
        if name != promise.accumulate and size < returned.values.dtype.itemsize | 4:
            for k in _SPLITS:
                if promise.across is None or k > promise.splits:
                    yield f"{name} partial sums of split_k({{}})", change(splits=k, across=name)
            yield f"sums in {name}", change(accumulate=name, splits=1, across=None)
    if promise.rounding == "nearest":
        yield "rounding toward zero", change(rounding="toward-zero")
    if not promise.flushed:
        yield "subnormals flushed to zero", change(flushed=True)
