"""Measures from outside in which order a kernel adds up, and so what depth it may promise.

`reveal` takes any function of terms that returns their sum. `numpy_sum`, `torch_conv2d` and others
wrap common kernels: `torch_conv2d("weight", x_shape, weight_shape).reveal().depth`. The result is
evidence, not a proof (`SummationTree`).
"""

from pybridge.check.reveal.measure import NotATreeError, SumOf, reveal
from pybridge.check.reveal.probes import (
    Probe,
    numpy_dot,
    numpy_matmul,
    numpy_sum,
    torch_conv2d,
    torch_matmul,
    torch_sum,
)
from pybridge.check.reveal.tree import SummationTree

__all__ = [
    "NotATreeError",
    "Probe",
    "SumOf",
    "SummationTree",
    "numpy_dot",
    "numpy_matmul",
    "numpy_sum",
    "reveal",
    "torch_conv2d",
    "torch_matmul",
    "torch_sum",
]
