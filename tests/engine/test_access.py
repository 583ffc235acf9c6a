"""Arithmetic progressions and views against what they stand for, index by index."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybridge.engine.indices import (
    AxisReader,
    Block,
    Reader,
    blocks,
    dimensions_alone,
    locate,
    solve,
)


@given(
    st.integers(-7, 7).filter(bool),
    st.integers(-30, 30),
    st.integers(1, 8),
    st.integers(1, 9),
    st.integers(1, 12),
)
def test_solve(factor: int, base: int, divisor: int, extent: int, count: int) -> None:
    progression = solve(factor, base, divisor, extent, count)
    expected = [
        j
        for j in range(count)
        if (factor * j + base) % divisor == 0 and 0 <= (factor * j + base) // divisor < extent
    ]
    assert [progression.start + progression.step * k for k in range(progression.length)] == expected
    if expected:
        assert list(range(count))[progression.slice] == expected


@given(st.lists(st.integers(1, 5), max_size=4), st.sets(st.integers(0, 3)), st.integers(1, 40))
def test_blocks_cover_every_output_once(sizes: list[int], alone: set[int], largest: int) -> None:
    kept = frozenset(k for k in alone if k < len(sizes))
    counts = np.zeros(sizes, int)
    for block in blocks(sizes, kept, largest):
        assert np.prod(block.sizes) <= largest
        assert all(block.sizes[k] == 1 for k in kept)
        counts[block.slices] += 1
    assert (counts == 1).all()


axes = st.builds(
    AxisReader,
    out=st.tuples(*[st.integers(-2, 2)] * 3),
    red=st.tuples(st.integers(-2, 2)),
    offset=st.integers(-3, 3),
    divisor=st.sampled_from([1, 1, 2, 3]),
    extent=st.integers(1, 4),
    stride=st.just(0),
)


def reader(drawn: list[AxisReader]) -> Reader:
    result: list[AxisReader] = []
    stride = 1
    for axis in reversed(drawn):
        result.append(
            AxisReader(axis.out, axis.red, axis.offset, axis.divisor, axis.extent, stride)
        )
        stride *= axis.extent
    return Reader("x", tuple(reversed(result)))


@given(st.lists(axes, max_size=3), st.lists(axes, max_size=2), st.tuples(*[st.integers(1, 4)] * 3))
def test_locate(first: list[AxisReader], second: list[AxisReader], sizes: tuple[int, ...]) -> None:
    readers = [reader(first), reader(second)]
    arrays = [np.arange(np.prod(r.shape, dtype=int)).reshape(r.shape) for r in readers]
    alone = dimensions_alone(readers, sizes, (3,))
    for red in range(3):
        got = np.full((2, *sizes), -1)
        for block in blocks(sizes, alone, 10):
            located = locate(readers, block, (red,))
            if located is not None:
                region, views = located
                for k in range(2):
                    got[k][block.slices][region] = views[k].of(arrays[k])
        for out in product(*map(range, sizes)):
            indices = []
            for r in readers:
                exact = [
                    divmod(
                        sum(c * o for c, o in zip(axis.out, out, strict=True))
                        + axis.red[0] * red
                        + axis.offset,
                        axis.divisor,
                    )
                    for axis in r.axes
                ]
                inside = all(
                    rest == 0 and 0 <= index < axis.extent
                    for (index, rest), axis in zip(exact, r.axes, strict=True)
                )
                indices.append(tuple(index for index, _ in exact) if inside else None)
            if None in indices:
                assert got[0][out] == got[1][out] == -1
            else:
                assert [got[k][out] for k in range(2)] == [
                    arrays[k][index] for k, index in enumerate(indices)
                ]


def test_a_view_cannot_leave_its_array() -> None:
    one = Reader("x", (AxisReader((1,), (), 0, 1, 4, 1),))
    located = locate([one], Block((0,), (4,)), ())
    assert located is not None
    with pytest.raises((TypeError, ValueError)):
        located[1][0].of(np.arange(3))
