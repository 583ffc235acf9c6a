"""A check as a page: one self-contained HTML file with its pictures and the Lean sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pybridge.errors import InputError
from pybridge.extras import install_command, missing

if TYPE_CHECKING:
    from pybridge.check.html.page import Page

__all__ = ["open_page"]


def open_page(path: Path, command: str) -> Page:
    """Return a page that collects the results of a check, run by a `command`.

    Raises `InputError` if a library that the page needs is missing.
    """
    if lacking := missing("jinja2", "matplotlib", "pygments"):
        raise InputError(f"--html needs {', '.join(lacking)}: {install_command('html')}")
    from pybridge.check.html.page import Page

    return Page(path, command)
