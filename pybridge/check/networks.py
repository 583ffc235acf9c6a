"""Compares the replay of small networks with Lean's, forward and backward, in all formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np
from pydantic import computed_field

from pybridge.check.generate import entries
from pybridge.check.problems import Kind, Problem
from pybridge.engine.elementwise import Pairs
from pybridge.lean import Lean, LeanError
from pybridge.lean.protocol import QUANTITIES, parse_number, split_results
from pybridge.model import Model
from pybridge.networks.arithmetic import Arithmetic
from pybridge.networks.network import Network, Pass, Placed, Tensor
from pybridge.networks.nodes import Add, Divide, LeakyRelu, MaxPool, Node, Relu, Reshape
from pybridge.networks.operations import average, convolution
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window

__all__ = ["NetworkCase", "NetworkReport", "check_networks", "small_networks"]

_EXCESS = Fraction(1, 2**40)
"""How far a bound may be above Lean's, relative to the largest bound of the result, by rounding
outward.
"""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkCase:
    """A network on an input and a gradient of its output, with an eps for each tensor."""

    label: str
    network: Network
    x: Pairs
    grad_output: Pairs

    @property
    def text(self) -> str:
        """The case as Lean reads it."""
        return self.network.text(self.label, self.x, self.grad_output)


class NetworkReport(Model):
    """What a comparison found: how many entries were compared, the largest true error in units of
    its bound, and what does not hold.
    """

    label: str
    entries: int = 0
    error_ratio: float = 0.0
    problems: tuple[Problem, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether entries were compared and everything holds."""
        return self.entries > 0 and not self.problems


def small_networks() -> Iterator[NetworkCase]:
    """The networks that are checked: each in every format, with and without eps."""
    for format in FORMATS.values():
        for label, network in _networks(format).items():
            for kind, eps in (("normal", 0.0), ("integer", 2.0**-4), ("ties", 2.0**-9)):
                name = f"network-{label}-{format.name}-{kind}"
                yield _case(name, network, kind, eps)


def _case(name: str, network: Network, kind: str, eps: float) -> NetworkCase:
    def drawn(what: str, shape: Sequence[int]) -> Pairs:
        return Pairs(entries(kind, shape, network.format, f"{name} {what}"), np.full(shape, eps))

    tensors = tuple(
        Tensor(tensor.name, drawn(tensor.name, tensor.value.shape).value, eps)
        for tensor in network.tensors
    )
    held = Network(network.input_shape, tensors, network.nodes, network.format)
    x = drawn("input", network.input_shape)
    shape = _forward(held, x).pairs[-1].value.shape
    return NetworkCase(name, held, x, drawn("gradient", shape))


def _forward(network: Network, x: Pairs) -> Pass:
    """A network that was evaluated forward in the stated order."""
    evaluated = Pass(network, Arithmetic.of(network.format.name, "stated"))
    evaluated.forward(x, {t.name: np.full(t.value.shape, t.eps) for t in network.tensors})
    return evaluated


def _networks(format: FloatFormat) -> Mapping[str, Network]:
    conv = Geometry.of((1, 2, 5, 4), (2, 1, 3, 3), stride=(2, 1), padding=1, groups=2)
    point = Geometry.of((1, 2, 3, 4), (2, 2, 1, 1))
    last = Geometry.of((1, 6, 1, 1), (2, 6, 1, 1))
    windows = (Window(size=3, kernel=2, pad_begin=1), Window(size=4, kernel=3))
    sums, share = average(1, 2, (Window(size=3, kernel=2), Window(size=4, kernel=2, stride=2)))
    branching: list[tuple[Node, tuple[int, ...]]] = [
        (convolution(conv), (0, 1, 2)),
        (LeakyRelu(0.1), (5,)),
        (convolution(point), (6, 3, 4)),
        (Add(), (7, 6)),
        (Relu(), (8,)),
        (sums, (9,)),
        (share, (10,)),
    ]
    pooling: list[tuple[Node, tuple[int, ...]]] = [
        (convolution(conv), (0, 1, 2)),
        (MaxPool(1, 2, windows), (5,)),
        (Relu(), (6,)),
        (Reshape((1, 12, 1, 1)), (7,)),
        (Reshape((2, 6, 1, 1)), (8,)),
        (convolution(last.model_copy(update={"batch": 2})), (9, 3, 4)),
        (Divide(3), (10,)),
    ]
    shapes = {
        "branches": [conv.weight_shape, conv.bias_shape, point.weight_shape, point.bias_shape],
        "pooling": [conv.weight_shape, conv.bias_shape, last.weight_shape, last.bias_shape],
    }
    return {
        label: Network(
            conv.x_shape,
            tuple(
                Tensor(f"tensor{k}", np.zeros(shape, format.dtype))
                for k, shape in enumerate(shapes[label])
            ),
            tuple(Placed(node, operands, f"node{k}") for k, (node, operands) in enumerate(nodes)),
            format,
        )
        for label, nodes in (("branches", branching), ("pooling", pooling))
    }


def check_networks(cases: Sequence[NetworkCase], lean: Lean) -> tuple[NetworkReport, ...]:
    """The reports on cases: values are Lean's bit for bit, bounds Lean's rounded outward.

    Raises `LeanError` when Lean fails or its answer cannot be read.
    """
    blocks = split_results(lean.networks("".join(case.text for case in cases)))
    return tuple(_compare(case, _parsed(case.label, blocks.get(case.label, ""))) for case in cases)


def _parsed(name: str, block: str) -> dict[str, list[tuple[Fraction | None, Fraction, Fraction]]]:
    """Value, exact value and bound of each entry of each result."""
    lines = block.split("\n")[1:-2]
    if not lines or lines[0].startswith("refused "):
        raise LeanError(f"Lean gave no results for {name}: {(lines or ['nothing'])[0]}")
    found: dict[str, list[list[Fraction | None]]] = {}
    for line in lines:
        key, *words = line.split(" ")
        result, _, quantity = key.rpartition(".")
        rows = found.setdefault(result, [])
        if len(rows) >= len(QUANTITIES) or quantity != QUANTITIES[len(rows)]:
            raise LeanError(f"Lean's result for {name}: unexpected line {key!r:.60}")
        rows.append([None if word == "overflow" else parse_number(word) for word in words])
    if any(len(rows) != 3 or len({len(row) for row in rows}) != 1 for rows in found.values()):
        raise LeanError(f"Lean's result for {name} has lines of different lengths")
    return {result: list(zip(*rows, strict=True)) for result, rows in found.items()}  # type: ignore[arg-type]


def _compare(
    case: NetworkCase, lean: Mapping[str, list[tuple[Fraction | None, Fraction, Fraction]]]
) -> NetworkReport:
    network = case.network
    evaluated = _forward(network, case.x)
    names = ["input", *(tensor.name for tensor in network.tensors)]
    gradients = evaluated.backward(case.grad_output)
    results = {"output": evaluated.pairs[-1], **dict(zip(names, gradients, strict=True))}
    problems: list[Problem] = []
    ratio, count = 0.0, 0
    if list(results) != list(lean):
        found = ", ".join(lean)
        detail = f"the results {found}, expected {', '.join(results)}"
        return NetworkReport(
            label=case.label, problems=(Problem(kind="entry-count", detail=detail),)
        )
    for name, pairs in results.items():
        shape, rows = pairs.value.shape, lean[name]
        if len(rows) != prod(shape):
            detail = f"{len(rows)} entries of {name}, expected {prod(shape)}"
            problems.append(Problem(kind="entry-count", detail=detail))
            continue
        unlike: dict[Kind, list[int]] = {}
        largest = max(bound for _, _, bound in rows)
        values, bounds = pairs.wide.ravel().tolist(), pairs.eps.ravel().tolist()
        for i, (value, exact, bound) in enumerate(rows):
            count += 1
            if value is None or not np.isfinite(values[i]):
                if value is not None or np.isfinite(values[i]):
                    unlike.setdefault("overflow", []).append(i)
                continue
            if Fraction(values[i]) != value:
                unlike.setdefault("value", []).append(i)
            if not bounds[i] >= bound:
                unlike.setdefault("bound-below", []).append(i)
            elif bounds[i] > bound + _EXCESS * largest:
                unlike.setdefault("bound-above", []).append(i)
            if abs(value - exact) > bound:
                unlike.setdefault("error-beyond-bound", []).append(i)
            elif bound:
                ratio = max(ratio, float(abs(value - exact) / bound))
        problems += [
            Problem.at(kind, places, shape, result=name) for kind, places in unlike.items()
        ]
    return NetworkReport(
        label=case.label, entries=count, error_ratio=ratio, problems=tuple(problems)
    )
