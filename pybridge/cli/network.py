"""What the Lean program says of its small network, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from pybridge.lean.errors import LeanError
from pybridge.lean.protocol import QUANTITIES, parse_number

__all__ = ["Entry", "Network"]

_COUNT = re.compile(r"within ([0-9]+) of ([0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a result, its place in row-major order: the computed value, the exact one, and
    the proved bound of their distance.
    """

    name: str
    place: int
    value: Fraction
    exact: Fraction
    bound: Fraction

    @property
    def error(self) -> Fraction:
        """How far the value is from the exact one."""
        return abs(self.value - self.exact)


@dataclass(frozen=True, slots=True)
class Network:
    """The entries of the output and of every gradient of the network."""

    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the program's lines.

        Raises `LeanError` if they are not of the known form, or if Lean counts otherwise how many
        entries are within their bounds than their numbers say.
        """
        *lines, last = text.splitlines() or [""]
        numbers: dict[str, dict[str, list[Fraction]]] = {}
        for line in lines:
            label, *words = line.split(" ")
            name, _, quantity = label.rpartition(".")
            numbers.setdefault(name, {})[quantity] = [parse_number(word) for word in words]
        if any(tuple(found) != QUANTITIES for found in numbers.values()):
            raise LeanError("the network's results are not of the known form")
        try:
            entries = tuple(
                Entry(name, place, *row)
                for name, found in numbers.items()
                for place, row in enumerate(zip(*found.values(), strict=True))
            )
        except ValueError:
            raise LeanError("the network's results have lines of different lengths") from None
        network = cls(entries)
        count = _COUNT.fullmatch(last)
        if count is None or (int(count[1]), int(count[2])) != (network.within, len(entries)):
            raise LeanError(
                f"{network.within} of the network's {len(entries)} entries are within their "
                f"bounds, but Lean says: {last!r:.60}"
            )
        return network

    @property
    def within(self) -> int:
        """How many entries are within their bounds."""
        return sum(entry.error <= entry.bound for entry in self.entries)

    @property
    def holds(self) -> bool:
        """Whether there are entries, and all are within their bounds."""
        return 0 < len(self.entries) == self.within

    @property
    def verdict(self) -> str:
        """The outcome in one line."""
        return f"{self.within} of {len(self.entries)} entries are within their proved bounds"

    def document(self) -> dict[str, Any]:
        """Return the network as data for JSON; exact numbers are texts of fractions."""
        rows = [
            {
                "result": entry.name,
                "place": entry.place,
                "value": str(entry.value),
                "exact": str(entry.exact),
                "bound": str(entry.bound),
                "error": str(entry.error),
            }
            for entry in self.entries
        ]
        return {"holds": self.holds, "within": self.within, "entries": rows}
