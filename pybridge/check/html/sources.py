"""The Lean sources that a page shows: definitions and theorems, with file and line."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

from pybridge.exported.declarations import declaration, location, short_name
from pybridge.exported.document import Definitions

__all__ = ["LAW_SOURCES", "Source", "source"]

LAW_SOURCES = (
    "RuntimeApprox.Approx.add",
    "RuntimeApprox.Approx.mul",
    "RuntimeApprox.bound",
    "RuntimeApprox.Contraction.evalAt",
    "RuntimeApprox.Format.halfUlp",
    "RuntimeApprox.Format.round",
    "RuntimeApprox.Format.rounding_lawful",
    "RuntimeApprox.Contraction.abs_rounded_sub_exact_le",
)
"""The declarations behind every bound: laws, loop, half an ulp, rounding, and their theorems."""


@dataclass(frozen=True, slots=True)
class Source:
    """A declaration: short name, anchor on the page, file and line, and highlighted text."""

    name: str
    anchor: str
    place: str
    code: Markup


def source(name: str, definitions: Definitions) -> Source:
    """Return an exported declaration; `DefinitionsError` if there is none of that name."""
    text = declaration(name, definitions).source
    formatter = HtmlFormatter(nowrap=True, classprefix="l-")
    code = Markup(highlight(text, get_lexer_by_name("lean4"), formatter))
    short = short_name(name)
    return Source(short, f"lean-{short}", f"lean/{location(name, definitions)}", code)
