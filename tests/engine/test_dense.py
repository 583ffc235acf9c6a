"""Lattices and counts against the exported index arithmetic, term by term."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import geometries

from pybridge.engine.dense import Split, merge_axes, split_contraction
from pybridge.exported.document import Contraction, load_definitions
from pybridge.problem.geometry import Geometry, Window

Term = tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]
CONTRACTIONS = literal.CONTRACTIONS


def arrays(record: Any, parameters: dict[str, int]) -> dict[str, Any]:
    """Return operands all of whose entries differ, so that an entry says where it was read."""
    result = {}
    for operand in record["factors"]:
        shape = [literal.size(axis["extent"], parameters) for axis in operand["axes"]]
        result[literal.operand_name(operand)] = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    return result


def literal_terms(record: Any, parameters: dict[str, int]) -> Iterator[Term]:
    operands = {name: (a, Fraction(0)) for name, a in arrays(record, parameters).items()}
    outs = [range(literal.size(node, parameters)) for axis in record["out"] for node in axis]
    reds = [range(literal.size(node, parameters)) for node in record["red"]]
    for out in product(*outs):
        for red in product(*reds):
            entries = [
                literal.read(factor, out, red, parameters, operands) for factor in record["factors"]
            ]
            if all(entry is not None for entry in entries):
                yield out, red, tuple(float(entry.exact) for entry in entries if entry)


def lattice_terms(split: Split, record: Any, parameters: dict[str, int]) -> Iterator[Term]:
    entries_of = arrays(record, parameters)
    boxes = [layout.pad(entries_of[layout.name]) for layout in split.layouts]
    seen = set()
    for lattice in split.lattices:
        assert lattice.first == (lattice.out not in seen)
        seen.add(lattice.out)
        views = split.views(lattice, boxes)
        for view in views:
            assert all(n in (1, size) for n, size in zip(view.shape, lattice.sizes, strict=True))
        full = [np.broadcast_to(view, lattice.sizes) for view in views]
        for position in product(*map(range, lattice.sizes)):
            entries = tuple(float(view[position]) for view in full)
            if 0 in entries:
                continue
            where = [
                p.start + p.step * i
                for p, i in zip(lattice.out + lattice.red, position, strict=True)
            ]
            yield tuple(where[: len(lattice.out)]), tuple(where[len(lattice.out) :]), entries


def compare(record: Any, parameters: dict[str, int]) -> Split:
    split = split_contraction(Contraction.model_validate(record), parameters)
    expected = list(literal_terms(record, parameters))
    assert Counter(lattice_terms(split, record, parameters)) == Counter(expected)
    counts = np.zeros(split.out_sizes, np.int64)
    for out, _, _ in expected:
        counts[out] += 1
    counted = split.counts
    assert counted.ndim == len(split.shape)
    assert (np.broadcast_to(counted, split.shape) == counts.reshape(split.shape)).all()
    return split


@settings(max_examples=200, deadline=None)
@given(geometry=geometries(), name=st.sampled_from(sorted(CONTRACTIONS)))
def test_lattices_are_the_exported_terms(geometry: Geometry, name: str) -> None:
    split = compare(CONTRACTIONS[name], geometry.parameters())
    for lattice in split.lattices:
        for layout, forms in zip(split.layouts, lattice.forms, strict=True):
            for form, low, high in zip(forms, layout.low, layout.high, strict=True):
                least, largest = form.range(lattice.sizes)
                assert low <= least <= largest <= high


@pytest.mark.parametrize("name", sorted(CONTRACTIONS))
def test_counts_of_long_kernels_take_no_table(name: str) -> None:
    geometry = Geometry.of((1, 1, 1, 4096), (1, 1, 1, 1025))
    split = split_contraction(Contraction.model_validate(CONTRACTIONS[name]), geometry.parameters())
    tracemalloc.start()
    counts = split.counts
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    if name == "input":
        row = np.minimum(np.arange(4096) + 1, 1025)
        assert (counts.reshape(-1) == np.minimum(row, row[::-1])).all()


def axis_of(extent: Any, out: list[Any], red: list[Any], offset: Any = 0, divisor: Any = 1) -> Any:
    return {
        "extent": extent,
        "index": {"out": out, "red": red, "offset": offset, "divisor": divisor},
    }


ODD: dict[str, Any] = {
    "three factors": {
        "out": [["batch", 3]],
        "red": [2],
        "factors": [
            {"name": "x", "axes": [axis_of(7, [2, -1], [3], -1)]},
            {"name": "weight", "axes": [axis_of(3, [0, 2], [1], 0, 2), axis_of(2, [0, 0], [1])]},
            {"name": "gradOutput", "axes": [axis_of(4, [-1, -1], [0], 4)]},
        ],
        "addends": [],
    },
    "diagonal, negative and divided": {
        "out": [[4], [5]],
        "red": [3],
        "factors": [
            {"name": "x", "axes": [axis_of(3, [-2, 0], [1], 6, 3), axis_of(4, [1, 0], [0])]},
            {"name": "weight", "axes": [axis_of(2, [0, 6], [-4], 2, 4)]},
        ],
        "addends": [],
    },
    "a diagonal of which the operand is one entry": {
        "out": [[4]],
        "red": [4],
        "factors": [{"name": "x", "axes": [axis_of(3, [1], [1]), axis_of(3, [1], [1], -1)]}],
        "addends": [],
    },
    "always outside": {
        "out": [[2]],
        "red": [2],
        "factors": [
            {"name": "x", "axes": [axis_of(3, [1], [1], 7)]},
            {"name": "weight", "axes": [axis_of(3, [1], [1], -9)]},
        ],
        "addends": [],
    },
    "never divided": {
        "out": [[2]],
        "red": [2],
        "factors": [{"name": "x", "axes": [axis_of(3, [2], [4], 1, 2)]}],
        "addends": [],
    },
    "no reduction": {
        "out": [[3]],
        "red": [],
        "factors": [{"name": "x", "axes": [axis_of(3, [1], [])]}],
        "addends": [],
    },
    "one number": {
        "out": [],
        "red": [3],
        "factors": [{"name": "x", "axes": [axis_of(3, [], [1])]}],
        "addends": [],
    },
    "independent of an output": {
        "out": [[2, 3], [4]],
        "red": [3, 2],
        "factors": [{"name": "x", "axes": [axis_of(3, [0, 1, 0], [1, 0], -1)]}],
        "addends": [],
    },
}


@pytest.mark.parametrize("name", ODD)
def test_contractions_of_other_forms(name: str) -> None:
    compare({"name": name, **ODD[name]}, {"batch": 4})


def test_a_strided_input_gradient_is_dense_phases() -> None:
    window = Window(size=9, kernel=3, stride=2, pad_begin=1, pad_end=1)
    geometry = Geometry(windows=(window, window))
    contraction = load_definitions().data.contractions["input"]
    split = split_contraction(contraction, geometry.parameters())
    assert len(split.lattices) == 4
    assert sum(np.prod(lattice.sizes) for lattice in split.lattices) == (5 * 1 + 4 * 2) ** 2
    assert split_contraction(contraction, geometry.parameters()) is split


def test_a_patch_embedding_is_one_lattice_for_each_entry_of_the_kernel() -> None:
    window = Window(size=64, kernel=16, stride=16)
    geometry = Geometry(windows=(window, window))
    split = split_contraction(load_definitions().data.contractions["input"], geometry.parameters())
    assert len(split.lattices) == 16 * 16
    assert not any(layout.padded for layout in split.layouts)


def test_only_what_is_read_outside_is_padded() -> None:
    window = Window(size=5, kernel=3, stride=2, pad_begin=2, pad_end=1)
    geometry = Geometry(in_channels=2, windows=(window, Window(size=4, kernel=1)))
    split = split_contraction(load_definitions().data.contractions["output"], geometry.parameters())
    x, weight = split.layouts
    assert (x.low, x.high) == ((0, 0, -2, 0), (0, 1, 4, 3))
    assert x.padded
    assert not weight.padded
    values = -np.arange(40.0).reshape(1, 2, 5, 4)
    assert np.shares_memory(weight.pad(values[:, :1]), values)
    box = x.pad(values, np.float32, absolute=True)
    assert box.dtype == np.float32
    assert (box[:, :, :2] == 0).all()
    assert (box[:, :, 2:] == np.abs(values)).all()
    assert x.indicator(np.float32).ravel().tolist() == [0, 0, 1, 1, 1, 1, 1]
    assert x.indicator(np.float32).shape == (1, 1, 7, 1)
    assert weight.indicator(np.float64).shape == (1, 1, 1, 1)


def test_axes_are_merged_where_something_depends_on_them() -> None:
    array = np.arange(3).reshape(1, 3, 1, 1)
    assert merge_axes(array, ((2, 3), (5, 4))).tolist() == [[0], [1], [2], [0], [1], [2]]
