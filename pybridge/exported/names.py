"""What Lean's export and program call operands, where pybridge's names are others."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LEAN_OPERANDS"]

LEAN_OPERANDS: Mapping[str, str] = {
    "grad_output": "gradOutput",
}
