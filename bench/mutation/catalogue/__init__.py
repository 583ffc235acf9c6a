"""The faults that are planted."""

from bench.mutation.catalogue import (
    answers,
    checkers,
    definitions,
    estimates,
    reference,
    replay,
    sources,
)
from bench.mutation.fault import Fault

__all__ = ["FAULTS"]

FAULTS: tuple[Fault, ...] = (
    *reference.FAULTS,
    *replay.FAULTS,
    *estimates.FAULTS,
    *sources.CASE_TEXT,
    *definitions.FAULTS,
    *sources.LEAN_SOURCES,
    *answers.FAULTS,
    *sources.RECORDING,
    *checkers.FAULTS,
)
"""All of them, in the order of the table."""
