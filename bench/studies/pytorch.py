"""Watches PyTorch's own convolutions on random small layers, forward and backward.

Layers run in processes of their own, because some of them end the process.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.page import captioned, fill, machine_lines
from bench.tables import Table

__all__ = ["Finding", "Layer", "Sweep", "sweep", "write"]

_DTYPES = ("float32", "bfloat16", "float16")
_LAYERS_A_PROCESS = 400


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution, transposed or not, of one to three axes, drawn by its number."""

    number: int
    dtype: str
    axes: int
    transposed: bool
    x: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @classmethod
    def drawn(cls, seed: int, number: int) -> Layer:
        """Draw the layer of a number."""
        rng = random.Random(f"{seed}-{number}")
        axes = rng.choice((1, 2, 2, 2, 3))
        groups = rng.choice((1, 1, 1, 2, 3))
        inputs, outputs = groups * rng.randint(1, 4), groups * rng.randint(1, 4)
        transposed = rng.random() < 0.3

        def each(low: int, high: int) -> tuple[int, ...]:
            return tuple(rng.randint(low, high) for _ in range(axes))

        kernel = each(1, 4)
        first, second = (inputs, outputs) if transposed else (outputs, inputs)
        return cls(
            number,
            rng.choice(_DTYPES),
            axes,
            transposed,
            (rng.randint(1, 3), inputs, *each(1, 14 if axes < 3 else 6)),
            (first, second // groups, *kernel),
            each(1, 3),
            each(0, 2),
            each(1, 2),
            groups,
        )

    @property
    def function(self) -> str:
        """The function of `torch.nn.functional`."""
        return f"conv{'_transpose' if self.transposed else ''}{self.axes}d"

    @property
    def text(self) -> str:
        """Shapes, and the parameters that are not the default."""
        words = f"x {'×'.join(map(str, self.x))}, weight {'×'.join(map(str, self.weight))}"
        for name in ("stride", "padding", "dilation"):
            value = getattr(self, name)
            if set(value) != {0 if name == "padding" else 1}:
                words += f", {name} {', '.join(map(str, value))}"
        return words + f", {self.groups} groups" * (self.groups > 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """A layer whose result rounding does not explain, or that ended the process."""

    layer: Layer
    what: str
    result: str
    error: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many layers were drawn, also those that PyTorch refuses, and the findings."""

    layers: int
    results: int
    findings: tuple[Finding, ...]

    def table(self) -> Table:
        """Return the findings by function, dtype and result, with the first layer of each."""
        groups: dict[tuple[str, str, str, str], list[Finding]] = {}
        for finding in self.findings:
            key = (finding.layer.function, finding.layer.dtype, finding.what, finding.result)
            groups.setdefault(key, []).append(finding)
        rows = tuple(
            (*key, str(len(finding)), _largest(finding), finding[0].layer.text)
            for key, finding in sorted(groups.items())
        )
        caption = (
            f"{self.layers} layers, those that PyTorch refuses included, with {self.results} "
            f"results that were checked, and {len(self.findings)} findings."
        )
        head = (
            "function",
            "dtype",
            "finding",
            "result",
            "layers",
            "largest error/allowed",
            "first layer",
        )
        return Table(caption, head, rows)


def _largest(findings: Sequence[Finding]) -> str:
    """Return the largest error in units of what is allowed; empty if processes crashed."""
    worst = max(finding.error for finding in findings)
    return "" if math.isnan(worst) else f"{worst:.3g}"


def sweep(seconds: float, seed: int) -> Sweep:
    """Run layers for some time."""
    until = time.monotonic() + seconds
    findings: list[Finding] = []
    layers = results = first = 0
    while time.monotonic() < until:
        last = None
        for line in _process(seed, first, until - time.monotonic()):
            if "begins" in line:
                last = Layer.drawn(seed, line["begins"])
                continue
            layers, results, last = layers + 1, results + line["results"], None
            layer = Layer.drawn(seed, line["number"])
            first = line["number"] + 1
            findings += [Finding(layer, *finding) for finding in line["findings"]]
        if last is not None and time.monotonic() < until:
            findings.append(Finding(last, "the process crashes", "", float("nan")))
            first = last.number + 1
    return Sweep(layers, results, tuple(findings))


def _process(seed: int, first: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the lines of a process that runs some layers."""
    command = [sys.executable, "-m", "bench.studies.pytorch", str(seed), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        stop = time.monotonic() + max(seconds, 1.0)
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
            if time.monotonic() > stop:
                process.kill()


def _run(layer: Layer) -> tuple[int, list[tuple[str, str, float]]] | None:
    """Return the number of a layer's results, and those that rounding does not explain; None if
    PyTorch refuses it.
    """
    import torch

    from pybridge.torch import watch

    torch.manual_seed(layer.number)
    dtype = getattr(torch, layer.dtype)
    x = torch.randn(layer.x).to(dtype).requires_grad_()
    weight = torch.randn(layer.weight).to(dtype).requires_grad_()
    options = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
    function = getattr(torch.nn.functional, layer.function)
    with watch(on_failure="record") as report:
        try:
            y = function(x, weight, **options)
            if y.numel() == 0:
                return None
            y.backward(torch.randn_like(y))
        except RuntimeError:
            return None
    findings = [
        ("wrong", each.result, each.ratio) for each in report.failures if each.ratio is not None
    ]
    return len(report.checked), findings


def write(sweep: Sweep, machine: dict[str, str], command: str, directory: Path) -> None:
    """Write the findings into docs/pytorch.md."""
    parts = {"sweep": f"{machine_lines(machine, command)}\n\n{captioned(sweep.table())}"}
    fill("pytorch.md", parts, directory)


def main() -> None:
    """Run layers from a number on, in lines of JSON."""
    seed, first = map(int, sys.argv[1:])
    for number in range(first, first + _LAYERS_A_PROCESS):
        layer = Layer.drawn(seed, number)
        print(json.dumps({"begins": number}), flush=True)
        outcome = _run(layer)
        results, findings = outcome or (0, [])
        line = {"number": number, "results": results, "findings": findings}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
