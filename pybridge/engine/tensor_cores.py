"""The matrix instructions of GPUs: how each adds, and what a kernel that uses them promises.

`ROWS` is the table of the hardware. Its numbers are published results of experiments, none of them
a vendor's. Sources: MMA-Sim (arXiv 2511.10909, its package `mmasim`), whose authors validated it
bit for bit on the hardware; Khattak and Mikaitis (arXiv 2512.07004, V100, A100, H100 and B200).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pybridge.engine.accumulation import Accumulation
from pybridge.engine.aligned import Aligned, Unit
from pybridge.errors import InputError
from pybridge.problem.blocks import BLOCK_FORMATS
from pybridge.problem.rounding import Direction

__all__ = ["ROWS", "Row", "tensor_core"]

_MMA_SIM = "MMA-Sim, arXiv 2511.10909"
_PTX = f"{_MMA_SIM}; PTX ISA, mma with .block_scale"
_BOTH = f"{_MMA_SIM}; Khattak and Mikaitis, arXiv 2512.07004"
_PACKAGE = "mmasim 2.1.1"


@dataclass(frozen=True, slots=True)
class Row:
    """How an instruction of an architecture adds.

    `products` are the products of one step, for the shortest shape of the instruction; `bits` is
    where they are cut, None if they are added exactly; `narrow` says that the accumulator keeps 13
    bits after the point.
    """

    architecture: str
    instruction: str
    dtypes: tuple[str, ...]
    products: int
    bits: int | None
    source: str
    unit: Unit = "aligned"
    narrow: bool = False


_FP8 = ("float8_e4m3fn", "float8_e5m2")
_FNUZ = ("float8_e4m3fnuz", "float8_e5m2fnuz")
_HALF = ("float16", "bfloat16")
_MX = tuple(name for name, form in BLOCK_FORMATS.items() if form.scale == "float8_e8m0fnu")

ROWS: Sequence[Row] = (
    Row("volta", "mma", ("float16",), 4, 23, _BOTH),
    Row("turing", "mma", ("float16",), 8, 24, _MMA_SIM),
    # Volta's shape, m8n8k4, adds on Turing as on Volta.
    Row("turing", "mma.m8n8k4", ("float16",), 4, 23, _MMA_SIM),
    Row("ampere", "mma", _HALF, 8, 24, _BOTH),
    Row("ampere", "mma", ("tf32",), 4, 24, _BOTH),
    Row("ada", "mma", _HALF, 8, 24, _MMA_SIM),
    Row("ada", "mma", ("tf32",), 4, 24, _MMA_SIM),
    Row("ada", "mma", _FP8, 16, 13, _MMA_SIM, narrow=True),
    Row("hopper", "wgmma", _HALF, 16, 25, _BOTH),
    Row("hopper", "wgmma", ("tf32",), 8, 25, _BOTH),
    Row("hopper", "wgmma", _FP8, 32, 13, _BOTH, narrow=True),
    # The shapes of Turing and Ampere, m16n8k8 and m16n8k4, have half as many products.
    Row("hopper", "mma", _HALF, 8, 25, _BOTH),
    Row("hopper", "mma", ("tf32",), 4, 25, _BOTH),
    # Not in mmasim. By default, eight bits on Hopper are promised wgmma's 13 bits.
    Row("hopper", "mma", _FP8, 16, 25, _MMA_SIM),
    Row("blackwell", "tcgen05", _HALF, 16, 25, _BOTH),
    Row("blackwell", "tcgen05", ("tf32",), 8, 25, _BOTH),
    Row("blackwell", "tcgen05", _FP8, 32, 25, _BOTH),
    Row("blackwell", "mma", _HALF, 8, 25, _BOTH),
    Row("blackwell", "mma", ("tf32",), 4, 25, _BOTH),
    Row("blackwell", "mma", _FP8, 16, 25, _MMA_SIM),
    # By the kinds of the PTX ISA, which tcgen05.mma and mma have alike. With block scales.
    Row("blackwell", "mxf8f6f4", _MX, 32, 25, _PTX),
    Row("blackwell", "mxf4", ("mxfp4",), 64, 35, _PTX, unit="grouped"),
    Row("blackwell", "mxf4nvf4", ("mxfp4", "nvfp4"), 64, 35, _PTX, unit="grouped"),
    Row("cdna1", "mfma", ("float16",), 4, None, _PACKAGE, unit="exact"),
    Row("cdna1", "mfma", ("bfloat16",), 2, None, _PACKAGE, unit="exact"),
    Row("cdna3", "mfma", _HALF, 4, 24, _MMA_SIM, unit="staged"),
    Row("cdna3", "mfma", ("tf32",), 4, 24, _MMA_SIM, unit="staged"),
    Row("cdna3", "mfma", _FNUZ, 16, 24, _MMA_SIM, unit="interleaved"),
)
"""The hardware whose steps are aligned sums, of products or of groups of them, or exact ones. CDNA
2 adds pairs with float32 roundings, and needs no row.
"""

_ALIASES = {"float8_e4m3": "float8_e4m3fn", "xf32": "tf32"}
_HALF_SUMS = ("volta", "turing", "ampere", "ada", "hopper", "blackwell")
_TO_HALF = ("float16", "float8", *_FP8)
_ARCHITECTURES = (*dict.fromkeys(row.architecture for row in ROWS), "cdna2")


def tensor_core(
    architecture: str,
    dtype: Any,
    *,
    instruction: str | None = None,
    block: int | None = None,
    splits: int = 1,
    promote: int | None = None,
    accumulate: Literal["float32", "float16"] = "float32",
    operand_rounding: Direction | None = None,
    output: Any = None,
) -> Accumulation:
    """Return the promise of a kernel that uses an architecture's matrix instructions.

    `architecture` is volta, turing, ampere, ada, hopper, blackwell, cdna1, cdna2 or cdna3; `dtype`
    the format of the operands: float16, bfloat16, tf32 (xf32), float8_e4m3, float8_e5m2, on CDNA 3
    float8_e4m3fnuz and float8_e5m2fnuz. Operands of another format are rounded to it first, to tf32
    by cutting.

    float8 is either format of eight bits, for products of an e4m3 and an e5m2 array; operands are
    then not rounded.

    With block scales, on Blackwell: mxfp8_e4m3, mxfp8_e5m2, mxfp6_e2m3, mxfp6_e3m2 and mxfp4, in
    blocks of 32 that share a power of two; mxfp, products of any two of these; nvfp4, in blocks of
    16 that share a scale of e4m3. Operands are what `block_scaled` returns: an assertion refuses
    operands without such blocks along an axis that is summed over.

    * `instruction`: mma, mma.m8n8k4, wgmma, tcgen05 or mfma; with block scales, the kind: mxf8f6f4,
      mxf4 or mxf4nvf4. None: the weakest promise of the architecture's instructions.
    * `block`: how many terms a step adds, by default as many as the shortest instruction does.
      Less if a kernel fills steps with zeros, for example if it pads 3 channels to 8.
    * `splits`: the terms are divided into at most so many partial sums, of at most ⌈n/splits⌉
      terms, rounded up to a multiple of 128, which are added in float32. 1: in any number of them,
      each of whole steps, or with `promote` in one.
    * `promote`: after every so many terms, and not more often, the accumulator is added to a sum in
      float32, as FP8 kernels do every 128 terms.
    * `accumulate`: the accumulator's format, float32 or float16.
    * `operand_rounding`: the rounding of operands of another format. None: to nearest, but to tf32
      toward zero, as the instruction does it; a kernel may first round to "nearest" (`cvt.rna`).
    * `output`: the finished sum is rounded to this format. None: to the array's.

    Raises `InputError` for arguments that do not fit, and for what the architecture does not have.
    """
    rows = _rows(architecture, dtype, instruction)
    options: dict[str, Any] = {"splits": splits, "products": "exact", "output": output}
    if not rows:
        options["operand_rounding"] = operand_rounding or "nearest"
        return _pairs(dtype, block, promote, accumulate, options)
    name = _dtype(dtype)
    scaled = name in BLOCK_FORMATS
    if scaled and operand_rounding is not None:
        raise InputError(f"operand_rounding: operands of {name} are not rounded, expected None")
    narrow = any(row.narrow for row in rows)
    exact = [row.bits for row in rows if row.bits is not None]
    half = accumulate == "float16"
    if half and not all(row.architecture in _HALF_SUMS and name in _TO_HALF for row in rows):
        raise InputError(
            f"accumulate: the instructions of {architecture} for {name} do not add in float16"
        )
    most = max(row.products for row in rows)
    if block is not None and block > most:
        raise InputError(f"block: {architecture} adds {most} products of {name} in a step at most")
    core = Aligned(
        # mxfp4 is aligned at 25 bits or in groups at 35; the former is the weaker promise.
        unit=rows[0].unit,
        bits=min(exact) if exact else None,
        block=min(row.products for row in rows) if block is None else block,
        accumulator="float16" if half else "e8m13" if narrow else "float32",
        rounding="nearest" if half or architecture.startswith("cdna") else "toward-zero",
        scaled=name if scaled else None,
    )
    return Accumulation(
        operands=None if scaled or name == "float8" else name,
        operand_rounding=operand_rounding or ("toward-zero" if name == "tf32" else "nearest"),
        accumulate="float16" if half and splits == 1 and promote is None else "float32",
        core=core,
        promote=promote,
        **options,
    )


def _pairs(
    dtype: Any,
    block: int | None,
    promote: int | None,
    accumulate: str,
    options: Mapping[str, Any],
) -> Accumulation:
    """Return the promise of CDNA 2.

    Products are added in pairs and pairs of pairs, and to the accumulator, by additions in float32
    that flush subnormal operands and results.
    """
    name = _dtype(dtype)
    if name not in _HALF:
        known = ", ".join(_HALF)
        raise InputError(
            f"dtype: the matrix instructions of cdna2 do not take {dtype!r:.60}, expected one of "
            f"{known}"
        )
    if promote is not None or accumulate != "float32":
        raise InputError("cdna2 adds in float32: expected no promote, and accumulate float32")
    return Accumulation(
        operands=name,
        summation="blocked",
        # A product passes 1 + log₂ of its block, not as many as there are in it.
        block=(2 if name == "bfloat16" else 4) if block is None else block,
        flushed=True,
        **options,
    )


def _dtype(dtype: Any) -> str:
    name = str(getattr(dtype, "__name__", dtype)).removeprefix("torch.")
    return _ALIASES.get(name, name)


def _eight_bits(row: Row) -> bool:
    return any(name.startswith("float8") for name in row.dtypes)


def _rows(architecture: str, dtype: Any, instruction: str | None) -> Sequence[Row]:
    """Return the rows of the table that fit; none for CDNA 2."""
    if not isinstance(architecture, str) or architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise InputError(f"architecture: unknown {architecture!r:.60}, expected one of {known}")
    if architecture == "cdna2":
        return ()
    name = _dtype(dtype)
    own = [row for row in ROWS if row.architecture == architecture]
    fitting = [row for row in own if name in row.dtypes or (name == "float8" and _eight_bits(row))]
    if not fitting:
        known = ", ".join(dict.fromkeys(d for row in own for d in row.dtypes))
        raise InputError(
            f"dtype: the matrix instructions of {architecture} do not take {dtype!r:.60}, "
            f"expected one of {known}"
        )
    if instruction is None:
        return fitting
    chosen = [row for row in fitting if row.instruction == instruction]
    if not chosen:
        known = ", ".join(dict.fromkeys(row.instruction for row in fitting))
        raise InputError(
            f"instruction: {architecture} has no {instruction!r:.60} for {name}, expected one of "
            f"{known}"
        )
    return chosen
