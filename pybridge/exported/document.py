"""The definitions exported from Lean (`definitions.json`), read and checked.

The file holds the contractions of each operation's forward pass and gradients, the error laws, the
formulas of the error bounds and the floating-point formats as data. It is produced by `python -m
pybridge.extract`, and evaluated by `pybridge.engine.reference` and `pybridge.engine.coefficients`;
nothing in it is written by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from pybridge.errors import one_line
from pybridge.exported.expressions import (
    DefinitionsError,
    FormulaField,
    ScalarField,
    Size,
    SizeField,
    scalar_variables,
    size_parameters,
)
from pybridge.exported.names import LEAN_OPERANDS

__all__ = [
    "Access",
    "Affine",
    "Axis",
    "Contraction",
    "Data",
    "Declaration",
    "Definitions",
    "FormatParameters",
    "Law",
    "Laws",
    "ModeErrors",
    "Operation",
    "digest",
    "load_definitions",
    "parse_definitions",
    "parse_operations",
]

_LARGEST = 2**24  # bytes
_DEEPEST = 64

FORMULAS = (
    "nearestRelative",
    "nearestAbsolute",
    "numbersRelative",
    "numbersAbsolute",
    "growth",
    "treeRelative",
    "treeAbsolute",
    "followedRelative",
    "followedAbsolute",
    "magnitude",
    "deviation",
    "constant",
    "tolerance",
    "operandDeviation",
    "weight",
    "residue",
    "constantWeight",
    "replayConstant",
    "left",
    "alignedLosses",
    "stagedLosses",
    "interleavedLosses",
    "groupedLosses",
    "exactLosses",
    "tensorCoreGrowth",
    "tensorCoreRelative",
    "tensorCoreAbsolute",
    "timesRelative",
    "timesAbsolute",
    "shortfall",
)
MODES = ("nearest", "towardZero", "nearestFlushed", "towardZeroFlushed")
CONTRACTIONS = ("output", "bias", "weight", "input")
OPERATIONS = (
    *(f"conv{rank}d" for rank in (1, 2, 3)),
    *(f"convTranspose{rank}d" for rank in (1, 2, 3)),
    "product",
    "avgPool",
)

_OWN_OPERANDS = {lean: name for name, lean in LEAN_OPERANDS.items()}


class _Exported(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Affine(_Exported):
    """(Σ out·o + Σ red·r + offset) / divisor, an operand's index along one axis."""

    out: tuple[SizeField, ...]
    red: tuple[SizeField, ...]
    offset: SizeField
    divisor: SizeField


class Axis(_Exported):
    """One axis of an operand: its extent and the index at which a term reads it."""

    extent: SizeField
    index: Affine


_OperandName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$"),
    BeforeValidator(lambda name: _OWN_OPERANDS.get(name, name)),
    PlainSerializer(lambda name: LEAN_OPERANDS.get(name, name)),
]


class Access(_Exported):
    """An operand of a contraction and the entry that a term reads."""

    name: _OperandName
    axes: tuple[Axis, ...]


class Contraction(_Exported):
    """A sum, in a stated order, of products of operand entries (Lean: `Contraction`).

    `out` lists the output axes, each the row-major merge of its loop dimensions; `red` the
    reduction dimensions, outermost first. A term is skipped if an index does not divide exactly or
    falls outside an operand.
    """

    name: str
    out: tuple[tuple[SizeField, ...], ...]
    red: tuple[SizeField, ...]
    factors: tuple[Access, ...] = Field(min_length=1)
    addends: tuple[Access, ...]

    @model_validator(mode="after")
    def _indices_fit(self) -> Self:
        outer = sum(map(len, self.out))
        for operands, inner in ((self.factors, len(self.red)), (self.addends, 0)):
            for operand in operands:
                for axis in operand.axes:
                    got = (len(axis.index.out), len(axis.index.red))
                    if got != (outer, inner):
                        raise ValueError(
                            f"an index of {operand.name} has {got[0]} output and {got[1]} "
                            f"reduction coefficients, expected {outer} and {inner}"
                        )
        return self

    def sizes(self) -> Iterator[Size]:
        """Yield every size expression of the contraction."""
        for axis in self.out:
            yield from axis
        yield from self.red
        for operand in self.factors + self.addends:
            for operand_axis in operand.axes:
                index = operand_axis.index
                yield from (operand_axis.extent, index.offset, index.divisor)
                yield from index.out
                yield from index.red


class Operation(_Exported):
    """A linear operation (Lean: `Operation`).

    `parameters` are the names of its numbers, in the order in which cases state them; those in
    `derived` are computed from the others. `results` are the output, and the gradient of each
    operand by the operand's name (`input` for x).
    """

    parameters: tuple[str, ...]
    derived: dict[str, SizeField]
    results: dict[str, Contraction] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known = set(self.parameters)
        sizes: list[tuple[str, Iterator[Size], set[str]]] = [
            ("derived", iter(self.derived.values()), known - set(self.derived))
        ]
        sizes += [(name, c.sizes(), known) for name, c in self.results.items()]
        for owner, expressions, allowed in sizes:
            for size in expressions:
                for parameter in size_parameters(size):
                    if parameter not in allowed:
                        raise ValueError(f"{owner} names the unknown parameter {parameter!r}")
        if unknown := set(self.derived) - known:
            raise ValueError(f"{min(unknown)!r} is derived, but not a parameter")
        return self

    @property
    def stated(self) -> tuple[str, ...]:
        """The names of the numbers that a case states."""
        return tuple(name for name in self.parameters if name not in self.derived)


class Law(_Exported):
    """The expressions of one operation's rounded value and of its error bound."""

    value: ScalarField
    eps: ScalarField


class Laws(_Exported):
    """The error laws (Lean: `OperationLaw`) of zero, x + y, x·y, of the larger of x and y, of x > y
    and x ≥ y as 1 or 0, of y or z as x ≤ 0 or x > 0, and of x divided by a positive y that has no
    error.
    """

    zero: Law
    add: Law
    mul: Law
    max: Law
    greater: Law
    at_least: Law
    choose: Law
    div: Law

    @model_validator(mode="after")
    def _zero_is_closed(self) -> Self:
        for scalar in (self.zero.value, self.zero.eps):
            if names := scalar_variables(scalar):
                raise ValueError(f"the law of zero has the variable {min(names)}")
        return self


class ModeErrors(_Exported):
    """log₂ of the relative and of the absolute error of a mode's operations (Lean: `Mode`)."""

    relative: StrictInt
    absolute: StrictInt


class FormatParameters(_Exported):
    """A binary format: bits of precision, the exponents of its normal numbers, and the errors of
    its operations by rounding mode: nearest, towardZero, nearestFlushed, towardZeroFlushed.

    `reserved` is how many of the significands of the greatest exponent, from the top, are no
    numbers: in E4M3, 480 is nan.
    """

    precision: StrictInt
    min_exponent: StrictInt
    max_exponent: StrictInt
    reserved: StrictInt = 0
    errors: dict[str, ModeErrors]

    @model_validator(mode="after")
    def _all_modes(self) -> Self:
        for mode in MODES:
            if mode not in self.errors:
                raise ValueError(f"the errors of the mode {mode!r} are missing")
        return self


class Data(_Exported):
    """What Lean's `evaluate export` prints."""

    operations: dict[str, Operation]
    laws: Laws
    formats: dict[str, FormatParameters]
    formulas: dict[str, FormulaField]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in OPERATIONS:
            if name not in self.operations:
                raise ValueError(f"the operation {name!r} is missing")
        for name in CONTRACTIONS:
            if name not in self.contractions:
                raise ValueError(f"the contraction {name!r} is missing")
        for name in FORMULAS:
            if name not in self.formulas:
                raise ValueError(f"the formula {name!r} is missing")
        return self

    @property
    def contractions(self) -> dict[str, Contraction]:
        """The results of conv2d."""
        return self.operations["conv2d"].results

    @property
    def output_size(self) -> dict[str, Size]:
        """The derived numbers of conv2d."""
        return self.operations["conv2d"].derived

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the numbers of conv2d."""
        return self.operations["conv2d"].parameters


class Declaration(_Exported):
    """Where a Lean declaration stands, its source text and the text's SHA-256."""

    module: str
    file: str
    start: tuple[StrictInt, StrictInt]
    end: tuple[StrictInt, StrictInt]
    source: str
    sha256: str


class Definitions(_Exported):
    """The content of `definitions.json`."""

    schema_: Literal[1] = Field(alias="schema")
    toolchain: str
    sources: dict[str, str]
    declarations: dict[str, Declaration]
    data: Data
    sha256: str


def digest(document: Mapping[str, object]) -> str:
    """Return the SHA-256 of a document's canonical JSON without its field `sha256`."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parse_definitions(text: str, origin: str = "definitions.json") -> Definitions:
    """Read and check exported definitions; `origin` is how errors name the text.

    Raises `DefinitionsError` if the text is not JSON, if its digest does not match its content, or
    if it holds a node that this version does not know.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DefinitionsError(f"{origin}: not JSON: {error}") from None
    except RecursionError:
        raise DefinitionsError(f"{origin}: not JSON that can be read: nested too deeply") from None
    if not isinstance(document, dict) or "sha256" not in document:
        raise DefinitionsError(f"{origin}: expected a JSON object with a field 'sha256'")
    if (depth := _depth(document)) > _DEEPEST:
        raise DefinitionsError(f"{origin}: nested {depth} deep, expected at most {_DEEPEST}")
    actual = digest(document)
    if actual != document["sha256"]:
        raise DefinitionsError(
            f"{origin}: the content's SHA-256 is {actual}, but the file says "
            f"{document['sha256']!r:.80}: it was changed after extraction"
        )
    try:
        return Definitions.model_validate(document)
    except ValidationError as error:
        raise DefinitionsError(f"{origin}: {one_line(error)}") from None


def parse_operations(text: str) -> dict[str, Operation]:
    """Read operations by name, as Lean's `Operation.json` writes them.

    Raises `DefinitionsError` if the text does not hold operations.
    """
    try:
        return TypeAdapter(dict[str, Operation]).validate_json(text)
    except ValidationError as error:
        raise DefinitionsError(f"operations: {one_line(error)}") from None


def _depth(document: object) -> int:
    """Return how deep a JSON document's objects and lists are nested."""
    depth = 0
    level = [document]
    while level := [node for node in level if isinstance(node, dict | list)]:
        depth += 1
        level = [
            child for node in level for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


@lru_cache(maxsize=1)
def _shipped() -> Definitions:
    return _read(resources.files("pybridge") / "definitions.json", "pybridge/definitions.json")


def _read(source: Any, origin: str) -> Definitions:
    try:
        with source.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode()
    except FileNotFoundError:
        raise DefinitionsError(
            f"{origin}: no such file; `python -m pybridge.extract` writes it"
        ) from None
    except OSError as error:
        raise DefinitionsError(f"{origin}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DefinitionsError(f"{origin}: cannot be read: {error}") from None
    if len(content) > _LARGEST:
        raise DefinitionsError(f"{origin}: larger than {_LARGEST} bytes, too large for definitions")
    return parse_definitions(text, origin)


def load_definitions(path: str | Path | None = None) -> Definitions:
    """Return the definitions in a file, by default those shipped with the package (read once).

    Raises `DefinitionsError` as `parse_definitions` does, and if the file cannot be read.
    """
    return _shipped() if path is None else _read(Path(path), str(path))
