"""The Lean program itself: what it computes, and what it refuses."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from pybridge import conv2d_backward, conv2d_forward
from pybridge.exported.document import load_definitions
from pybridge.lean import (
    BuildResult,
    CaseResult,
    Lean,
    LeanError,
    parse_number,
    parse_results,
)

GOOD = {
    "format": "binary32",
    "geometry": "1 1 1 1",
    "height": "3 2 1 0 0 1",
    "width": "2 2 1 0 0 1",
    "eps": "0x0.0p+0 1/3e8 0x0.0p+0 0x1.0p-10",
    "x": "0x1.8p+0 1/8 -0x1.99999ap-4 0x0.0p+0 -3/1 0x1.0p-149",
    "weight": "1/1 3/2 5/4 -1/1",
    "bias": "0/1",
    "gradOutput": "1/1 2/1",
}

REFUSED = [
    ("format", "binary128", "format: unknown format binary128"),
    ("geometry", "1 1 0 1", "geometry: batch, groups and channels must be positive"),
    ("geometry", "1 1 1", "geometry: expected batch groups inChannels outChannels"),
    ("geometry", "1 1 -1 1", "geometry: expected natural numbers"),
    ("height", "3 2 0 0 0 1", "height: the stride must be positive"),
    ("height", "3 2 1 0 0 0", "height: the dilation must be positive"),
    ("width", "2 0 1 0 0 1", "width: the kernel must be positive"),
    (
        "width",
        "2 2 1 0 0 2",
        "width: the dilated kernel of extent 3 does not fit into the padded input of 2",
    ),
    ("width", "2 2 1 0 0", "width: expected size kernel stride padBegin padEnd dilation"),
    ("eps", "0/1 -1/2 0/1 0/1", "eps: must not be negative"),
    ("eps", "0/1 0/1 0/1", "eps: expected the eps of x, weight, bias and gradOutput"),
    ("eps", "0/1 nan 0/1 0/1", "eps: expected numbers"),
    ("x", "1/1 2/1 3/1 4/1 5/1", "x: expected 6 entries, found 5"),
    ("x", "1/1 2/1 0.5 4/1 5/1 6/1", "x: entry 2 is not a number: 0.5"),
    ("x", "1/1 2/1 1/0 4/1 5/1 6/1", "x: entry 2 is not a number: 1/0"),
    ("weight", "1/1 1/3 1/1 1/1", "weight: entry 1 is not a number of the format: 1/3"),
    ("bias", "0x1p128", "bias: entry 0 is not a number of the format: 0x1p128"),
    ("bias", "0x1p999999999", "bias: entry 0 is not a number: 0x1p999999999"),
    ("gradOutput", "", "gradOutput: expected 2 entries, found 0"),
]


def text(name: str, lines: dict[str, str]) -> str:
    body = "".join(f"{key} {value}".rstrip() + "\n" for key, value in lines.items())
    return f"case {name}\n{body}end\n"


@pytest.fixture(scope="module")
def answers(lean: Lean) -> dict[str, CaseResult]:
    """All cases of this module, evaluated in one run."""
    cases = [text("good", GOOD), text("missing", {k: GOOD[k] for k in list(GOOD)[:-1]})]
    cases += [
        text(f"refused-{i}", {**GOOD, key: value}) for i, (key, value, _) in enumerate(REFUSED)
    ]
    return parse_results(lean.evaluate("".join(cases)))


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_case_that_makes_no_sense_is_refused(answers: dict[str, CaseResult], number: int) -> None:
    assert answers[f"refused-{number}"].refused == REFUSED[number][2]


def test_a_missing_line_is_named(answers: dict[str, CaseResult]) -> None:
    expected = "expected the lines format geometry height width eps x weight bias gradOutput"
    assert answers["missing"].refused == expected


def test_a_case_by_hand(answers: dict[str, CaseResult]) -> None:
    """The bias gradient 1 + 2 with eps 2⁻¹⁰ an entry; the first sum is charged as well."""
    bias = answers["good"].tensors["bias"]
    half = Fraction(1, 2**24)
    assert answers["good"].output == (2, 1)
    assert bias.value == (Fraction(3),)
    assert bias.exact == (Fraction(3),)
    assert bias.bound == (2 * Fraction(1, 2**10) + half + 2 * half,)
    weight = answers["good"].tensors["weight"]
    x = np.array([1.5, 0.125, -0.1, 0, -3, 2.0**-149], np.float32).astype(float)
    assert weight.exact == tuple(Fraction(x[i]) + 2 * Fraction(x[i + 2]) for i in range(4))


def test_a_file_that_is_not_one_is_an_error(lean: Lean) -> None:
    with pytest.raises(LeanError, match=r"expected `case NAME`, got .hello."):
        lean.evaluate("hello\n")
    with pytest.raises(LeanError, match="the case a has no end"):
        lean.evaluate("case a\nformat binary32\n")


def test_the_export_is_what_ships(lean: Lean) -> None:
    shipped = load_definitions().data.model_dump(by_alias=True, exclude_unset=True)
    assert json.loads(json.dumps(shipped)) == json.loads(lean.export())


@pytest.fixture(scope="module")
def network(lean: Lean) -> dict[str, list[Fraction]]:
    """The numbers of each line of the small network's report."""
    lines = [line.split(" ") for line in lean.network().splitlines()]
    assert lines.pop() == ["within", "163", "of", "163"]
    return {name: [parse_number(number) for number in numbers] for name, *numbers in lines}


def test_the_network_is_within_its_bounds(network: dict[str, list[Fraction]]) -> None:
    names = {name.rpartition(".")[0] for name in network}
    assert len(names) == 8
    assert sum(len(network[f"{name}.bound"]) for name in names) == 163
    for name in names:
        quantities = (network[f"{name}.{part}"] for part in ("value", "exact", "bound"))
        for value, exact, bound in zip(*quantities, strict=True):
            assert abs(value - exact) <= bound


def test_numpy_computes_the_network(network: dict[str, list[Fraction]]) -> None:
    """conv → relu → conv → flatten → linear and back, by the package's own functions."""

    def sample(number: int, *shape: int) -> npt.NDArray[np.float32]:
        entries = [(7 * k * k + 13 * k + 5 * number) % 23 - 11 for k in range(math.prod(shape))]
        return np.array([entry / 13 for entry in entries], np.float32).reshape(shape)

    x, w1, b1 = sample(1, 1, 2, 5, 5), sample(2, 3, 2, 3, 3), sample(3, 3)
    w2, b2 = sample(4, 2, 3, 2, 2), sample(5, 2)
    w3, b3 = sample(6, 3, 8), sample(7, 3)
    first = conv2d_forward(x, w1, b1, stride=2, padding=1).value
    hidden = np.maximum(first, np.float32(0))
    second = conv2d_forward(hidden, w2, b2).value
    flat, w3 = second.reshape(1, 8, 1, 1), w3.reshape(3, 8, 1, 1)
    output = conv2d_forward(flat, w3, b3).value
    last = conv2d_backward(flat, w3, sample(0, 1, 3, 1, 1))
    middle = conv2d_backward(hidden, w2, last.input.value.reshape(second.shape))
    passed = np.where(first > 0, middle.input.value, np.float32(0))
    back = conv2d_backward(x, w1, passed, stride=2, padding=1)
    computed = {
        "output": output,
        "input": back.input.value,
        "first.weight": back.weight.value,
        "first.bias": back.bias.value,
        "second.weight": middle.weight.value,
        "second.bias": middle.bias.value,
        "linear.weight": last.weight.value,
        "linear.bias": last.bias.value,
    }
    for name, array in computed.items():
        assert list(map(Fraction, array.ravel().tolist())) == network[f"{name}.value"], name


def test_every_module_is_proved(library: BuildResult) -> None:
    assert library.failed == {}
    assert [str(message) for message in library.messages if message.fails] == []
    assert "RuntimeApprox.Conv2d.Theorems" in library.built
