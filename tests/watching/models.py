"""Small models as people train them, and autograd functions of the kind that they write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, relu

__all__ = ["MODELS", "Encoder", "ResNet20", "UNet", "trained"]


class Block(nn.Module):
    """A residual block of ResNet-20."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = relu(self.bn1(self.conv1(x)))
        return relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet20(nn.Module):
    """ResNet-20 for images of 3 channels (He et al., 2016), narrower."""

    data = (4, 3, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        widths = (8, 8, 8, 8, 16, 16, 16, 32, 32, 32)
        self.blocks = nn.Sequential(*(Block(a, b, 1 + (b > a)) for a, b in pairwise(widths)))
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(relu(self.stem(x))).mean((2, 3)))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Two levels down, and up again by transposed convolutions."""

    data = (2, 1, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 8, 3, padding=1)
        self.down2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(16, 16, 3, padding=2, dilation=2, groups=2)
        self.up = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1)
        self.head = nn.Conv2d(16, 10, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = relu(self.down1(x))
        b = relu(self.middle(relu(self.down2(a))))
        return self.head(torch.cat([a, relu(self.up(b))], 1)).mean((2, 3))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """A transformer encoder whose attention is visible, as its matrix products."""

    data = (3, 12, 16)

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
            return self.head(self.encoder(x).mean(1))  # type: ignore[no-any-return]


MODELS: Sequence[Any] = (ResNet20, UNet, Encoder)


def trained(model: Any, steps: int, autocast: bool, watched: Callable[[], Any]) -> list[Any]:
    """Train a model some steps, each forward and backward in a context; return these contexts."""
    data, labels = torch.randn(model.data), torch.randint(10, (model.data[0],))
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    reports = []
    for _ in range(steps):
        optimizer.zero_grad()
        with watched() as report:
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = cross_entropy(model(data), labels)
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        reports.append(report)
    return reports
