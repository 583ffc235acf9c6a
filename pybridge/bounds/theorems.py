"""The Lean theorems that prove the numbers, with their files and lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, TypeAlias

from pybridge.engine.accumulation import Accumulation, ScaledAccumulation
from pybridge.exported.declarations import declaration, short_name
from pybridge.exported.document import load_definitions
from pybridge.problem.results import Declarations

__all__ = ["Proved", "Theorem", "proofs", "theorem"]

Proved: TypeAlias = Literal[
    "replay",
    "replay-reference",
    "any-order",
    "enclosure",
    "slices",
    "comparison",
    "first look",
    "tolerance",
]


class _Proved(Protocol):
    """A `Result`, or a `Computation` of one."""

    @property
    def lean(self) -> Declarations: ...


class Theorem(str):
    """A theorem's full name in Lean. `file` and `line` are its location in the sources."""

    file: str
    line: int

    @property
    def place(self) -> str:
        """`file:line`, the file relative to the folder of the Lean sources."""
        return f"{self.file}:{self.line}"


_SPACE = "RuntimeApprox."


def theorem(name: str) -> Theorem:
    """Return a theorem of the library, with its location, by its name without the namespace.

    Raises `DefinitionsError` if it was not exported.
    """
    declared = declaration(_SPACE + name, load_definitions())
    named = Theorem(_SPACE + name)
    named.file, named.line = declared.file, declared.start[0]
    return named


def proofs(
    result: _Proved, proved: Proved, promise: Accumulation | None = None
) -> tuple[Theorem, ...]:
    """Return the theorems that prove a number of a result.

    The first is the one whose conclusion the number is; the others are about its ingredients, the
    last about what is assumed about a kernel that keeps the `promise`.
    """
    return tuple(map(theorem, _names(result, proved, promise)))


def _names(result: _Proved, proved: Proved, promise: Accumulation | None) -> Iterator[str]:
    lean = result.lean
    match proved:
        case "replay":
            yield from (short_name(lean.entry), short_name(lean.replay), "Printed.le")
            return
        case "replay-reference":
            yield short_name(lean.entry)
            return
        case "enclosure":
            yield from (short_name(lean.any_order), "Computes.near_nearest")
            return
        case "slices":
            yield from ("Contraction.sliced_reference", "Contraction.sum_of_slices_exact")
            return
        case "tolerance":
            yield "Contraction.tolerance_le"
        case "any-order":
            yield short_name(lean.any_order)
        case "first look":
            yield from (short_name(lean.any_order), "passes_by_parts")
        case "comparison":
            yield from (short_name(lean.any_order), "passes_printed", "exceeds_printed")
            if promise is not None and promise.last_rounding(load_definitions()).relative:
                yield "last_rounding_printed"
    if promise is not None and promise.core is not None:
        yield from ("TensorCore.exponents_le", "TensorCore.Kernel.near")
        return
    if isinstance(promise, ScaledAccumulation):
        if promise.divided_first:
            yield "Contraction.summands_smul"
        else:
            yield "Contraction.near_divided" if promise.divides else "Contraction.near_scaled"
        if promise.added:
            yield "Contraction.near_addend"
    bounded = promise is not None and promise.bounded
    yield "Accumulation.near_within" if bounded else "Accumulation.near"
