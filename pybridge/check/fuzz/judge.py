"""Compares a batch of cases with Lean and the truth, and tampers with Lean's answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Protocol

from pybridge.check.compare import EXCESS, check_case
from pybridge.check.problems import Problem
from pybridge.check.report import CaseReport
from pybridge.engine.coefficients import round_up
from pybridge.exported.document import Definitions
from pybridge.lean import LeanError, LeanNotFound
from pybridge.lean.protocol import CaseResult, TensorResult, parse_results, split_results
from pybridge.problem.case import Case

__all__ = ["Evaluator", "Judge", "Verdict", "tampered"]


class Evaluator(Protocol):
    """What the comparison needs of Lean."""

    def evaluate(self, case_text: str) -> str:
        """Return the result file's text for a case file's text."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case's report, and the text of Lean's answer."""

    case: Case
    report: CaseReport
    answer: str = ""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that does not hold."""
        return self.report.problems


@dataclass(slots=True)
class Judge:
    """Compares cases with Lean, a whole batch in one run of Lean; `runs` counts these."""

    lean: Evaluator
    definitions: Definitions
    runs: int = field(default=0)

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """Return the verdict on each case, in order; the cases' names differ.

        If Lean fails, the batch is halved until the failing case is isolated, which then diverges.
        Raises `LeanError` if Lean fails for both halves, because then Lean itself does not work.
        """
        return list(self.verdicts(cases, self.answers(cases)))

    def answers(self, cases: Sequence[Case]) -> dict[str, str | LeanError]:
        """Return the text of Lean's answer to each case by the case's name, or how Lean failed."""
        texts = {case.name: case.to_text() for case in cases}
        return self._answers(texts) if texts else {}

    def _answers(self, texts: Mapping[str, str]) -> dict[str, str | LeanError]:
        self.runs += 1
        try:
            blocks = split_results(self.lean.evaluate("".join(texts.values())))
            unasked = [name for name in blocks if name not in texts]
            if unasked:
                raise LeanError(f"Lean answers for another case: {unasked[0]!r:.120}")
            return {name: blocks.get(name, "") for name in texts}
        except LeanNotFound:
            raise
        except LeanError as error:
            if len(texts) == 1:
                return dict.fromkeys(texts, error)
            failure = error
        names = list(texts)
        halves = names[: len(names) // 2], names[len(names) // 2 :]
        answers: dict[str, str | LeanError] = {}
        for half in halves:
            answers |= self._answers({name: texts[name] for name in half})
        if all(any(isinstance(answers[name], LeanError) for name in half) for half in halves):
            raise failure
        return answers

    def verdicts(
        self, cases: Sequence[Case], answers: Mapping[str, str | LeanError]
    ) -> Iterator[Verdict]:
        """Compare Lean's answers, case by case."""
        for case in cases:
            answer = answers[case.name]
            if isinstance(answer, LeanError):
                report = CaseReport.of(case).with_problem("failed", str(answer))
                yield Verdict(case, report)
            else:
                yield self.compare(case, answer)

    def compare(self, case: Case, answer: str) -> Verdict:
        """Return the verdict on one case, given Lean's answer to it."""
        try:
            result: CaseResult | None = None
            if answer:
                result = parse_results(answer, [case.name])[case.name]
            report = check_case(case, result, self.definitions, 0)
        except LeanError as error:
            report = CaseReport.of(case).with_problem("unreadable", str(error))
        return Verdict(case, report, answer)

    def overlooks(self, case: Case, answer: str, changed: str) -> bool:
        """Return whether a changed answer is accepted although it differs from the true one.

        Bounds that differ only as much as outward rounding may, and bounds of entries that
        overflowed, count as equal.
        """
        try:
            before = parse_results(answer, [case.name])[case.name]
            after = parse_results(changed, [case.name])[case.name]
        except LeanError:
            return False
        return not _alike(before, after) and not self.compare(case, changed).problems


def _alike(before: CaseResult, after: CaseResult) -> bool:
    if (before.refused, before.sizes) != (after.refused, after.sizes):
        return False
    return all(
        _alike_tensors(tensor, after.tensors[name]) for name, tensor in before.tensors.items()
    )


def _alike_tensors(before: TensorResult, after: TensorResult) -> bool:
    if (before.value, before.exact) != (after.value, after.exact):
        return False
    return all(
        value is None or abs(Fraction(round_up(a)) - Fraction(round_up(b))) <= 2 * EXCESS * a
        if math.isfinite(round_up(a) + round_up(b))
        else a == b
        for value, a, b in zip(before.value, before.bound, after.bound, strict=True)
    )


def tampered(answer: str, seed: str) -> str:
    """Return Lean's answer with one change, which the seed determines.

    A digit is altered, an entry left out, doubled or exchanged for its neighbour, a line left out
    or exchanged for the next, a sign turned, or the text is cut off.
    """
    rng = Random(seed)
    lines = answer.split("\n")
    at = 2 + _below(rng, max(1, len(lines) - 4))
    words = lines[at].split(" ") if at < len(lines) else [""]
    word = 1 + _below(rng, len(words) - 1) if len(words) > 1 else 0
    match _below(rng, 7):
        case 0:
            place = _below(rng, len(words[word]) or 1)
            digit = "0123456789abcdef"[_below(rng, 16)]
            words[word] = words[word][:place] + digit + words[word][place + 1 :]
        case 1:
            del words[word]
        case 2:
            words.insert(word, words[word])
        case 3:
            other = word % (len(words) - 1) + 1 if len(words) > 1 else word
            words[word], words[other] = words[other], words[word]
        case 4:
            words[word] = (
                words[word].removeprefix("-") if words[word][:1] == "-" else f"-{words[word]}"
            )
        case 5:
            other = min(at + 1, len(lines) - 1)
            lines[at], lines[other] = lines[other], lines[at]
            return "\n".join(lines)
        case _:
            return answer[: _below(rng, len(answer))]
    lines[at] = " ".join(words)
    return "\n".join(lines)


def _below(rng: Random, bound: int) -> int:
    return rng.getrandbits(64) % bound
