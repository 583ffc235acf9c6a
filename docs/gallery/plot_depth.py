"""
Bounds over the depth of a network
==================================

How wrong is the gradient of the first layer's weight in a chain of linear layers and rectifiers?
The enclosure bounds what PyTorch computed and stays close to the true error. The bounds before the
fact, which hold for any order of summation, grow by a factor with every layer.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from pybridge.networks import compute, from_torch

depths = (1, 2, 3, 4, 6, 8)
enclosures, before = [], []
for depth in depths:
    torch.manual_seed(depth)
    layers = [layer for _ in range(depth) for layer in (nn.Linear(16, 16), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(16, 4)).eval()
    x, grad_output = torch.randn(2, 16), torch.ones(2, 4)
    network = from_torch(model, x)
    certified = network.bound(x, grad_output, computed=compute(model, x, grad_output))
    ahead = network.bound(x, grad_output, method="any-order")
    largest = np.abs(certified.gradients["0.weight"].value).max()
    enclosures.append(certified.gradients["0.weight"].bound_linf / largest)
    before.append(ahead.gradients["0.weight"].bound_linf / largest)

# %%
# Both are relative to the gradient's largest entry: a bound of 1 says nothing.

figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
axes.semilogy(depths, before, "^-", label="in any order, before the fact")
axes.semilogy(depths, enclosures, "o-", label="enclosure of what PyTorch computed")
axes.axhline(1, color="grey", lw=1)
axes.set(xlabel="layers", ylabel="bound / largest entry", title="the first layer's weight gradient")
axes.legend()
plt.show()
