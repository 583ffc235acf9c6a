"""Sums of products by BLAS: exact on small integers, whatever the geometry and the blocks."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import geometries
from test_dense import ODD, arrays, literal_terms

from pybridge.engine import blas as products
from pybridge.engine.blas import contract
from pybridge.engine.dense import Split, split_contraction
from pybridge.exported.document import Contraction, load_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.problem.geometry import Geometry, Window
from pybridge.truth.exact import exact_results

CONTRACTIONS = load_definitions().data.contractions


def integers(geometry: Geometry, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(-8, 9, size=shape) * 0.5 for name, shape in geometry.shapes.items()}


def exact(geometry: Geometry, arrays_: dict[str, Any], name: str) -> Any:
    read = {key: value for key, value in arrays_.items() if key != "bias"}
    result = exact_results(geometry, read, [name])[name]
    return np.array([float(v) for v in result.fractions()]).reshape(result.numerators.shape)


def operands(split: Split, arrays_: dict[str, Any], ones: str = "") -> list[Any]:
    return [None if layout.name == ones else arrays_[layout.name] for layout in split.layouts]


@settings(max_examples=250, deadline=None)
@given(
    geometry=geometries(),
    name=st.sampled_from(sorted(CONTRACTIONS)),
    dtype=st.sampled_from(["float32", "float64"]),
    held_in=st.sampled_from(["float32", "float64", "float16"]),
    absolute=st.booleans(),
    ones=st.sampled_from(["", "", "x", "weight", "grad_output"]),
    buffer=st.sampled_from([1, 24, 100, 400, 1 << 20]),
    few=st.sampled_from([1, 4, 64]),
    narrow=st.sampled_from([1, 2, 16]),
    long=st.sampled_from([1, 8, 256]),
    most=st.sampled_from([None, 1, 4]),
    seed=st.integers(0, 2**32),
)
def test_exact_on_small_integers(
    geometry: Geometry,
    name: str,
    dtype: str,
    held_in: str,
    absolute: bool,
    ones: str,
    buffer: int,
    few: int,
    narrow: int,
    long: int,
    most: int | None,
    seed: int,
) -> None:
    split = split_contraction(CONTRACTIONS[name], geometry.parameters(), most=most)
    drawn = integers(geometry, seed)
    stored = {key: value.astype(held_in) for key, value in drawn.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_BUFFER", buffer)
        patch.setattr(products, "_FEW", few)
        patch.setattr(products, "_NARROW", narrow)
        patch.setattr(products, "_LONG", long)
        result = contract(split, operands(split, stored, ones), dtype, absolute=absolute)
    if absolute:
        drawn = {key: np.abs(value) for key, value in drawn.items()}
    if ones in drawn:
        drawn[ones] = np.ones_like(drawn[ones])
    expected = exact(geometry, drawn, name)
    assert result.dtype == dtype
    assert result.ndim == expected.ndim
    assert all(n in (1, full) for n, full in zip(result.shape, expected.shape, strict=True))
    assert ones or result.shape == expected.shape
    assert (np.broadcast_to(result, expected.shape) == expected).all()


def test_lattices_that_do_not_cover_what_a_factor_of_ones_is_constant_along() -> None:
    geometry = Geometry(windows=(Window(size=2, kernel=2), Window(size=3, kernel=1, stride=2)))
    split = split_contraction(CONTRACTIONS["input"], geometry.parameters())
    weight = np.array([[[[2.0], [3.0]]]])
    result = contract(split, [weight, None], np.float64)
    assert result.tolist() == [[[[2, 0, 2], [3, 0, 3]]]]


@pytest.mark.parametrize("name", sorted(set(ODD) - {"three factors"}))
def test_contractions_of_other_forms(name: str) -> None:
    record, parameters = {"name": name, **ODD[name]}, {"batch": 4}
    split = split_contraction(Contraction.model_validate(record), parameters)
    expected = np.zeros(split.out_sizes)
    for out, _, entries in literal_terms(record, parameters):
        expected[out] += np.prod(entries)
    result = contract(split, operands(split, arrays(record, parameters)), np.float64)
    assert (np.broadcast_to(result, split.shape) == expected.reshape(split.shape)).all()


def test_three_factors_are_refused() -> None:
    record, parameters = {"name": "three", **ODD["three factors"]}, {"batch": 4}
    split = split_contraction(Contraction.model_validate(record), parameters)
    with pytest.raises(DefinitionsError, match="products of 3 factors"):
        contract(split, operands(split, arrays(record, parameters)), np.float64)


def square(channels: int, size: int, kernel: int = 3, **kwargs: Any) -> Geometry:
    window = Window(size=size, kernel=kernel, pad_begin=kernel // 2, pad_end=kernel // 2)
    return Geometry(
        **{"in_channels": channels, "out_channels": channels, **kwargs}, windows=(window, window)
    )


LARGER = {
    "3x3": square(16, 14, batch=2),
    "1x1": square(40, 9, kernel=1, batch=3),
    "grouped": square(20, 9, groups=3),
    "depthwise": square(1, 20, groups=96, batch=2),
    "few channels": square(3, 33, out_channels=20),
    "long": square(2, 96),
    "strided": Geometry(
        in_channels=8,
        out_channels=24,
        batch=2,
        windows=(Window(size=29, kernel=7, stride=2, pad_begin=3, pad_end=3),) * 2,
    ),
    "patches": Geometry(
        in_channels=3, out_channels=32, batch=2, windows=(Window(size=32, kernel=8, stride=8),) * 2
    ),
}


@pytest.mark.parametrize("name", ["output", "weight", "input", "bias"])
@pytest.mark.parametrize("shape", LARGER)
@pytest.mark.parametrize("buffer", [1 << 14, 1 << 21])
def test_larger_shapes(name: str, shape: str, buffer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = LARGER[shape]
    monkeypatch.setattr(products, "_BUFFER", buffer)
    split = split_contraction(CONTRACTIONS[name], geometry.parameters())
    drawn = integers(geometry, 7)
    result = contract(split, operands(split, drawn), np.float32)
    assert (result == exact(geometry, drawn, name)).all()


@pytest.mark.parametrize("name", ["output", "weight", "input"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_is_bounded(name: str, dtype: Any) -> None:
    """Unfolding a whole 3×3 input would take nine times its memory."""
    geometry = square(64, 56)
    drawn = {key: value.astype(np.float32) for key, value in integers(geometry, 1).items()}
    split = split_contraction(CONTRACTIONS[name], geometry.parameters())
    held = sum(array.nbytes for array in drawn.values())
    tracemalloc.start()
    result = contract(split, operands(split, drawn), dtype)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 4 * held + result.nbytes
