"""The contributions to the bound of one entry, exactly, largest first.

The exported contraction is walked term by term, and the exported laws are evaluated on rational
numbers. A law's eps, multiplied out, is a sum: a summand that is an operand's eps passes on that
operand's contributions, and every other summand is a contribution of its own. Hence the
contributions add up to Lean's bound exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from operator import index as as_integer
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from pybridge.bounds.applied import Applied
from pybridge.bounds.contributions import Contribution, Ledger
from pybridge.bounds.terms import sum_terms
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.exported.declarations import LAWS, location, short_name
from pybridge.exported.document import Definitions, load_definitions
from pybridge.problem.case import Case
from pybridge.problem.computation import Computation, computation_of
from pybridge.problem.formats import format_of
from pybridge.problem.geometry import Padding, Pair
from pybridge.problem.operands import Operand
from pybridge.problem.results import Result

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "Contribution",
    "Explanation",
    "checked_index",
    "explain",
    "explain_entry",
    "number",
    "percent",
]


class _Arrays(TypedDict):
    """The arrays and parameters of `Case.of`, by name."""

    x: npt.ArrayLike
    weight: npt.ArrayLike
    grad_output: NotRequired[npt.ArrayLike | None]
    bias: NotRequired[npt.ArrayLike | None]
    format: NotRequired[str | None]
    stride: NotRequired[Pair]
    padding: NotRequired[Padding]
    dilation: NotRequired[Pair]
    groups: NotRequired[int]
    eps_x: NotRequired[float]
    eps_weight: NotRequired[float]
    eps_bias: NotRequired[float]
    eps_grad_output: NotRequired[float]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The contributions to the bound of an entry.

    `value` is the entry as computed in the format, `bound` Lean's bound of its error, both exact.
    `contributions` add up to `bound` exactly, the largest first; those that are zero are left out.
    `terms` is how many terms the entry is the sum of, `definition` and `theorem` are the Lean
    declarations of the bound and of its theorem; `places` has the file and line of each Lean
    declaration named here, the file relative to the folder of the Lean sources.
    """

    case: str
    which: str
    noun: str
    index: tuple[int, ...]
    format: str
    value: Fraction
    bound: Fraction
    terms: int
    contributions: tuple[Contribution, ...]
    definition: str
    theorem: str
    places: Mapping[str, str]

    @property
    def entry(self) -> str:
        """The entry by name and index."""
        return f"{self.noun}[{', '.join(map(str, self.index))}]"

    def share(self, amount: Fraction) -> float:
        """Return the share of a contribution in the bound; 0 if the bound is zero."""
        return float(amount / self.bound) if self.bound else 0.0

    def by_source(self) -> dict[str, Fraction]:
        """Return the sum of the contributions of each source, largest first."""
        totals: dict[str, Fraction] = defaultdict(Fraction)
        for contribution in self.contributions:
            totals[contribution.source] += contribution.amount
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def table(self, top: int | None = 10) -> Table:
        """Return a table of the largest contributions (None: all) and the sum of the others."""
        from rich import box
        from rich.table import Table

        largest = self.contributions[:top]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for header in ("amount", "share", "running"):
            table.add_column(header, justify="right", no_wrap=True)
        table.add_column("source", no_wrap=True)
        table.add_column("term", justify="right", no_wrap=True)
        table.add_column("what", overflow="fold")
        running = Fraction(0)
        for c in largest:
            running += c.amount
            shares = (percent(self.share(part)) for part in (c.amount, running))
            table.add_row(number(c.amount), *shares, c.source, str(c.term), c.formula)
        if rest := len(self.contributions) - len(largest):
            left = self.bound - running
            what = f"{rest} smaller one{'s' if rest > 1 else ''}"
            table.add_row(number(left), percent(self.share(left)), "100.0%", "", "", what)
        return table

    def summary(self) -> str:
        """Return the entry, its bound and the main contributions in a few lines."""
        terms = f"{self.terms} term{'' if self.terms == 1 else 's'}"
        lines = [
            f"{self.entry} of {self.case}: {number(self.value, 9)} ± {number(self.bound, 5)} "
            f"({self.format}, {terms})"
        ]
        lines += [
            f"  {percent(self.share(amount)):>6}  {source}"
            for source, amount in self.by_source().items()
        ]
        lines.append(f"  bound: {self._named(self.definition)}")
        lines.append(f"  holds: {self._named(self.theorem)}")
        lines += [
            f"  law of {what}: {self._named(LAWS[law])}"
            for law, what in (("add", "sums"), ("mul", "products"))
        ]
        return "\n".join(lines)

    def _named(self, name: str) -> str:
        return f"{short_name(name)} ({self.places[name]})"

    def document(self, top: int | None = None) -> dict[str, Any]:
        """Return the explanation as JSON data; exact numbers are strings, numerator/denominator."""
        return {
            "case": self.case,
            "which": self.which,
            "index": list(self.index),
            "format": self.format,
            "value": str(self.value),
            "bound": str(self.bound),
            "terms": self.terms,
            "definition": self.definition,
            "theorem": self.theorem,
            "places": dict(self.places),
            "by_source": {
                source: {"amount": str(amount), "share": self.share(amount)}
                for source, amount in self.by_source().items()
            },
            "contributions": [
                {
                    "amount": str(c.amount),
                    "share": self.share(c.amount),
                    "source": c.source,
                    "term": c.term,
                    "formula": c.formula,
                    "law": c.law,
                }
                for c in self.contributions[:top]
            ],
        }

    def __str__(self) -> str:
        lines = [self.summary(), "  largest contributions:"]
        lines += [
            f"  {percent(self.share(c.amount)):>6}  {number(c.amount):>9}  "
            f"{c.source}, term {c.term}: {c.formula}"
            for c in self.contributions[:10]
        ]
        if (rest := len(self.contributions) - 10) > 0:
            lines.append(f"  and {rest} smaller")
        return "\n".join(lines)


@overload
def explain(
    case: Case,
    output_index: int | Sequence[int],
    *,
    which: str = "weight",
    definitions: Definitions | None = None,
) -> Explanation: ...


@overload
def explain(
    *,
    output_index: int | Sequence[int],
    which: str = "weight",
    definitions: Definitions | None = None,
    **arrays: Unpack[_Arrays],
) -> Explanation: ...


def explain(
    case: Case | None = None,
    output_index: int | Sequence[int] = (),
    *,
    which: str = "weight",
    definitions: Definitions | None = None,
    **arrays: Any,
) -> Explanation:
    """Return what contributes to the bound of an entry: roundings and eps, largest first.

    Instead of a case, it takes arrays by name: x, weight, grad_output (optional for the output) and
    optionally bias, with the parameters of `conv2d_backward` and `conv2d_forward`: stride, padding,
    dilation, groups, format, eps_x, eps_weight, eps_bias and eps_grad_output.

    `which` is output, bias, weight or input, or another result of the case's operation;
    `output_index` is the entry's index in that result, of shape [N, O, OH, OW], [O], [O, I/groups,
    KH, KW] or [N, I, H, W]. The contributions are exact, and add up to Lean's bound of the entry
    (`RuntimeApprox.conv2dKernelPointBound` and its like) exactly. The definitions are by default
    the package's.

    Raises `InputError` for an unknown result, an index outside it, or arrays that do not fit;
    `InputTypeError` for an index that is not made of integers, a missing array or a dtype that is
    no format's; `RoundingOverflowError` if a sum or product on the way to the entry overflows, so
    that it has no bound; `DefinitionsError` if the definitions are damaged.
    """
    definitions = definitions or load_definitions()
    if not (isinstance(case, Case) and which in case.geometry.results):
        which = Result.of(which)
    case = _case(case, which, arrays)
    computation = computation_of(case.geometry, which, definitions)
    return explain_entry(computation, case.operands, case.format, output_index, case.label)


def explain_entry(
    computation: Computation,
    operands: Mapping[str, Operand],
    format: str,
    output_index: int | Sequence[int],
    label: str,
) -> Explanation:
    """Return what contributes to the bound of an entry, at the caller's index: see `explain`.

    `operands` are of the format, by the contraction's names and of its shapes.
    """
    definitions = computation.definitions
    index = checked_index(output_index, computation)
    inner = computation.result.inner_index(index) if computation.result else index
    held = format_of(format, definitions)
    ledger = Ledger(definitions.data.laws, definitions.data.formats[held.name])
    try:
        total, terms = sum_terms(ledger, computation, operands, inner)
    except OverflowError:
        evaluation = Applied(computation, operands).evaluate(held)
        count = int(np.count_nonzero(evaluation.overflow))
        raise RoundingOverflowError(computation.words, index, count, held.name) from None
    contributions = sorted((c for c in total.contributions if c.amount), key=lambda c: -c.amount)
    lean = computation.lean
    named = [lean.bound, lean.entry, LAWS["add"], LAWS["mul"]]
    if computation.geometry is not None:  # Otherwise the contraction is not the library's.
        named.append(computation.contraction.name)
    return Explanation(
        case=label,
        which=computation.name,
        noun=computation.noun,
        index=index,
        format=held.name,
        value=total.value,
        bound=total.eps,
        terms=terms,
        contributions=tuple(contributions),
        definition=lean.bound,
        theorem=lean.entry,
        places={name: location(name, definitions) for name in named},
    )


def number(value: Fraction, digits: int = 3) -> str:
    """Format an exact number of any size in some digits, rounded to nearest."""
    context = Context(prec=digits, Emin=-(10**9), Emax=10**9)
    rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize(
        context
    )
    fixed = not rounded or -4 <= rounded.adjusted() < max(digits, 3)
    return f"{rounded:f}" if fixed else f"{rounded:e}".replace("e+", "e")


def percent(share: float) -> str:
    """Format a share with one digit after the point; small ones are not shown as zero."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def _case(case: Case | None, which: str, arrays: Mapping[str, Any]) -> Case:
    """Return the case, or a case of the arrays and parameters; only the output needs no
    grad_output.
    """
    if case is not None:
        if not isinstance(case, Case):
            got = type(case).__name__
            raise InputTypeError(f"case: expected a Case, or arrays by name (x=, …), got {got}")
        if arrays:
            raise InputTypeError(f"{next(iter(arrays))}: expected a case or arrays, got both")
        return case
    known = _Arrays.__annotations__
    if unknown := [name for name in arrays if name not in known]:
        raise InputTypeError(f"{unknown[0]}: unknown argument, expected one of {', '.join(known)}")
    present = {"grad_output": None} | {n: v for n, v in arrays.items() if v is not None}
    for name in ("x", "weight", *(["grad_output"] if which is not Result.OUTPUT else [])):
        if present.get(name) is None:
            raise InputTypeError(f"{name} is missing: expected a case, or it and the other arrays")
    return Case.of("arrays", **present)


def checked_index(asked: int | Sequence[int], computation: Computation) -> tuple[int, ...]:
    """Return the index of an entry of a result, in the caller's axes; `InputError` if there is
    none.
    """
    shape = computation.outer_shape
    try:
        index = tuple(map(as_integer, asked if isinstance(asked, Sequence) else (asked,)))
    except TypeError:
        raise InputTypeError(f"index: expected integers, got {asked!r:.60}") from None
    if len(index) != len(shape) or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        raise InputError(
            f"index: expected {len(shape)} integers within the shape {shape} of "
            f"{computation.name}, got ({', '.join(map(str, index))})"
        )
    return index
