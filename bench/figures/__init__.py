"""The figures, by number: each function measures, and returns tables and goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from bench.figures import estimates, growth, peers, replay
from bench.tables import Figure
from bench.timing import Effort

__all__ = ["FIGURES", "Progress"]

Progress: TypeAlias = Callable[[str], None]

FIGURES: Mapping[int, Callable[[Effort, Progress], Figure]] = {
    1: replay.measure,
    2: estimates.measure_any_order,
    3: estimates.measure_enclosure,
    4: peers.measure,
    5: growth.measure,
}
