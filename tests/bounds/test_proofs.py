"""Every theorem that a result names is declared in the library, where it says."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from pybridge.bounds.computed import Bounded
from pybridge.bounds.theorems import Proved, Theorem, proofs
from pybridge.engine.accumulation import Accumulation, split_k, tf32
from pybridge.lean import sources_dir
from pybridge.problem.results import Result

NAMES = ("output", "bias", "weight", "input")
PROMISES = (
    Accumulation(),
    Accumulation.of("bfloat16"),
    Accumulation(rounding="toward-zero"),
    Accumulation(flushed=True),
    tf32(),
    split_k(8),
    split_k(8, "bfloat16"),
    Accumulation(splits=2, across="bfloat16", output="float16", flushed=True),
)
KINDS: tuple[Proved, ...] = ("any-order", "comparison", "tolerance")
OTHERS: tuple[Proved, ...] = ("replay", "replay-reference", "enclosure")
NAMED = sorted(
    {
        *(t for key in NAMES for kind in OTHERS for t in proofs(Result(key), kind)),
        *(
            theorem
            for key, promise in itertools.product(NAMES, PROMISES)
            for kind in KINDS
            for theorem in proofs(Result(key), kind, promise)
        ),
    }
)
"""All theorems that are named for any result."""

SOURCES = [
    path.read_text(encoding="utf-8") for path in sources_dir().rglob("RuntimeApprox/**/*.lean")
]


def is_declared(name: str, source: str) -> bool:
    """Tell whether a source declares the theorem, be it within a namespace of its prefix."""
    parts = name.removeprefix("RuntimeApprox.").split(".")
    for k in range(len(parts)):
        inside = r"\.".join(parts[:k])
        opened = not k or re.search(rf"^namespace {inside}$", source, re.MULTILINE)
        last = re.escape(".".join(parts[k:]))
        if opened and re.search(rf"^theorem {last}(?![\w.'])", source, re.MULTILINE):
            return True
    return False


@pytest.mark.parametrize("name", list(map(str, NAMED)))
def test_it_is_declared(name: str) -> None:
    assert name.startswith("RuntimeApprox.")
    assert any(is_declared(name, source) for source in SOURCES), name


@pytest.mark.parametrize("theorem", NAMED)
def test_it_stands_where_it_says(theorem: Theorem) -> None:
    source = (sources_dir() / theorem.file).read_text(encoding="utf-8")
    assert is_declared(theorem, source)
    assert theorem.place == f"{theorem.file}:{theorem.line}"
    first = re.search(r"\btheorem ([\w.']+)", "\n".join(source.splitlines()[theorem.line - 1 :]))
    assert first is not None
    assert theorem.endswith(f".{first[1]}")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("output", ""), ("bias", "_bias"), ("weight", "_kernel"), ("input", "_input")],
)
def test_each_result_has_its_own(name: str, suffix: str) -> None:
    any_order = f"RuntimeApprox.conv2d{suffix}_any_order"
    assert proofs(Result(name), "enclosure")[0] == any_order
    for promise in PROMISES:
        assert proofs(Result(name), "any-order", promise)[0] == any_order
        assert proofs(Result(name), "comparison", promise)[0] == any_order
    point = f"RuntimeApprox.approx_conv2d{suffix}_point"
    assert proofs(Result(name), "replay")[0] == proofs(Result(name), "replay-reference")[0] == point


def test_the_first_is_the_one_whose_conclusion_it_is() -> None:
    theorems = proofs(Result("weight"), "any-order", split_k(8, "bfloat16"))
    bounded = Bounded(np.zeros(1), np.zeros(1), theorems)
    assert bounded.theorem is theorems[0]
    assert bounded.theorems[1:] == ("RuntimeApprox.Accumulation.near_within",)


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_assumed_of_a_kernel_comes_last(name: str, promise: Accumulation) -> None:
    """One theorem covers every promise; a last rounding is named if there is one."""
    kernel = "RuntimeApprox.Accumulation.near" + "_within" * (promise.splits > 1)
    for kind in KINDS:
        theorems = proofs(Result(name), kind, promise)
        assert theorems[-1] == kernel
        assert theorems.count(theorems[-1]) == 1
    compared = proofs(Result(name), "comparison", promise)
    rounded = promise.output not in (None, "float32")
    assert ("RuntimeApprox.last_rounding_printed" in compared) == rounded
    for kind in OTHERS:
        assert kernel not in proofs(Result(name), kind)
