"""docs/rounding-or-bug.md and its pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from bench.studies.rounding_or_bug.evidence import Evidence
from bench.studies.rounding_or_bug.pictures import draw_errors, draw_tolerances
from bench.studies.rounding_or_bug.recipes import RECIPES

__all__ = ["DOCUMENT", "ERRORS", "TOLERANCES", "document", "write"]

DOCUMENT = "rounding-or-bug.md"
ERRORS = "rounding-or-bug-errors.svg"
TOLERANCES = "rounding-or-bug-tolerances.svg"

_HEAD = """\
# Rounding or bug: the evidence

What `pybridge.testing` says of kernels that have no defect, and of kernels that have one, beside
what tolerances say that tests use today. This file is written by

```sh
{command}
```

with the extra `bench` (`pip install -e '.[bench]'`); it takes some minutes. All seeds are fixed.
"""

_KERNELS = """\
## Kernels that are simulated

A kernel reads operands of its format, multiplies and adds in binary32, and rounds the finished sum
once to the format of its operands. *tf32* is float32 with operands that are cut to 11 bits first,
as matrix instructions do; in *tf32-nearest* they are rounded to nearest. Terms are summed

- *sequential*: in the order of loops over them;
- *pairwise*: neighbours first, then neighbouring sums;
- *blocked*: on 16 accumulators in turn, as the lanes of a vector, which are added in pairs;
- *random-order atomics*: one by one in a random order;
- *split-k k*: in k parts of consecutive terms, each summed in order to a partial sum; partial sums
  are added in order in binary32, or with *bfloat16 partials* are rounded to bfloat16 and added in
  its arithmetic. The promise that is tested says so.

Each operation is rounded as in hardware: those in binary32 are NumPy's. With *FMA* product and
addition are rounded at once: the product is exact in binary64, its sum with the accumulator is
rounded to odd in binary64, and then to binary32, which is the exact sum rounded once (Boldo and
Melquiond 2008). In tf32, bfloat16 and float16 products are exact in binary32 but for underflow, so
that FMA changes nothing and is left out.

The results are

- of ResNet-50's convolutions (those of its dilated variant, too), samples of entries of the output
  and of all gradients, each summed with all its terms; those with the same number of terms are
  tested together, as a convolution of its own with a group for every entry;
- of the built-in suite, whole results of the cases in the format, without the two that overflow:
  the theorem is about sums that do not;
- whole results of the layers into which the defects below are planted.

Operands of ResNet-50's layers are those of `pybridge.check.torch.layers`: rectified normal
numbers, weights of Kaiming's variance, and output gradients of deviation 10⁻³.
"""

_RECIPES = """\
## Tests that are compared

*pybridge* is `compare_gradient` or `compare_output` with the kernel's promise. The others compare
with the exact result, rounded once to the result's format, which is the best reference that there
can be; tests compare with a worse one. Their tolerances are

{recipes}

*dynamic* is hipDNN's (ROCm/rocm-libraries#4069), without and with what it adds for the conversion
of the sum; n is the number of terms of an entry that is not at a border, and the maxima are those
of the given operands.
"""

_DEFECTS = """\
## Planted defects

A kernel with a defect computes a whole result of a moderate layer, and is tested by the promise of
the kernel without it. A defect *exceeds* its promise where the true error of an entry is more than
the promise allows: rounding cannot explain it. The true error is the distance to the result of
exact integer arithmetic (python-flint), which shares nothing with the test, of the operands that
the kernel multiplies. A defect that does not exceed its promise cannot be told from rounding: with
the same data, an honest kernel is allowed as much.

Layers: *plain* 5×16×14×14 to 16 channels, 3×3, padding 1; *dilated* 2×8×15×15, dilation 2;
*strided* 4×16×15×15, stride 2; *grouped* 4×16×14×14, 4 groups; *pointwise* and *positive*
8×16×64×64, 1×1, with the 32,768 terms of ROCm/rocm-libraries#8029, and operands uniform in [−1, 1]
and in [0, 1]. The others have operands as above.
"""

_PYTORCH = """\
## PyTorch

Outputs and gradients by autograd, whole, of the layers above and of some networks' layers (float16
on a CPU: of the layers above), in the promise of their format. What a setting's kernels are known
to do instead is that operands are rounded to TF32 to nearest, that sums are rounded toward zero
(GPU), that subnormal numbers are taken for zero, or that sums of 16-bit results are kept in 16 bits
(CPU).
"""


def document(evidence: Evidence, machine: Mapping[str, str], command: str) -> str:
    """The Markdown text."""
    tables = {
        section: f"{_filled(table.caption)}\n\n{table.markdown}"
        for section, table in evidence.tables()
    }
    recipes = "\n".join(f"- *{recipe.name}*: {recipe.formula};" for recipe in RECIPES)
    alarms, missed = len(evidence.false_alarms), len(evidence.missed)
    counted = (
        f"Kinds of honest kernels with a false alarm of pybridge: {alarms} of "
        f"{len(evidence.honest)}; each kind has at least "
        f"{min(h.entries for h in evidence.honest):,} entries."
    )
    found = (
        f"Defects that exceed their promise and that pybridge misses: {missed} of "
        f"{len(evidence.exceeding)}."
    )
    parts = [
        _HEAD.format(command=command),
        "\n".join(_filled(f"- {what}: {value}") for what, value in machine.items()),
        _KERNELS,
        _RECIPES.format(recipes=recipes.removesuffix(";") + "."),
        "## Honest kernels",
        _filled(counted),
        _filled(
            "Tolerances know nothing of a promise: they find wrong what honest kernels in tf32, or "
            "with bfloat16 partials, compute as promised."
        ),
        tables["honest"],
        f"![Errors of honest kernels over what is allowed]({ERRORS})",
        _filled(
            "Errors over what the promise allows, of all entries above. Beyond the line, rounding "
            "cannot explain the error. Errors of at most 2⁻¹⁶ of what is allowed are at the left "
            "end."
        ),
        f"![Tolerances over the number of terms]({TOLERANCES})",
        _filled(
            "Kernel gradients of ResNet-50's layers by the sequential kernel: the largest true "
            "error among the entries of n terms, and the tolerances of that entry."
        ),
        _DEFECTS,
        _filled(found),
        tables["summary"],
        tables["defects"],
        *_messages(evidence),
        _PYTORCH,
        _pytorch(evidence),
        *([tables["pytorch"]] if "pytorch" in tables else []),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write(evidence: Evidence, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Writes the document and its pictures into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    written = {
        DOCUMENT: document(evidence, machine, command),
        ERRORS: draw_errors(evidence.honest),
        TOLERANCES: draw_tolerances(evidence.points),
    }
    for name, text in written.items():
        (directory / name).write_text(text, encoding="utf-8")


def _messages(evidence: Evidence) -> list[str]:
    """What pybridge says of the real defect, where it catches it."""
    for outcome in evidence.exceeding:
        if outcome.defect.what.startswith("bfloat16 partial") and outcome.caught["ours"]:
            intro = f"The message for “{outcome.defect.what}” in {outcome.numerics}:"
            return [_filled(intro), f"```text\n{outcome.message}\n```"]
    return []


def _pytorch(evidence: Evidence) -> str:
    if not evidence.pytorch.tested:
        return "PyTorch was not installed."
    lines = [_filled(f"- {description}") for description in evidence.pytorch.descriptions]
    if not any(tested.setting.device == "cuda" for tested in evidence.pytorch.tested):
        lines.append("- no GPU on this machine")
    return "\n".join(lines)


def _filled(paragraph: str) -> str:
    """A paragraph or an item of a list in lines of at most 100 characters."""
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(
        paragraph, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
