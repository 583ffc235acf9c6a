"""Faults of the reference evaluator: what a port of the definitions to NumPy gets wrong."""

from __future__ import annotations

from bench.mutation.fault import Fault, SourceEdit

__all__ = ["FAULTS"]

_CONTRACTION = "pybridge/engine/reference.py"
_ACCESS = "pybridge/engine/indices.py"
_LAWS = "pybridge/engine/laws.py"
_FORMATS = "pybridge/problem/formats.py"
_UPWARD = "pybridge/engine/upward.py"
_GEOMETRY = "pybridge/problem/geometry.py"

_ORDER = "for reduction in product(*map(range, self.red_sizes)):"
_ADD = "total: FloatArray = np.add(a, b, dtype=self.dtype)"
_MUL = "product: FloatArray = np.multiply(a, b, dtype=self.dtype)"
_RULES = """

def _planted(exact: FloatArray, dtype: np.dtype[Any], rule: str) -> FloatArray:
    near = exact.astype(dtype)
    if dtype == np.float64:
        return near
    wide = near.astype(np.float64)
    up, down = (np.nextafter(near, np.array(end, dtype)) for end in (np.inf, -np.inf))
    other = np.where(exact > wide, up, down)
    if rule == "truncate":
        return np.where(np.abs(wide) > np.abs(exact), np.where(wide > 0, down, up), near)
    tie = np.abs(exact - other.astype(np.float64)) == np.abs(exact - wide)
    tie &= (exact != wide) & np.isfinite(wide)
    if rule == "away":
        tie &= np.abs(other.astype(np.float64)) > np.abs(wide)
    return np.where(tie, other, near)


def _probe("""


def _edited(
    name: str,
    imitates: str,
    file: str,
    *edits: tuple[str, str],
    quick: bool = False,
    tests: tuple[str, ...] = (),
) -> Fault:
    planted = tuple(SourceEdit(file, old, new) for old, new in edits)
    return Fault(name, imitates, "reference evaluator", planted, tests, quick)


def _rounding(name: str, imitates: str, rule: str, *, quick: bool = False) -> Fault:
    """Another rounding of sums and products than to nearest even, but in binary64."""
    return _edited(
        name,
        imitates,
        _FORMATS,
        ("\ndef _probe(", _RULES),
        (_ADD, f'total = _planted(np.add(a, b, dtype=np.float64), self.dtype, "{rule}")'),
        (_MUL, f'product = _planted(np.multiply(a, b, dtype=np.float64), self.dtype, "{rule}")'),
        quick=quick,
    )


FAULTS = (
    _edited(
        "range-ends-early",
        "The last index of an axis is never read: off by one.",
        _ACCESS,
        ("largest = divisor * (extent - 1) - base", "largest = divisor * (extent - 2) - base"),
        quick=True,
    ),
    _edited(
        "residue-sign",
        "The outputs that a strided index divides have the wrong residue.",
        _ACCESS,
        ("residue = (-base // common", "residue = (base // common"),
    ),
    _edited(
        "division-inexact",
        "A term is read though the stride does not divide its index.",
        _ACCESS,
        ("if base % axis.divisor or not 0 <=", "if not 0 <="),
        tests=("test_access", "test_contraction"),
    ),
    _edited(
        "order-reversed",
        "Terms are summed from the last to the first.",
        _CONTRACTION,
        (_ORDER, "for reduction in reversed(list(product(*map(range, self.red_sizes)))):"),
        quick=True,
    ),
    _edited(
        "loops-swapped",
        "The loops over height and width are exchanged.",
        _CONTRACTION,
        (
            _ORDER,
            "for reduction in sorted(\n            product(*map(range, self.red_sizes)),"
            " key=lambda r: (r[0], r[2], r[1])\n        ):",
        ),
    ),
    _edited(
        "order-channels-last",
        "The channel, or the image, is the innermost loop.",
        _CONTRACTION,
        (
            _ORDER,
            "for reduction in sorted(\n            product(*map(range, self.red_sizes)),"
            " key=lambda r: (r[1], r[2], r[0])\n        ):",
        ),
    ),
    _edited(
        "bias-first",
        "The bias is added before the products.",
        _CONTRACTION,
        (
            f"        {_ORDER}",
            "        for reader, side in zip(self.addends, self.added, strict=True):\n"
            "            region, (view,) = locate([reader], block, ())\n"
            "            self._accumulate(value[region], eps[region], *_read(side, view)[:2])\n"
            f"        {_ORDER}",
        ),
        (
            "        for reader, side in zip(self.addends, self.added, strict=True):\n"
            "            place = locate([reader], block, ())\n"
            "            if place is not None:\n"
            "                region, (view,) = place\n"
            "                self._accumulate("
            "value[region], eps[region], *_read(side, view)[:2])\n",
            "",
        ),
    ),
    _edited(
        "first-addition-free",
        "The addition to zero is not charged.",
        _CONTRACTION,
        (
            "        value[...] = self.evaluator.value(self.laws.add.value, scope).array",
            "        free = np.add(eps, self.evaluator.scaled(error))\n"
            "        total_eps = np.where(value == 0, free, total_eps)\n"
            "        value[...] = self.evaluator.value(self.laws.add.value, scope).array",
        ),
        quick=True,
    ),
    _edited(
        "term-error-lost",
        "The error of a product is not carried into the sum.",
        _CONTRACTION,
        ('"y.eps": error},', '"y.eps": Amount(0.0, True)},'),
    ),
    _edited(
        "padding-charged",
        "A term that padding skips is charged half an ulp of the sum.",
        _CONTRACTION,
        (
            "                region, views = place\n"
            "                self._accumulate(value[region], eps[region], *self._term(views))",
            "                region, views = place\n"
            "                self._accumulate(value[region], eps[region], *self._term(views))\n"
            "            outside = np.ones(block.sizes, np.bool_)\n"
            "            if place is not None:\n"
            "                outside[region] = False\n"
            "            half = np.spacing(np.abs(value.astype(np.float32))) / 2\n"
            "            eps[outside] += scale_up(half.astype(np.float64), self.scale)[outside]",
        ),
    ),
    _edited(
        "scale-forgotten",
        "Half the least binary64 number is held in binary64 without scaling.",
        _CONTRACTION,
        ("_SCALE = 128", "_SCALE = 0"),
    ),
    _edited(
        "fused-multiply-add",
        "Product and sum are rounded at once (but in binary64).",
        _CONTRACTION,
        (
            "        return value, eps\n\n    def _accumulate",
            "        if len(views) == 2 and value.array.itemsize < 8:\n"
            "            first, second = (_read(s, v)[0] for s, v in zip(self.sides, views))\n"
            "            return Values(np.multiply(first.wide, second.wide)), eps\n"
            "        return value, eps\n\n    def _accumulate",
        ),
        (
            "        value[...] = self.evaluator.value(self.laws.add.value, scope).array",
            "        value[...] = np.add(value, term.array).astype(value.dtype)",
        ),
    ),
    _edited(
        "accumulated-in-binary64",
        "Sums are kept in binary64 and rounded to the format at the end.",
        _CONTRACTION,
        (
            "        value = np.empty(block.sizes, self.format.dtype)",
            "        value = np.empty(block.sizes, np.float64)",
        ),
        (
            "        value[...] = self.evaluator.value(self.laws.add.value, scope).array",
            "        value[...] = np.add(value, term.wide)",
        ),
    ),
    _rounding("ties-to-odd", "Ties are rounded to the odd neighbour.", "odd", quick=True),
    _rounding("ties-away", "Ties are rounded away from zero.", "away"),
    _rounding("truncation", "Sums and products are rounded toward zero.", "truncate"),
    _edited(
        "double-rounding",
        "bfloat16's results are rounded to TF32's 11 bits first.",
        _FORMATS,
        (
            "        return total",
            "        if self.precision == 8:\n"
            "            wide = np.add(a, b, dtype=np.float32)\n"
            "            bits = wide.view(np.uint32)\n"
            "            bits = (bits + 0x0FFF + ((bits >> 13) & 1)) & np.uint32(0xFFFFE000)\n"
            "            total = bits.astype(np.uint32).view(np.float32).astype(self.dtype)\n"
            "        return total",
        ),
    ),
    _edited(
        "subnormal-values-flushed",
        "Results below the least normal number are zero.",
        _FORMATS,
        (
            "        return product",
            "        tiny = np.abs(product.astype(np.float64)) < 2.0**self.min_exponent\n"
            "        return np.where(tiny, np.zeros((), self.dtype), product)",
        ),
    ),
    _edited(
        "half-ulp-of-subnormals",
        "Half an ulp follows the binade below the least normal number, too.",
        _UPWARD,
        ("np.maximum(binade, 2.0**min_exponent)", "np.maximum(binade, 0.0)"),
    ),
    _edited(
        "half-ulp-of-old-sum",
        "Half an ulp is that of the sum before the term is added.",
        _LAWS,
        (
            "return self._half_ulp(sum_binade(*self._wide(left, right, scope)))",
            "old, term = self._wide(left, right, scope)\n"
            "                return self._half_ulp(sum_binade(old + 0 * term, 0 * term))",
        ),
    ),
    _edited(
        "half-ulp-of-rounded-sum",
        "Half an ulp is that of the rounded sum, which may be a power of two more.",
        _UPWARD,
        (
            "at[np.abs(rounded) - np.maximum(x, y) > np.minimum(x, y)]",
            "at[:0]",
        ),
    ),
    _edited(
        "half-ulp-of-rounded-product",
        "Half an ulp is that of the rounded product, which may be a power of two more.",
        _UPWARD,
        (
            "        powers.flat[at[significand_error(x, y) < 0]] *= 0.5\n",
            "",
        ),
        tests=("test_upward",),
    ),
    _edited(
        "half-ulp-is-a-quarter",
        "Half an ulp is taken with one bit more of precision.",
        _UPWARD,
        ("half *= 2.0 ** (scale - precision)", "half *= 2.0 ** (scale - precision - 1)"),
    ),
    _edited(
        "magnitude-with-sign",
        "An operand's error is multiplied with the other's signed value.",
        _LAWS,
        ("np.abs(self.value(operand, scope).wide)", "self.value(operand, scope).wide"),
    ),
    _edited(
        "bound-sum-to-nearest",
        "Sums of errors are rounded to nearest.",
        _UPWARD,
        (
            "    return _next_up(total, np.subtract(total, np.maximum(a, b)) < np.minimum(a, b))",
            "    return total",
        ),
    ),
    _edited(
        "bound-sum-inward",
        "Sums of errors are rounded toward zero.",
        _UPWARD,
        (
            "    return _next_up(total, np.subtract(total, np.maximum(a, b)) < np.minimum(a, b))",
            "    return np.nextafter(total, 0.0)",
        ),
        quick=True,
    ),
    _edited(
        "bound-product-to-nearest",
        "Products of errors are rounded to nearest.",
        _UPWARD,
        (
            "    return _next_up(product, above & nonzero & (product < np.inf))",
            "    return product",
        ),
    ),
    _edited(
        "bound-in-binary32",
        "Errors are summed in binary32.",
        _CONTRACTION,
        ("        eps[...] = total_eps", "        eps[...] = np.float32(total_eps)"),
    ),
    _edited(
        "overflow-unmarked",
        "Values that overflow are not marked.",
        _CONTRACTION,
        ("overflow = ~np.isfinite(value)", "overflow = np.isnan(value)"),
    ),
    _edited(
        "padding-swapped",
        "Padding at the top and at the bottom are exchanged.",
        _GEOMETRY,
        ('"padTop": height.pad_begin', '"padTop": height.pad_end'),
        ('"padBottom": height.pad_end', '"padBottom": height.pad_begin'),
    ),
    _edited(
        "stride-dilation-swapped",
        "Stride and dilation are exchanged.",
        _GEOMETRY,
        ('"strideW": width.stride', '"strideW": width.dilation'),
        ('"dilationW": width.dilation', '"dilationW": width.stride'),
    ),
    _edited(
        "axes-swapped",
        "The strides of height and width are exchanged.",
        _GEOMETRY,
        ('"strideH": height.stride', '"strideH": width.stride'),
        ('"strideW": width.stride', '"strideW": height.stride'),
    ),
    _edited(
        "channels-in-all",
        "Input channels are counted in all, not per group.",
        _GEOMETRY,
        ('"inChannels": self.in_channels', '"inChannels": self.groups * self.in_channels'),
    ),
)
