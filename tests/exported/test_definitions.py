"""Reading definitions.json: digest, unknown nodes, sizes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import literal
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import geometries

from pybridge.exported.document import digest, load_definitions, parse_definitions
from pybridge.exported.expressions import DefinitionsError, size_value
from pybridge.problem.geometry import Geometry


@pytest.fixture
def document() -> Any:
    return copy.deepcopy(literal.DOCUMENT)


def signed(document: Any) -> str:
    document["sha256"] = digest(document)
    return json.dumps(document)


def test_the_shipped_file() -> None:
    definitions = load_definitions()
    assert definitions is load_definitions()
    assert set(definitions.data.contractions) >= {"output", "bias", "weight", "input"}
    data = definitions.data.model_dump(by_alias=True, mode="json", exclude_unset=True)
    assert data == json.loads(json.dumps(literal.DOCUMENT["data"]))


def test_a_changed_file_is_refused(document: Any, tmp_path: Path) -> None:
    path = tmp_path / "definitions.json"
    document["data"]["formats"]["binary32"]["precision"] = 25
    path.write_text(json.dumps(document))
    with pytest.raises(DefinitionsError, match=r"definitions.json: .* changed after extraction$"):
        load_definitions(path)
    path.write_text(signed(document))
    assert load_definitions(path).data.formats["binary32"].precision == 25


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DefinitionsError, match="no such file"):
        load_definitions(tmp_path / "absent.json")
    with pytest.raises(DefinitionsError, match="cannot be read"):
        load_definitions(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionsError, match="cannot be read"):
        load_definitions(tmp_path / "binary")
    for text in ("", "{", "[" * 100_000, "nan(", f'{{"sha256": {"9" * 100_000}}}'):
        with pytest.raises(DefinitionsError, match="not JSON"):
            parse_definitions(text)
    for text in ("[]", "{}", "3"):
        with pytest.raises(DefinitionsError, match="a field 'sha256'"):
            parse_definitions(text)


def test_a_law_that_is_nested_too_deeply_is_refused(document: Any) -> None:
    law: dict[str, Any] = {"var": "x.value"}
    for _ in range(200):
        law = {"abs": law}
    document["data"]["laws"]["add"]["value"] = law
    with pytest.raises(DefinitionsError, match=r"nested 205 deep, expected at most 64$"):
        parse_definitions(signed(document))


def change(document: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node = document
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node[key]
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value


REFUSED = {
    "data.operations.conv2d.results.output.red.0": ({"pow": ["batch", 2]}, "unknown node 'pow'"),
    "data.operations.conv2d.results.output.red.1": (1.5, "expected a size"),
    "data.operations.conv2d.results.output.red.2": ({"add": [1]}, "takes a list of 2"),
    "data.operations.conv2d.results.weight.out.0.0": ("grops", "unknown parameter 'grops'"),
    "data.operations.conv2d.results.weight.factors.0.name": ("2y", "should match pattern"),
    "data.operations.conv2d.results.weight.factors": ([], "at least 1 item"),
    "data.operations.conv2d.results.weight.factors.0.axes.0.index.red": ([1], "expected 5 and 3"),
    "data.operations.conv2d.results.weight.factors.0.axes.0.index.shift": (1, "Extra inputs"),
    "data.operations.conv2d.results.input": (None, "the contraction 'input' is missing"),
    "data.laws.add.eps": ({"sqrt": {"var": "x.eps"}}, "unknown node 'sqrt'"),
    "data.laws.mul.eps.add": ([{"var": "w.eps"}, {"zero": True}], "unknown variable 'w.eps'"),
    "data.laws.zero.eps": ({"zero": False}, "the zero of a law"),
    "data.laws.zero.value": ({"var": "x.value"}, "the law of zero has the variable x.value"),
    "data.laws.add.value": (None, "Field required"),
    "data.formulas.magnitude": (
        {"sqrt": [{"nat": 2}, {"nat": 3}]},
        "unknown node 'sqrt' of a formula",
    ),
    "data.formulas.deviation": ({"var": ""}, "name of a formula's number is a text, got ''"),
    "data.formulas.constant": ({"var": 3}, "name of a formula's number is a text, got 3"),
    "data.formulas.growth": ({"pow": [{"nat": 2}]}, "node 'pow' of a formula takes a list of 2"),
    "data.formulas.treeRelative": (
        {"pow": [{"nat": 2}, 3]},
        "name of a formula's number is a text, got 3",
    ),
    "data.formulas.nearestRelative": ({"nat": -1}, "number of a formula is a natural one, got -1"),
    "data.formulas.nearestAbsolute": ({"nat": True}, "a natural one, got True"),
    "data.formulas.residue": ({"div": [{"nat": 2}]}, "takes a list of 2"),
    "data.formulas.weight": (None, "the formula 'weight' is missing"),
    "data.formulas.replayConstant": (3, "expected a formula"),
    "data.formulas": (None, "data.formulas: Field required"),
    "data.formats.binary32.errors.nearestFlushed": (
        None,
        "the errors of the mode 'nearestFlushed' are missing",
    ),
    "data.formats.tf32.errors.nearest.relative": ("-11", "integer"),
    "data.formats.bfloat16.errors": (None, "data.formats.bfloat16.errors: Field required"),
    "data.operations.conv2d.derived.outputH": ("outputW", "derived names the unknown parameter"),
    "data.operations.product": (None, "the operation 'product' is missing"),
    "data.formats.binary32.precision": ("24", "integer"),
    "schema": (2, "Input should be 1"),
    "toolchain": (None, "Field required"),
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_not_known_is_refused(path: str, document: Any) -> None:
    value, message = REFUSED[path]
    change(document, path, value)
    with pytest.raises(DefinitionsError) as error:
        parse_definitions(signed(document))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("definitions.json: ")


@given(geometries())
def test_the_exported_output_size_is_the_geometry_s(geometry: Geometry) -> None:
    parameters = geometry.parameters()
    for name, size in load_definitions().data.output_size.items():
        assert size_value(size, parameters) == parameters[name]


sizes = st.recursive(
    st.one_of(st.integers(-5, 5), st.sampled_from(["batch", "groups"])),
    lambda inner: st.one_of(
        inner.map(lambda a: {"neg": a}),
        st.tuples(st.sampled_from(["add", "sub", "mul", "div"]), inner, inner).map(
            lambda node: {node[0]: [node[1], node[2]]}
        ),
    ),
    max_leaves=6,
)


@given(sizes)
def test_sizes(size: Any) -> None:
    from pybridge.exported.expressions import _parse_size

    parameters = {"batch": 7, "groups": 3}

    def expected(node: Any) -> int:
        if isinstance(node, dict):
            ((op, args),) = node.items()
            if op == "neg":
                return -expected(args)
            a, b = map(expected, args)
            return a // b if op == "div" else {"add": a + b, "sub": a - b, "mul": a * b}[op]
        return parameters[node] if isinstance(node, str) else int(node)

    try:
        value = expected(size)
    except ZeroDivisionError:
        with pytest.raises(DefinitionsError, match="divides by zero"):
            size_value(_parse_size(size), parameters)
    else:
        assert size_value(_parse_size(size), parameters) == value
