"""docs/reveal.md: summation trees of NumPy's and PyTorch's kernels, measured on this machine."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench.tables import Table, number
from pybridge.check.torch.conv2d import import_torch
from pybridge.files import write_atomically
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

__all__ = ["DOCUMENT", "Revealed", "Study", "document", "run", "table", "write"]

DOCUMENT = "reveal.md"

_HEAD = """\
# In which order kernels add up

`Accumulation(depth=d)` is a promise about a kernel: no term passes more than d roundings.
Libraries document none. `pybridge.reveal` measures it: from outside, with any function that takes
terms and returns their sum. This file is written by

```sh
{command}
```

with the extra `bench` (`pip install -e '.[bench]'`) and PyTorch; it takes some two minutes.

```python
from pybridge.reveal import reveal, torch_conv2d

tree = torch_conv2d("weight", (2, 64, 14, 14), (64, 64, 3, 3), padding=1).reveal()
tree.depth  # what to promise, None if the tree does not say
tree.promise()  # Accumulation(accumulate="float32", depth=…)

reveal(lambda terms: float(my_kernel(terms)), 1024).nested  # any kernel; the tree as tuples
```

## How

As in FPRev ([arXiv 2411.00442](https://arxiv.org/abs/2411.00442)): two terms are M and −M, all
others ones. M is so large that adding ones to it changes nothing. The ones that are added before M
and −M meet are lost, the others are counted by the result. So the result says of two terms how
many are under the addition at which they meet, and these numbers determine the tree. About
n·log₂(n)/2 of the n² pairs do. Where a format cannot count to n, as bfloat16 cannot beyond 256, a
run has fewer ones, zeros in place of the others, and the counts of several runs are added up.

Additions of more than two numbers at once, as tensor cores do them, are found, too. They are no
rounded additions: then `depth` is None, and [tensor_core](testing.md) has the promise.

## What it cannot tell

- It is evidence and no proof. The tree was measured for one number of terms, on one machine, with
  one version of a library and one number of threads, and for these terms, all but two of which are
  equal. Other data may be added up in another order.
- Of a sample, a depth is a lower estimate. Where a tree has too many terms for `max_runs`, some are
  chosen, `sampled` says so, and `depth` is None.
- What changes no count does not show: a bias that is added, partial sums that are rounded to
  another format, a compensated sum, which looks like a plain one.
- What is no fixed tree is refused (`NotATreeError`): results that differ from run to run (some
  pairs are measured twice), exact sums, Winograd's transforms.

## What was measured

*Depth* is what `Accumulation(depth=…)` may state: the roundings of the product and of the additions
that a term passes at most. *≥* marks samples. *At once* is how many numbers the widest addition
takes.
"""

_EXAMPLE = """\
## A tree

`numpy_sum(16).reveal().nested`, the terms numbered from 0:

```
{tree}
```
"""


@dataclass(frozen=True, slots=True)
class Revealed:
    """A kernel, on so many threads, its tree, or why it has none, and the seconds it took."""

    probe: Probe
    threads: int
    tree: SummationTree | None
    refused: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that was measured, and the smallest tree, to be shown."""

    revealed: Sequence[Revealed]
    example: SummationTree
    versions: str


def _columns(terms: int) -> Probe:
    """`np.sum` over the first axis: row by row."""
    ones = np.ones((terms, 2), np.float32)

    def sum_of(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        ones[:, 0] = values
        return float(ones.sum(axis=0)[0])

    return Probe("np.sum(axis=0) of rows of 2, float32", terms, sum_of)


def _probes(*, quick: bool) -> list[tuple[Probe, int, int]]:
    """The kernels, each with a number of threads and a bound of the runs."""
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
    found = [(probe, 1, enough) for probe in one_thread]
    if not quick:
        stem = torch_conv2d("weight", (4, 3, 224, 224), (64, 3, 7, 7), stride=2, padding=3)
        found.append((stem, 1, 1_500))
    return found


def run(progress: Callable[[str], None], *, quick: bool = False) -> Study:
    """Measures all. `InputError` where PyTorch is missing."""
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
    """A row for each kernel."""
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


def document(study: Study, machine: Mapping[str, str], command: str) -> str:
    """The Markdown text."""
    about = {**machine, "PyTorch": study.versions}
    refused = {one.probe.name: one.refused for one in study.revealed if one.refused}
    parts = [
        _HEAD.format(command=command),
        table(study).markdown,
        _listed(refused),
        _EXAMPLE.format(tree=study.example.nested),
        "## The machine",
        _listed(about),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _listed(items: Mapping[str, str]) -> str:
    lines = (f"- {what}: {value}" for what, value in items.items())
    return "\n".join(textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)


def write(study: Study, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Writes the page into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with write_atomically(directory / DOCUMENT) as file:
        file.write(document(study, machine, command).encode())
