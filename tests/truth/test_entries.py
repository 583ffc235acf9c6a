"""Exact values of single entries are those of the whole result."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pybridge.check.suite import suite
from pybridge.problem.case import Case
from pybridge.truth.conv2d import Dyadic, exact_conv2d
from pybridge.truth.entry import exact_entry


@pytest.mark.parametrize("case", suite(), ids=lambda case: case.label)
def test_all_entries_of_the_suite(case: Case) -> None:
    operands = {name: given.value for name, given in case.operands().items()}
    exact = exact_conv2d(
        case.geometry, *(Dyadic.of(operands[n]) for n in ("x", "weight", "bias", "grad_output"))
    )
    for name, result in exact.items():
        shape = result.numerators.shape
        entries = [exact_entry(name, case.geometry, operands, i) for i in np.ndindex(*shape)]
        assert entries == result.fractions(), name


def test_operands_that_are_not_read() -> None:
    case = next(case for case in suite() if case.label == "binary32-padding-only")
    x, weight = case.x, case.weight
    operands = {"x": x, "weight": weight, "grad_output": case.grad_output}
    value = exact_entry("output", case.geometry, operands, (0, 0, 0, 0))
    with_bias = exact_entry("output", case.geometry, operands | {"bias": case.bias}, (0, 0, 0, 0))
    assert with_bias - value == Fraction(float(case.bias[0]))
    assert exact_entry("weight", case.geometry, {"x": x, "grad_output": case.grad_output},
                       (0, 0, 0, 0)) == 0  # fmt: skip
