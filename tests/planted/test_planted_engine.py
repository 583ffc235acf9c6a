"""Functions of the engine that compute something else: the check notices every one.

A fault is a function in place of a named one: another rounding, a coefficient less, an index read
elsewhere. What only a direct test can show (an entry without a term, a verdict in doubt) is in the
tests of the rooms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from planting import Checks, Plant

from pybridge.bounds import true_errors
from pybridge.bounds.true_errors import TrueErrors
from pybridge.engine import (
    accumulation,
    coefficients,
    estimator,
    indices,
    laws,
    reference,
    replay,
    sequential,
    upward,
)
from pybridge.engine.dense import Split
from pybridge.engine.indices import Progression
from pybridge.engine.reference import Evaluation
from pybridge.problem.case import Case
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.truth import exact as truth

VALUE, BELOW, ABOVE = "value unlike Lean's", "bound below Lean's", "bound above outward rounding"
REPLAY_BELOW, REPLAY_ABOVE = "replay: bound below Lean's", "replay: bound above 1.05 times Lean's"
ANY_ORDER = "any-order: true error beyond the bound"
ENCLOSED = "enclosure: true error beyond the bound"
EXACT = "Lean's exact value unlike python-flint's"

Array = npt.NDArray[Any]
Fault = tuple[Callable[[Plant], None], str, str]


def rounded(exact: Array, dtype: np.dtype[Any], rule: str) -> FloatArray:
    """Round float64 numbers to a narrower dtype: toward zero, or ties to odd or away."""
    near = exact.astype(dtype)
    wide = near.astype(np.float64)
    up, down = (np.nextafter(near, np.array(end, dtype)) for end in (np.inf, -np.inf))
    if rule == "toward-zero":
        inward = np.where(wide > 0, down, up)
        return np.asarray(np.where(np.abs(wide) > np.abs(exact), inward, near))
    other = np.where(exact > wide, up, down)
    tie = np.abs(exact - other.astype(np.float64)) == np.abs(exact - wide)
    tie &= (exact != wide) & np.isfinite(wide)
    if rule == "ties-away":
        tie &= np.abs(other.astype(np.float64)) > np.abs(wide)
    return np.asarray(np.where(tie, other, near))


def rounding(rule: str) -> Callable[[Plant], None]:
    def fault(plant: Plant) -> None:
        def add(self: FloatFormat, a: Array, b: Array) -> FloatArray:
            return rounded(np.add(a, b, dtype=np.float64), self.dtype, rule)

        def mul(self: FloatFormat, a: Array, b: Array) -> FloatArray:
            return rounded(np.multiply(a, b, dtype=np.float64), self.dtype, rule)

        plant.method(FloatFormat, "add", add)
        plant.method(FloatFormat, "mul", mul)

    return fault


def fused(plant: Plant) -> None:
    def add(self: FloatFormat, a: Array, b: Array) -> FloatArray:
        return np.asarray(np.add(a, b, dtype=np.float64).astype(self.dtype))

    def mul(self: FloatFormat, a: Array, b: Array) -> FloatArray:
        return np.asarray(np.multiply(a, b, dtype=np.float64))

    plant.method(FloatFormat, "add", add)
    plant.method(FloatFormat, "mul", mul)


def twice_rounded(plant: Plant) -> None:
    """Round bfloat16's sums to TF32 first."""

    def add(self: FloatFormat, a: Array, b: Array) -> FloatArray:
        bits = np.asarray(np.add(a, b, dtype=np.float32)).view(np.uint32)
        bits = (bits + 0x0FFF + ((bits >> 13) & 1)) & np.uint32(0xFFFFE000)
        return np.asarray(bits.astype(np.uint32).view(np.float32).astype(self.dtype))

    plant.method(FloatFormat, "add", add)


def flushed(plant: Plant) -> None:
    original = FloatFormat.mul

    def mul(self: FloatFormat, a: Array, b: Array) -> FloatArray:
        product = original(self, a, b)
        tiny = np.abs(product.astype(np.float64)) < 2.0**self.min_exponent
        return np.asarray(np.where(tiny, np.zeros((), self.dtype), product))

    plant.method(FloatFormat, "mul", mul)


def solved(change: Callable[[Progression], Progression]) -> Callable[[Plant], None]:
    original = indices.solve
    return lambda plant: plant.function(original, lambda *args: change(original(*args)))


def last_dropped(progression: Progression) -> Progression:
    return progression._replace(length=max(progression.length - 1, 0))


def next_residue(progression: Progression) -> Progression:
    """Return the next numbers, which a stride greater than one does not divide."""
    if progression.step == 1 or not progression.length:
        return progression
    return progression._replace(start=progression.start + 1, length=progression.length - 1)


def parameters(change: Callable[[dict[str, int]], dict[str, int]]) -> Callable[[Plant], None]:
    """Change the numbers of a geometry, but not those that Lean is asked about."""
    original, body = Geometry.parameters, Case._body

    def changed(self: Geometry) -> dict[str, int]:
        numbers = dict(original(self))
        return {**numbers, **change(numbers)}

    def asked(self: Case) -> str:
        with pytest.MonkeyPatch.context() as unchanged:
            unchanged.setattr(Geometry, "parameters", original)
            return body(self)

    def plant_it(plant: Plant) -> None:
        plant.method(Geometry, "parameters", changed)
        plant.method(Case, "_body", asked)

    return plant_it


def exchanged(*names: str) -> Callable[[Plant], None]:
    """Exchange the parameters of each pair."""
    pairs = dict(zip(names[::2], names[1::2], strict=True))
    pairs |= {b: a for a, b in pairs.items()}
    return parameters(lambda numbers: {a: numbers[b] for a, b in pairs.items()})


def by(
    replaced: Callable[..., Any], new: Callable[..., Any], only: Any = None
) -> Callable[[Plant], None]:
    return lambda plant: plant.function(replaced, new, only)


def changed(
    function: Callable[..., Any], change: Callable[[Any], Any], only: Any = None
) -> Callable[[Plant], None]:
    """Change the function's result."""
    return by(function, lambda *args, **kwargs: change(function(*args, **kwargs)), only)


def replayed(**change: Callable[[Any], Any]) -> Callable[[Plant], None]:
    """Change fields of the replay's result."""
    return changed(
        sequential.replay,
        lambda result: replace(result, **{k: f(getattr(result, k)) for k, f in change.items()}),
    )


def weighed(module: Any, change: Callable[..., tuple[Any, Fraction]]) -> Callable[[Plant], None]:
    """Change the coefficients of a bound before they are rounded up."""
    original = coefficients.weigh

    def weigh(definitions: Any, parts: Any, constant: Fraction) -> coefficients.Weights:
        return original(definitions, *change(list(parts), constant))

    return by(original, weigh, module)


def without(position: int) -> Callable[..., tuple[Any, Fraction]]:
    def change(parts: list[coefficients.Part], constant: Fraction) -> tuple[Any, Fraction]:
        parts[position] = replace(parts[position], coefficient=Fraction(0))
        return parts, constant

    return change


def crossed(parts: list[coefficients.Part], constant: Fraction) -> tuple[Any, Fraction]:
    parts[1], parts[2] = parts[2], parts[1]
    return parts, constant


def taken_for_exact(parts: list[coefficients.Part], constant: Fraction) -> tuple[Any, Fraction]:
    return [replace(part, computed=coefficients.EXACT) for part in parts], constant


def signed_magnitudes(plant: Plant) -> None:
    original = laws.LawEvaluator.amount

    def amount(self: laws.LawEvaluator, node: Any, scope: Any) -> laws.Amount:
        if node.op == "abs":
            return laws.Amount(self.value(node.args[0], scope).wide, False)
        return original(self, node, scope)

    plant.method(laws.LawEvaluator, "amount", amount)


def overflow_unmarked(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, overflow=np.isnan(evaluation.value))


def rounded_binade(a: Array, b: Array) -> Array:
    """Return the binade of the rounded sum, which may be a power of two above the exact one."""
    return np.asarray(upward.sum_binade(np.add(a, b), np.zeros(())))


def half_ulp_of(
    *, precision: int = 0, least: int | None = None, factor: float = 1.0
) -> Callable[[Plant], None]:
    original = upward.half_ulp

    def half_ulp(binade: Array, bits: int, min_exponent: int, scale: int) -> Array:
        exponent = min_exponent if least is None else least
        return np.asarray(original(binade, bits + precision, exponent, scale) * factor)

    return by(original, half_ulp)


def distance_forgotten(plant: Plant) -> None:
    def enclosure(self: estimator.Estimator, computed: Array) -> Array:
        return self.any_order(accumulation.Accumulation(accumulate="float64"))

    plant.method(estimator.Estimator, "enclosure", enclosure)


def distance_in_format(plant: Plant) -> None:
    original = estimator.Estimator.enclosure

    def enclosure(self: estimator.Estimator, computed: Array) -> Array:
        recomputed = self.value(np.float64)
        far = np.abs(computed - recomputed.astype(computed.dtype))
        return np.asarray(original(self, recomputed) + far)

    plant.method(estimator.Estimator, "enclosure", enclosure)


def slices_halved(plant: Plant) -> None:
    original = TrueErrors.by_slices

    def by_slices(*args: Any) -> TrueErrors | None:
        errors = original(*args)
        if errors is not None:
            errors.upper = errors.upper / 2
        return errors

    plant.method(TrueErrors, "by_slices", staticmethod(by_slices))


def exact_distance_to_nearest(plant: Plant) -> None:
    plant.method(TrueErrors, "by_slices", staticmethod(lambda *_: None))
    plant.function(coefficients.round_up, float, true_errors)


def sums_in_float64(plant: Plant) -> None:
    original = accumulation.Accumulation.sum_error

    def sum_error(self: accumulation.Accumulation, *args: Any, **kwargs: Any) -> Any:
        return original(self.model_copy(update={"accumulate": "float64"}), *args, **kwargs)

    plant.method(accumulation.Accumulation, "sum_error", sum_error)


def padding_counted(plant: Plant) -> None:
    original = Split.counts.func  # type: ignore[attr-defined]
    plant.method(Split, "counts", property(lambda self: np.full_like(c := original(self), c.max())))


def truth_of(change: Callable[[Geometry], Geometry]) -> Callable[[Plant], None]:
    original = truth.exact_results
    return by(
        original, lambda geometry, *args, **kwargs: original(change(geometry), *args, **kwargs)
    )


def padded_at_the_other_end(geometry: Geometry) -> Geometry:
    height = geometry.height
    other = height.model_copy(update={"pad_begin": height.pad_end, "pad_end": height.pad_begin})
    return geometry.moving(other, geometry.width)


REFERENCE: dict[str, Fault] = {
    "the last index is not read": (solved(last_dropped), "binary32-basic", VALUE),
    "a strided index has another residue": (solved(next_residue), "binary32-stride-unread", VALUE),
    "ties to odd": (rounding("ties-to-odd"), "binary32-basic", VALUE),
    "ties away from zero": (rounding("ties-away"), "binary32-basic", VALUE),
    "rounded toward zero": (rounding("toward-zero"), "binary32-basic", VALUE),
    "rounded twice": (twice_rounded, "bfloat16-basic", VALUE),
    "products not rounded": (fused, "binary32-basic", VALUE),
    "subnormal results flushed": (flushed, "binary32-tiny", VALUE),
    "padding exchanged": (
        exchanged("padTop", "padBottom"),
        "binary32-asymmetric-padding",
        "Lean has the sizes",
    ),
    "stride and dilation exchanged": (
        exchanged("strideW", "dilationW"),
        "binary32-asymmetric-padding",
        "Lean has the sizes",
    ),
    "strides of the axes exchanged": (
        exchanged("strideH", "strideW"),
        "binary32-dilation-stride",
        "Lean has the sizes",
    ),
    "channels not counted per group": (
        parameters(lambda n: {"inChannels": n["groups"] * n["inChannels"]}),
        "binary16-groups-eps",
        "Lean has the sizes",
    ),
    "overflow not marked": (
        changed(reference.evaluate, overflow_unmarked),
        "binary32-overflow",
        "overflow only on one side",
    ),
    "half an ulp of subnormals too small": (half_ulp_of(least=-1022), "binary32-zeros", BELOW),
    "half an ulp is a quarter": (half_ulp_of(precision=1), "binary32-basic", BELOW),
    "half an ulp is an ulp": (half_ulp_of(factor=2.0), "binary32-basic", ABOVE),
    "half an ulp of the sum before": (
        by(upward.sum_binade, lambda a, b: upward.sum_binade(a + 0 * b, 0 * b), laws),
        "binary32-basic",
        BELOW,
    ),
    "half an ulp of the rounded sum": (
        by(upward.sum_binade, rounded_binade, laws),
        "binary64-ties",
        ABOVE,
    ),
    "eps times a signed value": (signed_magnitudes, "binary32-basic-eps", BELOW),
    "eps not carried": (by(upward.mul_up, lambda a, b: 0.0 * a * b), "binary32-basic-eps", BELOW),
    "errors added to nearest": (by(upward.add_up, np.add), "binary32-basic-eps", BELOW),
    "errors added toward zero": (
        by(upward.add_up, lambda a, b: np.nextafter(np.add(a, b), 0.0)),
        "binary32-basic",
        BELOW,
    ),
    "errors multiplied to nearest": (
        by(upward.mul_up, np.multiply),
        "binary32-padding-only",
        BELOW,
    ),
    "errors added in binary32": (
        by(upward.add_up, lambda a, b: np.float32(np.add(a, b)).astype(np.float64)),
        "binary32-basic-eps",
        BELOW,
    ),
}

REPLAY: dict[str, Fault] = {
    "a value is the next number": (
        replayed(value=lambda v: np.nextafter(v, v.dtype.type(np.inf))),
        "binary32-basic",
        "replay: value unlike the reference's",
    ),
    "half of the binades": (replayed(binades=lambda b: b / 2), "binary32-basic", REPLAY_BELOW),
    "twice the binades": (replayed(binades=lambda b: 2 * b), "binary32-basic", REPLAY_ABOVE),
    "every entry taken for floored": (
        replayed(floored=np.ones_like),
        "binary16-mixed",
        REPLAY_BELOW,
    ),
    "products not charged": (
        by(
            upward.product_binade,
            lambda a, b, **kwargs: 0 * upward.product_binade(a, b, **kwargs),
            sequential,
        ),
        "binary32-basic",
        REPLAY_BELOW,
    ),
    "sums not charged": (
        by(upward.sum_binade, lambda a, b: 0 * upward.sum_binade(a, b), sequential),
        "binary32-basic",
        REPLAY_BELOW,
    ),
    "coefficients of the operands exchanged": (
        weighed(replay, crossed),
        "binary32-basic-eps",
        REPLAY_BELOW,
    ),
    "eps of an operand forgotten": (
        weighed(replay, without(1)),
        "binary32-basic-eps",
        REPLAY_BELOW,
    ),
    "constants forgotten": (
        weighed(replay, lambda parts, constant: (parts, Fraction(0))),
        "binary32-basic-eps",
        REPLAY_BELOW,
    ),
    "skipped terms counted": (padding_counted, "binary32-dilation-stride", REPLAY_ABOVE),
}

ESTIMATES: dict[str, Fault] = {
    "half of the unit roundoff": (
        changed(coefficients.operation, lambda error: replace(error, relative=error.relative / 2)),
        "binary32-basic",
        REPLAY_BELOW,
    ),
    "sums taken for sums in binary64": (sums_in_float64, "binary32-basic", ANY_ORDER),
    "last rounding not charged": (
        lambda plant: plant.method(
            accumulation.Accumulation, "last_rounding", lambda self, _: coefficients.EXACT
        ),
        "binary16-basic",
        ANY_ORDER,
    ),
    "sums of magnitudes taken for exact": (
        weighed(estimator, taken_for_exact),
        "binary32-stride-unread",
        ENCLOSED,
    ),
    "eps of the first operand forgotten": (
        weighed(estimator, without(1)),
        "binary32-basic-eps",
        ANY_ORDER,
    ),
    "eps of the bias forgotten": (
        weighed(estimator, lambda parts, constant: (parts, Fraction(0))),
        "binary32-dilation-stride",
        ANY_ORDER,
    ),
    "distance forgotten": (distance_forgotten, "binary32-basic", ENCLOSED),
    "distance in the format of the array": (distance_in_format, "binary32-basic", ENCLOSED),
    "distance by slices halved": (slices_halved, "binary64-basic", ENCLOSED),
    "exact distance rounded to nearest": (exact_distance_to_nearest, "binary64-basic", ENCLOSED),
}

TRUTH: dict[str, Fault] = {
    "padded at the other end": (
        truth_of(padded_at_the_other_end),
        "binary32-asymmetric-padding",
        EXACT,
    )
}
FAULTS = {
    f"{room}: {name}": fault
    for room, faults in (
        ("reference", REFERENCE),
        ("replay", REPLAY),
        ("estimates", ESTIMATES),
        ("truth", TRUTH),
    )
    for name, fault in faults.items()
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_noticed(problems: Checks, plant: Plant, name: str) -> None:
    fault, label, expected = FAULTS[name]
    fault(plant)
    noticed = problems([label])
    assert any(expected in line for line in noticed), noticed


@pytest.mark.parametrize("label", sorted({label for _, label, _ in FAULTS.values()}))
def test_without_a_fault_there_is_no_problem(problems: Checks, label: str) -> None:
    assert problems([label]) == []
