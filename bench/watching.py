"""Measures what `watch` costs in time and memory: a training step of ResNet-50, watched and not."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from bench.page import captioned, fill, machine_lines
from bench.tables import Table
from bench.timing import Effort, Timing, alternate

__all__ = ["costs", "peaks", "table", "write"]

MODES = ("not watched", "sample=0.02", "all checked")


def _resnet50() -> Any:
    """Return ResNet-50 (He et al., 2016), with ten classes instead of a thousand."""
    import torch
    from torch import nn
    from torch.nn.functional import relu

    class Bottleneck(nn.Module):
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__()
            outputs = 4 * width
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
            self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in (width, width, outputs))
            changed = inputs != outputs or stride > 1
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changed else None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = relu(self.norms[0](self.conv1(x)))
            y = relu(self.norms[1](self.conv2(y)))
            y = self.norms[2](self.conv3(y))
            return relu(y + (x if self.shortcut is None else self.shortcut(x)))

    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers.append(Bottleneck(inputs, 64 * 2**stage, stride))
            inputs = 256 * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def _step(batch: int, size: int) -> Callable[[str], None]:
    """Return a function that runs one training step in a mode."""
    import torch

    from pybridge.torch import watch

    torch.manual_seed(0)
    model = _resnet50()
    x, labels = torch.randn(batch, 3, size, size), torch.randint(10, (batch,))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    seed = iter(range(10**9))

    def run(mode: str) -> None:
        optimizer.zero_grad()
        watched: Any = nullcontext()
        if mode != MODES[0]:
            watched = watch(sample=1.0 if mode == MODES[2] else 0.02, seed=next(seed))
        with watched as report:
            loss = torch.nn.functional.cross_entropy(model(x), labels)
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        assert report is None or not report.unchecked, report.message

    return run


def costs(effort: Effort, batch: int = 4, size: int = 224) -> dict[str, Timing]:
    """Return the processor time of a step in each mode, measured in turns, in one thread."""
    import torch

    run, threads = _step(batch, size), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        contenders = {mode: partial(run, mode) for mode in MODES}
        return alternate(contenders, effort, time.process_time)
    finally:
        torch.set_num_threads(threads)


def peaks(batch: int = 4, size: int = 224) -> dict[str, int]:
    """Return for each mode the peak resident memory, in bytes, of a process that runs two steps."""
    command = [sys.executable, "-m", "bench.watching", str(batch), str(size)]
    return {
        mode: int(subprocess.run([*command, mode], check=True, capture_output=True).stdout)
        for mode in MODES
    }


def table(times: dict[str, Timing], memory: dict[str, int], batch: int, size: int) -> Table:
    """Return a table of times and memory, and their ratios to the step that is not watched."""
    plain, least = times[MODES[0]], memory[MODES[0]]
    rows = tuple(
        (
            mode,
            f"{1000 * times[mode].best:.0f} ({1000 * times[mode].median:.0f})",
            f"{times[mode].best / plain.best:.2f}",
            f"{times[mode].median / plain.median:.2f}",
            f"{memory[mode] / 2**20:.0f}",
            f"{memory[mode] / least:.2f}",
        )
        for mode in MODES
    )
    caption = (
        f"A training step of ResNet-50, {batch} images of {size}×{size}, float32, in one thread's "
        "processor time."
    )
    head = ("", "ms, best (median)", "ratio", "of medians", "peak, MiB", "ratio")
    return Table(caption, head, rows)


def write(measured: Table, machine: dict[str, str], command: str, directory: Path) -> None:
    """Write the table into docs/watching.md."""
    fill(
        "watching.md",
        {"cost": f"{machine_lines(machine, command)}\n\n{captioned(measured)}"},
        directory,
    )


def main() -> None:
    """Print the peak of this process in a mode."""
    batch, size, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    run = _step(batch, size)
    for _ in range(2):
        run(mode)
    status = Path("/proc/self/status").read_text()  # ru_maxrss has the parent's peak, too.
    print(1024 * int(re.findall(r"VmHWM:\s+(\d+)", status)[0]))


if __name__ == "__main__":
    main()
