"""A case: shape, format, operands and errors of one operation, as both Lean and NumPy read it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SkipValidation,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from pybridge.errors import InputError, one_line
from pybridge.exported.document import load_definitions
from pybridge.exported.names import LEAN_OPERANDS
from pybridge.files import write_atomically
from pybridge.model import Model
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import (
    FloatArray,
    FloatFormat,
    find_format,
    format_among,
    format_array,
)
from pybridge.problem.geometry import Geometry, Padding, Pair
from pybridge.problem.npz import ArchiveError, read_npz
from pybridge.problem.operands import Operand, check_eps
from pybridge.problem.results import OPERANDS
from pybridge.problem.shapes import Shape

__all__ = ["Case"]

_ARRAYS = (*OPERANDS, "y", "addend")
_EPS = tuple(f"eps_{name}" for name in _ARRAYS)
_PARAMETERS = ("stride", "padding", "dilation", "groups")
_TEXTS = ("format", "label", "geometry")
_SHAPES: TypeAdapter[Shape] = TypeAdapter(Shape)

_FormatName = Annotated[str, AfterValidator(lambda name: find_format(name).name)]


class Case(Model):
    """One operation's shape and operands, read-only, of the format's dtype.

    `operands` has all operands of the shape by name. The eps of each says how far the exact
    operand's entries may be from the given ones.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    label: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+:=-]*$", max_length=100)
    geometry: Shape
    format: _FormatName
    operands: SkipValidation[Mapping[str, Operand]]

    @model_validator(mode="after")
    def _operands_fit(self) -> Self:
        shapes = self.geometry.shapes
        if self.operands.keys() != shapes.keys():
            raise ValueError(
                f"operands: expected {', '.join(shapes)}, got {', '.join(self.operands) or 'none'}"
            )
        try:
            held = {name: self._held(name, shape) for name, shape in shapes.items()}
        except TypeError as error:
            raise ValueError(str(error)) from None
        object.__setattr__(self, "operands", held)
        return self

    def _held(self, name: str, shape: tuple[int, ...]) -> Operand:
        """Return an operand of the format and a shape, with its own memory."""
        operand = self.operands[name]
        array = format_array(name, operand.value, self.float_format).copy()
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, but the geometry gives {shape}")
        array.flags.writeable = False
        return Operand(array, check_eps(f"eps_{name}", operand.eps))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.to_text() == other.to_text()

    def __hash__(self) -> int:
        return hash(self.to_text())

    @property
    def float_format(self) -> FloatFormat:
        """The format of the operands and of every operation."""
        return find_format(self.format)

    @property
    def convolution(self) -> Geometry:
        """The geometry of a convolution; `InputError` for another operation."""
        if not isinstance(self.geometry, Geometry):
            raise InputError(f"{self.label}: expected a convolution, got {self.geometry.operation}")
        return self.geometry

    @property
    def values(self) -> dict[str, FloatArray]:
        """The operands' values by name."""
        return {name: operand.value for name, operand in self.operands.items()}

    @property
    def eps(self) -> dict[str, float]:
        """The operands' eps by name."""
        return {name: operand.eps for name, operand in self.operands.items()}

    def changed(self, geometry: Shape | None = None, /, **operands: Operand) -> Self:
        """Return the same case with another geometry, or with other operands."""
        return type(self)(
            label=self.label,
            geometry=geometry or self.geometry,
            format=self.format,
            operands={**self.operands, **operands},
        )

    def to_text(self) -> str:
        """Return the case in the format that Lean's `evaluate` reads; numbers are hexadecimal."""
        body = self._body()
        return f"case {self.label}#{_short_digest(body)}\n{body}"

    @property
    def name(self) -> str:
        """The label, and 16 hexadecimal digits of the SHA-256 of the case's text after its name."""
        return f"{self.label}#{_short_digest(self._body())}"

    def _body(self) -> str:
        parameters = self.geometry.parameters()
        stated = load_definitions().data.operations[self.geometry.operation].stated
        lines = [
            f"format {self.format}",
            f"operation {self.geometry.operation}",
            "sizes " + " ".join(str(parameters[name]) for name in stated),
        ]
        for name, operand in self.operands.items():
            numbers = [operand.eps, *operand.value.astype(np.float64).ravel().tolist()]
            lines.append(f"{LEAN_OPERANDS.get(name, name)} {' '.join(map(float.hex, numbers))}")
        return "\n".join([*lines, "end", ""])

    @classmethod
    def of(
        cls,
        label: str,
        x: npt.ArrayLike,
        weight: npt.ArrayLike,
        grad_output: npt.ArrayLike | None,
        bias: npt.ArrayLike | None = None,
        *,
        format: str | None = None,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        eps_x: float = 0.0,
        eps_weight: float = 0.0,
        eps_bias: float = 0.0,
        eps_grad_output: float = 0.0,
    ) -> Self:
        """Return a case of conv2d, of arrays and parameters as `conv2d_backward` takes them.

        grad_output and bias are 0 if None. `format` defaults to the one of the arrays' dtype.
        Raises `InputError` or `InputTypeError` as `conv2d_backward` does.
        """
        received = {"x": x, "weight": weight, "bias": bias, "grad_output": grad_output}
        arrays = {name: to_numpy(name, a) for name, a in received.items() if a is not None}
        chosen = find_format(format) if format is not None else format_among(arrays)
        held = {name: format_array(name, array, chosen) for name, array in arrays.items()}
        geometry = Geometry.of(
            held["x"].shape,
            held["weight"].shape,
            held["grad_output"].shape if "grad_output" in held else None,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        eps = {"x": eps_x, "weight": eps_weight, "bias": eps_bias, "grad_output": eps_grad_output}
        operands = {}
        for name, shape in geometry.shapes.items():
            array = held[name] if name in held else np.zeros(shape, chosen.dtype)
            operands[name] = Operand(array, eps[name])
        return cls(label=label, geometry=geometry, format=chosen.name, operands=operands)

    def save(self, path: str | Path) -> None:
        """Write the case as a `.npz` file that `load` reads, replacing the file atomically.

        bfloat16 is stored as float32, which holds it exactly.
        """
        stored: dict[str, npt.ArrayLike] = {"label": self.label, "format": self.format}
        for name, operand in self.operands.items():
            stored |= {name: _portable(operand.value), f"eps_{name}": operand.eps}
        if isinstance(self.geometry, Geometry) and self.geometry.operation == "conv2d":
            windows = self.geometry.windows
            stored |= {
                "groups": self.geometry.groups,
                "stride": [window.stride for window in windows],
                "dilation": [window.dilation for window in windows],
                "padding": [(window.pad_begin, window.pad_end) for window in windows],
            }
        else:
            stored["geometry"] = self.geometry.model_dump_json()
        with write_atomically(Path(path)) as file:
            np.savez(file, **stored)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path, **overrides: Any) -> Self:
        """Return the case in a `.npz` file.

        Its arrays are x, weight and grad_output, and optionally bias, eps_x, eps_weight, eps_bias,
        eps_grad_output, stride, padding, dilation, groups, format (by default the one of the
        arrays' dtype) and label (by default the file's name). `overrides` replace these. Cases of
        other operations have a `geometry` as JSON instead of parameters, as `save` writes it, and
        all its operands. Raises `InputError` or `InputTypeError`, naming the file.
        """
        path = Path(path)
        try:
            content = {"label": _label_of(path), **_read_npz(path), **overrides}
            if "geometry" in content:
                return cls._of_geometry(**content)
            for name in ("x", "weight", "grad_output"):
                if name not in content:
                    raise InputError(f"the array {name} is missing")
            if unknown := sorted({"y", "addend", "eps_y", "eps_addend"} & content.keys()):
                raise InputError(f"{unknown[0]}: expected a geometry beside it")
            return cls.of(**content)
        except (InputError, TypeError) as error:
            raise type(error)(f"{path}: {error}") from None

    @classmethod
    def _of_geometry(
        cls, *, label: str, geometry: str, format: str | None = None, **content: Any
    ) -> Self:
        """Return a case of a geometry as JSON, and arrays and eps by name."""
        try:
            shape = _SHAPES.validate_json(geometry)
        except ValidationError as error:
            raise InputError(f"geometry: {one_line(error)}") from None
        arrays = {name: to_numpy(name, array) for name, array in content.items() if name in _ARRAYS}
        for name in sorted(content.keys() - arrays.keys()):
            if name.removeprefix("eps_") not in arrays:
                raise InputError(f"{name}: expected only the operands {', '.join(shape.shapes)}")
        return cls(
            label=label,
            geometry=shape,
            format=format_among(arrays).name if format is None else format,
            operands={
                name: Operand(array, content.get(f"eps_{name}", 0.0))
                for name, array in arrays.items()
            },
        )


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        arrays = read_npz(path, (*_ARRAYS, *_EPS, *_PARAMETERS, *_TEXTS))
    except ArchiveError as error:
        raise InputError(str(error)) from None
    return {name: _plain(name, array) for name, array in arrays.items()}


def _plain(name: str, array: npt.NDArray[Any]) -> Any:
    if name in _ARRAYS:
        return array
    if name in _PARAMETERS:
        return array.tolist()
    if array.ndim != 0:
        raise InputError(f"{name} has shape {array.shape}, expected a single entry")
    value = array.item()
    if name in _TEXTS and not isinstance(value, str):
        raise InputError(f"{name}: expected a text, got {value!r:.60}")
    return value


def _label_of(path: Path) -> str:
    label = "".join(c if c.isascii() and (c.isalnum() or c in "_.+:=-") else "-" for c in path.stem)
    return label.lstrip("_.+:=-")[:100] or "case"


def _portable(array: FloatArray) -> FloatArray:
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
