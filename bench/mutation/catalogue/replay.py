"""Faults of the fast replay."""

from __future__ import annotations

from bench.mutation.fault import Fault, SourceEdit

__all__ = ["FAULTS"]

_STEPS = "pybridge/engine/sequential.py"
_REPLAY = "pybridge/engine/replay.py"
_PIECES = "pybridge/engine/dense.py"


def _edited(
    name: str,
    imitates: str,
    file: str,
    *edits: tuple[str, str],
    quick: bool = False,
    tests: tuple[str, ...] = ("test_replay",),
) -> Fault:
    planted = tuple(SourceEdit(file, old, new) for old, new in edits)
    return Fault(name, imitates, "fast replay", planted, tests, quick)


FAULTS = (
    _edited(
        "replay-pairwise",
        "`numpy.sum`, which sums in pairs, takes the place of a sum in order.",
        _STEPS,
        ("value[...] = sums[..., -1]", "value[...] = terms.sum(axis=-1, dtype=terms.dtype)"),
        quick=True,
    ),
    _edited(
        "replay-product-unrounded",
        "Products in the 16-bit formats are not rounded before they are added.",
        _STEPS,
        (
            "            terms[..., 1:] = np.multiply(*lines)",
            "            terms = terms.astype(np.float32)\n"
            "            widened = [line.astype(np.float32) for line in lines]\n"
            "            terms[..., 1:] = np.multiply(*widened)",
        ),
    ),
    _edited(
        "replay-products-free",
        "The roundings of products are not charged.",
        _STEPS,
        (
            "            binades.append(product_binade(*wide, exact=self.dtype.itemsize < 8))",
            "            product_binade(*wide, exact=self.dtype.itemsize < 8)",
        ),
    ),
    _edited(
        "replay-bias-free",
        "The addition of the bias is not charged.",
        _STEPS,
        (
            "        binades += np.where(binade < steps.least, "
            "np.where(floored, steps.least, 0.0), binade)",
            "        del binade",
        ),
    ),
    _edited(
        "replay-padding-charged",
        "Terms that padding skips are charged.",
        _STEPS,
        (
            "np.where(inside.transpose(1, 2, 3, 0) != 0,",
            "np.where(inside.transpose(1, 2, 3, 0) != 2,",
        ),
    ),
    _edited(
        "replay-never-floored",
        "Sums of subnormal numbers are charged twice the underflow of each operation.",
        _STEPS,
        ("_SMALL = 200", "_SMALL = 0"),
    ),
    _edited(
        "replay-floor-mixed-up",
        "The constant of floored binades is taken for all.",
        _REPLAY,
        (
            "np.where(replayed.floored, weights.floored, weights.constant)",
            "weights.floored",
        ),
    ),
    _edited(
        "replay-coefficients-swapped",
        "The coefficients of Σ|x| and Σ|y| are exchanged.",
        _REPLAY,
        (
            "first, second = (eps[-1], eps[0])",
            "second, first = (eps[-1], eps[0])",
        ),
    ),
    _edited(
        "replay-eps-forgotten",
        "The error of one operand is forgotten.",
        _REPLAY,
        ("first, second = (eps[-1], eps[0])", "first, second = (Fraction(0), eps[0])"),
    ),
    _edited(
        "replay-addend-eps-forgotten",
        "The replay forgets the bias's own error.",
        _REPLAY,
        (
            'formula(held, "replayConstant", values) + added',
            'formula(held, "replayConstant", values)',
        ),
    ),
    _edited(
        "replay-inflation-forgotten",
        "The sums of binades are taken for exact.",
        _REPLAY,
        (
            "Part(unit.relative, tree(held, roundings, ErrorBound(binades.relative)))",
            "Part(unit.relative)",
        ),
    ),
    _edited(
        "replay-empty-entries",
        "An entry without a term has a bound.",
        _REPLAY,
        ("bound[np.broadcast_to(parts.counts == 0, bound.shape)] = 0", "pass"),
    ),
    _edited(
        "pieces-residue-lost",
        "Each residue of a strided index is read as if it were zero.",
        _PIECES,
        (
            "        offset += coefficient * progression.start\n",
            "        offset += 0 * coefficient\n",
        ),
    ),
    _edited(
        "pieces-padding-counted",
        "Terms that padding skips are counted.",
        _PIECES,
        (
            "inside = inside & (rest == 0) & (at >= 0) & (at < axis.extent)",
            "inside = inside & (rest == 0)",
        ),
        tests=("test_pieces",),
    ),
)
