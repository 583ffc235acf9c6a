"""`python -m bench.gpu`: what can be checked on a CUDA device, in some minutes.

It prints the device and the versions, measures the layers of `bench.layers`, runs the tests of the
engine and of the screens, and compares PyTorch's own kernels with the bounds. Files are written to
the folder of `--out`. It needs PyTorch, pytest, hypothesis and what pybridge needs.

Exit status: 0 all passed, 1 a test or a comparison did not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.layers import LAYERS, Layer, Measured, markdown, measure, summary, write_json

TESTS = ("tests/engine/test_backend.py", "tests/bounds/test_screen.py")


def main() -> int:
    """Run all parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument(
        "--minutes", type=float, default=3.0, help="for the layers; half of it for the kernels"
    )
    parser.add_argument("--quick", action="store_true", help="few small layers")
    parser.add_argument("--parts", nargs="+", default=["layers", "tests", "kernels"])
    options = parser.parse_args()
    import torch

    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, device {options.device}")
    if options.device.startswith("cuda"):
        print(torch.cuda.get_device_name(), torch.cuda.get_device_capability())
    status = 0
    if "layers" in options.parts:
        measured: list[Measured] = []
        layers, batches = (LAYERS[1:4], (2,)) if options.quick else (LAYERS, (8, 32))
        until = time.monotonic() + 60 * options.minutes
        for one in measure(options.device, layers=layers, batches=batches, until=until):
            measured.append(one)
            write_json(measured, options.out / "layers.json")
        if measured:
            (options.out / "layers.md").write_text(markdown(measured), encoding="utf-8")
            print("\n".join(summary(measured)), flush=True)
    if "tests" in options.parts:
        start = time.monotonic()
        status |= subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--noconftest", *TESTS],
            env={**os.environ, "PYTHONPATH": _path()},
            check=False,
        ).returncode
        print(f"tests: {time.monotonic() - start:.0f} s", flush=True)
    if "kernels" in options.parts:
        few = LAYERS[1:3] if options.quick else LAYERS
        until = time.monotonic() + 60 * options.minutes / 2
        status |= _kernels(options.device, options.out, few, until)
    return int(bool(status))


def _path() -> str:
    """Return PYTHONPATH with this folder and the tests' folder in front."""
    had = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(Path.cwd()), "tests", *([had] if had else [])])


def _kernels(device: str, out: Path, layers: Sequence[Layer], until: float) -> int:
    """Compare PyTorch's own kernels on real layers, in every format, with what they promise."""
    import torch

    from pybridge.testing import Accumulation, compare_gradient, compare_output, tensor_core, tf32

    torch.backends.cudnn.benchmark = False
    conv2d: Any = torch.nn.functional.conv2d
    failed = 0
    lines = []
    for layer in layers:
        if time.monotonic() > until:
            print(f"kernels: no time is left for {layer.name} and what follows")
            break
        for name in ("float32", "tf32", "bfloat16", "float16"):
            if name == "tf32" and not device.startswith("cuda"):
                continue
            kind = getattr(torch, "float32" if name == "tf32" else name)
            torch.backends.cudnn.allow_tf32 = name == "tf32"
            generator = torch.Generator(device).manual_seed(1)
            x = (
                torch.randn(
                    2, layer.inputs, layer.size, layer.size, generator=generator, device=device
                )
                .to(kind)
                .requires_grad_()
            )
            shape = (layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)
            weight = torch.randn(*shape, generator=generator, device=device)
            weight = weight.to(kind).requires_grad_()
            output = conv2d(x, weight, **layer.options)
            grad = torch.randn(output.shape, generator=generator, device=device).to(kind)
            output.backward(grad)
            promises: list[Accumulation | None] = [None]
            if name == "tf32":
                promises += [tf32("nearest"), tf32()]
                promises.append(tensor_core("hopper", name, operand_rounding="nearest"))
            if name != "float32":
                promises.append(tensor_core("hopper", name))
            passed = dict.fromkeys(("output", "input", "weight"), False)
            for promise in promises:
                options: dict[str, Any] = {**layer.options, "accumulation": promise}
                start = time.perf_counter()
                compared = {
                    "output": compare_output(output, x, weight, **options),
                    "input": compare_gradient(x.grad, x, weight, grad, which="input", **options),
                    "weight": compare_gradient(
                        weight.grad, x, weight, grad, which="weight", **options
                    ),
                }
                spent = time.perf_counter() - start
                for which, comparison in compared.items():
                    words = promise.sentence if promise else "the dtype's own promise"
                    lines.append(
                        f"{'pass' if comparison.passed else 'FAIL'} {layer.name}, {name}, {which}, "
                        f"{words}: ratio {comparison.ratio:.3g}, power {comparison.power:.3g}"
                    )
                    passed[which] |= comparison.passed
                if spent > 2:
                    print(f"{layer.name}, {name}: {spent:.1f} s", flush=True)
            for which in (which for which, good in passed.items() if not good):
                failed += 1
                print(f"no promise explains {layer.name}, {name}, {which}", flush=True)
    (out / "kernels.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    few = sum(line.startswith("FAIL") for line in lines)
    print(f"kernels: {few} of {len(lines)} comparisons fail; kernels.txt has all")
    print(f"kernels: {failed} results are explained by no promise", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
