"""Layers of networks: what is measured, and the page's table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.layers import Layer, measure
from bench.performance import write_layers

LAYER = Layer("a layer", 2, 6, 3, 3, padding=1)


def test_layers_are_measured_and_written(torch: Any, tmp_path: Path) -> None:
    said: list[str] = []
    (measured,) = measure(
        "cpu", layers=[LAYER], dtypes=["bfloat16"], batches=[2], rounds=1, say=said.append
    )
    assert [line.partition(":")[0] for line in said] == ["a layer, bfloat16, batch 2"]
    numbers = measured.forward, measured.backward, measured.output, measured.gradients
    assert min(*numbers, measured.memory_output, measured.memory_gradients) > 0
    exact = replace(measured, forward=1.0, output=3.0, backward=1.0, gradients=7.0)
    write_layers([exact], {"Machine": "one"}, "a command", tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "- Command: `a command`\n- Machine: one\n" in page
    assert "- gradients / backward ≤ 3.5: 0 of 1, median 7\n" in page
    assert "- output / forward ≤ 4.0: 1 of 1, median 3\n" in page
    assert "| a | 2 | 1 | 7 | 3 |" in page
    assert "| a layer | bfloat16 | 2 | 1e+03 | 1e+03 | 7 | 3 |" in page
    assert "## 1. Replay at its limit" in page


def test_no_layer_begins_after_its_time(torch: Any) -> None:
    said: list[str] = []
    assert not list(measure("cpu", layers=[LAYER], until=0.0, say=said.append))
    assert said == ["stopped: no time is left"]
