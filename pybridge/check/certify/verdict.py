"""Lets Lean check a certificate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pybridge.check.certify.source import MODULE
from pybridge.lean import Lean, LeanError

__all__ = ["Verdict", "check_certificate"]

_LONGEST = 200
_NAMED = re.compile(r"^theorem (\S+)", re.M)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the kernel accepts a certificate; if not, the theorems it rejects, and why."""

    rejected: tuple[str, ...] = ()
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether every theorem was proved."""
        return not self.rejected


def check_certificate(file: Path, lean: Lean) -> Verdict:
    """Compile what certificates import, and let Lean check the file.

    Raises `LeanError` if Lean fails, the library does not build, or the file has no theorem.
    """
    theorems = _theorems(file)
    built = lean.build([MODULE])
    if not built.ok:
        module, reason = next(iter(built.failed.items()), (MODULE, "a proof is missing"))
        raise LeanError(f"the library does not build: {module}: {reason}")
    failures = [message for message in lean.check(file) if message.fails]
    if not failures:
        return Verdict()
    rejected = dict.fromkeys(_theorem_at(theorems, message.line) for message in failures)
    reason = " ".join(failures[0].text.split())
    return Verdict(tuple(rejected), reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…")


def _theorems(file: Path) -> dict[int, str]:
    """Return the names of the file's theorems by their first line."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LeanError(f"{file} cannot be read: {error}") from None
    names = {text.count("\n", 0, m.start()) + 1: m[1] for m in _NAMED.finditer(text)}
    if not names:
        raise LeanError(f"{file} has no theorem, expected a certificate")
    return names


def _theorem_at(theorems: dict[int, str], line: int) -> str:
    """Return the theorem that a line belongs to, or the line if it is before the first one."""
    before = [name for start, name in theorems.items() if start <= line]
    return before[-1] if before else f"line {line}"
