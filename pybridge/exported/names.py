"""What Lean's export and program call the results and operands of a conv2d, by pybridge's names."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LEAN_OPERANDS", "LEAN_RESULTS"]

LEAN_RESULTS: Mapping[str, str] = {
    "output": "forward",
    "bias": "bias",
    "weight": "weight",
    "input": "input",
}

LEAN_OPERANDS: Mapping[str, str] = {
    "x": "x",
    "weight": "weight",
    "bias": "bias",
    "grad_output": "gradOutput",
}
