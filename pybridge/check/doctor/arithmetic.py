"""How this machine's NumPy computes, measured against operations with known results."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pybridge.check.doctor.findings import Finding, good, note, pip, python, wrong
from pybridge.check.doctor.probes import Operation, Probe, hexadecimal, probes
from pybridge.engine.spot import thread_fault
from pybridge.problem.formats import FORMATS, FloatArray, FloatFormat

__all__ = ["elementwise", "imported", "matrix_products"]

_LENGTHS = (1, 3, 4, 7, 8, 16, 17, 31, 64, 67, 1025)
"""Of arrays: below, at and above the widths of vector instructions, with remainders."""

_SIGNS: dict[Operation, str] = {"add": "+", "multiply": "×", "multiply and add": "×+"}


@dataclass(frozen=True, slots=True)
class _Measured:
    """How many results were compared, and for each wrong format the first that differs."""

    results: int
    differences: tuple[str, ...]


def imported(modules: Sequence[str]) -> Iterator[Finding]:
    """Imports modules, which may change how this process computes."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            found = f"it cannot be imported: {type(error).__name__}: {error}"
            yield wrong(f"import {module}", found, pip(module.partition(".")[0]))
        else:
            yield note(f"import {module}", "imported before what follows was measured")


def elementwise(after: Sequence[str] = ()) -> Iterator[Finding]:
    """Sums and products of arrays, in this thread and in a new one; a row for each property."""
    for name in probes(FORMATS["binary32"]):
        here = _measure(name)
        with ThreadPoolExecutor(1) as pool:
            there = pool.submit(_measure, name).result()
        if here.differences or there.differences:
            where = "" if here.differences else "in a new thread: "
            shown = where + "; ".join(here.differences or there.differences)
            yield wrong(name, shown, _remedy(after))
        else:
            formats = ", ".join(format.dtype.name for format in FORMATS.values())
            results = here.results + there.results
            yield good(name, f"{formats}: {results} results, in two threads")


def _remedy(after: Sequence[str]) -> str:
    if after:
        return (
            f"do not import {', '.join(after)} in the process that computes bounds, or have it "
            f"restore the floating-point environment; without: {python()} -m pybridge.doctor"
        )
    return (
        f"env -u LD_PRELOAD -u PYTHONPATH {python()} -I -m pybridge.doctor; if that is right, "
        f"what these variables load is at fault, else: {pip('--force-reinstall', 'numpy')}"
    )


def _measure(name: str) -> _Measured:
    results = 0
    differences = []
    for format in FORMATS.values():
        count, difference = _compare(probes(format)[name], format)
        results += count
        if difference is not None:
            differences.append(f"{format.dtype.name}: {difference}")
    return _Measured(results, tuple(differences))


def _compare(given: Sequence[Probe], format: FloatFormat) -> tuple[int, str | None]:
    """How many results were compared, and the first that differs."""
    count = 0
    for operation in dict.fromkeys(probe.operation for probe in given):
        chosen = [probe for probe in given if probe.operation == operation]
        bits = np.dtype(f"u{format.dtype.itemsize}")
        columns = [
            np.array(column, bits) for column in zip(*(p.operands for p in chosen), strict=True)
        ]
        expected = np.array([probe.expected for probe in chosen], bits)
        for length in _LENGTHS:
            for places in _parts(len(chosen), length):
                for stride in (1, 2):
                    operands = [_laid_out(c[places], stride).view(format.dtype) for c in columns]
                    for operate in _WAYS[operation]:
                        with np.errstate(all="ignore"):
                            got = operate(*operands).view(bits)
                        count += length
                        differing = np.flatnonzero(got != expected[places])
                        if differing.size:
                            first = int(differing[0])
                            probe = chosen[int(places[first])]
                            return count, _told(probe, int(got[first]), length, format)
    return count, None


def _parts(total: int, length: int) -> Iterator[npt.NDArray[np.intp]]:
    """All numbers below `total`, in parts of equal length; some again, to fill the last."""
    for start in range(0, total, length):
        yield np.arange(start, start + length) % total


def _laid_out(array: npt.NDArray[np.unsignedinteger], stride: int) -> FloatArray:
    spread: FloatArray = np.repeat(array, stride)[::stride]
    return spread


def _told(probe: Probe, got: int, length: int, format: FloatFormat) -> str:
    a, b, *c = (hexadecimal(operand, format) for operand in probe.operands)
    expression = f"{a} × {b} + {c[0]}" if c else f"{a} {_SIGNS[probe.operation]} {b}"
    expected = hexadecimal(probe.expected, format)
    entries = "alone" if length == 1 else f"in an array of {length}"
    return f"{expression} is {hexadecimal(got, format)} {entries}, expected {expected}"


def _in_place(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    total = np.multiply(a, b)
    np.add(total, c, out=total)
    return total


def _written(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    total: FloatArray = a * b + c
    return total


_WAYS: dict[Operation, tuple[Callable[..., FloatArray], ...]] = {
    "add": (np.add,),
    "multiply": (np.multiply,),
    "multiply and add": (_written, _in_place),
}


def matrix_products(after: Sequence[str] = ()) -> Iterator[Finding]:
    """What BLAS does: it may fuse, but not flush subnormal numbers or drop bits of operands."""
    fused = []
    for dtype in (np.float32, np.float64):
        name = np.dtype(dtype).name
        precision = np.finfo(dtype).nmant + 1
        rng = np.random.default_rng(0)
        a, b = rng.integers(1, 2 ** ((precision - 8) // 2), (2, 130, 130))
        if not np.array_equal(a.astype(dtype) @ b.astype(dtype), (a @ b).astype(dtype)):
            found = f"{name}: a product of integers that {name} holds exactly is not exact"
            yield wrong("matrix products", found, _remedy(after))
            return
        tiny = np.full((130, 130), np.finfo(dtype).tiny, dtype)
        halves = np.full((130, 130), 0.5, dtype)
        kept = (tiny[:, :1] @ halves[:1]).view(f"u{tiny.itemsize}")
        if not np.array_equal(kept, np.full_like(kept, 1 << (precision - 2))):
            found = f"{name}: subnormal results are flushed to zero"
            yield wrong("matrix products", found, _remedy(after))
            return
        fault = thread_fault(np.dtype(dtype))
        if fault:
            yield wrong("matrix products", f"{name}: a thread {fault}", _remedy(after))
            return
        fused += [name] * _fuses(dtype, precision)
    shown = f"fused multiply-add in {' and '.join(fused)}" if fused else "no fused multiply-add"
    yield good("matrix products", f"{shown} (both may be); subnormal numbers kept")


def _fuses(dtype: type[np.floating], precision: int) -> bool:
    """Whether a product is added before it is rounded."""
    a = dtype(1 + 2.0 ** (1 - precision))
    rows = np.tile(np.array([a, -(a * a)], dtype), (64, 1))
    columns = np.tile(np.array([[a], [1]], dtype), (1, 64))
    return bool(np.any(rows @ columns) or np.any(rows[:, ::-1] @ columns[::-1]))
