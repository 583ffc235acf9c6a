"""The built-in suite: what it covers, that it is deterministic, and its values and bounds."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import literal
import numpy as np
import pytest
from test_contraction import compare

from pybridge.bounds.applied import Applied
from pybridge.check.suite import generated_case, suite
from pybridge.errors import InputError
from pybridge.exported.document import OPERATIONS
from pybridge.problem.case import Case
from pybridge.problem.computation import computation_of
from pybridge.problem.formats import FORMATS
from pybridge.problem.geometry import Geometry

SUITE = suite()
DIGEST = "0cb0d1c3c82295db774861f617f42be61d0ff11d97ac3082aece724ce60a16cd"


@pytest.mark.parametrize("case", SUITE, ids=lambda case: case.label)
def test_as_the_literal_execution(case: Case) -> None:
    for name in case.geometry.results:
        compare(
            literal.OPERATIONS[case.geometry.operation]["results"][name],
            case.geometry.parameters(),
            case.float_format,
            case.operands,
        )


def test_coverage() -> None:
    assert len(SUITE) >= 28
    assert len({case.label for case in SUITE}) == len(SUITE)
    assert 3 * sum(case.geometry.multiply_adds for case in SUITE) < 60_000
    assert {case.format for case in SUITE} == set(FORMATS)
    assert {case.geometry.operation for case in SUITE} == set(OPERATIONS)
    geometries = [case.geometry for case in SUITE if isinstance(case.geometry, Geometry)]
    windows = [window for geometry in geometries for window in geometry.windows]
    assert any(w.stride > 1 for w in windows)
    assert any(w.dilation > 1 and w.stride > 1 for w in windows)
    assert any(w.pad_begin != w.pad_end for w in windows)
    assert any(w.kernel == w.size > 1 and w.output == 1 for w in windows)
    assert any(w.stride > w.reach for w in windows)
    assert any(g.batch > 1 for g in geometries)
    assert any(g.groups > 1 and g.in_channels == 1 for g in geometries)
    assert any(g.groups > 1 and g.in_channels > 1 for g in geometries)
    assert any(g.weight_shape[2:] == (1, 1) and g.in_channels > 1 for g in geometries)
    assert any(case.eps["x"] and case.eps["weight"] and case.eps["grad_output"] for case in SUITE)


def test_the_kinds_of_data_do_what_they_say() -> None:
    cases = {case.label: case for case in SUITE}

    def results(label: str) -> dict[str, np.ndarray]:
        case = cases[label]
        return {
            name: Applied(computation_of(case.geometry, name), case.operands)
            .evaluate(case.float_format)
            .value.astype(float)
            for name in case.geometry.results
            if name not in ("bias", "addend")
        }

    for format in FORMATS:
        least = 2.0 ** FORMATS[format].min_exponent
        for kind in ("tiny", "subnormal"):
            values = np.concatenate([v.ravel() for v in results(f"{format}-{kind}").values()])
            assert ((np.abs(values) < least) & (values != 0)).sum() > 5, (format, kind)
    overflows = {
        case.label
        for case in SUITE
        if not all(np.isfinite(values).all() for values in results(case.label).values())
    }
    assert overflows == {"binary16-overflow", "binary32-overflow", "binary16-product-huge"}
    weights = results("binary32-padding-only")["weight"]
    assert (weights == 0).any()


def test_ties_occur() -> None:
    for format in ("binary16", "bfloat16", "binary32", "binary64"):
        (case,) = [case for case in SUITE if case.label == f"{format}-ties"]
        described = literal.DOCUMENT["data"]["formats"][format]
        x, g = (case.values[name].astype(float).ravel().tolist() for name in ("x", "grad_output"))
        ulps = [
            exact / (2 * literal.half_ulp(exact, described))
            for a, b in zip(x, g, strict=True)
            for exact in (Fraction(a) * Fraction(b), Fraction(a) + Fraction(b))
        ]
        assert sum(ulp.denominator == 2 for ulp in ulps) >= 3


def test_deterministic() -> None:
    text = "".join(case.to_text() for case in SUITE)
    assert text == "".join(case.to_text() for case in suite())
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == DIGEST, "the suite changed: recorded evaluations have to be made again"


def test_generated_cases() -> None:
    geometry = Geometry.of((1, 1, 3, 3), (1, 1, 2, 2))
    case = generated_case("a", geometry, "float16", seed="1")
    assert case == generated_case("a", geometry, "float16", seed="1")
    assert case != generated_case("a", geometry, "float16", seed="2")
    with pytest.raises(InputError, match="kind: unknown 'odd', expected one of normal"):
        generated_case("a", geometry, "float16", kinds=["odd"] * 4)
    with pytest.raises(InputError, match="kinds and eps: expected 4, of x, weight"):
        generated_case("a", geometry, "float16", eps=(0.0,))
