"""Pages whose numbers a command writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import page
from pybridge.errors import InputError

TEXT = "# A page\n\n<!-- one -->\n\nold\n\n<!-- end of one -->\n\nProse.\n"


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "page.md").write_text(TEXT)
    monkeypatch.setattr(page, "DOCS", tmp_path)
    return tmp_path


def test_what_is_between_the_marks_is_replaced(docs: Path) -> None:
    page.fill("page.md", {"one": "new\n"}, docs / "made")
    assert (docs / "made" / "page.md").read_text() == TEXT.replace("old", "new")
    page.fill("page.md", {"one": "old"}, docs)
    assert (docs / "page.md").read_text() == TEXT


def test_parts_of_other_commands_stay(docs: Path) -> None:
    text = TEXT + "\n<!-- two -->\n\nold\n\n<!-- end of two -->\n"
    (docs / "page.md").write_text(text)
    page.fill("page.md", {"one": "new"}, docs, others=["two"])
    assert (docs / "page.md").read_text() == text.replace("old", "new", 1)


@pytest.mark.parametrize("parts", [{}, {"two": ""}, {"one": "", "two": ""}])
def test_other_parts_are_refused(docs: Path, parts: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"docs/page\.md has marks of \['one'\], expected"):
        page.fill("page.md", parts, docs)
    assert (docs / "page.md").read_text() == TEXT
