"""Cases kept in files: JSON that differs line by line, with hexadecimal floats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field

from pybridge.errors import InputError, InputTypeError
from pybridge.files import write_text
from pybridge.lean import LeanError
from pybridge.lean.protocol import parse_number
from pybridge.model import Model
from pybridge.problem.case import Case
from pybridge.problem.formats import FloatArray, find_format
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Shape

__all__ = ["LARGEST", "SavedCase"]

LARGEST = 2**24
"""The most bytes that a file of a saved case may have."""

_Number = Annotated[str, Field(max_length=400)]
_Row = Annotated[str, Field(max_length=LARGEST)]


class SavedCase(Model):
    """A case as a document; `note` says why it is kept, `problems` what did not hold.

    Each operand is a list of rows along its last axis, in row-major order, whose numbers are
    hexadecimal floats with spaces between.
    """

    schema_version: Literal[2] = Field(default=2, alias="schema")
    note: str = Field(default="", max_length=2000)
    problems: tuple[str, ...] = ()
    label: str
    format: str
    geometry: Shape
    eps: dict[str, _Number]
    operands: dict[str, tuple[_Row, ...]]

    @classmethod
    def of(cls, case: Case, *, note: str = "", problems: Sequence[str] = ()) -> Self:
        """Return the document of a case."""
        return cls(
            note=note,
            problems=tuple(problems),
            label=case.label,
            format=case.format,
            geometry=case.geometry,
            eps={name: eps.hex() for name, eps in case.eps.items()},
            operands={name: _rows(value) for name, value in case.values.items()},
        )

    def case(self) -> Case:
        """Return the case; `InputError` or `InputTypeError` if numbers or shapes do not fit."""
        format, shapes = find_format(self.format), self.geometry.shapes
        for name, content in (("eps", self.eps.keys()), ("operands", self.operands.keys())):
            if content != shapes.keys():
                raise InputError(f"{name}: expected one of each of {', '.join(shapes)}")
        operands = {
            name: Operand(
                _array(name, self.operands[name], shape), _number(f"eps.{name}", self.eps[name])
            )
            for name, shape in shapes.items()
        }
        return Case(label=self.label, geometry=self.geometry, format=format.name, operands=operands)

    def checked_case(self, path: Path) -> Case:
        """Return the case; `InputError`, naming the file, if numbers or shapes do not fit."""
        try:
            return self.case()
        except (InputError, InputTypeError) as error:
            raise InputError(f"{path}: {error}") from None

    def to_json(self) -> str:
        """Return the document's text: a line for each row of an operand."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def save(self, path: Path) -> None:
        """Write the document to a file, atomically."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the document in a file; `InputError`, naming the file, if there is none."""
        try:
            if path.stat().st_size > LARGEST:
                raise InputError(f"more than {LARGEST} bytes, which a saved case has at most")
            content: Any = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise InputError("expected a JSON object with a case")
            return cls(**content)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except (InputError, InputTypeError) as error:
            raise InputError(f"{path}: {error}") from None
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: not a saved case in JSON: {reason:.120}") from None


def _rows(array: FloatArray) -> tuple[str, ...]:
    wide = array.astype(np.float64).reshape(-1, array.shape[-1])
    return tuple(" ".join(map(float.hex, row)) for row in wide.tolist())


def _array(name: str, rows: Sequence[str], shape: tuple[int, ...]) -> FloatArray:
    counts = np.prod(shape[:-1], dtype=int), shape[-1]
    if len(rows) != counts[0]:
        raise InputError(f"{name}: expected {counts[0]} rows, got {len(rows)}")
    table = [[_number(name, word) for word in row.split(" ")] for row in rows]
    if odd := [row for row in table if len(row) != counts[1]]:
        raise InputError(f"{name}: expected {counts[1]} numbers in a row, got {len(odd[0])}")
    return np.array(table, np.float64).reshape(shape)


def _number(name: str, text: str) -> float:
    """Return a hexadecimal float that float64 holds exactly; the sign of a zero is kept."""
    try:
        exact = parse_number(text)
        value = float.fromhex(text)
    except (LeanError, ValueError, OverflowError):
        raise InputError(f"{name}: expected a hexadecimal float, got {text!r:.60}") from None
    if exact != value:
        raise InputError(f"{name}: {text!r:.60} is not a number that float64 holds exactly")
    return value
