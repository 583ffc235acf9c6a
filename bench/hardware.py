"""`python -m bench.hardware`: this GPU's matrix instructions beside the model of `tensor_core`.

Runs `mma.sync` instructions of an NVIDIA GPU (by CuPy) and short matrix products of cuBLAS (by
PyTorch, where Hopper uses `wgmma`) on random and hostile operands, and compares every result bit
for bit with MMA-Sim, the simulation whose alignment the Lean library models. Then matrix products
whose sums cuBLAS returns in float32, of operands down to eight bits, are judged by the promise of
the unit, as 1×1 convolutions. Needs a CUDA device, CuPy, PyTorch and `mmasim`; prints a line for
each comparison. Exit status: 1 if a bit of an instruction differs, or a product is not explained;
2 if there is no CUDA device.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pybridge.testing import Accumulation, compare_output, tensor_core

__all__ = ["main"]

_SOURCE = r"""
extern "C" __global__ void mma(const unsigned* a, const unsigned* b, const float* c, float* d) {
  // One warp for each product; registers were laid out by the host as the instruction wants them.
  const int lane = threadIdx.x, tile = blockIdx.x;
  const unsigned* A = a + (tile * 32 + lane) * NA;
  const unsigned* B = b + (tile * 32 + lane) * NB;
  const float* C = c + (tile * 32 + lane) * 4;
  float* D = d + (tile * 32 + lane) * 4;
  asm volatile("mma.sync.aligned.SHAPE.row.col.f32.TYPE.TYPE.f32 "
      "{%0,%1,%2,%3}, REGISTERS, {%CC0,%CC1,%CC2,%CC3};"
      : "=f"(D[0]), "=f"(D[1]), "=f"(D[2]), "=f"(D[3]) : INPUTS,
        "f"(C[0]), "f"(C[1]), "f"(C[2]), "f"(C[3]));
}
"""

_Array = Any


@dataclass(frozen=True)
class Instruction:
    """An `mma.sync` m16n8kK with float32 accumulators, by its PTX type."""

    ptx: str
    k: int
    dtype: torch.dtype

    @property
    def packed(self) -> int:
        """How many operands a 32-bit register holds."""
        return 4 // self.dtype.itemsize

    @property
    def shape(self) -> str:
        """The shape and types as MMA-Sim names them."""
        return f"m16n8k{self.k}.f32.{self.ptx}.{self.ptx}.f32"

    def a_places(self) -> list[list[tuple[int, int]]]:
        """Return for each lane the (row, column) of A in its registers, in order."""
        return [
            [
                (lane // 4 + 8 * (register % 2), self._column(lane, register // 2, i))
                for register in range(self.registers_a)
                for i in range(self.packed)
            ]
            for lane in range(32)
        ]

    def b_places(self) -> list[list[tuple[int, int]]]:
        """Return for each lane the (row, column) of B in its registers, in order."""
        return [
            [
                (self._column(lane, register, i), lane // 4)
                for register in range(self.registers_a // 2)
                for i in range(self.packed)
            ]
            for lane in range(32)
        ]

    def _column(self, lane: int, half: int, i: int) -> int:
        return half * 4 * self.packed + (lane % 4) * self.packed + i

    @property
    def registers_a(self) -> int:
        """How many registers of a lane A takes."""
        return 16 * self.k // 32 // self.packed

    @property
    def source(self) -> str:
        """The CUDA source of a kernel that runs the instruction once a warp."""
        na, nb = self.registers_a, self.registers_a // 2
        names = [f"%{4 + i}" for i in range(na + nb)]
        a = "{" + ",".join(names[:na]) + "}"
        b = "{" + ",".join(names[na:]) + "}"
        inputs = [f'"r"(A[{i}])' for i in range(na)] + [f'"r"(B[{i}])' for i in range(nb)]
        text = _SOURCE.replace("SHAPE", f"m16n8k{self.k}").replace("TYPE", self.ptx)
        text = text.replace("REGISTERS", f"{a}, {b}").replace("INPUTS", ", ".join(inputs))
        text = text.replace("NA", str(na)).replace("NB", str(nb))
        for i in range(4):
            text = text.replace(f"%CC{i}", f"%{4 + na + nb + i}")
        return text


_INSTRUCTIONS = (
    Instruction("f16", 8, torch.float16),
    Instruction("f16", 16, torch.float16),
    Instruction("bf16", 8, torch.bfloat16),
    Instruction("bf16", 16, torch.bfloat16),
    Instruction("tf32", 4, torch.float32),
    Instruction("tf32", 8, torch.float32),
)

_C_PLACES = [
    [(lane // 4 + 8 * (i // 2), (lane % 4) * 2 + i % 2) for i in range(4)] for lane in range(32)
]


def _gather(matrices: torch.Tensor, places: list[list[tuple[int, int]]]) -> torch.Tensor:
    """Return the registers of all lanes [tiles, 32, n] of matrices [tiles, rows, columns]."""
    rows = torch.tensor([[row for row, _ in lane] for lane in places])
    columns = torch.tensor([[column for _, column in lane] for lane in places])
    return matrices[:, rows, columns].contiguous()


def on_device(it: Instruction, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """Return D [tiles, 16, 8] of `mma.sync` for A [tiles, 16, k], B [tiles, k, 8], C like D."""
    import cupy  # type: ignore[import-not-found,unused-ignore]

    kernel = cupy.RawModule(code=it.source).get_function("mma")
    tiles = a.shape[0]
    registers = [
        cupy.asarray(_gather(x, places).view(torch.int32).numpy())
        for x, places in ((a, it.a_places()), (b, it.b_places()))
    ]
    accumulators = cupy.asarray(_gather(c, _C_PLACES).numpy())
    out = cupy.empty((tiles, 32, 4), cupy.float32)
    kernel((tiles,), (32,), (*registers, accumulators, out))
    lanes = torch.from_numpy(cupy.asnumpy(out))
    d = torch.empty_like(c)
    for lane, places in enumerate(_C_PLACES):
        for i, (row, column) in enumerate(places):
            d[:, row, column] = lanes[:, lane, i]
    return d


_Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray[Any, Any]]


def _wide(rng: np.random.Generator, shape: tuple[int, ...], span: int) -> np.ndarray[Any, Any]:
    return rng.standard_normal(shape) * np.exp2(rng.integers(-span, span + 1, shape))


def _sparse(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return _wide(rng, shape, 6) * (rng.random(shape) < 0.4)


_KINDS: dict[str, _Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "spread 2^±6": lambda rng, shape: _wide(rng, shape, 6),
    "spread 2^±14": lambda rng, shape: _wide(rng, shape, 14),
    "signs": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * (1 + rng.random(shape) * 2e-3),
    "zeros": _sparse,
    "subnormal": lambda rng, shape: rng.standard_normal(shape) * 2.0**-15,
    "tiny": lambda rng, shape: rng.standard_normal(shape) * 2.0**-64,
}


def _operands(
    kind: str, rng: np.random.Generator, dtype: torch.dtype, *shapes: tuple[int, ...]
) -> list[torch.Tensor]:
    drawn = [torch.from_numpy(_KINDS[kind](rng, shape)).to(torch.float32) for shape in shapes]
    operands = [x.to(dtype) for x in drawn[:-1]]
    if dtype == torch.float32:  # TF32: the instruction cuts the last 13 bits
        operands = [(x.view(torch.int32) & -8192).view(torch.float32) for x in operands]
    return [*operands, drawn[-1]]


def _differing(a: torch.Tensor, b: torch.Tensor) -> int:
    same = (a.view(torch.int32) == b.view(torch.int32)) | (a.isnan() & b.isnan()) | (a == b)
    return int((~same).sum())


def _compare_mma(architecture: str, tiles: int) -> int:
    from mmasim.nv_ptx.sim import MMA  # type: ignore[import-untyped,unused-ignore]

    bad = 0
    for it in _INSTRUCTIONS:
        simulate = MMA(architecture, it.shape)
        words, total = [], 0
        for index, kind in enumerate(_KINDS):
            rng = np.random.default_rng(index)
            a, b, c = _operands(
                kind, rng, it.dtype, (tiles, 16, it.k), (tiles, it.k, 8), (tiles, 16, 8)
            )
            got = on_device(it, a, b, c)
            want = torch.stack([simulate(x, y, z) for x, y, z in zip(a, b, c, strict=True)])
            differ = _differing(got, want)
            total += got.numel()
            bad += differ
            if differ:
                words.append(f"{kind}: {differ}")
        print(f"mma.sync {it.shape:30} {total:8} results, differing: {', '.join(words) or 'none'}")
    return bad


def _compare_wgmma(architecture: str, repeats: int) -> int:
    """Compare short products of cuBLAS: one step, and chains of steps through the accumulator."""
    from mmasim.nv_ptx.sim import WGMMA  # type: ignore[import-untyped,unused-ignore]

    bad = 0
    rows: list[tuple[str, torch.dtype, int]] = [
        ("f16", torch.float16, 16),
        ("bf16", torch.bfloat16, 16),
        ("tf32", torch.float32, 8),
        ("e4m3", torch.float8_e4m3fn, 32),
        ("e5m2", torch.float8_e5m2, 32),
    ]
    torch.backends.cuda.matmul.allow_tf32 = True
    for ptx, dtype, k in rows:
        for steps in (1, 2, 4):
            other = "e4m3" if ptx == "e5m2" else ptx  # cuBLAS has no product of two e5m2
            second = torch.float8_e4m3fn if ptx == "e5m2" else dtype
            simulate = WGMMA(architecture, f"m64n64k{k}.f32.{ptx}.{other}")
            words, total = [], 0
            for index, kind in enumerate(_KINDS):
                for repeat in range(repeats):
                    rng = np.random.default_rng((index, repeat))
                    a, b, _ = _operands(kind, rng, dtype, (64, k * steps), (k * steps, 64), (1, 1))
                    b = b if second == dtype else b.to(torch.float32).to(second)
                    got = _product(a.cuda(), b.cuda()).cpu()
                    want = torch.zeros(64, 64)
                    for step in range(steps):
                        part = slice(step * k, (step + 1) * k)
                        want = simulate(a[:, part], b[part], want)
                    differ = _differing(got, want)
                    total += got.numel()
                    bad += differ
                    if differ:
                        words.append(f"{kind}: {differ}")
            print(
                f"cuBLAS {ptx:5} K = {k * steps:4} {total:8} results, differing: "
                f"{', '.join(words) or 'none'}"
            )
    return bad


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return A·B in float32, computed by cuBLAS on the device."""
    if a.dtype == torch.float32:
        return a @ b
    if a.dtype.itemsize == 1:
        one = torch.ones((), device=a.device)
        columns = b.t().contiguous().t()
        result = torch._scaled_mm(
            a, columns, one, one, out_dtype=torch.float32, use_fast_accum=True
        )
        return torch.as_tensor(result)
    return torch.mm(a, b, out_dtype=torch.float32)  # type: ignore[call-overload,no-any-return,unused-ignore]


def _products() -> Iterator[tuple[str, str, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield cuBLAS's products: words, dtype of the promise, A [M, K], B [K, N], A·B in float32."""
    generator = torch.Generator().manual_seed(2)
    one = torch.ones((), device="cuda")
    torch.backends.cuda.matmul.allow_tf32 = True
    for k in (512, 4096):
        for kind in ("normal", "positive", "wide"):
            a, b = (torch.randn(s, generator=generator) for s in ((256, k), (k, 256)))
            if kind == "positive":
                a, b = a.abs(), b.abs()
            if kind == "wide":
                a = a * torch.exp2(torch.randint(-8, 9, a.shape, generator=generator))
            a, b = a.cuda(), b.cuda()
            for dtype in (torch.float16, torch.bfloat16):
                x, y = a.to(dtype), b.to(dtype)
                name = str(dtype).removeprefix("torch.")
                product = torch.mm(x, y, out_dtype=torch.float32)
                yield f"{name} {kind} K={k}", name, x, y, product
            x, y = ((t.view(torch.int32) & -8192).view(torch.float32) for t in (a, b))
            yield f"tf32 {kind} K={k}", "tf32", x, y, x @ y
            for first in (torch.float8_e4m3fn, torch.float8_e5m2):
                limit = 400.0
                x, y = a.clamp(-limit, limit).to(first), b.to(torch.float8_e4m3fn)
                columns = y.t().contiguous().t()
                for fast in (True, False):
                    product = torch._scaled_mm(
                        x, columns, one, one, out_dtype=torch.float32, use_fast_accum=fast
                    )
                    words = f"{str(first)[6:]} {kind} K={k} fast={fast}"
                    yield words, "float8", x, y, product


def _judge_product(
    architecture: str,
    words: str,
    name: str,
    a: torch.Tensor,
    b: torch.Tensor,
    product: torch.Tensor,
) -> int:
    x, weight = a.float()[:, :, None, None], b.float().t().contiguous()[:, :, None, None]
    actual = product[:, :, None, None]
    lines = []
    passed = False
    for label, promise in {
        "unit": tensor_core(architecture, name),
        "promote=128": tensor_core(architecture, name, promote=128),
        "any order": Accumulation(),
    }.items():
        verdict = compare_output(actual, x, weight, accumulation=promise)
        lines.append(f"{label} {verdict.worst.ratio:.3g} ({verdict.failed})")
        passed = passed or (label != "any order" and verdict.passed)
    print(f"product {words:34} {', '.join(lines)}", flush=True)
    return not passed


def main() -> None:
    """Compare and print."""
    if not torch.cuda.is_available():
        print("bench.hardware: PyTorch sees no CUDA device: nothing was compared", file=sys.stderr)
        raise SystemExit(2)
    major, minor = torch.cuda.get_device_capability()
    names = {(7, 0): "Volta", (7, 5): "Turing", (8, 0): "Ampere", (8, 9): "Ada Lovelace"}
    architecture = {**names, (9, 0): "Hopper", (10, 0): "Blackwell"}.get((major, minor), "Ampere")
    print(f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}: {architecture}")
    bad = _compare_mma(architecture, 64)
    if architecture == "Hopper":
        _compare_wgmma(architecture, 2)
        print("error / allowed and failing entries, by each promise that the kernel may keep")
        bad += sum(_judge_product("hopper", *row) for row in _products())
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
