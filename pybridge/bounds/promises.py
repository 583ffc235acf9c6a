"""Standard promises that are weaker than the kernel's, and would explain a result.

A promise is named only if it allows the error of every entry, would notice a zero at least at half
of them, and could have returned the result from its last rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pybridge.bounds.depth import ENOUGH_POWER, power
from pybridge.bounds.judge import Judge
from pybridge.bounds.kernel_result import KernelResult
from pybridge.bounds.missing import SPLITS
from pybridge.engine.accumulation import Accumulation, parameters_of
from pybridge.engine.tensor_cores import tensor_core
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.problem.formats import FORMATS, FloatArray
from pybridge.problem.rounding import round_to

__all__ = ["explanations", "narrower"]

_EXACT = 2**24
"""The most multiply-adds of a float64 result for which promises with other operands are tried,
since their results are computed exactly.
"""

_FAR = 100
"""A promise that allows more than so many times as much as the tightest one is not named."""

_UNITS = (("volta", "float16"), ("hopper", "float8_e4m3fn"), ("hopper", "float8_e5m2"))
"""Units that may err by more than float32 sums in any order, and what they multiply."""


def narrower(returned: KernelResult) -> str | None:
    """Return the narrowest dtype that holds every entry of a result of a wider one."""
    values = returned.values
    if returned.computation.divides:
        values = values / returned.computation.unit
    if np.count_nonzero(values) < 8:
        return None
    for name in ("bfloat16", "binary16", "binary32"):
        format = FORMATS[name]
        if format.precision < returned.format.precision and _holds(format.dtype.name, values):
            return str(format.dtype.name)
    return None


def _holds(dtype: str, values: FloatArray) -> bool:
    """Return whether all values are numbers of a dtype."""
    return bool((round_to(values, parameters_of(dtype, load_definitions())) == values).all())


def explanations(
    returned: KernelResult, part: KernelResult, promise: Accumulation, judge: Judge, likely: str
) -> tuple[str, ...]:
    """Return the standard promises that allow every error and have power, the tightest first.

    Promises that round operands come first, for they allow hardly more than the promise itself;
    then those of the likely format. One that allows `_FAR` times as much as another is no
    explanation. `part` is judged before the whole.
    """
    allowing: dict[str, tuple[int, float, str]] = {}
    judge_part = judge if part is returned else Judge(part)
    for family, weaker in _weaker(returned, promise):
        if family in allowing or ("operands and result" in family and allowing):
            continue
        try:
            if judge_part(weaker).failures.any():
                continue
            judged = judge(weaker)
        except InputError:
            continue
        if not judged.failures.any() and power(judged) >= ENOUGH_POWER:
            share = judged.ratio
            words = family.format(weaker.splits)
            described = f"{words} ({share:.2g} of what that allows)"
            rank = -1 if weaker.flushed else int(bool(likely) and likely in words)
            if weaker.core is None and weaker.operands != promise.operands:
                rank = 2
            allowing[family] = rank, share, described
    best = max((share for rank, share, _ in allowing.values() if rank in (0, 1)), default=0.0)
    near = [one for one in allowing.values() if one[0] not in (0, 1) or _FAR * one[1] >= best]
    return tuple(words for _, _, words in sorted(near, reverse=True))


def _weaker(returned: KernelResult, promise: Accumulation) -> Iterator[tuple[str, Accumulation]]:
    """Yield standard promises that are weaker than this one, each after its name."""

    def change(**values: object) -> Accumulation:
        return promise.model_copy(update=values)

    dtypes = {returned.values.dtype.name, *(g.value.dtype.name for g in returned.operands.values())}
    widest = max(g.value.dtype.itemsize for g in returned.operands.values())
    narrow = {"float32": 4, "tf32": 3, "float16": 2, "bfloat16": 2}
    for name, other in (("float16", "bfloat16"), ("bfloat16", "float16")):
        if name in dtypes and other not in dtypes:
            del narrow[other]
    ends = {name for name in narrow if _holds(name, returned.values)}
    if "bfloat16" in ends and "float16" not in dtypes:
        ends.discard("float16")
    quick = returned.format.precision <= 24 or returned.computation.multiply_adds <= _EXACT
    for name, size in narrow.items() if quick else ():
        if size < widest and promise.operands is None:
            yield f"operands rounded to {name}", change(operands=name)
        if name == "tf32" and promise.operands is None and size < widest:
            cut = change(operands=name, operand_rounding="toward-zero")
            yield f"operands cut to {name}", cut
    for name, size in narrow.items():
        if name == "tf32" or name not in ends:
            continue
        if size < returned.values.dtype.itemsize and promise.output is None:
            yield f"a result rounded to {name}", change(output=name)
        if name != promise.accumulate and size < returned.values.dtype.itemsize | 4:
            for k in SPLITS:
                if promise.across is None or k > promise.splits:
                    yield f"{name} partial sums of split_k({{}})", change(splits=k, across=name)
            yield f"sums in {name}", change(accumulate=name, splits=1, across=None)
            if quick and size < widest and promise.operands is None and promise.output is None:
                words = f"operands and result rounded to {name}, as by autocast"
                yield words, change(operands=name, output=name)
    if promise.core is None and promise.operands is None:
        yield from _matrix_units(returned, promise)
    if promise.rounding == "nearest":
        yield "rounding toward zero", change(rounding="toward-zero")
    if not promise.flushed:
        yield "subnormals flushed to zero", change(flushed=True)


def _matrix_units(
    returned: KernelResult, promise: Accumulation
) -> Iterator[tuple[str, Accumulation]]:
    """Yield promises of matrix instructions that take the operands as they are, and allow more than
    float32 sums.
    """
    factors = [returned.operands[key].value for key in returned.computation.factors]
    for architecture, name in _UNITS:
        if all(_holds(name, values) for values in factors):
            words = f'tensor_core("{architecture}", "{name}")'
            yield words, tensor_core(architecture, name, output=promise.output)
