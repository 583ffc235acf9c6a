"""docs/adversary.md: what was tried, and what was found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.studies.adversary.tally import Tally
from bench.tables import Row, Table
from pybridge.files import write_atomically

__all__ = ["DOCUMENT", "document", "tables", "write"]

DOCUMENT = "adversary.md"

_HEAD = """\
# An attack on the bounds

Somebody who wants a bound to be wrong writes down the most hostile numbers and the most awkward
kernels that a promise allows, and computes what is true without any of the package's code. This
file is written by

```sh
{command}
```

with the extra `bench` (`pip install -e '.[bench]'`). Exit status 1: something was found.
`--seed S --case N` tries one case again, as the messages name it (`S/N`).

{entries:,} entries of results in {cases:,} cases were tried, in {minutes:.0f} minutes.
**{verdict}**

## How

*Exact values* are sums of Python's integers: every operand is an integer times a power of two, and
the loops over padding, strides, dilation and groups are written out. So are the formulas of what a
promise allows. The only code that is shared with the package is what is attacked: its public
functions.

*Simulated kernels* keep a promise in the most awkward way. They round every product and every sum
in integers, to nearest even or toward zero, in float16, bfloat16, TF32, float32 or float64; they
add in a stated, reversed, shuffled or sorted order, one by one, pairwise, in blocks, or by a random
tree (as deep as is promised, if that is), with and without fused multiply-add, and in partial sums
that the same format or another one adds up; they cut, round and flush operands (ties of TF32 either
way) and round the finished sum once more. *Kernels on this
machine* are NumPy's sums and BLAS' dot products. *Hostile results* are at what is allowed, one
number of the format within and beyond it, zero, twice the exact value, infinite or nan.

*Operands* are float64, float32, float16, bfloat16 and four dtypes of 8 bits, mixed in one
convolution and in either byte order. Biases of one convolution differ by up to 2⁴⁰. The kinds:

* plain: numbers of one magnitude.
* wide: exponents from the least subnormal number to the largest finite one.
* underflow: products around the least normal number of the sums.
* subnormal: operands around their own least normal number.
* large, huge: products, or operands, around the largest number.
* ties: significands and exponents whose sums are often in the middle of two numbers.
* edges: neighbours of the numbers where formats begin and end.
* cancelling: most numbers are there with both signs.
* mixed: all of these in one array. many terms: up to a million in an entry.

Half of the calls run with NumPy's errors and Python's warnings raised. Operands of bounds with eps
are moved to where they change a result most.

## What was tried
"""

_REFUSALS = """\
A refusal is right where numbers overflow: `RoundingOverflowError` where a result or a bound is
beyond the largest number, `NotProvedError` where a promise rounds an operand to infinity. What the
replay returns is compared with the stated order, bit for bit.

The error of an enclosure, or of a bound with eps, may be all of it. An entry that passes may be
beyond the exact allowance by the rounding of the allowance itself: magnitudes are summed in float32
where no operand is wider, and float64 knows |exact| in the charge for the last rounding only to
within its own error bound.
"""


def tables(tally: Tally) -> list[Table]:
    """What was tried: entries, checks, refusals."""
    found = Counter(finding.claim for finding in tally.findings)
    claims = sorted({*tally.checks, *found})
    rows = [
        (claim, f"{tally.checks[claim]:,}", _part(tally, claim), f"{found[claim]:,}")
        for claim in claims
    ]
    shown = [
        Table("Entries by who computed them.", ("results", "entries"), _rows(tally.makers)),
        Table("By the kind of operands.", ("operands", "entries"), _rows(tally.kinds)),
        Table("By the format of the result.", ("result", "entries"), _rows(tally.formats)),
        Table(
            "What was checked, and the largest error in units of its bound.",
            ("claim", "checks", "error / bound", "findings"),
            tuple(rows),
        ),
        Table("Calls that were refused.", ("call", "refusals"), _rows(tally.refused)),
    ]
    return [table for table in shown if table.rows]


def document(tally: Tally, command: str, seconds: float) -> str:
    """The Markdown text."""
    found = len(tally.findings)
    verdict = "Nothing was found." if not found else f"{found:,} findings, listed at the end."
    head = _HEAD.format(
        command=command,
        entries=tally.entries,
        cases=tally.cases,
        minutes=seconds / 60,
        verdict=verdict,
    )
    parts = [head.rstrip()]
    parts += [f"{table.caption}\n\n{table.markdown}" for table in tables(tally)]
    parts.append(_REFUSALS.rstrip())
    if found:
        lines = [f"* {f.case}: {f.claim}: {f.what}" for f in tally.findings[:100]]
        parts.append("## Findings\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def write(tally: Tally, command: str, seconds: float, directory: Path) -> None:
    """Writes the page into a directory."""
    with write_atomically(directory / DOCUMENT) as file:
        file.write(document(tally, command, seconds).encode())


def _rows(counts: Counter[str]) -> tuple[Row, ...]:
    return tuple((name, f"{count:,}") for name, count in sorted(counts.items()))


def _part(tally: Tally, claim: str) -> str:
    """The largest error in units of a bound, rounded down, where that was measured."""
    ratio = tally.tightest.get(claim)
    return "" if ratio is None else f"{int(ratio * 10**6) / 10**6:.6f}"
