"""A contraction at certain parameters as lattices: strided views of zero-padded operands.

An operand's index along an axis is (Σ cₖ·dₖ + b) / D over the output and reduction dimensions d. A
term exists where that divides exactly and is within the operand. `split_contraction` removes both
conditions:

* Where D > 1, every dimension of the index is split into residue classes modulo D / gcd(cₖ, D), and
  the combinations of classes for which the index divides are the *lattices*. On a lattice, indices
  are affine. The gradient of a strided convolution with respect to its input thus becomes some
  dense convolutions, without terms that only skip.
  If there would be too many lattices, an operand is stored with D − 1 zeros between the entries
  along the axis instead, which are then read as entries.
* An operand padded by zeros on every side that the lattices reach holds a zero wherever a term is
  skipped. Operands that no lattice leaves are not copied.

On a lattice, every operand is a view with the dimensions (outputs…, reductions…), of size one where
the operand does not depend on the dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise, product
from math import gcd, lcm, prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from pybridge.engine.backend import HOST, Array, Backend
from pybridge.engine.indices import AxisReader, Progression, Reader
from pybridge.exported.document import Contraction
from pybridge.exported.expressions import DefinitionsError, size_value
from pybridge.exported.identity import Same

__all__ = [
    "Counts",
    "Form",
    "Lattice",
    "Layout",
    "Narrowed",
    "PartialSums",
    "Split",
    "divided_reduction",
    "merge_axes",
    "narrowed",
    "partial_sums",
    "split_contraction",
]

Counts: TypeAlias = npt.NDArray[np.int64]

_REMEMBERED = 1 << 9
"""Cached results, enough for a network's layers: every preparation starts from a split."""

_EVEN = Fraction(3, 5)
"""Up to this share of the terms counts as nearly one half."""

_FEW = 64
"""Terms of which halves are not short enough, beside thirds."""

_TERMS = 1 << 23
"""So many terms take about as long as the plan of a lattice."""

_MANY = 64
"""Above so many lattices, terms are not divided into partial sums."""


@dataclass(frozen=True, slots=True)
class Form:
    """Σ coefficients·dimensions + offset: the index along an operand's axis on a lattice.

    The dimensions are the lattice's outputs and then its reductions, counted from zero.
    """

    coefficients: tuple[int, ...]
    offset: int

    def range(self, sizes: Sequence[int]) -> tuple[int, int]:
        """Return the least and the largest index over dimensions of these sizes."""
        low = high = self.offset
        for coefficient, size in zip(self.coefficients, sizes, strict=True):
            reach = coefficient * (size - 1)
            low, high = low + min(reach, 0), high + max(reach, 0)
        return low, high


@dataclass(frozen=True, eq=False)
class Lattice:
    """Progressions of outputs and reductions, on which indices are affine.

    `forms` holds, for each factor, the index along each of its axes. `first` says that no lattice
    before it has these outputs.
    """

    out: tuple[Progression, ...]
    red: tuple[Progression, ...]
    forms: tuple[tuple[Form, ...], ...]
    first: bool

    @cached_property
    def out_sizes(self) -> tuple[int, ...]:
        """The sizes of the output dimensions."""
        return tuple(progression.length for progression in self.out)

    @cached_property
    def red_sizes(self) -> tuple[int, ...]:
        """The sizes of the reduction dimensions."""
        return tuple(progression.length for progression in self.red)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of all dimensions."""
        return self.out_sizes + self.red_sizes

    @cached_property
    def region(self) -> tuple[slice, ...]:
        """The slices that select the lattice's outputs from an array over all loop dimensions."""
        return tuple(progression.slice for progression in self.out)


@dataclass(frozen=True, eq=False)
class Layout:
    """A factor: its shape, and the box of indices [low, high] that covers it and the lattices.

    Along an axis, entry i is at index i·step, with zeros between. `turned` lists the axes along
    which the box holds the factor backwards.
    """

    name: str
    extents: tuple[int, ...]
    steps: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    turned: tuple[int, ...] = ()

    @cached_property
    def lasts(self) -> tuple[int, ...]:
        """The index of the last entry along each axis."""
        ends = zip(self.extents, self.steps, strict=True)
        return tuple((extent - 1) * step if extent else -1 for extent, step in ends)

    @cached_property
    def whole(self) -> tuple[bool, ...]:
        """For each axis, whether the box holds only the operand along it."""
        ends = zip(self.low, self.high, self.lasts, self.steps, strict=True)
        return tuple(low >= 0 and high <= last and step == 1 for low, high, last, step in ends)

    @property
    def padded(self) -> bool:
        """Whether the lattices read outside of the operand."""
        return not all(self.whole)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of the box."""
        return tuple(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    @cached_property
    def inner(self) -> tuple[slice, ...]:
        """The slices that select the operand from the box."""
        ends = zip(self.low, self.lasts, self.steps, strict=True)
        return tuple(slice(-low, last + 1 - low, step) for low, last, step in ends)

    def pad(
        self,
        array: Array,
        dtype: npt.DTypeLike | None = None,
        *,
        absolute: bool = False,
        backend: Backend = HOST,
    ) -> Array:
        """Return the box of an operand in a dtype, by default its own, zero outside the operand.

        The array itself if nothing is padded or converted. `absolute` takes magnitudes.
        """
        kind = array.dtype if dtype is None else dtype
        if self.turned:
            array = backend.backwards(array, self.turned)
        if not self.padded and not absolute:
            return backend.cast(array, kind)
        box = backend.new(self.shape, kind, zero=self.padded)
        (backend.magnitudes if absolute else backend.copy)(box[self.inner], array)
        return box

    def indicator(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return the box of an operand of ones; of size one along the axes that are not padded."""
        sizes = [1 if w else size for w, size in zip(self.whole, self.shape, strict=True)]
        inner = [slice(0, 1) if w else part for w, part in zip(self.whole, self.inner, strict=True)]
        box = np.zeros(sizes, dtype)
        box[tuple(inner)] = 1
        return box

    def view(
        self, box: npt.NDArray[Any], forms: Sequence[Form], sizes: Sequence[int]
    ) -> npt.NDArray[Any]:
        """Return the view of a box that has, at each index of the lattice's dimensions, the entry
        that the term reads.

        It has size one along the dimensions that the index does not depend on.
        """
        strides = [0] * len(sizes)
        start: list[slice] = []
        for stride, extent, low, form in zip(box.strides, box.shape, self.low, forms, strict=True):
            at = form.offset - low if extent > 1 else 0
            start.append(slice(at, at + 1))
            if extent > 1:
                for k, coefficient in enumerate(form.coefficients):
                    strides[k] += coefficient * stride
        strides = [stride if size > 1 else 0 for stride, size in zip(strides, sizes, strict=True)]
        shape = [size if stride else 1 for stride, size in zip(strides, sizes, strict=True)]
        return as_strided(box[tuple(start)], shape, strides, writeable=False)


@dataclass(frozen=True, eq=False)
class Split:
    """A contraction at certain parameters, as lattices.

    `axes` lists the sizes of the loop dimensions of each output axis, `layouts` the factors,
    `addends` the operands that are added once.
    """

    axes: tuple[tuple[int, ...], ...]
    red_sizes: tuple[int, ...]
    layouts: tuple[Layout, ...]
    lattices: tuple[Lattice, ...]
    readers: tuple[Reader, ...]
    addends: tuple[Reader, ...]

    @cached_property
    def out_sizes(self) -> tuple[int, ...]:
        """The sizes of all output loop dimensions."""
        return tuple(size for axis in self.axes for size in axis)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return tuple(prod(axis) for axis in self.axes)

    def views(self, lattice: Lattice, boxes: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return the views of the padded factors on a lattice."""
        return [
            layout.view(box, forms, lattice.sizes)
            for layout, box, forms in zip(self.layouts, boxes, lattice.forms, strict=True)
        ]

    @cached_property
    def forwards(self) -> Split:
        """The same sums without views of negative strides, which PyTorch lacks.

        A reduction that moves backwards along an axis is counted from its end, and a factor with an
        axis that is then read only backwards is stored turned. Raises `DefinitionsError` if an axis
        is still read in both directions.
        """
        outs = len(self.out_sizes)
        backwards = {
            outs + k
            for lattice in self.lattices
            for forms in lattice.forms
            for form in forms
            if any(c > 0 for c in form.coefficients[:outs])
            for k, c in enumerate(form.coefficients[outs:])
            if c < 0
        }
        lattices = [
            replace(
                lattice,
                forms=tuple(
                    tuple(_counted_back(form, backwards, lattice.sizes) for form in forms)
                    for forms in lattice.forms
                ),
            )
            for lattice in self.lattices
        ]
        layouts = []
        for i, layout in enumerate(self.layouts):
            turned = tuple(
                j
                for j in range(len(layout.extents))
                if any(c < 0 for lattice in lattices for c in lattice.forms[i][j].coefficients)
            )
            for k, lattice in enumerate(lattices):
                own = tuple(
                    _turned(form, layout.lasts[j]) if j in turned else form
                    for j, form in enumerate(lattice.forms[i])
                )
                lattices[k] = replace(
                    lattice, forms=(*lattice.forms[:i], own, *lattice.forms[i + 1 :])
                )
            low, high = list(layout.low), list(layout.high)
            for j in turned:
                low[j], high[j] = layout.lasts[j] - layout.high[j], layout.lasts[j] - layout.low[j]
            layouts.append(replace(layout, low=tuple(low), high=tuple(high), turned=turned))
        read = [form for lattice in lattices for forms in lattice.forms for form in forms]
        if any(c < 0 for form in read for c in form.coefficients):
            raise DefinitionsError("an operand is read along an axis in both directions")
        return replace(self, layouts=tuple(layouts), lattices=tuple(lattices))

    @cached_property
    def counts(self) -> Counts:
        """How many terms each entry sums, over the output axes.

        It has size one along axes that do not matter. Dimensions that share an index that may be
        skipped form a component, and the count is the product of the components' counts.
        """
        sizes = self.out_sizes + self.red_sizes
        outs = len(self.out_sizes)
        conditions = [
            axis
            for reader in self.readers
            for axis in reader.axes
            if not axis.always_inside(self.out_sizes, self.red_sizes)
        ]
        total = np.ones((1,) * outs, np.int64)
        bound: set[int] = set()
        for dims, axes in _components(conditions):
            total = total * _component_count(dims, axes, sizes, outs)
            bound.update(dims)
        free = prod(sizes[k] for k in range(outs, len(sizes)) if k not in bound)
        counts = np.array(merge_axes(np.asarray(total * free), self.axes))
        counts.flags.writeable = False
        return counts


@dataclass(frozen=True, slots=True, eq=False)
class Narrowed:
    """A contraction over some steps of one dimension. `axes` has the axis along which each factor
    has only these steps; None for a factor that does not depend on the dimension.
    """

    split: Split
    axes: tuple[int | None, ...]


@lru_cache(maxsize=4 * _REMEMBERED)
def narrowed(split: Split, dim: int, size: int) -> Narrowed | None:
    """Return the same contraction over `size` steps of a dimension, of factors with only these.

    The outputs' dimensions are counted first, then the reductions'. None if the steps are not the
    entries along one axis of each factor that depends on the dimension: windows are not cut.
    """
    sizes = (*split.out_sizes, *split.red_sizes)
    if not _is_whole(split, dim):
        return None
    axes = [_own_axis(reader, dim, sizes) for reader in split.readers]
    if any(axis is not None and axis < 0 for axis in axes):
        return None
    outs, steps = len(split.out_sizes), Progression(0, 1, size)
    lattices = []
    for lattice in split.lattices:
        every = [*lattice.out, *lattice.red]
        every[dim] = steps
        lattices.append(replace(lattice, out=tuple(every[:outs]), red=tuple(every[outs:])))
    layouts = [
        layout
        if axis is None
        else replace(
            layout,
            extents=_with(layout.extents, axis, size),
            high=_with(layout.high, axis, size - 1),
        )
        for layout, axis in zip(split.layouts, axes, strict=True)
    ]
    readers = [
        reader if axis is None else reader.resized(axis, size)
        for reader, axis in zip(split.readers, axes, strict=True)
    ]
    loops = iter(_with(sizes, dim, size))
    shorter = replace(
        split,
        axes=tuple(tuple(next(loops) for _ in axis) for axis in split.axes),
        red_sizes=tuple(loops),
        layouts=tuple(layouts),
        lattices=tuple(lattices),
        readers=tuple(readers),
    )
    return Narrowed(shorter, tuple(axes))


@dataclass(frozen=True, slots=True, eq=False)
class PartialSums:
    """Sums over parts of the terms: those at the steps between two `cuts` of a reduction."""

    parts: tuple[Split, ...]
    cuts: tuple[int, ...] = ()


@lru_cache(maxsize=_REMEMBERED)
def divided_reduction(split: Split) -> int | None:
    """Return the dimension of the reduction that `partial_sums` is to divide; None for none.

    The best is one on which no skipping depends, then one that divides well, then one by which
    `narrowed` cuts the factors. With many lattices, terms are not divided, since the plan of each
    takes time.
    """

    def rank(dim: int) -> tuple[bool, bool, bool, Fraction]:
        size = split.red_sizes[dim - outs]
        share = Fraction((size + 1) // 2, size)
        return dim in conditions, share > _EVEN, narrowed(split, dim, 1) is None, share

    outs, conditions = len(split.out_sizes), _skipping(split)
    whole = [
        outs + k
        for k, size in enumerate(split.red_sizes)
        if size > 1 and _is_whole(split, outs + k)
    ]
    return min(whole, key=rank) if whole and len(split.lattices) <= _MANY else None


@lru_cache(maxsize=_REMEMBERED)
def partial_sums(split: Split, dim: int | None) -> PartialSums:
    """Return the sums over two parts of a reduction, over each step if there are three and terms
    are few, or one sum if there is no reduction.
    """
    if dim is None:
        return PartialSums((split,))
    size = split.red_sizes[dim - len(split.out_sizes)]
    few = size == 3 and prod(split.red_sizes) <= _FEW
    cuts = (0, 1, 2, 3) if few else (0, (size + 1) // 2, size)
    return PartialSums(tuple(_restricted(split, dim, *ends) for ends in pairwise(cuts)), cuts)


def _skipping(split: Split) -> set[int]:
    """Return the dimensions that decide whether a term is skipped."""
    return {
        k
        for reader in split.readers
        for axis in reader.axes
        if not axis.always_inside(split.out_sizes, split.red_sizes)
        for k in _dimensions(axis)
    }


def _restricted(split: Split, dim: int, start: int, stop: int) -> Split:
    """Return the sums over the terms at some steps of a reduction, of the same factors.

    The dimension is counted as by `narrowed`, and not divided into residue classes.
    """
    reduced = dim - len(split.out_sizes)
    lattices = []
    for lattice in split.lattices:
        forms = tuple(
            tuple(
                replace(form, offset=form.offset + start * form.coefficients[dim]) for form in own
            )
            for own in lattice.forms
        )
        red = _with(lattice.red, reduced, Progression(start, 1, stop - start))
        lattices.append(replace(lattice, red=red, forms=forms))
    return replace(
        split,
        red_sizes=_with(split.red_sizes, reduced, stop - start),
        lattices=tuple(lattices),
        readers=tuple(reader.begun(reduced, start) for reader in split.readers),
    )


def _is_whole(split: Split, dim: int) -> bool:
    """Return whether every lattice has all steps of a dimension."""
    whole = Progression(0, 1, (*split.out_sizes, *split.red_sizes)[dim])
    return all((*lattice.out, *lattice.red)[dim] == whole for lattice in split.lattices)


def _own_axis(reader: Reader, dim: int, sizes: Sequence[int]) -> int | None:
    """Return the axis whose index is this dimension alone; None if the operand does not depend on
    it, −1 if it depends on it in another way.
    """
    using = [j for j, axis in enumerate(reader.axes) if dim in _dimensions(axis)]
    if not using:
        return None
    axis = reader.axes[using[0]]
    alone = all(k == dim or sizes[k] == 1 for k in _dimensions(axis))
    plain = (axis.out + axis.red)[dim] == axis.divisor == 1 and axis.offset == 0
    whole = axis.extent == sizes[dim]
    return using[0] if len(using) == 1 and alone and plain and whole else -1


def _with(values: tuple[Any, ...], at: int, value: Any) -> tuple[Any, ...]:
    return (*values[:at], value, *values[at + 1 :])


def _counted_back(form: Form, dims: Set[int], sizes: Sequence[int]) -> Form:
    """Return a form with some dimensions counted from their ends."""
    offset, coefficients = form.offset, list(form.coefficients)
    for k in dims:
        offset += coefficients[k] * (sizes[k] - 1)
        coefficients[k] = -coefficients[k]
    return Form(tuple(coefficients), offset)


def _turned(form: Form, last: int) -> Form:
    """Return the form of an axis that is stored backwards."""
    return Form(tuple(-c for c in form.coefficients), last - form.offset)


def merge_axes(array: Array, axes: Sequence[Sequence[int]], backend: Backend = HOST) -> Array:
    """Return an array over loop dimensions as one over the axes that they form.

    An axis has size one if the array does not depend on any of its dimensions.
    """
    shape: list[int] = []
    merged: list[int] = []
    start = 0
    for axis in axes:
        present = array.shape[start : start + len(axis)]
        full = tuple(axis) if any(size > 1 for size in present) else (1,) * len(axis)
        shape += full
        merged.append(prod(full))
        start += len(axis)
    if array.shape != tuple(shape):
        array = backend.functions.broadcast_to(array, tuple(shape))
    return array.reshape(merged)


def _dimensions(axis: AxisReader) -> tuple[int, ...]:
    return tuple(k for k, coefficient in enumerate(axis.out + axis.red) if coefficient)


def _components(
    axes: Sequence[AxisReader],
) -> Iterator[tuple[tuple[int, ...], list[AxisReader]]]:
    """Yield sets of dimensions that axes connect, with these axes."""
    groups: list[tuple[set[int], list[AxisReader]]] = []
    for axis in axes:
        dims, members = set(_dimensions(axis)), [axis]
        apart = []
        for group in groups:
            if group[0] & dims:
                dims |= group[0]
                members = group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (dims, members)]
    for dims, members in groups:
        yield tuple(sorted(dims)), members


def _component_count(
    dims: Sequence[int], axes: Sequence[AxisReader], sizes: Sequence[int], outs: int
) -> Counts:
    """Return the count of a component: by intervals if it has one reduction, else by
    enumeration.
    """
    reduced = [k for k in dims if k >= outs]
    if len(reduced) == 1:
        return _interval_count(reduced[0], dims, axes, sizes, outs)
    inside = np.ones((1,) * len(sizes), np.bool_)
    for axis in axes:
        index = _indices(axis, _dimensions(axis), sizes)
        at, rest = np.divmod(index, axis.divisor)
        inside = inside & (rest == 0) & (at >= 0) & (at < axis.extent)
    full = [size if k in dims else 1 for k, size in enumerate(sizes)]
    everywhere = np.broadcast_to(inside, full)
    counts: Counts = everywhere.sum(axis=tuple(range(outs, len(sizes))), dtype=np.int64)
    return counts


def _indices(axis: AxisReader, dims: Sequence[int], sizes: Sequence[int]) -> Counts:
    """Return the undivided index of an axis over some dimensions, the others being zero."""
    coefficients = axis.out + axis.red
    index = np.full((1,) * len(sizes), axis.offset, np.int64)
    for k in dims:
        steps = np.arange(sizes[k]).reshape([-1 if j == k else 1 for j in range(len(sizes))])
        index = index + coefficients[k] * steps
    return index


def _interval_count(
    reduced: int,
    dims: Sequence[int],
    axes: Sequence[AxisReader],
    sizes: Sequence[int],
    outs: int,
) -> Counts:
    """Return the count of a component that has one reduction.

    In each residue class of its steps modulo the divisors' least common multiple, an index is
    divisible for all steps or none, and inside for an interval of them.
    """
    period = lcm(*(axis.divisor for axis in axes))
    others = [k for k in dims if k < outs]
    full = [size if k in others else 1 for k, size in enumerate(sizes)]
    bases = [_indices(axis, [k for k in _dimensions(axis) if k < outs], sizes) for axis in axes]
    total = np.zeros(full, np.int64)
    firsts: Iterable[Any] = range(min(period, sizes[reduced]))
    divided = [pair for pair in zip(axes, bases, strict=True) if pair[0].divisor > 1]
    if len(divided) == 1 and gcd(divided[0][0].red[reduced - outs], period) == 1:
        inverse = pow(divided[0][0].red[reduced - outs], -1, period)
        firsts = [-divided[0][1] * inverse % period]  # One for each output.
    for first in firsts:
        low = np.zeros(full, np.int64)
        high = np.full(full, (sizes[reduced] - 1 - first) // period, np.int64)
        for axis, base in zip(axes, bases, strict=True):
            coefficient = axis.red[reduced - outs]
            at, rest = np.divmod(base + coefficient * first, axis.divisor)
            before, behind = at, axis.extent - 1 - at
            step = coefficient * period // axis.divisor
            if step < 0:
                before, behind = behind, before
            if step:
                low = np.maximum(low, -(before // abs(step)))
                high = np.minimum(high, behind // abs(step))
            else:
                high = np.where((before >= 0) & (behind >= 0), high, -1)
            high = np.where(rest == 0, high, -1)
        total += np.maximum(high - low + 1, 0)
    return total.reshape(full[:outs])


def _classes(
    axis: AxisReader, moduli: Mapping[int, int], sizes: Sequence[int]
) -> Iterator[dict[int, int]]:
    """Yield the residues of an index's dimensions for which it divides."""
    coefficients = axis.out + axis.red
    dims = [k for k in _dimensions(axis) if moduli.get(k, 1) > 1]
    for residues in product(*(range(min(moduli[k], sizes[k])) for k in dims)):
        total = sum(coefficients[k] * r for k, r in zip(dims, residues, strict=True))
        if (total + axis.offset) % axis.divisor == 0:
            yield dict(zip(dims, residues, strict=True))


def _residues(
    axes: Sequence[AxisReader], moduli: Mapping[int, int], sizes: Sequence[int]
) -> list[dict[int, int]]:
    """Return the residues of the dimensions of all axes for which every index divides."""
    combined: list[dict[int, int]] = [{}]
    for axis in axes:
        classes = list(_classes(axis, moduli, sizes))
        combined = [
            {**known, **residues}
            for known in combined
            for residues in classes
            if all(known.get(k, r) == r for k, r in residues.items())
        ]
    return combined


def _form(axis: AxisReader, progressions: Sequence[Progression]) -> Form:
    coefficients = axis.out + axis.red
    offset = axis.offset
    steps = []
    for coefficient, progression in zip(coefficients, progressions, strict=True):
        offset += coefficient * progression.start
        steps.append(coefficient * progression.step // axis.divisor)
    return Form(tuple(steps), offset // axis.divisor)


def split_contraction(
    contraction: Contraction, parameters: Mapping[str, int], *, most: int | None = None
) -> Split:
    """Divide a contraction into lattices, about `most` of them if that is stated.

    Raises `DefinitionsError` as `Reader.of` does.
    """
    return _split(Same(contraction), tuple(sorted(parameters.items())), most)


@lru_cache(maxsize=_REMEMBERED)
def _split(key: Same[Contraction], items: tuple[tuple[str, int], ...], most: int | None) -> Split:
    contraction, parameters = key.held, dict(items)
    loops = tuple(tuple(size_value(s, parameters) for s in axis) for axis in contraction.out)
    outs = [size for axis in loops for size in axis]
    reds = tuple(size_value(size, parameters) for size in contraction.red)
    sizes = (*outs, *reds)
    readers = tuple(Reader.of(operand, parameters) for operand in contraction.factors)
    stored = _stored(readers, sizes, most)
    divided = [axis for reader in stored for axis in reader.axes if axis.divisor > 1]
    moduli: dict[int, int] = {}
    for axis in divided:
        coefficients = axis.out + axis.red
        for k in _dimensions(axis):
            modulus = axis.divisor // gcd(coefficients[k], axis.divisor)
            moduli[k] = lcm(moduli.get(k, 1), modulus)
    lattices: list[Lattice] = []
    seen: set[tuple[Progression, ...]] = set()
    for residues in _residues(divided, moduli, sizes) if all(sizes) else []:
        progressions = [
            Progression(first, step, (size - 1 - first) // step + 1)
            for size, first, step in (
                (size, residues.get(k, 0), moduli.get(k, 1)) for k, size in enumerate(sizes)
            )
        ]
        forms = tuple(tuple(_form(axis, progressions) for axis in reader.axes) for reader in stored)
        out = tuple(progressions[: len(outs)])
        lattices.append(Lattice(out, tuple(progressions[len(outs) :]), forms, out not in seen))
        seen.add(out)
    layouts = tuple(
        _layout(*pair, i, lattices) for i, pair in enumerate(zip(readers, stored, strict=True))
    )
    addends = tuple(Reader.of(operand, parameters) for operand in contraction.addends)
    return Split(loops, reds, layouts, tuple(lattices), readers, addends)


def _stored(readers: Sequence[Reader], sizes: Sequence[int], most: int | None) -> list[Reader]:
    """Return readers of the factors as stored: with zeros between the entries along axes whose
    residue classes would make more than `most` lattices, unless the zeros' terms took longer.
    """
    classes, terms, stored = 1, prod(sizes), []
    for reader in readers:
        axes = []
        for axis in reader.axes:
            coefficients, divisor = axis.out + axis.red, axis.divisor
            moduli = [divisor // gcd(coefficients[k], divisor) for k in _dimensions(axis)]
            reached = [min(m, sizes[k]) for m, k in zip(moduli, _dimensions(axis), strict=True)]
            own = max(prod(reached) // divisor, 1)
            if most is not None and classes * own > most and terms <= classes * own * _TERMS:
                extent = (axis.extent - 1) * divisor + 1 if axis.extent else 0
                axis = replace(axis, divisor=1, extent=extent)
            else:
                classes, terms = classes * own, terms // divisor
            axes.append(axis)
        stored.append(Reader(reader.name, tuple(axes)))
    return stored


def _layout(reader: Reader, stored: Reader, factor: int, lattices: Sequence[Lattice]) -> Layout:
    lows, highs, steps = [], [], []
    for j, (axis, kept) in enumerate(zip(reader.axes, stored.axes, strict=True)):
        ranges = [lattice.forms[factor][j].range(lattice.sizes) for lattice in lattices]
        lows.append(min([0, *(low for low, _ in ranges)]))
        highs.append(max([kept.extent - 1, *(high for _, high in ranges)]))
        steps.append(axis.divisor // kept.divisor)
    return Layout(reader.name, reader.shape, tuple(steps), tuple(lows), tuple(highs))
