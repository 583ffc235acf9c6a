"""Conv2d gradients with error bounds proved in Lean, evaluated from the exported definitions.

Exported names are imported when they are first used, so that commands start at once, and
`pybridge.doctor` runs even if NumPy cannot be imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybridge.bounds.certify import ProvedBound
    from pybridge.bounds.computed import Bounded
    from pybridge.bounds.conv2d import (
        Conv2dGradients,
        certify_gradient,
        certify_output,
        conv2d_backward,
        conv2d_forward,
    )
    from pybridge.bounds.explain import Contribution, Explanation, explain
    from pybridge.bounds.operation import Operation
    from pybridge.engine.accumulation import Accumulation
    from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
    from pybridge.exported.document import Definitions, load_definitions
    from pybridge.exported.expressions import DefinitionsError
    from pybridge.problem.case import Case
    from pybridge.problem.geometry import Geometry, Window

__version__ = "0.1.0"

__all__ = [
    "Accumulation",
    "Bounded",
    "Case",
    "Contribution",
    "Conv2dGradients",
    "Definitions",
    "DefinitionsError",
    "Explanation",
    "Geometry",
    "InputError",
    "InputTypeError",
    "Operation",
    "ProvedBound",
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
    "bounds.certify": ("ProvedBound",),
    "bounds.computed": ("Bounded",),
    "bounds.conv2d": (
        "Conv2dGradients",
        "certify_gradient",
        "certify_output",
        "conv2d_backward",
        "conv2d_forward",
    ),
    "bounds.explain": ("Contribution", "Explanation", "explain"),
    "bounds.operation": ("Operation",),
    "engine.accumulation": ("Accumulation",),
    "errors": ("InputError", "InputTypeError", "RoundingOverflowError"),
    "exported.document": ("Definitions", "load_definitions"),
    "exported.expressions": ("DefinitionsError",),
    "problem.case": ("Case",),
    "problem.geometry": ("Geometry", "Window"),
}
_MODULES = {name: module for module, names in _EXPORTED.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
