"""Real layers: what the assertions take beside PyTorch's own kernels, and how much memory.

In one process, contenders in turns, for each layer, dtype and batch size:

* PyTorch's float32 forward and backward (to input and weight), without TF32;
* `assert_output_close`, and `assert_gradient_close` of both gradients;
* the usual test: the same in float64, and `torch.testing.assert_close`.

A first call of the assertions on a shape is measured apart from the later ones. Results are honest
float32 ones, rounded to the dtype: all assertions have to pass. This module needs PyTorch and what
pybridge needs, no other package.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pybridge.testing import assert_gradient_close, assert_output_close

__all__ = [
    "LAYERS",
    "Layer",
    "Measured",
    "markdown",
    "measure",
    "medians",
    "summary",
    "write_json",
]


@dataclass(frozen=True, slots=True)
class Layer:
    """A conv2d of a network: channels, the size of its square images, kernel and parameters."""

    name: str
    inputs: int
    size: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of `torch.nn.functional.conv2d`."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def words(self) -> str:
        """Its shape in a few words."""
        text = f"{self.inputs}→{self.outputs}, {self.kernel}×{self.kernel}, {self.size}²"
        text += f", stride {self.stride}" * (self.stride > 1)
        text += f", dilation {self.dilation}" * (self.dilation > 1)
        return text + f", {self.groups} groups" * (self.groups > 1)


LAYERS = (
    Layer("ResNet-50 stem", 3, 224, 64, 7, stride=2, padding=3),
    Layer("ResNet-50 1a", 64, 56, 64, 1),
    Layer("ResNet-50 1b", 64, 56, 64, 3, padding=1),
    Layer("ResNet-50 1c", 64, 56, 256, 1),
    Layer("ResNet-50 2b", 128, 56, 128, 3, stride=2, padding=1),
    Layer("ResNet-50 2 shortcut", 256, 56, 512, 1, stride=2),
    Layer("ResNet-50 2a", 512, 28, 128, 1),
    Layer("ResNet-50 2b'", 128, 28, 128, 3, padding=1),
    Layer("ResNet-50 3b", 256, 14, 256, 3, padding=1),
    Layer("ResNet-50 3c", 256, 14, 1024, 1),
    Layer("ResNet-50 4b", 512, 7, 512, 3, padding=1),
    Layer("MobileNetV2 stem", 3, 224, 32, 3, stride=2, padding=1),
    Layer("MobileNetV2 depthwise 1", 32, 112, 32, 3, padding=1, groups=32),
    Layer("MobileNetV2 depthwise 3", 144, 56, 144, 3, stride=2, padding=1, groups=144),
    Layer("MobileNetV2 depthwise 13", 576, 14, 576, 3, padding=1, groups=576),
    Layer("MobileNetV2 projection", 144, 56, 24, 1),
    Layer("DeepLabV3 block 4", 512, 33, 512, 3, padding=2, dilation=2),
    Layer("DeepLabV3 ASPP", 2048, 33, 256, 3, padding=12, dilation=12),
)


_LONG = 4.0
"""Seconds after which no further round of a layer begins; if the first calls take as long, the
assertions are called once again, and their memory is measured meanwhile.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, the median of a contender's runs, and the memory of the assertions.

    `first_…` are the first calls on the shape. `memory_…` is the peak, operands and result
    included, over operands and result, the larger one of both gradients.
    """

    layer: str
    dtype: str
    batch: int
    forward: float
    backward: float
    output: float
    gradients: float
    float64_output: float
    float64_gradients: float
    first_output: float
    first_gradients: float
    memory_output: float
    memory_gradients: float

    @property
    def ratios(self) -> dict[str, float]:
        """What the goals are about."""
        return {
            "gradients / backward": self.gradients / self.backward,
            "output / forward": self.output / self.forward,
            "float64 output / ours": self.float64_output / self.output,
            "float64 gradients / ours": self.float64_gradients / self.gradients,
            "first / warm": (self.first_output + self.first_gradients)
            / (self.output + self.gradients),
        }


def measure(
    device: str,
    *,
    layers: Sequence[Layer] = LAYERS,
    dtypes: Sequence[str] = ("float32", "bfloat16", "float16"),
    batches: Sequence[int] = (8, 32),
    rounds: int = 3,
    until: float | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[Measured]:
    """Measure layers on a device, until a time of `time.monotonic` if one is given.

    All layers come before the next dtype, and all dtypes before the next batch size.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for batch in batches:
        for dtype in dtypes:
            for layer in layers:
                if until is not None and time.monotonic() > until:
                    say("stopped: no time is left")
                    return
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        measured = _one(torch, device, layer, dtype, batch, rounds)
                except (AssertionError, RuntimeError, FloatingPointError) as error:
                    say(f"{layer.name}, {dtype}, batch {batch}: {type(error).__name__}: {error}")
                    continue
                ratios = ", ".join(f"{name} {ratio:.3g}" for name, ratio in measured.ratios.items())
                say(f"{layer.name}, {dtype}, batch {batch}: {ratios}")
                yield measured


def _one(torch: Any, device: str, layer: Layer, dtype: str, batch: int, rounds: int) -> Measured:
    functional, kind = torch.nn.functional, getattr(torch, dtype)
    generator = torch.Generator(device).manual_seed(0)

    def normal(*shape: int) -> Any:
        drawn = torch.randn(*shape, generator=generator, device=device)
        return drawn.to(kind)

    fan = layer.inputs // layer.groups * layer.kernel**2
    x = normal(batch, layer.inputs, layer.size, layer.size)
    weight = normal(layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)
    weight = (weight / fan**0.5).to(kind)
    float_x, float_weight = x.float(), weight.float()
    clock, first = _Clock(torch, device), {}

    def forward(data: Any, kernel: Any) -> Any:
        return functional.conv2d(data, kernel, **layer.options)

    def backward(g: Any, data: Any, kernel: Any) -> Any:
        pairs = [[n, n] for n in (layer.stride, layer.padding, layer.dilation)]
        wanted = [True, True, False]
        return torch.ops.aten.convolution_backward(
            g, data, kernel, None, *pairs, False, [0, 0], layer.groups, wanted
        )[:2]

    first["forward"], computed = clock(lambda: forward(float_x, float_weight))
    output = computed.to(kind)
    grad = torch.randn(output.shape, generator=generator, device=device).to(kind)
    float_grad = grad.float()
    first["backward"], both = clock(lambda: backward(float_grad, float_x, float_weight))
    to_x, to_weight = (computed.to(kind) for computed in both)
    del computed, both

    def assert_output() -> None:
        assert_output_close(output, x, weight, **layer.options)

    def assert_input() -> None:
        assert_gradient_close(to_x, x, weight, grad, which="input", **layer.options)

    def assert_weight() -> None:
        assert_gradient_close(to_weight, x, weight, grad, which="weight", **layer.options)

    def assert_gradients() -> None:
        assert_input()
        assert_weight()

    def float64_output() -> None:
        exact = forward(x.double(), weight.double())
        torch.testing.assert_close(output, exact.to(kind), rtol=0.1, atol=0.1)

    def float64_gradients() -> None:
        exact = backward(grad.double(), x.double(), weight.double())
        for got, wanted in zip((to_x, to_weight), exact, strict=True):
            scale = float(wanted.abs().max())
            torch.testing.assert_close(got, wanted.to(kind), rtol=0.1, atol=0.1 * scale)

    contenders: dict[str, Callable[[], Any]] = {
        "forward": lambda: forward(float_x, float_weight),
        "backward": lambda: backward(float_grad, float_x, float_weight),
        "output": assert_output,
        "gradients": assert_gradients,
        "float64_output": float64_output,
        "float64_gradients": float64_gradients,
    }
    first |= {name: clock(run)[0] for name, run in contenders.items() if name not in first}
    of_output = _memory(torch, clock, assert_output, (x, weight, output))
    of_input = _memory(torch, clock, assert_input, (weight, grad, to_x))
    of_weight = _memory(torch, clock, assert_weight, (x, grad, to_weight))
    runs: dict[str, list[float]] = {name: [] for name in contenders}
    until = time.monotonic() + _LONG
    if sum(first.values()) > _LONG:
        runs = {name: [once] for name, once in first.items()}
        runs |= {"output": [of_output[0]], "gradients": [of_input[0] + of_weight[0]]}
        rounds = 0
    for k in range(rounds):
        if k and time.monotonic() > until:
            break
        for name, run in contenders.items():
            runs[name].append(clock(run)[0])
    medians: dict[str, Any] = {name: statistics.median(times) for name, times in runs.items()}
    return Measured(
        layer=layer.name,
        dtype=dtype,
        batch=batch,
        **medians,
        first_output=first["output"],
        first_gradients=first["gradients"],
        memory_output=of_output[1],
        memory_gradients=max(of_input[1], of_weight[1]),
    )


class _Clock:
    """Runs, and how long they take, the device's time included; with one thread on a processor, its
    own time, without what it waited for others.
    """

    def __init__(self, torch: Any, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self.wait = torch.cuda.synchronize if self.cuda else lambda: None
        alone = not self.cuda and torch.get_num_threads() == 1
        self.clock = time.process_time if alone else time.perf_counter

    def __call__(self, run: Callable[[], Any]) -> tuple[float, Any]:
        self.wait()
        start = self.clock()
        result = run()
        self.wait()
        return self.clock() - start, result


def _memory(
    torch: Any, clock: _Clock, run: Callable[[], None], tensors: Sequence[Any]
) -> tuple[float, float]:
    """Return the seconds of a run, and its memory's peak over that of the tensors that it reads."""
    own: int = sum(tensor.numel() * tensor.itemsize for tensor in tensors)
    if clock.cuda:
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        seconds, _ = clock(run)
        return seconds, float((torch.cuda.max_memory_allocated() - before + own) / own)
    ctypes.CDLL(None).malloc_trim(0)  # What was freed is not counted as there before.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _resident("VmRSS")
    seconds, _ = clock(run)
    return seconds, (_resident("VmHWM") - before + own) / own


def _resident(name: str) -> int:
    """Return the bytes of the process's memory, as Linux counts them."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition(f"{name}:")[2].split()[0])


GOALS: Mapping[str, float] = {
    "gradients / backward": 3.5,
    "output / forward": 4.0,
    "first / warm": 1.3,
}


def summary(layers: Sequence[Measured]) -> list[str]:
    """Return a line for each goal: on how many layers it is reached, and the median."""
    lines = []
    for name, goal in GOALS.items():
        ratios = [measured.ratios[name] for measured in layers]
        reached = sum(ratio <= goal for ratio in ratios)
        lines.append(
            f"{name} ≤ {goal}: {reached} of {len(ratios)}, median {statistics.median(ratios):.3g}"
        )
    for name in ("float64 output / ours", "float64 gradients / ours"):
        ratios = [measured.ratios[name] for measured in layers]
        faster = sum(ratio > 1 for ratio in ratios)
        lines.append(
            f"{name} > 1: {faster} of {len(ratios)}, median {statistics.median(ratios):.3g}"
        )
    memory = [m for one in layers for m in (one.memory_output, one.memory_gradients)]
    lines.append(
        f"memory ≤ 4: {sum(m <= 4 for m in memory)} of {len(memory)}, median "
        f"{statistics.median(memory):.3g}, most {max(memory):.3g}"
    )
    return lines


def medians(measured: Sequence[Measured]) -> str:
    """Return a table of medians over layers and dtypes, a row for each network and batch."""
    groups: dict[tuple[str, int], list[Measured]] = {}
    for one in measured:
        groups.setdefault((one.layer.partition(" ")[0], one.batch), []).append(one)
    names = list(measured[0].ratios)
    rows = [["network", "batch", "rows", *names, "memory"]]
    for (network, batch), own in groups.items():
        ratios = (statistics.median(one.ratios[name] for one in own) for name in names)
        memory = statistics.median(max(one.memory_output, one.memory_gradients) for one in own)
        numbers = [*(f"{ratio:.3g}" for ratio in ratios), f"{memory:.2f}"]
        rows.append([network, str(batch), str(len(own)), *numbers])
    return _table(rows, 1)


def markdown(measured: Sequence[Measured]) -> str:
    """Return a table, a row for each layer, dtype and batch."""
    names = list(measured[0].ratios)
    rows = [["layer", "dtype", "batch", "backward, ms", "forward, ms", *names, "memory"]]
    for one in measured:
        rows.append(
            [
                one.layer,
                one.dtype,
                str(one.batch),
                f"{one.backward * 1e3:.3g}",
                f"{one.forward * 1e3:.3g}",
                *(f"{ratio:.3g}" for ratio in one.ratios.values()),
                f"{one.memory_output:.2f} / {one.memory_gradients:.2f}",
            ]
        )
    return _table(rows, 3)


def _table(rows: Sequence[Sequence[str]], words: int) -> str:
    """Return rows in Markdown, below a head; all columns but the first ones have numbers."""
    line = ["---"] * words + ["---:"] * (len(rows[0]) - words)
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], line, *rows[1:])) + "\n"


def write_json(measured: Sequence[Measured], path: Path) -> None:
    """Write all numbers."""
    path.write_text(json.dumps([asdict(one) for one in measured], indent=1), encoding="utf-8")
