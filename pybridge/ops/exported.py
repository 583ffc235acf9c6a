"""Operations that someone else defined in Lean, read from what Lean printed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pybridge.bounds.arguments import held
from pybridge.bounds.operation import Operation
from pybridge.errors import InputError, InputTypeError
from pybridge.exported.document import Operation as Exported
from pybridge.exported.document import parse_operations
from pybridge.exported.expressions import size_value
from pybridge.ops.bilinear import Eps
from pybridge.problem.computation import Computation
from pybridge.problem.operands import check_eps
from pybridge.problem.results import Declarations

__all__ = ["contraction"]

_MOST = 2**31 - 1


def contraction(
    operation: str | Exported,
    operands: Mapping[str, Any],
    sizes: Mapping[str, int],
    *,
    result: str = "output",
    eps: Eps = None,
) -> Operation:
    """Return a result of an operation that was defined in Lean outside of the library, and
    exported.

    `operation` is what Lean's `Operation.json` prints of one operation, or that as
    `parse_operations` reads it. `operands` are by the operation's names, of the shapes that its
    contraction gives them at `sizes`, which has the numbers that a case states. The contraction is
    the definition of the exact values: there is no textbook formula to compare with.

    Raises `InputError` for other operands or sizes, for a contraction of more than two factors or
    one addend, about which the theorems say nothing, and `DefinitionsError` for a text that does
    not hold an operation.
    """
    if isinstance(operation, str):
        named = parse_operations(operation)
        if len(named) != 1:
            raise InputError(f"operation: expected one, got {', '.join(named) or 'none'}")
        (operation,) = named.values()
    if not isinstance(operation, Exported):
        raise InputTypeError(f"operation: expected Lean's JSON of one, got {operation!r:.60}")
    numbers = _numbers(operation, sizes)
    if not isinstance(result, str) or result not in operation.results:
        known = ", ".join(operation.results)
        raise InputError(f"result: expected one of {known}, got {result!r:.60}")
    arrays = {name: held(name, array) for name, array in operands.items()}
    deviations = {name: check_eps(f"eps of {name}", value) for name, value in (eps or {}).items()}
    return _operation(operation, result, numbers, arrays, deviations)


def _numbers(operation: Exported, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return all numbers of an operation, computed from those that a case states."""
    if set(sizes) != set(operation.stated):
        raise InputError(
            f"sizes: expected {', '.join(operation.stated)}, got {', '.join(sizes) or 'none'}"
        )
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MOST:
            raise InputError(f"sizes: expected natural numbers, got {name} = {size!r:.60}")
    numbers = dict(sizes)
    for name, size in operation.derived.items():
        numbers[name] = size_value(size, numbers)
    return numbers


def _operation(
    exported: Exported,
    result: str,
    numbers: Mapping[str, int],
    arrays: Mapping[str, Any],
    eps: Mapping[str, float],
) -> Operation:
    written = exported.results[result]
    factors, addends = len(written.factors), len(written.addends)
    if factors > 2 or addends > (factors == 2):
        raise InputError(
            f"{result}: a contraction of {factors} factors and {addends} addends, but the theorems "
            "are about one factor, or two and at most one addend"
        )
    computation = Computation(
        name=result,
        noun="output" if result == "output" else f"{result} gradient",
        axes=tuple(f"index {axis}" for axis in range(len(written.out))),
        contraction=written,
        numbers=numbers,
        lean=Declarations.of_contraction(written.name, factors, addends),
    )
    for name in computation.factors:
        if name not in arrays:
            raise InputError(f"{name}: {computation.words} depends on it, expected an array")
    for name, shape in computation.shapes.items():
        if name in arrays and tuple(arrays[name].shape) != shape:
            raise InputError(f"{name} has shape {tuple(arrays[name].shape)}, expected {shape}")
    if min((*computation.shape, computation.products), default=1) < 1:
        raise InputError(f"sizes: {computation.words} has no entries or no terms")
    gradients = {}
    for name in computation.operands if result == "output" else ():
        own = "input" if name == "x" and "x" not in exported.results else name
        if own in exported.results and name in arrays:
            gradients[name] = partial(_gradient, exported, own, numbers, arrays, eps)
    used = {name: arrays[name] for name in computation.operands if name in arrays}
    deviations = {name: eps[name] for name in used if name in eps}
    return Operation("contraction", computation, used, deviations, gradients)


def _gradient(
    exported: Exported,
    result: str,
    numbers: Mapping[str, int],
    arrays: Mapping[str, Any],
    eps: Mapping[str, float],
    cotangent: Any,
    cotangent_eps: float,
) -> Operation:
    array = held("grad_output", cotangent)
    deviations = {**eps, "grad_output": check_eps("eps", cotangent_eps)}
    return _operation(exported, result, numbers, {**arrays, "grad_output": array}, deviations)
