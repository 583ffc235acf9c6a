"""What is proved of each result of a conv2d, in words, and the Lean declarations that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pybridge.exported.document import Declaration, Definitions, DefinitionsError

__all__ = ["LAWS", "STATEMENTS", "Statement", "declaration", "place", "short_name"]

_NAMESPACE = "RuntimeApprox."


@dataclass(frozen=True, slots=True)
class Statement:
    """A result, the definition of its bound, and the theorem that the bound holds.

    `bound`, `theorem`, `norm` and `restated` are names of Lean declarations: the definition of an
    entry's bound, the theorem of an entry, the one of the whole result in the largest norm, and the
    restatement of both in `RuntimeApprox.Statements`.
    """

    shown: str
    bound: str
    theorem: str
    norm: str
    restated: str
    words: str


def _words(what: str, operands: str) -> str:
    return (
        f"whatever exact {operands} are within their eps of the given ones, each entry of {what} "
        "is within its bound of the exact one."
    )


STATEMENTS: Mapping[str, Statement] = {
    "output": Statement(
        shown="forward pass",
        bound="RuntimeApprox.conv2dPointBound",
        theorem="RuntimeApprox.approx_conv2d_point",
        norm="RuntimeApprox.approxT_conv2d_spec",
        restated="RuntimeApprox.Statements.forward",
        words=_words("the output", "x, weight and bias"),
    ),
    "bias": Statement(
        shown="bias gradient",
        bound="RuntimeApprox.conv2dBiasPointBound",
        theorem="RuntimeApprox.approx_conv2d_bias_point",
        norm="RuntimeApprox.approxT_conv2d_bias_deriv_spec",
        restated="RuntimeApprox.Statements.bias",
        words=_words("the bias gradient", "grad_output"),
    ),
    "weight": Statement(
        shown="weight gradient",
        bound="RuntimeApprox.conv2dKernelPointBound",
        theorem="RuntimeApprox.approx_conv2d_kernel_point",
        norm="RuntimeApprox.approxT_conv2d_kernel_deriv_spec",
        restated="RuntimeApprox.Statements.kernel",
        words=_words("the weight gradient", "x and grad_output"),
    ),
    "input": Statement(
        shown="input gradient",
        bound="RuntimeApprox.conv2dInputPointBound",
        theorem="RuntimeApprox.approx_conv2d_input_point",
        norm="RuntimeApprox.approxT_conv2d_input_deriv_spec",
        restated="RuntimeApprox.Statements.input",
        words=_words("the input gradient", "weight and grad_output"),
    ),
}
"""The results of a conv2d by their names in the exported definitions, in order."""

LAWS: Mapping[str, str] = {
    "zero": "RuntimeApprox.zeroLaw",
    "add": "RuntimeApprox.addLaw",
    "mul": "RuntimeApprox.mulLaw",
}
"""The declarations of the exported laws by the laws' names."""


def declaration(name: str, definitions: Definitions) -> Declaration:
    """A Lean declaration by its full name; `DefinitionsError` when it was not exported."""
    found = definitions.declarations.get(name)
    if found is None:
        raise DefinitionsError(f"the definitions lack the declaration {name}")
    return found


def place(name: str, definitions: Definitions) -> str:
    """Where a declaration stands, `file:line`, the file relative to the folder of the sources."""
    found = declaration(name, definitions)
    return f"{found.file}:{found.start[0]}"


def short_name(name: str) -> str:
    """A declaration's name without the library's namespace."""
    return name.removeprefix(_NAMESPACE)
