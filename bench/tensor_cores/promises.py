"""The promises of `tensor_core` for a unit, and others that a user might state for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.tensor_cores.kernels import Kernel
from bench.tensor_cores.units import Unit
from pybridge.testing import Accumulation, tensor_core

__all__ = ["OTHERS", "others", "promise"]

_ARCHITECTURES = {"Ada Lovelace": "ada", "RTX Blackwell": "blackwell"}


def promise(kernel: Kernel) -> Accumulation:
    """Return the promise of a kernel, with the steps of its family's shortest instruction."""
    unit = kernel.unit
    options: dict[str, Any] = {"splits": kernel.splits, "promote": kernel.promote}
    if unit.architecture == "CDNA2":
        options.pop("promote")  # it adds in float32 anyway
    else:
        options["accumulate"] = unit.result
    return tensor_core(
        _ARCHITECTURES.get(unit.architecture, unit.architecture.lower()),
        unit.x if unit.x == unit.y else "mxfp" if unit.scaled else "float8",
        instruction=None if unit.architecture == "CDNA2" else _instruction(unit),
        **options,
    )


def _instruction(unit: Unit) -> str:
    """Return the instruction's name in the table of `tensor_core`."""
    if unit.scaled:
        return unit.kind
    shape = unit.qualifier.partition(".")[0]
    return "mma.m8n8k4" if (unit.architecture, shape) == ("Turing", "m8n8k4") else unit.family


OTHERS = ("default", "toward zero")
"""Promises that are stated for tensor cores at times, although no theorem proves them."""


def others(unit: Unit) -> Mapping[str, Accumulation | None]:
    """Return the dtype's default promise, and the one that all operations round toward zero.

    None is the default of the result's dtype.
    """
    if unit.x == "tf32":
        default = Accumulation.of("tf32")
        return {
            "default": default,
            "toward zero": default.model_copy(update={"rounding": "toward-zero"}),
        }
    return {"default": None, "toward zero": Accumulation(rounding="toward-zero")}
