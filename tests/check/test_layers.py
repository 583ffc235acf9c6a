"""The layers of networks: their geometries, and operands of the right magnitudes."""

from __future__ import annotations

import numpy as np

from pybridge.check.torch.layers import QUICK, layers


def test_every_layer_once() -> None:
    every = layers()
    labels = [layer.label for layer in every]
    assert len(set(labels)) == len(labels) == len({layer.geometry for layer in every})
    assert set(QUICK) <= set(labels)
    networks = ("resnet50-", "resnext50-", "vgg16-", "mobilenetv1-", "mobilenetv2-")
    counts = {n: sum(label.startswith(n) for label in labels) for n in networks}
    assert counts["vgg16-"] == 9
    assert counts["resnet50-"] == 23 + 2


def test_geometries() -> None:
    by_label = {layer.label: layer.geometry for layer in layers()}
    stem = by_label["resnet50-3to64-7x7-s2-224"]
    assert (stem.x_shape, stem.output_shape) == ((1, 3, 224, 224), (1, 64, 112, 112))
    down = by_label["resnet50-1024to2048-1x1-s2-14"]
    assert (down.weight_shape, down.output_shape) == ((2048, 1024, 1, 1), (2, 2048, 7, 7))
    depthwise = by_label["mobilenetv2-dw144-3x3-s2-56"]
    assert (depthwise.groups, depthwise.weight_shape) == (144, (144, 1, 3, 3))
    assert depthwise.output_shape == (1, 144, 28, 28)
    dilated = by_label["resnet50-dilated-512to512-3x3-d4-28"]
    assert dilated.output_shape == dilated.x_shape
    grouped = by_label["resnext50-256to256-3x3-s2-g32-56"]
    assert (grouped.groups, grouped.weight_shape) == (32, (256, 8, 3, 3))


def test_operands() -> None:
    by_label = {layer.label: layer for layer in layers()}
    layer = by_label["mobilenetv2-96to576-1x1-14"]
    operands = layer.operands()
    again, other = layer.operands(0), layer.operands(1)
    assert all((operands[name] == again[name]).all() for name in operands)
    assert (operands["weight"] != other["weight"]).all()
    assert operands["x"].min() == 0
    assert abs(np.count_nonzero(operands["x"]) / operands["x"].size - 0.5) < 0.02
    assert abs(operands["weight"].std() / np.sqrt(2 / 96) - 1) < 0.02
    assert abs(operands["grad_output"].std() / 1e-3 - 1) < 0.02
    assert by_label["vgg16-3to64-3x3-224"].operands()["x"].min() < -2
