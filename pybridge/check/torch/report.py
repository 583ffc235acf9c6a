"""The report of a check of another implementation: JSON for programs, tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from pydantic import computed_field
from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pybridge.model import Model, Report
from pybridge.problem.shapes import Shape

__all__ = [
    "AgainstReport",
    "LayerReport",
    "PromiseProblem",
    "PromiseReport",
    "ResultReport",
    "Verdict",
]

Verdict: TypeAlias = Literal["holds", "violates", "undecided"]


class PromiseProblem(Model):
    """Why a promise is not known to hold.

    `kind` says what is wrong with `entries` of `of` entries; the first of them is at `index`, and
    has this `error` and `bound`. If no bound is proved, `detail` says why.
    """

    kind: Literal["not-proved", "not-finite", "beyond", "undecided"]
    detail: str = ""
    index: tuple[int, ...] = ()
    entries: int = 0
    of: int = 0
    error: float | None = None
    bound: float | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """The problem in words."""
        if self.kind == "not-proved":
            return self.detail
        index = ", ".join(map(str, self.index))
        if self.kind == "not-finite":
            return f"not finite at [{index}] and {self.entries - 1} more, without an overflow"
        what = "beyond the bound" if self.kind == "beyond" else self.kind
        return (
            f"{self.entries} of {self.of} entries {what}, the first at [{index}]: "
            f"error {self.error:.3g}, bound {self.bound:.3g}"
        )

    def __str__(self) -> str:
        return self.text


class PromiseReport(Model):
    """An arithmetic that a kernel may have, and its any-order bound against the true errors.

    `bound` is the largest bound, `ratio` the least bound / error (None if every known error is
    zero). `beyond` entries are proved to err by more than the bound, and for `undecided` ones it is
    not known; `problem` names the first of these. If no bound is proved, `bound` is None, and
    `problem` says why.
    """

    arithmetic: str
    bound: float | None
    ratio: float | None
    beyond: int
    undecided: int
    problem: PromiseProblem | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """`violates`: an entry is proved beyond the bound; `holds`: every known one is within."""
        if self.beyond:
            return "violates"
        return "undecided" if self.undecided or self.bound is None else "holds"


class ResultReport(Model):
    """The output or a gradient, as somebody computed it.

    `terms` is the most terms that an entry sums. Of the `entries`, the true errors of `known` are
    known up to the enclosure's width, or exactly (`exact` of them); `overflowed` are not finite,
    and their sums can overflow, so they are not judged. `error` is the largest known true error,
    rounded up. `promises` are tried in order until one holds.
    """

    shape: tuple[int, ...]
    terms: int
    entries: int
    known: int
    exact: int
    overflowed: int
    error: float
    promises: tuple[PromiseReport, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """The verdict on the last promise tried."""
        return self.promises[-1].verdict


class LayerReport(Model):
    """One operation in one setting, or the reason why it was not computed."""

    label: str
    dtype: str
    device: str
    geometry: Shape
    results: Mapping[str, ResultReport] = {}
    skipped: str | None = None

    @property
    def setting(self) -> str:
        """The dtype, and the device unless it is the CPU."""
        return self.dtype if self.device == "cpu" else f"{self.device} {self.dtype}"

    @property
    def network(self) -> str:
        """The network that the layer is from, or `suite`."""
        return "suite" if self.label.startswith(("binary", "bfloat")) else self.label.split("-")[0]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether every result that was computed is within a bound."""
        return all(result.verdict == "holds" for result in self.results.values())


class AgainstReport(Report):
    """A whole check; `interrupted` if the user ended it early."""

    against: str
    descriptions: tuple[str, ...]
    definitions_sha256: str
    seed: int
    seconds: float
    interrupted: bool
    layers: tuple[LayerReport, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether the check ran to its end, compared something, and all of it holds."""
        compared = any(layer.results for layer in self.layers)
        return compared and not self.interrupted and all(layer.passed for layer in self.layers)

    @property
    def stopped(self) -> str | None:
        """Why the check ended before all layers were computed."""
        return "interrupted" if self.interrupted else None

    @property
    def done(self) -> str:
        """How many layers were computed."""
        return f"{len(self.layers)} layers"

    def summary(self) -> str:
        """Return one line: what was compared, and how much of it holds."""
        results = [result for layer in self.layers for result in layer.results.values()]
        good = sum(result.verdict == "holds" for result in results)
        weaker = sum(result.verdict == "holds" and len(result.promises) > 1 for result in results)
        skipped = sum(layer.skipped is not None for layer in self.layers)
        known = sum(result.known for result in results)
        total = sum(result.entries for result in results)
        parts = [
            f"{good} of {len(results)} results: "
            "every known true error is within the any-order bound"
            + (f" ({weaker}: of a weaker arithmetic only)" if weaker else ""),
            f"{known} of {total} are known",
            *([f"{skipped} skipped"] * bool(skipped)),
            f"{'; '.join(self.descriptions)}, in {self.seconds:.1f} s",
            *(["interrupted"] * self.interrupted),
        ]
        return "; ".join(parts)

    def table(self, *, each: bool = False) -> Group:
        """Return a table with a row for each network and dtype, or with `each` for each layer.

        A result that does not hold, or only for a weaker arithmetic, always has a row of its own,
        and a line below the table that says why. So has a layer that was skipped.
        """
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for header in ("layers", "dtype", "result"):
            table.add_column(header, no_wrap=True)
        for header in ("terms", "entries", "known", "error", "bound", "bound / error", "least"):
            table.add_column(header, justify="right", no_wrap=True)
        for header in ("sums in", "holds"):
            table.add_column(header, no_wrap=True)
        together: dict[tuple[str, str, str], list[ResultReport]] = {}
        alone: list[tuple[tuple[str, str, str], ResultReport]] = []
        notes: list[str] = []
        for layer in self.layers:
            if layer.skipped is not None:
                notes.append(f"{layer.label}, {layer.setting}: skipped: {layer.skipped}")
            for name, result in layer.results.items():
                key = (layer.label, layer.setting, name)
                notes += [", ".join(key) + f": {note}" for note in _notes(result)]
                if each or len(result.promises) > 1 or result.verdict != "holds":
                    alone.append((key, result))
                else:
                    together.setdefault((layer.network, *key[1:]), []).append(result)
        for key, results in together.items():
            table.add_row(f"{key[0]} ×{len(results)}", *key[1:], *_cells(results))
        for key, result in alone:
            table.add_row(*map(escape, key), *_cells([result]))
        return Group(table, *(Text(note) for note in notes))


def _cells(results: Sequence[ResultReport]) -> tuple[str, ...]:
    kept = [result.promises[-1] for result in results]
    quotients = [
        promise.bound / result.error
        for result, promise in zip(results, kept, strict=True)
        if promise.bound is not None and result.error
    ]
    return (
        _range([result.terms for result in results], "d"),
        str(sum(result.entries for result in results)),
        str(sum(result.known for result in results)),
        f"{max(result.error for result in results):.2g}",
        _most([p.bound for p in kept if p.bound is not None]),
        _range(quotients, ".3g"),
        _least(kept),
        escape(", ".join(dict.fromkeys(promise.arithmetic for promise in kept))),
        _holds(results),
    )


_HOLDS: Mapping[Verdict, str] = {
    "holds": "[green]yes[/]",
    "violates": "[red]no[/]",
    "undecided": "[red]undecided[/]",
}


def _holds(results: Sequence[ResultReport]) -> str:
    """Return whether the bounds hold, in words, for results with the same verdict."""
    verdict = results[0].verdict
    seen = all(result.known + result.overflowed == result.entries for result in results)
    return _HOLDS[verdict] + (", known ones" if verdict == "holds" and not seen else "")


def _notes(result: ResultReport) -> list[str]:
    """Return a sentence for each promise that does not hold."""
    return [
        f"{'undecided whether' if promise.verdict == 'undecided' else 'not'} sums in "
        f"{promise.arithmetic}: {promise.problem}"
        for promise in result.promises
        if promise.verdict != "holds"
    ]


def _range(values: Iterable[float], style: str) -> str:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "—"
    low, high = format(min(finite), style), format(max(finite), style)
    return low if low == high else f"{low}–{high}"


def _most(values: Sequence[float]) -> str:
    return f"{max(values):.2g}" if values else "—"


def _least(promises: Sequence[PromiseReport]) -> str:
    ratios = [promise.ratio for promise in promises if promise.ratio is not None]
    return f"{min(ratios):.3g}" if ratios else "—"
