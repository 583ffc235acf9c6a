"""The fast replay: the reference's values bit for bit, and bounds within a hair of exact ones."""

from __future__ import annotations

import copy
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from types import FrameType
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import REGIMES, conv2d_operands, formats, geometries

from pybridge.engine import replay as replay_module
from pybridge.engine import sequential as steps
from pybridge.engine import spot
from pybridge.engine.reference import Evaluation, evaluate
from pybridge.engine.replay import evaluate_replay
from pybridge.exported.document import CONTRACTIONS, Contraction, load_definitions
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand

DEFINITIONS = load_definitions()
DATA = literal.DOCUMENT["data"]
SMALLEST = Fraction(1, 2**1060)


def rounded_laws() -> Any:
    """Return the laws with the half ulp of the rounded result in place of the exact one's."""
    laws = copy.deepcopy(DATA["laws"])
    for name in ("add", "mul"):
        inherited, half = laws[name]["eps"]["add"]
        laws[name]["eps"] = {"add": [inherited, {"halfUlp": {"round": half["halfUlp"]}}]}
    return laws


ROUNDED = rounded_laws()


def both(
    name: str, geometry: Geometry, format: FloatFormat, operands: dict[str, Operand]
) -> tuple[Evaluation, Evaluation]:
    contraction = DEFINITIONS.data.contractions[name]
    parameters = geometry.parameters()
    fast = evaluate_replay(contraction, parameters, format, operands, DEFINITIONS)
    slow = evaluate(contraction, DEFINITIONS.data.laws, parameters, format, operands)
    return fast, slow


def assert_same_values(fast: Evaluation, slow: Evaluation) -> None:
    assert fast.value.dtype == slow.value.dtype
    assert fast.bound.dtype == np.float64
    assert fast.value.shape == slow.value.shape == fast.bound.shape
    assert np.array_equal(fast.overflow, slow.overflow)
    held = ~slow.overflow
    assert fast.value[held].tobytes() == slow.value[held].tobytes()
    assert not np.isfinite(fast.value[~held]).any()
    assert np.isinf(fast.bound[~held]).all()


@pytest.fixture(params=["exact", "blocks", "small-blocks"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the ways in which steps are added: along an axis, in one block, in many."""
    if request.param != "exact":
        monkeypatch.setattr(steps, "_EXACT", 0)
        monkeypatch.setattr(steps, "_FEW", 1)
    if request.param == "small-blocks":
        monkeypatch.setattr(steps, "_OUTPUTS", 7)
        monkeypatch.setattr(steps, "_SCRATCH", 200)
        monkeypatch.setattr(steps, "_OPERANDS", 64)
        monkeypatch.setattr(steps, "_KEPT", 64)
    steps._plans.cache_clear()
    yield request.param
    steps._plans.cache_clear()


@pytest.mark.parametrize("name", CONTRACTIONS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    geometry=geometries(),
    format=formats,
    kinds=st.tuples(st.sampled_from(REGIMES), st.sampled_from(REGIMES)),
    eps=st.sampled_from([0.0, 0.0, 2.0**-20, 1e-3]),
    seed=st.integers(0, 2**32),
)
def test_against_the_definitions(
    sizes: str,
    name: str,
    geometry: Geometry,
    format: FloatFormat,
    kinds: tuple[str, str],
    eps: float,
    seed: int,
) -> None:
    operands = conv2d_operands(geometry, format, kinds, eps, seed)
    fast, slow = both(name, geometry, format, operands)
    assert_same_values(fast, slow)
    arrays = {name: (g.value, Fraction(g.eps)) for name, g in operands.items()}
    described = DATA["formats"][format.name]
    parameters = geometry.parameters()
    exact, charged = (
        list(literal.execute(literal.CONTRACTIONS[name], laws, described, parameters, arrays))
        for laws in (DATA["laws"], ROUNDED)
    )
    # Each half ulp is that of the exact result or of the rounded one. Least normal numbers that are
    # charged without need are at most a hundredth of the bound; the rest is rounding.
    for lower, upper, bound in zip(exact, charged, fast.bound.ravel().tolist(), strict=True):
        if lower.value is not None:
            assert bound >= lower.eps
            allowed = (lower if sizes == "exact" else upper).eps * Fraction(102, 100)
            assert np.isinf(bound) or bound <= allowed + SMALLEST


@pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize(
    ("shape", "weight", "options"),
    [
        ((2, 8, 14, 14), (16, 8, 3, 3), {"padding": 1}),
        pytest.param(
            (1, 32, 12, 12), (32, 1, 3, 3), {"padding": 1, "groups": 32}, marks=pytest.mark.slow
        ),
        ((2, 8, 15, 13), (12, 4, 3, 3), {"padding": 1, "groups": 2, "stride": 2}),
        ((1, 6, 17, 11), (8, 6, 3, 2), {"padding": ((2, 0), (1, 3)), "dilation": (2, 3)}),
    ],
)
def test_blocks_of_ordinary_layers(
    format: FloatFormat, shape: Any, weight: Any, options: Any
) -> None:
    geometry = Geometry.of(shape, weight, **options)
    operands = conv2d_operands(geometry, format, seed=1)
    operands["x"].value[:, 0] = 0
    for name in CONTRACTIONS:
        fast, slow = both(name, geometry, format, operands)
        assert_same_values(fast, slow)
        assert (fast.bound >= slow.bound * (1 - 1e-12)).all()
        assert (fast.bound <= slow.bound * 1.05).all()


def test_other_laws_are_evaluated_by_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def reference(*arguments: Any) -> Evaluation:
        called.append(arguments)
        return evaluate(*arguments)

    monkeypatch.setattr(replay_module, "evaluate", reference)
    geometry = Geometry.of((1, 2, 4, 4), (2, 2, 3, 3))
    operands = conv2d_operands(geometry, FORMATS["binary32"], seed=1)
    contraction = DEFINITIONS.data.contractions["weight"]
    arguments = (contraction, geometry.parameters(), FORMATS["binary32"], operands)
    evaluate_replay(*arguments, DEFINITIONS)
    assert not called
    laws = DEFINITIONS.data.laws
    doubled = laws.model_copy(update={"add": laws.add.model_copy(update={"eps": laws.mul.eps})})
    other = DEFINITIONS.model_copy(
        update={"data": DEFINITIONS.data.model_copy(update={"laws": doubled})}
    )
    evaluate_replay(*arguments, other)
    assert len(called) == 1


def test_two_padded_factors_are_evaluated_by_the_reference() -> None:
    geometry = Geometry.of((1, 2, 5, 5), (2, 2, 3, 3), padding=1)
    document = copy.deepcopy(literal.CONTRACTIONS["weight"])
    document["factors"] = [document["factors"][0]] * 2
    contraction = Contraction.model_validate(document)
    format = FORMATS["binary32"]
    operands = conv2d_operands(geometry, format, seed=1)
    parameters = geometry.parameters()
    fast = evaluate_replay(contraction, parameters, format, operands, DEFINITIONS)
    slow = evaluate(contraction, DEFINITIONS.data.laws, parameters, format, operands)
    assert_same_values(fast, slow)
    assert np.array_equal(fast.bound, slow.bound)


def test_bounds_whose_binades_overflow_are_those_of_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "_EXACT", 0)
    monkeypatch.setattr(steps, "_FEW", 1)
    geometry = Geometry.of((1, 1, 1, 40), (1, 1, 1, 1))
    format = FORMATS["binary32"]
    operands = conv2d_operands(geometry, format, seed=1)
    largest = np.float32(2.0**127)
    operands["grad_output"].value[...] = 0
    operands["grad_output"].value[..., 0] = largest
    fast, slow = both("bias", geometry, format, operands)
    assert_same_values(fast, slow)
    assert np.isfinite(fast.bound).all()
    assert np.array_equal(fast.bound, slow.bound)


def test_entries_without_terms_have_no_error() -> None:
    geometry = Geometry.of((1, 4, 60, 60), (4, 4, 1, 1), stride=3)
    operands = conv2d_operands(geometry, FORMATS["binary32"], ("normal", "normal"), 0.5, 4)
    fast, _ = both("input", geometry, FORMATS["binary32"], operands)
    read = np.zeros(fast.bound.shape, bool)
    read[:, :, ::3, ::3] = True
    assert (fast.bound[read] > 0).all()
    assert (fast.bound[~read] == 0).all()


FORMAT = FORMATS["binary32"]
LAYER = Geometry.of((1, 8, 12, 12), (16, 8, 3, 3), padding=1)
SETS = [conv2d_operands(LAYER, FORMAT, seed=seed) for seed in range(8)]


def replayed(operands: dict[str, Operand], name: str = "weight") -> tuple[bytes, bytes]:
    contraction = DEFINITIONS.data.contractions[name]
    result = evaluate_replay(contraction, LAYER.parameters(), FORMAT, operands, DEFINITIONS)
    return result.value.tobytes(), result.bound.tobytes()


def test_threads_do_not_share_memory() -> None:
    alone = [replayed(operands) for operands in SETS]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(replayed, SETS * 4))
    assert together == alone * 4
    assert len(steps._idle) <= steps._IDLE


def test_threads_of_blas_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spot, "_checked", spot._Checked())
    monkeypatch.setattr(spot, "thread_fault", lambda dtype: "does not round to nearest")
    with pytest.raises(FloatingPointError, match=r"^a BLAS thread does not round to"):
        replayed(SETS[0])


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_a_signal_handler_may_replay(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler runs in the middle of each batch of steps."""
    monkeypatch.setattr(steps, "_EXACT", 0)
    monkeypatch.setattr(steps, "_FEW", 1)
    steps._plans.cache_clear()
    alone = [replayed(operands, name) for operands in SETS[:2]]
    binades = steps._Steps.binades
    inner: list[tuple[bytes, bytes]] = []
    busy: list[bool] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if not busy:
            busy.append(True)
            inner.append(replayed(SETS[1], name))
            busy.clear()

    def interrupted(self: Any, bits: Any, *, floor: bool) -> None:
        signal.raise_signal(signal.SIGINT)
        binades(self, bits, floor=floor)

    before = signal.signal(signal.SIGINT, handler)
    monkeypatch.setattr(steps._Steps, "binades", interrupted)
    try:
        outer = replayed(SETS[0], name)
    finally:
        signal.signal(signal.SIGINT, before)
        steps._plans.cache_clear()
    assert outer == alone[0]
    assert inner
    assert set(inner) == {alone[1]}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_handlers_at_any_time_may_replay() -> None:
    alone = {name: [replayed(operands, name) for operands in SETS[:2]] for name in CONTRACTIONS}
    inner: list[bool] = []
    busy: list[bool] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if not busy:
            busy.append(True)
            name = CONTRACTIONS[len(inner) % len(CONTRACTIONS)]
            inner.append(replayed(SETS[1], name) == alone[name][1])
            busy.clear()

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 1e-3, 1.7e-3)
    try:
        outer = [(name, replayed(SETS[0], name)) for _ in range(60) for name in CONTRACTIONS]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all(result == alone[name][0] for name, result in outer)
    assert len(inner) > 10
    assert all(inner)


@pytest.mark.parametrize("format", FORMATS.values(), ids=str)
@pytest.mark.parametrize("kinds", [("normal", "normal"), ("tiny", "tiny"), ("huge", "mixed")])
def test_any_error_state(format: FloatFormat, kinds: tuple[str, str], sizes: str) -> None:
    geometry = Geometry.of((1, 2, 5, 6), (3, 2, 3, 3), padding=1)
    operands = conv2d_operands(geometry, format, kinds, 1e-3, 5)
    for name in CONTRACTIONS:
        expected = both(name, geometry, format, operands)
        with np.errstate(all="raise"):
            raised = both(name, geometry, format, operands)
        for one, other in zip(expected, raised, strict=True):
            assert one.value.tobytes() == other.value.tobytes()
            assert one.bound.tobytes() == other.bound.tobytes()
