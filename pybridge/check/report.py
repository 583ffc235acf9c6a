"""The report of a check: JSON for programs, a table for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

from pydantic import computed_field
from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pybridge.check.networks import NetworkReport
from pybridge.check.problems import Kind, Problem
from pybridge.model import Model, Report
from pybridge.problem.case import Case
from pybridge.problem.shapes import Shape

__all__ = ["CaseReport", "CheckReport", "LeanReport", "MethodReport", "TensorReport"]


class MethodReport(Model):
    """A result by another method than the reference, and its bound.

    `excess` is the largest relative excess of a bound over Lean's exact one; only the replay has
    it, because only the replay's bounds are Lean's. `error_ratio` is the largest true error in
    units of the bound.
    """

    bound_linf: str
    excess: float | None = None
    error_ratio: float


class TensorReport(Model):
    """One result of a case: the output, or a gradient.

    `bound_linf` is the largest bound, as a hexadecimal float. `excess` is the largest relative
    excess of a bound over Lean's exact one. `error_ratio` is the largest true error in units of
    Lean's bound, attained with the operands `error_ratio_operands` among the `patterns` tried. Of
    the `overflowed` entries only the overflow itself and the exact values are compared. `methods`
    has the fast replay and the methods by BLAS. `problems` is what does not hold.
    """

    shape: tuple[int, ...]
    overflowed: int
    bound_linf: str
    excess: float
    error_ratio: float
    error_ratio_operands: str
    patterns: tuple[str, ...]
    methods: Mapping[str, MethodReport] = {}
    problems: tuple[Problem, ...]

    def with_methods(
        self, methods: Mapping[str, MethodReport], problems: Iterable[Problem]
    ) -> Self:
        """Return the report with the other methods and their problems added."""
        update = {"methods": dict(methods), "problems": (*self.problems, *problems)}
        return self.model_copy(update=update)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether everything compared holds."""
        return not self.problems


class CaseReport(Model):
    """A case: its results, or the problem because of which none could be compared."""

    name: str
    label: str
    operation: str
    format: str
    geometry: Shape
    eps: Mapping[str, str]
    tensors: Mapping[str, TensorReport] = {}
    problem: Problem | None = Problem(kind="not-checked")

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return the report on a case that has not been checked yet."""
        return cls(
            name=case.name,
            label=case.label,
            operation=case.geometry.operation,
            format=case.format,
            geometry=case.geometry,
            eps={name: eps.hex() for name, eps in case.eps.items()},
        )

    def with_problem(self, kind: Kind, detail: str = "") -> Self:
        """Return the report with the reason why nothing was compared."""
        problem = Problem(kind=kind, detail=detail)
        return self.model_copy(update={"problem": problem, "tensors": {}})

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that does not hold."""
        if self.problem is not None:
            return (self.problem,)
        return tuple(problem for tensor in self.tensors.values() for problem in tensor.problems)

    def with_tensors(self, tensors: Mapping[str, TensorReport]) -> Self:
        """Return the report with what was compared."""
        return self.model_copy(update={"problem": None, "tensors": dict(tensors)})

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether the case was checked and everything holds."""
        results = self.tensors.values()
        return self.problem is None and bool(results) and all(t.passed for t in results)


class LeanReport(Model):
    """How Lean's results were obtained."""

    kind: Literal["native", "wasm", "recorded"]
    description: str


class CheckReport(Report):
    """A whole check, or as much of it as there was time for.

    `stopped` says why it ended before every case was checked, and `missing` lists those that were
    not. With `entries`, each case is one entry of a larger case, and `entries` of each result were
    drawn.
    """

    lean: LeanReport
    toolchain: str
    definitions_sha256: str
    seed: int
    entries: int | None = None
    seconds: float
    stopped: str | None = None
    missing: tuple[str, ...] = ()
    cases: tuple[CaseReport, ...]
    networks: tuple[NetworkReport, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether cases were checked, none was left out, and all cases and networks passed."""
        whole = self.stopped is None and not self.missing
        networks = all(network.passed for network in self.networks)
        return whole and networks and bool(self.cases) and all(c.passed for c in self.cases)

    @property
    def done(self) -> str:
        """How many of the cases were checked."""
        return f"{len(self.cases)} of {len(self.cases) + len(self.missing)} cases"

    def summary(self) -> str:
        """Return one line: how many cases passed, and which Lean they were compared with."""
        good = sum(case.passed for case in self.cases)
        entries = sum(math.prod(t.shape) for case in self.cases for t in case.tensors.values())
        sample = (
            f"a sample of {self.entries} entries of each result, drawn by seed {self.seed}: "
            if self.entries is not None
            else ""
        )
        missing = f"; incomplete: {len(self.missing)} cases were not checked" * bool(self.missing)
        if not self.cases:
            return f"{sample}no case was checked against Lean: {self.lean.description}{missing}"
        if self.networks:
            right = sum(network.passed for network in self.networks)
            missing += f"; {right} of {len(self.networks)} networks hold"
        return (
            f"{sample}{good} of {len(self.cases)} cases hold ({entries} values and bounds) "
            f"against Lean: {self.lean.description}, in {self.seconds:.1f} s{missing}"
        )

    def lines(self) -> Text:
        """Return a line for each case, the verdict first, and below it one for each problem."""
        if not self.cases:
            return Text()
        return Text("\n").join(
            [
                Text("holds, largest error / bound, case"),
                *map(_line, self.cases),
                *(Text(str(network)) for network in self.networks),
            ]
        )

    def table(self) -> Table:
        """Return a table with a row for each result of each case, and its problems at the end."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for header in ("case", "result"):
            table.add_column(header, no_wrap=True)
        headers = ("shape", "overflow", "bound linf", "excess", "error / bound")
        for header in (*headers, "replay +", "any order", "enclosure"):
            table.add_column(header, justify="right", no_wrap=True)
        table.add_column("holds", overflow="fold", min_width=3)
        for case in self.cases:
            label = escape(case.label)
            if case.problem is not None:
                table.add_row(label, *[""] * 9, f"[red]no[/]: {escape(str(case.problem))}")
            for name, tensor in case.tensors.items():
                table.add_row(label, name, *_cells(tensor))
        return table


def _line(case: CaseReport) -> Text:
    """Return whether a case holds, the largest error / bound, and below it the problems."""
    ratios = [tensor.error_ratio for tensor in case.tensors.values()]
    ratio = f"{_largest(ratios):5.3f}" if ratios else "    —"
    verdict = ("yes", "green") if case.passed else ("no ", "red")
    problems = [("", case.problem)] if case.problem is not None else []
    problems += [(f"{name}: ", p) for name, t in case.tensors.items() for p in t.problems]
    below = [f"\n    {name}{problem}" for name, problem in problems]
    return Text.assemble(verdict, f" {ratio} {case.label}", *below)


def _largest(ratios: Sequence[float]) -> float:
    """Return the largest of some numbers, NaN if one is."""
    return next((ratio for ratio in ratios if math.isnan(ratio)), max(ratios))


def _cells(tensor: TensorReport) -> tuple[str, ...]:
    holds = "[green]yes[/]"
    if tensor.problems:
        holds = f"[red]no[/]: {escape('; '.join(p.text for p in tensor.problems))}"
    return (
        "×".join(map(str, tensor.shape)),
        str(tensor.overflowed or ""),
        f"{float.fromhex(tensor.bound_linf):.3g}",
        f"{tensor.excess:.1g}",
        f"{tensor.error_ratio:.3f}",
        *(_method_cell(tensor.methods.get(name)) for name in ("replay", "any-order", "enclosure")),
        holds,
    )


def _method_cell(method: MethodReport | None) -> str:
    if method is None:
        return ""
    return f"{method.error_ratio:.3f}" if method.excess is None else f"{method.excess:.1g}"
