"""The page: self-contained, well formed, escaped, readable, and true to what was compared."""

from __future__ import annotations

import base64
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from pybridge.bounds.explain import number
from pybridge.check.compare import check_case
from pybridge.check.html import open_page
from pybridge.check.html.page import made_of, render
from pybridge.check.html.pictures import Picture, _positions, _tiles, maps, overview
from pybridge.check.html.sources import LAW_SOURCES, source
from pybridge.check.observed import Observed
from pybridge.check.problems import Problem
from pybridge.check.report import CaseReport, CheckReport, LeanReport
from pybridge.check.suite import suite
from pybridge.cli import check as check_module
from pybridge.cli import session
from pybridge.cli.check import app, check_cases
from pybridge.errors import InputError
from pybridge.exported.document import load_definitions
from pybridge.extras import DISTRIBUTION, install_command
from pybridge.lean import find, sources_dir
from pybridge.lean.protocol import CaseResult, parse_results
from pybridge.problem.case import Case
from pybridge.problem.results import Result, statement

RUNNER = CliRunner()
SUITE = {case.label: case for case in suite()}
LABELS = ("binary32-basic-eps", "binary16-overflow", "binary32-stride-unread", "binary64-tiny")
DEFINITIONS = load_definitions()
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "report.md"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(HTMLParser):
    """Checks that tags nest, and keeps attributes, identifiers and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        all_values = [attributes.get(attribute) for _, attributes in self.tags]
        return [value for value in all_values if value is not None]

    def count(self, tag: str, kind: str = "") -> int:
        return sum(
            name == tag and (not kind or kind in (attributes.get("class") or "").split())
            for name, attributes in self.tags
        )


def checked(
    cases: list[Case], change: Mapping[str, CaseResult] | None = None
) -> tuple[CheckReport, dict[tuple[str, str], Observed]]:
    """Return the report on cases against the recorded Lean, and what was observed."""
    lean = find("recorded")
    answers = parse_results(lean.evaluate("".join(case.to_text() for case in cases)))
    answers |= change or {}
    observed: dict[tuple[str, str], Observed] = {}

    def keep(result: Observed) -> None:
        observed[result.case.name, result.which] = result

    reports = [check_case(case, answers[case.name], DEFINITIONS, 0, keep) for case in cases]
    return report_of(reports), observed


def report_of(reports: list[CaseReport], description: str = "recorded") -> CheckReport:
    return CheckReport(
        lean=LeanReport(kind="recorded", description=description),
        toolchain=DEFINITIONS.toolchain,
        definitions_sha256=DEFINITIONS.sha256,
        seed=0,
        seconds=1.0,
        cases=tuple(reports),
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the page that the command writes of a few cases."""
    path = tmp_path_factory.mktemp("page") / "a page ü.html"
    arguments = [part for label in LABELS for part in ("--case", label)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["/usr/bin/check", *arguments])
        result = RUNNER.invoke(app, [*arguments, "--lean", "recorded", "--html", str(path)])
    assert result.exit_code == 0, result.output
    assert list(path.parent.iterdir()) == [path]
    return path.read_text("utf-8")


def test_page_is_well_formed_and_every_link_leads_somewhere(page: str) -> None:
    read = Reader(page)
    identifiers = read.values("id")
    assert len(identifiers) == len(set(identifiers))
    links = read.values("href")
    assert links
    for link in links:
        assert link.startswith("#")
        assert link[1:] in identifiers
    assert set(re.findall(r"url\(#(\w+)\)", page)) <= set(identifiers)
    labelled = set(read.values("aria-labelledby"))
    assert labelled <= set(identifiers)


def test_page_needs_nothing_else(page: str) -> None:
    read = Reader(page)
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in read.tags}
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert all(source.startswith("data:") for source in read.values("src"))
    assert "default-src 'none'" in page
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    for path in (sources_dir(), Path.home(), Path(check_module.__file__).parent):
        assert str(path) not in page


def test_the_page_begins_with_verdict_versions_date_command_and_one_scatter(page: str) -> None:
    head = page.split('<section aria-labelledby="page-cases">')[0]
    opening = head.split('<header class="opening">')[1].split("</header>")[0]
    text = " ".join(" ".join(Reader(opening).text).split())
    assert text.startswith(f"✓ All {len(LABELS)} cases hold")
    for expected in (
        "command check --case binary32-basic-eps",
        f"pybridge {importlib.metadata.version(DISTRIBUTION)}",
        f"NumPy {np.__version__}",
        "recorded evaluations by",
        DEFINITIONS.sha256,
        DEFINITIONS.toolchain,
    ):
        assert expected in text
    assert re.search(r"date \d{4}-\d{2}-\d{2}", text)
    assert head.count("<img ") == 1
    for result in Result:
        assert statement(result.words, result.operands)[9:] in " ".join(
            " ".join(Reader(page).text).split()
        )


def test_cases_are_folded_and_their_anchors_are_their_labels(page: str) -> None:
    read = Reader(page)
    assert read.count("details", "case") == len(LABELS)
    assert not [a for tag, a in read.tags if tag == "details" and "open" in a]
    assert set(LABELS) <= set(read.values("id"))
    twice, observed = checked([SUITE[LABELS[0]]])
    again = twice.model_copy(update={"cases": twice.cases * 2})
    identifiers = Reader(render(again, observed, DEFINITIONS, "check")).values("id")
    assert len(identifiers) == len(set(identifiers))


def test_each_result_has_a_picture_with_a_text_for_screen_readers(page: str) -> None:
    images = [attributes for tag, attributes in Reader(page).tags if tag == "img"]
    texts = [image["alt"] or "" for image in images]
    assert [text.startswith("Scatter of ") for text in texts] == [True] + [False] * 4 * len(LABELS)
    assert all(text.startswith("Heat maps of ") for text in texts[1:])
    assert any("overflowed" in text for text in texts)
    assert not any("beyond the bound" in text for text in texts)
    for image in images:
        svg = svg_of(image["src"] or "")
        size = [float(svg.attrib[name].removesuffix("pt")) * 4 / 3 for name in ("width", "height")]
        assert size == pytest.approx([int(image["width"] or 0), int(image["height"] or 0)], abs=1)


def svg_of(data: str) -> ElementTree.Element:
    return ElementTree.fromstring(base64.b64decode(data.removeprefix("data:image/svg+xml;base64,")))


def texts_of(picture: Picture) -> str:
    return " ".join(" ".join(svg_of(picture.data).itertext()).split())


def test_error_and_bound_share_a_scale_which_reaches_below_the_least_float() -> None:
    tiny = Fraction(1, 2**3000)
    case = SUITE["binary32-one-by-one"]
    shape = (1, 2, 1, 2)
    errors = (tiny, Fraction(0), None, 3 * tiny)
    bounds = (4 * tiny, tiny, tiny, 2 * tiny)
    result = Observed(case, "output", shape, errors, bounds)
    picture = maps(result)
    assert "1 without error, 1 overflowed, 1 beyond the bound" in picture.alt
    assert "largest error / bound 1.5" in picture.alt
    text = texts_of(picture)
    assert text.count("e-903") >= 1
    assert [text.count(title) for title in ("true error", "error / bound")] == [1, 1]
    scatter = overview([result])
    assert scatter is not None
    assert "3 entries: the largest is 1.100, 1 are beyond" in scatter.alt
    assert overview([Observed(case, "output", (1,), (None,), (tiny,))]) is None


@pytest.mark.parametrize(
    "shape", [(1,), (7,), (3, 5), (2, 3, 4), (2, 3, 4, 5), (64, 2, 3, 3), (2, 3, 4, 5, 6)]
)
def test_every_entry_has_a_place_of_its_own_in_the_picture(shape: tuple[int, ...]) -> None:
    count = int(np.prod(shape))
    picture = _tiles(np.arange(float(count)).reshape(shape))
    columns, rows = _positions(range(count), shape)
    assert picture[rows, columns].tolist() == list(range(count))
    assert np.isfinite(picture).sum() == count


def test_figures_are_true_to_the_report() -> None:
    cases = [SUITE[label] for label in LABELS]
    report, observed = checked(cases)
    for case in report.cases:
        for which, tensor in case.tensors.items():
            result = observed[case.name, which]
            assert result.shape == tensor.shape
            assert sum(error is None for error in result.errors) == tensor.overflowed
            worst = result.worst()
            made = made_of(result, DEFINITIONS)
            if worst is None:
                assert made is None
                continue
            error = result.errors[worst]
            assert error is not None
            assert float(error / result.bounds[worst]) == tensor.error_ratio
            assert made is not None
            assert made.bound == number(result.bounds[worst])
            assert sum(share for _, share, _ in made.parts) == pytest.approx(100, abs=0.05)
            assert f"Heat maps of {len(result.errors)} entries" in maps(result).alt


def test_a_broken_bound_is_marked_and_told() -> None:
    case = SUITE["binary32-basic"]
    text = find("recorded").evaluate(case.to_text())
    result = parse_results(text)[case.name]
    tensor = result.tensors["weight"]
    small = replace(tensor, bound=tuple(bound / 2**10 for bound in tensor.bound))
    wrong = replace(result, tensors={**result.tensors, "weight": small})
    report, observed = checked([case, SUITE["binary32-one-by-one"]], {case.name: wrong})
    assert not report.passed
    page = render(report, observed, DEFINITIONS, "check")
    read = Reader(page)
    weight = observed[case.name, "weight"]
    beyond = sum((e or 0) > b for e, b in zip(weight.errors, weight.bounds, strict=True))
    assert beyond > 0
    text = " ".join(read.text)
    assert "1 of 2 cases do not hold" in text
    assert "true error beyond the bound" in text
    assert f"{beyond} beyond the bound" in page


def test_whatever_users_and_lean_say_is_escaped() -> None:
    evil = "<script>alert('&\"')</script>"
    case = CaseReport.of(SUITE["binary32-one-by-one"])
    refused = case.model_copy(update={"label": evil, "name": evil}).with_problem("unreadable", evil)
    good, observed = checked([SUITE["binary32-one-by-one"]])
    tensors = {
        name: tensor.model_copy(update={"problems": (Problem(kind="unreadable", detail=evil),)})
        for name, tensor in good.cases[0].tensors.items()
    }
    renamed = good.cases[0].model_copy(update={"label": evil, "tensors": tensors})
    page = render(report_of([refused, renamed], evil), observed, DEFINITIONS, "check")
    read = Reader(page)
    assert read.count("script") == 0
    assert "<script" not in page
    assert " ".join(read.text).count(evil) >= 8


def test_a_check_that_was_stopped_says_so() -> None:
    report, observed = checked([SUITE["binary32-one-by-one"]])
    stopped = report.model_copy(update={"stopped": "interrupted", "missing": ("next#1", "last#2")})
    text = " ".join(" ".join(Reader(render(stopped, observed, DEFINITIONS, "check")).text).split())
    assert "Stopped early: 1 of 3 cases were checked" in text
    assert "Not checked: next#1, last#2" in text
    assert "hold ·" not in text


def test_a_check_of_nothing_is_not_a_pass() -> None:
    assert "No case was checked" in render(report_of([]), {}, DEFINITIONS, "check")


def test_sources_are_those_of_the_definitions_and_stand_where_it_says(page: str) -> None:
    text_of_page = "".join(Reader(page).text)
    names = [r.lean.bound for r in Result] + [r.lean.entry for r in Result]
    for name in (*names, *LAW_SOURCES):
        quoted = source(name, DEFINITIONS)
        assert DEFINITIONS.declarations[name].source in text_of_page
        file, line = quoted.place.removeprefix("lean/").split(":")
        text = (sources_dir() / file).read_text("utf-8").split("\n")[int(line) - 1 :]
        assert DEFINITIONS.declarations[name].source.split("\n")[0] == text[0]


def colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", css))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_has_enough_contrast(page: str, theme: str) -> None:
    light, dark, printed = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    chosen = colours({"light": light, "dark": dark, "print": printed}[theme])
    for ground in ("paper", "panel"):
        for ink in ("ink", "muted", "accent", "good", "bad"):
            pair = sorted((luminance(chosen[ground]), luminance(chosen[ink])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (ground, ink)


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib", "pygments"])
def test_a_missing_library_is_told_before_anything_is_computed(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(session, "find", lambda *_, **__: pytest.fail("Lean was looked for"))
    result = RUNNER.invoke(app, ["--html", str(tmp_path / "page.html")])
    assert result.exit_code == 2
    assert result.stderr == (f"error: --html needs {missing}: {install_command('html')}\n")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=missing):
        open_page(tmp_path / "page.html", "check")


def test_a_page_belongs_to_a_check_against_lean(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["--against", "torch", "--html", str(tmp_path / "page.html")])
    assert result.exit_code == 2
    assert "--html applies to checks against Lean" in result.stderr


def test_a_page_without_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "page.html"
    result = RUNNER.invoke(app, ["--lean", "recorded", "--html", str(path)])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --html: ")
    assert result.stderr.count("\n") == 1


def test_the_command_does_without_the_libraries_where_no_page_is_asked_for() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('jinja2', 'matplotlib')));"
        "import pybridge.check, pybridge.explanation"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_observer_sees_what_check_cases_compares() -> None:
    seen: list[Observed] = []
    case = SUITE["binary32-one-by-one"]
    report = check_cases([case], find("recorded"), DEFINITIONS, observe=seen.append)
    assert report.passed
    assert [result.which for result in seen] == list(Result)
    assert all(result.case is case for result in seen)


def test_the_page_of_the_suite_is_of_reasonable_size() -> None:
    report, observed = checked(list(SUITE.values()))
    page = render(report, observed, DEFINITIONS, "check")
    entries = sum(len(result.errors) for result in observed.values())
    size = f"{len(SUITE)} cases and {entries} entries, is {len(page.encode()) / 1e6:.0f} MB."
    assert size in " ".join(DOCUMENT.read_text("utf-8").split())
    assert page.count('<details class="case">') == len(SUITE)


def test_the_pictures_that_the_document_shows_are_there_and_small() -> None:
    text = DOCUMENT.read_text("utf-8")
    for name in ("report.png", "report-phone.png"):
        assert text.count(name) >= 2
        picture = (DOCUMENT.parent / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= 300_000
