"""The Lean text of a certificate."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pybridge.check.certify.entries import CertifiedEntries
from pybridge.errors import InputError
from pybridge.lean.interface import VERSION
from pybridge.problem.case import Case
from pybridge.problem.geometry import Window

__all__ = ["MODULE", "OPERAND_ENTRIES", "TERMS", "certificate_source", "module_name"]

MODULE = "RuntimeApprox.Certificate.Theorems"
"""What a certificate imports."""

TERMS = 640
"""How many terms the kernel sums in one theorem, so that what it keeps fits into memory."""

OPERAND_ENTRIES = 20_000
"""How many numbers the operands of a certificate may have together: Lean reads each as a term."""

_WIDTH = 100
_JOINED = "\N{NO-BREAK SPACE}"
_OPERANDS = {
    "x": ("x", "inputShape", "the input, NCHW"),
    "weight": ("weight", "kernelShape", "the kernel, OIHW"),
    "bias": ("bias", "biasShape", "the bias"),
    "grad_output": ("gradOutput", "outputShape", "the gradient with respect to the output, NCHW"),
}
# the Lean function, its operands, and the suffix of the theorems that apply to it
_RESULTS = {
    "output": ("conv2d", ("x", "weight", "bias"), "forward", "the forward pass"),
    "bias": ("conv2dBiasDeriv", ("grad_output",), "bias", "the bias gradient"),
    "weight": ("conv2dKernelDeriv", ("x", "grad_output"), "kernel", "the kernel gradient"),
    "input": ("conv2dInputDeriv", ("weight", "grad_output"), "input", "the input gradient"),
}


def module_name(label: str) -> str:
    """A label as the name of a Lean module: `binary32-basic` is `Binary32Basic`."""
    words = re.findall("[A-Za-z0-9]+", label)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Case{name}"


def certificate_source(case: Case, entries: Mapping[str, CertifiedEntries]) -> str:
    """The Lean file that states and proves what holds of a case; `entries` are by result.

    Raises `InputError` where the operands have more than `OPERAND_ENTRIES` numbers.
    """
    used = [
        name
        for name in _OPERANDS
        if any(
            name in _RESULTS[which][1] and certified.indices for which, certified in entries.items()
        )
    ]
    count = sum(getattr(case, name).size for name in used)
    if count > OPERAND_ENTRIES:
        raise InputError(
            f"{case.label}: the operands have {count} numbers, and Lean reads each as a term: "
            f"expected at most {OPERAND_ENTRIES}"
        )
    blocks = [_header(case, entries), _geometry(case)]
    blocks += [_operand(case, name) for name in used]
    for certified in entries.values():
        parts = list(_parts(certified))
        for number, part in enumerate(parts, 1):
            blocks += _result(case, part, f"_{number}" if len(parts) > 1 else "")
    namespace = f"RuntimeApprox.Certificates.{module_name(case.label)}"
    return "\n\n".join([*blocks, f"end {namespace}\n"])


def _header(case: Case, entries: Mapping[str, CertifiedEntries]) -> str:
    shown = [
        f"* {_RESULTS[name][3]}: {len(certified.indices)} of {certified.entries} entries"
        + (
            f", {certified.overflowed} without a bound because of overflow"
            if certified.overflowed
            else ""
        )
        for name, certified in entries.items()
    ]
    eps = ", ".join(_group(f"{name} {getattr(case, f'eps_{name}').hex()}") for name in _OPERANDS)
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
                f"Case {case.name}, in {case.format}. A number n / 2^k is written {pair}. The "
                f"exact operands may be anywhere within eps of the given ones: {eps}."
            ),
            "",
            *shown,
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


def _prefix(certified: CertifiedEntries) -> str:
    """What the names of a result's theorems begin with."""
    return "forward" if certified.which == "output" else str(certified.which)


def _theorems(certified: CertifiedEntries) -> str:
    """The names of a result's theorems, in a line."""
    count = len(list(_parts(certified)))
    first = "_1" if count > 1 else ""
    kinds = ("certified", "within", "computed")
    which = _prefix(certified)
    line = "* " + ", ".join(f"`{which}_{kind}{first}`" for kind in kinds)
    return f"{line}, and so on to `_{count}`" if count > 1 else line


def _geometry(case: Case) -> str:
    g = case.geometry
    return "\n".join(
        [
            "/-- The geometry. -/",
            "def geometry : Conv2d where",
            f"  batch := {g.batch}",
            f"  groups := {g.groups}",
            f"  inChannels := {g.in_channels}",
            f"  outChannels := {g.out_channels}",
            f"  height := {_window(g.height)}",
            f"  width := {_window(g.width)}",
        ]
    )


def _window(w: Window) -> str:
    numbers = (w.size, w.kernel, w.stride, w.pad_begin, w.pad_end, w.dilation)
    return f"⟨{', '.join(map(str, numbers))}, {', '.join(['by decide'] * 4)}⟩"


def _operand(case: Case, name: str) -> str:
    lean, shape, words = _OPERANDS[name]
    array = getattr(case, name)
    scale = max(_dyadic(value)[1] for value in array.ravel().tolist())
    eps_num, eps_scale = _dyadic(getattr(case, f"eps_{name}"))
    entry = f"{lean}Entry"
    return "\n".join(
        [
            f"/-- n / 2^{scale}, a number of {words}, with its eps. -/",
            f"def {entry} (n : Int) : Ball :=",
            f"  ⟨⟨n, {scale}⟩, ⟨{_hex(eps_num)}, {eps_scale}⟩, true⟩",
            "",
            f"/-- {words[0].upper()}{words[1:]}. -/",
            f"def {lean} : Tensor Ball geometry.{shape} :=",
            *_literal(array, scale, entry),
        ]
    )


def _literal(array: npt.NDArray[np.generic], scale: int, entry: str) -> list[str]:
    """The lines of a nested vector, `#v[#v[…], …]`."""

    def nested(part: npt.NDArray[np.generic]) -> str:
        if part.ndim == 0:
            num, k = _dyadic(float(part.astype(np.float64)))
            return f"{entry}{_JOINED}{_argument(num << (scale - k))}"
        return f"#v[{', '.join(nested(row) for row in part)}]"

    return _wrapped(nested(array), "  ")


def _parts(certified: CertifiedEntries) -> Iterator[CertifiedEntries]:
    """CertifiedEntries of at most `TERMS` terms together, or of a single entry."""
    step = max(1, TERMS // certified.terms)
    for start in range(0, len(certified.indices), step):
        part = slice(start, start + step)
        yield replace(
            certified,
            indices=certified.indices[part],
            values=certified.values[part],
            bounds=certified.bounds[part],
        )


def _result(case: Case, certified: CertifiedEntries, number: str) -> list[str]:
    function, operands, suffix, words = _RESULTS[certified.which]
    names = [_OPERANDS[name][0] for name in operands]
    which = _prefix(certified)
    claimed = f"{which}Claims{number}"
    given = " ".join(_group(f"({name}.map Ball.checked)") for name in names)
    variables = " ".join(
        _group(f"{{{name}' : Tensor Rat geometry.{_OPERANDS[operand][1]}}}")
        for name, operand in zip(names, operands, strict=True)
    )
    hypotheses = " ".join(_group(f"(h{name} : {name}'.Rel Ball.Encloses {name})") for name in names)
    exact = " ".join(f"{name}'" for name in names)
    ieee = _group(f"(ieee .{case.format})")
    values = " ".join(_group(f"({name}.map Ball.ieee)") for name in names)
    rows = zip(certified.indices, certified.values, certified.bounds, strict=True)
    listed = ",\n".join(
        f"  ⟨{list(place)}, {_number(value)}, {_number(bound)}⟩" for place, value, bound in rows
    )
    applied = f"({function} {_group(f'(checked .{case.format})')} geometry {given})"
    return [
        f"/-- Of {words}: entry, rounded value, bound. -/\n"
        f"def {claimed} : List Claim := [\n{listed}]",
        _lines(
            *_wrapped(
                f"/-- What {case.format} gives for {words}, in the stated order, and its error "
                "bounds. -/"
            ),
            f"theorem {which}_certified{number} : Certified",
            *_wrapped(applied, "    ", "      "),
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
            f"    ∀ c ∈ {claimed}, c.Within ({function} exact geometry {exact}) :=",
            f"  {which}_certified{number}.within_{suffix} {' '.join(f'h{name}' for name in names)}",
        ),
        _lines(
            *_wrapped(f"/-- IEEE 754 arithmetic in {case.format} gives the values of {words}. -/"),
            f"theorem {which}_computed{number} :",
            f"    ∀ c ∈ {claimed}, c.Computed",
            *_wrapped(f"({function} {ieee} geometry {values}) :=", "      ", "        "),
            f"  {which}_certified{number}.computed_{suffix}",
        ),
    ]


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _group(text: str) -> str:
    """A text that is not broken into lines."""
    return text.replace(" ", _JOINED)


def _number(value: float) -> str:
    num, scale = _dyadic(value)
    return f"⟨{_hex(num)}, {scale}⟩"


def _dyadic(value: float) -> tuple[int, int]:
    """num and scale with value = num / 2^scale."""
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
