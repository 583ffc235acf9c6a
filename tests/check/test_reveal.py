"""Summation trees, measured of kernels whose trees are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybridge.check.reveal.tree import Nested
from pybridge.errors import InputError, InputTypeError, NotProvedError
from pybridge.reveal import (
    NotATreeError,
    Probe,
    numpy_dot,
    numpy_matmul,
    numpy_sum,
    reveal,
    torch_conv2d,
    torch_matmul,
    torch_sum,
)

Array = npt.NDArray[Any]


def first(tree: Nested) -> int:
    return tree if isinstance(tree, int) else min(map(first, tree))


def sorted_tree(tree: Nested) -> Nested:
    if isinstance(tree, int):
        return tree
    return tuple(sorted(map(sorted_tree, tree), key=first))


def height(tree: Nested) -> int:
    return 0 if isinstance(tree, int) else 1 + max(map(height, tree))


def kernel(tree: Nested) -> Callable[[Array], float]:
    """Sum in the order of a tree. More than two numbers are aligned, as in tensor cores: beside a
    large one, small ones are lost.
    """

    def fused(values: list[Any]) -> Any:
        if len(values) == 2:
            return values[0] + values[1]
        most = max(map(abs, values))
        return type(values[0])(sum(float(v) for v in values if abs(v) > 2.0**-24 * most))

    def evaluate(terms: Array, node: Nested) -> Any:
        return terms[node] if isinstance(node, int) else fused([evaluate(terms, c) for c in node])

    return lambda terms: float(evaluate(terms, tree))


def sequential(count: int) -> Nested:
    return added(range(count))


def pairwise(terms: list[int], block: int = 1) -> Nested:
    if len(terms) <= block:
        return added(terms)
    middle = len(terms) // 2
    return pairwise(terms[:middle], block), pairwise(terms[middle:], block)


def added(parts: Sequence[Nested]) -> Nested:
    return reduce(lambda tree, part: (tree, part), parts)


KNOWN: dict[str, tuple[Nested, int]] = {
    "one term": (0, 1),
    "two terms": ((0, 1), 2),
    "sequential": (sequential(40), 40),
    "backwards": (added(list(reversed(range(40)))), 40),
    "pairwise": (pairwise(list(range(64))), 7),
    "pairwise, blocks": (pairwise(list(range(64)), 8), 11),
    "blocked": (added([added(list(range(k, k + 8))) for k in range(0, 64, 8)]), 15),
    "strided lanes": (added([added(list(range(k, 60, 4))) for k in range(4)]), 18),
    "fused steps": (((0, 1, 2, 3), 4, 5, 6), 3),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_trees_are_found(name: str) -> None:
    tree, depth = KNOWN[name]
    terms = 1 + max(leaves(tree))
    revealed = reveal(kernel(tree), terms)
    assert revealed.nested == sorted_tree(tree)
    assert (revealed.least_depth, revealed.sampled, revealed.terms) == (depth, False, terms)
    fused = name == "fused steps"
    assert revealed.depth == (None if fused else depth)
    assert revealed.arity == (4 if fused else 1 if terms == 1 else 2)
    if fused:
        with pytest.raises(NotProvedError, match="4 numbers at once"):
            revealed.promise()
    else:
        assert revealed.promise("float64").depth == depth


def leaves(tree: Nested) -> list[int]:
    return [tree] if isinstance(tree, int) else [leaf for part in tree for leaf in leaves(part)]


@st.composite
def trees(draw: st.DrawFn) -> Nested:
    parts: list[Nested] = draw(st.permutations(range(draw(st.integers(2, 24)))))
    while len(parts) > 1:
        count = draw(st.sampled_from([2, 2, 2, 3, 5]))
        start = draw(st.integers(0, max(len(parts) - count, 0)))
        node = tuple(parts[start : start + count])
        parts = [*parts[:start], node, *parts[start + count :]]
    return parts[0]


@given(trees(), st.integers(0, 3))
def test_random_trees_are_found(tree: Nested, seed: int) -> None:
    revealed = reveal(kernel(tree), len(leaves(tree)), seed=seed)
    assert revealed.nested == sorted_tree(tree)
    assert revealed.least_depth == height(tree) + 1


@given(trees(), st.integers(2, 40))
def test_a_sample_is_a_lower_estimate(tree: Nested, runs: int) -> None:
    terms = len(leaves(tree))
    revealed = reveal(kernel(tree), terms, max_runs=runs, confirm=0)
    assert revealed.least_depth <= height(tree) + 1
    assert revealed.sampled == (len(revealed.leaves) < terms)
    if revealed.sampled:
        assert revealed.depth is None
        with pytest.raises(NotProvedError, match="sampled"):
            revealed.promise()
    else:
        assert revealed.nested == sorted_tree(tree)


def test_runs_are_bounded_and_told() -> None:
    told: list[tuple[int, int]] = []
    revealed = reveal(
        kernel(sequential(300)), 300, max_runs=200, progress=lambda k, of: told.append((k, of))
    )
    assert told == [(k, 200) for k in range(1, revealed.runs + 1)]
    assert revealed.runs <= 200
    assert revealed.sampled
    assert 10 < revealed.least_depth < 300


def test_sums_that_are_counted_in_few_digits_are_found() -> None:
    tree = pairwise(list(range(48)), 3)

    def narrow(terms: Array) -> float:
        return float(np.float32(kernel(tree)(terms)).astype(ml_dtypes.float8_e4m3fn))

    def wide(terms: Array) -> float:
        return kernel(tree)(terms.astype(np.float32))

    assert reveal(narrow, 48, large=2.0**60).nested == sorted_tree(tree)
    assert reveal(wide, 48, dtype="float16").nested == sorted_tree(tree)


def rounded_toward_zero(terms: Array) -> float:
    total = np.float32(0)
    for term in terms:
        exact = float(total) + float(term)
        total = np.float32(exact)
        if abs(float(total)) > abs(exact):
            total = np.nextafter(total, np.float32(0))
    return float(total)


@pytest.mark.parametrize("sum_of", [math.fsum, rounded_toward_zero])
def test_what_is_no_tree_of_roundings_to_nearest_is_refused(sum_of: Any) -> None:
    with pytest.raises(NotATreeError):
        reveal(sum_of, 12, large=2.0**40)


def test_an_order_that_changes_is_noticed() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(NotATreeError):
        reveal(lambda terms: float(np.cumsum(rng.permutation(terms))[-1]), 20)
    # Two orders of which the second comes late: noticed by the pairs that are measured again.
    runs = 0

    def late(terms: Array) -> float:
        nonlocal runs
        runs += 1
        return kernel(sequential(8) if runs < 28 else pairwise(list(range(8))))(terms)

    with pytest.raises(NotATreeError, match=r"differs from run to run|no fixed order"):
        reveal(late, 8)


def test_kernels_that_do_not_add_up_the_terms_are_refused() -> None:
    with pytest.raises(InputError, match="does not add up these terms alone"):
        reveal(lambda terms: float(terms[:-1].sum()), 9)
    with pytest.raises(InputError, match="does not add up these terms alone"):
        reveal(lambda terms: float(terms.sum()) + 1, 9)


def test_arguments_are_checked() -> None:
    for arguments, words in (
        ({"terms": 0}, "terms: expected at least 1, got 0"),
        ({"dtype": "int8"}, "dtype: expected one of float64"),
        ({"max_runs": 0}, "max_runs: expected at least 1"),
        ({"terms": 2**24 + 1}, "terms: expected at most"),
    ):
        with pytest.raises(InputError, match=words):
            reveal(**{"sum_of": math.fsum, "terms": 4, **arguments})  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="terms: expected an integer"):
        reveal(math.fsum, 2.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at most 200 to nest"):
        _ = reveal(lambda terms: float(np.cumsum(terms)[-1]), 300).nested


def test_numpy_sums_are_found() -> None:
    # From 8 terms on: eight lanes, which are added in pairs (NumPy's pairwise_sum).
    lanes = [added(list(range(k, 32, 8))) for k in range(8)]
    assert numpy_sum(32).reveal().depth == 1 + height(pairwise_of(lanes))
    for probe in (numpy_sum(200, "float64"), numpy_dot(100), numpy_matmul((3, 20, 2), (1, 1))):
        revealed = probe.reveal()
        assert revealed.depth is not None
        assert not revealed.sampled


def pairwise_of(parts: list[Nested]) -> Nested:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return pairwise_of(parts[:middle]), pairwise_of(parts[middle:])


X, WEIGHT = (2, 4, 6, 5), (6, 2, 3, 2)
WINDOW: dict[str, Any] = {"stride": (2, 1), "padding": (1, 0), "dilation": 1, "groups": 2}


@pytest.mark.parametrize("which", ["output", "bias", "weight", "input"])
def test_the_terms_of_every_entry_of_a_convolution_are_its_products(which: Any, torch: Any) -> None:
    x, weight = (torch.ones(s, dtype=torch.float64, requires_grad=True) for s in (X, WEIGHT))
    bias = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    output = torch.nn.functional.conv2d(x, weight, bias, **WINDOW)
    output.sum().backward()
    counts = {"output": output, "bias": bias.grad, "weight": weight.grad, "input": x.grad}[which]
    for entry in list(np.ndindex(*counts.shape))[::7]:
        probe = torch_conv2d(which, X, WEIGHT, entry=entry, dtype="float64", **WINDOW)
        assert probe.terms == int(counts[entry])
        assert probe.sum_of(np.arange(probe.terms) ** 2 + 1.0) == probe.terms + sum(
            k**2 for k in range(probe.terms)
        )


@pytest.mark.torch
@pytest.mark.parametrize("which", ["output", "bias", "weight", "input"])
def test_orders_of_pytorch_are_found(which: Any) -> None:
    probes: list[Probe] = [torch_conv2d(which, X, WEIGHT, **WINDOW)]
    if which == "bias":
        probes += [
            torch_sum(40),
            torch_matmul((2, 30, 3)),
            torch_matmul((2, 9, 3), dtype="bfloat16"),
        ]
    for probe in probes:
        revealed = probe.reveal()
        assert 2 <= revealed.least_depth <= revealed.terms
        assert not revealed.sampled


@pytest.mark.torch
def test_wrong_probes_are_refused() -> None:
    with pytest.raises(InputError, match="entry: expected an index"):
        torch_conv2d("bias", X, WEIGHT, entry=(6,), **WINDOW)
    with pytest.raises(InputError, match="which: expected one of output"):
        torch_conv2d("kernel", X, WEIGHT, **WINDOW)  # type: ignore[arg-type]
