"""docs/theorems.md: every name in its tables is a declaration of the library, where it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pybridge.bounds.theorems import proofs
from pybridge.engine.accumulation import Accumulation, ScaledAccumulation
from pybridge.engine.tensor_cores import tensor_core
from pybridge.lean import BuildResult, sources_dir
from pybridge.lean.modules import module_file
from pybridge.problem.results import Declarations, Result

PAGE = Path(__file__).resolve().parents[2] / "docs" / "theorems.md"
README = PAGE.parents[1] / "README.md"
ROW = re.compile(r"^\| (?P<item>.+?) \| (?P<names>`.+?) \| `(?P<module>[\w.]+)` \| .+ \| .+ \|$")
SEED = (
    "approxT",
    "linfNorm",
    "conv2dBiasPointBound",
    "approx_conv2d_bias_point",
    "conv2dBiasBoundTensor",
    "approxT_conv2d_bias_deriv_spec",
    "conv2dKernelPointBound",
    "approx_conv2d_kernel_point",
    "conv2dKernelBoundTensor",
    "approxT_conv2d_kernel_deriv_spec",
    "conv2dInputPointBound",
    "approx_conv2d_input_point",
    "conv2dInputBoundTensor",
    "approxT_conv2d_input_deriv_spec",
    "conv2d_backward_spec",
    "RevNode",
    "RevGraph.backprop_approx",
    "conv2dRevNode",
)
OTHERS: list[Any] = [
    SimpleNamespace(lean=Declarations.of_contraction("conv", factors, addends))
    for factors, addends in ((1, 0), (2, 0), (2, 1))
]
"""Results of other operations, as far as the theorems are concerned."""
PROMISES = (
    Accumulation(output="bfloat16"),
    tensor_core("hopper", "float8"),
    ScaledAccumulation(added=True, scales=(3.0,)),
    ScaledAccumulation(added=False, divisors=(9,)),
    ScaledAccumulation(added=False, divisors=(9,), divided_first=True),
)


def rows() -> list[tuple[str, str]]:
    """Return each module and name of the page's tables."""
    listed = []
    in_table = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        in_table = line.startswith("| item ") or (in_table and line.startswith("|"))
        if not in_table or line.startswith(("| item ", "|---")):
            continue
        row = ROW.match(line)
        assert row, f"not a row of the form item, names, module, words, formula: {line}"
        listed += [(row["module"], name) for name in re.findall(r"`([^`]+)`", row["names"])]
    return listed


def test_every_printed_number_has_a_theorem_of_the_tables() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("## From each printed number to its theorem")[1].split("\n## ")[0]
    named = set(re.findall(r"`([\w.]+)`", table.split("| number |")[1].split("\n\n")[0]))
    known = {name for _, name in rows()}
    for method in (
        "replay",
        "replay-reference",
        "enclosure",
        "slices",
        "any-order",
        "comparison",
        "first look",
        "tolerance",
    ):
        for result in (*map(Result, ("output", "bias", "weight", "input")), *OTHERS):
            for promise in PROMISES:
                for proof in proofs(result, method, promise):
                    assert proof.removeprefix("RuntimeApprox.") in named & known


@pytest.mark.parametrize(
    ("page", "heading"), [(PAGE, "| number | theorem"), (README, "| statement | theorem")]
)
def test_the_theorems_of_the_short_tables_have_rows(page: Path, heading: str) -> None:
    table = page.read_text(encoding="utf-8").split(heading)[1].split("\n\n")[0]
    column = "".join(line.split(" | ")[1] for line in table.splitlines()[2:])
    named = {
        f"{match[1]}{part}{match[3]}"
        for match in re.finditer(r"`([\w.]+)(?:\{([\w,]+)\})?([\w.]*)`", column)
        for part in (match[2] or "").split(",")
    }
    assert len(named) > 20
    assert named <= {name for _, name in rows()}


def test_every_name_of_the_seed_has_a_row() -> None:
    assert set(SEED) - {name for _, name in rows()} == set()


@pytest.mark.parametrize(("module", "name"), rows())
def test_every_name_is_declared_where_the_page_says(
    library: BuildResult, module: str, name: str
) -> None:
    module, full = f"RuntimeApprox.{module}", f"RuntimeApprox.{name}"
    declared = json.loads(library.ileans[module].read_text(encoding="utf-8"))["decls"]
    assert full in declared
    line = declared[full][4]
    source = module_file(sources_dir(), module).read_text(encoding="utf-8").splitlines()[line]
    keyword = re.search(r"\b(theorem|def|abbrev|structure|inductive|class)\b", source)
    assert keyword, source
    is_proved = re.search(r"approx_|_(rel|le|even|self|mono|neg|spec|textbook|vjp|adjoint)$", name)
    if is_proved and name != "conv2d_backward_spec":
        assert keyword[0] == "theorem", source
