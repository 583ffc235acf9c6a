"""Altered answers of Lean: the check notices every one, so it does compare what it says."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import pytest
from planting import Checks

from pybridge.lean.interface import Lean
from pybridge.lean.protocol import format_number, parse_number, split_results

EPS, TINY, ALIKE, LARGE = (
    "binary32-basic-eps",
    "binary16-tiny",
    "binary16-subnormal",
    "binary16-overflow",
)
Change: TypeAlias = Callable[[str], str]
Words: TypeAlias = list[str]


class Altered:
    """Recorded evaluations of which the text is altered before it is read."""

    kind = "recorded"
    description = "altered evaluations"

    def __init__(self, lean: Lean, change: Change) -> None:
        self.lean, self.change = lean, change

    def evaluate(self, text: str) -> str:
        answer = self.lean.evaluate(text)
        changed = self.change(answer)
        assert changed != answer
        return changed


def in_case(label: str, change: Change) -> Change:
    """Change one case's result."""

    def altered(text: str) -> str:
        blocks = split_results(text)
        (name,) = [name for name in blocks if name.startswith(f"{label}#")]
        return "".join({**blocks, name: change(blocks[name])}.values())

    return altered


def line(key: str, change: Callable[[Words], Words], label: str = EPS) -> Change:
    """Change the numbers of one line of a case's result."""

    def altered(block: str) -> str:
        lines = block.split("\n")
        (at,) = [i for i, line in enumerate(lines) if line.startswith(f"{key} ")]
        lines[at] = " ".join([key, *change(lines[at].split(" ")[1:])])
        return "\n".join(lines)

    return in_case(label, altered)


def first(change: Callable[[Fraction], Fraction]) -> Callable[[Words], Words]:
    return lambda words: [format_number(change(parse_number(words[0]))), *words[1:]]


def next_number(value: Fraction) -> Fraction:
    return Fraction(float(np.nextafter(np.float32(float(value)), np.float32(np.inf))))


def unreduced(word: str) -> str:
    numerator, denominator = word.split("/")
    return f"{2 * int(numerator, 16):x}/{2 * int(denominator, 16):x}"


def exchanged(text: str) -> str:
    """Answer each of two cases of one geometry with the other's numbers."""
    blocks = split_results(text)
    one, other = (
        next(name for name in blocks if name.startswith(f"{label}#")) for label in (TINY, ALIKE)
    )
    blocks[one], blocks[other] = (
        blocks[other].replace(other, one),
        blocks[one].replace(one, other),
    )
    return "".join(blocks.values())


def lines_exchanged(block: str) -> str:
    kept = dict(line.split(" ", 1) for line in block.split("\n") if line)
    kept["output.value"], kept["output.exact"] = kept["output.exact"], kept["output.value"]
    return "".join(f"{key} {rest}\n" for key, rest in kept.items())


def refused(block: str) -> str:
    name = block.split("\n", 1)[0].removeprefix("case ")
    return f"case {name}\nrefused eps is negative\nend {name}\n"


def without_line(block: str) -> str:
    return "\n".join(line for line in block.split("\n") if not line.startswith("input.bound "))


ALTERED = {
    "a value is the next number": (line("weight.value", first(next_number)), "value unlike Lean's"),
    "a value has the other sign": (
        line("input.value", first(Fraction.__neg__)),
        "value unlike Lean's",
    ),
    "two values exchanged": (
        line("output.value", lambda words: [words[1], words[0], *words[2:]]),
        "value unlike Lean's",
    ),
    "a bound larger by 2⁻⁴⁵ of it": (
        line("bias.bound", first(lambda bound: bound * (1 + Fraction(1, 2**45)))),
        "bound below Lean's",
    ),
    "a bound smaller by a hundredth": (
        line("weight.bound", first(lambda bound: bound * Fraction(99, 100))),
        "bound above outward rounding of Lean's",
    ),
    "bounds of zero": (
        line("input.bound", lambda words: ["0/1"] * len(words), TINY),
        "bound above outward rounding of Lean's",
    ),
    "a negative bound": (line("weight.bound", first(Fraction.__neg__)), "negative"),
    "a bound of nan": (line("weight.bound", lambda words: ["nan", *words[1:]]), "not a number"),
    "an exact value off by its last bit": (
        line("weight.exact", first(lambda value: value + Fraction(1, 2**120))),
        "Lean's exact value unlike python-flint's",
    ),
    "numbers not in lowest terms": (
        line("bias.exact", lambda words: [unreduced(word) for word in words]),
        "lowest terms",
    ),
    "an overflow that is none": (
        line("output.value", lambda words: ["overflow", *words[1:]]),
        "overflow only on one side",
    ),
    "an overflow lost": (
        line(
            "output.value",
            lambda words: ["0/1" if word == "overflow" else word for word in words],
            LARGE,
        ),
        "overflow only on one side",
    ),
    "rounded and exact values exchanged": (
        in_case(EPS, lines_exchanged),
        "Lean's exact value unlike python-flint's",
    ),
    "the answer to another case": (exchanged, "value unlike Lean's"),
    "a case without an answer": (
        lambda text: "".join(list(split_results(text).values())[1:]),
        "Lean gave no result for this case",
    ),
    "a case refused": (in_case(TINY, refused), "Lean refused this case: eps is negative"),
    "an entry missing": (
        line("weight.bound", lambda words: words[:-1]),
        "36 values, 36 exact values and 35 bounds",
    ),
    "a line missing": (
        in_case(EPS, without_line),
        "expected input.value, input.exact, input.bound",
    ),
    "cut off": (lambda text: text[: 2 * len(text) // 3], "its last line does not end"),
    "empty": (lambda text: "", "the result is empty"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_answer_is_noticed(problems: Checks, recorded: Lean, name: str) -> None:
    change, expected = ALTERED[name]
    noticed = problems([EPS, TINY, ALIKE, LARGE], lean=Altered(recorded, change))
    assert any(expected in line for line in noticed), noticed


def test_the_same_cases_pass_unaltered(problems: Checks) -> None:
    assert problems([EPS, TINY, ALIKE, LARGE]) == []
