"""How this machine's NumPy computes, measured against operations with known results."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pybridge.check.doctor.findings import Finding, good, note, pip, python, wrong
from pybridge.engine.spot import thread_fault
from pybridge.problem.formats import require_ieee

__all__ = ["elementwise", "imported", "matrix_products"]


def imported(modules: Sequence[str]) -> Iterator[Finding]:
    """Import modules, which may change how this process computes."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            problem = f"it cannot be imported: {type(error).__name__}: {error}"
            yield wrong(f"import {module}", problem, pip(module.partition(".")[0]))
        else:
            yield note(f"import {module}", "imported before what follows was measured")


def elementwise(after: Sequence[str] = ()) -> Iterator[Finding]:
    """Examine sums and products in this thread and in a new one, as each computed bound does."""
    try:
        require_ieee()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(require_ieee).result()
    except FloatingPointError as error:
        yield wrong("arithmetic", str(error), _remedy(after))
    else:
        yield good("arithmetic", "subnormal numbers kept, rounded to nearest, in two threads")


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


def matrix_products(after: Sequence[str] = ()) -> Iterator[Finding]:
    """Examine BLAS: it may fuse, but not flush subnormal numbers or drop bits of operands."""
    fused = []
    for dtype in (np.float32, np.float64):
        name = np.dtype(dtype).name
        precision = np.finfo(dtype).nmant + 1
        rng = np.random.default_rng(0)
        a, b = rng.integers(1, 2 ** ((precision - 8) // 2), (2, 130, 130))
        if not np.array_equal(a.astype(dtype) @ b.astype(dtype), (a @ b).astype(dtype)):
            problem = f"{name}: a product of integers that {name} holds exactly is not exact"
            yield wrong("matrix products", problem, _remedy(after))
            return
        tiny = np.full((130, 130), np.finfo(dtype).tiny, dtype)
        halves = np.full((130, 130), 0.5, dtype)
        kept = (tiny[:, :1] @ halves[:1]).view(f"u{tiny.itemsize}")
        if not np.array_equal(kept, np.full_like(kept, 1 << (precision - 2))):
            problem = f"{name}: subnormal results are flushed to zero"
            yield wrong("matrix products", problem, _remedy(after))
            return
        fault = thread_fault(np.dtype(dtype))
        if fault:
            yield wrong("matrix products", f"{name}: a thread {fault}", _remedy(after))
            return
        fused += [name] * _fuses(dtype, precision)
    fusing = f"fused multiply-add in {' and '.join(fused)}" if fused else "no fused multiply-add"
    yield good("matrix products", f"{fusing} (both may be); subnormal numbers kept")


def _fuses(dtype: type[np.floating], precision: int) -> bool:
    """Return whether a product is added before it is rounded."""
    a = dtype(1 + 2.0 ** (1 - precision))
    rows = np.tile(np.array([a, -(a * a)], dtype), (64, 1))
    columns = np.tile(np.array([[a], [1]], dtype), (1, 64))
    return bool(np.any(rows @ columns) or np.any(rows[:, ::-1] @ columns[::-1]))
