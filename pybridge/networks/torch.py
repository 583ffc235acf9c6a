"""Reads PyTorch modules as networks, and lets PyTorch compute them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pybridge.engine.upward import Float64
from pybridge.errors import InputError, InputTypeError
from pybridge.extras import install_command, missing
from pybridge.networks.network import Computed, Network, Placed, Tensor
from pybridge.networks.nodes import Add, LeakyRelu, MaxPool, Node, Relu, Reshape, Shape
from pybridge.networks.operations import average, operation, reciprocal_root
from pybridge.problem.arrays import to_numpy
from pybridge.problem.formats import FloatArray, FloatFormat, find_format, format_array
from pybridge.problem.geometry import Geometry, Window, axis_names
from pybridge.problem.shapes import Pooling

if TYPE_CHECKING:
    import torch

__all__ = ["compute", "from_torch"]

Module: TypeAlias = "torch.nn.Module"


def from_torch(module: Module, example_input: Any) -> Network:
    """Return a module in evaluation mode as a network, for inputs of the example's shape.

    The module is traced by torch.fx. Supported are Conv1d, 2d and 3d, ConvTranspose1d, 2d and 3d,
    Linear, ReLU, LeakyReLU with a slope in [0, 1], AvgPool and MaxPool1d and 2d, AdaptiveAvgPool1d
    and 2d to one pixel, Flatten, Dropout and Identity, BatchNorm1d, 2d and 3d with running
    statistics, the functions of relu, leaky_relu, flatten and pooling, `view` and `reshape`, sizes
    that these take from tensors, and additions of two tensors of one shape. Parameters are named as
    in `state_dict`, and copied. Raises `InputError` for anything else, naming the module, and if
    the module is in training mode or has parameters of several dtypes.
    """
    if missing("torch"):
        raise InputError(f"networks of PyTorch need torch: {install_command('torch')}")
    import torch

    if not isinstance(module, torch.nn.Module):
        raise InputTypeError(f"module: expected a torch.nn.Module, got {type(module).__name__}")
    for name, part in module.named_modules():
        if part.training:
            raise InputError(f"{_path(name, part)} is in training mode: call module.eval() first")
        if part._forward_hooks or part._forward_pre_hooks:
            raise InputError(f"{_path(name, part)} has forward hooks, which are not supported")
    dtypes = {str(p.dtype).removeprefix("torch.") for p in module.parameters()}
    dtypes.add(str(example_input.dtype).removeprefix("torch."))
    if len(dtypes) > 1:
        raise InputError(f"module: expected one dtype, got {', '.join(sorted(dtypes))}")
    shape = tuple(example_input.shape)
    names = {id(value): name for name, value in module.named_parameters()}
    builder = _Builder(find_format(dtypes.pop()), shape, names)
    graph = torch.fx.Tracer().trace(module)
    return _Reading(builder, module, graph).network()


def compute(module: Module, x: Any, grad_output: Any) -> Computed:
    """Let PyTorch compute a module's output, and its gradients for `grad_output`.

    Frozen parameters have gradients, too; the module's own `.grad` are left as they are.
    """
    import torch

    leaf = x.detach().clone().requires_grad_()
    parameters = {name: p.detach().requires_grad_() for name, p in module.named_parameters()}
    with torch.enable_grad():
        output = torch.func.functional_call(module, parameters, (leaf,))
        of_input, *of_parameters = torch.autograd.grad(
            output, [leaf, *parameters.values()], grad_output, materialize_grads=True
        )
    return Computed(output.detach(), of_input, dict(zip(parameters, of_parameters, strict=True)))


def _path(name: str, module: Module) -> str:
    return f"{name or 'the module'} ({type(module).__name__})"


@dataclass(slots=True)
class _Builder:
    """Builds a network node by node, in which each tensor has a number.

    `names` has the name of each of the module's parameters by its `id`.
    """

    format: FloatFormat
    input_shape: Shape
    names: Mapping[int, str]
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[tuple[Node, tuple[int, ...], str]] = field(default_factory=list)
    shapes: dict[int, Shape] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes[0] = self.input_shape

    def tensor(self, tensor: Tensor) -> int:
        """Return the number of a tensor, which is added if its name is new."""
        if tensor.name not in self.numbers:
            self.tensors.append(tensor)
            number = self.numbers[tensor.name] = len(self.tensors)
            self.shapes[number] = tensor.value.shape
        return self.numbers[tensor.name]

    def parameter(self, value: Any) -> int:
        """Return the number of a parameter."""
        if id(value) not in self.names:
            raise InputError("a layer's weight is computed: expected a parameter of the module")
        name = self.names[id(value)]
        array = format_array(name, to_numpy(name, value.detach()), self.format)
        return self.tensor(Tensor(name, array.copy()))

    def constant(self, name: str, value: FloatArray, eps: float | Float64 = 0.0) -> int:
        """Return the number of a constant."""
        return self.tensor(Tensor(name, value, eps, constant=True))

    def node(self, node: Node, operands: Sequence[int], shape: Shape, label: str) -> int:
        """Return the number of a new node, which is negative until all tensors are known."""
        self.nodes.append((node, tuple(operands), label))
        number = -len(self.nodes)
        self.shapes[number] = shape
        return number

    def reshape(self, x: int, shape: Shape, label: str) -> int:
        """Return the number of x, or of a new node if the shape is another."""
        return x if self.shapes[x] == shape else self.node(Reshape(shape), [x], shape, label)

    def finish(self, output: int) -> Network:
        """Return the network with an output, which has to be its last node."""
        first = len(self.tensors)
        if output != -len(self.nodes):
            output = self.node(Reshape(self.shapes[output]), [output], self.shapes[output], "")
        placed = tuple(
            Placed(node, tuple(k if k >= 0 else first - k for k in operands), label)
            for node, operands, label in self.nodes
        )
        return Network(self.input_shape, tuple(self.tensors), placed, self.format)


@dataclass(slots=True)
class _Reading:
    """Reads a traced module node by node.

    Each node becomes a tensor of the builder, or is a size of one, or a number made of sizes.
    """

    builder: _Builder
    module: Module
    graph: Any
    known: dict[Any, int] = field(default_factory=dict)
    sizes: dict[Any, Any] = field(default_factory=dict)

    def network(self) -> Network:
        """Return the network."""
        for node in self.graph.nodes:
            if node.op == "placeholder":
                if self.known:
                    raise InputError(f"{node.name}: a network has one input, expected no other")
                self.known[node] = 0
            elif node.op == "output":
                (output,) = node.args
                if output not in self.known:
                    raise InputError("the module returns several values, expected one tensor")
                return self.builder.finish(self.known[output])
            elif (size := self._size(node)) is not None:
                self.sizes[node] = size
            else:
                self.known[node] = self._read(node)
        raise InputError("the module returns nothing")

    def _size(self, node: Any) -> Any:
        """Return the shape or size that a node computes, or None if it is a tensor."""
        operands = node.all_input_nodes
        if operands and node.op == "call_function" and all(n in self.sizes for n in operands):
            return (
                node.target(*self._without_nodes(node.args)) if node.target in _OF_SIZES else None
            )
        if len(operands) != 1 or operands[0] not in self.known:
            return None
        shape = self.builder.shapes[self.known[operands[0]]]
        if node.target is getattr and node.args[1] == "shape":
            return shape
        if node.op == "call_method" and node.target == "size":
            axes = (*node.args[1:], *node.kwargs.values())
            return shape[axes[0]] if axes else shape
        return None

    def _without_nodes(self, arguments: Any) -> Any:
        """Return arguments with sizes in place of the nodes that compute them."""
        from torch.fx.node import map_arg

        return map_arg(arguments, lambda node: self.sizes.get(node, node))

    def _read(self, node: Any) -> int:
        label = str(node.target) if node.op == "call_module" else node.name
        tensors = [arg for arg in node.all_input_nodes if arg in self.known]
        first = self.known.get(node.args[0]) if node.args else None
        if node.op == "call_module" and first is not None and len(node.args) == 1:
            module = self.module.get_submodule(label)
            read = _MODULES.get(type(module).__name__)
            if read is None or not type(module).__module__.startswith("torch.nn.modules"):
                raise InputError(f"{_path(label, module)} is not a supported layer")
            if getattr(module, "inplace", False):
                self._require_unread(node, label)
            return read(self.builder, label, module, first)
        name = node.target if isinstance(node.target, str) else node.target.__name__
        known = _METHODS.get(name) if node.op == "call_method" else _functions().get(node.target)
        if node.op not in ("call_function", "call_method") or known is None or first is None:
            raise InputError(f"{label}: {name} is not a supported function")
        if name.endswith("_") or name == "iadd" or node.kwargs.get("inplace"):
            self._require_unread(node, label)
        if known is _add:
            if len(node.args) != 2 or len(tensors) != len(set(node.args)) or node.kwargs:
                raise InputError(f"{label}: expected the sum of two tensors")
            return _add(self.builder, label, first, self.known[node.args[1]])
        if len(tensors) != 1:
            raise InputError(f"{label}: {name} of several tensors is not supported")
        return known(self.builder, label, first, *self._without_nodes(node.args[1:]), **node.kwargs)

    def _require_unread(self, node: Any, label: str) -> None:
        """Refuse a layer that works in place on a tensor that is read later."""
        order = {other: k for k, other in enumerate(self.graph.nodes)}
        argument = node.args[0]
        while True:
            later = [user for user in argument.users if order[user] > order[node]]
            if later or argument.op == "placeholder":
                raise InputError(f"{label} works in place on a tensor that is read elsewhere")
            if not self._is_view(argument):
                return
            argument = argument.args[0]

    def _is_view(self, node: Any) -> bool:
        """Return whether a node may share its operand's memory."""
        if node.op == "call_module":
            module = self.module.get_submodule(str(node.target))
            return getattr(module, "inplace", False) or type(module).__name__ in _VIEWS
        name = node.target if isinstance(node.target, str) else node.target.__name__
        return name in _VIEWING or bool(node.kwargs.get("inplace"))


_VIEWS = ("Flatten", "Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d")
_VIEWING = ("flatten", "iadd", "add_", "relu_", "reshape", "view")
_OF_SIZES = (operator.getitem, operator.mul, operator.floordiv, operator.add, operator.sub)


def _convolution(builder: _Builder, label: str, module: Any, x: int) -> int:
    if module.padding_mode != "zeros":
        raise InputError(f"{label}: padding_mode {module.padding_mode!r} is not supported")
    weight = builder.parameter(module.weight)
    padding = module.padding
    if padding == "same":
        spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        padding = tuple((span // 2, span - span // 2) for span in spans)
    geometry = Geometry.of(
        builder.shapes[x],
        builder.shapes[weight],
        stride=module.stride,
        padding=0 if padding == "valid" else padding,
        dilation=module.dilation,
        groups=module.groups,
        output_padding=module.output_padding if module.transposed else 0,
        transposed=module.transposed,
        rank=len(module.kernel_size),
    )
    return _convolved(builder, label, geometry, x, weight, _bias(builder, label, module))


def _convolved(
    builder: _Builder, label: str, geometry: Geometry, x: int, weight: int, bias: int
) -> int:
    node = operation(geometry)
    operands = {"x": x, "weight": weight, "bias": bias}
    return builder.node(
        node, [operands[name] for name in node.gradients], geometry.output_shape, label
    )


def _bias(builder: _Builder, label: str, module: Any) -> int:
    """Return the bias, or zeros if there is none."""
    if module.bias is not None:
        return builder.parameter(module.bias)
    outputs = getattr(module, "out_channels", None) or module.out_features
    return builder.constant(f"{label}.no-bias", np.zeros(outputs))


def _linear(builder: _Builder, label: str, module: Any, x: int) -> int:
    *rows, features = builder.shapes[x]
    weight = builder.parameter(module.weight)
    outputs, inputs = builder.shapes[weight]
    if inputs != features:
        raise InputError(f"{label}: the input has {features} features, expected {inputs}")
    geometry = Geometry.of((prod(rows), inputs, 1, 1), (outputs, inputs, 1, 1))
    pixels = builder.reshape(x, geometry.x_shape, label)
    kernel = builder.reshape(weight, geometry.weight_shape, label)
    y = _convolved(builder, label, geometry, pixels, kernel, _bias(builder, label, module))
    return builder.reshape(y, (*rows, outputs), label)


def _batch_norm(builder: _Builder, label: str, module: Any, x: int) -> int:
    if module.running_mean is None:
        raise InputError(f"{label}: expected running statistics, there are none")
    shape = builder.shapes[x]
    batch, channels = shape[:2]
    geometry = Geometry.of(
        (batch, channels, prod(shape[2:]), 1), (channels, 1, 1, 1), groups=channels
    )
    kernel, one = geometry.weight_shape, (channels,)

    def each(x: int, weight: int, bias: int) -> int:
        return _convolved(builder, label, geometry, x, builder.reshape(weight, kernel, label), bias)

    mean = format_array(label, to_numpy(label, module.running_mean), builder.format)
    variance = format_array(label, to_numpy(label, module.running_var), builder.format)
    root, error = reciprocal_root(variance.astype(np.float64), module.eps)
    nothing = builder.constant(f"{label}.zero", np.zeros(one))
    y = builder.reshape(x, geometry.x_shape, label)
    y = each(
        y,
        builder.constant(f"{label}.one", np.ones(one)),
        builder.constant(f"{label}.minus-mean", -mean.astype(np.float64)),
    )
    y = each(y, builder.constant(f"{label}.reciprocal-root", root, error), nothing)
    if module.affine:
        y = each(
            y,
            builder.parameter(module.weight),
            builder.parameter(module.bias),
        )
    return builder.reshape(y, shape, label)


def _relu(builder: _Builder, label: str, x: int, inplace: bool = False) -> int:
    return builder.node(Relu(), [x], builder.shapes[x], label)


def _leaky_relu(
    builder: _Builder, label: str, x: int, negative_slope: float = 0.01, inplace: bool = False
) -> int:
    if not 0 <= negative_slope <= 1:
        raise InputError(f"{label}: the slope is {negative_slope}, expected one in [0, 1]")
    return builder.node(LeakyRelu(negative_slope), [x], builder.shapes[x], label)


def _windows(
    rank: int,
    label: str,
    shape: Shape,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
) -> tuple[Window, ...]:
    if ceil:
        raise InputError(f"{label}: ceil_mode is not supported")
    if len(shape) != rank + 2:
        axes = ", ".join(axis_names(rank))
        raise InputError(f"{label}: expected an input [batch, channels, {axes}]")
    geometry = Geometry.of(
        (1, 1, *shape[2:]),
        (1, 1, *_each(rank, kernel)),
        stride=_each(rank, stride if stride not in (None, ()) else kernel),
        padding=_each(rank, padding),
        dilation=_each(rank, dilation),
        rank=rank,
    )
    return (Window(size=1, kernel=1),) * (2 - rank) + geometry.windows


def _each(rank: int, number: Any) -> tuple[int, ...]:
    """Return one number for each axis; a single number is for all axes."""
    return (number,) * rank if isinstance(number, int) else tuple(number) * (rank // len(number))


def _pooled(
    builder: _Builder, label: str, x: int, windows: tuple[Window, ...], *nodes: Node
) -> int:
    """Apply nodes one after the other to windows; an input with one axis is a row of an image."""
    before = builder.shapes[x]
    images = (*before[:2], *(axis.size for axis in windows))
    after = (*before[:2], *(axis.output for axis in windows))
    y = builder.reshape(x, images, label)
    for node in nodes:
        y = builder.node(node, [y], after, label)
    return builder.reshape(y, after if len(before) == 4 else (*after[:2], after[-1]), label)


def _max_pool(
    rank: int,
    builder: _Builder,
    label: str,
    x: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> int:
    if return_indices:
        raise InputError(f"{label}: return_indices is not supported")
    shape = builder.shapes[x]
    windows = _windows(rank, label, shape, kernel_size, stride, padding, dilation, ceil_mode)
    if not all(_reads_everywhere(axis) for axis in windows):
        raise InputError(f"{label}: a window has only padding, so its largest entry is -inf")
    pooling = Pooling(batch=shape[0], channels=shape[1], windows=windows)
    return _pooled(builder, label, x, windows, MaxPool(pooling, operation(pooling)))


def _reads_everywhere(axis: Window) -> bool:
    """Return whether every output along an axis reads an entry of the input."""
    first = np.arange(axis.output)[:, None] * axis.stride - axis.pad_begin
    read = first + np.arange(axis.kernel) * axis.dilation
    return bool(((read >= 0) & (read < axis.size)).any(axis=1).all())


def _avg_pool(
    rank: int,
    builder: _Builder,
    label: str,
    x: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> int:
    if divisor_override is not None or (any(_each(rank, padding)) and not count_include_pad):
        raise InputError(f"{label}: a divisor other than the window's size is not supported")
    shape = builder.shapes[x]
    windows = _windows(rank, label, shape, kernel_size, stride, padding, 1, ceil_mode)
    nodes = average(Pooling(batch=shape[0], channels=shape[1], windows=windows))
    return _pooled(builder, label, x, windows, *nodes)


def _adaptive_avg_pool(rank: int, builder: _Builder, label: str, x: int, output_size: Any) -> int:
    if set(_each(rank, output_size)) != {1}:
        raise InputError(f"{label}: output_size {output_size}, expected 1")
    return _avg_pool(rank, builder, label, x, builder.shapes[x][2:])


def _max_pool_module(rank: int, builder: _Builder, label: str, module: Any, x: int) -> int:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    return _max_pool(rank, builder, label, x, *(getattr(module, name) for name in names))


def _avg_pool_module(rank: int, builder: _Builder, label: str, module: Any, x: int) -> int:
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    options = {name: getattr(module, name) for name in names}
    override = getattr(module, "divisor_override", None)  # AvgPool1d has none.
    return _avg_pool(rank, builder, label, x, **options, divisor_override=override)


def _adaptive_module(rank: int, builder: _Builder, label: str, module: Any, x: int) -> int:
    return _adaptive_avg_pool(rank, builder, label, x, module.output_size)


def _flatten(builder: _Builder, label: str, x: int, start_dim: int = 0, end_dim: int = -1) -> int:
    shape = builder.shapes[x]
    first, last = start_dim % len(shape), end_dim % len(shape)
    merged = (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
    return builder.reshape(x, merged, label)


def _reshape(builder: _Builder, label: str, x: int, *shape: Any) -> int:
    sizes = shape if len(shape) != 1 or isinstance(shape[0], int) else tuple(shape[0])
    entries = prod(builder.shapes[x])
    if not all(isinstance(n, int) and n >= -1 for n in sizes) or sizes.count(-1) > 1:
        raise InputError(f"{label}: expected sizes, one of them may be -1")
    rest = entries // max(prod(size for size in sizes if size != -1), 1)
    new = tuple(rest if size == -1 else size for size in sizes)
    if prod(new) != entries:
        raise InputError(f"{label}: a tensor of shape {builder.shapes[x]} has no shape {sizes}")
    return builder.reshape(x, new, label)


def _add(builder: _Builder, label: str, x: int, y: int) -> int:
    if builder.shapes[x] != builder.shapes[y]:
        raise InputError(
            f"{label}: the branches have shapes {builder.shapes[x]} and {builder.shapes[y]}"
        )
    return builder.node(Add(), [x, y], builder.shapes[x], label)


_MODULES: Mapping[str, Callable[[_Builder, str, Any, int], int]] = {
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "Conv3d": _convolution,
    "ConvTranspose1d": _convolution,
    "ConvTranspose2d": _convolution,
    "ConvTranspose3d": _convolution,
    "Linear": _linear,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "BatchNorm3d": _batch_norm,
    "ReLU": lambda builder, label, module, x: _relu(builder, label, x),
    "LeakyReLU": lambda builder, label, module, x: _leaky_relu(
        builder, label, x, module.negative_slope
    ),
    **{
        f"{name}{rank}d": partial(read, rank)
        for name, read in (
            ("MaxPool", _max_pool_module),
            ("AvgPool", _avg_pool_module),
            ("AdaptiveAvgPool", _adaptive_module),
        )
        for rank in (1, 2)
    },
    "Flatten": lambda builder, label, module, x: _flatten(
        builder, label, x, module.start_dim, module.end_dim
    ),
    "Identity": lambda builder, label, module, x: x,
    "Dropout": lambda builder, label, module, x: x,
    "Dropout1d": lambda builder, label, module, x: x,
    "Dropout2d": lambda builder, label, module, x: x,
    "Dropout3d": lambda builder, label, module, x: x,
}

_METHODS: Mapping[str, Callable[..., int]] = {
    "add": _add,
    "add_": _add,
    "relu": _relu,
    "relu_": _relu,
    "flatten": _flatten,
    "view": _reshape,
    "reshape": _reshape,
}


@lru_cache(maxsize=1)
def _functions() -> Mapping[Any, Callable[..., int]]:
    """Return the readers of PyTorch's functions."""
    import torch
    from torch.nn import functional

    return {
        operator.add: _add,
        operator.iadd: _add,
        torch.add: _add,
        torch.relu: _relu,
        torch.relu_: _relu,
        functional.relu: _relu,
        functional.leaky_relu: _leaky_relu,
        torch.flatten: _flatten,
        torch.reshape: _reshape,
        **{
            getattr(functional, f"{name}{rank}d"): partial(read, rank)
            for name, read in (
                ("max_pool", _max_pool),
                ("avg_pool", _avg_pool),
                ("adaptive_avg_pool", _adaptive_avg_pool),
            )
            for rank in (1, 2)
        },
    }
