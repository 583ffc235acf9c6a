"""Hints say nothing false: what they say is computed again, and compared at the entries they name.

The words are read, and what they say is computed by NumPy in float64, in another way than the
hints were found. An entry has to be near that, by the textbook's bound for sums in any order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pybridge.bounds import hints
from pybridge.testing import (
    Accumulation,
    Comparison,
    compare_gradient,
    compare_output,
    sharp_operands,
)

Array = npt.NDArray[Any]
Move = tuple[int, int, int]

FAR = 12
"""How far out the tests read zeros around x."""


@dataclass(frozen=True)
class Problem:
    """A conv2d. `moves` are stride, padding at the start and dilation, of height and width."""

    x: Array
    weight: Array
    bias: Array
    grad: Array
    moves: tuple[Move, Move]
    groups: int = 1
    mode: Any = "constant"

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight.shape[2:]

    def patches(self, x: Array) -> Any:
        """Return what each entry of the kernel is multiplied with, [N, C, KH, KW, OH, OW]."""
        reads = [
            np.arange(k)[:, None] * d + np.arange(out) * s - p + FAR
            for k, out, (s, p, d) in zip(self.kernel, self.grad.shape[2:], self.moves, strict=True)
        ]
        far: list[Any] = [(0, 0), (0, 0), (FAR, FAR), (FAR, FAR)]
        wide: Array = np.pad(x.astype(np.float64), far, self.mode)
        return wide[:, :, reads[0][:, None, :, None], reads[1][None, :, None, :]]

    def compute(self, which: str) -> Any:
        g = self.groups
        weight, grad = self.weight.astype(np.float64), self.grad.astype(np.float64)
        if which == "bias":
            return np.asarray(grad.sum(axis=(0, 2, 3)))
        if which == "input":
            return self._input(weight, grad)
        parts = np.split(self.patches(self.x), g, axis=1)
        if which == "output":
            kernels = np.split(weight, g)
            sums = [
                np.einsum("ncklhw,ockl->nohw", a, b) for a, b in zip(parts, kernels, strict=True)
            ]
            return np.concatenate(sums, axis=1) + self.bias.astype(np.float64)[:, None, None]
        grads = np.split(grad, g, axis=1)
        return np.concatenate(
            [np.einsum("ncklhw,nohw->ockl", a, b) for a, b in zip(parts, grads, strict=True)]
        )

    def _input(self, weight: Array, grad: Array) -> Any:
        g = self.groups
        n, c, height, width = self.x.shape
        wide = np.zeros((n, c, height + 4 * FAR, width + 4 * FAR))
        per = c // g
        for k in range(g):
            outs = slice(k * grad.shape[1] // g, (k + 1) * grad.shape[1] // g)
            for i, j in np.ndindex(*self.kernel):
                part = np.einsum("nohw,oc->nchw", grad[:, outs], weight[outs, :, i, j])
                (s, p, d), (t, q, e) = self.moves
                rows = 2 * FAR + i * d - p + np.arange(grad.shape[2]) * s
                columns = 2 * FAR + j * e - q + np.arange(grad.shape[3]) * t
                wide[:, k * per : (k + 1) * per, rows[:, None], columns] += part
        return wide[:, :, 2 * FAR : 2 * FAR + height, 2 * FAR : 2 * FAR + width]

    def sizes(self, which: str) -> Any:
        """Compute Σ|x||y|."""
        mine = replace(
            self, **{k: np.abs(getattr(self, k)) for k in ("x", "weight", "bias", "grad")}
        )
        return mine.compute(which)


SUMMED = {
    "output": ("input channel", "kernel row", "kernel column"),
    "bias": ("batch element", "output row", "output column"),
    "weight": ("batch element", "output row", "output column"),
    "input": ("output channel", "kernel row", "kernel column"),
}
FACTORS = {"left out": 0, "counted twice": 2, "of the wrong sign": -1}


def missing(words: str, problem: Problem, which: str) -> Problem | None:
    """Read words such as `as if the last 2 batch elements were left out`."""
    match = re.fullmatch(r"as if (.*) were (left out|counted twice|of the wrong sign)", words)
    if match is None or match[1] == "the bias":
        return None
    by_weight = which in ("output", "input")
    values = (problem.weight if by_weight else problem.grad).copy()
    # [channels of the result, the three axes of the sum]
    if which == "output":
        view = values
    elif which == "input":
        view = values.reshape(problem.groups, -1, *values.shape[1:])
        view = np.moveaxis(view, (0, 2), (0, 1)).reshape(-1, view.shape[1], *values.shape[2:])
    else:
        view = np.moveaxis(values, 1, 0)
    mask = np.zeros(view.shape[1:], bool)
    mask[part(match[1], SUMMED[which], mask)] = True
    factors = np.where(mask, FACTORS[match[2]], 1)
    if which == "input":
        values = values * np.tile(factors, (problem.groups, 1, 1))[:, None].astype(values.dtype)
    elif which == "output":
        values = values * factors.astype(values.dtype)
    else:
        values = values * factors[:, None].astype(values.dtype)
    return replace(problem, weight=values) if by_weight else replace(problem, grad=values)


def part(words: str, axes: tuple[str, ...], mask: Array) -> Any:
    """Return the index of the mask at which the terms are that words name."""
    tap = re.fullmatch(r"kernel tap \((\d+), (\d+)\)", words)
    if tap is not None:
        return (slice(None), int(tap[1]), int(tap[2]))
    row = re.fullmatch(r"output row (\d+) of batch element (\d+)", words)
    if row is not None:
        return (int(row[2]), int(row[1]))
    for axis, name in [*enumerate(axes), (None, "term")]:
        size = mask.size if axis is None else mask.shape[axis]
        tail = f" of {size} in order" if axis is None else ""
        for pattern, chosen in (
            (rf"(?:the last )?{name}s? \(?(\d+)\)?", lambda a: slice(a, a + 1)),
            (rf"the last (\d+) {name}s", lambda a, size=size: slice(size - a, size)),
            (rf"the first (\d+) {name}s", lambda a: slice(a)),
            (rf"{name}s (\d+) to (\d+)", lambda a, b: slice(a, b + 1)),
        ):
            match = re.fullmatch(pattern + tail, words)
            if match is not None:
                chosen_terms = chosen(*map(int, match.groups()))
                if axis is not None:
                    return (slice(None),) * axis + (chosen_terms,)
                flat = np.zeros(size, bool)
                flat[chosen_terms] = True
                return flat.reshape(mask.shape)
    raise AssertionError(f"no terms are {words!r}")


def shifted(x: Array, step: int, axes: tuple[int, ...]) -> Array:
    for axis in axes:
        x = np.moveaxis(x, axis, 0)
        zero = np.zeros_like(x[:1])
        x = np.concatenate([x[1:], zero] if step > 0 else [zero, x[:-1]])
        x = np.moveaxis(x, 0, axis)
    return x


def otherwise(words: str, problem: Problem) -> Problem | None:
    """Read words that name other operands or another geometry."""
    p, moves = problem, problem.moves
    axes = {"the height": (0,), "the width": (1,), "both axes": (0, 1)}
    for where, changed in axes.items():
        for side, step in (("more", 1), ("less", -1)):
            if words == f"as if there were one {side} of padding at the start of {where}":
                return replace(
                    p,
                    moves=tuple(  # type: ignore[arg-type]
                        (s, q + step * (k in changed), d) for k, (s, q, d) in enumerate(moves)
                    ),
                )
    for what, changed in {"row": (2,), "column": (3,), "row and column": (2, 3)}.items():
        for side, step in (("further", 1), ("before", -1)):
            if words == f"as if x were read one {what} {side}":
                return replace(p, x=shifted(p.x, step, changed))
    geometry: dict[str, Callable[[Move], Move]] = {
        "there were no padding at the start": lambda m: (m[0], 0, m[2]),
        "stride and dilation were swapped": lambda m: (m[2], m[1], m[0]),
        "the stride were 1": lambda m: (1, m[1], m[2]),
        "the dilation were 1": lambda m: (m[0], m[1], 1),
        "the stride were one more": lambda m: (m[0] + 1, m[1], m[2]),
        "the stride were one less": lambda m: (m[0] - 1, m[1], m[2]),
        "the dilation were one more": lambda m: (m[0], m[1], m[2] + 1),
        "the dilation were one less": lambda m: (m[0], m[1], m[2] - 1),
    }
    others: dict[str, Callable[[], Problem]] = {
        f"as if {key}": lambda change=change: replace(  # type: ignore[misc]
            p, moves=(change(moves[0]), change(moves[1]))
        )
        for key, change in geometry.items()
    }
    others |= {
        "as if height and width were swapped in the parameters": lambda: replace(
            p, moves=(moves[1], moves[0])
        ),
        "as if the kernel were flipped": lambda: replace(p, weight=p.weight[..., ::-1, ::-1]),
        "as if the kernel's height and width were transposed": lambda: replace(
            p, weight=p.weight.swapaxes(2, 3)
        ),
        "as if the kernel's input and output channels were transposed": lambda: replace(
            p, weight=p.weight.swapaxes(0, 1)
        ),
        "as if the bias were left out": lambda: replace(p, bias=0 * p.bias),
        "as if the bias were added twice": lambda: replace(p, bias=p.bias + p.bias),
        "as if the bias were that of the output channel before": lambda: replace(
            p, bias=np.roll(p.bias, 1)
        ),
        "as if the bias were that of the output channel after": lambda: replace(
            p, bias=np.roll(p.bias, -1)
        ),
        "as if the padding repeated the border": lambda: replace(p, mode="edge"),
        "as if the padding reflected the border": lambda: replace(p, mode="reflect"),
        "as if the padding were circular": lambda: replace(p, mode="wrap"),
    }
    return others[words]() if words in others else None


NAMES = {
    "output": ("batch element", "output channel", "row", "column"),
    "bias": ("output channel",),
    "weight": ("output channel", "input channel", "kernel row", "kernel column"),
    "input": ("batch element", "input channel", "row", "column"),
}


def entries(words: str, which: str, failures: Array) -> Array:
    """Return the entries that a hint names in its parenthesis."""
    match = re.fullmatch(r"(\d+) of (\d+) entries: (.*)", words)
    assert match is not None, words
    chosen = [np.arange(size) for size in failures.shape]
    for listed in re.split(r", (?=[a-z])", match[3]):
        name = re.match(r"[a-z ]*[a-z]", listed)[0]  # type: ignore[index]
        axis = NAMES[which].index(name.removesuffix("s"))
        chosen[axis] = np.array([int(k) for k in re.findall(r"\d+", listed)])
    mask = np.zeros(failures.shape, bool)
    mask[np.ix_(*chosen)] = True
    assert (mask.sum(), mask.size) == (int(match[1]), int(match[2]))
    assert (mask & failures).any()
    return mask


def check(hint: str, problem: Problem, which: str, actual: Array, comparison: Comparison) -> str:
    """Assert that a hint is true; return what kind of hint it is."""
    failures = comparison.failures
    if hint.startswith("only "):
        check_extent(hint[len("only ") :], which, failures, problem)
        return "extent"
    if hint == "every entry is zero":
        assert not actual.any()
        return "zero"
    if hint == "these entries are zero":
        assert not actual[failures].any()
        return "zero"
    if re.fullmatch("every entry is a b?float[0-9]* number", hint):
        dtype = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}[hint.split()[4]]
        assert (actual.astype(dtype).astype(np.float64) == actual.astype(np.float64)).all()
        return "format"
    multiple = re.fullmatch(r"these entries are (\S+) times what they should be", hint)
    if multiple is not None or hint == "these entries have the wrong sign":
        top, _, bottom = (multiple[1] if multiple else "-1").partition("/")
        factor = float(top) / float(bottom or 1)
        near(actual, factor * problem.compute(which), abs(factor) * problem.sizes(which), failures)
        return "multiple"
    everywhere = np.ones_like(failures)
    words, _, where = hint.partition(" (checked at ")
    words = words.removesuffix(" (other terms fit as well)")
    if where:
        everywhere = entries(where.removesuffix(")"), which, failures)
    other = missing(words, problem, which) or otherwise(words, problem)
    if other is not None:
        near(actual, other.compute(which), other.sizes(which), everywhere)
        return "part" if where else "whole"
    expected = elsewhere(words, which, problem.compute(which))
    assert expected is not None, f"not read: {hint!r}"
    near(actual, expected, elsewhere(words, which, problem.sizes(which)), everywhere)
    return "elsewhere"


def elsewhere(words: str, which: str, values: Array) -> Any:
    if words == "the kernel is flipped":
        return values[..., ::-1, ::-1]
    names = NAMES[which]
    for axis, name in enumerate(names):
        if words == f"{name}s are in reverse":
            return np.flip(values, axis)
        for side, step in (("before", 1), ("after", -1)):
            if words.startswith(f"each {name} is the one that should be {side} it, the first"):
                return np.roll(values, step, axis)
        for b, other in enumerate(names):
            if words == f"{name}s and {other}s are transposed":
                return values.swapaxes(axis, b)
    return None


def check_extent(words: str, which: str, failures: Array, problem: Problem) -> None:
    wrong = np.argwhere(failures)
    group = re.fullmatch(r"group (\d+)", words)
    if group is not None:
        axis = 0 if which in ("weight", "bias") else 1
        each = failures.shape[axis] // problem.groups
        assert (wrong[:, axis] // each == int(group[1])).all()
        return
    if words.endswith("at the border"):
        return
    match = re.fullmatch(r"(.*?)s? (\d+)(?: to (\d+))?", words)
    assert match is not None, words
    at = wrong[:, NAMES[which].index(match[1])]
    assert at.min() >= int(match[2])
    assert at.max() <= int(match[3] or match[2])


def near(actual: Array, expected: Array, sizes: Array, where: Array) -> None:
    """Assert that entries are within the textbook's bound of float32 sums of up to 1,000 terms."""
    unit = 2.0**-24
    allowed = 1.01 * (1000 * unit * sizes + unit * np.abs(expected))
    if actual.dtype == ml_dtypes.bfloat16:
        allowed += 2.0**-8 * np.abs(expected)
    off = np.abs(actual.astype(np.float64) - expected)
    assert (off[where] <= allowed[where]).all(), float((off[where] / allowed[where]).max())


def compared(problem: Problem, which: Any, actual: Array) -> Comparison:
    (s, p, d), (t, q, e) = problem.moves
    kernel, out = problem.kernel, problem.grad.shape[2:]
    ends = [
        max((n - 1) * move[0] + (k - 1) * move[2] + 1 - move[1] - size, 0)
        for n, k, size, move in zip(out, kernel, problem.x.shape[2:], problem.moves, strict=True)
    ]
    options: dict[str, Any] = {
        "stride": (s, t),
        "padding": ((p, ends[0]), (q, ends[1])),
        "dilation": (d, e),
        "groups": problem.groups,
    }
    if which == "output":
        return compare_output(actual, problem.x, problem.weight, problem.bias, **options)
    return compare_gradient(actual, problem.x, problem.weight, problem.grad, which=which, **options)


@st.composite
def problems(draw: Callable[..., Any]) -> Problem:
    def number(low: int, high: int) -> int:
        return int(draw(st.integers(low, high)))

    groups = draw(st.sampled_from([1, 1, 2, 3]))
    moves, sizes, outs, kernels = [], [], [], []
    for _ in range(2):
        kernel, stride, dilation = number(1, 3), number(1, 2), number(1, 2)
        pad, out = number(0, kernel), number(2, 6)
        reach = (out - 1) * stride + (kernel - 1) * dilation + 1
        size = max(reach - pad - number(0, pad), 1)
        moves.append((stride, pad, dilation))
        sizes.append(size)
        outs.append((max(size + pad, reach) - (kernel - 1) * dilation - 1) // stride + 1)
        kernels.append(kernel)
    batch, channels, outputs = number(1, 4), groups * number(1, 4), groups * number(1, 4)
    shapes = {
        "x": (batch, channels, *sizes),
        "weight": (outputs, channels // groups, *kernels),
        "bias": (outputs,),
        "grad": (batch, outputs, *outs),
    }
    kind = draw(st.sampled_from(["normal", "positive", "integers"]))
    rng = np.random.default_rng(number(0, 2**32))
    drawn: dict[str, Callable[[Any], Array]] = {
        "normal": lambda shape: rng.standard_normal(shape),
        "positive": lambda shape: rng.uniform(0.5, 2, shape),
        "integers": lambda shape: rng.integers(-3, 4, shape),
    }
    dtype = draw(st.sampled_from([np.float32, np.float32, ml_dtypes.bfloat16]))
    arrays = {key: drawn[kind](shape).astype(dtype) for key, shape in shapes.items()}
    return Problem(**arrays, moves=(moves[0], moves[1]), groups=groups)


def spoiled(draw: Callable[..., Any], problem: Problem, which: str) -> Any:
    """Return a result with one mistake or another, as float64."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(
        st.sampled_from(["terms", "geometry", "bias", "multiple", "elsewhere", "entries", "noise"])
    )
    exact = problem.compute(which)
    if kind == "terms":
        key = "weight" if which in ("output", "input") else "grad"
        values = getattr(problem, key).copy()
        axis = draw(st.sampled_from([k for k in range(4) if values.shape[k] > 0]))
        low = draw(st.integers(0, values.shape[axis] - 1))
        high = draw(st.integers(low + 1, values.shape[axis]))
        values[(slice(None),) * axis + (slice(low, high),)] *= draw(st.sampled_from([0, 2, -1]))
        return replace(problem, **{key: values}).compute(which)
    if kind == "geometry":
        (s, p, d), other = problem.moves
        moves = draw(
            st.sampled_from([(s, p + 1, d), (s, max(p - 1, 0), d), (d, p, s), (1, p, 1), (s, 0, d)])
        )
        chosen = (moves, other) if draw(st.booleans()) else (moves, moves)
        mode = draw(st.sampled_from(["constant", "constant", "edge", "wrap"]))
        return replace(problem, moves=chosen, mode=mode).compute(which)
    if kind == "bias":
        return replace(problem, bias=np.roll(problem.bias, 1)).compute(which)
    if kind == "multiple":
        return exact * draw(st.sampled_from([-1, 2, 3, 1 / 3, 31 / 32, 0.1]))
    if kind == "elsewhere":
        axis = draw(st.integers(0, exact.ndim - 1))
        return np.roll(exact, 1, axis) if draw(st.booleans()) else np.flip(exact, axis)
    if kind == "entries":
        axis = draw(st.integers(0, exact.ndim - 1))
        position = draw(st.integers(0, exact.shape[axis] - 1))
        np.moveaxis(exact, axis, 0)[position] *= draw(st.sampled_from([0, 2, -1, 1.5]))
        return exact
    return exact + rng.standard_normal(exact.shape) * 0.01 * np.abs(exact).max()


@pytest.mark.parametrize("least", [1, 2**22])
@pytest.mark.parametrize("which", ["output", "weight", "input", "bias"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_hints_are_true(which: str, least: int, data: st.DataObject) -> None:
    problem = data.draw(problems())
    dtype = problem.x.dtype
    actual = np.asarray(spoiled(data.draw, problem, which)).astype(np.float32).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hints, "_LEAST", least)
        comparison = compared(problem, which, actual)
    for hint in comparison.patterns:
        event(check(hint, problem, which, actual, comparison))


ONE: Move = (1, 1, 1)

LARGE = Problem(
    *sharp_operands((8, 24, 14, 14), (24, 24, 3, 3), padding=1, seed=3), moves=(ONE, ONE)
)
"""Hints about its results are checked on parts of them."""


def large(change: Callable[[Problem], Problem], which: str, dtype: Any = np.float32) -> Comparison:
    arrays = {key: getattr(LARGE, key).astype(dtype) for key in ("x", "weight", "bias", "grad")}
    problem = replace(LARGE, **arrays)
    actual = change(problem).compute(which).astype(np.float32).astype(dtype)
    comparison = compared(problem, which, actual)
    for hint in comparison.patterns:
        check(hint, problem, which, actual, comparison)
    return comparison


def without(key: str, index: Any) -> Callable[[Problem], Problem]:
    def change(problem: Problem) -> Problem:
        values = getattr(problem, key).copy()
        values[index] = 0
        return replace(problem, **{key: values})

    return change


@pytest.mark.parametrize(
    ("which", "change", "words"),
    [
        ("weight", without("grad", -1), "the last batch element (7) were left out"),
        ("weight", without("grad", slice(4, 6)), "batch elements 4 to 5 were left out"),
        ("weight", without("grad", (-1, ..., 13, slice(None))), "output row 13 of batch element 7"),
        ("bias", without("grad", (..., 13)), "the last output column (13) were left out"),
        ("weight", lambda p: replace(p, moves=((1, 0, 1), (1, 0, 1))), "one less of padding"),
        ("output", lambda p: replace(p, mode="edge"), "the padding repeated the border"),
        ("output", without("weight", (slice(None), 5)), "input channel 5 were left out"),
        ("output", without("bias", ...), "the bias were left out"),
        ("input", without("weight", (..., 0, 2)), "kernel tap (0, 2) were left out"),
        ("input", without("weight", slice(12, 24)), "the last 12 output channels were left out"),
    ],
)  # fmt: skip
def test_mistakes_in_large_results(
    which: str, change: Callable[[Problem], Problem], words: str
) -> None:
    (hint,) = [h for h in large(change, which).patterns if h.startswith("as if")]
    assert words in hint
    assert "other terms" not in hint
    assert (" (checked at " in hint) == (which != "bias")


def test_what_rounding_hides_is_not_told_apart() -> None:
    """In bfloat16, on operands that are much alike, images cannot be told apart."""
    comparison = large(without("grad", -1), "weight", ml_dtypes.bfloat16)
    assert comparison.patterns[0] in ("these entries are 7/8 times what they should be",) or (
        "(other terms fit as well)" in comparison.patterns[0]
    )


def test_no_promise_without_power_is_offered() -> None:
    """Padding that is off by one is not explained by rounding, however weak the promise."""
    rng = np.random.default_rng(0)
    x, grad = (rng.standard_normal((32, 4, 28, 28), dtype=np.float32) for _ in range(2))
    problem = Problem(x, np.zeros((4, 4, 3, 3)), np.zeros(4), grad, (ONE, ONE))
    noise = rng.standard_normal((4, 4, 3, 3)) * 30
    actual = (problem.compute("weight") + noise).astype(ml_dtypes.bfloat16).astype(np.float32)
    judged = compared(problem, "weight", actual)
    assert not judged.passed
    for words in judged.explanations:
        assert "bfloat16 partial sums" not in words
    options: dict[str, Any] = {"which": "weight", "padding": 1}
    weak = Accumulation(splits=8, across="bfloat16")
    wide = compare_gradient(actual, x, None, grad, accumulation=weak, **options)
    assert wide.passed
    assert wide.power < 0.5
    moved = replace(problem, moves=((1, 2, 1), (1, 1, 1))).compute("weight").astype(np.float32)
    judged = compared(problem, "weight", moved)
    assert judged.explanations == ()
    assert judged.patterns == ("as if there were one more of padding at the start of the height",)
