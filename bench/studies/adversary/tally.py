"""Counts what an attack tries, and keeps what it finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Finding", "Tally"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: the case, the rule, and the numbers."""

    case: str
    rule: str
    what: str


@dataclass
class Tally:
    """How much was tried: entries by kind, checks by rule, refusals by call.

    `tightest` has for each rule the largest error in units of its bound.
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
        """Count entries of one result."""
        self.kinds[kind] += entries
        self.formats[format] += entries
        self.makers[maker] += entries

    def near(self, rule: str, ratio: float) -> None:
        """Keep the largest error in units of its bound."""
        self.tightest[rule] = max(self.tightest.get(rule, 0.0), ratio)
