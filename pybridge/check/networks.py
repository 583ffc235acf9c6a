"""Compares the replay of small networks with Lean's, forward and backward, in all formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from pydantic import computed_field

from pybridge.check.generate import entries
from pybridge.check.problems import Kind, Problem
from pybridge.engine.elementwise import Pairs
from pybridge.lean.protocol import CaseResult, TensorResult, parse_results
from pybridge.model import Model
from pybridge.networks.arithmetic import Arithmetic
from pybridge.networks.network import Network, Pass, Placed, Tensor
from pybridge.networks.nodes import Add, Divide, LeakyRelu, MaxPool, Node, Relu, Reshape
from pybridge.networks.operations import average, operation
from pybridge.problem.formats import FORMATS, FloatFormat
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.shapes import Pooling

__all__ = [
    "NetworkCase",
    "NetworkReport",
    "compare_networks",
    "networks_text",
    "small_networks",
]

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
    """The comparison of a network: how many entries were compared, the largest true error in units
    of its bound, and the problems.
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

    def __str__(self) -> str:
        verdict = "yes" if self.passed else "no "
        below = "".join(f"\n    {problem}" for problem in self.problems)
        return f"{verdict} {self.error_ratio:5.3f} {self.label}{below}"


def small_networks() -> Iterator[NetworkCase]:
    """Yield the networks that are checked: each in every format, with and without eps."""
    for format in FORMATS.values():
        for label, network in _networks(format).items():
            for kind, eps in (("normal", 0.0), ("integer", 2.0**-4)):
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
    """Evaluate a network forward in the stated order, and return the pass."""
    evaluated = Pass(network, Arithmetic.of(network.format.name, "stated"))
    evaluated.forward(x, {t.name: np.full(t.value.shape, t.eps) for t in network.tensors})
    return evaluated


def _networks(format: FloatFormat) -> Mapping[str, Network]:
    conv = Geometry.of((1, 2, 5, 4), (2, 1, 3, 3), stride=(2, 1), padding=1, groups=2)
    point = Geometry.of((1, 2, 3, 4), (2, 2, 1, 1))
    last = Geometry.of((1, 6, 1, 1), (2, 6, 1, 1))
    windows = (Window(size=3, kernel=2, pad_begin=1), Window(size=4, kernel=3))
    most = Pooling(batch=1, channels=2, windows=windows)
    halves = (Window(size=3, kernel=2), Window(size=4, kernel=2, stride=2))
    sums, share = average(Pooling(batch=1, channels=2, windows=halves))
    branching: list[tuple[Node, tuple[int, ...]]] = [
        (operation(conv), (0, 1, 2)),
        (LeakyRelu(0.1), (5,)),
        (operation(point), (6, 3, 4)),
        (Add(), (7, 6)),
        (Relu(), (8,)),
        (sums, (9,)),
        (share, (10,)),
    ]
    pooling: list[tuple[Node, tuple[int, ...]]] = [
        (operation(conv), (0, 1, 2)),
        (MaxPool(most, operation(most)), (5,)),
        (Relu(), (6,)),
        (Reshape((1, 12, 1, 1)), (7,)),
        (Reshape((2, 6, 1, 1)), (8,)),
        (operation(last.model_copy(update={"batch": 2})), (9, 3, 4)),
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


def networks_text(cases: Sequence[NetworkCase]) -> str:
    """Return the cases as Lean reads them."""
    return "".join(case.text for case in cases)


def compare_networks(cases: Sequence[NetworkCase], text: str) -> tuple[NetworkReport, ...]:
    """Compare cases with Lean's answer `text`, and return a report on each.

    Values have to be Lean's bit for bit, and bounds Lean's rounded outward. Raises `LeanError` if
    the answer cannot be read.
    """
    results = parse_results(text, [case.label for case in cases])
    return tuple(_compare(case, results[case.label]) for case in cases)


def _compare(case: NetworkCase, lean: CaseResult) -> NetworkReport:
    if lean.refused is not None:
        return NetworkReport(
            label=case.label, problems=(Problem(kind="refused", detail=lean.refused),)
        )
    evaluated = _forward(case.network, case.x)
    names = ["input", *(tensor.name for tensor in case.network.tensors)]
    gradients = evaluated.backward(case.grad_output)
    results = {"output": evaluated.pairs[-1], **dict(zip(names, gradients, strict=True))}
    problems: list[Problem] = []
    ratios = [0.0]
    for name, pairs in results.items():
        answer = lean.tensors.get(name)
        count = 0 if answer is None else len(answer.value)
        if answer is None or count != pairs.value.size:
            detail = f"{count} entries of {name}, expected {pairs.value.size}"
            problems.append(Problem(kind="entry-count", detail=detail))
            continue
        unlike, ratio = _unlike(pairs, answer)
        shape = pairs.value.shape
        problems += [Problem.at(kind, at, shape, result=name) for kind, at in unlike.items()]
        ratios.append(ratio)
    return NetworkReport(
        label=case.label,
        entries=sum(pairs.value.size for pairs in results.values()),
        error_ratio=max(ratios),
        problems=tuple(problems),
    )


def _unlike(pairs: Pairs, answer: TensorResult) -> tuple[dict[Kind, list[int]], float]:
    """Return the positions of entries by the kind of problem, and the largest error / bound."""
    positions: dict[Kind, list[int]] = {}
    ratio = 0.0
    slack = _EXCESS * max(answer.bound)
    ours = zip(pairs.wide.ravel().tolist(), pairs.eps.ravel().tolist(), strict=True)
    theirs = zip(answer.value, answer.exact, answer.bound, strict=True)
    for i, ((value, eps), (expected, exact, bound)) in enumerate(zip(ours, theirs, strict=True)):
        if expected is None or not np.isfinite(value):
            if (expected is None) != (not np.isfinite(value)):
                positions.setdefault("overflow", []).append(i)
            continue
        error = abs(expected - exact)
        holds: Mapping[Kind, bool] = {
            "value": Fraction(value) == expected,
            "bound-below": eps >= bound,
            "bound-above": eps <= bound + slack,
            "error-beyond-bound": error <= bound,
        }
        for kind, right in holds.items():
            if not right:
                positions.setdefault(kind, []).append(i)
        ratio = max(ratio, float(error / bound) if bound else 0.0)
    return positions, ratio
