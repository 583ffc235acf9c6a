"""The page: what a check found and observed, put together for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pybridge.bounds.explain import explain, number, percent
from pybridge.check.html.heatmap import Heatmap, heatmap
from pybridge.check.html.panels import layout
from pybridge.check.html.scales import RATIO, log10, ramp
from pybridge.check.html.scatter import Scatter, scatter
from pybridge.check.html.sources import LAW_SOURCES, result_sources, source
from pybridge.check.observed import Observed
from pybridge.check.report import CaseReport, CheckReport, TensorReport
from pybridge.exported.declarations import location, short_name
from pybridge.exported.document import Definitions
from pybridge.files import write_atomically
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import Result

__all__ = ["Figures", "Made", "Page", "figures", "made_of", "render"]

_AXES = {"output": "nc", "bias": "o", "weight": "oi", "input": "nc"}


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a result."""

    maps: tuple[Heatmap, Heatmap, Heatmap]
    scatter: Scatter | None


@dataclass(frozen=True, slots=True)
class Made:
    """What the bound of an entry is made of: sources, their shares from 0 to 1, and these as text.

    `largest` says what the largest contribution is.
    """

    entry: str
    bound: str
    ratio: str
    parts: tuple[tuple[str, float, str], ...]
    largest: str


class Page:
    """A page that collects results while a check runs, and is written at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._observed: dict[tuple[str, str], Observed] = {}

    def observe(self, observed: Observed) -> None:
        """Keeps a result of a case, to be drawn."""
        self._observed[observed.case.name, observed.which] = observed

    def write(self, report: CheckReport, definitions: Definitions) -> None:
        """Writes the page, the file whole or not at all; `OSError` when that fails."""
        text = render(report, self._observed, definitions)
        with write_atomically(self._path) as file:
            file.write(text.encode())


def render(
    report: CheckReport,
    observed: Mapping[tuple[str, str], Observed],
    definitions: Definitions,
) -> str:
    """The page's text; `observed` holds results by the case's name and the result's."""
    environment = Environment(
        loader=PackageLoader("pybridge.check.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["from_hex"] = float.fromhex
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template("page.html.jinja").render(
        report=report,
        cases=[_case(k, case, observed, definitions) for k, case in enumerate(report.cases, 1)],
        compared=sum(math.prod(t.shape) for c in report.cases for t in c.tensors.values()),
        holding=sum(case.passed for case in report.cases),
        ramp=ramp(),
        results=[_result(which, definitions) for which in Result],
        laws=[source(name, definitions) for name in LAW_SOURCES],
    )


def figures(observed: Observed) -> Figures:
    """The heat maps and the scatter of a result."""
    errors, bounds = observed.errors, observed.bounds
    ratios = [
        None if error is None else error / bound if bound else Fraction(error > 0) * 2
        for error, bound in zip(errors, bounds, strict=True)
    ]
    beyond = [error is not None and error > b for error, b in zip(errors, bounds, strict=True)]
    titles = [_title(observed, k, ratio) for k, ratio in enumerate(ratios)]
    held = [None if e is None else b for e, b in zip(errors, bounds, strict=True)]
    places = layout(observed.shape, _AXES[observed.which])
    return Figures(
        maps=(
            heatmap("true error", errors, titles, beyond, places, zero="exact: no error"),
            heatmap("bound", held, titles, beyond, places, zero="nothing to round: bound 0"),
            heatmap(
                "error / bound", ratios, titles, beyond, places, zero="exact: no error", scale=RATIO
            ),
        ),
        scatter=scatter(errors, bounds, titles, beyond),
    )


def made_of(observed: Observed, definitions: Definitions) -> Made | None:
    """What the bound is made of at the entry whose error is the largest part of it."""
    worst = observed.worst()
    if worst is None:
        return None
    index, error = observed.index(worst), observed.errors[worst]
    found = explain(observed.case, index, which=observed.which, definitions=definitions)
    if not found.contributions:
        return None
    shares = [(name, found.share(amount)) for name, amount in found.by_source().items()]
    largest = found.contributions[0]
    return Made(
        entry=f"[{', '.join(map(str, index))}]",
        bound=number(found.bound),
        ratio=number((error or Fraction(0)) / observed.bounds[worst]),
        parts=tuple((name, round(share * 100, 2), percent(share)) for name, share in shares),
        largest=f"{largest.formula} = {number(largest.amount)}",
    )


def _title(observed: Observed, place: int, ratio: Fraction | None) -> str:
    shown = f"[{', '.join(map(str, observed.index(place)))}]"
    error, bound = observed.errors[place], observed.bounds[place]
    if error is None:
        return f"{shown} overflowed: no bound is claimed"
    text = f"{shown} error {number(error, 2)}, bound {number(bound, 2)}"
    return f"{text}, ratio {number(ratio, 2)}" if bound and ratio is not None else text


def _case(
    position: int,
    case: CaseReport,
    observed: Mapping[tuple[str, str], Observed],
    definitions: Definitions,
) -> dict[str, Any]:
    results = []
    for which, tensor in case.tensors.items():
        seen = observed.get((case.name, which))
        results.append(
            {
                "which": which,
                "tensor": tensor,
                "figures": figures(seen) if seen else None,
                "made": made_of(seen, definitions) if seen else None,
                "level": _level(tensor),
            }
        )
    eps = {name: Fraction(float.fromhex(text)) for name, text in case.eps.items()}
    return {
        "report": case,
        "anchor": f"case-{position}",
        "geometry": _geometry(case.geometry),
        "eps": [f"{name} ± {number(value)}" for name, value in eps.items() if value],
        "results": results,
    }


def _level(tensor: TensorReport) -> float:
    """Where the largest error / bound stands on the scale of the page, from 0 to 1."""
    ratio = tensor.error_ratio
    if ratio <= 0:
        return 0.0
    return RATIO.at(log10(Fraction(ratio))) if math.isfinite(ratio) else 1.0


def _result(which: Result, definitions: Definitions) -> dict[str, Any]:
    lean = which.lean
    return {
        "which": which,
        "statement": which,
        "bound": short_name(lean.bound),
        "bound_place": f"lean/{location(lean.bound, definitions)}",
        "theorem": short_name(lean.entry),
        "theorem_place": f"lean/{location(lean.entry, definitions)}",
        "norm": short_name(lean.whole),
        "norm_place": f"lean/{location(lean.whole, definitions)}",
        "sources": result_sources(which, definitions),
    }


def _geometry(g: Geometry) -> list[tuple[str, str]]:
    """The shapes and parameters in words, those that change nothing left out."""
    found = [
        (name, "×".join(map(str, shape)))
        for name, shape in (
            ("x", g.x_shape), ("weight", g.weight_shape), ("output", g.output_shape)
        )
    ]  # fmt: skip
    if g.groups > 1:
        found.append(("groups", str(g.groups)))
    for name, of in (
        ("stride", lambda w: (w.stride,)),
        ("padding", lambda w: (w.pad_begin, w.pad_end)),
        ("dilation", lambda w: (w.dilation,)),
    ):
        text = _both(of(g.height), of(g.width))
        if text != ("0" if name == "padding" else "1"):
            found.append((name, text))
    return found


def _both(height: tuple[int, ...], width: tuple[int, ...]) -> str:
    ends = {*height, *width}
    if len(ends) == 1:
        return str(height[0])
    shown = ["+".join(map(str, side)) if len(set(side)) > 1 else str(side[0])
             for side in (height, width)]  # fmt: skip
    return f"{shown[0]} (height), {shown[1]} (width)"
