"""The Lean theorems that prove what is printed, with the places where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from pybridge.engine.accumulation import Accumulation
from pybridge.exported.document import load_definitions
from pybridge.problem.results import declaration

__all__ = ["Proved", "Theorem", "proofs", "theorem"]

Proved: TypeAlias = Literal[
    "replay", "replay-reference", "any-order", "enclosure", "comparison", "tolerance"
]


class Theorem(str):
    """A theorem's full name in Lean. `file` and `line` say where it stands in the sources."""

    file: str
    line: int

    @property
    def place(self) -> str:
        """`file:line`, the file relative to the folder of the Lean sources."""
        return f"{self.file}:{self.line}"


_SPACE = "RuntimeApprox."

_ANY_ORDER: Mapping[str, str] = {
    "output": "conv2d_any_order",
    "bias": "conv2d_bias_any_order",
    "weight": "conv2d_kernel_any_order",
    "input": "conv2d_input_any_order",
}

_POINT: Mapping[str, str] = {
    "output": "approx_conv2d_point",
    "bias": "approx_conv2d_bias_point",
    "weight": "approx_conv2d_kernel_point",
    "input": "approx_conv2d_input_point",
}

_REPLAY: Mapping[str, str] = {
    "output": "conv2dPointBound_le_replay",
    "bias": "conv2dBiasPointBound_le_replay",
    "weight": "conv2dKernelPointBound_le_replay",
    "input": "conv2dInputPointBound_le_replay",
}


def theorem(name: str) -> Theorem:
    """A theorem of the library by its name without the namespace, and where it stands.

    Raises `DefinitionsError` when it was not exported.
    """
    found = declaration(_SPACE + name, load_definitions())
    named = Theorem(_SPACE + name)
    named.file, named.line = found.file, found.start[0]
    return named


def proofs(name: str, proved: Proved, promise: Accumulation | None = None) -> tuple[Theorem, ...]:
    """The theorems that prove a number of a result (output, bias, weight, input).

    The first is the one whose conclusion the number is; the others are about what it is made of,
    the last of them saying what is assumed of a kernel that keeps the `promise`.
    """
    return tuple(map(theorem, _names(name, proved, promise)))


def _names(name: str, proved: Proved, promise: Accumulation | None) -> Iterator[str]:
    match proved:
        case "replay":
            yield from (_POINT[name], _REPLAY[name], "Printed.le")
            return
        case "replay-reference":
            yield _POINT[name]
            return
        case "enclosure":
            yield from (_ANY_ORDER[name], "Computes.near_nearest")
            return
        case "tolerance":
            yield "Contraction.tolerance_le"
        case "any-order":
            yield _ANY_ORDER[name]
        case "comparison":
            yield from (_ANY_ORDER[name], "passes_printed", "exceeds_printed")
            if promise is not None and promise.last_rounding(load_definitions()).relative:
                yield "last_rounding_printed"
    bounded = promise is not None and promise.bounded
    yield "Accumulation.near_within" if bounded else "Accumulation.near"
