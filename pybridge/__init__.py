"""Conv2d gradients with error bounds proved in Lean, evaluated from the exported definitions.

What is exported is imported when it is first used: commands start at once, and `pybridge.doctor`
runs where NumPy does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybridge.accumulation import Accumulation
    from pybridge.breakdown import Contribution, Explanation, explain
    from pybridge.cases import Case
    from pybridge.certificate import Certificate, certify_gradient, certify_output
    from pybridge.conv2d import Bounded, Conv2dGradients, conv2d_backward, conv2d_forward
    from pybridge.definitions import Definitions, DefinitionsError, load_definitions
    from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
    from pybridge.geometry import Geometry, Window

__all__ = [
    "Accumulation",
    "Bounded",
    "Case",
    "Certificate",
    "Contribution",
    "Conv2dGradients",
    "Definitions",
    "DefinitionsError",
    "Explanation",
    "Geometry",
    "InputError",
    "InputTypeError",
    "RoundingOverflowError",
    "Window",
    "certify_gradient",
    "certify_output",
    "conv2d_backward",
    "conv2d_forward",
    "explain",
    "load_definitions",
]

_EXPORTED = {
    "accumulation": ("Accumulation",),
    "breakdown": ("Contribution", "Explanation", "explain"),
    "cases": ("Case",),
    "certificate": ("Certificate", "certify_gradient", "certify_output"),
    "conv2d": ("Bounded", "Conv2dGradients", "conv2d_backward", "conv2d_forward"),
    "definitions": ("Definitions", "DefinitionsError", "load_definitions"),
    "errors": ("InputError", "InputTypeError", "RoundingOverflowError"),
    "geometry": ("Geometry", "Window"),
}
_MODULES = {name: module for module, names in _EXPORTED.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
