"""Bounds of whole networks: of the output and of every gradient.

`from_torch` reads a module of PyTorch's; `Network.bound` gives the bounds of what was computed, or
of what is computed in any or in the stated order.
"""

from pybridge.networks.network import Computed, Method, Network, NetworkBounds
from pybridge.networks.sgd import SgdStep, sgd_step
from pybridge.networks.torch import compute, from_torch

__all__ = [
    "Computed",
    "Method",
    "Network",
    "NetworkBounds",
    "SgdStep",
    "compute",
    "from_torch",
    "sgd_step",
]
