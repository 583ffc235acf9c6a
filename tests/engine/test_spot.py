"""BLAS that does not compute as the bounds assume is noticed; one that does is never accused."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processor import on_glibc_x86
from strategies import data, geometries

from pybridge.engine import blas as products
from pybridge.engine import spot
from pybridge.engine.blas import contract
from pybridge.engine.dense import split_contraction
from pybridge.engine.spot import require_ieee_threads, thread_fault
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FORMATS
from pybridge.problem.geometry import Geometry

CONTRACTIONS = load_definitions().data.contractions
NAMES = ("output", "weight", "input")
KINDS = (np.dtype(np.float32), np.dtype(np.float64))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(spot, "_checked", spot._Checked())
    products._plan.cache_clear()
    yield
    products._plan.cache_clear()


def arrays_of(geometry: Geometry, kind: np.dtype[Any], regime: str, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    format = FORMATS["binary32" if kind.itemsize == 4 else "binary64"]
    names = ("x", "weight", "grad_output")
    return {name: data(rng, format, regime, geometry.shapes[name]) for name in names}


def computed(name: str, geometry: Geometry, arrays: dict[str, Any], **options: Any) -> Any:
    split = split_contraction(CONTRACTIONS[name], geometry.parameters())
    values = [arrays[layout.name] for layout in split.layouts]
    return contract(split, values, values[0].dtype, **options)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(
    geometry=geometries(),
    regime=st.sampled_from(["normal", "tiny", "subnormal", "mixed", "cancelling", "huge", "zero"]),
    absolute=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_what_is_sound_is_not_accused(
    name: str, kind: np.dtype[Any], geometry: Geometry, regime: str, absolute: bool, seed: int
) -> None:
    """All entries are checked, instead of some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spot, "_sample", lambda result, *_: range(result.size))
        computed(name, geometry, arrays_of(geometry, kind, regime, seed), absolute=absolute)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("regime", ["normal", "mixed", "cancelling"])
def test_long_sums_that_are_sound_are_not_accused(
    kind: np.dtype[Any], regime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spot, "_sample", lambda result, *_: range(result.size))
    geometry = Geometry.of((2, 2, 70, 71), (3, 2, 3, 3), padding=1)
    for absolute in (False, True):
        computed("weight", geometry, arrays_of(geometry, kind, regime, 6), absolute=absolute)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": 2, "stride": 3, "dilation": 2}])
def test_each_entry_s_own_terms_are_compared(
    name: str, kind: np.dtype[Any], options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any entry that is off is noticed if it is looked at."""
    geometry = Geometry.of((2, 4, 9, 8), (6, 2, 3, 3), groups=2, **options)
    arrays = arrays_of(geometry, kind, "normal", 1)
    split = split_contraction(CONTRACTIONS[name], geometry.parameters())
    boxes = [
        np.ascontiguousarray(layout.pad(arrays[layout.name], kind)) for layout in split.layouts
    ]
    kept: list[Any] = []
    monkeypatch.setattr(products, "require_sound", lambda *call: kept.append(call[2]))
    computed(name, geometry, arrays)
    monkeypatch.undo()
    (result,) = kept
    monkeypatch.setattr(spot, "_sample", lambda result, *_: range(result.size))
    spot.require_sound(split, boxes, result)
    unit = np.finfo(kind).eps
    terms = prod(split.red_sizes)
    for position in range(0, result.size, 7):
        before = result.flat[position]
        result.flat[position] += 64 * terms**2 * unit
        with pytest.raises(FloatingPointError, match="errs by more than rounding can") as error:
            spot.require_sound(split, boxes, result)
        index = [int(i) for i in np.unravel_index(position, result.shape)]
        assert f"at {index}, expected about" in str(error.value)
        assert "\n" not in str(error.value)
        result.flat[position] = before


LAYER = Geometry.of((2, 16, 20, 20), (24, 16, 3, 3), padding=1)


def truncated(bits: int) -> Callable[[Any], Any]:
    def keep(array: Any) -> Any:
        integer = np.dtype(f"i{array.itemsize}")
        return (array.view(integer) & ~integer.type((1 << bits) - 1)).view(array.dtype)

    return keep


def strassen(a: Any, b: Any, depth: int = 3) -> Any:
    """Return the product by Strassen's algorithm, of matrices whose sizes 2^depth divides."""
    if depth == 0:
        return np.einsum("...ij,...jk->...ik", a, b)
    (p, q), (r, s) = (np.split(half, 2, axis=-1) for half in np.split(a, 2, axis=-2))
    (t, u), (v, w) = (np.split(half, 2, axis=-1) for half in np.split(b, 2, axis=-2))
    one, two = strassen(p + s, t + w, depth - 1), strassen(r + s, t, depth - 1)
    three, four = strassen(p, u - w, depth - 1), strassen(s, v - t, depth - 1)
    five = strassen(p + q, w, depth - 1)
    six, seven = strassen(r - p, t + u, depth - 1), strassen(q - s, v + w, depth - 1)
    upper = np.concatenate([one + four - five + seven, three + five], axis=-1)
    lower = np.concatenate([two + four, one - two + three + six], axis=-1)
    return np.concatenate([upper, lower], axis=-2)


MATMUL = np.matmul
FAULTS: dict[str, Callable[[Any, Any], Any]] = {
    "TF32": lambda a, b: MATMUL(truncated(13)(a.copy()), truncated(13)(b.copy())),
    "nan": lambda a, b: MATMUL(a, b) * np.float32(np.nan),
    "a term is lost": lambda a, b: MATMUL(np.delete(a, 4, -1), np.delete(b, 4, -2)),
    "nothing": lambda a, b: np.zeros_like(MATMUL(a, b)),
}


@pytest.fixture
def replace_matmul(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any, Any], Any]], None]:
    """Return what puts another product in place of NumPy's, unseen by the check of threads."""

    def replace(product: Callable[[Any, Any], Any]) -> None:
        def matmul(a: Any, b: Any, out: Any) -> Any:
            out[...] = product(a, b)
            return out

        monkeypatch.setattr(np, "matmul", matmul)
        monkeypatch.setattr(spot, "thread_fault", lambda dtype: None)
        monkeypatch.setattr(spot, "_calls", itertools.count())  # Which entries are checked.

    return replace


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_faults_in_every_entry_are_found(name: str, fault: str, replace_matmul: Any) -> None:
    arrays = arrays_of(LAYER, KINDS[0], "normal", 2)
    replace_matmul(FAULTS[fault])
    with pytest.raises(FloatingPointError, match="errs by more than rounding can"):
        computed(name, LAYER, arrays, absolute=True)


def test_strassen_is_found(replace_matmul: Any) -> None:
    """If entries differ in size, its errors are a share of the largest entry."""
    geometry = Geometry.of((1, 64, 64, 1), (64, 64, 1, 1))
    arrays = arrays_of(geometry, KINDS[0], "normal", 3)
    arrays["weight"][:20] *= np.float32(2.0**-40)
    replace_matmul(strassen)
    refusals = 0
    for _ in range(40):
        try:
            computed("output", geometry, arrays, absolute=True)
        except FloatingPointError:
            refusals += 1
    assert refusals >= 3


def test_emulated_float64_is_found(replace_matmul: Any) -> None:
    arrays = arrays_of(LAYER, KINDS[1], "normal", 4)
    replace_matmul(lambda a, b: MATMUL(truncated(14)(a.copy()), truncated(14)(b.copy())))
    with pytest.raises(FloatingPointError, match="in float64 errs by more than rounding can"):
        computed("weight", LAYER, arrays, absolute=True)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_threads_are_checked_once_and_then_now_and_then(
    kind: np.dtype[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert thread_fault(kind) is None
    called: list[Any] = []

    def fault(dtype: Any) -> str | None:
        called.append(dtype)
        return "flushes subnormal numbers to zero" if len(called) > 2 else None

    monkeypatch.setattr(spot, "thread_fault", fault)
    require_ieee_threads(kind, 10)
    require_ieee_threads(kind, 10)
    require_ieee_threads(kind, spot._AGAIN - 21)
    assert called == [kind]
    require_ieee_threads(kind, 30)
    assert called == [kind] * 2
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 0)
        for _ in range(2):
            with pytest.raises(
                FloatingPointError, match=f"^a BLAS thread flushes .* to zero in {kind}; import"
            ):
                require_ieee_threads(kind, 10)
    assert len(called) == 4


def test_any_error_state() -> None:
    geometry = Geometry.of((1, 2, 5, 5), (2, 2, 3, 3), padding=1)
    for kind in KINDS:
        for regime in ("tiny", "subnormal", "huge", "mixed"):
            arrays = arrays_of(geometry, kind, regime, 5)
            with np.errstate(all="raise"):
                for name in NAMES:
                    computed(name, geometry, arrays)
                split = split_contraction(CONTRACTIONS["weight"], geometry.parameters())
                values = [arrays[layout.name] for layout in split.layouts]
                contract(split, values, np.float32, absolute=True)
                contract(split, [None, values[1]], np.float64, absolute=True)


INHERITED = """
import ctypes, ctypes.util, sys
library = ctypes.CDLL(ctypes.util.find_library("m"))
before = ctypes.create_string_buffer(32)
library.fegetenv(before)
word = int.from_bytes(before.raw[28:], "little") | int(sys.argv[1], 16)
library.fesetenv(ctypes.create_string_buffer(before.raw[:28] + word.to_bytes(4, "little"), 32))
import numpy as np
np.ones((600, 600)) @ np.ones((600, 600))
library.fesetenv(before)

from pybridge.exported.document import load_definitions
from pybridge.problem.formats import require_ieee
from pybridge.problem.geometry import Geometry
from pybridge.engine.dense import split_contraction
from pybridge.engine.blas import contract

require_ieee()
flawed = False
for a, b in ((1, 1 / 3), (2.0**-126, 2.0**-10), (2.0**-128, 4)):
    product = np.full((512, 64), a, np.float32) @ np.full((64, 512), b, np.float32)
    flawed |= len(np.unique(product.view(np.int32))) > 1
geometry = Geometry.of((4, 16, 24, 24), (32, 16, 3, 3), padding=1)
split = split_contraction(load_definitions().data.contractions["output"], geometry.parameters())
rng = np.random.default_rng(0)
x, weight = (
    (rng.uniform(1, 2, shape) * scale).astype(np.float32)
    for shape, scale in ((geometry.x_shape, float(sys.argv[2])), (geometry.weight_shape, 2.0**-40))
)
try:
    contract(split, [x, weight], np.float32)
except FloatingPointError as error:
    print("refused:", error)
else:
    print("flawed" if flawed else "sound")
"""


@on_glibc_x86
@pytest.mark.parametrize("scale", ["1", "1e-27"])
@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("0", "sound"),
        ("0x8000", "a BLAS thread flushes subnormal numbers to zero"),
        ("0x8040", "a BLAS thread flushes subnormal numbers to zero"),
        ("0x40", "a BLAS thread flushes subnormal numbers to zero"),
        ("0x2000", "a BLAS thread does not round to nearest"),
        ("0x4000", "a BLAS thread does not round to nearest"),
        ("0x6000", "a BLAS thread does not round to nearest"),
    ],
)
def test_modes_that_threads_inherit_are_found(flag: str, expected: str, scale: str) -> None:
    """They are refused whether or not the operands would show them."""
    process = subprocess.run(
        [sys.executable, "-c", INHERITED, flag, scale],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() != "flawed"
    if "sound" in process.stdout and flag != "0":
        pytest.skip("BLAS's threads did not inherit the mode")
    assert expected in process.stdout
