"""Expressions that Lean exports: sizes, scalar laws and formulas, parsed from JSON and printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

__all__ = [
    "DefinitionsError",
    "Formula",
    "FormulaField",
    "Scalar",
    "ScalarField",
    "Size",
    "SizeField",
    "SizeOp",
    "scalar_variables",
    "size_parameters",
    "size_value",
]

SIZE_OPERATIONS: Mapping[str, int] = {"neg": 1, "add": 2, "sub": 2, "mul": 2, "div": 2}
SCALAR_OPERATIONS: Mapping[str, int] = {
    "add": 2,
    "sub": 2,
    "mul": 2,
    "div": 2,
    "max": 2,
    "ifLe": 4,
    "abs": 1,
    "round": 1,
    "halfUlp": 1,
}
FORMULA_OPERATIONS: Mapping[str, int] = {"add": 2, "sub": 2, "mul": 2, "div": 2}
SCALAR_VARIABLES = ("x.value", "x.eps", "y.value", "y.eps", "z.value", "z.eps")


class DefinitionsError(ValueError):
    """The exported definitions are missing, damaged, or hold what cannot be evaluated soundly."""


@dataclass(frozen=True, slots=True)
class SizeOp:
    """An integer expression over the geometry's parameters (Lean: `Size`)."""

    op: str
    args: tuple[Size, ...]


Size: TypeAlias = int | str | SizeOp


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar law's expression (Lean: `Law`); `name` is set for the operation `var` alone."""

    op: str
    args: tuple[Scalar, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of named numbers (Lean: `Formula`).

    `name` is set for the operations `var` and `pow` alone, `value` for `nat` alone. The `name` of a
    `pow` is its exponent's, a natural number.
    """

    op: str
    args: tuple[Formula, ...] = ()
    name: str = ""
    value: int = 0


def _node(value: object, operations: Mapping[str, int], kind: str) -> tuple[str, list[object]]:
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"expected {kind}, got {value!r:.60}")
    ((op, args),) = value.items()
    if op not in operations:
        raise ValueError(f"unknown node {op!r} of {kind}, expected one of {', '.join(operations)}")
    arity = operations[op]
    if arity == 1:
        return op, [args]
    if not isinstance(args, list) or len(args) != arity:
        raise ValueError(f"node {op!r} of {kind} takes a list of {arity}, got {args!r:.60}")
    return op, args


def _parse_size(value: object) -> Size:
    if isinstance(value, SizeOp | str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    op, args = _node(value, SIZE_OPERATIONS, "a size (integer, parameter or operation)")
    return SizeOp(op, tuple(map(_parse_size, args)))


def _parse_scalar(value: object) -> Scalar:
    if isinstance(value, Scalar):
        return value
    for constant in ("zero", "one"):
        if isinstance(value, dict) and value.keys() == {constant}:
            if value[constant] is not True:
                raise ValueError(
                    f"the {constant} of a law is written {{'{constant}': true}}, got {value!r:.60}"
                )
            return Scalar(constant)
    if isinstance(value, dict) and value.keys() == {"var"}:
        if value["var"] not in SCALAR_VARIABLES:
            raise ValueError(
                f"unknown variable {value['var']!r:.60}, "
                f"expected one of {', '.join(SCALAR_VARIABLES)}"
            )
        return Scalar("var", name=value["var"])
    op, args = _node(value, SCALAR_OPERATIONS, "a law (zero, one, var or operation)")
    return Scalar(op, tuple(map(_parse_scalar, args)))


def _parse_formula(value: object) -> Formula:
    if isinstance(value, Formula):
        return value
    if isinstance(value, dict) and value.keys() == {"var"}:
        return Formula("var", name=_formula_name(value["var"]))
    if isinstance(value, dict) and value.keys() == {"pow"}:
        if not isinstance(value["pow"], list) or len(value["pow"]) != 2:
            raise ValueError(f"node 'pow' of a formula takes a list of 2, got {value['pow']!r:.60}")
        base, exponent = value["pow"]
        return Formula("pow", (_parse_formula(base),), name=_formula_name(exponent))
    if isinstance(value, dict) and value.keys() == {"nat"}:
        number = value["nat"]
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise ValueError(f"the number of a formula is a natural one, got {number!r:.60}")
        return Formula("nat", value=number)
    op, args = _node(value, FORMULA_OPERATIONS, "a formula (var, nat, pow or operation)")
    return Formula(op, tuple(map(_parse_formula, args)))


def _formula_name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"the name of a formula's number is a text, got {value!r:.60}")
    return value


def _size_json(size: Size) -> object:
    if not isinstance(size, SizeOp):
        return size
    args = [_size_json(arg) for arg in size.args]
    return {size.op: args[0] if len(args) == 1 else args}


def _scalar_json(scalar: Scalar) -> object:
    if scalar.op in ("zero", "one"):
        return {scalar.op: True}
    if scalar.op == "var":
        return {"var": scalar.name}
    args = [_scalar_json(arg) for arg in scalar.args]
    return {scalar.op: args[0] if len(args) == 1 else args}


def _formula_json(formula: Formula) -> object:
    if formula.op == "var":
        return {"var": formula.name}
    if formula.op == "nat":
        return {"nat": formula.value}
    if formula.op == "pow":
        return {"pow": [_formula_json(formula.args[0]), formula.name]}
    return {formula.op: [_formula_json(arg) for arg in formula.args]}


def size_parameters(size: Size) -> Iterator[str]:
    """Yield the names of the parameters in a size expression."""
    if isinstance(size, str):
        yield size
    elif isinstance(size, SizeOp):
        for arg in size.args:
            yield from size_parameters(arg)


def size_value(size: Size, parameters: Mapping[str, int]) -> int:
    """Return the integer that a size expression stands for; `DefinitionsError` for a division by
    zero.
    """
    if isinstance(size, int):
        return size
    if isinstance(size, str):
        if size not in parameters:
            raise DefinitionsError(f"unknown parameter {size!r} in a size")
        return parameters[size]
    args = [size_value(arg, parameters) for arg in size.args]
    match size.op:
        case "neg":
            return -args[0]
        case "add":
            return args[0] + args[1]
        case "sub":
            return args[0] - args[1]
        case "mul":
            return args[0] * args[1]
        case "div" if args[1] != 0:
            return args[0] // args[1]
        case "div":
            raise DefinitionsError("a size divides by zero")
    raise DefinitionsError(f"unknown node {size.op!r} of a size")


def scalar_variables(scalar: Scalar) -> frozenset[str]:
    """Return the names of the variables in a law's expression."""
    if scalar.op == "var":
        return frozenset((scalar.name,))
    return frozenset().union(*map(scalar_variables, scalar.args))


SizeField = Annotated[
    Any, BeforeValidator(_parse_size), PlainSerializer(_size_json, return_type=Any)
]
ScalarField = Annotated[
    Any, BeforeValidator(_parse_scalar), PlainSerializer(_scalar_json, return_type=Any)
]
FormulaField = Annotated[
    Any, BeforeValidator(_parse_formula), PlainSerializer(_formula_json, return_type=Any)
]
