"""Measures the numbers of docs/reveal.md: summation trees of NumPy's and PyTorch's kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench.page import fill, filled, machine_lines
from bench.tables import Table, number
from pybridge.check.torch.kernels import import_torch
from pybridge.reveal import (
    NotATreeError,
    Probe,
    SummationTree,
    numpy_dot,
    numpy_matmul,
    numpy_sum,
    torch_conv2d,
    torch_matmul,
    torch_sum,
)

__all__ = ["DOCUMENT", "Revealed", "Study", "parts", "run", "table", "write"]

DOCUMENT = "reveal.md"


@dataclass(frozen=True, slots=True)
class Revealed:
    """A kernel on some threads, its tree, or why it has none, and the seconds it took."""

    probe: Probe
    threads: int
    tree: SummationTree | None
    refused: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that was measured, and a small tree as an example."""

    revealed: Sequence[Revealed]
    example: SummationTree
    versions: str


def _columns(terms: int) -> Probe:
    """Return `np.sum` over the first axis: row by row."""
    ones = np.ones((terms, 2), np.float32)

    def sum_of(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        ones[:, 0] = values
        return float(ones.sum(axis=0)[0])

    return Probe("np.sum(axis=0) of rows of 2, float32", terms, sum_of)


def _probes(*, quick: bool) -> list[tuple[Probe, int, int]]:
    """Return the kernels, each with a number of threads and a bound of the runs."""
    size, channels = (6, 4) if quick else (14, 64)
    x, weight = (2, channels, size, size), (channels, channels, 3, 3)
    n, enough = (64, 5_000) if quick else (1024, 120_000)
    conv = [
        torch_conv2d(which, x, weight, padding=1, dtype=dtype)
        for dtype in ("float32", "bfloat16")
        for which in ("output", "bias", "weight", "input")
        if not (quick and dtype == "bfloat16")
    ]
    many = 10 * n
    one_thread = [
        *(numpy_sum(n, dtype) for dtype in ("float32", "float16")),
        numpy_sum(many),
        _columns(n),
        *(numpy_dot(n, dtype) for dtype in ("float32", "float64")),
        numpy_matmul((64, n, 64)),
        torch_sum(n),
        *(torch_matmul((64, n, 64), dtype=dtype) for dtype in ("float32", "bfloat16")),
        *conv,
    ]
    chosen = [(probe, 1, enough) for probe in one_thread]
    if not quick:
        stem = torch_conv2d("weight", (4, 3, 224, 224), (64, 3, 7, 7), stride=2, padding=3)
        chosen.append((stem, 1, 1_500))
    return chosen


def run(progress: Callable[[str], None], *, quick: bool = False) -> Study:
    """Measure all kernels; `InputError` if PyTorch is missing."""
    torch = import_torch()
    before = torch.get_num_threads()
    revealed = []
    try:
        for probe, threads, runs in _probes(quick=quick):
            torch.set_num_threads(threads)
            with threadpool_limits(threads):
                revealed.append(_measure(probe, threads, runs, progress))
    finally:
        torch.set_num_threads(before)
    return Study(revealed, numpy_sum(16).reveal(), torch.__version__)


def _measure(probe: Probe, threads: int, runs: int, progress: Callable[[str], None]) -> Revealed:
    start = time.perf_counter()
    tree, refused = None, ""

    def tell(run: int, of: int) -> None:
        if run % 50 == 1:
            progress(f"{probe.name}: {probe.terms} terms, run {run} of at most {of}")

    try:
        tree = probe.reveal(max_runs=runs, progress=tell)
    except NotATreeError as error:
        refused = str(error)
    return Revealed(probe, threads, tree, refused, time.perf_counter() - start)


def table(study: Study) -> Table:
    """Return a table with a row for each kernel."""
    header = ("kernel", "threads", "terms", "depth", "at once", "runs", "seconds")
    rows = []
    for one in study.revealed:
        tree = one.tree
        seen = ("no fixed tree", "", "")
        if tree is not None:
            depth = f"≥ {tree.least_depth}" if tree.sampled else f"{tree.least_depth}"
            seen = depth, f"{tree.arity}", f"{tree.runs:,}"
        name, terms = one.probe.name, f"{one.probe.terms:,}"
        rows.append((name, f"{one.threads}", terms, *seen, number(one.seconds)))
    return Table("Trees of sums on this machine.", header, tuple(rows))


def parts(study: Study, machine: Mapping[str, str], command: str) -> dict[str, str]:
    """Return the parts of the page that the command writes."""
    refused = {one.probe.name: one.refused for one in study.revealed if one.refused}
    why = "\n".join(filled(f"- {name}: {reason}") for name, reason in refused.items())
    return {
        "trees": f"{table(study).markdown}\n\n{why}",
        "example": f"```text\n{study.example.nested}\n```",
        "machine": machine_lines({**machine, "PyTorch": study.versions}, command),
    }


def write(study: Study, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Write the page into a directory."""
    fill(DOCUMENT, parts(study, machine, command), directory)
