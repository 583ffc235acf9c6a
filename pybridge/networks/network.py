"""A network: tensors, nodes that read them, and the bounds of both passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from pybridge.bounds.computed import Bounded
from pybridge.bounds.theorems import Theorem, theorem
from pybridge.engine.elementwise import Pairs, apply_law
from pybridge.engine.upward import Float64, add_up
from pybridge.errors import InputError, RoundingOverflowError
from pybridge.exported.document import load_definitions
from pybridge.networks.arithmetic import Arithmetic
from pybridge.networks.nodes import Node, Shape
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import FloatArray, FloatFormat, find_format, format_array

__all__ = [
    "Computed",
    "Eps",
    "Method",
    "Network",
    "NetworkBounds",
    "Pass",
    "Placed",
    "Tensor",
    "around",
    "bounded",
    "eps_by_name",
]

Method: TypeAlias = Literal["enclosure", "any-order", "replay"]
Eps: TypeAlias = float | npt.ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor that nodes read: a parameter, or a constant.

    A parameter's value is in the network's format. A `constant` may be in float64, and its gradient
    is not a result. `eps` is how far the exact numbers may be from the value, one number or one for
    each entry.
    """

    name: str
    value: FloatArray
    eps: float | Float64 = 0.0
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A node and what it reads: 0 is the network's input, then come the tensors, then the nodes.

    `label` is what reports call it, such as the path of a module.
    """

    node: Node
    operands: tuple[int, ...]
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What a machine computed: the output, and the gradients of the input and of parameters."""

    output: npt.ArrayLike
    input: npt.ArrayLike
    gradients: Mapping[str, npt.ArrayLike]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkBounds:
    """Values and bounds of the output, the input's gradient, and the parameters' gradients by name.

    `uncertain` counts, by a node's label, the choices of rectifiers and of max pooling that exact
    arithmetic might make differently; the bounds hold in either case.
    """

    output: Bounded
    input: Bounded
    gradients: Mapping[str, Bounded]
    uncertain: Mapping[str, int]

    @property
    def choices(self) -> int:
        """How many choices were not certain."""
        return sum(self.uncertain.values())


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A graph of nodes over an input and tensors; the last node's result is the output.

    `format` is the format of the input, of the parameters, and of what a machine computes.
    """

    input_shape: Shape
    tensors: tuple[Tensor, ...]
    nodes: tuple[Placed, ...]
    format: FloatFormat

    def bound(
        self,
        x: npt.ArrayLike,
        grad_output: npt.ArrayLike,
        *,
        method: Method = "enclosure",
        computed: Computed | None = None,
        eps_input: Eps = 0.0,
        eps_parameters: Mapping[str, Eps] | float = 0.0,
        eps_grad_output: Eps = 0.0,
    ) -> NetworkBounds:
        """Bound the errors of the output and of every gradient, against exact arithmetic.

        The bounds hold for every exact input, parameter and gradient of the output whose entries
        are within their eps of the given ones. An eps is a number, or an array with one for each
        entry; `eps_parameters` is a number for all parameters, or has numbers and arrays by name.

        `method` says which values are bounded, and how:

        * `enclosure`: what a machine `computed`, in any way; by default, the results of `any-order`
          in binary64, rounded. The network is evaluated in binary64 with bounds of sums in any
          order, and the distance to its results is added to these bounds.
        * `any-order`: every operation in the network's format, sums by BLAS, bounded in any order.
        * `replay`: every operation in the network's format, sums in the order that Lean states.

        Raises `InputError` and `InputTypeError` if arrays do not fit, and `RoundingOverflowError`
        if a result overflows.
        """
        if not isinstance(method, str) or method not in get_args(Method):
            known = ", ".join(get_args(Method))
            raise InputError(f"method: expected one of {known}, got {method!r:.60}")
        if computed is not None and method != "enclosure":
            raise InputError("computed: only the method enclosure bounds what a machine computed")
        wide = method == "enclosure"
        arithmetic = Arithmetic.of(
            "binary64" if wide else self.format.name, "stated" if method == "replay" else "any"
        )
        values = Pass(self, arithmetic)
        values.forward(
            _pairs("input", x, self.input_shape, eps_input, self.format),
            eps_by_name(self.tensors, eps_parameters),
        )
        shape = values.pairs[-1].value.shape
        gradients = values.backward(
            _pairs("grad_output", grad_output, shape, eps_grad_output, self.format)
        )
        names = [tensor.name for tensor in self.tensors]
        named = {name: gradients[k + 1] for k, name in enumerate(names)}
        output, of_input = values.pairs[-1], gradients[0]
        if wide:
            compared = computed or Computed(*_rounded(self.format, output, of_input, named))
            output = around("the output", compared.output, output, self.format)
            of_input = around("the gradient of the input", compared.input, of_input, self.format)
            named = {
                tensor.name: around(
                    f"the gradient of {tensor.name}",
                    _named(compared.gradients, tensor.name),
                    named[tensor.name],
                    self.format,
                )
                for tensor in self.tensors
                if not tensor.constant
            }
        forward, backward = proofs(method)
        of_parameters = {
            tensor.name: bounded(f"the gradient of {tensor.name}", named[tensor.name], backward)
            for tensor in self.tensors
            if not tensor.constant
        }
        return NetworkBounds(
            output=bounded("the output", output, forward),
            input=bounded("the gradient of the input", of_input, backward),
            gradients=of_parameters,
            uncertain=values.uncertain,
        )

    def text(self, name: str, x: Pairs, grad_output: Pairs) -> str:
        """Return the network, an input and a gradient as Lean reads them, each with one eps."""
        lines = [f"case {name}", f"format {self.format.name}"]
        inputs = [("input", x), *((t.name, _as_pairs(t, self.format)) for t in self.tensors)]
        for label, pairs in inputs:
            sizes = " ".join(map(str, pairs.value.shape))
            lines.append(f"tensor {label} {_eps_text(pairs)} {sizes} : {_entries_text(pairs)}")
        for placed in self.nodes:
            operands = " ".join(map(str, placed.operands))
            lines.append(f"node {placed.node.words} : {operands}")
        lines.append(f"gradient {_eps_text(grad_output)} : {_entries_text(grad_output)}")
        return "\n".join([*lines, "end", ""])


@dataclass(slots=True)
class Pass:
    """A network in an arithmetic: the pairs of the input, of tensors and of nodes, in order."""

    network: Network
    arithmetic: Arithmetic
    pairs: list[Pairs] = field(default_factory=list)
    uncertain: dict[str, int] = field(default_factory=dict)

    def forward(self, x: Pairs, eps: Mapping[str, Float64]) -> None:
        """Evaluate all nodes."""
        inputs = [x, *(Pairs(t.value, eps[t.name]) for t in self.network.tensors)]
        self.pairs = [_held(pairs, self.arithmetic.format) for pairs in inputs]
        for placed in self.network.nodes:
            operands = [self.pairs[k] for k in placed.operands]
            self.pairs.append(placed.node.forward(self.arithmetic, operands))

    def backward(self, gradient: Pairs) -> list[Pairs]:
        """Return the gradients of the input and of the tensors, zero if no gradient reaches one.

        Gradients that meet are added, in the order in which Lean adds them (`Vars.accumulate`).
        """
        arithmetic = self.arithmetic
        reached: list[Pairs | None] = [None] * len(self.pairs)
        reached[-1] = _held(gradient, arithmetic.format)
        first = len(self.pairs) - len(self.network.nodes)
        for k, placed in reversed(list(enumerate(self.network.nodes))):
            delta = reached[first + k]
            if delta is None:
                continue
            operands = [self.pairs[i] for i in placed.operands]
            passed, uncertain = placed.node.backward(arithmetic, operands, delta)
            if uncertain:
                self.uncertain[placed.label] = self.uncertain.get(placed.label, 0) + uncertain
            for i, part in zip(placed.operands, passed, strict=True):
                met = reached[i]
                reached[i] = part if met is None else arithmetic.law("add", x=met, y=part)
        return [
            arithmetic.zeros(pairs.value.shape) if delta is None else delta
            for pairs, delta in zip(self.pairs[:first], reached[:first], strict=True)
        ]


def _held(pairs: Pairs, format: FloatFormat) -> Pairs:
    """Round numbers to a format, and add the change to their eps."""
    with np.errstate(all="ignore"):
        value: FloatArray = pairs.value.astype(format.dtype, copy=False)
    if pairs.value.dtype.itemsize <= format.dtype.itemsize:
        return Pairs(value, pairs.eps)
    lost = np.nextafter(np.abs(value.astype(np.float64) - pairs.wide), np.inf)
    lost[value.astype(np.float64) == pairs.wide] = 0.0
    return Pairs(value, np.asarray(add_up(lost, pairs.eps), np.float64))


def proofs(method: Method) -> tuple[tuple[Theorem, ...], tuple[Theorem, ...]]:
    """Return the theorems that prove the bound of the output, and of a gradient.

    The conclusion of the first one is the bound; the others are about the nodes.
    """
    ends = "enclosure" if method == "enclosure" else "approx"
    if method == "replay":
        nodes = ["ParametricNode.model"]
    else:
        nodes = [
            "Contraction.get_estimate_addend",
            "Contraction.get_estimate_two",
            "Contraction.get_estimate_one",
            "Accumulation.near",
        ]
    return (
        tuple(map(theorem, [f"RevGraph.eval_{ends}", *nodes])),
        tuple(map(theorem, [f"RevGraph.backprop_{ends}", *nodes])),
    )


def _pairs(name: str, values: npt.ArrayLike, shape: Shape, eps: Eps, format: FloatFormat) -> Pairs:
    array = format_array(name, to_numpy(name, values), format)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}, expected {shape}")
    return Pairs(array, _eps_array(f"eps of {name}", eps, shape))


def _eps_array(name: str, eps: Eps, shape: Shape) -> Float64:
    array = np.asarray(eps, np.float64)
    if not (np.isfinite(array) & (array >= 0)).all():
        raise InputError(f"{name}: expected finite numbers that are not negative")
    if array.shape not in ((), shape):
        raise InputError(f"{name} has shape {array.shape}, expected one number or {shape}")
    return np.array(np.broadcast_to(array, shape))


def eps_by_name(tensors: Sequence[Tensor], eps: Mapping[str, Eps] | float) -> dict[str, Float64]:
    """Return the eps of each tensor: a constant's own, and for a parameter the one in `eps`."""
    parameters = [tensor.name for tensor in tensors if not tensor.constant]
    by_name = dict(eps) if isinstance(eps, Mapping) else dict.fromkeys(parameters, eps)
    for name in by_name:
        if name not in parameters:
            raise InputError(f"eps_parameters: there is no parameter {name!r}")
    return {
        tensor.name: _eps_array(
            f"eps of {tensor.name}", by_name.get(tensor.name, tensor.eps), tensor.value.shape
        )
        for tensor in tensors
    }


def _named(gradients: Mapping[str, npt.ArrayLike], name: str) -> npt.ArrayLike:
    if name not in gradients:
        raise InputError(f"computed: the gradient of {name} is missing")
    return gradients[name]


def _rounded(
    format: FloatFormat, output: Pairs, of_input: Pairs, named: Mapping[str, Pairs]
) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
    with np.errstate(all="ignore"):
        return (
            output.value.astype(format.dtype),
            of_input.value.astype(format.dtype),
            {name: pairs.value.astype(format.dtype) for name, pairs in named.items()},
        )


def around(name: str, values: npt.ArrayLike, reference: Pairs, format: FloatFormat) -> Pairs:
    """Return values of any origin, with bounds of their errors.

    A bound is the distance to a reference plus the reference's own bound (Lean:
    `RevGraph.backprop_enclosure`).
    """
    array = format_array(name, to_numpy(name, values), format)
    if array.shape != reference.value.shape:
        raise InputError(f"{name} has shape {array.shape}, expected {reference.value.shape}")
    laws = load_definitions().data.laws
    exact = Pairs(-array.astype(np.float64), np.zeros(array.shape))
    difference = apply_law(laws.add, find_format("binary64"), x=reference, y=exact)
    distance = np.asarray(np.abs(difference.value), np.float64)
    return Pairs(array, np.asarray(add_up(distance, difference.eps), np.float64))


def bounded(name: str, pairs: Pairs, theorems: tuple[Theorem, ...]) -> Bounded:
    """Return pairs with the theorems of their bounds; `RoundingOverflowError` if one overflowed."""
    overflow = ~np.isfinite(pairs.value)
    if overflow.any():
        first = np.unravel_index(int(np.argmax(overflow)), overflow.shape)
        count = int(np.count_nonzero(overflow))
        raise RoundingOverflowError(name, [int(i) for i in first], count, pairs.value.dtype.name)
    return Bounded(pairs.value, pairs.eps, theorems)


def _as_pairs(tensor: Tensor, format: FloatFormat) -> Pairs:
    eps = _eps_array(tensor.name, tensor.eps, tensor.value.shape)
    held = _held(Pairs(tensor.value, eps), format)
    return Pairs(held.value, np.full(eps.shape, held.eps.max()))


def _eps_text(pairs: Pairs) -> str:
    first = float(pairs.eps.flat[0])
    if not (pairs.eps == first).all():
        raise InputError("a network's text has one eps for each tensor")
    return first.hex()


def _entries_text(pairs: Pairs) -> str:
    return " ".join(float(value).hex() for value in pairs.wide.ravel())
