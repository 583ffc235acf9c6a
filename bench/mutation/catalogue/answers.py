"""Faults of the text that Lean's program answers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from bench.mutation.fault import AnswerEdit, Edit, Fault
from pybridge.lean.protocol import format_number, parse_number, split_results

__all__ = ["FAULTS", "NEXT_NUMBER"]

_Tokens: TypeAlias = list[str]
_FIRST, _SECOND, _OVERFLOWING = "binary32-basic-eps", "binary16-tiny", "binary16-overflow"
_ALIKE = "binary16-subnormal"


def _blocks(change: Callable[[dict[str, str]], dict[str, str]]) -> AnswerEdit:
    """Changes the cases' results, which it gets and returns by label."""

    def altered(text: str) -> str:
        found = {name.partition("#")[0]: block for name, block in split_results(text).items()}
        return "".join(change(found).values())

    return AnswerEdit(altered)


def _block(label: str, change: Callable[[str], str]) -> AnswerEdit:
    return _blocks(
        lambda found: {**found, label: change(found[label])} if label in found else found
    )


def _line(key: str, change: Callable[[_Tokens], _Tokens], label: str = _FIRST) -> AnswerEdit:
    """Changes the numbers of one line of a case's result."""

    def altered(block: str) -> str:
        lines = block.split("\n")
        (place,) = [i for i, line in enumerate(lines) if line.startswith(f"{key} ")]
        lines[place] = " ".join([key, *change(lines[place].split(" ")[1:])])
        return "\n".join(lines)

    return _block(label, altered)


def _one(change: Callable[[Fraction], Fraction], place: int = 0) -> Callable[[_Tokens], _Tokens]:
    def changed(tokens: _Tokens) -> _Tokens:
        number = format_number(change(parse_number(tokens[place])))
        return [*tokens[:place], number, *tokens[place + 1 :]]

    return changed


def _next(value: Fraction) -> Fraction:
    """The next larger number of binary32."""
    return Fraction(float(np.nextafter(np.float32(float(value)), np.float32(np.inf))))


def _word(word: str) -> Callable[[_Tokens], _Tokens]:
    return lambda tokens: [word, *tokens[1:]]


def _exchanged(found: dict[str, str]) -> dict[str, str]:
    """Each of two cases of one geometry answered with the other's numbers."""
    if not {_ALIKE, _SECOND} <= found.keys():
        return found
    bodies = {label: found[label].split("\n", 1)[1] for label in (_ALIKE, _SECOND)}
    names = {label: found[label].split("\n", 1)[0] for label in (_ALIKE, _SECOND)}
    ends = {label: f"end {name.removeprefix('case ')}\n" for label, name in names.items()}

    def answer(label: str, other: str) -> str:
        return f"{names[label]}\n{bodies[other].removesuffix(ends[other])}{ends[label]}"

    return {**found, _ALIKE: answer(_ALIKE, _SECOND), _SECOND: answer(_SECOND, _ALIKE)}


def _without(found: dict[str, str]) -> dict[str, str]:
    return {label: block for label, block in found.items() if label != _SECOND}


def _refused(block: str) -> str:
    name = block.split("\n", 1)[0].removeprefix("case ")
    return f"case {name}\nrefused eps is negative\nend {name}\n"


def _lines_exchanged(first: str, second: str) -> Callable[[str], str]:
    def changed(block: str) -> str:
        kept = dict(line.split(" ", 1) for line in block.split("\n") if line)
        kept[first], kept[second] = kept[second], kept[first]
        return "".join(f"{key} {rest}\n" for key, rest in kept.items())

    return changed


def _without_line(key: str) -> Callable[[str], str]:
    return lambda block: "\n".join(
        line for line in block.split("\n") if not line.startswith(f"{key} ")
    )


def _answer(name: str, imitates: str, edit: Edit, *, quick: bool = False) -> Fault:
    return Fault(name, imitates, "Lean's answers", (edit,), quick=quick)


def _doubled(token: str) -> str:
    numerator, denominator = token.split("/")
    return f"{2 * int(numerator, 16):x}/{2 * int(denominator, 16):x}"


NEXT_NUMBER = _line("weight.value", _one(_next, 5))
"""One value of a result is the next larger binary32 number."""

FAULTS = (
    _answer(
        "answer-value-one-ulp",
        "One value is the next larger binary32 number.",
        NEXT_NUMBER,
        quick=True,
    ),
    _answer(
        "answer-value-negated",
        "One value has the other sign.",
        _line("input.value", _one(Fraction.__neg__)),
    ),
    _answer(
        "answer-values-swapped",
        "Two neighbouring values have changed places.",
        _line("forward.value", lambda tokens: [tokens[1], tokens[0], *tokens[2:]]),
    ),
    _answer(
        "answer-bound-larger",
        "One bound is larger by 2⁻⁴⁵ of it: NumPy's, rounded outward, is below it.",
        _line("bias.bound", _one(lambda bound: bound * (1 + Fraction(1, 2**45)))),
    ),
    _answer(
        "answer-bound-smaller",
        "One bound is smaller by a hundredth.",
        _line("weight.bound", _one(lambda bound: bound * Fraction(99, 100))),
    ),
    _answer(
        "answer-bound-zero",
        "The bounds of one result are all zero.",
        _line("input.bound", lambda tokens: ["0/1"] * len(tokens), _SECOND),
    ),
    _answer(
        "answer-bound-negative",
        "One bound is negative.",
        _line("weight.bound", _one(Fraction.__neg__)),
    ),
    _answer("answer-bound-nan", "One bound is nan.", _line("weight.bound", _word("nan"))),
    _answer(
        "answer-exact-one-bit",
        "One exact value has another last bit.",
        _line("weight.exact", _one(lambda value: value + Fraction(1, 2**120))),
    ),
    _answer(
        "answer-not-reduced",
        "One number is not in lowest terms.",
        _line("bias.exact", lambda tokens: ["2/2" if t == "1/1" else _doubled(t) for t in tokens]),
    ),
    _answer(
        "answer-overflow-made-up",
        "A value that is finite is said to overflow.",
        _line("forward.value", _word("overflow")),
    ),
    _answer(
        "answer-overflow-lost",
        "A value that overflows is said to be zero.",
        _line(
            "forward.value",
            lambda tokens: ["0/1" if token == "overflow" else token for token in tokens],
            _OVERFLOWING,
        ),
    ),
    _answer(
        "answer-tensors-swapped",
        "The exact values stand where the rounded ones belong, and the other way round.",
        _block(_FIRST, _lines_exchanged("forward.value", "forward.exact")),
    ),
    _answer(
        "answer-for-another-case",
        "Two cases of one geometry are answered with each other's numbers.",
        _blocks(_exchanged),
        quick=True,
    ),
    _answer("answer-case-missing", "One case has no answer.", _blocks(_without)),
    _answer("answer-case-refused", "One case is refused.", _block(_SECOND, _refused)),
    _answer(
        "answer-entries-missing",
        "The last entry of one result is missing.",
        _line("weight.bound", lambda tokens: tokens[:-1]),
    ),
    _answer(
        "answer-line-missing",
        "A line of one result is missing.",
        _block(_FIRST, _without_line("input.bound")),
    ),
    _answer(
        "answer-cut-off",
        "The program was killed while it wrote.",
        AnswerEdit(lambda text: text[: 2 * len(text) // 3]),
        quick=True,
    ),
    _answer("answer-empty", "The program wrote nothing.", AnswerEdit(lambda text: "")),
)
