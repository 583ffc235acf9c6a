"""The report of a watched block: the results that were checked, and the calls that were not."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybridge.errors import InputError
from pybridge.extras import install_command, missing
from pybridge.files import write_text

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Checked", "NotExplained", "Report", "Unchecked"]


class NotExplained(AssertionError):
    """A result of a watched block has an error that rounding does not explain.

    `report` has all results.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Checked:
    """A result of a call, compared with the operation that it should be.

    `call` numbers the watched calls from 0. `module` is the path of the module whose forward or
    backward pass made it, empty outside of modules. `operation` says what the result should be,
    `operator` what computed it. `ratio` is the largest error in units of what is allowed, at the
    entry `worst`; both are None if a first look proved that all errors are allowed. `power` is the
    share of the entries at which a zero would be noticed, or after a first look a lower bound of
    it. `message` is the verdict on a failure. `entries` is how many entries were compared; the
    verdict is about these.
    """

    call: int
    module: str
    backward: bool
    operator: str
    operation: str
    result: str
    shape: tuple[int, ...]
    dtype: str
    device: str
    promise: str
    passed: bool
    ratio: float | None
    worst: tuple[int, ...] | None
    power: float
    message: str
    theorems: tuple[str, ...]
    entries: int
    rank: int = 0

    @property
    def share(self) -> float:
        """The share of the result's entries that were compared."""
        return self.entries / math.prod(self.shape) if math.prod(self.shape) else 1.0

    @property
    def where(self) -> str:
        """The module and what it did: `ResNet.conv1, backward`."""
        return f"{self.module or 'outside of modules'}{', backward' if self.backward else ''}"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A call that was not checked, and why."""

    call: int
    module: str
    backward: bool
    operator: str
    reason: str
    rank: int = 0


@dataclass(slots=True, repr=False)
class Report:
    """What was checked in a watched block, in the order of the calls.

    `unchecked` has each call of a product, or of a custom operator, that was not checked.
    `not_sampled` counts the calls that `sample` left out. `notes` are about the whole block.
    """

    checked: list[Checked] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    not_sampled: int = 0
    sample: float = 1.0
    sample_entries: float = 1.0
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    ranks: int = 1

    def __repr__(self) -> str:
        return f"<Report: {self.summary}>"

    def __str__(self) -> str:
        return self.message

    def __rich__(self) -> Table:
        return self.table()

    @property
    def failures(self) -> list[Checked]:
        """The results whose errors rounding does not explain."""
        return [checked for checked in self.checked if not checked.passed]

    @property
    def passed(self) -> bool:
        """Whether rounding explains every result that was checked."""
        return not self.failures

    @property
    def summary(self) -> str:
        """One line: how many results were checked, failed, or were left out."""
        words = (
            f"{len(self.checked)} results checked, {len(self.failures)} not explained by rounding"
        )
        entries = sum(checked.entries for checked in self.checked)
        of = sum(math.prod(checked.shape) for checked in self.checked)
        if entries < of:
            words += f", at {entries} of {of} entries"
        if self.unchecked:
            words += f", {len(self.unchecked)} calls not checked"
        if self.not_sampled:
            words += f", {self.not_sampled} calls not in the sample of {self.sample:g}"
        return words

    @property
    def message(self) -> str:
        """The failures in full, then the calls that were not checked, by reason."""
        lines = [self.summary]
        for checked in self.failures:
            of = f", rank {checked.rank}" if self.ranks > 1 else ""
            shape = "×".join(map(str, checked.shape))
            what = f"{checked.operation}, {checked.result} {shape} by {checked.operator}"
            lines.append(f"{checked.where}: {what} (call {checked.call}{of})")
            lines += [f"  {line}" for line in checked.message.splitlines()]
        lines += self.left_out + self.notes
        return "\n".join(lines)

    @property
    def left_out(self) -> list[str]:
        """The calls that were not checked: operator, reason and how many, a line each."""
        counted = Counter((call.operator, call.reason) for call in self.unchecked)
        return [
            f"not checked: {operator}, {reason} ({count} call{'s' * (count > 1)})"
            for (operator, reason), count in counted.items()
        ]

    def raise_failures(self) -> None:
        """Raise `NotExplained` if a result failed."""
        if not self.passed:
            raise NotExplained(self.message, self)

    def table(self) -> Table:
        """Return a table of the results, failures first; `InputError` without the extra `cli`."""
        if missing("rich"):
            raise InputError(f"a table needs rich: {install_command('cli')}")
        from rich.table import Table

        table = Table(title=self.summary, caption="\n".join(self.left_out + self.notes) or None)
        for name in _HEADINGS:
            table.add_column(name, justify="right" if name in _HEADINGS[-2:] else "left")
        for row in self._rows():
            table.add_row(*row)
        return table

    def to_json(self) -> str:
        """Return the report as JSON; an infinite ratio is null, like one that is not known."""
        document: dict[str, Any] = {"passed": self.passed, "summary": self.summary, **asdict(self)}
        for checked in document["checked"]:
            if checked["ratio"] == float("inf"):
                checked["ratio"] = None
        return json.dumps(document, indent=1, allow_nan=False)

    def to_html(self) -> str:
        """Return the report as a self-contained page, without scripts."""
        verdict = "rounding explains every result" if self.passed else "not explained by rounding"

        rows = "\n".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        failures = "\n".join(
            f"<h2>{escape(checked.where)}</h2>\n<pre>{escape(checked.message)}</pre>"
            for checked in self.failures
        )
        listed = "".join(f"<li>{escape(line)}</li>" for line in self.left_out + self.notes)
        titles = "".join(f"<th>{name}</th>" for name in _HEADINGS)
        return _PAGE.format(
            verdict=verdict,
            color="#1a7f37" if self.passed else "#b3261e",
            summary=escape(self.summary),
            failures=failures,
            left_out=f"<ul>{listed}</ul>" if listed else "",
            titles=titles,
            rows=rows,
        )

    def save(self, path: str | Path) -> None:
        """Write the report to a file, as a page if its name ends in `.html`, else as JSON."""
        text = self.to_html() if Path(path).suffix == ".html" else self.to_json()
        write_text(Path(path), text)

    def _rows(self) -> list[tuple[str, ...]]:
        """Return the cells of each result, failures first, then by ratio."""
        ordered = sorted(self.checked, key=lambda checked: (checked.passed, -(checked.ratio or 0)))
        return [
            (
                "ok" if checked.passed else "FAILED",
                checked.where + (f" (rank {checked.rank})" if self.ranks > 1 else ""),
                f"{checked.operation}: {checked.result}",
                "×".join(map(str, checked.shape))
                + f" ({checked.share:.2g} of it)" * (checked.share < 1),
                checked.dtype,
                "≤ 1" if checked.ratio is None else f"{checked.ratio:.3g}",
                f"{'≥ ' * (checked.ratio is None)}{checked.power:.0%}",
            )
            for checked in ordered
        ]


_HEADINGS = ("verdict", "module", "operation", "shape", "dtype", "error/allowed", "power")

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{verdict}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto;
        padding: 0 1rem }}
h1 {{ color: {color} }}
pre {{ overflow-x: auto; background: #f6f8fa; padding: 1rem }}
div {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd }}
</style>
<h1>{verdict}</h1>
<p>{summary}</p>
{failures}
{left_out}
<div><table><thead><tr>{titles}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
</html>
"""
