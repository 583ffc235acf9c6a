"""docs/tensor-cores.md: what is promised of tensor cores, beside what they compute."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.tables import Row, Table, number
from bench.tensor_cores.data import DOTS
from bench.tensor_cores.promises import OTHERS
from bench.tensor_cores.study import Study, Verdict
from bench.tensor_cores.units import Unit
from pybridge.files import write_atomically

__all__ = ["DOCUMENT", "document", "tables", "write"]

DOCUMENT = "tensor-cores.md"

_HEAD = """\
# Tensor cores

What `pybridge.testing.tensor_core` promises of matrix instructions, beside what they compute. There
is no GPU in this: [MMA-Sim](https://github.com/microsoft/MMA-Sim) ([arXiv
2511.10909](https://arxiv.org/abs/2511.10909), `mmasim` on PyPI) simulates the instructions bit for
bit, and its authors compare it with the hardware. This file is written by

```sh
{command}
```

with the extra `dev` (`pip install -e '.[dev]'`), PyTorch and a C++ compiler; it takes some ten
minutes. All seeds are fixed. Exit status 1: an honest result fails, or a defect passes that the
table *Defects that pass* does not explain.
"""

_METHOD = """\
## What is computed

A convolution's output, weight gradient and input gradient are unfolded to sums of products, which a
kernel computes by a chain of instructions through the accumulator. Kernels of one chain, of three
partial sums that are added in float32 (split-k); of 16-bit operands also rounded to them; and
of eight-bit operands with promotion: after 128 terms the accumulator is added to a sum in float32.
Float32 operands are cut to TF32 by the instruction.

*Random* operands are standard normal, or of condition number one (`sharp_operands`), in a
convolution with stride, padding and groups. *Adversarial* ones are dot products of 100 and of 1,000
terms, made so that what can be lost is lost: {kinds}.

The numbers are the largest error over what is allowed. *tensor_core* is the promise of the
architecture, the instruction and the dtype: at most 1 is within it, near 1 the promise is sharp.
*Default* and *toward zero* are the largest, on the results that are one sum, under the default
promise of the result's dtype, and under `Accumulation(rounding="toward-zero")`: above 1 they reject
what the hardware computes. *Defects* are caught of planted.
"""

_DEFECTS = """\
## Defects that pass

The defects are planted in the weight gradient of operands of condition number one, of 512 terms:
{defects}. An accumulator of 13 bits over 512 terms is honestly wrong by some percent, and nothing
less than that is a defect that can be told. Promotion cures it.
"""


def tables(study: Study) -> dict[str, Table]:
    """The units, the kinds of operands, and the defects that pass."""
    return {"units": _units(study), "kinds": _kinds(study), "missed": _missed(study)}


def document(study: Study, machine: Mapping[str, str], command: str) -> str:
    """The Markdown text."""
    shown = tables(study)
    names = dict.fromkeys(one.what for one in study.planted)
    parts = [
        _HEAD.format(command=command),
        "## In short",
        "\n".join(_filled(f"- {line}") for line in _summary(study)),
        _filled_all(_METHOD.format(kinds=", ".join(DOTS))),
        "## Every unit",
        shown["units"].markdown,
        "## Every kind of operands",
        shown["kinds"].caption,
        shown["kinds"].markdown,
        _filled_all(_DEFECTS.format(defects=", ".join(names))),
        shown["missed"].markdown if study.missed else "None.",
        "## The machine",
        "\n".join(
            _filled(f"- {what}: {value}")
            for what, value in {**machine, "Simulation": study.versions}.items()
        ),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write(study: Study, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Writes the page into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with write_atomically(directory / DOCUMENT) as file:
        file.write(document(study, machine, command).encode())


def _summary(study: Study) -> list[str]:
    """What came of it, in sentences."""
    honest = study.honest
    lines = [
        f"{len(honest):,} honest results of {len(study.units)} arithmetics: "
        f"{len(study.false_alarms) or 'none'} beyond what `tensor_core` allows. The largest error "
        f"is {number(_largest(one.verdict for one in honest))} of what is allowed."
    ]
    compared = [one for one in honest if one.others]
    for name in OTHERS:
        failed = [one.others[name] for one in compared if one.others[name].failed]
        lines.append(
            f"{len(failed):,} of the {len(compared):,} that are one sum are beyond what the "
            f"promise *{name}* allows, by up to {number(_largest(failed))} times."
        )
    caught = len(study.planted) - len(study.missed)
    lines.append(f"{caught:,} of {len(study.planted):,} planted defects are caught.")
    return lines


def _largest(verdicts: Iterable[Verdict]) -> float:
    return max((verdict.ratio for verdict in verdicts), default=0.0)


def _units(study: Study) -> Table:
    header = (
        *("architecture", "instruction", "operands", "accumulator", "at once", "bits"),
        *("random", "adversarial", *OTHERS, "defects"),
    )
    rows: list[Row] = []
    for unit in study.units:
        honest = [one for one in study.honest if one.kernel.unit == unit]
        planted = [one for one in study.planted if one.kernel.unit == unit]
        caught = sum(one.verdict.failed for one in planted)
        rows.append(
            (
                *_named(unit),
                number(_largest(one.verdict for one in honest if one.random)),
                number(_largest(one.verdict for one in honest if not one.random)),
                *(
                    number(_largest(one.others[name] for one in honest if one.others))
                    for name in OTHERS
                ),
                f"{caught} of {len(planted)}",
            )
        )
    return Table("Largest error over what is allowed.", header, tuple(rows))


def _named(unit: Unit) -> Row:
    operands = unit.x if unit.x == unit.y else f"{unit.x} × {unit.y}"
    bits = "exact" if unit.bits is None else f"{unit.bits}"
    if unit.architecture == "CDNA2":
        bits = "float32"
    return unit.architecture, unit.family, operands, unit.result, f"{unit.step}", bits


def _kinds(study: Study) -> Table:
    """For each kind of operands, the largest of all units, and the unit."""
    rows: list[Row] = []
    for data in dict.fromkeys(one.data for one in study.honest):
        honest = [one for one in study.honest if one.data == data]
        compared = [one for one in honest if one.others]
        worst = max(honest, key=lambda one: one.verdict.ratio)
        rows.append(
            (
                data,
                f"{len(honest)} ({len(compared)})",
                number(worst.verdict.ratio),
                worst.kernel.unit.name,
                *(f"{sum(one.others[name].failed for one in compared)}" for name in OTHERS),
            )
        )
    header = ("operands", "results", "tensor_core", "by", *(f"beyond {name}" for name in OTHERS))
    caption = "Largest error over what is allowed, and of what unit; in parentheses, single sums."
    return Table(caption, header, tuple(rows))


def _missed(study: Study) -> Table:
    rows = tuple(
        (
            one.kernel.unit.name,
            "none" if one.kernel.promote is None else f"every {one.kernel.promote}",
            one.what,
            number(one.verdict.ratio),
        )
        for one in study.missed
    )
    return Table("Defects within what is allowed.", ("unit", "promotion", "defect", "ratio"), rows)


def _filled(paragraph: str) -> str:
    """An item of a list in lines of at most 100 characters."""
    return textwrap.fill(
        paragraph, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _filled_all(text: str) -> str:
    """Paragraphs in lines of at most 100 characters."""
    return "\n\n".join(
        part if part.startswith("#") else textwrap.fill(part, 100, break_on_hyphens=False)
        for part in text.strip("\n").split("\n\n")
    )
