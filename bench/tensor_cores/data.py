"""Operands for tensor cores: random ones, and dot products made to lose as much as possible.

A dot product is a row of two arrays [G, K]; `dots` makes a convolution of G groups out of them, of
which the output, weight gradient or input gradient are these G numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from bench.tensor_cores.kernels import held
from bench.tensor_cores.scaled import held_in_blocks, scaled_dots
from bench.tensor_cores.units import Unit
from pybridge.bounds.sharp import sharp_operands
from pybridge.problem.geometry import Geometry

__all__ = ["DOTS", "READ", "Problem", "Result", "convolution", "dots", "scaled"]

_Array: TypeAlias = npt.NDArray[Any]
Result: TypeAlias = Literal["output", "weight", "input"]

READ: Mapping[Result, tuple[str, str]] = {
    "output": ("x", "weight"),
    "weight": ("x", "grad_output"),
    "input": ("weight", "grad_output"),
}
"""The operands that each result multiplies."""

_DROPS = range(6, 40)
"""How many binary digits terms may be below the largest: every unit just cuts off some of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A result of a convolution, and its operands in the dtypes of a unit."""

    data: str
    result: Result
    geometry: Geometry
    operands: Mapping[str, _Array]


@dataclass(frozen=True, slots=True)
class _Range:
    """The significand's bits and the exponents of a dtype's normal numbers."""

    bits: int
    least: int
    most: int

    @classmethod
    def of(cls, dtype: str) -> _Range:
        """Return the range of a dtype, without a binade that lacks some numbers, as E4M3's last."""
        if dtype == "tf32":
            return cls(11, -126, 127)
        info = ml_dtypes.finfo(getattr(ml_dtypes, dtype, None) or dtype)  # type: ignore[no-untyped-call]
        most = math.floor(math.log2(float(info.max)))
        whole = float(info.max) == math.ldexp(2 - 2.0**-info.nmant, most)
        return cls(info.nmant + 1, int(info.minexp), most if whole else most - 1)

    @property
    def below_two(self) -> float:
        """The largest significand."""
        return 2 - 2.0 ** (1 - self.bits)


class _Rows:
    """Dot products of a unit's numbers, given by the exponents of their terms."""

    def __init__(self, unit: Unit, rows: int, terms: int, rng: np.random.Generator) -> None:
        self.unit, self.rng = unit, rng
        self.shape = rows, terms
        self.x, self.y = _Range.of(unit.x), _Range.of(unit.y)
        room = (126 if unit.result == "float32" else 14) - math.ceil(math.log2(terms + 1)) - 2
        self.most = min(self.x.most + self.y.most, room)
        self.least = self.x.least + self.y.least

    def of(self, exponents: Any, significands: Any, signs: Any) -> tuple[_Array, _Array]:
        """Return operands whose products have these exponents, as far as the dtypes allow.

        The exponents are divided between x and y; x has the significands.
        """
        wanted = np.clip(np.broadcast_to(exponents, self.shape), self.least, self.most)
        first = np.clip((wanted + self.x.least - self.y.least) // 2, self.x.least, self.x.most)
        second = np.clip(wanted - first, self.y.least, self.y.most)
        first = np.clip(wanted - second, self.x.least, self.x.most)
        return np.ldexp(significands * signs, first), np.ldexp(np.ones(self.shape), second)

    def significands(self) -> _Array:
        """Draw significands of x."""
        last = 2.0 ** (1 - self.x.bits)
        return 1 + last * np.floor(self.rng.random(self.shape) / last)

    def signs(self) -> _Array:
        """Draw signs."""
        return self.rng.choice([-1.0, 1.0], self.shape)

    def drops(self) -> _Array:
        """Return for each row how many binary digits its small terms are below its largest."""
        return np.resize(np.array(_DROPS), self.shape[0])[:, None]


def _below(rows: _Rows) -> tuple[_Array, _Array]:
    """Return large terms at the start or every few terms, and others a little below a power of two,
    which are just cut off if that is the last digit kept.
    """
    count, terms = rows.shape
    apart = np.resize(np.array([terms, terms, 32, 16, 8, 4]), count)[:, None]
    large = np.arange(terms) % apart == 0
    top = min(rows.most, 0)
    exponents = np.where(large, top, top - 1 - rows.drops())
    significands = np.where(large, 1.0, rows.x.below_two)
    signs = np.where(large, 1.0, rows.rng.choice([-1.0, 1.0], (count, 1)))
    return rows.of(exponents, significands, signs)


def _swallowed(rows: _Rows) -> tuple[_Array, _Array]:
    """Return a large first term and then, in every block, a term that the result just cannot keep
    and others that are just cut off.
    """
    count, terms = rows.shape
    place = np.arange(terms)
    kept = np.resize(np.array([23, 22, 13, 12, 10, 11]), count)[:, None]
    first = place % rows.unit.step == 0
    exponents = np.where(first, -1 - kept, -1 - rows.drops())
    exponents = np.where(place == 0, 0, exponents) + min(rows.most, 0)
    significands = np.where(place == 0, 1.0, rows.x.below_two)
    return rows.of(exponents, significands, np.ones(rows.shape))


def _spread(rows: _Rows) -> tuple[_Array, _Array]:
    """Return terms with exponents all over the range."""
    width = rows.rng.integers(1, rows.most - rows.least + 2, (rows.shape[0], 1))
    exponents = rows.most - np.floor(rows.rng.random(rows.shape) * width).astype(int)
    return rows.of(exponents, rows.significands(), rows.signs())


def _cancelling(rows: _Rows) -> tuple[_Array, _Array]:
    """Return terms that cancel, next to each other or half a row apart, and a few that remain."""
    count, terms = rows.shape
    high = max(rows.least, min(0, rows.most))
    x, y = rows.of(np.full(rows.shape, high), rows.significands(), rows.signs())
    apart = np.resize(np.array([1, max(terms // 2, 1)]), count)
    for row, distance in enumerate(apart):
        place = np.arange(terms)
        second = (place // distance) % 2 == 1
        x[row, second] = -x[row, place[second] - distance]
        y[row, second] = y[row, place[second] - distance]
    small = np.floor(rows.rng.random(rows.shape) * 30).astype(int)
    other = rows.of(high - small, rows.significands(), rows.signs())
    remains = rows.rng.random(rows.shape) < 0.1
    return np.where(remains, other[0], x), np.where(remains, other[1], y)


def _subnormal(rows: _Rows) -> tuple[_Array, _Array]:
    """Return subnormal numbers in x and large ones in y, beside products that are just cut off at
    the exponent of a subnormal operand, which is not normalised.
    """
    count, terms = rows.shape
    top = min(rows.most, rows.x.least + rows.y.most)
    x, y = rows.of(
        top - 1 - np.broadcast_to(rows.drops(), rows.shape),
        np.full(rows.shape, rows.x.below_two),
        rows.rng.choice([-1.0, 1.0], (count, 1)),
    )
    apart = np.resize(np.array([terms, 16, 8, 5]), count)[:, None]
    subnormal = np.arange(terms) % apart == 0
    units = np.resize(np.array([1, 1, 3, 2 ** (rows.x.bits - 1) - 1]), count)[:, None]
    tiny = np.ldexp(units.astype(float), rows.x.least - rows.x.bits + 1)
    return np.where(subnormal, tiny, x), np.where(subnormal, np.ldexp(1.0, top - rows.x.least), y)


def _least(rows: _Rows) -> tuple[_Array, _Array]:
    """Return products near the least numbers, and zeros, which also have an exponent."""
    count = rows.shape[0]
    bottom = rows.least if rows.unit.result == "float16" else max(rows.least, -150)
    width = rows.rng.integers(1, 36, (count, 1))
    exponents = bottom + np.floor(rows.rng.random(rows.shape) * width).astype(int)
    x, y = rows.of(exponents, rows.significands(), rows.signs())
    zero = rows.rng.random(rows.shape) < rows.rng.random((count, 1))
    zero[:, 1:] &= rows.rng.random((count, 1)) < 0.7
    return np.where(zero & (rows.rng.random(rows.shape) < 0.5), 0.0, x), np.where(zero, 0.0, y)


def _large(rows: _Rows) -> tuple[_Array, _Array]:
    """Return terms whose sums nearly overflow."""
    drop = np.floor(rows.rng.random(rows.shape) * 3).astype(int)
    signs = np.where(rows.rng.random((rows.shape[0], 1)) < 0.5, 1.0, rows.signs())
    return rows.of(rows.most - drop, rows.significands(), signs)


DOTS: Mapping[str, Callable[[_Rows], tuple[_Array, _Array]]] = {
    "just cut off": _below,
    "swallowed": _swallowed,
    "spread of exponents": _spread,
    "cancelling": _cancelling,
    "subnormal operands": _subnormal,
    "least numbers and zeros": _least,
    "near overflow": _large,
}
"""The adversarial kinds of dot products."""


def dots(data: str, unit: Unit, result: Result, rows: int, terms: int, seed: int) -> Problem:
    """Return dot products of a kind in `DOTS`, as a result of a 1×1 convolution in groups."""
    # A hash of text differs from run to run; these numbers do not.
    numbers = [seed, rows, terms, *f"{data} {unit.name}".encode()]
    made = _Rows(unit, rows, terms, np.random.default_rng(numbers))
    x, y = DOTS[data](made)
    x, y = held(x, unit.x), held(y, unit.y)
    match result:
        case "output":
            shapes: Any = (1, rows * terms, 1, 1), (rows, terms, 1, 1)
        case "weight":
            shapes = (1, rows, 1, terms), (1, rows, 1, terms)
        case "input":
            shapes = (rows * terms, 1, 1, 1), (1, rows * terms, 1, 1)
    operands = dict(zip(READ[result], (x.reshape(shapes[0]), y.reshape(shapes[1])), strict=True))
    geometry = {
        "output": lambda: Geometry.of((1, rows * terms, 1, 1), (rows, terms, 1, 1), groups=rows),
        "weight": lambda: Geometry.of((1, rows, 1, terms), (rows, 1, 1, 1), groups=rows),
        "input": lambda: Geometry.of((1, rows, 1, 1), (rows * terms, 1, 1, 1), groups=rows),
    }[result]()
    return Problem(data, result, geometry, operands)


def scaled(data: str, unit: Unit, rows: int, terms: int, seed: int) -> Problem:
    """Return dot products of a kind in `SCALED_DOTS`, as a weight gradient: sums over a row."""
    x, y = scaled_dots(data, unit, rows, terms, seed)
    shape = 1, rows, 1, terms
    operands = {"x": x.reshape(shape), "grad_output": y.reshape(shape)}
    return Problem(data, "weight", Geometry.of(shape, (rows, 1, 1, 1), groups=rows), operands)


def convolution(
    data: Literal["normal", "sharp"], unit: Unit, result: Result, geometry: Geometry, seed: int
) -> Problem:
    """Return random operands of a convolution: normal, or of condition number one."""
    if data == "sharp":
        drawn = sharp_operands(
            geometry.x_shape,
            geometry.weight_shape,
            **geometry.options._asdict(),
            seed=seed,
        )._asdict()
    else:
        rng = np.random.default_rng(seed)
        shapes = {
            "x": geometry.x_shape,
            "weight": geometry.weight_shape,
            "grad_output": geometry.output_shape,
        }
        drawn = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    first, second = READ[result]
    hold = held_in_blocks if unit.scaled else held
    operands = {first: hold(drawn[first], unit.x), second: hold(drawn[second], unit.y)}
    return Problem(data, result, geometry, operands)
