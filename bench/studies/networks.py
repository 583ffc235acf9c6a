"""Measures how bounds of networks grow with depth, for the figure of docs/networks.md."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.plot import GREY, STYLES, canvas, dress, svg
from pybridge.networks import compute, from_torch

__all__ = ["LINES", "Measured", "draw", "measure", "table", "write"]

LINES = ("true error", "enclosure", "enclosure, eps 2⁻²⁴", "replay", "any order")
_EPS = 2.0**-24
PICTURE = "networks.svg"


@dataclass(frozen=True, slots=True)
class Measured:
    """Errors and bounds of weight gradients, each relative to the largest entry of the gradient.

    `depths` orders the gradients; `lines` has by name a number for each depth.
    """

    title: str
    axis: str
    depths: Sequence[int]
    lines: Mapping[str, Sequence[float]]


class _Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
            if stride > 1
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def _resnet8() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        _Block(8, 8, 1),
        _Block(8, 16, 2),
        _Block(16, 32, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def _lenet5() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def _mlp(depth: int, width: int = 32) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        nn.init.kaiming_normal_(linear.weight)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def measure(*, quick: bool = False) -> Iterator[Measured]:
    """Measure an MLP by its depth, and LeNet-5 and ResNet-8 by their layers."""
    depths = (1, 2) if quick else (1, 2, 4, 8, 16, 32)
    first = [next(iter(_gradients(_mlp(depth), (4, 32)).values())) for depth in depths]
    yield _collected("MLP: first layer", "layers", depths, first)
    if quick:
        return
    for title, module, shape in (
        ("LeNet-5", _lenet5(), (2, 1, 28, 28)),
        ("ResNet-8", _resnet8(), (2, 3, 16, 16)),
    ):
        growth = list(_gradients(module, shape).values())
        from_output = tuple(range(len(growth), 0, -1))
        yield _collected(title, "weights from the output", from_output, growth)


def _collected(
    title: str, axis: str, depths: Sequence[int], rows: Sequence[Mapping[str, float]]
) -> Measured:
    return Measured(title, axis, depths, {name: [one[name] for one in rows] for name in LINES})


def _gradients(module: nn.Module, shape: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Return by name the lines' numbers for each weight of a convolution or linear layer."""
    torch.manual_seed(2)
    x = torch.randn(shape)
    module.train()
    module(x)
    module.eval()
    delta = torch.randn(module(x).shape)
    network = from_torch(module, x)
    computed = compute(module, x, delta)
    wide = compute(_double(module), x.double(), delta.double())
    ends: Mapping[str, Any] = {
        "enclosure": {"computed": computed},
        "enclosure, eps 2⁻²⁴": {"computed": computed, **_relative(x, module)},
        "replay": {"method": "replay"},
        "any order": {"method": "any-order"},
    }
    bounds = {name: network.bound(x, delta, **options) for name, options in ends.items()}
    gradients: dict[str, dict[str, float]] = {}
    for name, value in module.named_parameters():
        if value.ndim > 1:
            exact = np.asarray(wide.gradients[name])
            largest = np.abs(exact).max()
            error = np.abs(np.asarray(computed.gradients[name]) - exact).max()
            gradients[name] = {"true error": float(error / largest)}
            for line, bound in bounds.items():
                gradients[name][line] = float(bound.gradients[name].bound.max() / largest)
    return gradients


def _relative(x: torch.Tensor, module: nn.Module) -> dict[str, Any]:
    """Return an eps for every entry of the input and of the parameters: its half ulp, at most."""

    def eps(values: torch.Tensor) -> Any:
        return np.abs(values.detach().double().numpy()) * _EPS

    return {
        "eps_input": eps(x),
        "eps_parameters": {name: eps(value) for name, value in module.named_parameters()},
    }


def _double(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).double()


def draw(measured: Sequence[Measured]) -> str:
    """Draw a panel for each network, of relative errors and bounds over depth."""
    with canvas(9.6, 3.9) as figure:
        panels = figure.subplots(1, len(measured), sharey=True, squeeze=False)[0]
        for axes, one in zip(panels, measured, strict=True):
            for name, (colour, marker, dashes) in zip(LINES, STYLES, strict=True):
                axes.semilogy(
                    one.depths,
                    one.lines[name],
                    color=colour,
                    marker=marker,
                    markersize=4,
                    linestyle=dashes,
                    label=name if axes is panels[0] else None,
                )
            axes.axhline(1.0, color=GREY, linewidth=0.8)
            axes.set_title(one.title, color=GREY, fontsize=10)
            dress(axes, one.axis, "relative to the largest entry" if axes is panels[0] else "")
        return svg(figure)


def table(measured: Sequence[Measured]) -> str:
    """Return the same numbers as a table in Markdown."""
    rows = ["| network | depth | " + " | ".join(LINES) + " |", "|---" * (2 + len(LINES)) + "|"]
    for one in measured:
        for k, depth in enumerate(one.depths):
            numbers = " | ".join(f"{one.lines[name][k]:.1e}" for name in LINES)
            rows.append(f"| {one.title} | {depth} | {numbers} |")
    return "\n".join([*rows, ""])


def write(measured: Sequence[Measured], directory: Path) -> None:
    """Write the picture, and the table into the document between its marks."""
    (directory / PICTURE).write_text(draw(measured), encoding="utf-8")
    page = directory / "networks.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    after = rest.partition("<!-- end -->")[2]
    text = f"{before}<!-- measured -->\n{table(measured)}<!-- end -->{after}"
    page.write_text(text, encoding="utf-8")
