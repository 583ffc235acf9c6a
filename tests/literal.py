"""Executes the exported definitions literally, on fractions; shares nothing with pybridge.

Indices are evaluated term by term from the JSON document, values are rounded from exact fractions,
and bounds are exact.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pybridge

DOCUMENT: dict[str, Any] = json.loads(
    (Path(pybridge.__file__).parent / "definitions.json").read_text(encoding="utf-8")
)


OPERATIONS: dict[str, Any] = DOCUMENT["data"]["operations"]
CONTRACTIONS: dict[str, Any] = OPERATIONS["conv2d"]["results"]


@dataclass(frozen=True)
class Pair:
    """A rounded value (None: overflowed), the exact value, and the bound."""

    value: Fraction | None
    exact: Fraction
    eps: Fraction


def size(node: Any, parameters: Mapping[str, int]) -> int:
    if isinstance(node, int):
        return node
    if isinstance(node, str):
        return parameters[node]
    ((op, args),) = node.items()
    if op == "neg":
        return -size(args, parameters)
    a, b = (size(arg, parameters) for arg in args)
    return {"add": a + b, "sub": a - b, "mul": a * b, "div": a // b if b else 0}[op]


@cache
def floor_log2(v: Fraction) -> int:
    e = v.numerator.bit_length() - v.denominator.bit_length()
    return e if Fraction(2) ** e <= v else e - 1


def binade(v: Fraction, format: Mapping[str, int]) -> int:
    least = format["minExponent"]
    return max(floor_log2(abs(v)), least) if v else least


def half_ulp(v: Fraction, format: Mapping[str, int]) -> Fraction:
    return Fraction(2) ** (binade(v, format) - format["precision"])


def rounded(v: Fraction, format: Mapping[str, int]) -> Fraction | None:
    ulp = 2 * half_ulp(v, format)
    result = round(v / ulp) * ulp
    precision, largest = format["precision"], format["maxExponent"]
    limit = (2**precision - 1) * Fraction(2) ** (largest - precision + 1)
    return result if abs(result) <= limit else None


def scalar(node: Any, env: Mapping[str, Fraction], format: Mapping[str, int]) -> Fraction:
    ((op, args),) = node.items()
    if op == "zero":
        return Fraction(0)
    if op == "var":
        return env[args]
    if op == "abs":
        return abs(scalar(args, env, format))
    if op == "halfUlp":
        return half_ulp(scalar(args, env, format), format)
    if op == "round":
        result = rounded(scalar(args, env, format), format)
        if result is None:
            raise OverflowError
        return result
    a, b = (scalar(arg, env, format) for arg in args)
    return a + b if op == "add" else a * b


def combine(op: str, x: Pair, y: Pair, laws: Any, format: Mapping[str, int]) -> Pair:
    exact = x.exact + y.exact if op == "add" else x.exact * y.exact
    if x.value is None or y.value is None:
        return Pair(None, exact, Fraction(0))
    env = {"x.value": x.value, "x.eps": x.eps, "y.value": y.value, "y.eps": y.eps}
    try:
        value = scalar(laws[op]["value"], env, format)
    except OverflowError:
        return Pair(None, exact, Fraction(0))
    return Pair(value, exact, scalar(laws[op]["eps"], env, format))


def operand_name(operand: Any) -> str:
    """Return pybridge's name of an exported operand."""
    name: str = operand["name"]
    return "grad_output" if name == "gradOutput" else name


def shaped(
    contraction: Any, parameters: Mapping[str, int], entries: Mapping[str, tuple[Any, Fraction]]
) -> dict[str, tuple[Any, Fraction]]:
    """Return the operands of a contraction in their shapes, of entries by Lean's names."""
    arrays = {}
    for operand in contraction["factors"] + contraction["addends"]:
        shape = [size(axis["extent"], parameters) for axis in operand["axes"]]
        flat, eps = entries[operand["name"]]
        arrays[operand_name(operand)] = (flat.reshape(shape), eps)
    return arrays


def read(
    operand: Any,
    out: tuple[int, ...],
    red: tuple[int, ...],
    parameters: Mapping[str, int],
    arrays: Mapping[str, tuple[Any, Fraction]],
) -> Pair | None:
    index = []
    for axis in operand["axes"]:
        affine = axis["index"]
        total = size(affine["offset"], parameters)
        total += sum(size(c, parameters) * i for c, i in zip(affine["out"], out, strict=True))
        total += sum(size(c, parameters) * i for c, i in zip(affine["red"], red, strict=True))
        at, rest = divmod(total, size(affine["divisor"], parameters))
        if rest or not 0 <= at < size(axis["extent"], parameters):
            return None
        index.append(at)
    array, eps = arrays[operand_name(operand)]
    entry = Fraction(float(array[tuple(index)]))
    return Pair(entry, entry, eps)


def execute(
    contraction: Any,
    laws: Any,
    format: Mapping[str, int],
    parameters: Mapping[str, int],
    arrays: Mapping[str, tuple[Any, Fraction]],
) -> Iterator[Pair]:
    """Yield the outputs of a contraction, row-major."""
    loops = [range(size(node, parameters)) for axis in contraction["out"] for node in axis]
    reductions = [range(size(node, parameters)) for node in contraction["red"]]
    nothing = Pair(
        scalar(laws["zero"]["value"], {}, format),
        Fraction(0),
        scalar(laws["zero"]["eps"], {}, format),
    )
    for out in product(*loops):
        total = nothing
        for red in product(*reductions):
            term: Pair | None = None
            for i, factor in enumerate(contraction["factors"]):
                entry = read(factor, out, red, parameters, arrays)
                if entry is None:
                    term = None
                    break
                term = combine("mul", term, entry, laws, format) if i and term else entry
            if term is not None:
                total = combine("add", total, term, laws, format)
        for addend in contraction["addends"]:
            entry = read(addend, out, (), parameters, arrays)
            if entry is not None:
                total = combine("add", total, entry, laws, format)
        yield total


def output_shape(contraction: Any, parameters: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(prod(size(node, parameters) for node in axis) for axis in contraction["out"])


def round_up(v: Fraction) -> float:
    """Return the least float64 that is not below v ≥ 0."""
    try:
        result = float(v)
    except OverflowError:
        return float("inf")
    if Fraction(result) < v:
        return math.nextafter(result, math.inf)
    return result
