"""Cases: their text for Lean, their files, and what is refused."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import cases, conv2d_operands

from pybridge.check.suite import generated_case
from pybridge.errors import InputError, InputTypeError
from pybridge.problem.case import Case
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Product


def arrays(geometry: Geometry, format: FloatFormat) -> dict[str, Any]:
    drawn = conv2d_operands(geometry, format)
    return {name: operand.value for name, operand in drawn.items()}


@pytest.fixture
def geometry() -> Geometry:
    return Geometry.of(
        (1, 2, 3, 4), (2, 1, 2, 3), stride=(1, 2), padding=((0, 1), (2, 0)), groups=2
    )


def test_text() -> None:
    geometry = Geometry.of((1, 1, 2, 1), (1, 1, 1, 1), padding=((1, 0), (0, 2)), stride=(1, 3))
    operands = {
        "x": Operand(np.array([1.5, -0.0], np.float16).reshape(1, 1, 2, 1), 0.5),
        "weight": Operand(np.array([2.0**-24]).reshape(1, 1, 1, 1)),
        "bias": Operand(np.array([-65504.0]), 5e-324),
        "grad_output": Operand(np.array([[[[0.1], [0], [1]]]], np.float16)),
    }
    case = Case(label="one", geometry=geometry, format="float16", operands=operands)
    body = (
        "format binary16\n"
        "operation conv2d\n"
        "sizes 1 1 1 1 2 1 1 1 1 3 1 0 0 2 1 1\n"
        "x 0x1.0000000000000p-1 0x1.8000000000000p+0 -0x0.0p+0\n"
        "weight 0x0.0p+0 0x1.0000000000000p-24\n"
        "bias 0x0.0000000000001p-1022 -0x1.ffc0000000000p+15\n"
        "gradOutput 0x0.0p+0 0x1.9980000000000p-4 0x0.0p+0 0x1.0000000000000p+0\n"
        "end\n"
    )
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    assert case.to_text() == f"case one#{digest}\n{body}"
    assert case.name == f"one#{digest}"


@settings(max_examples=60, deadline=None)
@given(cases())
def test_files_and_text_lose_nothing(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    path = tmp_path_factory.getbasetemp() / "case.npz"
    case.save(path)
    again = Case.load(path)
    assert again == case
    assert hash(again) == hash(case)
    assert again.geometry == case.geometry
    assert again.eps == case.eps
    lines = dict(line.split(" ", 1) for line in case.to_text().splitlines()[:-1])
    assert lines["operation"] == case.geometry.operation
    for name, operand in case.operands.items():
        key = "gradOutput" if name == "grad_output" else name
        numbers = [Fraction(float.fromhex(token)) for token in lines[key].split(" ")]
        assert numbers == [Fraction(v) for v in (operand.eps, *map(float, operand.value.ravel()))]
        assert again.values[name].tobytes() == operand.value.tobytes()
        assert again.values[name].dtype == case.float_format.dtype


def test_arrays_are_copied_and_read_only(geometry: Geometry) -> None:
    drawn = arrays(geometry, FORMATS["binary32"])
    operands = {name: Operand(array) for name, array in drawn.items()}
    case = Case(label="a", geometry=geometry, format="binary32", operands=operands)
    before = case.values["x"].copy()
    drawn["x"][...] = 7
    assert (case.values["x"] == before).all()
    with pytest.raises(ValueError, match="read-only"):
        case.values["x"][...] = 1
    with pytest.raises(ValueError, match="frozen"):
        case.label = "b"
    other = Case(label="a", geometry=geometry, format="binary32", operands=operands)
    assert other != case
    assert case != "case"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "two words"}, "label: String should match pattern"),
        ({"label": ""}, "label: String should match pattern"),
        ({"format": "float80"}, "format: format: unknown name 'float80'"),
        ({"x": Operand(None, -1)}, "eps_x: expected a finite non-negative number, got -1"),
        ({"x": Operand(None, "1")}, "eps_x: expected a non-negative number, got '1'"),  # type: ignore[arg-type]
        (
            {"x": Operand(np.ones((1, 2, 3, 3), np.float32))},
            "x has shape (1, 2, 3, 3), but the geometry",
        ),
        ({"bias": Operand(np.ones(2, int))}, "bias: expected float32, or a floating-point dtype"),
        (
            {"weight": Operand(np.full((2, 1, 2, 3), np.inf))},
            "weight[0, 0, 0, 0] is inf, expected finite",
        ),
        (
            {"y": Operand(np.ones(1))},
            "operands: expected x, weight, bias, grad_output, got x, weight, bias, grad_output, y",
        ),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
        (
            {"geometry": 3},
            "geometry.Geometry: Input should be a valid dictionary or instance of Geometry",
        ),
    ],
)
def test_bad_cases(change: Any, message: str, geometry: Geometry) -> None:
    drawn = arrays(geometry, FORMATS["binary32"])
    operands = {name: Operand(array) for name, array in drawn.items()}
    for name in [name for name, value in change.items() if isinstance(value, Operand)]:
        operand = change.pop(name)
        value = drawn[name] if operand.value is None else operand.value
        operands[name] = Operand(value, operand.eps)
    fields: dict[str, Any] = {"label": "a", "geometry": geometry, "format": "binary32"}
    fields |= {"operands": operands, **change}
    with pytest.raises(InputError) as error:
        Case(**fields)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_load_takes_plain_archives(tmp_path: Path) -> None:
    path = tmp_path / "my data.npz"
    x = np.ones((1, 1, 3, 3))
    np.savez(path, x=x, weight=x[..., :2], grad_output=x, padding=[[1, 1], [1, 1]])
    with pytest.raises(InputError, match=r"my data.npz: grad_output has shape \(1, 1, 3, 3\), but"):
        Case.load(path)
    case = Case.load(path, padding=((0, 0), (1, 1)), grad_output=np.ones((1, 1, 1, 4)))
    assert case.label == "my-data"
    assert case.format == "binary64"
    assert case.values["bias"].tolist() == [0.0]
    assert (
        Case.load(
            path, padding=((0, 0), (1, 1)), grad_output=np.ones((1, 1, 1, 4)), format="bfloat16"
        ).float_format
        is FORMATS["bfloat16"]
    )


def test_unusable_files(tmp_path: Path) -> None:
    one = np.ones((1, 1, 1, 1))

    def refused(message: str, content: dict[str, Any], kind: type[Exception] = InputError) -> None:
        path = tmp_path / "case.npz"
        np.savez(path, **content)
        with pytest.raises(kind) as error:
            Case.load(path)
        assert str(error.value).startswith(f"{path}: ")
        assert message in str(error.value)
        assert "\n" not in str(error.value)

    good = {"x": one, "weight": one, "grad_output": one}
    refused("the array grad_output is missing", {"x": one, "weight": one})
    refused("unknown array 'z', expected x, weight", {**good, "z": one})
    refused("y: expected a geometry beside it", {**good, "y": one})
    refused("geometry: Geometry: windows: Field required", {**good, "geometry": "{}"})
    product = Product().model_dump_json()
    refused("operands: expected x, y, addend, grad_output, got", {**good, "geometry": product})
    refused("stride: expected only the operands", {**good, "geometry": product, "stride": 1})
    refused("Object arrays cannot be loaded", {**good, "x": np.array([None])})
    refused("format: expected a text, got 3", {**good, "format": 3})
    refused("label has shape (2,), expected a single entry", {**good, "label": ["a", "b"]})
    refused("stride: expected an integer, got 1.5", {**good, "stride": 1.5}, InputTypeError)
    refused("x is int64: expected float16", {**good, "x": one.astype(int)}, InputTypeError)
    refused("eps_x: expected a finite non-negative number", {**good, "eps_x": -1.0})
    with pytest.raises(InputError, match=r"absent.npz: no such file"):
        Case.load(tmp_path / "absent.npz")
    for content in (b"", b"junk", b"PK\x03\x04junk"):
        (tmp_path / "junk.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"junk.npz: not a readable .npz archive"):
            Case.load(tmp_path / "junk.npz")
    np.save(tmp_path / "single.npy", one)
    with pytest.raises(InputError, match=r"expected a .npz archive, got a single array"):
        Case.load(tmp_path / "single.npy")
    with pytest.raises(InputError, match="not a readable"):
        Case.load(tmp_path)


def test_saving_is_atomic(
    tmp_path: Path, geometry: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = generated_case("a", geometry, "float32")
    path = tmp_path / "case.npz"
    case.save(path)
    before = path.read_bytes()

    def fail(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError("full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="full"):
        case.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
