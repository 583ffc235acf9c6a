"""The built-in cases: small, deterministic, of every operation, format, feature and magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybridge.check.generate import entries
from pybridge.errors import InputError
from pybridge.problem.case import Case
from pybridge.problem.formats import find_format
from pybridge.problem.geometry import Geometry, Window
from pybridge.problem.operands import Operand
from pybridge.problem.shapes import Pooling, Product, Shape

__all__ = ["generated_case", "suite"]

# size, kernel, stride, pad_begin, pad_end, dilation
_Window = tuple[int, int, int, int, int, int]
# batch, groups, in_channels, out_channels; height; width
_Shape = tuple[tuple[int, int, int, int], _Window, _Window]
# x, weight, bias, grad_output
_Kinds = tuple[str, str, str, str]
_Eps = tuple[float, float, float, float]

_SAME: _Window = (4, 3, 1, 1, 1, 1)
_VALID: _Window = (4, 3, 1, 0, 0, 1)
_POINT: _Window = (3, 1, 1, 0, 0, 1)
_FULL: _Window = (3, 3, 1, 0, 0, 1)
_STRIDED: _Window = (5, 3, 2, 1, 1, 1)
_LINE: _Window = (1, 1, 1, 0, 0, 1)
_SMALL: _Shape = ((1, 1, 2, 2), (3, 2, 1, 0, 0, 1), (3, 2, 1, 0, 0, 1))
_STRIP: _Shape = ((1, 1, 1, 1), _LINE, (6, 2, 1, 1, 0, 1))
_LONG: _Shape = ((1, 1, 1, 1), _LINE, (24, 5, 1, 2, 2, 1))

_NONE: _Eps = (0.0, 0.0, 0.0, 0.0)
_SOME: _Eps = (2.0**-10, 1e-3, 2.0**-12, 3e-4)
_TINY: _Eps = (2.0**-1074, 2.0**-1070, 2.0**-1060, 2.0**-1072)


def _all(kind: str) -> _Kinds:
    return kind, kind, kind, kind


_TINY_DATA: _Kinds = ("tiny", "tiny", "subnormal", "tiny")

_CASES: Sequence[tuple[str, str, _Shape, _Kinds, _Eps]] = (
    ("basic", "binary32", ((1, 1, 2, 2), _SAME, _SAME), _all("normal"), _NONE),
    ("basic-eps", "binary32", ((1, 1, 2, 2), _VALID, _SAME), _all("normal"), _SOME),
    ("batch", "binary32", ((3, 1, 1, 2), _VALID, _VALID), _all("normal"), _NONE),
    ("stride", "binary32", ((1, 1, 2, 1), _STRIDED, _STRIDED), _all("normal"), _NONE),
    ("stride-unread", "binary32", ((1, 1, 1, 2), (6, 1, 3, 0, 0, 1), (5, 2, 3, 0, 0, 1)),
     _all("normal"), (0.0, 0.0, 0.0, 0.25)),
    ("dilation", "binary32", ((1, 1, 1, 2), (6, 3, 1, 1, 1, 2), (5, 2, 1, 0, 0, 3)),
     _all("normal"), _NONE),
    ("dilation-stride", "binary32", ((1, 1, 1, 2), (7, 2, 2, 1, 1, 3), (6, 3, 3, 2, 1, 2)),
     _all("normal"), _SOME),
    ("groups", "binary32", ((1, 2, 2, 2), _POINT, _VALID), _all("normal"), _NONE),
    ("depthwise", "binary32", ((1, 4, 1, 1), _VALID, _STRIDED), _all("normal"), _NONE),
    ("depthwise-multiplier", "binary32", ((2, 3, 1, 2), _FULL, _STRIDED), _all("normal"), _SOME),
    ("pointwise", "binary32", ((2, 1, 4, 3), _POINT, _POINT), _all("normal"), _NONE),
    ("full-kernel", "binary32", ((2, 1, 2, 3), _FULL, (4, 4, 1, 0, 0, 1)), _all("normal"), _NONE),
    ("asymmetric-padding", "binary32", ((1, 1, 1, 2), (4, 3, 1, 2, 0, 1), (3, 2, 2, 0, 3, 1)),
     _all("normal"), _NONE),
    ("padding-only", "binary32", ((1, 1, 1, 2), (1, 3, 1, 1, 1, 1), (2, 1, 1, 2, 3, 1)),
     _all("normal"), _SOME),
    ("everything", "binary32", ((2, 2, 2, 2), (6, 3, 2, 2, 1, 1), (5, 2, 1, 0, 3, 2)),
     _all("normal"), _SOME),
    ("one-by-one", "binary32", ((1, 1, 1, 1), _LINE, _LINE), _all("normal"), _SOME),
    ("integers", "binary32", ((1, 1, 2, 2), _VALID, _VALID), _all("integer"), _NONE),
    ("zeros", "binary32", _SMALL, ("zero", "normal", "zero", "zero"), _NONE),
    ("tiny", "binary32", _SMALL, _TINY_DATA, _NONE),
    ("subnormal", "binary32", _SMALL, ("subnormal", "normal", "subnormal", "subnormal"), _NONE),
    ("mixed", "binary32", _SMALL, _all("mixed"), _NONE),
    ("cancelling", "binary32", _LONG, _all("cancelling"), _NONE),
    ("ties", "binary32", _LONG, _all("ties"), _NONE),
    ("overflow", "binary32", _STRIP, _all("huge"), _NONE),
    ("basic", "binary16", ((1, 1, 2, 2), _VALID, _SAME), _all("normal"), _NONE),
    ("groups-eps", "binary16", ((2, 2, 1, 2), _STRIDED, _POINT), _all("normal"), _SOME),
    ("tiny", "binary16", _SMALL, _TINY_DATA, (2.0**-20, 2.0**-30, 0.0, 0.0)),
    ("subnormal", "binary16", _SMALL, ("subnormal", "integer", "subnormal", "normal"), _NONE),
    ("mixed", "binary16", _SMALL, _all("mixed"), _NONE),
    ("ties", "binary16", _LONG, _all("ties"), _NONE),
    ("overflow", "binary16", _STRIP, _all("huge"), _NONE),
    ("basic", "bfloat16", ((1, 1, 2, 2), _VALID, _SAME), _all("normal"), _NONE),
    ("dilation-eps", "bfloat16", ((1, 1, 2, 1), (5, 2, 1, 1, 1, 2), _VALID), _all("normal"), _SOME),
    ("tiny", "bfloat16", _SMALL, _TINY_DATA, _NONE),
    ("subnormal", "bfloat16", _SMALL, ("subnormal", "normal", "subnormal", "normal"), _NONE),
    ("mixed", "bfloat16", _SMALL, _all("mixed"), _NONE),
    ("cancelling", "bfloat16", _LONG, _all("cancelling"), _NONE),
    ("ties", "bfloat16", _LONG, _all("ties"), _NONE),
    ("basic", "binary64", ((1, 1, 2, 2), _VALID, _SAME), _all("normal"), _NONE),
    ("depthwise-eps", "binary64", ((1, 3, 1, 1), _STRIDED, _SAME), _all("normal"), _SOME),
    ("tiny", "binary64", _SMALL, _TINY_DATA, _TINY),
    ("subnormal", "binary64", _SMALL, ("subnormal", "normal", "subnormal", "normal"), _NONE),
    ("subnormal-eps", "binary64", _SMALL, ("subnormal", "integer", "subnormal", "subnormal"),
     _TINY),
    ("mixed", "binary64", _SMALL, _all("mixed"), _NONE),
    ("mixed-eps", "binary64", _STRIP, _all("mixed"), (1.0, 2.0**-1074, 1e-300, 1e100)),
    ("ties", "binary64", _LONG, _all("ties"), _NONE),
)  # fmt: skip


def _window(window: Sequence[int], **more: Any) -> Window:
    size, kernel, stride, pad_begin, pad_end, dilation = window
    return Window(
        size=size,
        kernel=kernel,
        stride=stride,
        pad_begin=pad_begin,
        pad_end=pad_end,
        dilation=dilation,
        **more,
    )


def _line(*window: int, rank: int = 1, **shape: int) -> Geometry:
    """Return a geometry with the same window along each of `rank` axes."""
    return Geometry(windows=(_window(window),) * rank, **shape)


def _transposed(*window: int, rank: int = 1, padding: int = 0, **shape: int) -> Geometry:
    """Return a transposed geometry with the same window along each of `rank` axes."""
    spread = _window(window, transposed=True, output_padding=padding)
    return Geometry(windows=(spread,) * rank, **shape)


_OTHERS: Sequence[tuple[str, str, Shape, str, bool]] = (
    # label, format, shape, kind of entries, whether operands have eps
    ("conv1d", "binary32", _line(7, 3, 2, 1, 2, 2, batch=2, groups=2, out_channels=2), "normal",
     True),
    ("conv1d-mixed", "bfloat16", _line(9, 4, 1, 0, 0, 1, in_channels=2), "mixed", False),
    ("conv3d", "binary16", _line(3, 2, 2, 1, 0, 1, rank=3, in_channels=2), "normal", True),
    ("transposed1d", "binary64", _transposed(3, 3, 2, 1, 2, 3, padding=2, groups=2,
     out_channels=2), "normal", True),
    ("transposed2d", "binary32", _transposed(2, 3, 2, 1, 1, 1, rank=2, padding=1, batch=2,
     in_channels=2), "normal", False),
    ("transposed2d-ties", "binary16", _transposed(2, 2, 1, 0, 0, 2, rank=2, in_channels=2), "ties",
     False),
    ("transposed3d", "bfloat16", _transposed(2, 2, 1, 0, 1, 1, rank=3), "normal", True),
    ("product", "binary32", Product(B=2, M=3, N=2, K=5), "normal", True),
    ("product-sums", "binary64", Product(M=2, N=2, K=2, P=2, Q=3), "cancelling", True),
    ("product-huge", "binary16", Product(M=2, N=2, K=4), "huge", False),
    ("pooling", "binary32", Pooling(batch=2, channels=2, windows=(_window((4, 2, 2, 0, 0, 1)),
     _window((3, 3, 1, 1, 1, 1)))), "normal", True),
    ("pooling-ties", "bfloat16", Pooling(windows=(_window((3, 3, 1, 1, 1, 1)),) * 2), "ties",
     False),
)  # fmt: skip
"""Cases of the other operations than conv2d."""


def generated_case(
    label: str,
    geometry: Shape,
    format: str,
    *,
    kinds: Sequence[str] | None = None,
    eps: Sequence[float] | None = None,
    seed: str = "",
) -> Case:
    """Return a case with generated operands (`pybridge.check.generate`), determined by the seed.

    `kinds` (`normal` if None) and `eps` (0 if None) have one for each operand in order: for a
    convolution x, weight, bias and grad_output. Raises `InputError` for an unknown kind or format.
    """
    shapes = geometry.shapes
    kinds = ("normal",) * len(shapes) if kinds is None else kinds
    eps = (0.0,) * len(shapes) if eps is None else eps
    if not len(kinds) == len(eps) == len(shapes):
        raise InputError(f"kinds and eps: expected {len(shapes)}, of {', '.join(shapes)}")
    chosen = find_format(format)
    operands = {
        name: Operand(entries(kind, shape, chosen, f"{seed} {label} {name}"), deviation)
        for (name, shape), kind, deviation in zip(shapes.items(), kinds, eps, strict=True)
    }
    return Case(label=label, geometry=geometry, format=format, operands=operands)


def _geometry(shape: _Shape) -> Geometry:
    (batch, groups, in_channels, out_channels), height, width = shape
    return Geometry(
        batch=batch,
        groups=groups,
        in_channels=in_channels,
        out_channels=out_channels,
        windows=(_window(height), _window(width)),
    )


def suite(seed: str = "") -> list[Case]:
    """Return the built-in cases, in order; labels are `format-what`.

    Another seed gives other entries of the same kinds. Lean's evaluations of the default ones are
    recorded.
    """
    return [
        generated_case(
            f"{format}-{what}", _geometry(shape), format, kinds=kinds, eps=eps, seed=seed
        )
        for what, format, shape, kinds, eps in _CASES
    ] + [
        generated_case(
            f"{format}-{what}",
            shape,
            format,
            kinds=[kind] * len(shape.shapes),
            eps=_SOME[: len(shape.shapes)] if moved else None,
            seed=seed,
        )
        for what, format, shape, kind, moved in _OTHERS
    ]
