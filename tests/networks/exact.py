"""Networks of PyTorch's layers in exact arithmetic, by the textbook's formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import isqrt
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

Exact: TypeAlias = Any
"""An array of fractions."""


class Residual(nn.Module):
    """x + body(x)"""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.body(x)
        return y


NOTHING: Any = Fraction(0)


def exactly(array: Any) -> Exact:
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(np.asarray(array))


def zeros(shape: tuple[int, ...]) -> Exact:
    return np.full(shape, Fraction(0), object)


class Run:
    """One pass forward and one back; `gradients` are those of the parameters, by name."""

    def __init__(self, parameters: Mapping[str, Exact]) -> None:
        self.parameters = parameters
        self.gradients = {name: zeros(value.shape) for name, value in parameters.items()}
        self.saved: dict[str, Exact] = {}

    def forward(self, module: nn.Module, name: str, x: Exact) -> Exact:
        self.saved[name] = x
        match module:
            case nn.Sequential():
                for key, part in module.named_children():
                    x = self.forward(part, f"{name}{key}.", x)
                return x
            case Residual():
                return x + self.forward(module.body, f"{name}body.", x)
            case nn.Conv2d():
                parts: list[Any] = [Fraction(0)] * module.groups
                padded = self._padded(module, x)
                for image, weight, (g, *_) in self._taps(module, name, padded):
                    parts[g] = parts[g] + np.tensordot(weight, image, (1, 1)).swapaxes(0, 1)
                return np.concatenate(parts, 1) + self._bias(module, name)[:, None, None]
            case nn.Linear():
                return x @ self.parameters[f"{name}weight"].T + self._bias(module, name)
            case nn.BatchNorm2d():
                gamma, root, mean = self._normal(module, name)
                shift = self.parameters[f"{name}bias"][:, None, None]
                return (x - mean) * root * gamma + shift
            case nn.ReLU():
                return np.where(x > 0, x, NOTHING)
            case nn.LeakyReLU():
                return np.where(x > 0, x, x * Fraction(module.negative_slope))
            case nn.AvgPool2d() | nn.MaxPool2d():
                y = zeros((*x.shape[:2], *self._outputs(module, x)))
                for out, window in self._windows(module, x):
                    entries = [x[out[:2] + at] for at in window]
                    most = isinstance(module, nn.MaxPool2d)
                    y[out] = max(entries) if most else sum(entries) / self._size(module)
                return y
            case nn.Flatten():
                return x.reshape(x.shape[0], -1)
            case nn.Dropout():
                return x
        raise AssertionError(module)

    def backward(self, module: nn.Module, name: str, delta: Exact) -> Exact:
        x = self.saved[name]
        match module:
            case nn.Sequential():
                for key, part in reversed(list(module.named_children())):
                    delta = self.backward(part, f"{name}{key}.", delta)
                return delta
            case Residual():
                return delta + self.backward(module.body, f"{name}body.", delta)
            case nn.Conv2d():
                self._add(f"{name}bias", delta.sum((0, 2, 3)))
                dx = zeros(self._padded(module, x).shape)
                dw = zeros(self.parameters[f"{name}weight"].shape)
                groups = module.groups
                for image, weight, (g, i, j, at) in self._taps(
                    module, name, self._padded(module, x)
                ):
                    error = np.split(delta, groups, 1)[g]
                    np.split(dw, groups, 0)[g][:, :, i, j] += np.tensordot(
                        error, image, ((0, 2, 3), (0, 2, 3))
                    )
                    back = np.tensordot(weight, error, (0, 1)).swapaxes(0, 1)
                    np.split(dx, groups, 1)[g][at] += back
                self._add(f"{name}weight", dw)
                (top, left), (height, width) = self._pair(module.padding), x.shape[2:]
                return dx[:, :, top : top + height, left : left + width]
            case nn.Linear():
                self._add(f"{name}bias", delta.sum(0))
                self._add(f"{name}weight", delta.T @ x)
                return delta @ self.parameters[f"{name}weight"]
            case nn.BatchNorm2d():
                gamma, root, mean = self._normal(module, name)
                self._add(f"{name}bias", delta.sum((0, 2, 3)))
                self._add(f"{name}weight", (delta * (x - mean) * root).sum((0, 2, 3)))
                return delta * gamma * root
            case nn.ReLU():
                return np.where(x > 0, delta, NOTHING)
            case nn.LeakyReLU():
                return np.where(x > 0, delta, delta * Fraction(module.negative_slope))
            case nn.AvgPool2d() | nn.MaxPool2d():
                dx = zeros(x.shape)
                for out, window in self._windows(module, x):
                    if isinstance(module, nn.MaxPool2d):
                        entries = [x[out[:2] + at] for at in window]
                        window = [window[entries.index(max(entries))]]
                    share = 1 if isinstance(module, nn.MaxPool2d) else self._size(module)
                    for at in window:
                        dx[out[:2] + at] += delta[out] / share
                return dx
            case nn.Flatten() | nn.Dropout():
                return delta.reshape(x.shape)
        raise AssertionError(module)

    def _add(self, name: str, gradient: Exact) -> None:
        if name in self.gradients:
            self.gradients[name] = self.gradients[name] + gradient

    def _bias(self, module: Any, name: str) -> Exact:
        return self.parameters.get(f"{name}bias", zeros((module.weight.shape[0],)))

    def _normal(self, module: Any, name: str) -> list[Exact]:
        mean, variance = exactly(module.running_mean), exactly(module.running_var)
        squares = [v + Fraction(module.eps) for v in variance]
        roots = [Fraction(isqrt(w.denominator), isqrt(w.numerator)) for w in squares]
        assert [r * r * w for r, w in zip(roots, squares, strict=True)] == [1] * len(roots)
        gamma = self.parameters[f"{name}weight"]
        return [np.array(a, object)[:, None, None] for a in (gamma, roots, mean)]

    def _padded(self, module: Any, x: Exact) -> Exact:
        ph, pw = module.padding
        return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=NOTHING)

    def _taps(
        self, module: Any, name: str, x: Exact
    ) -> Iterator[tuple[Exact, Exact, tuple[int, int, int, Any]]]:
        (sh, sw), (dh, dw) = module.stride, module.dilation
        weights = np.split(self.parameters[f"{name}weight"], module.groups, 0)
        images = np.split(x, module.groups, 1)
        kh, kw = module.kernel_size
        oh = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1
        ow = (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
        for g, i, j in product(range(module.groups), range(kh), range(kw)):
            rows = slice(i * dh, i * dh + sh * (oh - 1) + 1, sh)
            columns = slice(j * dw, j * dw + sw * (ow - 1) + 1, sw)
            at = (slice(None), slice(None), rows, columns)
            yield images[g][at], weights[g][:, :, i, j], (g, i, j, at)

    def _outputs(self, module: Any, x: Exact) -> tuple[int, int]:
        k, s, p = (self._pair(a) for a in (module.kernel_size, module.stride, module.padding))
        return tuple((x.shape[2 + i] + 2 * p[i] - k[i]) // s[i] + 1 for i in range(2))

    def _windows(self, module: Any, x: Exact) -> Iterator[tuple[Any, list[Any]]]:
        k, s, p = (self._pair(a) for a in (module.kernel_size, module.stride, module.padding))
        for out in np.ndindex(*x.shape[:2], *self._outputs(module, x)):
            corner = [out[2 + i] * s[i] - p[i] for i in range(2)]
            window = [(corner[0] + a, corner[1] + b) for a, b in product(range(k[0]), range(k[1]))]
            yield (out, [at for at in window if all(0 <= at[i] < x.shape[2 + i] for i in range(2))])

    def _size(self, module: Any) -> int:
        k = self._pair(module.kernel_size)
        return k[0] * k[1]

    def _pair(self, number: Any) -> tuple[int, int]:
        return (number, number) if isinstance(number, int) else number
