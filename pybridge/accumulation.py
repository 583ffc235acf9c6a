"""What a kernel promises: the formats in which it multiplies, adds up and returns.

An `Accumulation` says by how much each operation may err, and nothing of their order: the estimate
that Lean proves of it (`Contraction.any_order_estimate`, …) holds for every order of summation.

Split-k is two sums. The partial sums, at most k, are sums in any order in one format; they are
then added, in any order, in another, of unit roundoff v, which rounds each of them first. So a
partial sum is rounded at most k times more, and then with the whole: all of that is as one last
rounding, by (1 + γₖ(v))·(1 + w) − 1 relatively, and by the constant of a sum of k terms absolutely.
Both are exported coefficients, of the errors of the second sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, Strict, model_validator

from pybridge.definitions import Definitions, FormatParameters, load_definitions
from pybridge.errors import InputError
from pybridge.estimates import Errors, formula_value, unit
from pybridge.formats import FloatArray, FloatFormat
from pybridge.model import Model

__all__ = ["Accumulation", "format_parameters", "split_k", "tf32"]

_EXPORTED: Mapping[str, str] = {
    "float16": "binary16",
    "bfloat16": "bfloat16",
    "tf32": "tf32",
    "float32": "binary32",
    "float64": "binary64",
}
_NAMES = {exported: name for name, exported in _EXPORTED.items()}
_NONE = (Fraction(0), Fraction(0))


def _name(value: object) -> str:
    """The name of a format, of what NumPy, PyTorch or JAX take for a dtype."""
    text = value if isinstance(value, str) else _dtype_name(value)
    text = _NAMES.get(text, text)
    if text not in _EXPORTED:
        known = ", ".join(_EXPORTED)
        raise InputError(f"unknown format {value!r:.60}, expected one of {known}")
    return text


def _dtype_name(value: object) -> str:
    shown = str(value)
    if shown.startswith("torch."):
        return shown.removeprefix("torch.")
    try:
        return np.dtype(value).name if value is not None else ""  # type: ignore[call-overload]
    except TypeError:
        return ""


_Format = Annotated[str, BeforeValidator(_name)]


class Accumulation(Model):
    """The formats of a kernel's operands, sums and result.

    * `operands`: the kernel first rounds what it multiplies to this format. None: it does not.
    * `products`: "rounded" to the format of the sums, or "exact", as by fused multiply-add or where
      that format holds them. The proved estimate is the same: it charges an entry of n terms with n
      roundings on the way of each, of which one is the product's.
    * `accumulate`: the format of the sums, each rounded to it, in any order.
    * `splits`: split-k: the terms are divided into at most so many partial sums.
    * `across`: the format that the partial sums are rounded to and added in. None: that of the
      sums, and then any order covers them, however many there are.
    * `output`: the finished sum is rounded once more, to this format. None: it is not, or where the
      array that is tested has a narrower dtype, to that.
    * `truncated`: operations and roundings cut off instead of rounding to nearest, as tensor cores
      may. `flushed`: subnormal operands, results and what is between may be zero.

    Formats are float16, bfloat16, tf32, float32, float64, also under the names binary16, … and as
    dtypes. `InputError` for what does not fit.
    """

    operands: _Format | None = None
    products: Literal["rounded", "exact"] = "rounded"
    accumulate: _Format = "float32"
    splits: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)] = 1
    across: _Format | None = None
    output: _Format | None = None
    truncated: bool = False
    flushed: bool = False

    @model_validator(mode="after")
    def _splits_for_across(self) -> Self:
        if self.across is not None and self.splits == 1:
            raise ValueError("across: there is one sum, expected splits of 2 or more")
        return self

    @classmethod
    def of(cls, dtype: Any) -> Self:
        """What a kernel of a dtype promises by default.

        float32 and float64: sums in the dtype itself. bfloat16 and float16: sums in float32,
        rounded once. tf32: operands rounded to it, sums in float32.
        """
        try:
            name = _name(dtype)
        except InputError as error:
            raise InputError(f"dtype: {error}") from None
        if name == "tf32":
            return cls(operands=name)
        if name in ("float32", "float64"):
            return cls(accumulate=name)
        return cls(output=name)

    @classmethod
    def assumed(cls, format: FloatFormat, operands: Sequence[FloatArray]) -> Self:
        """`of(format)`; operands that the format does not hold are rounded to it first."""
        found = cls.of(format.name)
        if all(np.can_cast(operand.dtype, format.dtype, "safe") for operand in operands):
            return found
        return found.model_copy(update={"operands": _name(format.name)})

    def returned_in(self, format: FloatFormat) -> Self:
        """The same, where its result is an array of this format.

        Rounded to it, if neither is said otherwise nor the format holds the sums. `InputError` when
        the format does not hold what `output` says.
        """
        last = self.output or self._summed
        definitions = load_definitions()
        if _holds(format_parameters(format.name, definitions), _parameters(last, definitions)):
            return self
        if self.output is not None:
            raise InputError(
                f"accumulation: its output is {self.output}, but the array is {format.dtype.name}"
            )
        return self.model_copy(update={"output": _name(format.name)})

    @property
    def _summed(self) -> str:
        """The format of the finished sum."""
        return self.across or self.accumulate

    @property
    def text(self) -> str:
        """A few words: in what it sums, and of what."""
        words = self.accumulate
        if self.operands:
            words += f" of {self.operands}"
        if self.across:
            words += f", {self.splits} splits added in {self.across}"
        return words + ", truncated" * self.truncated + ", flushed" * self.flushed

    @property
    def sentence(self) -> str:
        """What it promises, as a clause: `float32 sums of …, rounded to bfloat16`."""
        words = f"{self.accumulate} sums"
        if self.operands:
            words += f" of operands rounded to {self.operands}"
        if self.splits > 1:
            words += f" in {self.splits} splits"
            words += f", added in {self.across}" if self.across else ""
        if self.output and self.output != self._summed:
            words += f", rounded to {self.output}"
        return words + ", by truncation" * self.truncated + ", subnormals flushed" * self.flushed

    def errors(
        self, terms: int, factors: int, eps: Sequence[Fraction], definitions: Definitions
    ) -> Errors:
        """What the kernel errs by, on factors within `eps` of the exact ones (Lean: `Errors`).

        Raises `InputError` where the number of partial sums times their unit roundoff is not below
        one: nothing is proved then.
        """
        roundoff, underflow = self._unit(self.accumulate, definitions)
        last = self.last_rounding(definitions)
        if self.across and self.across != self.accumulate:
            last = self._across(min(self.splits, terms), last, definitions)
        relative, absolute = self._read(definitions)
        first = (relative, absolute + eps[0]) if factors == 2 else _NONE
        return Errors(terms, roundoff, underflow, *last, *first, relative, absolute + eps[-1])

    def last_rounding(self, definitions: Definitions) -> tuple[Fraction, Fraction]:
        """By what the rounding of the finished sum errs, relatively and absolutely."""
        if self.output is None or self.output == self._summed:
            return _NONE
        return self._unit(self.output, definitions)

    @property
    def unrounded(self) -> Self:
        """The same without the last rounding."""
        return self.model_copy(update={"output": None})

    def _across(
        self, partials: int, last: tuple[Fraction, Fraction], definitions: Definitions
    ) -> tuple[Fraction, Fraction]:
        """The sum of partial sums and its last rounding, as one rounding."""
        assert self.across
        roundoff, underflow = self._unit(self.across, definitions)
        if partials * roundoff >= 1:
            raise InputError(
                f"splits: {partials} partial sums are added in {self.across}, of unit roundoff "
                f"1/{1 / roundoff}: their number times it is not below 1, and no bound is proved"
            )
        errors = Errors(partials, roundoff, underflow, *last)
        estimates = definitions.data.estimates
        return formula_value(estimates.product, errors), formula_value(estimates.constant, errors)

    def operand_eps(self, format: FloatFormat) -> float:
        """How far the operands that the kernel computes with may be from those it is given."""
        return 2.0**format.min_exponent if self.flushed else 0.0

    @property
    def operand_dtype(self) -> str:
        """The dtype of operands of which nothing else is known."""
        name = self.output or self.accumulate
        return "float32" if name == "tf32" else name

    def largest(self, format: FloatFormat) -> Fraction:
        """From what magnitude on a sum, or the result in this format, overflows."""
        definitions = load_definitions()
        met = [self.accumulate, self.across, self.output]
        parameters = [format_parameters(format.name, definitions)]
        parameters += [_parameters(name, definitions) for name in met if name]
        return min(
            Fraction(2) ** p.max_exponent * (2 - Fraction(1, 2**p.precision)) for p in parameters
        )

    def _read(self, definitions: Definitions) -> tuple[Fraction, Fraction]:
        """By what the rounding of an operand errs."""
        if self.operands is None:
            return _NONE
        relative, absolute = unit(_parameters(self.operands, definitions))
        return (1 + self.truncated) * relative, (1 + self.truncated) * absolute

    def _unit(self, name: str, definitions: Definitions) -> tuple[Fraction, Fraction]:
        """By what an operation errs, relatively and absolutely."""
        relative, absolute = unit(_parameters(name, definitions))
        if self.flushed:
            absolute /= relative
        elif self.truncated:
            absolute *= 2
        return (2 * relative if self.truncated else relative), absolute


def tf32() -> Accumulation:
    """Operands rounded to TF32, sums in float32: what `allow_tf32` allows."""
    return Accumulation(operands="tf32")


def split_k(k: int, across: Any = None, *, accumulate: Any = "float32") -> Accumulation:
    """The sum divided into at most k partial sums, which are added in the format `across`.

    By default that of the sums: no other promise then than that of any order.
    """
    return Accumulation(accumulate=accumulate, splits=k, across=across)


def format_parameters(name: str, definitions: Definitions) -> FormatParameters:
    """The parameters of an exported format."""
    found = definitions.data.formats.get(name)
    if found is None:
        known = ", ".join(definitions.data.formats)
        raise InputError(f"format: unknown name {name!r:.60}, expected one of {known}")
    return found


def _parameters(name: str, definitions: Definitions) -> FormatParameters:
    return format_parameters(_EXPORTED[name], definitions)


def _holds(wide: FormatParameters, narrow: FormatParameters) -> bool:
    """Whether a format holds every value of another."""
    return (
        wide.precision >= narrow.precision
        and wide.max_exponent >= narrow.max_exponent
        and wide.min_exponent - wide.precision <= narrow.min_exponent - narrow.precision
    )
