"""Faults of the bounds for sums in any order, of the enclosure, and of what compares with them."""

from __future__ import annotations

from bench.mutation.fault import Fault, SourceEdit

__all__ = ["FAULTS"]

_ESTIMATES = "pybridge/engine/coefficients.py"
_ENCLOSURE = "pybridge/bounds/enclosure.py"
_ANY_ORDER = "pybridge/engine/estimator.py"
_ACCUMULATION = "pybridge/engine/accumulation.py"
_COMPARISON = "pybridge/bounds/judge.py"
_CLAIMS = "pybridge/bounds/claim.py"
_ROUNDING = "pybridge/problem/rounding.py"
_THEOREMS = "pybridge/bounds/theorems.py"


def _edited(
    name: str,
    imitates: str,
    file: str,
    *edits: tuple[str, str],
    quick: bool = False,
    tests: tuple[str, ...] = ("test_estimates", "test_anyorder"),
) -> Fault:
    planted = tuple(SourceEdit(file, old, new) for old, new in edits)
    return Fault(name, imitates, "estimates", planted, tests, quick)


FAULTS = (
    _edited(
        "unit-roundoff-of-next",
        "The unit roundoff is half of what it is.",
        _ESTIMATES,
        ("Fraction(2) ** errors.relative", "Fraction(2) ** (errors.relative - 1)"),
    ),
    _edited(
        "unit-roundoff-wrong-format",
        "bfloat16's sums are bounded with binary64's unit roundoff.",
        _ACCUMULATION,
        (
            "first = self._sum(self.accumulate, terms, depth, definitions, plain)",
            'first = self._sum("float64", terms, depth, definitions, plain)',
        ),
    ),
    _edited(
        "last-rounding-forgotten",
        "The rounding of the finished sum to the result's format is not charged.",
        _ACCUMULATION,
        (
            "        return operation(parameters_of(self.output, definitions), self.mode)\n",
            "        return EXACT\n",
        ),
    ),
    _edited(
        "estimate-rounded-to-nearest",
        "Coefficients are rounded to nearest, not up.",
        _ESTIMATES,
        (
            "return nearest if nearest >= exact else math.nextafter(nearest, math.inf)",
            "return nearest",
        ),
    ),
    _edited(
        "estimate-inflation-forgotten",
        "The sums of magnitudes are taken for exact.",
        _ESTIMATES,
        ('"sum.relative": part.computed.relative,', '"sum.relative": 0,'),
    ),
    _edited(
        "estimate-residue-forgotten",
        "What underflows in the sums of magnitudes is not charged.",
        _ESTIMATES,
        ('        residues += formula(definitions, "residue", values)\n', ""),
    ),
    _edited(
        "estimate-first-eps-forgotten",
        "The error of the first operand is forgotten.",
        _ANY_ORDER,
        (
            "*(Part(factor, computed) for factor in factors),",
            "Part(Fraction(0), computed),\n                Part(factors[1], computed),",
        ),
    ),
    _edited(
        "estimate-bias-eps-forgotten",
        "The bias's own error is forgotten.",
        _ANY_ORDER,
        (" + deviation * Fraction(assumed.addend)\n", "\n"),
    ),
    _edited(
        "estimate-bias-not-a-term",
        "The bias does not count as a term.",
        _ANY_ORDER,
        (
            "_weights(\n            Same(self.definitions),\n"
            "            self.pieces,\n            self.added,",
            "_weights(\n            Same(self.definitions),\n"
            "            self.pieces,\n            (),",
        ),
    ),
    _edited(
        "enclosure-distance-forgotten",
        "The enclosure has only the bound of the recomputation, not the distance to it.",
        _ANY_ORDER,
        (
            "return self._bound(_REFERENCE, distance)",
            "return self._bound(_REFERENCE, None)",
        ),
        quick=True,
    ),
    _edited(
        "enclosure-distance-signed",
        "The distance to the recomputation has a sign.",
        _ANY_ORDER,
        ("            np.abs(distance, out=distance)\n", ""),
    ),
    _edited(
        "enclosure-distance-in-format",
        "The distance is computed in the format of the array.",
        _ANY_ORDER,
        (
            "np.subtract(computed, distance, out=distance, dtype=np.float64)",
            "distance[...] = computed - distance.astype(computed.dtype)",
        ),
    ),
    _edited(
        "exact-distance-rounded",
        "The distance to the exact result is rounded to nearest in binary64.",
        _ENCLOSURE,
        (
            "round_up(abs(Fraction(value) - entry))",
            "abs(value - float(entry))",
        ),
    ),
    _edited(
        "comparison-nan-passes",
        "A result that is nan or infinite passes.",
        _COMPARISON,
        (
            "return failures | (~errors.finite & ~self._overflows(allowance, exact))",
            "return failures",
        ),
        tests=("test_testing",),
    ),
    _edited(
        "comparison-in-doubt-passes",
        "An entry passes where the enclosure leaves it open.",
        _COMPARISON,
        ("failures[index] = error > Fraction(float(allowance[index]))", "failures[index] = False"),
        tests=("test_testing",),
    ),
    _edited(
        "comparison-infinite-passes",
        "Whatever is near an infinite bound passes.",
        _COMPARISON,
        (
            "failures[index] = errors.finite[index] and error > allowed",
            "failures[index] = False",
        ),
        tests=("test_wrong_before",),
    ),
    _edited(
        "power-rounded-down",
        "Powers are rounded down when they are shortened.",
        _ESTIMATES,
        ("return math.ceil(value / unit) * unit", "return math.floor(value / unit) * unit"),
    ),
    _edited(
        "partial-sums-free",
        "The sum of split-k's partial sums is taken for exact.",
        _ACCUMULATION,
        ("return followed_by(definitions, first, second)", "return first"),
    ),
    _edited(
        "near-overflow-unscaled",
        "Magnitudes near overflow are not scaled, though their coefficients are.",
        _ANY_ORDER,
        (
            "wide = values if scale == 0 else np.ldexp(values, -scale)",
            "wide = values if scale < 2000 else np.ldexp(values, -scale)",
        ),
    ),
    _edited(
        "operand-rounding-not-counted",
        "A certificate does not count what the kernel's rounding changes the operands.",
        _CLAIMS,
        ("deviation = add_up(off, deviation)", "pass"),
    ),
    _edited(
        "flushed-operands-not-counted",
        "Operands that are flushed to zero are not counted.",
        _CLAIMS,
        ("deviation = add_up(deviation, self._flushed(key, value, promise))", "pass"),
        tests=("test_wrong_before",),
    ),
    _edited(
        "tf32-rounded-not-cut",
        "Operands that are cut are rounded to nearest.",
        _ROUNDING,
        (
            'np.rint(scaled) if direction == "nearest" else np.trunc(scaled)',
            "np.rint(scaled)",
        ),
        tests=("test_rounding",),
    ),
    _edited(
        "rounding-subnormal-too-fine",
        "Subnormal numbers are rounded as if they had all their bits.",
        _ROUNDING,
        (
            "format.precision - np.maximum(exponents, format.min_exponent + 1)",
            "format.precision - exponents",
        ),
        tests=("test_rounding",),
    ),
    _edited(
        "certificate-of-wrong-theorem",
        "A certificate of the input gradient names the kernel gradient's theorem.",
        _THEOREMS,
        ('"input": "conv2d_input_any_order",', '"input": "conv2d_kernel_any_order",'),
        tests=("test_proofs",),
    ),
)
