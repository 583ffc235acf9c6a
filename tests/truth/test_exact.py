"""Exact results, whole and by entry, against the textbook's sums term by term on fractions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import REGIMES, data, formats

from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.shapes import Pooling, Product, Shape
from pybridge.truth.dyadic import Dyadic
from pybridge.truth.exact import exact_entry, exact_results

Index: TypeAlias = tuple[int, ...]
Term: TypeAlias = dict[str, Index]
"""The entries that a product of the textbook's sum is made of, by the operands' names."""


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_dyadic_is_exact(numbers: list[float]) -> None:
    dyadic = Dyadic.of(np.array(numbers))
    assert dyadic.fractions() == list(map(Fraction, numbers))
    total, square = dyadic + dyadic.over(dyadic.exponent - 3), dyadic * dyadic
    assert total.fractions() == [2 * Fraction(n) for n in numbers]
    assert square.fractions() == [Fraction(n) ** 2 for n in numbers]
    assert dyadic.sum((0,)).fractions() == [sum(map(Fraction, numbers))]
    assert all(isinstance(n, int) for n in dyadic.numerators)


@pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("regime", REGIMES)
def test_any_error_state(format: FloatFormat, regime: str) -> None:
    values = data(np.random.default_rng(1), format, regime, (30,))
    with np.errstate(all="raise"):
        dyadic = Dyadic.of(values)
    assert dyadic.fractions() == [Fraction(float(value)) for value in values]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Return a shape of any operation, of few terms."""
    kind = draw(st.sampled_from(["convolution", "transposed", "product", "pooling"]))
    sizes = st.integers(1, 3)
    if kind == "product":
        return Product(**{name: draw(sizes) for name in "BMNKPQ"})
    windows = []
    for _ in range(draw(st.integers(1, 2 if kind == "transposed" else 3))):
        kernel, stride, dilation = draw(sizes), draw(sizes), draw(st.integers(1, 2))
        pad_begin, pad_end = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        reach = dilation * (kernel - 1) + 1
        least = max(1, reach - pad_begin - pad_end)
        extra: dict[str, Any] = {}
        if kind == "transposed":
            least = max(1, -((reach - pad_begin - pad_end - 1) // stride) + 1)
            padding = draw(st.integers(0, max(stride, dilation) - 1))
            extra = {"transposed": True, "output_padding": padding}
        windows.append(
            Window(
                size=draw(st.integers(least, least + 1)),
                kernel=kernel,
                stride=stride,
                pad_begin=pad_begin,
                pad_end=pad_end,
                dilation=dilation,
                **extra,
            )
        )
    if kind == "pooling":
        return Pooling(batch=draw(sizes), channels=draw(sizes), windows=tuple(windows))
    few = st.integers(1, 2)
    return Geometry(
        batch=draw(few),
        groups=draw(few),
        in_channels=draw(few),
        out_channels=draw(few),
        windows=tuple(windows),
    )


def terms(shape: Shape) -> Iterator[Term]:
    """Yield the products that the output sums, with the output's entry, in the textbook's loops."""
    if isinstance(shape, Product):
        sizes = (shape.B, shape.M, shape.N, shape.K, shape.P, shape.Q)
        for b, m, n, k, p, q in product(*map(range, sizes)):
            yield {"x": (b, m, k, p), "y": (b, n, k, q), "output": (b, m, n)}
        return
    if isinstance(shape, Pooling):
        for term in terms(shape.convolution):
            yield {name: term[name] for name in ("x", "output")}
        return
    channels = range(shape.groups), range(shape.in_channels), range(shape.out_channels)
    for n, (g, i, o) in product(range(shape.batch), product(*channels)):
        into, outof = g * shape.in_channels + i, g * shape.out_channels + o
        weight = (into, o) if shape.transposed else (outof, i)
        for axes in product(*map(meetings, shape.windows)):
            x, taps, output = (tuple(axis[j] for axis in axes) for j in range(3))
            yield {"x": (n, into, *x), "weight": (*weight, *taps), "output": (n, outof, *output)}


def meetings(w: Window) -> Iterator[Index]:
    """Yield the indices of x, of a tap and of the output that meet along an axis."""
    for x, tap, output in product(range(w.size), range(w.kernel), range(w.output)):
        position, entry = (x, output) if w.transposed else (output, x)
        if position * w.stride + tap * w.dilation - w.pad_begin == entry:
            yield x, tap, output


def textbook(shape: Shape, operands: dict[str, Any]) -> dict[str, dict[Index, Fraction]]:
    """Return the output, and the gradient of ⟨output, grad_output⟩ in each operand."""
    named = {"x": "input"} if not isinstance(shape, Product) else {}
    addend = "addend" if isinstance(shape, Product) else "bias"
    value = {
        key: {i: Fraction(float(a[i])) for i in np.ndindex(a.shape)} for key, a in operands.items()
    }
    results = {
        name: dict.fromkeys(np.ndindex(*sizes), Fraction(0))
        for name, sizes in shape.result_shapes.items()
    }
    for i, grad in value["grad_output"].items():
        if addend in operands:
            at = i if addend == "addend" else i[1:2]
            results["output"][i] += value[addend][at]
            results[addend][at] += grad
    for term in terms(shape):
        output = term.pop("output")
        grad = value["grad_output"][output]
        factors = {key: value[key][i] for key, i in term.items()}
        results["output"][output] += prod(factors.values())
        for key, i in term.items():
            others = [factor for other, factor in factors.items() if other != key]
            results[named.get(key, key)][i] += prod([grad, *others])
    return results


@settings(max_examples=150, deadline=None)
@given(shapes(), formats, st.sampled_from(REGIMES), st.integers(0, 2**32))
def test_as_the_textbook(shape: Shape, format: FloatFormat, regime: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    operands = {name: data(rng, format, regime, size) for name, size in shape.shapes.items()}
    expected = textbook(shape, operands)
    exact = exact_results(shape, operands)
    assert exact.keys() == shape.results.keys() == shape.result_shapes.keys()
    for name, result in exact.items():
        assert result.numerators.shape == shape.result_shapes[name]
        assert result.fractions() == list(expected[name].values()), name
        read = {key: operands[key] for key in shape.results[name]}
        entries = [exact_entry(name, shape, read, i) for i in expected[name]]
        assert entries == list(expected[name].values()), name
        assert exact_results(shape, read, [name])[name].fractions() == entries


def test_an_output_without_a_bias_or_addend() -> None:
    for shape, addend in ((Geometry.of((1, 1, 2, 2), (1, 1, 1, 1)), "bias"), (Product(), "addend")):
        ones = {name: np.ones(size) for name, size in shape.shapes.items()}
        assert set(exact_results(shape, ones)["output"].fractions()) == {2}
        del ones[addend]
        assert set(exact_results(shape, ones, ["output"])["output"].fractions()) == {1}
        first = (0,) * len(shape.result_shapes["output"])
        assert exact_entry("output", shape, ones, first) == 1
        del ones["grad_output"]
        assert exact_results(shape, ones) == {}
