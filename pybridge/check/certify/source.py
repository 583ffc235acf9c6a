"""The Lean text of a certificate."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pybridge.check.certify.entries import CertifiedEntries
from pybridge.errors import InputError
from pybridge.exported.names import LEAN_OPERANDS
from pybridge.lean.interface import VERSION
from pybridge.problem.case import Case
from pybridge.problem.shapes import Pooling, Product, Shape

__all__ = ["MODULE", "OPERAND_ENTRIES", "TERMS", "certificate_source", "module_name"]

MODULE = "RuntimeApprox.Certificate.Theorems"
"""What a certificate imports."""

TERMS = 640
"""How many terms the kernel sums in one theorem, so that what it keeps fits into memory."""

OPERAND_ENTRIES = 20_000
"""How many numbers the operands of a certificate may have together: Lean reads each as a term."""

_WIDTH = 100
_JOINED = "\N{NO-BREAK SPACE}"


def module_name(label: str) -> str:
    """Return a label as the name of a Lean module: `binary32-basic` is `Binary32Basic`."""
    words = re.findall("[A-Za-z0-9]+", label)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Case{name}"


def certificate_source(case: Case, entries: Mapping[str, CertifiedEntries]) -> str:
    """Return the Lean file that states and proves the values and bounds of a case's `entries`.

    Raises `InputError` if the operands have more than `OPERAND_ENTRIES` numbers.
    """
    used = [
        name
        for name in case.operands
        if any(
            name in certified.computation.operands and certified.indices
            for certified in entries.values()
        )
    ]
    count = sum(case.values[name].size for name in used)
    if count > OPERAND_ENTRIES:
        raise InputError(
            f"{case.label}: the operands have {count} numbers, and Lean reads each as a term: "
            f"expected at most {OPERAND_ENTRIES}"
        )
    blocks = [_header(case, entries), *(_operand(case, name) for name in used)]
    for certified in entries.values():
        parts = list(_parts(certified))
        blocks += [_contraction(case, certified)] if parts else []
        for number, part in enumerate(parts, 1):
            blocks += _result(case, part, f"_{number}" if len(parts) > 1 else "")
    namespace = f"RuntimeApprox.Certificates.{module_name(case.label)}"
    return "\n\n".join([*blocks, f"end {namespace}\n"])


def _header(case: Case, entries: Mapping[str, CertifiedEntries]) -> str:
    counts = [
        f"* {certified.computation.words}: {len(certified.indices)} of {certified.entries} entries"
        + (
            f", {certified.overflowed} without a bound because of overflow"
            if certified.overflowed
            else ""
        )
        for certified in entries.values()
    ]
    eps = ", ".join(_group(f"{name} {value.hex()}") for name, value in case.eps.items())
    pair = _group("⟨n, k⟩")
    return "\n".join(
        [
            "module",
            "",
            f"public import {MODULE}",
            "",
            "/-!",
            f"# Certificate of the case {case.label}",
            "",
            *_wrapped(
                f"Case {case.name} of {case.geometry.operation}, in {case.format}. A number "
                f"n / 2^k is written {pair}. The exact operands may be anywhere within eps of the "
                f"given ones: {eps}."
            ),
            "",
            *counts,
            "",
            f"Written by `python -m pybridge.certify`, for Lean {VERSION}.",
            "",
            "## Main results",
            *(_theorems(certified) for certified in entries.values() if certified.indices),
            "-/",
            "",
            "set_option autoImplicit false",
            "",
            "@[expose] public noncomputable section",
            "",
            f"namespace RuntimeApprox.Certificates.{module_name(case.label)}",
        ]
    )


def _theorems(certified: CertifiedEntries) -> str:
    """Return the names of a result's theorems, in a line."""
    count = len(list(_parts(certified)))
    first = "_1" if count > 1 else ""
    kinds = ("certified", "within", "computed")
    line = "* " + ", ".join(f"`{certified.computation.name}_{kind}{first}`" for kind in kinds)
    return f"{line}, and so on to `_{count}`" if count > 1 else line


def _lean(operand: str) -> str:
    return LEAN_OPERANDS.get(operand, operand)


def _operand(case: Case, name: str) -> str:
    lean = _lean(name)
    operand = case.operands[name]
    scale = max(_dyadic(value)[1] for value in operand.value.ravel().tolist())
    eps_num, eps_scale = _dyadic(operand.eps)
    entry = f"{lean}Entry"
    return "\n".join(
        [
            f"/-- n / 2^{scale}, a number of `{lean}`, with its eps. -/",
            f"def {entry} (n : Int) : Ball :=",
            f"  ⟨⟨n, {scale}⟩, ⟨{_hex(eps_num)}, {eps_scale}⟩, true⟩",
            "",
            f"/-- The operand `{lean}`. -/",
            f"def {lean} : Tensor Ball {_shape(operand.value.shape)} :=",
            *_literal(operand.value, scale, entry),
        ]
    )


def _shape(sizes: Sequence[int]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def _contraction(case: Case, certified: CertifiedEntries) -> str:
    """Return the contraction of a result, and the operands that it takes."""
    what = certified.computation
    declaration = what.contraction.name.removeprefix("RuntimeApprox.")
    contraction = f"{what.name}Contraction"
    factors, addends = (_tuple(map(_lean, names)) for names in (what.factors, what.addends))
    return _lines(
        f"/-- {what.words[0].upper()}{what.words[1:]}, as a contraction. -/",
        f"def {contraction} : Contraction Int :=",
        *_wrapped(f"{declaration} {_sizes(case.geometry)}", "  ", "    "),
        "",
        f"/-- The factors of {what.words}. -/",
        f"def {what.name}Factors : {contraction}.Factors Ball := {factors}",
        "",
        f"/-- The addends of {what.words}. -/",
        f"def {what.name}Addends : {contraction}.Addends Ball := {addends}",
    )


def _tuple(names: Iterable[str]) -> str:
    return f"({', '.join([*names, '⟨⟩'])})".replace("(⟨⟩)", "⟨⟩")


def _sizes(shape: Shape) -> str:
    """Return the arguments of the declarations of an operation's contractions."""
    numbers = list(map(str, shape.parameters().values()))
    if isinstance(shape, Product):
        return f"(productLoops {' '.join(numbers)})"
    if shape.operation == "conv2d":
        return f"⟨{', '.join(numbers)}⟩"
    axes = [
        (w.size, w.kernel, w.stride, w.pad_begin, w.pad_end, w.dilation, w.output)
        for w in shape.windows
    ]
    windows = f"[{', '.join(_group('⟨' + ', '.join(map(str, axis)) + '⟩') for axis in axes)}]"
    if isinstance(shape, Pooling):
        return f"{' '.join(numbers[:2])} {windows}"
    return f"⟨{', '.join(numbers[:4])}, {windows}⟩"


def _literal(array: npt.NDArray[np.generic], scale: int, entry: str) -> list[str]:
    """Return the lines of a nested vector, `#v[#v[…], …]`."""

    def nested(part: npt.NDArray[np.generic]) -> str:
        if part.ndim == 0:
            num, k = _dyadic(float(part.astype(np.float64)))
            return f"{entry}{_JOINED}{_argument(num << (scale - k))}"
        return f"#v[{', '.join(nested(row) for row in part)}]"

    return _wrapped(nested(array), "  ")


def _parts(certified: CertifiedEntries) -> Iterator[CertifiedEntries]:
    """Yield the entries in parts of at most `TERMS` terms together, or of a single entry."""
    step = max(1, TERMS // certified.computation.terms)
    for start in range(0, len(certified.indices), step):
        part = slice(start, start + step)
        yield replace(
            certified,
            indices=certified.indices[part],
            values=certified.values[part],
            bounds=certified.bounds[part],
        )


def _result(case: Case, certified: CertifiedEntries, number: str) -> list[str]:
    what = certified.computation
    which, words = what.name, what.words
    names = [_lean(name) for name in what.operands]
    claimed = f"{which}Claims{number}"
    variables = " ".join(
        _group(f"{{{_lean(name)}' : Tensor Rat {_shape(case.values[name].shape)}}}")
        for name in what.operands
    )
    hypotheses = " ".join(_group(f"(h{name} : {name}'.Rel Ball.Encloses {name})") for name in names)
    exact, related = [], []
    for operands in (what.factors, what.addends):
        exact.append(_tuple(f"{_lean(name)}'" for name in operands))
        related.append(".nil")
        for name in reversed(operands):
            related[-1] = f"(.cons h{_lean(name)} {related[-1]})"
    rows = zip(certified.indices, certified.values, certified.bounds, strict=True)
    listed = ",\n".join(
        f"  ⟨{list(place)}, {_number(value)}, {_number(bound)}⟩" for place, value, bound in rows
    )

    def evaluated(arithmetic: str, entries: str) -> str:
        arguments = " ".join(
            _group(f"({which}{kind}.map Ball.{entries})") for kind in ("Factors", "Addends")
        )
        return f"({which}Contraction.eval {_group(f'({arithmetic} .{case.format})')} {arguments})"

    return [
        f"/-- Of {words}: entry, rounded value, bound. -/\n"
        f"def {claimed} : List Claim := [\n{listed}]",
        _lines(
            *_wrapped(
                f"/-- What {case.format} gives for {words}, in the stated order, and its error "
                "bounds. -/"
            ),
            f"theorem {which}_certified{number} : Certified",
            *_wrapped(evaluated("checked", "checked"), "    ", "      "),
            f"    {claimed} := by",
            "  decide +kernel",
        ),
        _lines(
            *_wrapped(
                f"/-- The exact entry of {words} is within the bound of the value, wherever the "
                "exact operands are within eps of the given ones. -/"
            ),
            f"theorem {which}_within{number}",
            *_wrapped(f"{variables} {hypotheses} :", "    "),
            *_wrapped(
                f"∀ c ∈ {claimed}, c.Within ({which}Contraction.eval exact "
                f"{' '.join(map(_group, exact))}) :=",
                "    ",
                "      ",
            ),
            f"  {which}_certified{number}.within_exact {' '.join(related)}",
        ),
        _lines(
            *_wrapped(f"/-- IEEE 754 arithmetic in {case.format} gives the values of {words}. -/"),
            f"theorem {which}_computed{number} :",
            f"    ∀ c ∈ {claimed}, c.Computed",
            *_wrapped(f"{evaluated('ieee', 'ieee')} :=", "      ", "        "),
            f"  {which}_certified{number}.computed_ieee",
        ),
    ]


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _group(text: str) -> str:
    """Return the text with spaces at which `_wrapped` does not break it."""
    return text.replace(" ", _JOINED)


def _number(value: float) -> str:
    num, scale = _dyadic(value)
    return f"⟨{_hex(num)}, {scale}⟩"


def _dyadic(value: float) -> tuple[int, int]:
    """Return num and scale with value = num / 2^scale."""
    fraction = Fraction(value)
    return fraction.numerator, fraction.denominator.bit_length() - 1


def _hex(number: int) -> str:
    return f"-0x{-number:x}" if number < 0 else f"0x{number:x}"


def _argument(number: int) -> str:
    return f"({_hex(number)})" if number < 0 else _hex(number)


def _wrapped(text: str, indent: str = "", further: str | None = None) -> list[str]:
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_JOINED, " ") for line in lines]
