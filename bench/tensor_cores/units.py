"""The matrix instructions that `mmasim` simulates, each arithmetic once.

Instructions that differ only in m and n compute the same. Instructions of a family with the same
steps over the reduction are one `Unit`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from pybridge.errors import InputError
from pybridge.problem.blocks import BLOCK_FORMATS

__all__ = ["Family", "Unit", "import_simulation", "units"]

Family: TypeAlias = Literal["mma", "wgmma", "tcgen05", "mfma"]

_DTYPES = {
    "f16": "float16",
    "bf16": "bfloat16",
    "tf32": "tf32",
    "xf32": "tf32",
    "e4m3": "float8_e4m3fn",
    "e5m2": "float8_e5m2",
}
"""The dtypes of arrays for the operand types of PTX and of the CDNA instruction set."""

_SCALED = {
    ("e4m3", "ue8m0"): "mxfp8_e4m3",
    ("e5m2", "ue8m0"): "mxfp8_e5m2",
    ("e2m3", "ue8m0"): "mxfp6_e2m3",
    ("e3m2", "ue8m0"): "mxfp6_e3m2",
    ("e2m1", "ue8m0"): "mxfp4",
    ("e2m1", "ue4m3"): "nvfp4",
}
"""The formats of operands with block scales, by the types of their numbers and scales."""

_MIXED = ({"mxfp8_e4m3", "mxfp8_e5m2"}, {"mxfp8_e4m3", "mxfp4"})
"""The formats that are simulated together. All ten pairs are added in the same way."""

_RESULTS = {"f32": "float32", "f16": "float16"}
_AMD8 = {"fp8": "float8_e4m3fnuz", "bf8": "float8_e5m2fnuz"}


@dataclass(frozen=True, slots=True)
class Unit:
    """One arithmetic of matrix instructions.

    `x` and `y` are the dtypes of the operands (tf32: float32 that the instruction cuts) or, with
    block scales, their names in `BLOCK_FORMATS`, whose arrays are float32, too. `result` is the
    dtype of the accumulator and of the result. `step` is how many products are added at once,
    `length` the instruction's reduction. `qualifier` names one of the instructions.
    """

    architecture: str
    family: Family
    qualifier: str
    x: str
    y: str
    result: str
    step: int
    length: int

    @property
    def name(self) -> str:
        """A few words: architecture, instruction, operands, result, step."""
        operands = self.x if self.x == self.y else f"{self.x} × {self.y}"
        return (
            f"{self.architecture} {self.family}, {operands} to {self.result}, {self.step} at once"
        )

    @property
    def bits(self) -> int | None:
        """How many bits after the point of the largest exponent are kept, if numbers are cut."""
        return getattr(self.simulation.arithmetic_op, "F", None)

    @property
    def scaled(self) -> bool:
        """Whether the operands have block scales."""
        return self.x in BLOCK_FORMATS

    @property
    def kind(self) -> str:
        """The kind of an instruction with block scales, as in PTX."""
        return self.qualifier.split(".")[1].removeprefix("kind::")

    @property
    def simulation(self) -> Any:
        """The simulated instruction of `mmasim`."""
        nvidia, amd = import_simulation()
        if self.scaled:
            scaled = {"mma": nvidia.MMABlockScale, "tcgen05": nvidia.TCGen05MMABlockScale}
            return scaled[self.family](self.architecture, self.qualifier)
        made = {
            "mma": nvidia.MMA,
            "wgmma": nvidia.WGMMA,
            "tcgen05": nvidia.TCGen05MMA,
            "mfma": amd.MFMA,
        }[self.family]
        return made(self.architecture, self.qualifier)


@cache
def import_simulation() -> tuple[Any, Any]:
    """Return mmasim's modules that simulate PTX's and the CDNA architectures' instructions.

    Raises `InputError` if mmasim or PyTorch is missing, or mmasim cannot compile its multiply-add.
    """
    try:
        return tuple(map(importlib.import_module, ("mmasim.nv_ptx.sim", "mmasim.amd.sim")))  # type: ignore[return-value]
    except ModuleNotFoundError as missing:
        raise InputError(
            f"{missing.name} is missing, expected the simulation: pip install mmasim"
        ) from None
    except (RuntimeError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"mmasim compiles a C++ file when imported: {reason}") from None


def units() -> list[Unit]:
    """Return every arithmetic of 8 to 19 bits that mmasim simulates, and those with block scales.

    If two differ only by exchanging the dtypes of x and y, one of them is returned.
    """
    distinct: dict[tuple[object, ...], Unit] = {}
    for unit in [*_nvidia(), *_scaled(), *_amd()]:
        operands = frozenset((unit.x, unit.y))
        key = unit.architecture, unit.family, operands, unit.result, unit.step
        distinct.setdefault(key, unit)
    return list(distinct.values())


def _nvidia() -> Iterator[Unit]:
    simulation, _ = import_simulation()
    for family, made, table in (
        ("mma", simulation.MMA, simulation.isa_mma.mma_shape_and_type),
        ("wgmma", simulation.WGMMA, simulation.isa_wgmma.wgmma_shape_and_type),
        ("tcgen05", simulation.TCGen05MMA, simulation.isa_tcgen05mma.tcgen05mma_shape_and_type),
    ):
        for architecture, qualifiers in table.items():
            for qualifier in qualifiers:
                # The shapes of wgmma and tcgen05 differ in m and n, which change nothing.
                shape, *parts = qualifier.split(".")
                if family != "mma" and not shape.startswith(("m64n8k", "m128n8k")):
                    continue
                parts = [part for part in parts if not part.startswith("kind::")]
                result, x, y, *summed = parts
                if x not in _DTYPES or y not in _DTYPES or (summed and summed != [result]):
                    continue  # float64, 4 and 6 bits, and an accumulator of another format
                operation = made(architecture, qualifier)
                step = min(operation.k, operation.arithmetic_op.L_max)
                yield Unit(
                    architecture,
                    family,  # type: ignore[arg-type]
                    qualifier,
                    _DTYPES[x],
                    _DTYPES[y],
                    _RESULTS[result],
                    step,
                    operation.k,
                )


def _scaled() -> Iterator[Unit]:
    simulation, _ = import_simulation()
    families: Sequence[tuple[Family, Any, Mapping[str, Sequence[str]]]] = (
        (
            "mma",
            simulation.MMABlockScale,
            simulation.isa_mma.mma_block_scale_shape_and_type,
        ),
        (
            "tcgen05",
            simulation.TCGen05MMABlockScale,
            simulation.isa_tcgen05mma.tcgen05mma_block_scale_shape_and_type,
        ),
    )
    for family, made, table in families:
        for architecture, qualifiers in table.items():
            for qualifier in qualifiers:
                shape, _, block, _, *types = qualifier.split(".")
                x, y = (_SCALED.get((kind, types[-1])) for kind in types[:2])
                if not shape.startswith(("m16n8k", "m128n8k")) or x is None or y is None:
                    continue
                if block != f"block{BLOCK_FORMATS[x].block}" or (x != y and {x, y} not in _MIXED):
                    continue
                operation = made(architecture, qualifier)
                step = min(operation.k, operation.arithmetic_op.L_max)
                yield Unit(architecture, family, qualifier, x, y, "float32", step, operation.k)


def _amd() -> Iterator[Unit]:
    _, simulation = import_simulation()
    for architecture, suffixes in simulation.isa_mfma.arch_mfma_suffix.items():
        for suffix in suffixes:
            names = suffix.removesuffix("_1k").replace("bf16", " bf16").replace("xf32", " xf32")
            kinds = [kind for kind in ("bf16", "xf32") if kind in names]
            if not kinds and suffix.endswith("f16"):
                kinds = ["f16"]
            if not kinds:
                kinds = [part for part in suffix.split("_") if part in _AMD8]
            if not kinds:
                continue  # float32 and float64 by multiply-adds
            x, y = (({**_DTYPES, **_AMD8})[kind] for kind in (kinds * 2)[:2])
            operation = simulation.MFMA(architecture, suffix)
            arithmetic = operation.arithmetic_op
            step = min(operation.k, getattr(arithmetic, "L_max", None) or arithmetic.P)
            yield Unit(architecture, "mfma", suffix, x, y, "float32", step, operation.k)
