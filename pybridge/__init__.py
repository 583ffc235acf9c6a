"""Conv2d gradients with error bounds proved in Lean, evaluated from the exported definitions."""

from pybridge.accumulation import Accumulation
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
    "Conv2dGradients",
    "Definitions",
    "DefinitionsError",
    "Geometry",
    "InputError",
    "InputTypeError",
    "RoundingOverflowError",
    "Window",
    "certify_gradient",
    "certify_output",
    "conv2d_backward",
    "conv2d_forward",
    "load_definitions",
]
