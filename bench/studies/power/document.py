"""docs/power.md: what promises can tell apart at real sizes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.studies.power.study import DATA, DEPTH, DTYPES, PROMISES, STATED, Measured, Study
from bench.tables import Row, Table, number
from pybridge.files import write_atomically

__all__ = ["DOCUMENT", "document", "tables", "write"]

DOCUMENT = "power.md"

_HEAD = """\
# Power at real sizes

Which defects `pybridge.testing` catches in layers of ResNet-50 at batch 32, beside
`torch.testing.assert_close` against a float64 reference. This file is written by

```sh
{command}
```

with the extra `bench` (`pip install -e '.[bench]'`) and PyTorch; it takes some five minutes. All
seeds are fixed. Exit status 1: an honest result fails, or depth {depth:,} misses what assert_close
catches.
"""

_METHOD = """\
## What is measured

PyTorch computes the output and all gradients of a layer. The defects are planted in the weight
gradient, whose sums are the longest. A table's numbers are the largest error over what the promise
allows: above 1, rounding cannot explain the result, and the assertion fails.

*Any order* is the default promise: sums in float32 in any order, in bfloat16 rounded once at the
end. *Depth {depth:,}* is `Accumulation(depth={depth})`: no term passes more than {depth:,}
roundings. That is a statement about the kernel, which you have to know; PyTorch documents none, and
its honest results are within it here.

*Normal* operands are standard normal. *Sharp* operands are those of
`pybridge.testing.sharp_operands`: signs that factor over channels, so that all terms of an entry
have one sign, and magnitudes between 1/2 and 2.

*assert_close* is `torch.testing.assert_close` with its default tolerances, between the result and
the weight gradient of the same operands in float64, rounded to the result's dtype. Where it
rejects PyTorch's honest result, its other verdicts on that data tell nothing.
"""

_HONEST = """\
## Honest results

All of PyTorch's results of the layers: error over what is allowed, and in parentheses the power,
which is the share of the entries at which a zero would be noticed.
"""


def tables(study: Study) -> dict[str, Table]:
    """By section: the summary, the defects of each layer and dtype, and the honest results."""
    found = {"summary": _summary(study)}
    for layer in study.layers:
        for dtype in DTYPES:
            found[f"{layer}, {dtype}"] = _defects(study, layer, dtype)
    found["honest"] = _honest(study)
    return found


def document(study: Study, machine: Mapping[str, str], command: str) -> str:
    """The Markdown text."""
    shown = tables(study)
    parts = [
        _HEAD.format(command=command, depth=DEPTH),
        "## What it cannot see",
        "\n".join(_filled(f"- {line}") for line in _blind(study)),
        shown["summary"].caption,
        shown["summary"].markdown,
        _METHOD.format(depth=DEPTH),
        "\n".join(_filled(f"- {what}: {value}") for what, value in machine.items()),
        "## Planted defects",
    ]
    for layer in study.layers:
        parts.append(f"### {layer}")
        parts.append(f"An entry of the weight gradient sums {study.terms(layer):,} terms.")
        for dtype in DTYPES:
            table = shown[f"{layer}, {dtype}"]
            parts += [table.caption, table.markdown]
    parts += [_HONEST, shown["honest"].markdown]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write(study: Study, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Writes the page into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with write_atomically(directory / DOCUMENT) as file:
        file.write(document(study, machine, command).encode())


def _blind(study: Study) -> list[str]:
    """What passes that should not, in sentences."""
    first = next(iter(study.layers))
    lines = []
    for dtype in DTYPES:
        planted = _planted(study, first, dtype, "normal")
        passing = [m for m in planted if not m.cells["any order"].failed]
        honest = _only_honest(study, first, dtype, "normal")
        power = honest.cells["any order"].power
        warns = "; the assertion warns (`PowerWarning`)" if power < 0.5 else ""
        lines.append(
            f"Under the default promise, on normal operands in {dtype}, {len(passing)} of "
            f"{len(planted)} defects of the layer {first.partition(',')[0]} pass. An entry of "
            f"the weight gradient sums {study.terms(first):,} terms, and a zero "
            f"would be noticed at {100 * power:.3g} % of the entries{warns}."
        )
    for data in DATA:
        lines.append(f"At {STATED} on {data} operands, {_listed(study.passing(STATED, data))}.")
    unseen = {_name(m) for m in study.passing(STATED, "sharp")}
    unseen &= {_name(m) for m in study.passing(STATED, "normal")}
    lines.append(
        f"{len(unseen) or 'No'} defect{'s' * (len(unseen) > 1)} "
        f"pass{'es' * (len(unseen) < 2)} at {STATED} on both. Sharp operands show what "
        "changes an entry by more than its last rounding; where few terms are lost in bfloat16, "
        "that is less than the rounding itself, and entries of normal operands that nearly cancel "
        "show it. Test with both."
    )
    rejected = [m for m in study.measured if m.honest and not m.close]
    honest_results = [m for m in study.measured if m.honest]
    lines.append(
        f"assert_close with its default tolerances rejects {len(rejected)} of "
        f"{len(honest_results)} honest results; pybridge rejects {len(study.false_alarms)}."
    )
    return lines


def _name(measured: Measured) -> str:
    return f"{measured.what} ({measured.layer.partition(',')[0]}, {measured.dtype})"


def _listed(passing: Sequence[Measured]) -> str:
    if not passing:
        return "every planted defect is caught"
    names = "; ".join(f"“{_name(m)}”" for m in passing)
    return f"{len(passing)} planted defect{'s pass' if len(passing) > 1 else ' passes'}: {names}"


def _planted(study: Study, layer: str, dtype: str, data: str) -> list[Measured]:
    return [
        m
        for m in study.measured
        if (m.layer, m.dtype, m.data) == (layer, dtype, data) and not m.honest
    ]


def _only_honest(study: Study, layer: str, dtype: str, data: str) -> Measured:
    return next(
        m
        for m in study.measured
        if (m.layer, m.dtype, m.data, m.result) == (layer, dtype, data, "weight gradient")
        and m.honest
    )


def _summary(study: Study) -> Table:
    header = ["layer", "dtype", "defects"]
    for data in DATA:
        header += [f"{data}, {name}" for name in PROMISES] + [f"{data}, assert_close"]
    rows: list[Row] = []
    for layer in study.layers:
        for dtype in DTYPES:
            row = [layer, dtype]
            for data in DATA:
                planted = _planted(study, layer, dtype, data)
                row += [f"{len(planted)}"] * (data == DATA[0])
                for name in PROMISES:
                    row.append(f"{sum(m.cells[name].failed for m in planted)}")
                caught = sum(not m.close for m in planted)
                alarm = not _only_honest(study, layer, dtype, data).close
                row.append(f"{caught}, and the honest one" if alarm else f"{caught}")
            rows.append(tuple(row))
    return Table("How many planted defects are caught.", tuple(header), tuple(rows))


def _defects(study: Study, layer: str, dtype: str) -> Table:
    header = [dtype]
    for data in DATA:
        header += [f"{data}, {name}" for name in PROMISES] + [f"{data}, assert_close"]
    by_data = {
        data: [
            _only_honest(study, layer, dtype, data),
            *_planted(study, layer, dtype, data),
        ]
        for data in DATA
    }
    rows: list[Row] = []
    for results in zip(*by_data.values(), strict=True):
        row = [results[0].what]
        for measured in results:
            row += [number(measured.cells[name].ratio) for name in PROMISES]
            row.append(_verdict(measured))
        rows.append(tuple(row))
    return Table("Error over what is allowed; above 1, it is caught.", tuple(header), tuple(rows))


def _honest(study: Study) -> Table:
    header = ["layer", "result", "dtype", "data", *PROMISES, "assert_close"]
    rows = []
    for m in study.measured:
        if m.honest:
            cells = [f"{number(c.ratio)} ({100 * c.power:.3g} %)" for c in m.cells.values()]
            rows.append((m.layer, m.result, m.dtype, m.data, *cells, _verdict(m)))
    return Table("Honest results of PyTorch.", tuple(header), tuple(rows))


def _verdict(measured: Measured) -> str:
    return "passes" if measured.close else "fails"


def _filled(paragraph: str) -> str:
    """An item of a list in lines of at most 100 characters."""
    return textwrap.fill(
        paragraph, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
