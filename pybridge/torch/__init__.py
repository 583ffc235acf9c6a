"""Watches PyTorch: checks every convolution and matrix product of a training step as it runs.

Public are `watch`, and the types of its report.
"""

from __future__ import annotations

from pybridge.extras import install_command, missing

if missing("torch"):
    raise ImportError(f"pybridge.torch needs PyTorch: {install_command('torch')}")

from pybridge.torch.report import Checked, NotExplained, Report, Unchecked
from pybridge.torch.watching import watch

__all__ = ["Checked", "NotExplained", "Report", "Unchecked", "watch"]
