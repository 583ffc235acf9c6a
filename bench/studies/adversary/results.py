"""Makes arrays to be judged: what kernels computed, honestly or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from bench.studies.adversary.calls import Array
from bench.studies.adversary.kernels import Computed
from bench.studies.adversary.numbers import Exceeds, Format, integers, largest, rounding, to_float
from bench.studies.adversary.problem import Problem, Sums
from bench.studies.adversary.promise import Limit, Promise

__all__ = ["Result", "hostile", "native", "of_kernel"]


@dataclass(frozen=True, slots=True)
class Result:
    """An array, and its values in units of 2^−unit, None for an infinity or NaN."""

    array: Array
    values: Sequence[int | None]
    unit: int

    @property
    def finite(self) -> Array:
        """The array with zeros where it is not finite."""
        return np.where(np.isfinite(self.array), self.array, 0).astype(self.array.dtype)


def of_kernel(problem: Problem, format: Format, computed: Sequence[Computed]) -> Result:
    """Return what a simulated kernel computed, infinite where it overflowed."""
    values = [None if entry.overflow else entry.value for entry in computed]
    floats = [
        math.inf * entry.overflow if entry.overflow else to_float(entry.value, problem.unit)
        for entry in computed
    ]
    return Result(_array(problem, format, floats), values, problem.unit)


def native(problem: Problem, promise: Promise, random: Random) -> list[Computed] | None:
    """Compute a problem in this machine's float16, float32 or float64 arithmetic.

    Return None if the promise is about anything but sums to nearest in such a format, or the format
    does not hold the operands.
    """
    held = all(promise.accumulate.holds(problem.formats[name]) for name in problem.used)
    special = promise.flushed or promise.bounded or promise.operands
    if not held or special or promise.rounding != "nearest" or promise.accumulate.dtype is None:
        return None
    if promise.output != promise.summed or promise.accumulate.name == "bfloat16":
        return None
    dtype = promise.accumulate.dtype
    flat = {name: problem.arrays[name].astype(dtype).ravel() for name in problem.used}
    ways: list[Callable[[Array], np.floating]] = [np.sum, lambda t: np.add.accumulate(t)[-1]]
    way = random.choice(ways)
    dot = random.random() < 0.5 and promise.accumulate.name != "float16"
    results = []
    with np.errstate(all="ignore"):
        for entry in problem.entries:
            second = flat[problem.names[-1]][list(entry.second)]
            if not entry.second:
                total = dtype.type(0)
            elif problem.which == "bias":
                total = way(second)
            else:
                first = flat[problem.names[0]][list(entry.first)]
                total = np.dot(first, second) if dot else way(first * second)
            if problem.has_bias:
                total = total + flat["bias"][entry.bias]
            if np.isfinite(total):
                value = integers(
                    np.array([total], dtype), max(problem.unit, -promise.accumulate.quantum)
                )
                shift = max(-promise.accumulate.quantum - problem.unit, 0)
                results.append(Computed(value[0] >> shift))
            else:
                results.append(Computed(0, 1))
    return results


def hostile(
    problem: Problem,
    format: Format,
    sums: Sequence[Sums],
    promise: Promise,
    plain: bool,
    random: Random,
) -> Result:
    """Return results at the limit of what is allowed, and far beyond it."""
    values: list[int | None] = []
    floats: list[float] = []
    limits: dict[int, Limit] = {}
    unit = max(problem.unit, -format.quantum)
    for entry in sums:
        if entry.terms not in limits:
            longest = problem.longest
            limits[entry.terms] = Limit(promise, entry.terms, longest, plain, problem.unit, unit)
        limit = limits[entry.terms]
        number = math.nan
        if random.random() < 0.95:
            number = _wrong(format, entry, limit, random)
        elif random.random() < 0.8:
            number = random.choice((math.inf, -math.inf))
        floats.append(number)
        finite = math.isfinite(number)
        values.append(integers(np.array([number]), unit)[0] if finite else None)
    return Result(_array(problem, format, floats), values, unit)


def _wrong(format: Format, entry: Sums, limit: Limit, random: Random) -> float:
    """Return a number of the format: mostly the exact value plus what is allowed, rounded."""
    exact = entry.exact << limit.up
    allowed = limit(entry.magnitude, entry.deviation, entry.exact)
    most = largest(format, limit.fine)
    sign, choice = random.choice((-1, 1)), random.random()
    if choice < 0.75:
        wanted = exact + sign * allowed
        wanted += random.choice((-1, 0, 0, 1)) * (allowed >> random.choice((4, 12, 25, 40)))
    elif choice < 0.8:
        wanted = 0
    elif choice < 0.87:
        wanted = exact * random.choice((2, -1, 1 << 20))
    elif choice < 0.92:
        wanted = sign * most
    else:
        wanted = exact
    direction = "nearest" if random.random() < 0.5 else "toward-zero"
    try:
        rounded = rounding(format, limit.fine, direction, "never", random)(wanted)  # type: ignore[arg-type]
    except Exceeds as error:
        rounded = error.sign * most
    number = to_float(rounded, limit.fine)
    if number and random.random() < 0.4:
        # The next number of the format, up or down.
        exponent = max(math.frexp(number)[1] - format.bits, format.quantum)
        moved = number + math.copysign(math.ldexp(1, exponent), random.choice((-1, 1)))
        number = moved if abs(moved) <= float(format.largest) else number
    return number


def _array(problem: Problem, format: Format, values: Sequence[float]) -> Array:
    assert format.dtype is not None
    array: Array = np.array(values).astype(format.dtype).reshape(problem.shape)
    return array
