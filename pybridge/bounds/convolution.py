"""A conv2d on operands, of which results are computed, enclosed and known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from pybridge.engine.coefficients import round_up
from pybridge.engine.estimator import Estimator, Inexact, estimator
from pybridge.engine.reference import Evaluation, evaluate
from pybridge.engine.replay import evaluate_replay
from pybridge.engine.upward import Float64
from pybridge.errors import InputError
from pybridge.exported.document import Definitions, DefinitionsError, load_definitions, size_value
from pybridge.problem.formats import FloatArray, FloatFormat
from pybridge.problem.geometry import Geometry
from pybridge.problem.operands import Operand
from pybridge.problem.results import OPERANDS, Result
from pybridge.truth.conv2d import Dyadic, exact_conv2d

__all__ = ["EXACT_WORK", "Convolution", "exact_result"]

EXACT_WORK = 2**31
"""The most products times 64-bit words of an exact result: some 20 seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """A conv2d on operands by name, of the geometry's shapes; a result needs only its own.

    `definitions` are by default the package's. Raises `DefinitionsError` if they give another
    output size than the geometry.
    """

    geometry: Geometry
    operands: Mapping[str, Operand]
    definitions: Definitions = field(default_factory=load_definitions)

    def __post_init__(self) -> None:
        parameters = self.geometry.parameters()
        for name, size in self.definitions.data.output_size.items():
            if (exported := size_value(size, parameters)) != parameters[name]:
                raise DefinitionsError(
                    f"the definitions give {name} = {exported}, but the geometry {parameters[name]}"
                )

    def evaluate(self, which: str, format: FloatFormat, *, fast: bool = False) -> Evaluation:
        """The values and bounds of a result in the stated order, overflow marked.

        By the reference evaluation, or if `fast` by the replay, with the same values.
        """
        data, parameters = self.definitions.data, self.geometry.parameters()
        contraction = data.contractions[which]
        if fast:
            return evaluate_replay(contraction, parameters, format, self.operands, self.definitions)
        return evaluate(contraction, data.laws, parameters, format, self.operands)

    def estimator(
        self, which: str, operands: Mapping[str, Operand] | Mapping[str, Inexact] | None = None
    ) -> Estimator:
        """What computes a result of operands, by default its own, and bounds it."""
        chosen = self.operands if operands is None else operands
        return estimator(which, self.geometry, chosen, self.definitions)

    def enclosure(self, which: str, computed: FloatArray) -> Float64:
        """How far an array may be from an exact result, whatever computed it.

        `computed` has the result's shape. If it is in binary64, or its bound is not finite
        otherwise, it is compared with the exact result, which `EXACT_WORK` limits (else
        `InputError`); others with one that is computed in binary64.
        """
        estimates = self.estimator(which)
        if computed.dtype.itemsize <= 4:
            bound = estimates.enclosure(computed)
            if np.isfinite(bound.max()):
                return bound
        values = {key: operand.value for key, operand in self.operands.items()}
        exact = exact_result(which, self.geometry, values)
        entries = zip(computed.ravel().tolist(), exact, strict=True)
        distances = [round_up(abs(Fraction(value) - entry)) for value, entry in entries]
        return estimates.around(np.array(distances).reshape(computed.shape))


def exact_result(
    which: str, geometry: Geometry, operands: Mapping[str, FloatArray]
) -> list[Fraction]:
    """All entries of an exact result, row-major; `InputError` beyond `EXACT_WORK`."""
    result = Result(which)
    values = {key: operands[key] for key in result.operands if key in operands}
    words = sum(map(_bits, values.values())) // 64 + 1
    work = geometry.multiply_adds * words
    if result is Result.BIAS:
        work = values["grad_output"].size
    if work > EXACT_WORK:
        raise InputError(
            f"a bound for a result in binary64 needs the exact one: of {geometry.multiply_adds} "
            f"products with {64 * words} bits, which is more than is reasonable; give a smaller "
            "one, the result in binary32, or take the method any-order"
        )
    zero = np.zeros(1)
    dyadic = [Dyadic.of(values.get(key, zero)) for key in OPERANDS]
    return exact_conv2d(geometry, *dyadic, names=(result,))[result].fractions()


def _bits(values: FloatArray) -> int:
    """How many bits the entries have over a common power of two."""
    exponents = np.frexp(values.astype(np.float64)[values != 0])[1]
    return 53 + int(np.ptp(exponents)) if exponents.size else 1
