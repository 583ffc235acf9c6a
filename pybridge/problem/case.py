"""A case: geometry, format, operands and errors of one conv2d, as Lean and NumPy both get it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    model_validator,
)

from pybridge.errors import InputError
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

__all__ = ["Case"]

_EPS = ("eps_x", "eps_weight", "eps_bias", "eps_grad_output")
_PARAMETERS = ("stride", "padding", "dilation", "groups")
_TEXTS = ("format", "label")


def _eps(value: object) -> float:
    try:
        return check_eps("eps", value)
    except TypeError as error:
        raise ValueError(str(error)) from None


_Eps = Annotated[float, BeforeValidator(_eps)]
_FormatName = Annotated[str, AfterValidator(lambda name: find_format(name).name)]


class Case(Model):
    """One conv2d: operands of the format's dtype, read-only, of the geometry's shapes.

    Each `eps_…` says how far the exact operand's entries may be from the given ones.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    label: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+:=-]*$", max_length=100)
    geometry: Geometry
    format: _FormatName
    x: SkipValidation[FloatArray]
    weight: SkipValidation[FloatArray]
    bias: SkipValidation[FloatArray]
    grad_output: SkipValidation[FloatArray]
    eps_x: _Eps = 0.0
    eps_weight: _Eps = 0.0
    eps_bias: _Eps = 0.0
    eps_grad_output: _Eps = 0.0

    @model_validator(mode="after")
    def _arrays_fit(self) -> Self:
        for name, expected in self.geometry.shapes.items():
            try:
                array = format_array(name, getattr(self, name), self.float_format).copy()
            except TypeError as error:
                raise ValueError(str(error)) from None
            if array.shape != expected:
                raise ValueError(
                    f"{name} has shape {array.shape}, but the geometry gives {expected}"
                )
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.to_text() == other.to_text()

    def __hash__(self) -> int:
        return hash(self.to_text())

    @property
    def float_format(self) -> FloatFormat:
        """The format of the operands and of every operation."""
        return find_format(self.format)

    def operands(self) -> dict[str, Operand]:
        """The operands by name."""
        return {
            name: Operand(getattr(self, name), getattr(self, f"eps_{name}")) for name in OPERANDS
        }

    def to_text(self) -> str:
        """The case in the format that Lean's `evaluate` reads; numbers are hexadecimal."""
        body = self._body()
        return f"case {self.label}#{_short_digest(body)}\n{body}"

    @property
    def name(self) -> str:
        """The label, and 16 hexadecimal digits of the SHA-256 of the case's text after its name."""
        return f"{self.label}#{_short_digest(self._body())}"

    def _body(self) -> str:
        parameters = self.geometry.parameters()
        stated = load_definitions().data.operations["conv2d"].stated
        lines = [
            f"format {self.format}",
            "operation conv2d",
            "sizes " + " ".join(str(parameters[name]) for name in stated),
        ]
        for name, operand in self.operands().items():
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
        """A case of arrays and parameters as `conv2d_backward` takes them.

        grad_output and bias are 0 if None. Without a `format`, it is the one of the arrays' dtype.

        Raises `InputError` or `InputTypeError` as that does.
        """
        given = {"x": x, "weight": weight, "bias": bias, "grad_output": grad_output}
        arrays = {name: to_numpy(name, a) for name, a in given.items() if a is not None}
        found = find_format(format) if format is not None else format_among(arrays)
        held = {name: format_array(name, array, found) for name, array in arrays.items()}
        geometry = Geometry.of(
            held["x"].shape,
            held["weight"].shape,
            held["grad_output"].shape if "grad_output" in held else None,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        for name, shape in geometry.shapes.items():
            held.setdefault(name, np.zeros(shape, found.dtype))
        return cls(
            label=label,
            geometry=geometry,
            format=found.name,
            **held,
            eps_x=eps_x,
            eps_weight=eps_weight,
            eps_bias=eps_bias,
            eps_grad_output=eps_grad_output,
        )

    def save(self, path: str | Path) -> None:
        """Writes the case as a `.npz` that `load` reads, replacing the file atomically.

        bfloat16 is stored as float32, which holds it exactly.
        """
        height, width = self.geometry.height, self.geometry.width
        stored: dict[str, npt.ArrayLike] = {
            name: _portable(getattr(self, name)) for name in OPERANDS
        }
        stored |= {name: getattr(self, name) for name in _EPS}
        stored |= {
            "label": self.label,
            "format": self.format,
            "groups": self.geometry.groups,
            "stride": (height.stride, width.stride),
            "dilation": (height.dilation, width.dilation),
            "padding": (
                (height.pad_begin, height.pad_end),
                (width.pad_begin, width.pad_end),
            ),
        }
        with write_atomically(Path(path)) as file:
            np.savez(file, **stored)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path, **overrides: Any) -> Self:
        """The case in a `.npz` file.

        Its arrays are x, weight and grad_output, and optionally bias, eps_x, eps_weight, eps_bias,
        eps_grad_output, stride, padding, dilation, groups, format (by default the one of the
        arrays' dtype) and label (by default the file's name). `overrides` replace them. Raises
        `InputError` or `InputTypeError`, naming the file.
        """
        path = Path(path)
        try:
            content = {**_read_npz(path), **overrides}
            for name in ("x", "weight", "grad_output"):
                if name not in content:
                    raise InputError(f"the array {name} is missing")
            content.setdefault("label", _label_of(path))
            return cls.of(**content)
        except (InputError, TypeError) as error:
            raise type(error)(f"{path}: {error}") from None


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        arrays = read_npz(path, (*OPERANDS, *_EPS, *_PARAMETERS, *_TEXTS))
    except ArchiveError as error:
        raise InputError(str(error)) from None
    return {name: _plain(name, array) for name, array in arrays.items()}


def _plain(name: str, array: npt.NDArray[Any]) -> Any:
    if name in OPERANDS:
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
