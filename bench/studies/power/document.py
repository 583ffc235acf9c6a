"""Writes the numbers of docs/power.md: what promises can tell apart at real sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.page import captioned, fill, filled, machine_lines
from bench.studies.power.study import DATA, DTYPES, PROMISES, STATED, Measured, Study
from bench.tables import Row, Table, number

__all__ = ["DOCUMENT", "parts", "tables", "write"]

DOCUMENT = "power.md"


def tables(study: Study) -> dict[str, Table]:
    """Return by section the summary, the defects of each layer and dtype, and honest results."""
    by_name = {"summary": _summary(study)}
    for layer in study.layers:
        for dtype in DTYPES:
            by_name[f"{layer}, {dtype}"] = _defects(study, layer, dtype)
    by_name["honest"] = _honest(study)
    return by_name


def write(study: Study, machine: Mapping[str, str], command: str, directory: Path) -> None:
    """Write the page into a directory."""
    fill(DOCUMENT, parts(study, machine, command), directory)


def parts(study: Study, machine: Mapping[str, str], command: str) -> dict[str, str]:
    """Return the parts of the page that the command writes."""
    tables_of = tables(study)
    summary = "\n".join(filled(f"- {line}") for line in _blind(study))
    defects = []
    for layer in study.layers:
        defects.append(f"### {layer}")
        defects.append(f"An entry of the weight gradient sums {study.terms(layer):,} terms.")
        defects += [captioned(tables_of[f"{layer}, {dtype}"]) for dtype in DTYPES]
    return {
        "summary": f"{summary}\n\n{captioned(tables_of['summary'])}",
        "machine": machine_lines(machine, command),
        "defects": "\n\n".join(defects),
        "honest results": tables_of["honest"].markdown,
    }


def _blind(study: Study) -> list[str]:
    """Return sentences about defects that pass."""
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
        f"pass{'es' * (len(unseen) < 2)} at {STATED} on both. A defect smaller than the last "
        "rounding, such as a lost row of one image in bfloat16, shows at few entries: on sharp "
        "operands, at those just above a power of two; on normal ones, at those that nearly cancel."
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
