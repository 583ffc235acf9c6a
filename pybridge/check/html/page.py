"""The page: collects a check's report and results for the template."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pybridge.bounds.explain import explain, number, percent
from pybridge.check.html.pictures import maps, overview
from pybridge.check.html.sources import LAW_SOURCES, source
from pybridge.check.observed import Observed
from pybridge.check.report import CaseReport, CheckReport
from pybridge.exported.declarations import location, short_name
from pybridge.exported.document import Definitions
from pybridge.extras import DISTRIBUTION
from pybridge.files import write_text
from pybridge.problem.computation import Computation, computation_of
from pybridge.problem.geometry import Geometry
from pybridge.problem.shapes import Product, Shape

__all__ = ["Made", "Page", "made_of", "render"]


@dataclass(frozen=True, slots=True)
class Made:
    """What the bound of an entry is made of: sources, their shares in percent, and these as text.

    `largest` describes the largest contribution.
    """

    entry: str
    bound: str
    ratio: str
    parts: tuple[tuple[str, float, str], ...]
    largest: str


class Page:
    """A page that collects results while a check runs, and is written at its end.

    `command` is the command line that the page names.
    """

    def __init__(self, path: Path, command: str) -> None:
        self._path = path
        self._command = command
        self._observed: dict[tuple[str, str], Observed] = {}

    def observe(self, observed: Observed) -> None:
        """Keep a result of a case, to be drawn."""
        self._observed[observed.case.name, observed.which] = observed

    def write(self, report: CheckReport, definitions: Definitions) -> None:
        """Write the page atomically; `OSError` if that fails."""
        text = render(report, self._observed, definitions, self._command)
        write_text(self._path, text)


def render(
    report: CheckReport,
    observed: Mapping[tuple[str, str], Observed],
    definitions: Definitions,
    command: str,
) -> str:
    """Return the page's text; `observed` has the results by the names of case and result."""
    environment = Environment(
        loader=PackageLoader("pybridge.check.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["from_hex"] = float.fromhex
    shapes = {case.operation: case.geometry for case in report.cases}
    listed = set(LAW_SOURCES)
    results = {
        (operation, which): _result(computation_of(shape, which, definitions), listed)
        for operation, shape in sorted(shapes.items(), key=lambda item: item[0] != "conv2d")
        for which in shape.results
    }
    taken = {"page-cases", "page-reading", "page-lean"}
    return environment.get_template("page.html.jinja").render(
        report=report,
        command=command,
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        versions={
            "pybridge": _version(DISTRIBUTION),
            "Python": f"{platform.python_version()}, NumPy {_version('numpy')}, "
            f"python-flint {_version('python-flint')}; {platform.machine()} {platform.system()}",
        },
        overview=overview(observed.values()),
        cases=[_case(case, observed, definitions, results, taken) for case in report.cases],
        compared=sum(math.prod(t.shape) for c in report.cases for t in c.tensors.values()),
        holding=sum(case.passed for case in report.cases),
        results=results.values(),
        laws=[source(name, definitions) for name in LAW_SOURCES],
    )


def _version(distribution: str) -> str:
    """Return the version of a distribution, or say that it is not installed as one."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def made_of(observed: Observed, definitions: Definitions) -> Made | None:
    """Return what the bound is made of at the entry whose error is the largest part of it."""
    worst = observed.worst()
    if worst is None:
        return None
    index, error = observed.index(worst), observed.errors[worst]
    explanation = explain(observed.case, index, which=observed.which, definitions=definitions)
    if not explanation.contributions:
        return None
    shares = [(name, explanation.share(amount)) for name, amount in explanation.by_source().items()]
    largest = explanation.contributions[0]
    return Made(
        entry=f"[{', '.join(map(str, index))}]",
        bound=number(explanation.bound),
        ratio=number((error or Fraction(0)) / observed.bounds[worst]),
        parts=tuple((name, round(share * 100, 2), percent(share)) for name, share in shares),
        largest=f"{largest.formula} = {number(largest.amount)}",
    )


def _case(
    case: CaseReport,
    observed: Mapping[tuple[str, str], Observed],
    definitions: Definitions,
    results: Mapping[tuple[str, str], Any],
    taken: set[str],
) -> dict[str, Any]:
    """Return what the template shows of a case; its anchor is its label, unless that is `taken`."""
    figures = []
    for which, tensor in case.tensors.items():
        seen = observed.get((case.name, which))
        figures.append(
            {
                "tensor": tensor,
                "maps": maps(seen) if seen else None,
                "made": made_of(seen, definitions) if seen else None,
                "noun": results[case.operation, which]["noun"],
                "lean": results[case.operation, which],
            }
        )
    ratios = [tensor.error_ratio for tensor in case.tensors.values()]
    eps = {name: Fraction(float.fromhex(text)) for name, text in case.eps.items()}
    anchor = "-".join(case.label.split())
    while anchor in taken or anchor.startswith("lean-"):
        anchor = f"case-{anchor}"
    taken.add(anchor)
    return {
        "report": case,
        "anchor": anchor,
        "geometry": _geometry(case.geometry),
        "eps": [f"{name} ± {number(value)}" for name, value in eps.items() if value],
        "largest": max(ratios, key=lambda r: math.inf if math.isnan(r) else r, default=None),
        "results": figures,
    }


def _result(what: Computation, listed: set[str]) -> dict[str, Any]:
    """Return what the template shows of a result, and add its sources to those already `listed`."""
    lean, shape, definitions = what.lean, what.geometry, what.definitions
    operation = shape.operation if shape is not None else "conv2d"
    names = (lean.bound, what.contraction.name, lean.entry)
    sources = [name for name in names if name not in listed]
    listed.update(sources)
    return {
        "noun": what.noun if operation == "conv2d" else f"{what.noun} of {operation}",
        "statement": what.statement,
        "bound": short_name(lean.bound),
        "theorem": short_name(lean.entry),
        "norm": short_name(lean.whole),
        "norm_place": f"lean/{location(lean.whole, definitions)}",
        "sources": [source(name, definitions) for name in sources],
    }


def _geometry(shape: Shape) -> list[tuple[str, str]]:
    """Return the shapes and parameters in words, without those that change nothing."""
    sizes = {**shape.shapes, "output": shape.result_shapes["output"]}
    words = [
        (name, "×".join(map(str, size)))
        for name, size in sizes.items()
        if name not in ("bias", "addend", "grad_output")
    ]
    if isinstance(shape, Product):
        return words
    if isinstance(shape, Geometry) and shape.groups > 1:
        words.append(("groups", str(shape.groups)))
    for name, of in (
        ("stride", lambda w: (w.stride,)),
        ("padding", lambda w: (w.pad_begin, w.pad_end)),
        ("dilation", lambda w: (w.dilation,)),
        ("output padding", lambda w: (w.output_padding,)),
    ):
        text = _each([of(window) for window in shape.windows])
        if text != ("0" if "padding" in name else "1"):
            words.append((name, text))
    return words


def _each(axes: Sequence[tuple[int, ...]]) -> str:
    """Return one number for all axes, or one for each, or both ends' if they differ."""
    ends = {end for axis in axes for end in axis}
    if len(ends) == 1:
        return str(axes[0][0])
    texts = ["+".join(map(str, axis)) if len(set(axis)) > 1 else str(axis[0]) for axis in axes]
    if len(axes) == 2:
        return f"{texts[0]} (height), {texts[1]} (width)"
    return ", ".join(texts)
