"""The Lean theorems that prove what is printed, with the places where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pybridge.accumulation import Accumulation
from pybridge.definitions import load_definitions
from pybridge.statements import declaration

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

_CONV2D: Mapping[str, str] = {
    "forward": "conv2d",
    "bias": "conv2d_bias",
    "weight": "conv2d_kernel",
    "input": "conv2d_input",
}

_REPLAY: Mapping[str, str] = {
    "forward": "approx_conv2d_point",
    "bias": "approx_conv2d_bias_point",
    "weight": "approx_conv2d_kernel_point",
    "input": "approx_conv2d_input_point",
}


def theorem(name: str) -> Theorem:
    """A theorem of the library by its name without the namespace, and where it stands.

    Raises `DefinitionsError` when it was not exported.
    """
    named = Theorem(_SPACE + name)
    try:
        found = declaration(_SPACE + name, load_definitions())
        named.file, named.line = found.file, found.start[0]
    except ValueError:  # TODO until the definitions are extracted again
        named.file, named.line = "?", 0
    return named


def proofs(name: str, proved: Proved, promise: Accumulation | None = None) -> tuple[Theorem, ...]:
    """The theorems that prove a number of a result (forward, bias, weight, input), the one whose
    conclusion it is first, then those that say what is assumed of the kernel.
    """
    if proved in ("replay", "replay-reference"):
        return (theorem(_REPLAY[name]),)
    any_order = f"{_CONV2D[name]}_any_order"
    first = {
        "any-order": any_order,
        "enclosure": "enclosure_printed",
        "comparison": any_order,
        "tolerance": "Contraction.tolerance_le",
    }[proved]
    return (theorem(first), *(theorem(kernel) for kernel in _kernel(promise)))


def _kernel(promise: Accumulation | None) -> list[str]:
    """What is proved of the sums that a promise describes."""
    if promise is None:
        return []
    names = ["Computes.near_nearest" if promise.mode == "nearest" else "Computes.near_tree"]
    if promise.across not in (None, promise.accumulate):
        names.append("Parts.near")
    if promise.last_rounding(load_definitions()).relative:
        names.append("last_rounding_printed")
    return names
