"""Every theorem that a result names is declared in the library, where it says."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from pybridge.accumulation import Accumulation, split_k, tf32
from pybridge.conv2d import Bounded
from pybridge.lean import sources_dir
from pybridge.theorems import Theorem, proofs

NAMES = ("forward", "bias", "weight", "input")
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
NAMED = sorted(
    {
        *(t for key in NAMES for kind in ("replay", "enclosure") for t in proofs(key, kind)),
        *(
            theorem
            for key, promise in itertools.product(NAMES, PROMISES)
            for kind in ("any-order", "comparison", "tolerance")
            for theorem in proofs(key, kind, promise)
        ),
    }
)
"""All theorems that are named for any result."""

SOURCES = [
    path.read_text(encoding="utf-8") for path in sources_dir().rglob("RuntimeApprox/**/*.lean")
]


def is_declared(name: str, source: str) -> bool:
    """Whether a source declares the theorem, by its name or within a namespace of its prefix."""
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
    ("name", "shown"),
    [("forward", ""), ("bias", "_bias"), ("weight", "_kernel"), ("input", "_input")],
)
def test_each_result_has_its_own(name: str, shown: str) -> None:
    for promise in PROMISES:
        any_order = f"RuntimeApprox.conv2d{shown}_any_order"
        assert proofs(name, "any-order", promise)[0] == any_order
        assert proofs(name, "comparison", promise)[0] == any_order
    replayed = (f"RuntimeApprox.approx_conv2d{shown}_point",)
    assert proofs(name, "replay") == proofs(name, "replay-reference") == replayed


def test_the_first_is_the_one_whose_conclusion_it_is() -> None:
    found = proofs("weight", "any-order", split_k(8, "bfloat16"))
    plain = proofs("weight", "any-order", Accumulation())
    assert found[0] == plain[0]
    assert set(found) > set(plain)
    bounded: Any = Bounded(None, None, found)  # type: ignore[arg-type]
    assert bounded.theorem is found[0]


def test_what_is_assumed_follows_the_promise() -> None:
    """No theorem is named for rounding that there is not."""

    def assumed(promise: Accumulation) -> set[str]:
        return set(proofs("weight", "any-order", promise)[1:])

    nearest = assumed(Accumulation())
    assert nearest == assumed(tf32()) == assumed(split_k(8)) == assumed(split_k(8, "float32"))
    cut = assumed(Accumulation(rounding="toward-zero"))
    assert cut == assumed(Accumulation(flushed=True))
    assert len(nearest) == len(cut) == 1
    assert not nearest & cut
    across, last = assumed(split_k(8, "bfloat16")), assumed(Accumulation.of("bfloat16"))
    assert across > nearest < last
    assert across != last
    assert assumed(split_k(8, "bfloat16").model_copy(update={"output": "float16"})) == across | last
