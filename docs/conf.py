"""The site: the pages of this folder, a reference from docstrings, every theorem, and a gallery.

`python -m sphinx -W -b html docs site` builds it (extra `docs`).
"""

from __future__ import annotations

import importlib
import os
import re
import warnings
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pybridge import __version__
from pybridge.cli.theorem import statement
from pybridge.exported.document import Declaration, load_definitions
from pybridge.lean import sources_dir
from pybridge.lean.declared import declared

HERE = Path(__file__).parent
MODULES = ("pybridge", "pybridge.testing", "pybridge.ops", "pybridge.torch", "pybridge.networks")

SITE = """
## Only on this site

- [Reference](reference.md)
- [Theorem index](theorem-index.md)
- [Gallery](pictures/index.rst)

```{toctree}
:hidden:
:caption: Only on this site

reference
theorem-index
pictures/index
```
"""

project = "pybridge"
author = "The pybridge authors"
version = release = __version__
root_doc = "index"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["gallery/*"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
nitpicky = False
default_role = "code"
html_theme = "furo"
html_title = f"pybridge {__version__}"
html_copy_source = False
pygments_style = "friendly"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_ref_domains = ["std"]
napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "imported-members": True}
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "pictures",
    "filename_pattern": "plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "copyfile_regex": r".*\.md",
    "show_memory": False,
    "plot_gallery": os.environ.get("PYBRIDGE_GALLERY", "1") == "1",
}
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")


def setup(app: Sphinx) -> None:
    """Register what is generated before and while pages are read."""
    app.connect("builder-inited", write_generated)
    app.connect("source-read", read_page)
    app.connect("autodoc-process-docstring", escape_docstring)
    app.connect("autodoc-process-signature", shorten_signature)


def write_generated(app: Sphinx) -> None:
    """Write the reference and the theorem index, which are not committed."""
    _write("reference.md", _reference())
    _write("theorem-index.md", _theorem_index())


def _write(name: str, text: str) -> None:
    path = HERE / name
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _reference() -> str:
    parts = ["# Reference\n\nEverything that a program may import. All else is internal.\n"]
    seen: list[object] = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        things = {member: getattr(module, member) for member in module.__all__}
        again = ", ".join(member for member, thing in things.items() if thing in seen)
        seen += things.values()
        exclude = f"\n   :exclude-members: {again}" if again else ""
        parts.append(f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}{exclude}\n```\n")
    return "\n".join(parts)


def _theorem_index() -> str:
    """Return every declaration that docs/theorems.md names, with its statement."""
    library = declared(sources_dir()) | load_definitions().declarations
    text = (HERE / "theorems.md").read_text(encoding="utf-8")
    named = dict.fromkeys(
        name for name in re.findall(r"`([\w.'₀-₉]+)`", text) if f"RuntimeApprox.{name}" in library
    )
    groups: dict[str, list[str]] = {}
    for name in named:
        groups.setdefault(library[f"RuntimeApprox.{name}"].module, []).append(name)
    parts = [
        "# Theorem index\n\nEvery declaration that [theorems.md](theorems.md) names, with its "
        "statement, as the Lean files have it. Proofs are left out: `pybridge theorem NAME "
        "--proof` prints them.\n"
    ]
    for module in sorted(groups):
        parts.append(f"## {module}\n")
        parts += [_entry(name, library[f"RuntimeApprox.{name}"]) for name in groups[module]]
    return "\n".join(parts)


def _entry(name: str, declaration: Declaration) -> str:
    place = f"lean/{declaration.file}:{declaration.start[0]}"
    source = statement(declaration.source)
    return f"(lean-{name.lower()})=\n### `{name}`\n\n`{place}`\n\n```lean4\n{source}\n```\n"


def read_page(app: Sphinx, name: str, content: list[str]) -> None:
    """Adapt a page that GitHub shows, too: links out of the folder, theorems, the index's trees."""
    text = content[0]
    if name == "index":
        text += _trees(text) + SITE
    text = re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"\1", text)
    if name == "theorems":
        index = (HERE / "theorem-index.md").read_text(encoding="utf-8")
        known = set(re.findall(r"^### `(.+)`$", index, re.MULTILINE))

        def link(found: re.Match[str]) -> str:
            if found[1] not in known:
                return found[0]
            return f"[`{found[1]}`](#lean-{found[1].lower()})"

        text = re.sub(r"`([\w.']+)`", link, text)
    content[0] = text


def _trees(text: str) -> str:
    """Return a table of contents for each list of the index, which is a caption and links."""
    return "".join(
        "\n```{toctree}\n:hidden:\n:caption: " + caption + "\n\n" + "\n".join(pages) + "\n```\n"
        for caption, body in re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", text, re.MULTILINE)
        if (pages := re.findall(r"\]\(([\w/-]+)\.(?:md|rst)\)", body))
    )


def escape_docstring(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Turn Markdown into reStructuredText: fenced code, and bars and stars outside of code."""
    fenced = False
    changed = []
    for line in lines:
        if line.lstrip().startswith("```"):
            fenced = not fenced
            language = line.strip().removeprefix("```") or "text"
            changed += ["", f".. code-block:: {language}", ""] if fenced else [""]
        elif fenced:
            changed.append(f"    {line}")
        else:
            changed.append(
                "".join(
                    part
                    if part.startswith("`")
                    else re.sub(r"(\||(?!^)\*|^\*(?! ))", r"\\\1", part)
                    for part in re.split(r"(`[^`]*`)", line)
                )
            )
    lines[:] = changed


def shorten_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leave out the signatures of classes, which their docstrings describe field by field."""
    return ("", "") if what == "class" else None
