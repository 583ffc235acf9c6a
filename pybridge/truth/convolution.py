"""Exact convolutions and transposed convolutions with their gradients, of any rank.

Along an axis, windows move over an array: the window at position p has its tap k at the array's
index p·stride + k·dilation − padding. A convolution's windows move over x, and the output has an
entry for each position; a transposed convolution's move over the output, and x has an entry for
each position. Each result sums the products of the two other arrays' entries, over all positions
and taps that meet. Unfolding the array that windows move over turns this into products of integer
matrices, as PyTorch computes them (unfold, multiply, fold).

Nothing here comes from the exported definitions, so this is an independent check of what they
compute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.problem.geometry import Geometry, Window
from pybridge.truth.dyadic import Dyadic, Integers, multiply

__all__ = ["convolution", "convolution_terms"]

_Floats: TypeAlias = npt.NDArray[Any]
_Indices: TypeAlias = npt.NDArray[np.intp]
_Role: TypeAlias = Literal["moved", "placed", "weight"]
"""An array: the one that windows move over, the one with an entry for each position, the taps."""


def convolution(name: str, geometry: Geometry, operands: Mapping[str, Dyadic]) -> Dyadic:
    """Return the exact `output`, or the exact gradient of `bias`, `weight` or `input`.

    `operands` are x, weight, bias and grad_output, of the geometry's shapes. Operands that the
    result does not depend on may be left out, and so may the bias.
    """
    g = geometry
    if name == "bias":
        return operands["grad_output"].sum((0, *range(2, 2 + g.rank)))
    result, names = _roles(name, g)
    held = {role: operands[key].numerators for role, key in names.items()}
    exponent = sum(operands[key].exponent for key in names.values())
    if result == "placed":
        numerators = _of_rows(g, multiply(_matrices(g, held["weight"]), _columns(g, held["moved"])))
    elif result == "weight":
        columns = _columns(g, held["moved"]).transpose(0, 2, 1)
        numerators = multiply(_rows(g, held["placed"]), columns).reshape(g.weight_shape)
    else:
        taps = _matrices(g, held["weight"]).transpose(0, 2, 1)
        numerators = _folded(g, multiply(taps, _rows(g, held["placed"])))
    total = Dyadic(numerators, exponent)
    if name == "output" and "bias" in operands:
        bias = operands["bias"]
        total += Dyadic(bias.numerators.reshape(1, -1, *(1,) * g.rank), bias.exponent)
    return total


def convolution_terms(
    name: str, geometry: Geometry, operands: Mapping[str, _Floats], index: Sequence[int]
) -> dict[str, _Floats]:
    """Return the factors of the terms of a result's entry, in the order of the nested sum.

    The flat arrays, by the operands that they are read from, have one element for each term that
    padding leaves. `operands` are those of `convolution`; a weight of ones may be left out.
    """
    g = geometry
    if name == "bias":
        return {"grad_output": operands["grad_output"][:, index[0]].ravel()}
    result, names = _roles(name, g)
    first, second, *spatial = index
    moved, placed = _channels(g)
    chosen: dict[_Role, tuple[int | slice, int | slice]]
    if result == "placed":
        group = second // placed
        inputs = slice(group * moved, (group + 1) * moved)
        chosen = {"moved": (first, inputs), "weight": (second, slice(None))}
    elif result == "weight":
        channel = first // placed * moved + second
        chosen = {"moved": (slice(None), channel), "placed": (slice(None), first)}
    else:
        group, tap = divmod(second, moved)
        outputs = slice(group * placed, (group + 1) * placed)
        chosen = {"placed": (first, outputs), "weight": (outputs, tap)}
    met = [_meeting(result, w, i) for w, i in zip(g.windows, spatial, strict=True)]
    terms = {}
    for role, channels in chosen.items():
        if names[role] in operands:
            entries: tuple[Any, ...] = (slice(None), *np.ix_(*(axis[role] for axis in met)))
            terms[names[role]] = operands[names[role]][channels][entries].ravel()
    return terms


def _roles(name: str, g: Geometry) -> tuple[_Role, dict[_Role, str]]:
    """Return the role of a result, and the operands in the two other roles."""
    over_output = g.transposed
    role: _Role = "weight"
    if name != "weight":
        role = "moved" if over_output == (name == "output") else "placed"
    names: dict[_Role, str] = {
        "moved": "grad_output" if over_output else "x",
        "placed": "x" if over_output else "grad_output",
        "weight": "weight",
    }
    del names[role]
    return role, names


def _channels(g: Geometry) -> tuple[int, int]:
    """Return the channels of a group of the array that windows move over, and of the positions'
    array.
    """
    channels = g.in_channels, g.out_channels
    return channels[::-1] if g.transposed else channels


def _extent(w: Window) -> int:
    """Return the size of the array that windows move over."""
    return w.output if w.transposed else w.size


def _positions(w: Window) -> int:
    """Return the number of positions."""
    return w.size if w.transposed else w.output


def _meeting(result: _Role, w: Window, index: int) -> dict[_Role, _Indices]:
    """Return the indices along an axis of the two other arrays whose entries meet a result's
    entry.
    """
    taps, positions = np.arange(w.kernel), np.arange(_positions(w))
    if result == "moved":
        steps = index + w.pad_begin - taps * w.dilation
        starts = steps // w.stride
        meet = (steps % w.stride == 0) & (starts >= 0) & (starts < positions.size)
        return {"weight": taps[meet], "placed": starts[meet]}
    other: _Role = "weight" if result == "placed" else "placed"
    others = taps if result == "placed" else positions
    position, tap = (index, taps) if result == "placed" else (positions, index)
    read = np.asarray(position * w.stride + tap * w.dilation - w.pad_begin)
    meet = (read >= 0) & (read < _extent(w))
    return {"moved": read[meet], other: others[meet]}


def _padded(g: Geometry) -> tuple[Integers, Integers]:
    """Return a padded array of zeros for windows to move over, and the view without its padding."""
    moved, _ = _channels(g)
    extents = [_extent(w) for w in g.windows]
    sizes = [e + w.pad_begin + w.pad_end for e, w in zip(extents, g.windows, strict=True)]
    padded = np.zeros((g.batch, g.groups * moved, *sizes), dtype=object)
    inner = [slice(w.pad_begin, w.pad_begin + e) for e, w in zip(extents, g.windows, strict=True)]
    return padded, padded[:, :, *inner]


def _taps(g: Geometry, padded: Integers) -> Iterator[Integers]:
    """Yield the views of a padded array that each tap meets, an entry for each position."""
    for tap in product(*(range(w.kernel) for w in g.windows)):
        starts = [k * w.dilation for k, w in zip(tap, g.windows, strict=True)]
        read = [
            slice(start, start + (_positions(w) - 1) * w.stride + 1, w.stride)
            for start, w in zip(starts, g.windows, strict=True)
        ]
        yield padded[:, :, *read]


def _columns(g: Geometry, array: Integers) -> Integers:
    """Return the unfolded array that windows move over: [groups, channels·taps,
    batch·positions].
    """
    moved, _ = _channels(g)
    padded, inner = _padded(g)
    inner[...] = array
    patches = np.stack(list(_taps(g, padded)))
    patches = patches.reshape(patches.shape[0], g.batch, g.groups, moved, -1)
    return patches.transpose(2, 3, 0, 1, 4).reshape(g.groups, moved * patches.shape[0], -1)


def _folded(g: Geometry, columns: Integers) -> Integers:
    """Return the sums of the unfolded entries at each entry that windows moved over."""
    moved, _ = _channels(g)
    padded, inner = _padded(g)
    taps = [w.kernel for w in g.windows]
    patches = columns.reshape(g.groups, moved, int(np.prod(taps)), g.batch, -1)
    patches = patches.transpose(2, 3, 0, 1, 4)
    for patch, view in zip(patches, _taps(g, padded), strict=True):
        view += patch.reshape(view.shape)
    return inner


def _rows(g: Geometry, array: Integers) -> Integers:
    """Return the array of the positions as [groups, channels, batch·positions]."""
    _, placed = _channels(g)
    split = array.reshape(g.batch, g.groups, placed, -1)
    return split.transpose(1, 2, 0, 3).reshape(g.groups, placed, -1)


def _of_rows(g: Geometry, rows: Integers) -> Integers:
    """Return the array whose `_rows` these are."""
    _, placed = _channels(g)
    split = rows.reshape(g.groups, placed, g.batch, -1).transpose(2, 0, 1, 3)
    return split.reshape(g.batch, g.groups * placed, *map(_positions, g.windows))


def _matrices(g: Geometry, weight: Integers) -> Integers:
    """Return the weight as [groups, channels, channels·taps]."""
    _, placed = _channels(g)
    return weight.reshape(g.groups, placed, -1)
