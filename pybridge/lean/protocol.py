"""The text that is exchanged with Lean: cases, results and numbers.

Numbers are exact: C99 hexadecimal floats, or `[-]HEX/HEX`, numerator and denominator in hexadecimal
digits. Results are parsed strictly: whatever Lean cannot have written is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from pybridge.lean.errors import LeanError

__all__ = [
    "QUANTITIES",
    "CaseResult",
    "TensorResult",
    "format_number",
    "parse_number",
    "parse_results",
    "split_cases",
    "split_results",
]

QUANTITIES = ("value", "exact", "bound")
OVERFLOW = "overflow"
LONGEST = 100_000

_RATIO = re.compile(r"(-?)(0|[1-9a-f][0-9a-f]*)/([1-9a-f][0-9a-f]*)", re.ASCII)
_HEX_FLOAT = re.compile(r"(-?)0x([0-9a-f]+)(?:\.([0-9a-f]*))?p([+-]?[0-9]{1,6})", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TensorResult:
    """One tensor's entries in row-major order; a value that overflowed is None."""

    value: tuple[Fraction | None, ...]
    exact: tuple[Fraction, ...]
    bound: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Lean's answer to one case: results by name, or the message with which it was refused.

    `sizes` are the operation's numbers, derived ones included, in the exported order.
    """

    name: str
    refused: str | None = None
    sizes: tuple[int, ...] = ()
    tensors: Mapping[str, TensorResult] = field(default_factory=dict)


def format_number(number: float | Fraction) -> str:
    """Return a float as C99 hexadecimal, a fraction as `[-]HEX/HEX`; `LeanError` if not finite."""
    if isinstance(number, Fraction):
        return f"{number.numerator:x}/{number.denominator:x}"
    if not math.isfinite(number):
        raise LeanError(f"{number} is not a finite number")
    return float(number).hex()


def parse_number(text: str) -> Fraction:
    """Return the number that a text of either form stands for; `LeanError` for another text."""
    if len(text) > LONGEST:
        raise LeanError(f"a number of {len(text)} characters is longer than {LONGEST}")
    if ratio := _RATIO.fullmatch(text):
        number = Fraction(int(ratio[2], 16), int(ratio[3], 16))
        return -number if ratio[1] else number
    if (match := _HEX_FLOAT.fullmatch(text)) and abs(int(match[4])) <= LONGEST:
        digits = match[3] or ""
        exponent = int(match[4]) - 4 * len(digits)
        number = int(match[2] + digits, 16) * Fraction(2) ** exponent
        return -number if match[1] else number
    raise LeanError(f"{text!r:.60} is not a number in hexadecimal")


def split_cases(text: str) -> dict[str, str]:
    """Return the text of each case, `case` to `end`, by its name and in order.

    Raises `LeanError` if the text is not a sequence of cases with different names.
    """
    return _split(text, "case file", lambda name: "end")


def split_results(text: str) -> dict[str, str]:
    """Return the text of each result, `case` to `end NAME`, by the case's name and in order."""
    return _split(text, "result", lambda name: f"end {name}")


def parse_results(text: str, names: Collection[str] | None = None) -> dict[str, CaseResult]:
    """Return the results in a result file, by name and in order.

    Raises `LeanError`, in one line, if the text is not a complete result file or, with `names`, not
    of exactly these cases in this order.
    """
    blocks = split_results(text)
    if names is not None and list(blocks) != list(names):
        missing = [name for name in names if name not in blocks]
        extra = [name for name in blocks if name not in names]
        if missing:
            raise LeanError(f"Lean's result lacks the case {missing[0]}")
        if extra:
            raise LeanError(f"Lean's result has a case that was not asked for: {extra[0]!r:.120}")
        raise LeanError("Lean's result has the cases in another order")
    return {name: _parse_block(name, block) for name, block in blocks.items()}


def _parse_block(name: str, block: str) -> CaseResult:
    lines = block.split("\n")[1:-2]
    if lines and lines[0].startswith("refused "):
        if len(lines) > 1 or not lines[0].removeprefix("refused ").strip():
            raise LeanError(f"Lean's result for {name}: a refusal has exactly one line")
        return CaseResult(name, refused=lines[0].removeprefix("refused "))
    first, *rest = [line.split(" ") for line in lines] or [[""]]
    if first[0] != "sizes" or not all(_SIZE.fullmatch(word) for word in first[1:]):
        raise LeanError(f"Lean's result for {name}: expected sizes, got {' '.join(first)!r:.60}")
    tensors: dict[str, TensorResult] = {}
    for start in range(0, len(rest), len(QUANTITIES)):
        result, _, _ = rest[start][0].partition(".")
        keys = [f"{result}.{quantity}" for quantity in QUANTITIES]
        if [words[0] for words in rest[start : start + len(keys)]] != keys or result in tensors:
            raise LeanError(f"Lean's result for {name}: expected {', '.join(keys)}, each once")
        tensors[result] = _parse_tensor(
            name, result, *(words[1:] for words in rest[start : start + len(keys)])
        )
    return CaseResult(name, sizes=tuple(map(int, first[1:])), tensors=tensors)


def _parse_tensor(
    name: str, tensor: str, value: list[str], exact: list[str], bound: list[str]
) -> TensorResult:
    if not len(value) == len(exact) == len(bound):
        raise LeanError(
            f"Lean's result for {name}: {tensor} has {len(value)} values, {len(exact)} exact "
            f"values and {len(bound)} bounds"
        )
    try:
        result = TensorResult(
            tuple(None if word == OVERFLOW else _lowest_terms(word) for word in value),
            tuple(map(_lowest_terms, exact)),
            tuple(map(_lowest_terms, bound)),
        )
    except LeanError as error:
        raise LeanError(f"Lean's result for {name}: {tensor}: {error}") from None
    if any(entry < 0 for entry in result.bound):
        raise LeanError(f"Lean's result for {name}: {tensor} has a negative bound")
    return result


def _lowest_terms(word: str) -> Fraction:
    number = parse_number(word)
    if format_number(number) != word:
        raise LeanError(f"{word!r:.60} is not a ratio in lowest terms")
    return number


def _split(text: str, what: str, end_of: Callable[[str], str]) -> dict[str, str]:
    if not text.endswith("\n"):
        raise LeanError(
            f"the {what} is cut off: its last line does not end" if text else f"the {what} is empty"
        )
    blocks: dict[str, str] = {}
    name: str | None = None
    lines: list[str] = []
    for number, line in enumerate(text[:-1].split("\n"), 1):
        lines.append(line)
        if name is None:
            name = _name(line, number, what)
            if name in blocks:
                raise LeanError(f"the {what} has the case {name} twice")
        elif line == end_of(name):
            blocks[name] = "\n".join([*lines, ""])
            name, lines = None, []
        elif line.split(" ", 1)[0] in ("case", "end"):
            raise LeanError(f"line {number} of the {what}: {line!r:.60} within the case {name}")
    if name is not None:
        raise LeanError(f"the {what} is cut off: the case {name} has no end")
    return blocks


def _name(line: str, number: int, what: str) -> str:
    words = line.split(" ")
    if len(words) != 2 or words[0] != "case" or not words[1]:
        raise LeanError(f"line {number} of the {what}: expected `case NAME`, got {line!r:.60}")
    return words[1]
