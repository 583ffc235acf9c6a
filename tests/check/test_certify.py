"""Kernel certificates: what they claim, what Lean says to them, and how the command ends."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from leans import stand_in
from typer.testing import CliRunner

from pybridge.check.certify import (
    CertifiedEntries,
    certificate_source,
    certified_entries,
    check_certificate,
)
from pybridge.check.certify.entries import chosen
from pybridge.check.certify.source import OPERAND_ENTRIES, TERMS, module_name
from pybridge.check.suite import suite
from pybridge.cli import certify as command
from pybridge.cli import session
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, load_definitions
from pybridge.lean import BuildResult, Lean, LeanError, Message
from pybridge.lean.protocol import parse_results
from pybridge.lean.recorded import RecordedLean
from pybridge.problem.case import Case
from pybridge.problem.results import Result

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "lean" / "RuntimeApproxCertificates"
SMALLEST = 25
"""Built-in cases with at most this many entries ship with their certificates."""

CASES = {case.label: case for case in suite()}
CLAIM = re.compile(r"⟨\[([\d, ]+)\], ⟨(-?0x[0-9a-f]+), (\d+)⟩, ⟨(0x[0-9a-f]+), (\d+)⟩⟩")


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return load_definitions()


def source(case: Case, definitions: Definitions, which: tuple[str, ...] = tuple(Result)) -> str:
    return certificate_source(case, certified_entries(case, which, definitions))


def stated(text: str) -> list[tuple[tuple[int, ...], Fraction, Fraction]]:
    """Return what a Lean text states of each entry: index, value and bound."""
    return [
        (
            tuple(int(word) for word in index.split(",")),
            Fraction(int(value, 16), 2 ** int(k)),
            Fraction(int(bound, 16), 2 ** int(j)),
        )
        for index, value, k, bound, j in CLAIM.findall(text)
    ]


def smallest() -> list[Case]:
    def entries(case: Case) -> int:
        if case.geometry.operation != "conv2d":
            return SMALLEST + 1
        shape = case.convolution.output_shape
        return int(np.prod(shape)) + shape[1] + case.values["weight"].size + case.values["x"].size

    return [case for case in CASES.values() if entries(case) <= SMALLEST]


@pytest.mark.parametrize("label", ["binary32-basic-eps", "binary64-subnormal", "bfloat16-ties"])
def test_the_text_states_what_was_computed(label: str, definitions: Definitions) -> None:
    entries = certified_entries(CASES[label], tuple(Result), definitions)
    expected = [
        (index, Fraction(value), Fraction(bound))
        for result in entries.values()
        for index, value, bound in zip(result.indices, result.values, result.bounds, strict=True)
    ]
    text = certificate_source(CASES[label], entries)
    assert stated(text) == expected
    assert len(expected) == sum(result.entries for result in entries.values())
    assert max(map(len, text.splitlines())) <= 100 or label == "binary64-subnormal"


@pytest.mark.parametrize("label", ["binary32-basic-eps", "binary64-subnormal", "bfloat16-ties"])
def test_the_text_has_the_operands_bit_for_bit(label: str, definitions: Definitions) -> None:
    case = CASES[label]
    text = source(case, definitions)
    for lean, name in (("x", "x"), ("weight", "weight"), ("bias", "bias"),
                       ("gradOutput", "grad_output")):  # fmt: skip
        entry = re.search(rf"def {lean}Entry .*?⟨⟨n, (\d+)⟩, ⟨(0x[0-9a-f]+), (\d+)⟩", text, re.S)
        assert entry
        assert Fraction(int(entry[2], 16), 2 ** int(entry[3])) == case.eps[name]
        words = re.findall(rf"{lean}Entry \(?(-?0x[0-9a-f]+)", text.replace("\n  ", " "))
        numbers = [Fraction(int(word, 16), 2 ** int(entry[1])) for word in words]
        assert numbers == [Fraction(float(v)) for v in case.values[name].ravel()]


def test_overflowed_entries_are_left_out_and_counted(definitions: Definitions) -> None:
    sampled = certified_entries(CASES["binary32-overflow"], tuple(Result), definitions)
    assert sampled["weight"].indices == ()
    assert sampled["weight"].overflowed == sampled["weight"].entries == 2
    assert (
        len(sampled["output"].indices) == sampled["output"].entries - sampled["output"].overflowed
    )
    text = certificate_source(CASES["binary32-overflow"], sampled)
    assert "weight_certified" not in text
    assert "0 of 2 entries, 2 without a bound because of overflow" in text
    with pytest.raises(InputError, match="every entry overflowed"):
        certified_entries(CASES["binary32-overflow"], ("weight",), definitions)


def test_the_sample_has_the_largest_bound_and_the_ends() -> None:
    bounds = np.random.default_rng(1).random(500)
    sound = [i for i in range(500) if i % 7]
    sample = chosen(bounds, sound, 20, "a case")
    assert len(set(sample)) == 20
    assert sample == sorted(sample)
    assert {1, 499, max(sound, key=lambda i: bounds[i])} <= set(sample) <= set(sound)
    assert sample == chosen(bounds, sound, 20, "a case")
    assert sample != chosen(bounds, sound, 20, "another case")
    assert chosen(bounds, sound, 1, "a case") == [max(sound, key=lambda i: bounds[i])]
    assert chosen(bounds, sound[:20], 20, "a case") == sound[:20]


def test_many_operands_are_refused(definitions: Definitions) -> None:
    large = Case.of(
        label="large",
        x=np.ones((1, 1, 150, 150), np.float32),
        weight=np.ones((1, 1, 3, 3), np.float32),
        grad_output=np.ones((1, 1, 148, 148), np.float32),
    )
    entries = certified_entries(large, ("bias",), definitions, entries=3)
    with pytest.raises(InputError, match=f"expected at most {OPERAND_ENTRIES}"):
        certificate_source(large, entries)
    with pytest.raises(InputError, match="expected at least 1"):
        certified_entries(large, ("bias",), definitions, entries=0)


def test_names_of_modules() -> None:
    assert module_name("binary32-one-by-one") == "Binary32OneByOne"
    assert module_name("7.x_y") == "Case7XY"


def test_many_terms_are_in_several_theorems(definitions: Definitions) -> None:
    case = CASES["binary32-everything"]
    sampled = certified_entries(case, tuple(Result), definitions)
    text = certificate_source(case, sampled)
    for name, result in sampled.items():
        each = max(1, TERMS // result.computation.terms)
        count = -(-len(result.indices) // each)
        numbers = [f"_{i}" for i in range(1, count + 1)] if count > 1 else [""]
        for kind in ("certified", "within", "computed"):
            assert re.findall(rf"^theorem {name}_{kind}(\S*)", text, re.M) == numbers
    assert any(
        len(result.indices) > TERMS // result.computation.terms for result in sampled.values()
    )
    assert len(stated(text)) == sum(len(result.indices) for result in sampled.values())


def test_the_smallest_cases_ship_with_their_certificates(definitions: Definitions) -> None:
    assert len(smallest()) == 5
    expected = {f"{module_name(case.label)}.lean": source(case, definitions) for case in smallest()}
    shipped = {path.name: path.read_text(encoding="utf-8") for path in SHIPPED.glob("*.lean")}
    assert shipped == expected


# ---- what the kernel says


def falsified(entries: CertifiedEntries, below: float) -> Mapping[str, CertifiedEntries]:
    """Return entries with one falsehood each; `below` is less than the first entry's bound."""
    value, bound = entries.values[0], entries.bounds[0]
    up = float(np.nextafter(np.float32(value), np.float32(np.inf)))
    one = replace(entries, indices=entries.indices[:1], values=(value,), bounds=(bound,))
    last = tuple(size - 1 for size in entries.indices[-1])
    return {
        "an_ulp_off": replace(one, values=(up,)),
        "other_sign": replace(one, values=(-value,)),
        "bound_of_half": replace(one, bounds=(bound / 2,)),
        "bound_inward": replace(one, bounds=(below,)),
        "swapped": replace(
            entries,
            indices=entries.indices[:2],
            values=entries.values[1::-1],
            bounds=entries.bounds[1::-1],
        ),
        "outside": replace(one, indices=((entries.indices[-1][0] + 1, *last[1:]),)),
        "one_of_all": replace(entries, values=(*entries.values[:-1], entries.values[-1] * 2)),
    }


def with_theorems(text: str, entries: Mapping[str, CertifiedEntries], name: str) -> str:
    """Return a certificate of one result with more claims, each in a theorem of its own."""
    block = text[text.index(f"/-- Of the {name} gradient") : text.index(f"theorem {name}_within")]
    block = block[: block.rindex("/--")]
    blocks = []
    for label, claimed in entries.items():
        rows = ",\n".join(
            f"  ⟨{list(index)}, {number(value)}, {number(bound)}⟩"
            for index, value, bound in zip(
                claimed.indices, claimed.values, claimed.bounds, strict=True
            )
        )
        own = re.sub(r"\[\n.*?\]\n\n", f"[\n{rows}]\n\n", block, count=1, flags=re.S)
        blocks.append(own.replace(f"{name}Claims", f"{label}Claims").replace(
            f"{name}_certified", f"{label}_certified"))  # fmt: skip
    end = text.rindex("end RuntimeApprox")
    return text[:end] + "\n\n".join(blocks) + "\n" + text[end:]


def number(value: float) -> str:
    fraction = Fraction(value)
    sign = "-" if fraction < 0 else ""
    return f"⟨{sign}0x{abs(fraction.numerator):x}, {fraction.denominator.bit_length() - 1}⟩"


def test_the_kernel_accepts_what_was_computed_and_nothing_else(
    lean: Lean, library: BuildResult, definitions: Definitions, tmp_path: Path
) -> None:
    case = CASES["binary32-overflow"]
    entries = certified_entries(case, ("bias", "input"), definitions)
    exact = lean_bound(case, "input")
    below, above = neighbours(exact)
    sharp = replace(
        entries["input"],
        indices=entries["input"].indices[:1],
        values=entries["input"].values[:1],
        bounds=(above,),
    )
    wrong = falsified(entries["input"], below)
    text = with_theorems(certificate_source(case, entries), {**wrong, "sharp": sharp}, "input")
    file = tmp_path / "Certificate é.lean"
    file.write_text(text, encoding="utf-8")
    verdict = check_certificate(file, lean)
    assert set(verdict.rejected) == {f"{name}_certified" for name in wrong}
    assert not verdict.accepted
    assert verdict.reason


def lean_bound(case: Case, which: str) -> Fraction:
    """Return Lean's exact bound of the first entry, as recorded."""
    results = parse_results(RecordedLean.find(None).evaluate(case.to_text()))
    return results[case.name].tensors[which].bound[0]


def neighbours(exact: Fraction) -> tuple[float, float]:
    """Return the largest float64 below a number, and the smallest that is not."""
    above = float(exact)
    while Fraction(above) < exact:
        above = float(np.nextafter(above, np.inf))
    below = above
    while Fraction(below) >= exact:
        below = float(np.nextafter(below, 0.0))
    return below, above


class Answering:
    """A Lean that says the given messages."""

    kind = "wasm"
    description = "a stand-in"

    def __init__(self, *messages: Message, built: BuildResult | None = None) -> None:
        self.messages = messages
        self.built = BuildResult() if built is None else built

    def build(self, modules: object = None, *, ilean: bool = True) -> BuildResult:
        return self.built

    def check(self, file: Path) -> tuple[Message, ...]:
        return self.messages

    def close(self) -> None:
        """Do nothing: nothing is running."""


def test_an_error_is_that_of_the_theorem_it_is_in(tmp_path: Path) -> None:
    file = tmp_path / "c.lean"
    file.write_text("def x := 1\ntheorem a : p :=\n  h\ntheorem b : q :=\n  h\n")
    error = Message("c.lean", 5, 0, "error", "it is\nfalse" + "." * 500)
    verdict = check_certificate(file, Answering(error))  # type: ignore[arg-type]
    assert verdict.rejected == ("b",)
    assert verdict.reason.startswith("it is false...")
    assert len(verdict.reason) < 300
    sorry = Message("c.lean", 2, 0, "warning", "declaration uses `sorry`", sorry=True)
    assert check_certificate(file, Answering(sorry)).rejected == ("a",)  # type: ignore[arg-type]
    early = Message("c.lean", 1, 0, "error", "unknown module")
    assert check_certificate(file, Answering(early)).rejected == ("line 1",)  # type: ignore[arg-type]
    harmless = Message("c.lean", 2, 0, "warning", "unused variable")
    assert check_certificate(file, Answering(harmless)).accepted  # type: ignore[arg-type]


def test_a_library_that_does_not_build_is_no_verdict(tmp_path: Path) -> None:
    file = tmp_path / "c.lean"
    file.write_text("theorem a : p := h\n")
    broken = BuildResult(failed={"RuntimeApprox.Dyad": "Lean reports errors"})
    with pytest.raises(LeanError, match=r"RuntimeApprox\.Dyad: Lean reports errors"):
        check_certificate(file, Answering(built=broken))  # type: ignore[arg-type]
    file.write_text("def a := 1\n")
    with pytest.raises(LeanError, match="has no theorem"):
        check_certificate(file, Answering())  # type: ignore[arg-type]


# ---- the command


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    messages: list[Message] = []

    monkeypatch.setattr(session, "find", lambda *_, **__: Answering(*messages))
    return messages


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command.app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_accepted(answers: list[Message], tmp_path: Path, definitions: Definitions) -> None:
    status, out, err = run(
        "binary32-one-by-one", "--output", str(tmp_path), "--which", "input,bias"
    )
    assert status == 0
    assert "1 of 1" in out
    assert "accepted" in out
    assert "Lean accepts it" in err
    text = (tmp_path / "Binary32OneByOne.lean").read_text(encoding="utf-8")
    assert text == source(CASES["binary32-one-by-one"], definitions, ("bias", "input"))


def test_rejected(answers: list[Message], tmp_path: Path) -> None:
    answers.append(Message("Binary32OneByOne.lean", 10_000, 0, "error", "false"))
    status, out, err = run("binary32-one-by-one", "--output", str(tmp_path), "--json")
    assert status == 1
    (outcome,) = json.loads(out)
    assert outcome["rejected"] == ["input_computed"]
    assert outcome["reason"] == "false"
    assert "Lean rejects input_computed: false" in err


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), LeanError("Lean died")])
def test_what_was_checked_before_is_shown(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Dying(Answering):
        def check(self, file: Path) -> tuple[Message, ...]:
            if file.name == "Binary32OneByOne.lean":
                return ()
            raise fault

    stand_in(monkeypatch, Dying())
    status, out, _ = run("binary32-one-by-one", "binary32-overflow", "--output", str(tmp_path))
    assert status == (1 if isinstance(fault, LeanError) else 130)
    assert "binary32-one-by-one" in out
    assert "binary32-overflow" not in out
    assert (tmp_path / "Binary32Overflow.lean").is_file()


def test_written_only(tmp_path: Path) -> None:
    status, out, _ = run("binary16-*fl*", "--output", str(tmp_path), "--no-check", "--entries", "2")
    assert status == 0
    assert "not checked" in out
    assert len(stated((tmp_path / "Binary16Overflow.lean").read_text(encoding="utf-8"))) == 5


def test_own_data(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "own é.npz",
        x=np.ones((1, 1, 2, 2), np.float32),
        weight=np.ones((1, 1, 1, 1), np.float32),
        grad_output=np.ones((1, 1, 2, 2), np.float32),
    )
    file = str(tmp_path / "own é.npz")
    status, _, err = run(file, "--output", str(tmp_path), "--no-check")
    assert (status, err.count("\n")) == (0, 1)
    assert (tmp_path / "Own.lean").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nothing"], "'nothing' is neither a built-in case's label nor a .npz file"),
        (
            ["binary32-basic", "--which", "wait"],
            "expected results of conv2d among output, bias, weight, input, got 'wait'",
        ),
        (["binary32-basic", "--output", "/dev/null/certificates"], "Not a directory"),
        (["binary32-one-by-one", "--definitions", "none.json"], "none.json"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert line in err


def test_two_cases_do_not_go_to_one_file(tmp_path: Path) -> None:
    for name, entry in (("a", 1), ("b", 2)):
        ones = np.full((1, 1, 1, 1), entry, np.float32)
        np.savez(tmp_path / f"{name}.npz", x=ones, weight=ones, grad_output=ones, label="same")
    status, out, err = run(str(tmp_path / "a.npz"), str(tmp_path / "b.npz"))
    assert (status, out) == (2, "")
    assert err == "error: two cases would be written to Same.lean: expected other labels\n"
