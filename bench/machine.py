"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import flint
import numpy as np
from threadpoolctl import threadpool_info

__all__ = ["describe"]


def describe() -> dict[str, str]:
    """Return the machine and the versions of the packages, by heading."""
    blas = [
        " ".join(
            str(info[key])
            for key in ("internal_api", "version", "architecture", "threading_layer")
            if info.get(key)
        )
        + f", {info['num_threads']} thread"
        + ("s" if info["num_threads"] != 1 else "")
        for info in threadpool_info()
        if info["user_api"] == "blas"
    ]
    return {
        "Machine": f"{_processor()}, {os.cpu_count()} cores visible, {platform.machine()}, "
        f"{platform.system()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "NumPy": np.__version__,
        "BLAS": "; ".join(dict.fromkeys(blas)) or "not recognized by threadpoolctl",
        "Peers": f"python-flint {flint.__version__} (FLINT {flint.__FLINT_VERSION__}), "
        f"mpmath {version('mpmath')}",
    }


def _processor() -> str:
    """Return the processor's name, if the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
