"""Faults of the bounds for sums in any order, of the enclosure, and of what compares with them."""

from __future__ import annotations

from bench.mutation.fault import Fault, SourceEdit

__all__ = ["FAULTS"]

_ESTIMATES = "pybridge/estimates.py"
_ANY_ORDER = "pybridge/anyorder.py"
_ACCUMULATION = "pybridge/accumulation.py"
_COMPARISON = "pybridge/comparison.py"
_CERTIFICATE = "pybridge/certificate.py"


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
        ("Fraction(1, 2**format.precision)", "Fraction(1, 2 ** (format.precision + 1))"),
    ),
    _edited(
        "unit-roundoff-wrong-format",
        "bfloat16's sums are bounded with binary64's unit roundoff.",
        _ACCUMULATION,
        (
            "roundoff, underflow = self._unit(self.accumulate, definitions)\n        last",
            'roundoff, underflow = self._unit("float64", definitions)\n        last',
        ),
    ),
    _edited(
        "last-rounding-forgotten",
        "The rounding of the finished sum to the result's format is not charged.",
        _ACCUMULATION,
        ("        return self._unit(self.output, definitions)\n", "        return _NONE\n"),
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
        (
            "parts = [product * inflation, first * inflation, second * inflation]",
            "parts = [product, first, second]",
        ),
    ),
    _edited(
        "estimate-residue-forgotten",
        "What underflows in the sums of magnitudes is not charged.",
        _ESTIMATES,
        ("    constant += sum(parts) * residue\n", ""),
    ),
    _edited(
        "estimate-first-eps-forgotten",
        "The error of the first operand is forgotten.",
        _ACCUMULATION,
        ("first = (relative, absolute + eps[0])", "first = (relative, absolute)"),
    ),
    _edited(
        "estimate-bias-eps-forgotten",
        "The bias's own error is forgotten.",
        _ESTIMATES,
        ("        constant += formula_value(estimates.first, exact_one)\n", "        pass\n"),
    ),
    _edited(
        "estimate-bias-not-a-term",
        "The bias does not count as a term.",
        _ANY_ORDER,
        (
            "        weights = _weights(\n            Same(self.definitions),\n"
            "            self.pieces,\n            self.added,",
            "        weights = _weights(\n            Same(self.definitions),\n"
            "            self.pieces,\n            (),",
        ),
    ),
    _edited(
        "enclosure-distance-forgotten",
        "The enclosure has only the bound of the recomputation, not the distance to it.",
        _ANY_ORDER,
        (
            "bound += np.multiply(distance, weight, out=distance)",
            "np.multiply(distance, weight, out=distance)",
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
        _ANY_ORDER,
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
            "return beyond | (~self.finite & ~self._overflows(allowance, promise))",
            "return beyond",
        ),
        tests=("test_testing",),
    ),
    _edited(
        "comparison-in-doubt-passes",
        "An entry passes where the enclosure leaves it open.",
        _COMPARISON,
        ("beyond[place] = error > Fraction(float(allowance[place]))", "beyond[place] = False"),
        tests=("test_testing",),
    ),
    _edited(
        "certificate-of-wrong-theorem",
        "A certificate of the input gradient names the kernel gradient's theorem.",
        _CERTIFICATE,
        (
            '("input", "enclosure"): "RuntimeApprox.conv2d_input_enclosure"',
            '("input", "enclosure"): "RuntimeApprox.conv2d_kernel_enclosure"',
        ),
        tests=("test_certificate",),
    ),
)
