"""Depth of sums: no tree of additions is deeper than its promise says."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, log2
from typing import Any, TypeAlias

import numpy as np
import pytest

from pybridge.engine.accumulation import Accumulation, blocked, pairwise, split_k
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions

Tree: TypeAlias = "int | tuple[Tree, Tree]"

LENGTHS = (1, 2, 3, 5, 8, 13, 31, 64, 100, 129)
BLOCKS = (1, 2, 3, 7, 16, 128)


def sequential(leaves: Sequence[Tree]) -> Tree:
    total = leaves[0]
    for leaf in leaves[1:]:
        total = (total, leaf)
    return total


def halved(leaves: Sequence[Tree], block: int) -> Tree:
    if len(leaves) <= block:
        return sequential(leaves)
    middle = len(leaves) // 2
    return halved(leaves[:middle], block), halved(leaves[middle:], block)


def halves(leaves: Sequence[Tree]) -> Tree:
    return halved(leaves, 1)


def numpys(leaves: Sequence[Tree]) -> Tree:
    """Sum as np.add.reduce sums contiguous numbers: eight lanes in blocks of up to 128."""
    n = len(leaves)
    if n < 8:
        return sequential(leaves)
    if n <= 128:
        lanes = [sequential(leaves[k : n - n % 8 : 8]) for k in range(8)]
        first = halved(lanes, 1)
        return sequential([first, *leaves[n - n % 8 :]])
    middle = n // 2 - n // 2 % 8
    return numpys(leaves[:middle]), numpys(leaves[middle:])


def cut(leaves: Sequence[Tree], size: int) -> list[Sequence[Tree]]:
    return [leaves[k : k + size] for k in range(0, len(leaves), size)]


def in_blocks(leaves: Sequence[Tree], block: int) -> Tree:
    return sequential([sequential(part) for part in cut(leaves, block)])


def split(leaves: Sequence[Tree], k: int) -> Tree:
    return sequential([sequential(part) for part in cut(leaves, ceil(len(leaves) / k))])


def depth(tree: Tree, present: set[int]) -> int:
    """Return the most roundings that a term passes; terms of the padding are zero: not rounded."""

    def longest(node: Tree) -> int:
        if isinstance(node, int):
            return 1 if node in present else 0
        left, right = longest(node[0]), longest(node[1])
        return max(left, right) + 1 if left and right else max(left, right)

    return longest(tree)


def subsets(length: int) -> list[set[int]]:
    rng = np.random.default_rng(length)
    chosen = [set(range(length)), {length - 1}]
    for _ in range(8):
        count = int(rng.integers(1, length + 1))
        chosen.append({int(k) for k in rng.choice(length, count, replace=False)})
    return chosen


@pytest.mark.parametrize("length", LENGTHS)
def test_no_tree_is_deeper_than_its_promise(length: int) -> None:
    leaves = list(range(length))
    trees: list[tuple[Accumulation, Tree]] = [
        (Accumulation(), sequential(leaves)),
        (pairwise(), halved(leaves, 1)),
        (pairwise(128), numpys(leaves)),
    ]
    for block in BLOCKS:
        trees.append((pairwise(block), halved(leaves, block)))
        trees.append((blocked(block), in_blocks(leaves, block)))
        if block > 1:
            trees.append((split_k(block), split(leaves, block)))
    for promise, tree in trees:
        for present in subsets(length):
            deepest = depth(tree, present)
            assert deepest <= promise.roundings(len(present), length), promise.sentence


@pytest.mark.parametrize("length", [*LENGTHS, 401_408])
def test_depths_are_those_of_the_formulas(length: int) -> None:
    assert Accumulation().roundings(length) == length
    assert Accumulation(depth=7).roundings(length) == min(7, length)
    assert pairwise().roundings(length) == min(length, 1 + ceil(log2(length)))
    for block in BLOCKS:
        blocks = ceil(length / block)
        short = min(block, length)
        assert pairwise(block).roundings(length) == min(length, short + ceil(log2(blocks)))
        assert blocked(block).roundings(length) == min(length, short + blocks)
        if block > 1:
            assert split_k(block).roundings(length) == min(length, blocks + block)
    assert split_k(4, "bfloat16").roundings(length) == ceil(length / 4) + min(4, length)


@pytest.mark.parametrize("length", LENGTHS)
def test_splits_added_in_another_format_are_rounded_once_more(length: int) -> None:
    for splits in (2, 3, 8, 64):
        for promise, tree in (
            (split_k(splits, "bfloat16"), sequential),
            (pairwise().model_copy(update={"splits": splits, "across": "bfloat16"}), halves),
        ):
            parts = cut(list(range(length)), ceil(length / splits))
            for present in subsets(length):
                depths = [depth(tree(part), present) for part in parts]
                deepest = max(depths) + sum(d > 0 for d in depths)
                assert deepest <= promise.roundings(len(present), length)


def test_pairwise_sums_reach_their_depth() -> None:
    for length in (1, 2, 8, 64, 128):
        assert depth(halved(list(range(length)), 1), set(range(length))) == pairwise().roundings(
            length
        )


def test_a_depth_limits_the_parts_of_split_sums_and_their_blocks() -> None:
    both = Accumulation(splits=4, summation="pairwise", block=8)
    assert both.roundings(1024) == 8 + 5 + 4
    assert Accumulation(splits=4, summation="blocked", block=16).roundings(1024) == 16 + 16 + 4
    assert Accumulation(splits=4, depth=10).roundings(1024) == 10


def test_fewer_terms_than_the_padding_leaves_are_no_deeper() -> None:
    for promise in (Accumulation(), pairwise(4), blocked(4), split_k(4), Accumulation(depth=6)):
        for n in range(1, 41):
            assert promise.roundings(n, 40) <= min(n, promise.roundings(40))


@pytest.mark.parametrize("accumulate", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("rounding", ["nearest", "toward-zero"])
@pytest.mark.parametrize("flushed", [False, True])
def test_the_bound_of_a_depth_is_at_most_that_of_any_order(
    accumulate: str, rounding: Any, flushed: bool
) -> None:
    definitions = load_definitions()
    promise = Accumulation(accumulate=accumulate, rounding=rounding, flushed=flushed)
    for n in (1, 2, 10, 150, 5000):
        any_order = promise.error(n, definitions).relative
        before = Fraction(0)
        for d in (1, 2, 9, 10, 100, 1024, 10**6):
            relative = promise.model_copy(update={"depth": d}).error(n, definitions).relative
            assert before <= relative <= any_order
            before = relative
        assert before == any_order


def test_a_shallow_promise_is_sharper_than_any_order() -> None:
    definitions = load_definitions()
    n = 401_408
    any_order = Accumulation().error(n, definitions).relative
    for promise, factor in (
        (Accumulation(depth=1024), 391),
        (pairwise(), 20_000),
        (blocked(512), 309),
        (split_k(128), 122),
    ):
        assert promise.error(n, definitions).relative * factor < any_order


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"depth": 0}, "depth"),
        ({"depth": 1.5}, "depth"),
        ({"depth": True}, "depth"),
        ({"block": 8}, "expected pairwise or blocked"),
        ({"summation": "pairwise", "block": 0}, "block"),
        ({"summation": "kahan"}, "summation"),
        ({"splits": 0}, "splits"),
    ],
)
def test_bad_promises_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Accumulation(**arguments)
