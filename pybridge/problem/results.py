"""The four results of a conv2d: the output, and the gradients of bias, weight and input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pybridge.errors import InputError
from pybridge.problem.geometry import Geometry

__all__ = ["OPERANDS", "Declarations", "Result"]

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
        """The result of a name; `InputError`, in the words of an `option`, for another name.

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
    def factors(self) -> tuple[str, ...]:
        """The operands that its products are made of: all but the output's bias."""
        return tuple(name for name in self.operands if name != "bias")

    @property
    def axes(self) -> tuple[str, ...]:
        """What its axes mean, in order."""
        return _AXES[self]

    @property
    def lean(self) -> Declarations:
        """The Lean declarations about it."""
        return _DECLARATIONS[self]

    @property
    def statement(self) -> str:
        """What the theorem of an entry says, in words."""
        *first, last = self.operands
        operands = f"{', '.join(first)} and {last}" if first else last
        return (
            f"whatever exact {operands} are within their eps of the given ones, each entry of "
            f"{self.words} is within its bound of the exact one."
        )

    def shape(self, geometry: Geometry) -> tuple[int, ...]:
        """The shape of the result."""
        match self:
            case Result.OUTPUT:
                return geometry.output_shape
            case Result.BIAS:
                return geometry.bias_shape
            case Result.WEIGHT:
                return geometry.weight_shape
            case Result.INPUT:
                return geometry.x_shape

    def terms(self, geometry: Geometry) -> int:
        """The most terms that an entry is the sum of, the output's bias included."""
        batch, _, height, width = geometry.output_shape
        window = geometry.height.kernel * geometry.width.kernel
        match self:
            case Result.OUTPUT:
                return geometry.in_channels * window + 1
            case Result.BIAS | Result.WEIGHT:
                return batch * height * width
            case Result.INPUT:
                return geometry.out_channels * window


@dataclass(frozen=True, slots=True)
class Declarations:
    """Full names of Lean declarations about a result.

    `function` computes it in any arithmetic. `bound` defines the bound of an entry, and `entry` is
    the theorem that it holds; `whole` is that of the whole result in the largest norm. `replay` is
    the theorem of the fast replay's bound, `any_order` the one of sums in any order.
    """

    function: str
    bound: str
    entry: str
    whole: str
    replay: str
    any_order: str

    @classmethod
    def of(cls, gradient: str) -> Declarations:
        """Those of the output (an empty name), or of the gradient that Lean names so."""
        camel = f"conv2d{gradient}"
        snake = f"conv2d_{gradient.lower()}" if gradient else "conv2d"
        whole = f"approxT_{snake}_deriv_spec" if gradient else "approxT_conv2d_spec"
        names = (
            f"{camel}Deriv" if gradient else camel,
            f"{camel}PointBound",
            f"approx_{snake}_point",
            whole,
            f"{camel}PointBound_le_replay",
            f"{snake}_any_order",
        )
        return cls(*(f"RuntimeApprox.{name}" for name in names))


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
