"""The checks that have to catch a fault, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CHECKS", "Found"]

CHECKS: Mapping[str, str] = {
    "load": "`definitions.json` is read, its digest and its nodes, and can be executed "
    "soundly, on operands of the shapes that it gives",
    "extract": "what `python -m pybridge.extract --check` compares: the toolchain, the SHA-256 of "
    "every Lean source, and the exported data, with what Lean exports",
    "recorded": "the recorded evaluations are found, whole, and of the same Lean sources as the "
    "definitions",
    "answer": "Lean's answer is read strictly, and has every case that was asked for",
    "values": "NumPy's values and overflows are Lean's, bit for bit",
    "bounds": "NumPy's bounds are Lean's exact ones, rounded outward",
    "exact": "Lean's exact values are python-flint's",
    "error": "the true error is within the bound, of operands moved by their eps too",
    "replay": "the fast replay's values are the reference's, and its bounds within 1.05 of Lean's",
    "methods": "the true error is within the bounds for sums in any order, and of the enclosure",
    "certify": "Lean's kernel proves values and bounds of a small case; run with `--certify`",
    "planted": "the check itself notices each altered answer of this list",
    "tests": "the modules of tests that the row names; run where nothing else catches it",
}
"""Each check's name, and what it is."""


@dataclass(frozen=True, slots=True)
class Found:
    """That a check caught a fault: where it noticed first, and what it said."""

    check: str
    message: str
