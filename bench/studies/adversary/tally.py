"""What an attack counts and finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Finding", "Tally"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: the case, the rule that it breaks, and the numbers."""

    case: str
    rule: str
    what: str


@dataclass
class Tally:
    """How much was tried: entries by kind, checks by rule, refusals by call.

    `tightest` has the largest part that an error was of a bound, for each rule.
    """

    cases: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    makers: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    tightest: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """How many entries of results were tried."""
        return self.makers.total()

    def count(self, entries: int, *, kind: str, format: str, maker: str) -> None:
        """Counts entries of one result."""
        self.kinds[kind] += entries
        self.formats[format] += entries
        self.makers[maker] += entries

    def near(self, rule: str, ratio: float) -> None:
        """Keeps the largest part of a bound that an error was."""
        self.tightest[rule] = max(self.tightest.get(rule, 0.0), ratio)
