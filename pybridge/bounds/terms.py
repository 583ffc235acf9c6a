"""The terms of one entry of a contraction, read from a case's operands and added up in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

from pybridge.bounds.contributions import Ledger, Quantity
from pybridge.engine.indices import Reader
from pybridge.exported.expressions import size_value
from pybridge.problem.computation import Computation
from pybridge.problem.operands import Operand

__all__ = ["loop_indices", "sum_terms"]


def loop_indices(index: Sequence[int], computation: Computation) -> list[int]:
    """Return the output loop indices at an index (Lean: `RuntimeApprox.outIndices`)."""
    numbers = computation.numbers
    sizes = [[size_value(size, numbers) for size in axis] for axis in computation.contraction.out]
    loops: list[int] = []
    for i, axis in zip(index, sizes, strict=True):
        digits: list[int] = []
        for size in reversed(axis):
            i, digit = divmod(i, size)
            digits.append(digit)
        loops += reversed(digits)
    return loops


def sum_terms(
    ledger: Ledger, computation: Computation, operands: Mapping[str, Operand], index: Sequence[int]
) -> tuple[Quantity, int]:
    """Return the entry at an index, and how many terms it has.

    Mirrors Lean's `RuntimeApprox.Contraction.evalAt`. Raises `OverflowError` as `Ledger.combine`
    does.
    """
    total, terms = ledger.zero(), 0
    for term in _terms(computation, operands, loop_indices(index, computation)):
        terms += 1
        value = term[0]
        for factor in term[1:]:
            value = ledger.combine("mul", value, factor, terms)
        total = ledger.combine("add", total, value, terms)
    return total, terms


def _terms(
    computation: Computation, operands: Mapping[str, Operand], out: Sequence[int]
) -> Iterator[list[Quantity]]:
    """Yield the factors of each term in order, then the addends; terms that read outside are
    skipped.
    """
    contraction, parameters = computation.contraction, computation.numbers
    factors = [Reader.of(operand, parameters) for operand in contraction.factors]
    addends = [Reader.of(operand, parameters) for operand in contraction.addends]
    ranges = (range(size_value(size, parameters)) for size in contraction.red)

    def read(readers: Sequence[Reader], red: Sequence[int]) -> list[Quantity] | None:
        entries = []
        for reader in readers:
            index = _entry_index(reader, out, red)
            if index is None:
                return None
            operand, name = operands[reader.name], reader.name
            entry = Fraction(float(operand.value[index]))
            text = computation.entry(name, index).replace(" ", "")
            eps_name = f"eps_{computation.called(name)}"
            entries.append(Quantity(entry, Fraction(operand.eps), text, eps_name))
        return entries

    for red in product(*ranges):
        if entries := read(factors, red):
            yield entries
    for addend in addends:
        if entries := read([addend], ()):
            yield entries


def _entry_index(reader: Reader, out: Sequence[int], red: Sequence[int]) -> tuple[int, ...] | None:
    """Return the index at which a term reads, None outside (Lean: `RuntimeApprox.read`)."""
    index = []
    for axis in reader.axes:
        total = axis.offset
        total += sum(c * i for c, i in zip(axis.out, out, strict=True))
        total += sum(c * i for c, i in zip(axis.red, red, strict=True))
        at, rest = divmod(total, axis.divisor)
        if rest or not 0 <= at < axis.extent:
            return None
        index.append(at)
    return tuple(index)
