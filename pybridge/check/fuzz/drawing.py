"""Draws windows, shapes, operands, their eps, and whole cases of every operation.

Each function takes a source of choices: a seeded generator for `pybridge.check.fuzz.stream`,
Hypothesis for `pybridge.check.fuzz.strategies`. Every case that is drawn is valid: nothing is
filtered out. Earlier options are simpler. Entries follow from a seed (`pybridge.check.fuzz.kinds`),
so that their digits are evenly distributed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from pybridge.check.fuzz.kinds import KINDS, mixed_entries
from pybridge.problem.case import Case
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Pooling, Product, Shape

__all__ = [
    "EPS",
    "Choices",
    "Drawn",
    "Seeded",
    "draw_case",
    "draw_eps",
    "draw_geometry",
    "draw_kinds",
    "draw_shape",
    "draw_window",
]

T = TypeVar("T")

EPS = ("zero", "small", "large", "subnormal", "huge")
"""Magnitudes of an operand's eps: none, some ulps of 1, around 1, below 2⁻¹⁰²², above 2¹⁰⁰."""

_FORMATS = ("binary32", "binary16", "bfloat16", "binary64")
_FORMS = ("general", "general", "point", "full", "padding", "unread")
_GROUPINGS = ("any", "any", "any", "depthwise", "multiplier")
_OPERATIONS = ("convolution", "convolution", "transposed", "product", "pooling")
_SMALL = (1, 1, 2, 3)
_PADDING = (0, 0, 1, 1, 2, 3)


class Choices(Protocol):
    """A source of choices."""

    def integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high]."""

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options."""


class Seeded:
    """Choices that a seed determines, the same on every machine and version."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high], all equally likely."""
        return low + self._random.getrandbits(64) % (high - low + 1)

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options, all equally likely."""
        return options[self.integer(0, len(options) - 1)]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A case, and the kinds of each operand's entries and eps, in the operands' order."""

    case: Case
    kinds: tuple[tuple[str, ...], ...]
    eps: tuple[str, ...]


def draw_window(choices: Choices) -> Window:
    """Draw a window.

    It is general, of one entry (`point`), as large as the padded input (`full`), has positions that
    read only padding (`padding`), or a stride beyond what it spans (`unread`).
    """
    form = choices.choose(_FORMS)
    kernel = 1 if form == "point" else choices.integer(1, 3)
    dilation, stride = choices.integer(1, 3), choices.integer(1, 3)
    begin, end = choices.choose(_PADDING), choices.choose(_PADDING)
    reach = dilation * (kernel - 1) + 1
    size = choices.integer(0, 5 if form == "unread" else 3)
    if form == "full":
        size = min(size + 1, reach)
        begin = min(begin, reach - size)
        end = reach - size - begin
    else:
        if form == "padding":
            begin += reach
        elif form == "unread":
            stride, begin, end = reach + stride, 0, 0
        size += max(1, reach - begin - end)
    return Window(
        size=size, kernel=kernel, stride=stride, pad_begin=begin, pad_end=end, dilation=dilation
    )


def _draw_transposed(choices: Choices) -> Window:
    """Draw a window like `draw_window`, but transposed, with some output padding."""
    window = draw_window(choices)
    cut = window.pad_begin + window.pad_end + 1 - window.reach
    least = max(1, -(-cut // window.stride) + 1)
    most = max(window.stride, window.dilation) - 1
    padding = choices.choose((0, 0, most, choices.integer(0, most)))
    size = max(least, min(window.size, 3))
    changed = {"size": size, "transposed": True, "output_padding": padding}
    return Window(**{**window.model_dump(), **changed})


def draw_geometry(
    choices: Choices, largest: int = 300, rank: int = 2, transposed: bool = False
) -> Geometry:
    """Draw a geometry of about `largest` multiply-adds at most, or of one channel."""
    grouping = choices.choose(_GROUPINGS)
    plain = grouping == "any"
    draw = _draw_transposed if transposed else draw_window
    windows = [draw(choices)]
    alike = choices.choose((True, False, False, False))
    windows += [windows[0] if alike else draw(choices) for _ in range(rank - 1)]
    geometry = Geometry(
        batch=choices.choose(_SMALL),
        groups=choices.choose(_SMALL) if plain else choices.integer(2, 4),
        in_channels=choices.choose(_SMALL) if plain else 1,
        out_channels=1 if grouping == "depthwise" else choices.choose(_SMALL),
        windows=tuple(windows),
    )
    for axis in ("batch", "in_channels", "out_channels", "groups"):
        if geometry.multiply_adds > largest:
            geometry = geometry.model_copy(update={axis: 1})
    for i in range(2, rank):
        if geometry.multiply_adds > largest:
            windows[i] = Window(size=1, kernel=1, transposed=transposed)
            geometry = geometry.moving(*windows)
    return geometry


def draw_shape(choices: Choices, largest: int = 300) -> Shape:
    """Draw the shape of an operation, of about `largest` terms at most, or of one channel."""
    operation = choices.choose(_OPERATIONS)
    if operation == "product":
        sizes = {name: choices.choose(_SMALL) for name in "BMNPQ"}
        product = Product(**sizes, K=choices.integer(1, 7))
        for name in "PQB":
            if product.multiply_adds > largest:
                product = product.model_copy(update={name: 1})
        return product
    if operation == "pooling":
        windows = (draw_window(choices), draw_window(choices))
        return Pooling(
            batch=choices.choose(_SMALL), channels=choices.choose(_SMALL), windows=windows
        )
    return draw_geometry(
        choices, largest, choices.choose((2, 1, 3)), transposed=operation == "transposed"
    )


def draw_kinds(choices: Choices, operands: int = 4) -> tuple[tuple[str, ...], ...]:
    """Draw the kinds of the operands' entries: one for all, one for each, or several in each."""
    names = tuple(KINDS)
    how = choices.choose(("alike", "apart", "within"))
    if how == "alike":
        return ((choices.choose(names),),) * operands
    counts = [1 if how == "apart" else choices.integer(1, 3) for _ in range(operands)]
    return tuple(
        tuple(dict.fromkeys(choices.choose(names) for _ in range(count))) for count in counts
    )


def draw_eps(choices: Choices, magnitude: str, format: FloatFormat) -> float:
    """Draw an operand's eps of a magnitude among `EPS`."""
    if magnitude == "zero":
        return 0.0
    part = choices.integer(0, 2**20 - 1)
    if magnitude == "subnormal":
        return math.ldexp(1 + part, -1074)
    if magnitude == "huge":
        return math.ldexp(1 + part / 2**20, choices.integer(100, 499))
    least = -format.precision - 4 if magnitude == "small" else -4
    return math.ldexp(1 + part / 2**20, choices.integer(least, least + 7))


def draw_case(
    choices: Choices,
    label: str = "fuzz",
    largest: int = 300,
    draw: Callable[[Choices, int], Shape] = draw_shape,
) -> Drawn:
    """Draw a whole case; half of the cases have operands with an eps. `draw` draws the shape."""
    format = FORMATS[choices.choose(_FORMATS)]
    geometry = draw(choices, largest)
    shapes = geometry.shapes
    kinds = draw_kinds(choices, len(shapes))
    moved = choices.choose((False, True))
    magnitudes = tuple(choices.choose(EPS) if moved else "zero" for _ in shapes)
    seed = choices.integer(0, 2**32 - 1)
    operands = {}
    for (name, shape), names, magnitude in zip(shapes.items(), kinds, magnitudes, strict=True):
        array = mixed_entries(names, shape, format, f"{seed} {name}")
        operands[name] = Operand(array, draw_eps(choices, magnitude, format))
    case = Case(label=label, geometry=geometry, format=format.name, operands=operands)
    return Drawn(case, kinds, magnitudes)
