"""What a shell completes the values of options with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

__all__ = [
    "case_labels",
    "data_kinds",
    "formats",
    "layer_labels",
    "listed",
    "modes",
    "operations",
    "results",
    "torch_dtypes",
]


def _starting(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def listed(*words: str) -> Callable[[str], list[str]]:
    """What completes to one of a few words."""

    def complete(incomplete: str) -> list[str]:
        return _starting(words, incomplete)

    return complete


def _after_comma(words: Iterable[str], incomplete: str) -> list[str]:
    """Words for the last place of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + word for word in _starting(words, last)]


def case_labels(incomplete: str) -> list[str]:
    """The labels of the built-in cases."""
    from pybridge.check.suite import suite

    return _starting((case.label for case in suite()), incomplete)


def layer_labels(incomplete: str) -> list[str]:
    """The labels of the network layers."""
    from pybridge.check.torch.layers import layers

    return _starting((layer.label for layer in layers()), incomplete)


def formats(incomplete: str) -> list[str]:
    """The formats, by the names of NumPy's dtypes."""
    from pybridge.problem.formats import FORMATS

    return _starting((format.dtype.name for format in FORMATS.values()), incomplete)


def data_kinds(incomplete: str) -> list[str]:
    """The kinds of generated data."""
    from pybridge.check.generate import KINDS

    return _starting(KINDS, incomplete)


def modes(incomplete: str) -> list[str]:
    """The ways to run Lean."""
    from pybridge.lean.interface import Mode

    return _starting(get_args(Mode), incomplete)


def torch_dtypes(incomplete: str) -> list[str]:
    """PyTorch's dtypes, with commas."""
    from pybridge.check.torch.conv2d import DTYPES

    return _after_comma(DTYPES, incomplete)


def results(incomplete: str) -> list[str]:
    """The results of a conv2d."""
    from pybridge.problem.results import Result

    return _starting(Result, incomplete)


def operations(incomplete: str) -> list[str]:
    """The dtypes that a kernel may sum in."""
    return _starting(("float16", "bfloat16", "tf32", "float32", "float64"), incomplete)
