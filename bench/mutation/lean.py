"""Lean's answers, evaluated once and kept."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pybridge.check.certify.verdict import check_certificate
from pybridge.lean import Lean
from pybridge.lean.protocol import split_cases, split_results

__all__ = ["KeptLean"]


class KeptLean:
    """A Lean that evaluates each case's text once."""

    def __init__(self, lean: Lean) -> None:
        self._lean = lean
        self._results: dict[str, str] = {}
        self._rejected: dict[str, str] = {}

    @property
    def description(self) -> str:
        """Which Lean it is, without its place."""
        return self._lean.description.split(" in ")[0]

    def export(self) -> str:
        """The exported definitions, as JSON."""
        return self._lean.export()

    @property
    def certifies(self) -> bool:
        """Whether it can check certificates: recorded evaluations cannot."""
        return self._lean.kind != "recorded"

    def rejected(self, certificate: str) -> str:
        """What the kernel rejects of a certificate's text; empty where it accepts all."""
        if certificate not in self._rejected:
            with TemporaryDirectory(prefix="pybridge-mutation-") as folder:
                file = Path(folder) / "Certificate.lean"
                file.write_text(certificate, encoding="utf-8")
                found = check_certificate(file, self._lean)
            self._rejected[certificate] = ", ".join(found.rejected)
        return self._rejected[certificate]

    def evaluate(self, case_text: str) -> str:
        """The results of the cases; `LeanError` as Lean raises it."""
        cases = split_cases(case_text)
        missing = [text for text in cases.values() if text not in self._results]
        if missing:
            results = split_results(self._lean.evaluate("".join(missing)))
            asked = split_cases("".join(missing))
            for name, text in asked.items():
                if name in results:
                    self._results[text] = results[name]
        return "".join(self._results.get(text, "") for text in cases.values())
