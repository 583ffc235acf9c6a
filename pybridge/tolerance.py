"""The proved absolute tolerance of a convolution of which only shapes and magnitudes are known.

An entry of n terms, of operands of at most X and Y in magnitude, is within

  product·n·X·Y + first·n·X + second·n·Y + constant

of the exact one, in whatever order it was summed (Lean: `conv2d_kernel_tolerance`, …). Where the
operands are at hand, `pybridge.testing` allows far less: what the operands themselves allow.

`python -m pybridge.tolerance` prints it for a shape, beside what tests commonly use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import prod
from typing import Literal, TypeAlias, get_args

import numpy as np

from pybridge.accumulation import Accumulation
from pybridge.conv2d import check_eps
from pybridge.definitions import load_definitions
from pybridge.errors import InputError
from pybridge.estimates import Coefficients, Errors, coefficients, round_up
from pybridge.formats import find_format
from pybridge.geometry import Geometry, Padding, Pair
from pybridge.pieces import Counts, split
from pybridge.upward import Float64

__all__ = ["TOLERANCE_THEOREMS", "Tolerance", "Which", "tolerance"]

_LARGEST = 2**27
"""The most entries of an array: every one has a tolerance of its own."""

Which: TypeAlias = Literal["output", "bias", "weight", "input"]

TOLERANCE_THEOREMS: Mapping[str, str] = {
    "output": "RuntimeApprox.conv2d_tolerance",
    "bias": "RuntimeApprox.conv2d_bias_tolerance",
    "weight": "RuntimeApprox.conv2d_kernel_tolerance",
    "input": "RuntimeApprox.conv2d_input_tolerance",
}
"""The Lean theorem for each result."""

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "output": ("max_x", "max_weight"),
    "bias": ("max_grad_output",),
    "weight": ("max_x", "max_grad_output"),
    "input": ("max_weight", "max_grad_output"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Tolerance:
    """How far a result may be from the exact one.

    `per_entry` is float64 and broadcasts to `shape`; its axes are of size one where every entry has
    as many terms. `terms` is the largest number of products that an entry sums. `derivation` says
    in words and numbers where `absolute` comes from.
    """

    which: Which
    shape: tuple[int, ...]
    terms: int
    largest: float
    accumulation: Accumulation
    per_entry: Float64
    derivation: str
    theorem: str

    @property
    def absolute(self) -> float:
        """The tolerance that holds for every entry."""
        return float(self.per_entry.max())


def tolerance(
    x_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    which: Which,
    accumulation: Accumulation | None = None,
    max_x: float | None = None,
    max_weight: float | None = None,
    max_bias: float = 0.0,
    max_grad_output: float | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tolerance:
    """The proved absolute tolerance of conv2d's output or of one of its gradients.

    `which` is output, or the gradient: bias, weight or input. `accumulation` is what the kernel
    promises, by default sums in float32; `Accumulation.of("bfloat16")` is that of a dtype. `max_…`
    are bounds of the operands' magnitudes: those that the result depends on are required, that of
    the output's bias being zero if there is none. Shapes and parameters are those of
    `conv2d_backward`.

    It is the distance to the exact result. Two kernels may differ by the sum of their tolerances.

    Raises `InputError` for what does not fit and where nothing is proved, the number of terms times
    the unit roundoff not being below one, and `InputTypeError` for a wrong type.
    """
    if which not in get_args(Which):
        known = ", ".join(get_args(Which))
        raise InputError(f"which: expected one of {known}, got {which!r:.60}")
    geometry = Geometry.of(
        x_shape,
        weight_shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    for name, shape in (
        ("x", geometry.x_shape),
        ("weight", geometry.weight_shape),
        ("the output", geometry.output_shape),
    ):
        if prod(shape) > _LARGEST:
            raise InputError(
                f"{name} of shape {shape} has {prod(shape)} entries, expected at most {_LARGEST}"
            )
    promise = Accumulation() if accumulation is None else accumulation
    given = {"max_x": max_x, "max_weight": max_weight, "max_grad_output": max_grad_output}
    sizes = {name: _magnitude(name, given[name], which) for name in _NEEDS[which]}
    bias = Fraction(check_eps("max_bias", max_bias))
    if bias and which != "output":
        raise InputError(f"max_bias: the {which} gradient does not depend on it, expected 0")
    counts = _counts(which, geometry)
    distinct, inverse = np.unique(counts, return_inverse=True)
    bounds = [_Bound.of(which, int(n), promise, sizes, bias) for n in distinct]
    most = bounds[-1]
    return Tolerance(
        which=which,
        shape=_shape(which, geometry),
        terms=most.terms,
        largest=round_up(most.magnitude),
        accumulation=promise,
        per_entry=np.array([round_up(b.total) for b in bounds])[inverse].reshape(counts.shape),
        derivation=most.derivation(geometry),
        theorem=TOLERANCE_THEOREMS[which],
    )


def _magnitude(name: str, value: float | None, which: str) -> Fraction:
    if value is None:
        raise InputError(f"{name}: {_shown(which)} depends on it, expected the largest magnitude")
    return Fraction(check_eps(name, value))


def _shown(which: str) -> str:
    return "the output" if which == "output" else f"the {which} gradient"


def _shape(which: str, geometry: Geometry) -> tuple[int, ...]:
    return {
        "output": geometry.output_shape,
        "bias": geometry.bias_shape,
        "weight": geometry.weight_shape,
        "input": geometry.x_shape,
    }[which]


def _counts(which: str, geometry: Geometry) -> Counts:
    """The products of each entry; a bias is not one of them."""
    name = "forward" if which == "output" else which
    contraction = load_definitions().data.contractions[name]
    return split(contraction, geometry.parameters()).counts


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound of an entry of `terms` products, and what it is made of."""

    which: str
    terms: int
    promise: Accumulation
    sizes: Mapping[str, Fraction]
    bias: Fraction
    errors: Errors
    coefficients: Coefficients
    magnitude: Fraction
    first: Fraction
    second: Fraction
    bias_error: Fraction
    total: Fraction

    @classmethod
    def of(
        cls,
        which: str,
        terms: int,
        promise: Accumulation,
        sizes: Mapping[str, Fraction],
        bias: Fraction,
    ) -> _Bound:
        definitions = load_definitions()
        eps = Fraction(promise.operand_eps(find_format(promise.operand_dtype)))
        summed = terms + 1 if which == "output" else terms
        errors = promise.errors(summed, len(sizes), [eps, eps], definitions)
        found = coefficients(definitions, errors)
        values = list(sizes.values())
        magnitude = terms * prod(values, start=Fraction(1)) + bias
        if len(values) == 1:
            values.insert(0, Fraction(1))
        first, second = (
            terms * found.first * values[0],
            terms * found.second * values[1],
        )
        bias_error = Fraction(0)
        if bias and eps:
            alone = replace(errors, first_relative=Fraction(0), second_absolute=eps)
            bias_error = coefficients(definitions, alone).first
        total = found.product * magnitude + first + second + found.constant + bias_error
        return cls(
            which, terms, promise, sizes, bias, errors, found, magnitude, first, second,
            bias_error, total,
        )  # fmt: skip

    def derivation(self, geometry: Geometry) -> str:
        """Words and numbers that can be pasted into a review."""
        names = {"max_x": "x", "max_weight": "weight", "max_grad_output": "grad_output"}
        known = [f"|{names[name]}| ≤ {_short(size)}" for name, size in self.sizes.items()]
        known += [f"|bias| ≤ {_short(self.bias)}"] * bool(self.bias)
        errors, found = self.errors, self.coefficients
        sized = "·".join(_short(size) for size in self.sizes.values())
        magnitude = f"{self.terms}·{sized}" + (f" + {_short(self.bias)}" if self.bias else "")
        growth = f"n·u / (1 − n·u) with n = {errors.terms}, u = {_power(errors.roundoff)}"
        lines = [
            f"Tolerance for {_shown(self.which)} of a conv2d with x {geometry.x_shape} and weight "
            f"{geometry.weight_shape}: {_up(self.total)}",
            f"An entry sums at most {self.terms} products; {', '.join(known)}.",
            f"The kernel promises {self.promise.sentence}, in any order. Then "
            "|computed − exact| is at most",
            f"  {_up(found.product)} · ({magnitude})  [every term, by all roundings on its way: "
            f"{growth}{self._others()}]",
        ]
        rest = self.first + self.second + found.constant + self.bias_error
        if rest:
            lines.append(f"  + {_up(rest)}  [underflow]")
        lines.append(f"This is a theorem, proved in Lean: {TOLERANCE_THEOREMS[self.which]}")
        return "\n".join(lines)

    def _others(self) -> str:
        """The roundings beside those of the sums."""
        errors, promise = self.errors, self.promise
        words = ""
        if promise.operands:
            words += f"; operands {promise.operands}: {_power(errors.second_relative)} each"
        if promise.across:
            words += f"; {promise.splits} partial sums in {promise.across}"
            words += f", output {promise.output}" if promise.output else ""
            words += f": {_up(errors.output_roundoff)}"
        elif errors.output_roundoff:
            words += f"; output {promise.output}: {_power(errors.output_roundoff)}"
        return words


def _short(value: Fraction) -> str:
    return f"{float(value):g}"


def _up(value: Fraction) -> str:
    """Four digits, rounded up."""
    number = Decimal(round_up(value))
    return f"{Context(prec=4, rounding=ROUND_CEILING).plus(number):g}"


def _power(value: Fraction) -> str:
    """A power of two as such."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return f"2^{exponent}" if value == Fraction(2) ** exponent else _up(value)


if __name__ == "__main__":
    from pybridge.tolerance_command import main

    main()
