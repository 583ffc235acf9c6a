"""One result of one operation at certain sizes: what is computed from which operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import lcm, prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pybridge.exported.document import Access, Contraction, Definitions, load_definitions
from pybridge.exported.expressions import DefinitionsError, size_value
from pybridge.problem.geometry import Geometry
from pybridge.problem.results import Declarations, Result, statement
from pybridge.problem.shapes import Shape

__all__ = ["Arrangement", "Computation", "Integers", "computation_of", "conv2d_computation"]

Integers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How an array of the caller's shape becomes one of a contraction's.

    It is repeated to broadcast to `repeated`, if that is not None; then its axes are put in `order`
    and merged or split to `inner`. Nothing is computed.
    """

    outer: tuple[int, ...]
    order: tuple[int, ...]
    inner: tuple[int, ...]
    repeated: tuple[int, ...] | None = None

    @classmethod
    def plain(cls, shape: tuple[int, ...], inner: tuple[int, ...] | None = None) -> Arrangement:
        """Return the arrangement that moves nothing; `inner` may have other axes of size one."""
        return cls(shape, tuple(range(len(shape))), shape if inner is None else inner)

    def expanding(self, shape: tuple[int, ...]) -> Arrangement:
        """Return the arrangement of an array that broadcasts to this one's."""
        return Arrangement(shape, self.order, self.inner, self.outer)

    @property
    def is_plain(self) -> bool:
        """Whether it changes nothing."""
        return self.outer == self.inner and self.order == tuple(range(len(self.inner)))

    def inward(self, array: Any) -> Any:
        """Return a NumPy array or a tensor of the caller's shape in the contraction's shape.

        Without entries, it becomes zeros: a contraction has no sizes of zero, and an empty sum is
        computed as a sum of zeros.
        """
        if 0 in self.outer:
            new = getattr(array, "new_zeros", None)
            return new(self.inner) if new else np.zeros(self.inner, array.dtype)
        if self.is_plain:
            return array
        if self.repeated is not None:
            wide = hasattr(array, "expand")
            array = array.expand(self.repeated) if wide else np.broadcast_to(array, self.repeated)
        return _transposed(array, self.order).reshape(self.inner)

    def outward(self, array: Any) -> Any:
        """Return an array of the contraction's shape in the caller's."""
        if self.is_plain:
            return array
        if 0 in self.outer:
            return array.ravel()[:0].reshape(self.outer)
        back = tuple(self.order.index(axis) for axis in range(len(self.order)))
        parts = array.reshape([self.outer[axis] for axis in self.order])
        return _transposed(parts, back)

    def index(self, inner: tuple[int, ...]) -> tuple[int, ...]:
        """Return the caller's index of the entry at a contraction's index."""
        shape = self.outer if self.repeated is None else self.repeated
        flat = 0
        for i, size in zip(inner, self.inner, strict=True):
            flat = flat * size + i
        moved: dict[int, int] = {}
        for axis in reversed(self.order):
            flat, moved[axis] = divmod(flat, shape[axis] or 1)
        axes = [moved[axis] for axis in range(len(shape))][len(shape) - len(self.outer) :]
        return tuple(i if n > 1 else 0 for i, n in zip(axes, self.outer, strict=True))

    def inner_index(self, outer: tuple[int, ...]) -> tuple[int, ...]:
        """Return the contraction's index of the entry at a caller's index."""
        flat = 0
        for axis in self.order:
            flat = flat * self.outer[axis] + outer[axis]
        inner: list[int] = []
        for size in reversed(self.inner):
            flat, i = divmod(flat, size)
            inner.append(i)
        return tuple(reversed(inner))


def _transposed(array: Any, order: tuple[int, ...]) -> Any:
    return array.permute(order) if hasattr(array, "permute") else array.transpose(order)


@dataclass(frozen=True, slots=True, eq=False)
class Computation:
    """A result of an operation at certain sizes (Lean: `Contraction`), and how it is described.

    `contraction` is exported, `numbers` are what its sizes are computed from. `name` is the
    result's: output, or the name of the operand whose gradient it is; `noun` is how sentences name
    it, `axes` what the caller's axes mean. `lean` names the declarations about it. `geometry` is
    what the textbook's formula needs; without one, the contraction itself is the definition.
    `names` and `arranged` have the operands' names and arrangements if the caller's differ,
    `result` the arrangement of the result. `scales` has the numbers that operands are multiplied
    by, if these are not all one: the kernel multiplies the sum of products, by several `alphas` one
    after the other, and the addend, which it then adds.

    Or the kernel divides each sum by its `divisor`, or each entry of its one operand before it sums
    (`divided_first`): an array that broadcasts to the shape if divisors differ. A `KernelResult`
    holds the result times its `unit`, a common multiple of the divisors of its terms.
    """

    name: str
    noun: str
    axes: tuple[str, ...]
    contraction: Contraction = field(repr=False)
    numbers: Mapping[str, int]
    lean: Declarations = field(repr=False)
    geometry: Shape | None = field(default=None, repr=False)
    definitions: Definitions = field(default_factory=load_definitions, repr=False)
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    arranged: Mapping[str, Arrangement] = field(default_factory=dict, repr=False)
    result: Arrangement | None = field(default=None, repr=False)
    scales: Mapping[str, float] = field(default_factory=dict)
    alphas: tuple[float, ...] = (1.0,)
    divisor: int | Integers = 1
    divided_first: bool = False

    @property
    def is_scaled(self) -> bool:
        """Whether the kernel multiplies or divides."""
        return bool(self.scales) or self.divides

    @property
    def divides(self) -> bool:
        """Whether the kernel divides by other numbers than one."""
        return self.divisors != (1,)

    @property
    def divisors(self) -> tuple[int, ...]:
        """The divisors, each once, in order."""
        return tuple(int(d) for d in np.unique(self.divisor))

    @property
    def unit(self) -> int | Integers:
        """The factor by which the result is a sum of integer multiples of the operand: one number,
        or an array for the contraction's result.
        """
        return lcm(*self.divisors) if self.divided_first else self.divisor

    @property
    def units(self) -> tuple[int, ...]:
        """The units, each once, in order."""
        return tuple(int(d) for d in np.unique(self.unit))

    def unit_of(self, index: tuple[int, ...]) -> int:
        """Return the unit of an entry of the contraction's result."""
        unit = self.unit
        return unit if isinstance(unit, int) else int(np.broadcast_to(unit, self.shape)[index])

    @property
    def words(self) -> str:
        """How sentences name it: `the output`, `the weight gradient`."""
        return f"the {self.noun}"

    @property
    def factors(self) -> tuple[str, ...]:
        """The operands that its terms are products of, in order."""
        return tuple(access.name for access in self.contraction.factors)

    @property
    def addends(self) -> tuple[str, ...]:
        """The operands that are added to the products."""
        return tuple(access.name for access in self.contraction.addends)

    @property
    def operands(self) -> tuple[str, ...]:
        """The operands that it is computed from."""
        return self.factors + self.addends

    @property
    def multiplies(self) -> bool:
        """Whether its terms are products: a sum of one operand's entries multiplies nothing."""
        return len(self.contraction.factors) > 1

    @property
    def statement(self) -> str:
        """What the theorem of an entry says, in words."""
        return statement(self.words, [self.called(operand) for operand in self.operands])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the contraction's result."""
        return tuple(prod(map(self._size, axis)) for axis in self.contraction.out)

    @property
    def outer_shape(self) -> tuple[int, ...]:
        """The shape of the result as the caller has it."""
        return self.result.outer if self.result else self.shape

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the operands, as the contraction has them."""
        accesses = (*self.contraction.factors, *self.contraction.addends)
        return {access.name: self._extents(access) for access in accesses}

    @property
    def products(self) -> int:
        """The most products that an entry sums, products with padding included."""
        return prod(map(self._size, self.contraction.red))

    @property
    def terms(self) -> int:
        """The most terms that an entry is the sum of, addends included."""
        return self.products + len(self.contraction.addends)

    @property
    def multiply_adds(self) -> int:
        """The products of all entries, products with padding included."""
        return self.products * prod(self.shape)

    def of_geometry(self, geometry: Shape) -> Computation:
        """Return the same result of another geometry."""
        return replace(self, geometry=geometry, numbers=geometry.parameters())

    def called_by(
        self,
        *,
        noun: str,
        axes: tuple[str, ...],
        names: Mapping[str, str],
        arranged: Mapping[str, Arrangement],
        result: Arrangement,
    ) -> Computation:
        """Return this computation for a caller that has other names and shapes."""
        return replace(self, noun=noun, axes=axes, names=names, arranged=arranged, result=result)

    def scaled_by(self, alphas: tuple[float, ...], beta: float) -> Computation:
        """Return this computation with its sum times each α and its addend times β; if β is 0,
        without an addend.

        A factor is multiplied by each α instead of the sum.
        """
        if {*alphas, beta} == {1.0}:
            return self
        scales = dict(zip(self.factors, alphas, strict=False)) | dict.fromkeys(self.addends, beta)
        return replace(self, scales=scales, alphas=alphas)

    def divided_by(self, divisor: int | Integers, *, first: bool = False) -> Computation:
        """Return this computation with divided sums, or if `first`, divided entries of its
        operand.
        """
        return replace(self, divisor=divisor, divided_first=first)

    def called(self, operand: str) -> str:
        """Return the caller's name of an operand."""
        return self.names.get(operand, operand)

    def scaled_name(self, operand: str) -> str:
        """Return the caller's name of an operand, with the number that it is multiplied by."""
        factor = self.scales.get(operand, 1.0)
        return self.called(operand) if factor == 1 else f"{factor:g}·{self.called(operand)}"

    def entry(self, operand: str, index: tuple[int, ...]) -> str:
        """Return an operand's entry in words: by the caller's name and index."""
        arranged = self.arranged.get(operand)
        outer = arranged.index(index) if arranged else index
        return f"{self.called(operand)}[{', '.join(map(str, outer))}]"

    def outer_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Return the caller's index of an entry of the result."""
        return self.result.index(index) if self.result else index

    def outer(self, operand: str) -> tuple[int, ...]:
        """Return the shape of an operand in the caller's axes."""
        arranged = self.arranged.get(operand)
        return arranged.outer if arranged else self.shapes[operand]

    def inward(self, array: Any) -> Any:
        """Return the caller's result in the contraction's axes."""
        return self.result.inward(array) if self.result else array

    def outward(self, array: Any) -> Any:
        """Return an array of the contraction's result in the caller's axes."""
        return self.result.outward(array) if self.result else array

    def _size(self, size: Any) -> int:
        return size_value(size, self.numbers)

    def _extents(self, access: Access) -> tuple[int, ...]:
        return tuple(self._size(axis.extent) for axis in access.axes)


def computation_of(shape: Shape, name: str, definitions: Definitions | None = None) -> Computation:
    """Return a result of an operation by its name: its output, or a gradient.

    `definitions` are by default the package's. Raises `DefinitionsError` if they lack the
    operation, or give other derived sizes than the shape.
    """
    definitions = definitions or load_definitions()
    exported = definitions.data.operations.get(shape.operation)
    if exported is None or name not in exported.results:
        raise DefinitionsError(f"the definitions lack the result {name} of {shape.operation}")
    numbers = shape.parameters()
    for derived, size in exported.derived.items():
        if (value := size_value(size, numbers)) != numbers[derived]:
            raise DefinitionsError(
                f"the definitions give {derived} = {value}, but the geometry {numbers[derived]}"
            )
    contraction = exported.results[name]
    computation = Computation(
        name=name,
        noun="output" if name == "output" else f"{name} gradient",
        axes=tuple(f"index {k}" for k in range(len(contraction.out))),
        contraction=contraction,
        numbers=numbers,
        lean=Declarations.of_contraction(
            contraction.name, len(contraction.factors), len(contraction.addends)
        ),
        geometry=shape,
        definitions=definitions,
    )
    if shape.operation == "conv2d":
        result = Result(name)
        return replace(computation, noun=result.noun, axes=result.axes, lean=result.lean)
    return computation


def conv2d_computation(result: Result, geometry: Geometry) -> Computation:
    """Return a result of conv2d: see `computation_of`."""
    return computation_of(geometry, result.value)
