"""Writes the numbers of docs/tensor-cores.md: promises of tensor cores beside their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.page import captioned, fill, filled, machine_lines
from bench.tables import Row, Table, number
from bench.tensor_cores.promises import OTHERS
from bench.tensor_cores.study import Study, Verdict
from bench.tensor_cores.units import Unit

__all__ = ["DOCUMENT", "parts", "tables", "write"]

DOCUMENT = "tensor-cores.md"


_PARTS = ("summary", "units", "operands", "defects that pass", "machine")
_SCALED = "block scales"


def tables(study: Study) -> dict[str, Table]:
    """Return tables of the units, the kinds of operands, and the defects that pass."""
    plain, scaled = study.of(scaled=False), study.of(scaled=True)
    made = {}
    if plain.honest:
        made = {"units": _units(plain), "kinds": _kinds(plain), "missed": _missed(plain)}
    if scaled.honest:
        made[_SCALED] = _units(scaled)
    return made


def parts(study: Study, machine: Mapping[str, str], command: str) -> dict[str, str]:
    """Return the parts of the page that the command writes."""
    made, written = tables(study), {}
    versions = machine_lines({**machine, "Simulation": study.versions}, command)
    if "units" in made:
        plain = study.of(scaled=False)
        texts = (
            "\n".join(filled(f"- {line}") for line in _summary(plain)),
            made["units"].markdown,
            captioned(made["kinds"]),
            made["missed"].markdown if plain.missed else "None.",
            versions,
        )
        written = dict(zip(_PARTS, texts, strict=True))
    if _SCALED in made:
        lines = "\n".join(filled(f"- {line}") for line in _summary(study.of(scaled=True)))
        written[_SCALED] = f"{lines}\n\n{made[_SCALED].markdown}\n\n{versions}"
    return written


def write(study: Study, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Write what was computed into the page in a directory."""
    written = parts(study, machine, command)
    fill(DOCUMENT, written, directory, others={*_PARTS, _SCALED} - set(written))


def _summary(study: Study) -> list[str]:
    """Return the outcome in sentences."""
    honest = study.honest
    lines = [
        f"{len(honest):,} honest results of {len(study.units)} arithmetics: "
        f"{len(study.false_alarms) or 'none'} beyond what `tensor_core` allows. The largest error "
        f"is {number(_largest(one.verdict for one in honest))} of what is allowed."
    ]
    compared = [one for one in honest if one.others]
    for name in OTHERS:
        failed = [one.others[name] for one in compared if one.others[name].failed]
        all_of_them = f"of the {len(compared):,} that are one sum"
        beyond = f"beyond what the promise *{name}* allows"
        lines.append(
            f"{len(failed):,} {all_of_them} are {beyond}, "
            f"by up to {number(_largest(failed))} times."
            if failed
            else f"None {all_of_them} is {beyond}."
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
        honest = [
            one for one in study.honest if one.kernel.unit == unit and one.kernel.output is None
        ]
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
    """Return a table with the largest ratio of all units for each kind of operands."""
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
    caption = "Largest error over what is allowed, and its unit; in parentheses, single sums."
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
