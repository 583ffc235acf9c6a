"""The endless stream of cases that a seed determines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from pybridge.check.fuzz.drawing import Drawn, Seeded, draw_case

__all__ = ["numbered", "stream"]


def numbered(seed: int, number: int) -> Drawn:
    """Return case `number` of a seed's stream; its label is `fuzz-SEED-NUMBER`.

    It depends only on the two numbers and this version of pybridge.
    """
    return draw_case(Seeded(f"pybridge.fuzz {seed} {number}"), f"fuzz-{seed}-{number}")


def stream(seed: int) -> Iterator[Drawn]:
    """Return the cases of a seed, from number 0 on, without end."""
    return (numbered(seed, number) for number in count())
