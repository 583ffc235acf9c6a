"""The executor against a literal execution of the exported definitions on fractions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import literal
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import REGIMES, conv2d_operands, data, formats, geometries
from test_dense import ODD as DENSE
from test_dense import axis_of

from pybridge.engine import reference as contraction_module
from pybridge.engine.reference import evaluate
from pybridge.errors import InputError
from pybridge.exported.document import Contraction, Laws
from pybridge.exported.expressions import DefinitionsError
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand

EXCESS = 1 + Fraction(1, 10**12)
LAWS = literal.DOCUMENT["data"]["laws"]
CONTRACTIONS = literal.CONTRACTIONS


def compare(
    contraction: Any,
    parameters: dict[str, int],
    format: FloatFormat,
    read: Mapping[str, Operand],
    laws: Any = LAWS,
    *,
    sound: bool = True,
) -> int:
    """Assert that both executions agree, and that bounds hold if the laws are `sound`.

    Return the number of outputs that did not overflow.
    """
    result = evaluate(
        Contraction.model_validate(contraction), Laws.model_validate(laws), parameters, format, read
    )
    assert result.value.dtype == format.dtype
    assert result.bound.dtype == np.float64
    assert result.value.shape == literal.output_shape(contraction, parameters)
    described = literal.DOCUMENT["data"]["formats"][format.name]
    arrays = {name: (g.value, Fraction(g.eps)) for name, g in read.items()}
    expected = list(literal.execute(contraction, laws, described, parameters, arrays))
    good = 0
    for pair, value, bound, overflow in zip(
        expected,
        result.value.reshape(-1).astype(np.float64),
        result.bound.reshape(-1),
        result.overflow.reshape(-1),
        strict=True,
    ):
        if pair.value is None:
            assert overflow
            assert not np.isfinite(value)
            assert bound == np.inf
            continue
        good += 1
        assert not overflow
        assert not (value == 0 and np.signbit(value))
        assert Fraction(value) == pair.value
        assert not sound or abs(pair.exact - pair.value) <= pair.eps
        assert bound >= pair.eps
        assert bound <= literal.round_up(pair.eps * EXCESS)
    return good


EPS = st.sampled_from([0.0, 0.0, 1e-3, 2.0**-10, 1.0, 5e-324, 2.0**-1074, 1e-200, 1e300])


@settings(max_examples=300, deadline=None)
@given(
    geometry=geometries(),
    format=formats,
    regimes=st.tuples(st.sampled_from(REGIMES), st.sampled_from(REGIMES)),
    eps=st.tuples(EPS, EPS, EPS, EPS),
    name=st.sampled_from(sorted(CONTRACTIONS)),
    block=st.sampled_from([1, 5, 1 << 15]),
    seed=st.integers(0, 2**32),
)
def test_as_the_literal_execution(
    geometry: Geometry,
    format: FloatFormat,
    regimes: tuple[str, str],
    eps: tuple[float, float, float, float],
    name: str,
    block: int,
    seed: int,
) -> None:
    operands = conv2d_operands(geometry, format, regimes, eps, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contraction_module, "_BLOCK", block)
        compare(CONTRACTIONS[name], geometry.parameters(), format, operands)


GEOMETRY = Geometry(
    batch=2,
    groups=2,
    in_channels=2,
    out_channels=3,
    windows=(
        Window(size=5, kernel=2, stride=2, pad_begin=1, pad_end=2, dilation=2),
        Window(size=4, kernel=3, stride=1, pad_begin=0, pad_end=2),
    ),
)


@pytest.mark.parametrize("name", sorted(CONTRACTIONS))
@pytest.mark.parametrize("format", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("regime", ["normal", "subnormal", "mixed", "ties"])
def test_each_contraction_and_format(name: str, format: FloatFormat, regime: str) -> None:
    operands = conv2d_operands(GEOMETRY, format, (regime, "normal"), seed=5)
    assert compare(CONTRACTIONS[name], GEOMETRY.parameters(), format, operands)


def test_bounds_beyond_the_scaled_range() -> None:
    """Huge bounds of binary64 stand beside the least ones."""
    geometry = Geometry(windows=(Window(size=2, kernel=1),) * 2)
    values = np.array([1e300, 5e-324, 1.0, 0.0]).reshape(1, 1, 2, 2)
    operands = {
        "x": Operand(values, 0.0),
        "weight": Operand(np.array([[[[1.5]]]]), 0.0),
        "bias": Operand(np.array([0.0]), 0.0),
        "grad_output": Operand(values[..., ::-1].copy(), 0.0),
    }
    for name in CONTRACTIONS:
        compare(CONTRACTIONS[name], geometry.parameters(), FORMATS["binary64"], operands)
    huge = {**operands, "weight": Operand(np.array([[[[1.5]]]]), 1e300)}
    result = evaluate(
        Contraction.model_validate(CONTRACTIONS["output"]),
        Laws.model_validate(LAWS),
        geometry.parameters(),
        FORMATS["binary64"],
        huge,
    )
    assert result.bound[0, 0, 0, 0] == np.inf
    assert not result.overflow.any()
    assert 0 < result.bound[0, 0, 0, 1] <= 1e-22
    compare(CONTRACTIONS["output"], geometry.parameters(), FORMATS["binary64"], huge)


_DIAGONAL = "diagonal, negative and divided"
ODD: dict[str, Any] = {
    **{name: DENSE[name] for name in ("three factors", "no reduction", "one number")},
    _DIAGONAL: {
        **DENSE[_DIAGONAL],
        "addends": [{"name": "bias", "axes": [axis_of(3, [0, 1], [], -1)]}],
    },
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("eps", [0.0, 0.125])
def test_contractions_of_other_forms(name: str, eps: float) -> None:
    record = {"name": name, **ODD[name]}
    rng = np.random.default_rng(3)
    parameters = {"batch": 4}
    operands = {
        literal.operand_name(operand): Operand(
            data(
                rng,
                FORMATS["binary32"],
                "normal",
                tuple(literal.size(axis["extent"], parameters) for axis in operand["axes"]),
            ),
            eps,
        )
        for operand in record["factors"] + record["addends"]
    }
    assert compare(record, parameters, FORMATS["binary32"], operands)


def test_other_laws() -> None:
    """Laws are executed as exported: another law gives another bound."""
    laws = copy.deepcopy(LAWS)
    laws["mul"]["eps"] = {
        "add": [
            {"mul": [{"abs": {"var": "x.value"}}, {"abs": {"var": "y.value"}}]},
            {"mul": [{"var": "x.eps"}, {"var": "y.eps"}]},
        ]
    }
    laws["zero"]["eps"] = {"halfUlp": {"mul": [{"zero": True}, {"zero": True}]}}
    laws["add"]["eps"]["add"][1] = {"halfUlp": {"mul": [{"var": "y.value"}, {"var": "x.value"}]}}
    laws["add"]["value"] = {
        "round": {"add": [{"round": {"add": [{"var": "y.value"}] * 2}}, {"var": "x.value"}]}
    }
    for format in FORMATS.values():
        operands = conv2d_operands(GEOMETRY, format, ("normal", "normal"), (0.0, 0.5, 0.0, 0.25), 2)
        arguments = CONTRACTIONS["input"], GEOMETRY.parameters(), format, operands
        assert compare(*arguments, laws, sound=False)


VAR = {"var": "x.value"}
UNSOUND = {
    "half ulp of a value": ("eps", {"halfUlp": VAR}),
    "half ulp of an error": ("eps", {"halfUlp": {"add": [VAR, {"var": "y.eps"}]}}),
    "a value as an error": ("eps", {"add": [VAR, {"var": "x.eps"}]}),
    "half ulp of an unrounded product": ("eps", {"halfUlp": {"add": [VAR, {"mul": [VAR, VAR]}]}}),
    "a rounded error": ("eps", {"round": {"add": [{"var": "x.eps"}] * 2}}),
    "an unrounded sum": ("value", {"add": [VAR, {"var": "y.value"}]}),
    "an error as a value": ("value", {"var": "x.eps"}),
    "a magnitude as a value": ("value", {"abs": VAR}),
    "twice rounded": ("value", {"round": {"round": {"add": [VAR, VAR]}}}),
}


@pytest.mark.parametrize("reason", UNSOUND)
@pytest.mark.parametrize("law", ["add", "mul"])
def test_unsound_laws_are_refused(reason: str, law: str) -> None:
    part, node = UNSOUND[reason]
    laws = copy.deepcopy(LAWS)
    laws[law][part] = node
    operands = conv2d_operands(GEOMETRY, FORMATS["binary32"], seed=1)
    with pytest.raises(DefinitionsError, match=r"^cannot [^\n]*$"):
        compare(CONTRACTIONS["weight"], GEOMETRY.parameters(), FORMATS["binary32"], operands, laws)


def test_shapes_and_divisors() -> None:
    operands = conv2d_operands(GEOMETRY, FORMATS["binary32"], seed=1)
    record = copy.deepcopy(CONTRACTIONS["input"])
    wrong = {**operands, "weight": Operand(operands["weight"].value[:-1])}
    with pytest.raises(InputError, match=r"weight has shape \(5, 2, 2, 3\), .* \(6, 2, 2, 3\)"):
        compare(record, GEOMETRY.parameters(), FORMATS["binary32"], wrong)
    record["factors"][1]["axes"][2]["index"]["divisor"] = {"neg": "strideH"}
    with pytest.raises(DefinitionsError, match="divided by -2"):
        compare(record, GEOMETRY.parameters(), FORMATS["binary32"], operands)
