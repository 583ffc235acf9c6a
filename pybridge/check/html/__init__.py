"""A check as a page: one self-contained HTML file with heat maps, scatters and the Lean sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pybridge.errors import InputError
from pybridge.extras import install_command, missing

if TYPE_CHECKING:
    from pybridge.check.html.page import Page

__all__ = ["open_page"]


def open_page(path: Path) -> Page:
    """A page that collects what a check shows it, and is written to `path` at the end.

    Raises `InputError` when a library that it is made with is missing.
    """
    if lacking := missing("jinja2", "matplotlib", "pygments"):
        raise InputError(f"--html needs {', '.join(lacking)}: {install_command('html')}")
    from pybridge.check.html.page import Page

    return Page(path)
