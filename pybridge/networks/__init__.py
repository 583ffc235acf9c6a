"""Bounds of whole networks: of the output and of every gradient.

`from_torch` reads a PyTorch module; `Network.bound` bounds the errors of what something computed,
or of sums in any order or in the stated one.
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
