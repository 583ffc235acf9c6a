"""What the package says about itself: README's links as PyPI shows them, and the citation."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pybridge
from hatch_build import Links, absolute, repository

ROOT = Path(__file__).resolve().parents[1]
HOME = "https://example.org/who/what"


def test_on_pypi_the_links_of_readme_are_absolute_and_lead_to_files() -> None:
    metadata: dict[str, dict[str, str]] = {}
    with_hook = Links(str(ROOT), {})
    with_hook.update(metadata)
    assert "urls" not in metadata
    text = absolute(metadata["readme"]["text"], HOME)
    links = re.findall(r"\]\(([^)]+)\)", text)
    ours = [link for link in links if link.startswith(HOME)]
    assert len(ours) > 20
    for link in ours:
        path = re.sub(rf"^{HOME}/(blob|raw)/main/", "", link).partition("#")[0]
        assert (ROOT / path).exists(), link
    assert all(link.startswith(("#", "https://")) for link in links)
    assert any("/raw/main/docs/" in link for link in ours)


def test_the_address_comes_from_the_environment() -> None:
    github = {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_REPOSITORY": "who/what"}
    assert repository(github) == HOME
    assert repository({"PYBRIDGE_REPOSITORY_URL": f"{HOME}/"}) == HOME
    assert repository({}) == ""


def test_citation_and_package_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {pybridge.__version__}\n" in citation
    assert f"\nlicense: {project['license']}\n" in citation
    assert all(f"- name: {author['name']}\n" in citation for author in project["authors"])


def test_the_example_workflow_runs_and_notices_a_bug(tmp_path: Path) -> None:
    workflow = (ROOT / "examples" / "check-gradients.yml").read_text(encoding="utf-8")
    script = textwrap.dedent(
        workflow.split("run: |\n")[1].split("      - run: python -m pytest")[0]
    )
    source = script.split("<<'END'\n")[1].split("END\n")[0]
    test = tmp_path / "test_gradients.py"
    for code, status in ((source, 0), (source.replace("len(x)", "len(x) // 2"), 1)):
        test.write_text(code, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == status
