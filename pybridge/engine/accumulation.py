"""What a kernel promises: the formats in which it multiplies, adds up and returns.

An `Accumulation` says how each operation rounds, and may say how many roundings a term passes at
most, the *depth* of the sum. Without a depth, what Lean proves holds for every order of summation
(`Accumulation.near`); with one, for every order of that depth (`Accumulation.near_within`).

Split-k is two sums. The partial sums, at most k of at most ⌈n/k⌉ terms each, are in one format;
they are then added in the same format, or in another, which rounds each of them first.

With a `core`, a matrix unit sums, which adds blocks of exact products at once
(`TensorCore.Kernel.near`); `pybridge.engine.tensor_cores` makes such promises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, Strict, model_validator

from pybridge.engine.aligned import Aligned
from pybridge.engine.coefficients import (
    EXACT,
    ErrorBound,
    followed_by,
    nearest,
    numbers,
    operation,
    shortfall,
    tensor_core_sum,
    times,
    tree,
)
from pybridge.engine.scaled import largest_excess
from pybridge.errors import InputError, InputTypeError, NotProvedError
from pybridge.exported.document import Definitions, FormatParameters, load_definitions
from pybridge.model import Model
from pybridge.problem.formats import FloatFormat, dtype_name
from pybridge.problem.rounding import Direction, holds

__all__ = [
    "Accumulation",
    "ScaledAccumulation",
    "blocked",
    "format_parameters",
    "pairwise",
    "parameters_of",
    "require_accumulation",
    "split_k",
    "tf32",
]

_EXPORTED: Mapping[str, str] = {
    "float16": "binary16",
    "bfloat16": "bfloat16",
    "tf32": "tf32",
    "float32": "binary32",
    "float64": "binary64",
}
_NAMES = {exported: name for name, exported in _EXPORTED.items()}
_NARROW = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
"""Formats of operands and results; they are exported by these names."""

_TILE = 128
"""Partial sums of matrix units end at multiples of at most so many terms."""


def _name(value: object) -> str:
    """Return the name of a format, of what NumPy, PyTorch or JAX take for a dtype."""
    text = dtype_name(value)
    text = _NAMES.get(text, text)
    if text not in _EXPORTED:
        known = ", ".join(_EXPORTED)
        raise InputError(f"unknown format {value!r:.60}, expected one of {known}")
    return text


def _operand_name(value: object) -> str:
    """Return the name of a format of operands, also of eight bits."""
    text = value if isinstance(value, str) else dtype_name(value)
    text = {"float8_e4m3": "float8_e4m3fn", "xf32": "tf32"}.get(text, text)
    if text in _NARROW:
        return text
    try:
        return _name(value if text not in _EXPORTED else text)
    except InputError as error:
        raise InputError(f"{error}, {', '.join(_NARROW)}") from None


_Format = Annotated[str, BeforeValidator(_name)]
_NarrowFormat = Annotated[str, BeforeValidator(_operand_name)]
_Count = Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)]


class Accumulation(Model):
    """How a kernel rounds its operands, its products and sums, and its result.

    * `operands`: the kernel first rounds what it multiplies to this format. None: it does not.
    * `operand_rounding`: to "nearest" (ties to even; for tf32, either way) or "toward-zero", as
      tensor cores cut float32 operands to tf32.
    * `products`: "rounded" to the format of the sums, or "exact", as by fused multiply-add or where
      that format holds them. The proved bound is the same: each of the n terms of an entry
      passes n roundings, of which one is the product's.
    * `accumulate`: the format of the sums, each rounded to it, in any order.
    * `rounding`: how products, sums and the result are rounded: to "nearest", or "toward-zero", as
      tensor cores may.
    * `depth`: no term passes more than so many roundings, one of its product and one for each
      addition above it. None: as many as there are terms.
    * `summation`: "pairwise", halving down to blocks of at most `block` terms; "blocked", blocks
      of at most `block` terms, as tiles, lanes or threads have them, whose sums are added; or
      "any-order". Blocks are added up in any order.
    * `splits`: split-k: the terms are divided into at most so many partial sums, of at most
      ⌈n/splits⌉ of an entry's n terms, padding included.
    * `across`: the format that the partial sums are rounded to and added in. None: the format of
      the sums.
    * `output`: the finished sum is rounded once more, to this format. None: it is not,
      or to the dtype of the tested array if that is narrower.
    * `flushed`: operands, results and intermediate values may become zero if they are subnormal.
    * `core`: the sums are those of a matrix unit, from its own accumulators: any number of them,
      or with `splits` or `promote` one for each split. They are added in the format `accumulate`.
    * `promote`: after every so many terms, and not more often, an accumulator is added to a sum in
      `accumulate`, and starts again: n terms have at most ⌈n/promote⌉ accumulators.

    Formats are float16, bfloat16, tf32, float32, float64, also under the names binary16, … and as
    dtypes; of operands and output also float8_e4m3fn (float8_e4m3), float8_e5m2, float8_e4m3fnuz
    and float8_e5m2fnuz. Raises `InputError` for values that do not fit.
    """

    operands: _NarrowFormat | None = None
    operand_rounding: Direction = "nearest"
    products: Literal["rounded", "exact"] = "rounded"
    accumulate: _Format = "float32"
    rounding: Direction = "nearest"
    depth: _Count | None = None
    summation: Literal["any-order", "pairwise", "blocked"] = "any-order"
    block: _Count = 1
    splits: _Count = 1
    across: _Format | None = None
    output: _NarrowFormat | None = None
    flushed: bool = False
    core: Aligned | None = None
    promote: _Count | None = None

    @model_validator(mode="after")
    def _core_fits(self) -> Self:
        if self.core is None:
            if self.promote is not None:
                raise ValueError("promote: the sums are of no matrix unit, expected one as core")
            return self
        if self.depth is not None or self.summation != "any-order" or self.across is not None:
            raise ValueError("core: a matrix unit has its own depth, expected none, and no across")
        if self.flushed or self.rounding != "nearest":
            raise ValueError("core: what it does not do itself is rounded to nearest, not flushed")
        if self.accumulate not in ("float32", self.core.accumulator):
            raise ValueError(
                f"accumulate: expected float32 or {self.core.accumulator}, as the matrix unit's"
            )
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.across is not None and self.splits == 1:
            raise ValueError("across: there is one sum, expected splits of 2 or more")
        if self.operands is None and self.operand_rounding != "nearest":
            raise ValueError("operand_rounding: no format is given in operands")
        if self.block != 1 and self.summation == "any-order":
            raise ValueError("block: the summation is in any order, expected pairwise or blocked")
        return self

    @classmethod
    def of(cls, dtype: Any) -> Self:
        """Return what a kernel of a dtype promises by default.

        float32 and float64: sums in the dtype itself. bfloat16 and float16: sums in float32,
        rounded once. tf32: operands cut to it, sums in float32.
        """
        try:
            name = _operand_name(dtype)
        except InputError as error:
            raise InputError(f"dtype: {error}") from None
        if name == "tf32":
            return cls(operands=name, operand_rounding="toward-zero")
        if name in ("float32", "float64"):
            return cls(accumulate=name)
        return cls(output=name)

    def returned_in(self, format: FloatFormat) -> Self:
        """Return the promise of a kernel whose result is an array of this format.

        Its sums are rounded to the format, unless `output` says otherwise or the format holds them.
        Raises `InputError` if the format does not hold numbers of `output`.
        """
        last = self.output or self._summed
        definitions = load_definitions()
        if holds(format_parameters(format.name, definitions), parameters_of(last, definitions)):
            return self
        if self.output is not None:
            raise InputError(
                f"accumulation: its output is {self.output}, but the array is {format.dtype.name}"
            )
        return self.model_copy(update={"output": _operand_name(format.name)})

    def of_numbers(self) -> Self:
        """Return the promise for a sum of numbers, as a bias gradient, which no matrix unit
        multiplies or cuts to tf32: in any order in the format `accumulate`.
        """
        if self.core is None:
            return self
        operands = None if self.operands == "tf32" else self.operands
        return type(self)(operands=operands, accumulate=self.accumulate, output=self.output)

    @property
    def _summed(self) -> str:
        """The format of the finished sum."""
        return self.across or self.accumulate

    @property
    def text(self) -> str:
        """The promise in a few words: formats, blocks and order."""
        words = self.accumulate
        if self.operands:
            words += f" of {self.operands}" + self._cut
        if self.core:
            words += f", {self.core.text}{self._promoted}"
        if self.across:
            words += f", {self.splits} splits added in {self.across}"
        if self._ordered:
            words += f", {self._ordered}"
        return words + self._rounded(", toward zero") + ", flushed" * self.flushed

    @property
    def sentence(self) -> str:
        """The promise as a clause: `float32 sums of …, rounded to bfloat16`."""
        words = f"{self.accumulate} sums"
        if self.operands:
            verb = "cut" if self._cut else "rounded"
            words += f" of operands {verb} to {self.operands}"
        if self.core:
            words += f", in {self.core.text}{self._promoted}"
        if self.splits > 1:
            words += f" in {self.splits} splits"
            words += f", added in {self.across}" if self.across else ""
        if self._ordered:
            words += f", {self._ordered}"
        if self.output and self.output != self._summed:
            words += f", rounded to {self.output}"
        return words + self._rounded(", toward zero") + ", subnormals flushed" * self.flushed

    @property
    def _ordered(self) -> str:
        """The order of the sums in words; empty for any order."""
        words = []
        if self.summation != "any-order":
            words.append(f"{self.summation} with blocks of {self.block}")
        if self.depth is not None:
            words.append(f"of depth {self.depth}")
        return " ".join(words)

    @property
    def _promoted(self) -> str:
        return f", promoted every {self.promote} terms" if self.promote else ""

    @property
    def order(self) -> str:
        """The order of summation as a clause: `in any order`, or `in any order of that depth`."""
        if self.core:
            return "in any order of the blocks"
        return "in any order of that depth" if self.bounded else "in any order"

    @property
    def bounded(self) -> bool:
        """Whether the depth is less than the number of terms can be."""
        return self.depth is not None or self.summation != "any-order" or self.splits > 1

    @property
    def _cut(self) -> str:
        return " (cut)" if self.operand_rounding == "toward-zero" else ""

    def _rounded(self, words: str) -> str:
        return words if self.rounding == "toward-zero" else ""

    @property
    def mode(self) -> str:
        """The name of the mode of products, sums and the last rounding (Lean: `Format.Mode`)."""
        name = "nearest" if self.rounding == "nearest" else "towardZero"
        return name + "Flushed" * self.flushed

    def sums_hold_operands(self, definitions: Definitions) -> bool:
        """Return whether the format of the sums holds every number of the format of the
        operands.
        """
        operands = parameters_of(self.operands or self.accumulate, definitions)
        return holds(parameters_of(self.accumulate, definitions), operands)

    def roundings(self, terms: int, longest: int | None = None) -> int:
        """Return the depth: how many roundings a term of an entry of so many passes at most.

        `longest` counts the terms that the kernel goes over, padding included. For a matrix unit,
        it is the number of roundings to nearest in `accumulate` that would allow as much.
        """
        if self.core:
            definitions = load_definitions()
            allowed = self._tensor_core(terms, longest or terms, definitions, Fraction(0)).relative
            unit = operation(parameters_of(self.accumulate, definitions)).relative
            return math.ceil(math.log1p(float(allowed)) / math.log1p(float(unit)))
        first = self.first_roundings(terms, longest)
        return first + min(terms, self.splits) if self._across else first

    def first_roundings(self, terms: int, longest: int | None = None) -> int:
        """Return the depth in the format of the sums, without the additions in another format."""
        if self.splits == 1:
            return self._depth(terms, longest or terms)
        part = -(-(longest or terms) // self.splits)
        depth = self._depth(min(terms, part), part)
        return depth if self._across else min(terms, depth + self.splits, self.depth or terms)

    def _depth(self, terms: int, longest: int) -> int:
        """Return the depth of one sum of so many terms."""
        depth = min(terms, self.depth or terms)
        blocks = -(-longest // self.block)
        if self.summation == "pairwise":
            depth = min(depth, min(terms, self.block) + (blocks - 1).bit_length())
        elif self.summation == "blocked":
            depth = min(depth, min(terms, self.block) + blocks)
        return depth

    @property
    def _across(self) -> bool:
        """Whether partial sums are added in another format than their own."""
        return self.across not in (None, self.accumulate)

    def sum_error(
        self,
        terms: int,
        definitions: Definitions,
        *,
        plain: bool = False,
        longest: int | None = None,
        shortfall: Fraction | None = None,
    ) -> ErrorBound:
        """Return how near the sum of so many terms the kernel's is, before the last rounding.

        `plain` says that the terms are not products but numbers of the format of the sums;
        `longest` is as in `roundings`. A matrix unit needs the `shortfall` of the operands.
        """
        if self.core:
            assert shortfall is not None
            return self._tensor_core(terms, longest or terms, definitions, shortfall)
        depth = self.first_roundings(terms, longest)
        first = self._sum(self.accumulate, terms, depth, definitions, plain)
        if not self._across:
            return first
        assert self.across is not None
        parts = min(self.splits, terms)
        second = self._sum(self.across, parts, parts, definitions, plain=False)
        return followed_by(definitions, first, second)

    def error(
        self,
        terms: int,
        definitions: Definitions,
        *,
        plain: bool = False,
        longest: int | None = None,
        shortfall: Fraction | None = None,
    ) -> ErrorBound:
        """Return how near the sum of so many terms the result is, the last rounding included."""
        summed = self.sum_error(
            terms, definitions, plain=plain, longest=longest, shortfall=shortfall
        )
        return followed_by(definitions, summed, self.last_rounding(definitions))

    def _sum(
        self, name: str, terms: int, depth: int, definitions: Definitions, plain: bool
    ) -> ErrorBound:
        """Return the error of a sum by its depth, or if that is less, by its number of terms."""
        unit = operation(parameters_of(name, definitions), self.mode)
        in_any_order = (numbers if plain else nearest)(definitions, terms, unit)
        if self.mode == "nearest" and depth >= terms:
            return in_any_order
        lossless = plain and not self.flushed
        by_depth = tree(definitions, terms, ErrorBound(unit.relative) if lossless else unit, depth)
        if self.mode != "nearest" or by_depth.relative < in_any_order.relative:
            return by_depth
        return in_any_order

    def _tensor_core(
        self, terms: int, longest: int, definitions: Definitions, shortfall: Fraction
    ) -> ErrorBound:
        """Return the error of sums by matrix instructions (Lean: `TensorCore.Kernel.near`).

        There is one step more than blocks: for a bias that is added at the end, or for a first step
        of zeros that cuts it.
        """
        core = self.core
        assert core is not None
        part = longest
        if self.splits > 1:
            part = min(part, _up_to_multiple(-(-longest // self.splits), _TILE))
        chain = min(part, self.promote or part)
        count = min(terms, chain)
        steps = min(-(-chain // core.block), count) + 1
        alone = 0 if core.unit == "grouped" else count
        rounding = self._step_rounding(core, definitions)
        first = tensor_core_sum(definitions, core.unit, alone, steps, core.cut, rounding, shortfall)
        if self.splits == 1 and self.promote is None:
            return first
        chains = -(-part // chain)
        parts = self.splits * chains + 1
        second = self._sum(
            self.accumulate, parts, min(parts, chains + self.splits + 1), definitions, plain=False
        )
        return followed_by(definitions, times(definitions, first, parts), second)

    def _step_rounding(self, core: Aligned, definitions: Definitions) -> ErrorBound:
        """Return the error of the rounding of a step (Lean: `TensorCore.Unit.rounding`).

        Raises `NotProvedError` if an addition of partial results may err by more.
        """
        mode = "nearest" if core.rounding == "nearest" else "towardZero"
        rounding = operation(core_parameters(core, definitions), mode)
        if core.unit in ("staged", "interleaved"):
            floored = operation(format_parameters("extended", definitions), "towardZero")
            rounding = followed_by(definitions, floored, rounding)
        added = operation(parameters_of(self.accumulate, definitions))
        if added.relative > rounding.relative or added.absolute > rounding.absolute:
            raise NotProvedError(
                f"accumulate: partial sums in {self.accumulate} err by more than the steps of the "
                "matrix unit do: nothing is proved"
            )
        return rounding

    def least_normal(self, definitions: Definitions) -> Fraction:
        """Return the least normal number of a factor's format; of the widest one if none is
        said.
        """
        if self.operands:
            return Fraction(2) ** parameters_of(self.operands, definitions).min_exponent
        return max(
            Fraction(2) ** format_parameters(name, definitions).min_exponent for name in _NARROW
        )

    def largest_excess(self, size: Fraction, definitions: Definitions) -> Fraction:
        """Return a bound of 2^exponent of the subnormal entries of a factor of which only the
        largest magnitude is known.
        """
        core = self.core
        if core is None or core.scaled is None:
            return self.least_normal(definitions)
        return largest_excess(core.scaled, core.unit == "grouped", size, definitions)

    def shortfall(
        self, factors: Sequence[tuple[Fraction, Fraction]], definitions: Definitions
    ) -> Fraction:
        """Return how much exponents may be too large (Lean: `TensorCore.exponents_le`).

        Each of one or two factors is its largest magnitude, and a bound of 2^exponent of its
        entries that are subnormal in their format or block, 0 if none is. Zero without a matrix
        unit.
        """
        if self.core is None:
            return Fraction(0)
        bounds = [*factors, (Fraction(1), Fraction(0))]
        exponent = core_parameters(self.core, definitions).min_exponent
        return shortfall(definitions, bounds[0], bounds[1], Fraction(2) ** exponent)

    def last_rounding(self, definitions: Definitions) -> ErrorBound:
        """Return the error of the rounding of the finished sum."""
        if self.output is None or self.output == self._summed:
            return EXACT
        return operation(parameters_of(self.output, definitions), self.mode)

    @property
    def operand_dtype(self) -> str:
        """The dtype of operands about which nothing else is known."""
        name = self.output or self.accumulate
        return "float32" if name == "tf32" else name

    def largest(self, format: FloatFormat) -> Fraction:
        """Return the magnitude from which on a sum, or the result in this format, overflows."""
        definitions = load_definitions()
        met = [self.accumulate, self.across, self.output]
        if self.core and self.core.accumulator == "float16":
            met.append("float16")
        parameters = [format_parameters(format.name, definitions)]
        parameters += [parameters_of(name, definitions) for name in met if name]
        return min(map(_overflows, parameters))


class ScaledAccumulation(Accumulation):
    """A promise of a kernel that multiplies or divides its finished sum, and may then add to it.

    The sum is multiplied by the `scales` one after the other, or by their rounded product unless
    that is subnormal, and rounded to the format of the sum each time; so is the addend times its
    own factor, which is then added if `added`. Or each sum, or if `divided_first` each term, is
    divided by one of the `divisors` and rounded: all errors and magnitudes are then those of the
    result times the divisor, and bounds hold for every divisor. Operations of `pybridge.ops` make
    such promises, not users.
    """

    scales: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = (1.0,)
    added: bool
    divisors: tuple[Annotated[int, Field(ge=1)], ...] = (1,)
    divided_first: bool = False

    @property
    def divides(self) -> bool:
        """Whether it divides by other numbers than one."""
        return self.divisors != (1,)

    def of_divisor(self, divisor: int) -> Self:
        """Return the promise of the entries that have this divisor."""
        return self.model_copy(update={"divisors": (divisor,)})

    @property
    def sentence(self) -> str:
        """The promise as a clause."""
        if self.divided_first:
            return f"{super().sentence} of quotients"
        if self.divides:
            return f"{super().sentence}, divided by {' or '.join(map(str, self.divisors))}"
        scales = " and ".join(f"{scale:g}" for scale in self.scales)
        words = f"{super().sentence}, multiplied by {scales}"
        return words + ", and added to a multiple of the addend" * self.added

    def sum_error(
        self,
        terms: int,
        definitions: Definitions,
        *,
        plain: bool = False,
        longest: int | None = None,
        shortfall: Fraction | None = None,
    ) -> ErrorBound:
        """Return how near the sum of so many scaled terms, of which one may be the addend.

        (Lean: `Contraction.near_scaled`, `Contraction.near_addend`, `Contraction.near_divided`; of
        quotients `Accumulation.near`, whose terms may be any numbers, each rounded first.)
        """
        products, most = (max(n - self.added, 1) for n in (terms, longest or terms))
        # A quotient is rounded as a product is.
        summed = super().sum_error(
            products,
            definitions,
            plain=plain and not self.divided_first,
            longest=most,
            shortfall=shortfall,
        )
        if self.divided_first:
            return ErrorBound(summed.relative, max(self.divisors) * summed.absolute)
        once = operation(parameters_of(self._summed, definitions), self.mode)
        scaled = summed
        for scale in self.scales:
            multiple = ErrorBound(scaled.relative, abs(Fraction(scale)) * scaled.absolute)
            scaled = followed_by(definitions, multiple, once)
        if not self.added:
            return ErrorBound(scaled.relative, max(self.divisors) * scaled.absolute)
        # The addend's multiple errs by `once`, whose relative error is no larger than the sum's.
        both = ErrorBound(scaled.relative, scaled.absolute + once.absolute)
        return followed_by(definitions, both, once)

    def last_rounding(self, definitions: Definitions) -> ErrorBound:
        """Return the error of the rounding of the finished result, times the divisor."""
        last = super().last_rounding(definitions)
        return ErrorBound(last.relative, max(self.divisors) * last.absolute)

    def largest(self, format: FloatFormat) -> Fraction:
        """Return the magnitude from which on the result, the scaled sum or the sum overflows."""
        met = [self.accumulate, *([self.across] if self.across else [])]
        sums = min(_overflows(parameters_of(name, load_definitions())) for name in met)
        if self.divided_first:
            sums *= min(self.divisors)
        most = min(self.divisors) * super().largest(format)
        for scale in reversed(self.scales):
            sums *= abs(Fraction(scale))
            most = min(most, sums)
        return most


def tf32(operand_rounding: Direction = "toward-zero") -> Accumulation:
    """Return the promise of operands in TF32 and sums in float32, which `allow_tf32` allows.

    The matrix instructions of NVIDIA's Ampere and later cut the operands' last 13 bits off. A
    kernel may round them to "nearest" before (`cvt.rna`), ties to even or away from zero: on an
    H200, the convolutions of cuDNN do that (`docs/tensor-cores.md`).
    """
    return Accumulation(operands="tf32", operand_rounding=operand_rounding)


def split_k(k: int, across: Any = None, *, accumulate: Any = "float32") -> Accumulation:
    """Return the promise of at most k partial sums of at most ⌈n/k⌉ terms, which are added in the
    format `across`, by default the format of the sums: depth ⌈n/k⌉ + k.
    """
    return Accumulation(accumulate=accumulate, splits=k, across=across)


def pairwise(block: int = 1, *, accumulate: Any = "float32") -> Accumulation:
    """Return the promise of pairwise (cascade) summation, down to blocks of at most `block` terms:
    depth block + ⌈log₂⌈n/block⌉⌉.
    """
    return Accumulation(accumulate=accumulate, summation="pairwise", block=block)


def blocked(block: int, *, accumulate: Any = "float32") -> Accumulation:
    """Return the promise of sums of blocks of at most `block` terms, such as tiles along the
    reduction, which are added in any order: depth block + ⌈n/block⌉.
    """
    return Accumulation(accumulate=accumulate, summation="blocked", block=block)


def require_accumulation(value: object) -> Accumulation | None:
    """Return the argument `accumulation`; `InputTypeError` if it is neither None nor an
    `Accumulation`.
    """
    if isinstance(value, Accumulation) and not isinstance(value, ScaledAccumulation):
        return value
    if value is None:
        return None
    raise InputTypeError(
        f"accumulation: expected an Accumulation, as Accumulation.of('bfloat16'), got {value!r:.60}"
    )


def format_parameters(name: str, definitions: Definitions) -> FormatParameters:
    """Return the parameters of an exported format."""
    parameters = definitions.data.formats.get(name)
    if parameters is None:
        known = ", ".join(definitions.data.formats)
        raise InputError(f"format: unknown name {name!r:.60}, expected one of {known}")
    return parameters


def parameters_of(name: str, definitions: Definitions) -> FormatParameters:
    """Return the parameters of a format by its dtype's name: float32, bfloat16, and so on."""
    return format_parameters(_EXPORTED.get(name, name), definitions)


def core_parameters(core: Aligned, definitions: Definitions) -> FormatParameters:
    """Return the parameters of the format of a matrix unit's accumulator."""
    return parameters_of(core.accumulator, definitions)


def _overflows(format: FormatParameters) -> Fraction:
    """Return the magnitude that overflows a format: half an ulp above its largest number."""
    lacking = Fraction(1 + 2 * format.reserved, 2**format.precision)
    return Fraction(2) ** format.max_exponent * (2 - lacking)


def _up_to_multiple(value: int, of: int) -> int:
    return -(-value // of) * of
