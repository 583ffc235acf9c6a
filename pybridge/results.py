"""Lean's result file, parsed: for each case its values, exact values and bounds as fractions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["CaseResult", "ResultsError", "TensorResult", "parse_results"]

_PARTS = ("value", "exact", "bound")


class ResultsError(ValueError):
    """A text that is not a result file of Lean's `evaluate cases`; the message is one line."""


@dataclass(frozen=True, slots=True)
class TensorResult:
    """The entries of one result, row-major; a value is None where it overflowed."""

    value: list[Fraction | None]
    exact: list[Fraction]
    bound: list[Fraction]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Lean's results for a case by name (forward, bias, weight, input), or why it refused it."""

    tensors: Mapping[str, TensorResult] = field(default_factory=dict)
    refused: str | None = None


def parse_results(text: str) -> dict[str, CaseResult]:
    """The results by case name. Raises `ResultsError` for what is not a whole result file."""
    lines = enumerate(text.splitlines(), start=1)
    results: dict[str, CaseResult] = {}
    for number, line in lines:
        key, _, name = line.partition(" ")
        if key != "case" or not name or name in results:
            raise ResultsError(f"line {number}: expected a new `case NAME`, got {line!r:.60}")
        results[name] = _case(name, lines)
    return results


def _case(name: str, lines: Iterator[tuple[int, str]]) -> CaseResult:
    refused: str | None = None
    entries: dict[str, list[Fraction | None]] = {}
    for number, line in lines:
        key, _, rest = line.partition(" ")
        if key == "end" and rest == name:
            return CaseResult(_tensors(name, entries), refused)
        if key == "refused":
            refused = rest
        elif key.partition(".")[2] in _PARTS and key not in entries:
            entries[key] = [_number(number, token) for token in rest.split()]
        elif key != "output":
            raise ResultsError(f"line {number}: unknown line {line!r:.60} of case {name}")
    raise ResultsError(f"the results of case {name} do not end")


def _number(line: int, token: str) -> Fraction | None:
    if token == "overflow":
        return None
    numerator, _, denominator = token.partition("/")
    try:
        return Fraction(int(numerator, 16), int(denominator, 16))
    except (ValueError, ZeroDivisionError):
        raise ResultsError(f"line {line}: not a number: {token!r:.60}") from None


def _tensors(name: str, entries: dict[str, list[Fraction | None]]) -> dict[str, TensorResult]:
    tensors = {}
    for tensor in dict.fromkeys(key.partition(".")[0] for key in entries):
        parts = [entries.get(f"{tensor}.{part}") for part in _PARTS]
        value, exact, bound = parts
        if value is None or exact is None or bound is None:
            raise ResultsError(f"case {name}: expected value, exact and bound of {tensor}")
        finite = [[v for v in part if v is not None] for part in (exact, bound)]
        if not len(value) == len(finite[0]) == len(finite[1]):
            raise ResultsError(
                f"case {name}: {len(value)} values, {len(finite[0])} exact ones and "
                f"{len(finite[1])} bounds of {tensor}"
            )
        tensors[tensor] = TensorResult(value, *finite)
    return tensors
