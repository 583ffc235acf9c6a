"""Bounds of whole networks against exact arithmetic, and what is read of PyTorch's modules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from exact import Exact, Residual, Run, exactly
from torch import nn
from torch.nn import functional

from pybridge.bounds.computed import Bounded
from pybridge.engine.elementwise import Pairs
from pybridge.errors import InputError
from pybridge.networks import Method, NetworkBounds, compute, from_torch, sgd_step
from pybridge.networks.arithmetic import Arithmetic

pytestmark = pytest.mark.torch

LAW = Arithmetic.law


def normalised() -> nn.Module:
    norm = nn.BatchNorm2d(3, eps=0.25)
    norm.running_var = torch.tensor([2.0, 0.75, 6.0])
    norm.running_mean = torch.tensor([0.3, -0.7, 0.1])
    return norm


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (
        lambda: nn.Sequential(
            nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4), nn.LeakyReLU(0.1), nn.Linear(4, 3)
        ),
        (3, 5),
    ),
    "pooled": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Conv2d(4, 2, 2, stride=1, dilation=1, bias=False),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(2, 2),
        ),
        (2, 2, 6, 6),
    ),
    "residual": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            normalised(),
            nn.ReLU(),
            Residual(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), normalised(), nn.ReLU())),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(12, 2),
        ),
        (1, 1, 4, 4),
    ),
}


def prepared(name: str, dtype: torch.dtype, seed: int) -> tuple[nn.Module, Any, Any]:
    torch.manual_seed(seed)
    make, shape = MODELS[name]
    module = make().to(dtype).eval()
    x = torch.randn(shape).to(dtype)
    if seed % 2:
        # Small multiples of 1/4, so that entries tie and sums vanish.
        x = (2 * x).round() / 4
        for value in module.parameters():
            value.data = (4 * value.data).round() / 4
    return module, x, torch.randn(module(x).shape).to(dtype)


def require_within(
    bounds: NetworkBounds, module: nn.Module, x: Exact, delta: Exact, parameters: dict[str, Exact]
) -> None:
    run = Run(parameters)
    output = run.forward(module, "", x)
    dx = run.backward(module, "", delta)
    pairs = [(bounds.output, output), (bounds.input, dx)]
    pairs += [(bounds.gradients[name], run.gradients[name]) for name in parameters]
    for bounded, exact in pairs:
        assert bounded.value.shape == exact.shape
        errors = np.abs(exactly(bounded.value) - exact)
        assert (errors <= exactly(bounded.bound)).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", ["enclosure", "any-order", "replay"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_exact_results_are_within_the_bounds(
    name: str, dtype: torch.dtype, method: Any, seed: int
) -> None:
    module, x, delta = prepared(name, dtype, seed)
    eps = 0.0 if seed == 0 else 2.0 ** -(8 * seed)
    network = from_torch(module, x)
    computed = compute(module, x, delta) if method == "enclosure" else None
    bounds = network.bound(
        x,
        delta,
        method=method,
        computed=computed,
        eps_input=eps,
        eps_parameters=eps,
        eps_grad_output=eps,
    )
    rng = np.random.default_rng(seed)

    def moved(array: Any) -> Exact:
        signs = rng.integers(-1, 2, array.shape)
        return np.asarray(exactly(array) + exactly(eps * signs))

    parameters = {n: moved(p.detach()) for n, p in module.named_parameters()}
    require_within(bounds, module, moved(x), moved(delta), parameters)
    if eps == 0 and method == "enclosure":
        assert float(bounds.output.bound.max()) < 1e-5 * float(np.abs(bounds.output.value).max())


@pytest.mark.parametrize("name", ["greater", "at_least", "choose"])
def test_bounds_that_forget_the_other_choice_are_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If laws take every choice for certain, exact results leave their bounds."""

    def certain(self: Arithmetic, law: str, **operands: Pairs) -> Pairs:
        if law == name:
            x = operands["x"]
            operands["x"] = Pairs(x.value, np.zeros(x.eps.shape))
            if name != "choose":
                y = operands["y"]
                operands["y"] = Pairs(y.value, np.zeros(y.eps.shape))
        return LAW(self, law, **operands)

    monkeypatch.setattr(Arithmetic, "law", certain)
    module = nn.Sequential(nn.MaxPool2d(2), nn.ReLU()).eval()
    x = torch.tensor([[0.5, 0.5], [0.25, -1.0]] if name != "choose" else [[2.0**-8] * 2] * 2)
    x = x.reshape(1, 1, 2, 2)
    delta = torch.ones(1, 1, 1, 1)
    bounds = from_torch(module, x).bound(x, delta, eps_input=2.0**-7)
    moves = [[-1, -1], [-1, -1]] if name == "choose" else [[-1, 1], [0, 0]]
    moved = exactly(x) + exactly(2.0**-7 * np.array(moves))
    with pytest.raises(AssertionError):
        require_within(bounds, module, moved, exactly(delta), {})


def require_near(bounded: Bounded, exact: Any, slack: float, largest: float) -> None:
    """Assert that a bound holds, up to errors of `exact`, and is below the largest."""
    errors = np.abs(bounded.value - np.asarray(exact))
    assert (errors <= bounded.bound + slack).all()
    assert bounded.bound_linf < largest


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    ).eval()


def test_gradients_of_lenet_have_bounds_and_a_step_has() -> None:
    torch.manual_seed(1)
    module, x = lenet(), torch.randn(2, 1, 28, 28)
    delta = torch.randn(2, 10)
    network = from_torch(module, x)
    bounds = network.bound(x, delta, computed=compute(module, x, delta))
    assert set(bounds.gradients) == set(dict(module.named_parameters()))
    exact = lenet().double()
    exact.load_state_dict({k: v.double() for k, v in module.state_dict().items()})
    near = compute(exact.eval(), x.double(), delta.double())
    for name, bounded in bounds.gradients.items():
        assert str(bounded.theorem) == "RuntimeApprox.RevGraph.backprop_enclosure"
        largest = np.abs(bounded.value).max()
        require_near(bounded, near.gradients[name], 1e-12 * largest, 1e-5 * largest)

    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    options: Any = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": True}
    optimizer = torch.optim.SGD(module.parameters(), **options)
    for name, value in module.named_parameters():
        value.grad = torch.from_numpy(bounds.gradients[name].value)
    optimizer.step()
    after = {name: value.detach() for name, value in module.named_parameters()}
    step = sgd_step(network, bounds, computed=after, **options)
    for name, bounded in step.parameters.items():
        p, g = before[name].double().numpy(), np.asarray(near.gradients[name])
        decayed = g + options["weight_decay"] * p
        exact_step = p - options["lr"] * (decayed + options["momentum"] * decayed)
        require_near(bounded, exact_step, 1e-12, 1e-5)


def test_convolutions_of_all_ranks_and_transposed_ones() -> None:
    """Compare with PyTorch's float64, whose errors are far below those of float32."""
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm1d(4),
        nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1, groups=2, output_padding=1),
        nn.ReLU(),
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.AvgPool1d(2, padding=1),
    ).eval()
    volume = nn.Sequential(
        nn.ConvTranspose3d(1, 2, 2, stride=2),
        nn.LeakyReLU(),
        nn.Conv3d(2, 1, 3, dilation=(1, 2, 1)),
    ).eval()
    image = nn.Sequential(nn.ConvTranspose2d(2, 3, 3, stride=2, dilation=2, padding=1)).eval()
    for net, shape in ((module, (2, 2, 12)), (volume, (1, 1, 2, 3, 2)), (image, (1, 2, 4, 3))):
        x = torch.randn(shape)
        delta = torch.randn(net(x).shape)
        wide = compute(copy.deepcopy(net).double(), x.double(), delta.double())
        methods: tuple[Method, ...] = ("enclosure", "any-order", "replay")
        for method in methods:
            computed = compute(net, x, delta) if method == "enclosure" else None
            bounds = from_torch(net, x).bound(x, delta, method=method, computed=computed)
            pairs = [(bounds.output, wide.output), (bounds.input, wide.input)]
            pairs += [(bounds.gradients[n], g) for n, g in wide.gradients.items()]
            for bounded, exact in pairs:
                require_near(bounded, exact, 1e-13, 1e-3)


class Branching(nn.Module):
    """A module whose rectifier works in place on a tensor that is read once more."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        z: torch.Tensor = self.act(y) + y
        return z


class Viewing(nn.Module):
    """A view of its input in a shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(self.shape)


class Functional(nn.Module):
    """Functions in place of layers, sizes of tensors, and a frozen weight that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.conv.weight.requires_grad_(False)
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.conv(x))
        y = y + functional.leaky_relu(self.conv(y), 0.25)
        y = torch.flatten(functional.avg_pool2d(y, 2), 1)
        y = y.view(-1, 2, y.shape[1] // 2).reshape((y.size(0), -1))
        z: torch.Tensor = self.last(y)
        return z


def test_functions_and_shared_layers_are_read() -> None:
    torch.manual_seed(4)
    module = Functional().eval()
    x, delta = torch.randn(2, 2, 4, 4), torch.randn(2, 2)
    wide = compute(copy.deepcopy(module).double(), x.double(), delta.double())
    bounds = from_torch(module, x).bound(x, delta, computed=compute(module, x, delta))
    for name, exact in wide.gradients.items():
        require_near(bounds.gradients[name], exact, 1e-13, 1e-5)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.Softmax(1)), r"1 \(Softmax\) is not a supported layer"),
        (nn.Sequential(nn.Linear(3, 3), nn.LeakyReLU(2.0)), "1: the slope is 2.0"),
        (nn.Sequential(nn.Unflatten(1, (3, 1, 1)), nn.Conv2d(3, 3, 1)), r"0 \(Unflatten\)"),
        (Branching(), "act works in place on a tensor that is read elsewhere"),
        (Viewing(4, -1), r"view: a tensor of shape \(2, 3\) has no shape \(4, -1\)"),
        (Viewing(-2, -3), "view: expected sizes, one of them may be -1"),
    ],
    ids=["softmax", "slope", "unflatten", "in place", "view", "negative"],
)
def test_what_is_not_supported_is_refused_by_name(module: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_torch(module.eval(), torch.zeros(2, 3))


def test_windows_of_padding_alone_are_refused() -> None:
    with pytest.raises(InputError, match="0: a window has only padding"):
        from_torch(
            nn.Sequential(nn.MaxPool2d(2, padding=1, dilation=2)).eval(), torch.zeros(1, 1, 3, 1)
        )


def test_modules_in_training_mode_are_refused() -> None:
    with pytest.raises(InputError, match="in training mode"):
        from_torch(nn.Linear(2, 2), torch.zeros(1, 2))
