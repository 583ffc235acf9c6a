"""A new arithmetic, run in Lean: `python -m examples.interval`.

Lean proves that intervals contain what exact arithmetic gives, and evaluates conv2d and its
gradients in them. A kernel gradient's entry reads each number once, so its interval is the exact
range: both ends are attained at corners of the operands' intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np

from examples.library import Library, numbers, run_example
from pybridge.exported.document import CONTRACTIONS
from pybridge.problem.case import Case
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.truth.exact import exact_results

__all__ = ["Ranges", "ask", "case", "compare"]

Ranges = dict[str, list[tuple[Fraction, Fraction]]]


def case() -> Case:
    """Return a small conv2d whose operands are known up to their eps."""
    geometry = Geometry(
        windows=(
            Window(size=1, kernel=1),
            Window(size=3, kernel=2, stride=2, pad_begin=1),
        ),
    )
    return Case(
        label="intervals",
        format="binary32",
        geometry=geometry,
        operands={
            name: Operand(np.array(numbers, np.float32).reshape(geometry.shapes[name]), eps)
            for name, numbers, eps in (
                ("x", [1.0, -0.25, 2.0], 0.5),
                ("weight", [0.5, -3.0], 0.25),
                ("bias", [0.125], 0.0625),
                ("grad_output", [-1.0, 0.25], 0.5),
            )
        },
    )


def ask(library: Library) -> Ranges:
    """Prove that intervals are sound, and let Lean evaluate the case in them."""
    library.prove("Interval.Theorems")
    lines = case().to_text().splitlines()
    printed = numbers(library.run("Interval", "intervalMain", "\n".join(lines[1:-1])))
    return {
        name: list(zip(printed[f"{name}.low"], printed[f"{name}.high"], strict=True))
        for name in CONTRACTIONS
    }


def corners() -> Iterator[dict[str, list[Fraction]]]:
    """Yield the exact results at every corner of the operands' intervals."""
    middle = case()
    count = sum(array.size for array in middle.values.values())
    for signs in product((-1.0, 1.0), repeat=count):
        left = iter(signs)
        moved = {
            name: operand.value.astype(np.float64)
            + operand.eps
            * np.array([next(left) for _ in range(operand.value.size)]).reshape(operand.value.shape)
            for name, operand in middle.operands.items()
        }
        results = exact_results(middle.geometry, moved)
        yield {name: results[name].fractions() for name in CONTRACTIONS}


def compare(ranges: Ranges) -> list[str]:
    """Return what is wrong with Lean's intervals, a line each."""
    results = list(corners())
    wrong = []
    for name, intervals in ranges.items():
        entries = list(zip(*(corner[name] for corner in results), strict=True))
        for index, ((low, high), values) in enumerate(zip(intervals, entries, strict=True)):
            if (low, high) != (min(values), max(values)):
                wrong.append(
                    f"{name}[{index}] is in [{low}, {high}] by Lean, but its values at corners "
                    f"reach from {min(values)} to {max(values)}"
                )
    return wrong


if __name__ == "__main__":
    run_example(
        lambda library: compare(ask(library)),
        "proved; the ends of every interval are values at corners of the operands' intervals",
    )
