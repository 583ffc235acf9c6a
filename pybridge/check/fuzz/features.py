"""What a geometry has that another lacks: the features that fuzzing is to cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pybridge.problem.geometry import Geometry, Window

__all__ = ["FEATURES", "features"]


def _reads(window: Window) -> list[list[int]]:
    """For each output place, the input places within the input that its window reads."""
    return [
        [
            place
            for k in range(window.kernel)
            if 0 <= (place := o * window.stride + k * window.dilation - window.pad_begin)
            < window.size
        ]
        for o in range(window.output)
    ]  # fmt: skip


def _reads_padding_only(window: Window) -> bool:
    return not all(_reads(window))


def _leaves_unread(window: Window) -> bool:
    read = {place for places in _reads(window) for place in places}
    return len(read) < window.size


def _axis(holds: Callable[[Window], bool]) -> Callable[[Geometry], bool]:
    return lambda geometry: holds(geometry.height) or holds(geometry.width)


FEATURES: Mapping[str, Callable[[Geometry], bool]] = {
    "several images": lambda g: g.batch > 1,
    "several groups": lambda g: g.groups > 1,
    "depthwise": lambda g: g.groups > 1 and g.in_channels == g.out_channels == 1,
    "depthwise with a multiplier": lambda g: (
        g.groups > 1 and g.in_channels == 1 and g.out_channels > 1
    ),
    "stride": _axis(lambda w: w.stride > 1 and w.output > 1),
    "dilation": _axis(lambda w: w.dilation > 1 and w.kernel > 1),
    "stride and dilation": _axis(
        lambda w: w.stride > 1 and w.output > 1 and w.dilation > 1 and w.kernel > 1
    ),
    "padding": _axis(lambda w: w.pad_begin + w.pad_end > 0),
    "asymmetric padding": _axis(lambda w: w.pad_begin != w.pad_end),
    "kernel as large as the padded input": _axis(lambda w: w.kernel > 1 and w.reach == w.padded),
    "windows that read padding only": _axis(_reads_padding_only),
    "input that no window reads": _axis(_leaves_unread),
    "1×1 kernel": lambda g: g.height.kernel == g.width.kernel == 1,
    "a single output": lambda g: g.height.output == g.width.output == 1,
    "axes that differ": lambda g: g.height != g.width,
}
"""Each feature by name, with whether a geometry has it."""


def features(geometry: Geometry) -> tuple[str, ...]:
    """The features that a geometry has."""
    return tuple(name for name, holds in FEATURES.items() if holds(geometry))
