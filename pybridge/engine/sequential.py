"""The replay of a contraction at the speed of NumPy: values in the stated order, and their binades.

`pybridge.engine.reference` evaluates the exported laws term by term. For the laws of Lean's
`Approx.add` and `Approx.mul` the bound of an entry is

    Σ over its terms of (|x| + εₓ)·εᵧ + |y|·εₓ + halfUlp(x·y), plus Σ over its steps of halfUlp(sum)

of which only the sums have to be replayed in order. Each step here is a multiplication and an
addition of a block of outputs that stays in cache, in the format itself: values are the reference's
bit for bit. What a half ulp needs of a product or sum is its exponent; masking the other bits
leaves the binade, and a product with a vector of ones adds up the binades of many steps.

By Lean's `Format.halfUlp_le_halfUlp_round` the rounded result may replace the exact one, whose
binade differs only where rounding reached a power of two. In small blocks the exact result's binade
is taken. `Format.halfUlp_eq_max_binade` gives the half ulp from the binade.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.engine.dense import Form, Lattice, Layout, Split
from pybridge.engine.indices import Block, locate
from pybridge.engine.spot import require_ieee_threads
from pybridge.engine.upward import Float64, product_binade, sum_binade
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.operands import Operand

__all__ = ["Replayed", "replay"]

_Box: TypeAlias = tuple[slice, ...]
_Triple: TypeAlias = tuple[int, int, int]

_OUTPUTS = 18432
"""Outputs of a block, which with the steps' scratch memory stay in the second-level cache."""
_SCRATCH = 600_000
"""Bytes of the products and sums of the steps between two additions of their binades."""
_BATCH = 32
"""Steps between two additions of their binades, at most."""
_OPERANDS = 1 << 17
"""At most so many entries of operands are laid out for the steps at once."""
_FEW = 256
"""For fewer outputs, one `np.add.accumulate` is faster than an addition for each step."""
_EXACT = 1 << 15
"""Up to so many products of a block, binades are taken from exact results."""
_SMALL = 200
"""Sums of binades below so many least normal numbers per term are computed again, floored."""
_KEPT = 1 << 22
"""Each of a replay's six arrays is kept for the next replay if it takes at most so many bytes."""
_IDLE = 4
"""The memory of at most so many replays is kept when none is running."""
_PLANS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """The values of a contraction in the stated order, and the ingredients of their bounds.

    All have the contraction's output shape. `binades` is, for each entry, the sum of 2^⌊log₂|v|⌋
    over the results v of its products (if there are two factors) and additions, rounded to the
    format or exact, where v below the normal range counts 0, or the least normal number where
    `floored`. It is computed with at most `roundings` roundings on the path of a term, each of
    relative error at most 2⁻²⁴.
    """

    value: FloatArray
    binades: Float64
    floored: npt.NDArray[np.bool_]
    roundings: int


def replay(parts: Split, format: FloatFormat, operands: Mapping[str, Operand]) -> Replayed | None:
    """Replay a split contraction on operands of the shapes that it gives them.

    Returns None for contractions that are not replayed here: with more than two factors, two padded
    factors, an output dimension on which no factor depends, or outputs whose terms are in several
    lattices. Raises `FloatingPointError` as `require_ieee_threads` does.
    """
    plans = _plans(parts)
    if plans is None:
        return None
    with np.errstate(all="ignore"), _borrowed() as scratch:
        run = _Run(parts, format, operands, scratch)
        # BLAS adds up the binades.
        require_ieee_threads(run.steps.work, prod(parts.out_sizes + parts.red_sizes))
        # NumPy copies broadcast operands into its buffer if several rows fit, which takes twice as
        # long as the multiplication.
        before = np.setbufsize(16)
        try:
            for plan in plans:
                run.lattice(plan)
            run.addends(operands)
        finally:
            np.setbufsize(before)
    shape = parts.shape
    return Replayed(
        run.value.reshape(shape).astype(format.dtype, copy=False),
        run.binades.reshape(shape),
        run.floored.reshape(shape),
        run.roundings,
    )


def _boxes(sizes: Sequence[int], limit: int) -> Iterator[_Box]:
    """Yield boxes of at most `limit` entries (or one), each consecutive in row-major order."""
    inner, lead = 1, len(sizes)
    while lead and inner * sizes[lead - 1] <= limit:
        lead -= 1
        inner *= sizes[lead]
    whole = tuple(slice(0, size) for size in sizes[lead:])
    if lead == 0:
        yield whole
        return
    step = max(1, limit // inner)
    for index in np.ndindex(*sizes[: lead - 1]):
        outer = tuple(slice(i, i + 1) for i in index)
        for start in range(0, sizes[lead - 1], step):
            yield (*outer, slice(start, min(start + step, sizes[lead - 1])), *whole)


class _Memory:
    """Memory for an array that is reused, since fresh pages cost more than writing to them."""

    def __init__(self) -> None:
        self.bytes = np.empty(0, np.uint8)

    def array(self, shape: Sequence[int], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return an array with any contents, until the next one is asked for."""
        size = prod(shape) * dtype.itemsize
        if size > _KEPT:
            return np.empty(shape, dtype)
        if self.bytes.size < size:
            self.bytes = np.empty(size, np.uint8)
        return self.bytes[:size].view(dtype).reshape(shape)


class _Scratch:
    """The memory of one replay."""

    def __init__(self) -> None:
        self.factors = (_Memory(), _Memory())
        self.inside = _Memory()
        self.steps = _Memory()
        self.value = _Memory()
        self.binades = _Memory()


_idle: list[_Scratch] = []


@contextmanager
def _borrowed() -> Iterator[_Scratch]:
    """Yield memory that no other replay uses until the block ends.

    Another thread, or a signal handler in the middle of a replay, gets other memory: taking it from
    the list and putting it back are atomic.
    """
    try:
        scratch = _idle.pop()
    except IndexError:
        scratch = _Scratch()
    try:
        yield scratch
    finally:
        if len(_idle) < _IDLE:
            _idle.append(scratch)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the steps read a factor, or the mask of its terms, in a lattice.

    `axes` brings a view's dimensions into the order (reductions…, outputs in the plan's order…);
    `own` says for each output in that order whether the factor depends on its group, and `groups`
    whether it depends on each of the plan's three groups.
    """

    layout: Layout
    forms: tuple[Form, ...]
    axes: tuple[int, ...]
    own: tuple[bool, ...]
    groups: tuple[bool, bool, bool]

    def view(self, box: npt.NDArray[Any], lattice: Lattice) -> npt.NDArray[Any]:
        """Return the view of a padded factor, its dimensions in the plan's order."""
        return self.layout.view(box, self.forms, lattice.sizes).transpose(self.axes)

    def steps(
        self, view: npt.NDArray[Any], reductions: _Box, panel: _Panel, memory: _Memory
    ) -> npt.NDArray[Any]:
        """Return the entries at a box of reductions, one step after the other, contiguous in
        `memory`.
        """
        lengths = [p.stop - p.start for p in reductions]
        lengths += [
            p.stop - p.start if own else 1 for p, own in zip(panel.outputs, self.own, strict=True)
        ]
        part = tuple(
            p if size > 1 else slice(None)
            for p, size in zip((*reductions, *panel.outputs), view.shape, strict=True)
        )
        laid = memory.array(lengths, view.dtype)
        np.copyto(laid, view[part])
        triple = (size if here else 1 for size, here in zip(panel.triple, self.groups, strict=True))
        return laid.reshape(-1, *triple)

    def part(self, block: _Box) -> tuple[slice, ...]:
        """Return the slices of the steps that a block of outputs reads."""
        own = (p if here else slice(None) for p, here in zip(block, self.groups, strict=True))
        return (slice(None), *own)


@dataclass(frozen=True, slots=True)
class _Panel:
    """Outputs for which factors are laid out at once.

    `outputs` are their slices in the plan's order, `triple` their numbers in the three groups,
    `blocks` boxes of these, and `reductions` the boxes of steps.
    """

    outputs: _Box
    triple: _Triple
    blocks: tuple[_Box, ...]
    reductions: tuple[_Box, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How a lattice is replayed: with its outputs in three groups, of both factors and of each.

    `order` are the output dimensions, group by group, and `sizes` their sizes. `mask` reads the
    padded factor, if there is one, and `skipping` says for each step whether some of its terms are
    skipped.
    """

    lattice: Lattice
    order: tuple[int, ...]
    sizes: tuple[int, ...]
    sides: tuple[_Reading, ...]
    mask: _Reading | None
    skipping: npt.NDArray[np.bool_]
    panels: tuple[_Panel, ...]

    def loops(self, result: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a result in the plan's order, over the output loop dimensions."""
        return result.transpose(np.argsort(self.order))


@lru_cache(maxsize=_PLANS)
def _plans(parts: Split) -> tuple[_Plan, ...] | None:
    padded = [i for i, layout in enumerate(parts.layouts) if layout.padded]
    if len(parts.layouts) > 2 or len(padded) > 1:
        return None
    plans = [_plan(parts, lattice, padded) for lattice in parts.lattices if lattice.first]
    if len(plans) < len(parts.lattices) or any(plan is None for plan in plans):
        return None
    return tuple(plan for plan in plans if plan is not None)


def _plan(parts: Split, lattice: Lattice, padded: Sequence[int]) -> _Plan | None:
    """Return the plan for a lattice; None if no factor depends on an output dimension."""
    outs, sizes = len(lattice.out), lattice.out_sizes
    depends = [
        [any(form.coefficients[k] for form in forms) for k in range(outs)]
        for forms in lattice.forms
    ]
    groups: list[list[int]] = [[] for _ in lattice.forms]
    both: list[int] = []
    for k in range(outs):
        of = [i for i, own in enumerate(depends) if own[k]]
        if sizes[k] > 1 and not of:
            return None
        (groups[of[0]] if len(of) == 1 else both).append(k)
    # The innermost group is the largest; its innermost dimension is the last of `_memory_axes`.
    for group, forms in zip(groups, lattice.forms, strict=True):
        last = forms[_last_axis(sizes, forms)].coefficients
        ranks = [(last[k] != 0, sizes[k]) for k in range(outs)]
        group.sort(key=ranks.__getitem__)
    alone = sorted(groups, key=lambda group: prod(sizes[k] for k in group))
    ordered = [both, *[[]] * (2 - len(alone)), *alone]
    if prod(sizes[k] for k in both) > prod(sizes[k] for k in alone[-1]):
        ordered = [*ordered[1:], both]
    order = tuple(k for group in ordered for k in group)
    axes = (*range(outs, len(lattice.sizes)), *order)

    def side(i: int) -> _Reading:
        one, two, three = (any(depends[i][k] for k in group) for group in ordered)
        own = tuple(
            here for group, here in zip(ordered, (one, two, three), strict=True) for _ in group
        )
        return _Reading(parts.layouts[i], lattice.forms[i], axes, own, (one, two, three))

    sides = tuple(side(i) for i in range(len(lattice.forms)))
    mask = sides[padded[0]] if padded else None
    skipping = np.zeros(lattice.red_sizes, np.bool_)
    if mask is not None:
        view = mask.view(mask.layout.indicator(np.int8), lattice)
        skipping[...] = (view == 0).any(axis=tuple(range(len(lattice.red), view.ndim)))
    lengths = [[sizes[k] for k in group] for group in ordered]
    shared = prod(sizes[k] for k in alone[0]) > 1 if len(alone) == 2 else False
    flat = tuple(size for group in lengths for size in group)
    boxes = [tuple(slice(0, size) for size in flat)] if shared else _boxes(flat, _OUTPUTS)
    panels = tuple(_panel(box, lengths, sides, lattice.red_sizes) for box in boxes)
    return _Plan(lattice, order, flat, sides, mask, skipping, panels)


def _panel(
    outputs: _Box, lengths: Sequence[Sequence[int]], sides: Sequence[_Reading], reds: Sequence[int]
) -> _Panel:
    counts = iter([p.stop - p.start for p in outputs])
    triple = _triple(prod(next(counts) for _ in group) for group in lengths)
    entries = sum(
        prod(size for size, here in zip(triple, side.groups, strict=True) if here) for side in sides
    )
    # For few outputs, steps are so few that the binades of exact results are taken.
    steps = _EXACT // (2 * prod(triple)) if prod(triple) < _FEW else _OPERANDS // entries
    return _Panel(
        outputs,
        triple,
        tuple(_boxes(triple, _OUTPUTS)),
        tuple(_boxes(reds, max(1, steps))),
    )


def _triple(sizes: Iterator[int]) -> _Triple:
    first, second, third = sizes
    return first, second, third


def _last_axis(out_sizes: Sequence[int], forms: Sequence[Form]) -> int:
    """Return the axis of a factor that depends on the longest output dimension."""

    def reach(axis: int) -> tuple[int, int]:
        of = zip(out_sizes, forms[axis].coefficients, strict=False)
        return max((size for size, coefficient in of if coefficient), default=0), axis

    return max(range(len(forms)), key=reach)


@lru_cache(maxsize=_PLANS)
def _memory_axes(parts: Split) -> list[tuple[list[int], list[int]]]:
    """Return the axes of each factor in its memory order, and their inverse."""
    orders = []
    for layout, forms in zip(parts.layouts, parts.lattices[0].forms, strict=True):
        axes = list(range(len(layout.extents)))
        axes.append(axes.pop(_last_axis(parts.lattices[0].out_sizes, forms)))
        orders.append((axes, [axes.index(k) for k in range(len(axes))]))
    return orders


class _Run:
    """One replay: its results over the loop dimensions."""

    def __init__(
        self,
        parts: Split,
        format: FloatFormat,
        operands: Mapping[str, Operand],
        scratch: _Scratch,
    ) -> None:
        self.parts = parts
        self.scratch = scratch
        self.steps = _Steps(format, scratch.steps)
        self.boxes = [
            layout.pad(operands[layout.name].value, self.steps.work) for layout in parts.layouts
        ]
        if parts.lattices:
            self.boxes = [
                np.ascontiguousarray(box.transpose(axes)).transpose(inverse)
                for box, (axes, inverse) in zip(self.boxes, _memory_axes(parts), strict=True)
            ]
        self.value = np.zeros(parts.out_sizes, self.steps.work)
        self.binades = np.zeros(parts.out_sizes)
        self.floored = np.zeros(parts.out_sizes, np.bool_)
        self.roundings = 0

    def lattice(self, plan: _Plan) -> None:
        """Replay a lattice."""
        value, binades = self._pass(plan, None)
        small = binades < _SMALL * plan.skipping.size * self.steps.least
        if small.any():
            value, binades = value.copy(), binades.copy()
            np.copyto(binades, self._pass(plan, small)[1], where=small)
            self.floored[plan.lattice.region] = plan.loops(small)
        self.value[plan.lattice.region] = plan.loops(value)
        self.binades[plan.lattice.region] = plan.loops(binades)

    def addends(self, operands: Mapping[str, Operand]) -> None:
        """Add the addends."""
        everything = Block((0,) * len(self.parts.out_sizes), self.parts.out_sizes)
        for reader in self.parts.addends:
            located = locate([reader], everything, ())
            if located is not None:
                region, (view,) = located
                added = view.of(operands[reader.name].value)
                total, binades, floored = (
                    np.asarray(result[region])
                    for result in (self.value, self.binades, self.floored)
                )
                for box in _boxes(added.shape, _OUTPUTS):
                    self._add(added[box], total[box], binades[box], floored[box])
                self.roundings += 1

    def _add(
        self, added: FloatArray, total: FloatArray, binades: Float64, floored: npt.NDArray[np.bool_]
    ) -> None:
        """Add numbers to sums, in place, and the binades of these additions to theirs."""
        steps = self.steps
        wide = added.astype(steps.work)
        binade = sum_binade(total.astype(np.float64), wide.astype(np.float64))
        binades += np.where(binade < steps.least, np.where(floored, steps.least, 0.0), binade)
        total += wide
        if steps.narrow:
            total[...] = steps.round(total)

    def _pass(self, plan: _Plan, floor: npt.NDArray[np.bool_] | None) -> tuple[FloatArray, Float64]:
        """Return the values and sums of binades of a lattice, in the plan's order.

        With `floor`, the binades are floored, and only blocks with outputs that it marks are
        computed.
        """
        value = self.scratch.value.array(plan.sizes, self.steps.work)
        binades = self.scratch.binades.array(plan.sizes, np.dtype(np.float64))
        value[...] = 0
        binades[...] = 0
        views = [
            side.view(box, plan.lattice) for side, box in zip(plan.sides, self.boxes, strict=True)
        ]
        mask = None
        if plan.mask is not None:
            every_bit = np.negative(plan.mask.layout.indicator(self.steps.integer))
            mask = plan.mask.view(every_bit, plan.lattice)
        for panel in plan.panels:
            marked = None if floor is None else floor[panel.outputs].reshape(panel.triple)
            self._panel(
                plan,
                panel,
                views,
                mask,
                marked,
                value[panel.outputs].reshape(panel.triple),
                binades[panel.outputs].reshape(panel.triple),
            )
        return value, binades

    def _panel(
        self,
        plan: _Plan,
        panel: _Panel,
        views: Sequence[npt.NDArray[Any]],
        mask: npt.NDArray[Any] | None,
        marked: npt.NDArray[np.bool_] | None,
        value: FloatArray,
        binades: Float64,
    ) -> None:
        """Add the steps of a panel to its values and binades."""
        blocks = [block for block in panel.blocks if marked is None or bool(marked[block].any())]
        largest = 0
        for reductions in panel.reductions if blocks else ():
            factors = [
                side.steps(view, reductions, panel, memory)
                for side, view, memory in zip(plan.sides, views, self.scratch.factors, strict=False)
            ]
            inside = None
            skipping = plan.skipping[reductions].reshape(-1)
            if plan.mask is not None and mask is not None and skipping.any():
                inside = plan.mask.steps(mask, reductions, panel, self.scratch.inside)
            for block in blocks:
                read = [f[s.part(block)] for f, s in zip(factors, plan.sides, strict=True)]
                here = None
                if plan.mask is not None and inside is not None:
                    here = inside[plan.mask.part(block)]
                total = value[block]
                sums, roundings = self.steps.run(read, here, skipping, total, marked is not None)
                binades[block] += sums.astype(np.float64).reshape(total.shape)
                largest = max(largest, roundings)
        self.roundings = max(self.roundings, largest + len(panel.reductions))


class _Steps:
    """Steps in a format, computed in machine numbers that are then rounded to it.

    Numbers of at most 11 bits are computed in binary32, which holds their products and almost all
    their sums exactly: the second rounding, to the format, is innocuous
    (`pybridge.problem.formats`).
    """

    def __init__(self, format: FloatFormat, memory: _Memory) -> None:
        self.memory = memory
        self.dtype = format.dtype
        self.narrow = 2 * format.precision <= 24
        self.work = np.dtype(np.float32) if self.narrow else format.dtype
        self.integer = np.dtype(f"i{self.work.itemsize}")
        self.mask = np.array(np.inf, self.work).view(self.integer)
        self.least = 2.0**format.min_exponent
        self.least_bits = np.array(self.least, self.work).view(self.integer)

    def round(self, numbers: FloatArray) -> FloatArray:
        """Return the numbers of the format that the working numbers round to, as working
        numbers.
        """
        rounded: FloatArray = numbers.astype(self.dtype).astype(self.work)
        return rounded

    def binades(self, bits: npt.NDArray[Any], *, floor: bool) -> None:
        """Replace the bits of numbers by the bits of their binades, in place."""
        np.bitwise_and(bits, self.mask, bits)
        if floor:
            np.maximum(bits, self.least_bits, out=bits)

    def run(
        self,
        factors: Sequence[FloatArray],
        inside: npt.NDArray[Any] | None,
        skipping: npt.NDArray[np.bool_],
        value: FloatArray,
        floor: bool,
    ) -> tuple[npt.NDArray[Any], int]:
        """Add terms to sums in place; return the sums of their binades, and the roundings of these.

        Factors and `inside` have the steps along their first axis, and their others broadcast to
        `value`'s; the bits of `inside` are all set where there is a term, and clear elsewhere.
        `skipping` says at which steps some are clear.
        """
        if value.size < _FEW or value.size * len(factors[0]) <= _EXACT:
            return self._exactly(factors, inside, value, floor)
        steps, size, kinds = len(factors[0]), value.size, len(factors)
        batch = max(1, min(steps, _BATCH, _SCRATCH // (kinds * size * self.work.itemsize)))
        scratch = self.memory.array((batch, kinds, size), self.work)
        bits = scratch.view(self.integer)
        by_entry = bits.reshape(batch, kinds, *value.shape)
        products = scratch.reshape(batch, kinds, *value.shape)[:, 0]
        rows = scratch.reshape(batch * kinds, size)
        terms, afters = list(scratch[:, 0]), list(scratch[:, -1])
        ones = np.ones(batch * kinds, self.work)
        binades, part = np.zeros(size, self.work), np.empty(size, self.work)
        total = value.reshape(-1)
        skips = [] if inside is None else np.flatnonzero(skipping).tolist()
        for start in range(0, steps, batch):
            count = min(batch, steps - start)
            now = slice(start, start + count)
            if kinds == 1:
                products[:count] = factors[0][now]
            else:
                np.multiply(factors[0][now], factors[1][now], products[:count])
            if self.narrow:
                self._add_narrow(total, scratch[:count])
            else:
                before = total
                for term, after in zip(terms[:count], afters, strict=False):
                    np.add(before, term, after)
                    before = after
                np.copyto(total, before)
            self.binades(bits[:count], floor=floor)
            if inside is not None:
                some = skips[bisect_left(skips, start) : bisect_left(skips, start + count)]
                for kind in range(0 if floor else kinds - 1, kinds) if some else ():
                    if 2 * len(some) > count:
                        here = by_entry[:count, kind]
                        np.bitwise_and(here, inside[now], here)
                    else:
                        for k in some:
                            here = by_entry[k - start, kind]
                            np.bitwise_and(here, inside[k], here)
            used = count * kinds
            np.matmul(ones[:used], rows[:used], part)
            np.add(binades, part, binades)
        return binades, kinds * batch + -(-steps // batch)

    def _add_narrow(self, total: FloatArray, scratch: FloatArray) -> None:
        """Add the rounded products, rounding each sum; the axis before the last ends with the
        sums.
        """
        terms = scratch[:, 0]
        if scratch.shape[1] == 2:
            terms = self.round(terms)
        before = total
        for term, after in zip(terms, scratch[:, -1], strict=True):
            np.add(before, term, after)
            before = self.round(after)
        np.copyto(total, before)

    def _exactly(
        self,
        factors: Sequence[FloatArray],
        inside: npt.NDArray[Any] | None,
        value: FloatArray,
        floor: bool,
    ) -> tuple[npt.NDArray[Any], int]:
        """Do `run` for a small block with the binades of exact results; steps are along the last
        axis.
        """
        lines = [np.ascontiguousarray(factor.transpose(1, 2, 3, 0)) for factor in factors]
        wide = [line.astype(np.float64) for line in lines]
        terms = np.empty((*value.shape, len(factors[0]) + 1), self.dtype)
        terms[..., 0] = value
        binades = []
        if len(lines) == 1:
            terms[..., 1:] = lines[0]
        else:
            terms[..., 1:] = np.multiply(*lines)
            binades.append(product_binade(*wide, exact=self.dtype.itemsize < 8))
        sums = np.add.accumulate(terms, axis=-1)
        value[...] = sums[..., -1]
        before, added = (a.astype(np.float64) for a in (sums[..., :-1], terms[..., 1:]))
        binades.append(sum_binade(before, added))
        least = self.least if floor else 0.0
        total = np.zeros(value.shape)
        for binade in binades:
            charged = np.where(binade < self.least, least, binade)
            if inside is not None:
                charged = np.where(inside.transpose(1, 2, 3, 0) != 0, charged, 0)
            total += np.broadcast_to(charged, before.shape).sum(axis=-1)
        return total.reshape(-1), len(binades) * len(factors[0])
