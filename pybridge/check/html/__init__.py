"""A check as a page: one self-contained HTML file with heat maps, scatters and the Lean sources."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pybridge.errors import InputError

if TYPE_CHECKING:
    from pybridge.check.html.page import Page

__all__ = ["open_page"]

_LIBRARIES = ("jinja2", "matplotlib", "pygments")


def open_page(path: Path) -> Page:
    """A page that collects what a check shows it, and is written to `path` at the end.

    Raises `InputError` when a library that it is made with is missing.
    """
    missing = [name for name in _LIBRARIES if not _is_there(name)]
    if missing:
        raise InputError(
            f"--html takes {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed: expected pip install 'pybridge[html]'"
        )
    from pybridge.check.html.page import Page

    return Page(path)


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:
        return False
