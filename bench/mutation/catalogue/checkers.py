"""Faults of the checks themselves: what looks like a test, and does not test."""

from __future__ import annotations

from bench.mutation.fault import Fault, SourceEdit

__all__ = ["FAULTS"]

_VERIFY = "pybridge/check/compare.py"
_EXACT = "pybridge/truth/conv2d.py"
_PROTOCOL = "pybridge/lean/protocol.py"
_CHECK = "pybridge/cli/check.py"
_REPORT = "pybridge/check/report.py"
_DEFINITIONS = "pybridge/exported/document.py"
_RECORDED = "pybridge/lean/recorded.py"


def _edited(
    name: str,
    imitates: str,
    file: str,
    *edits: tuple[str, str],
    quick: bool = False,
    tests: tuple[str, ...] = ("test_check",),
) -> Fault:
    planted = tuple(SourceEdit(file, old, new) for old, new in edits)
    return Fault(name, imitates, "checker", planted, tests, quick)


def _silent(name: str, imitates: str, old: str) -> Fault:
    """A case that is not checked passes."""
    edits = (
        SourceEdit(_VERIFY, old, 'return shown.model_copy(update={"problem": None})'),
        SourceEdit(
            _REPORT,
            "self.problem is None and bool(results) and all(",
            "self.problem is None and all(",
        ),
    )
    return Fault(name, imitates, "checker", edits, ("test_check",))


FAULTS = (
    _edited(
        "check-compares-with-itself",
        "NumPy's values are compared with NumPy's values.",
        _VERIFY,
        ("if not _same(values[i], lean.value[i])", "if not _same(values[i], Fraction(values[i]))"),
        quick=True,
    ),
    _edited(
        "check-with-tolerance",
        "Values may differ by a millionth.",
        _VERIFY,
        (
            "if not _same(values[i], lean.value[i])",
            "if abs(values[i] - float(lean.value[i] or 0)) > 1e-6 * abs(values[i])",
        ),
    ),
    _edited(
        "check-first-entry-only",
        "Only the first entry of each result is compared.",
        _VERIFY,
        (
            "sound = [i for i in range(len(values)) if not (overflow[i] or lean_overflow[i])]",
            "sound = [i for i in range(1) if not (overflow[i] or lean_overflow[i])]",
        ),
    ),
    _edited(
        "check-bound-one-sided",
        "Whether a bound is below Lean's is not looked at.",
        _VERIFY,
        (
            'if not bounds[i] >= lean.bound[i]],\n        "bound above outward',
            'if bounds[i] < 0],\n        "bound above outward',
        ),
    ),
    _edited(
        "check-bound-not-tight",
        "Whether a bound is far above Lean's is not looked at.",
        _VERIFY,
        ("EXCESS = Fraction(1, 10**12)", "EXCESS = Fraction(10**12)"),
    ),
    _edited(
        "check-overflow-ignored",
        "An overflow on one side only is not compared.",
        _VERIFY,
        ("if overflow[i] != lean_overflow[i]", "if overflow[i] is None"),
    ),
    _edited(
        "check-exact-ignored",
        "Lean's exact values are not compared with python-flint's.",
        _VERIFY,
        ("if entry != lean.exact[i]", "if entry is None"),
    ),
    _silent(
        "check-refusal-swallowed",
        "A case that Lean refuses is not checked, and passes.",
        'return shown.with_problem(f"Lean refused this case: {lean.refused}")',
    ),
    _silent(
        "check-missing-swallowed",
        "A case that Lean does not answer is not checked, and passes.",
        'return shown.with_problem("Lean gave no result for this case")',
    ),
    _edited(
        "check-eps-unmoved",
        "Operands are not moved by their eps.",
        _VERIFY,
        (
            'if not any(getattr(case, f"eps_{name}") for name in _OPERANDS):',
            "if True:",
        ),
    ),
    _edited(
        "check-any-case-passes",
        "A check passes where one case does.",
        _REPORT,
        ("all(case.passed for case in self.cases)", "any(case.passed for case in self.cases)"),
    ),
    _edited(
        "check-exit-status",
        "The command ends with status 0 whatever it found.",
        _CHECK,
        ("status = 0 if result.passed else 1", "status = 0"),
    ),
    _edited(
        "protocol-unreduced",
        "Numbers that are not in lowest terms are read.",
        _PROTOCOL,
        ("    if format_number(number) != word:", "    if number != parse_number(word):"),
        tests=("test_lean_protocol",),
    ),
    _edited(
        "protocol-negative-bound",
        "Negative bounds are read.",
        _PROTOCOL,
        (
            "if any(entry < 0 for entry in result.bound):",
            "if any(entry is None for entry in result.bound):",
        ),
        tests=("test_lean_protocol",),
    ),
    _edited(
        "protocol-cut-off-accepted",
        "A last line without its end is read.",
        _PROTOCOL,
        ('    if not text.endswith("\\n"):', "    if not text:"),
        tests=("test_lean_protocol",),
    ),
    _edited(
        "protocol-other-names",
        "A result is not compared with the cases that were asked for.",
        _PROTOCOL,
        (
            "if names is not None and list(blocks) != list(names):",
            "if names is not None and len(blocks) != len(names):",
        ),
        tests=("test_lean_protocol",),
    ),
    _edited(
        "digest-unchecked",
        "The digest of the definitions is not compared.",
        _DEFINITIONS,
        ('    if found != document["sha256"]:', '    if not document["sha256"]:'),
        tests=("test_definitions",),
    ),
    _edited(
        "recording-never-stale",
        "Recorded evaluations are not compared with the Lean sources.",
        _RECORDED,
        ("    if differing:\n", "    if differing and not where:\n"),
        tests=("test_lean_recorded",),
    ),
    _edited(
        "exact-without-dilation",
        "The exact reference ignores dilation.",
        _EXACT,
        ("            left = j * width.dilation", "            left = j"),
    ),
    _edited(
        "exact-padding-begin",
        "The exact reference pads at the other end.",
        _EXACT,
        (
            "top, left = geometry.height.pad_begin, geometry.width.pad_begin",
            "top, left = geometry.height.pad_end, geometry.width.pad_begin",
        ),
    ),
    _edited(
        "exact-in-binary64",
        "The exact reference multiplies in binary64.",
        _EXACT,
        (
            "product = np.asarray(self.numerators * other.numerators, dtype=object)",
            "product = np.asarray(self.numerators * other.numerators, dtype=float).astype(object)",
        ),
        tests=("test_exact", "test_entries"),
    ),
)
