"""Finds and runs Lean: native, as WebAssembly, or replaced by recorded evaluations.

`find` chooses one, which evaluates cases, exports the definitions and compiles the library.
"""

# ruff: noqa: E402
from pybridge.extras import require_command_line

require_command_line()  # `python -m pybridge.lean` imports this package before any of `cli`

from pybridge.lean.discovery import find
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import PINNED, BuildResult, Kind, Lean, Message, Mode
from pybridge.lean.protocol import (
    CaseResult,
    TensorResult,
    format_number,
    parse_number,
    parse_results,
)
from pybridge.lean.sources import Project, sources_dir

__all__ = [
    "PINNED",
    "BuildResult",
    "CaseResult",
    "Kind",
    "Lean",
    "LeanError",
    "LeanNotFound",
    "Message",
    "Mode",
    "Project",
    "TensorResult",
    "find",
    "format_number",
    "parse_number",
    "parse_results",
    "sources_dir",
]
