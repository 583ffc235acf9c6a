"""The four results of a conv2d: the output, and the gradients of bias, weight and input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pybridge.errors import InputError

__all__ = ["OPERANDS", "Declarations", "Result", "statement"]

OPERANDS = ("x", "weight", "bias", "grad_output")
"""The operands of a conv2d and its gradients, in the order of Lean's cases."""


class Result(StrEnum):
    """A result of a conv2d. It equals its name, which is what users write."""

    OUTPUT = "output"
    BIAS = "bias"
    WEIGHT = "weight"
    INPUT = "input"

    @classmethod
    def of(cls, name: object, option: str = "which", *, gradient: bool = False) -> Result:
        """Return the result of a name; raise `InputError`, in the words of an `option`, for
        another.

        `gradient` leaves the output out.
        """
        known = [result for result in cls if not (gradient and result is cls.OUTPUT)]
        if isinstance(name, str) and name in known:
            return cls(name)
        raise InputError(f"{option}: expected one of {', '.join(known)}, got {name!r:.60}")

    @property
    def words(self) -> str:
        """How sentences name it: `the output`, `the weight gradient`."""
        return f"the {self.noun}"

    @property
    def noun(self) -> str:
        """`output`, `weight gradient`."""
        return "output" if self is Result.OUTPUT else f"{self.value} gradient"

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of the operands that it is computed from."""
        return _OPERANDS[self]

    @property
    def axes(self) -> tuple[str, ...]:
        """What its axes mean, in order."""
        return _AXES[self]

    @property
    def lean(self) -> Declarations:
        """The Lean declarations about it."""
        return _DECLARATIONS[self]


def statement(words: str, operands: Sequence[str]) -> str:
    """Return in words what the theorem of an entry of a result of these operands says."""
    *first, last = operands
    listed = f"{', '.join(first)} and {last}" if first else last
    return (
        f"whatever exact {listed} are within their eps of the given ones, each entry of {words} is "
        "within its bound of the exact one."
    )


@dataclass(frozen=True, slots=True)
class Declarations:
    """Full names of Lean declarations about a result.

    `function` computes it in any arithmetic. `bound` defines the bound of an entry, and `entry` is
    the theorem that it holds; `whole` is the theorem of the whole result in the largest norm.
    `replay` is the theorem of the fast replay's bound, `any_order` the one of sums in any order.
    """

    function: str
    bound: str
    entry: str
    whole: str
    replay: str
    any_order: str

    @classmethod
    def of(cls, gradient: str) -> Declarations:
        """Return the declarations about the output (an empty name), or a gradient by Lean's
        name.
        """
        camel = f"conv2d{gradient}"
        snake = f"conv2d_{gradient.lower()}" if gradient else "conv2d"
        whole = f"approxT_{snake}_deriv_spec" if gradient else "approxT_conv2d_spec"
        names = (
            f"{camel}Deriv" if gradient else camel,
            f"{camel}PointBound",
            f"approx_{snake}_point",
            whole,
            "Contraction.replay_printed",
            f"{snake}_any_order",
        )
        return cls(*(f"RuntimeApprox.{name}" for name in names))

    @classmethod
    def of_contraction(cls, function: str, factors: int, addends: int) -> Declarations:
        """Return the declarations about any contraction of so many factors and addends."""
        entry = "Contraction.abs_rounded_sub_exact_le"
        one = factors == 1
        names = (
            "Contraction.evalAt",
            entry,
            entry,
            "Contraction.replay_printed",
            f"Contraction.any_order_{'one' if one else 'addend' if addends else 'two'}",
        )
        return cls(function, *(f"RuntimeApprox.{name}" for name in names))


_OPERANDS: Mapping[Result, tuple[str, ...]] = {
    Result.OUTPUT: ("x", "weight", "bias"),
    Result.BIAS: ("grad_output",),
    Result.WEIGHT: ("x", "grad_output"),
    Result.INPUT: ("weight", "grad_output"),
}

_AXES: Mapping[Result, tuple[str, ...]] = {
    Result.OUTPUT: ("batch element", "output channel", "row", "column"),
    Result.BIAS: ("output channel",),
    Result.WEIGHT: ("output channel", "input channel", "kernel row", "kernel column"),
    Result.INPUT: ("batch element", "input channel", "row", "column"),
}

_DECLARATIONS: Mapping[Result, Declarations] = {
    Result.OUTPUT: Declarations.of(""),
    Result.BIAS: Declarations.of("Bias"),
    Result.WEIGHT: Declarations.of("Kernel"),
    Result.INPUT: Declarations.of("Input"),
}
