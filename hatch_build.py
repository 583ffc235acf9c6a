"""The parts of the metadata that depend on where the repository is: its URLs, and README's links.

PyPI shows README without the repository, so its links have to be absolute there. The address is the
one of the repository whose workflow builds (`GITHUB_REPOSITORY`), or `PYBRIDGE_REPOSITORY_URL`.
Without either, README stays as it is, and there are no URLs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = ["Links", "absolute", "repository"]


class Links(MetadataHookInterface):
    """Sets `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set both in the metadata of the project."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if url := repository(os.environ):
            text = absolute(text, url)
            metadata["urls"] = {
                "Source": url,
                "Issues": f"{url}/issues",
                "Documentation": f"{url}/blob/main/docs/index.md",
                "Changelog": f"{url}/blob/main/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def repository(environment: Mapping[str, str]) -> str:
    """Return the address of the repository; empty if the environment does not say it."""
    if url := environment.get("PYBRIDGE_REPOSITORY_URL"):
        return url.rstrip("/")
    server, name = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")
    return f"{server}/{name}" if server and name else ""


def absolute(text: str, url: str) -> str:
    """Return a page of the repository's root with absolute links, and raw addresses of pictures."""

    def link(found: re.Match[str]) -> str:
        kind = "raw" if found[1] else "blob"
        return f"{found[1]}[{found[2]}]({url}/{kind}/main/{found[3]})"

    return re.sub(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)", link, text)
