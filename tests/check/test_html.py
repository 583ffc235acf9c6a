"""The page: self-contained, well formed, escaped, readable, and true to what was compared."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pybridge.bounds.explain import number
from pybridge.check.compare import check_case
from pybridge.check.html import open_page
from pybridge.check.html.heatmap import heatmap
from pybridge.check.html.page import figures, made_of, render
from pybridge.check.html.panels import LARGEST, WIDTH, layout
from pybridge.check.html.scales import RATIO, Scale, colour, decade, log10
from pybridge.check.html.scatter import scatter
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
from pybridge.extras import install_command
from pybridge.lean import find, sources_dir
from pybridge.lean.protocol import CaseResult, parse_results
from pybridge.problem.case import Case
from pybridge.problem.results import Result

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
        found = [attributes.get(attribute) for _, attributes in self.tags]
        return [value for value in found if value is not None]

    def count(self, tag: str, kind: str = "") -> int:
        return sum(
            name == tag and (not kind or kind in (attributes.get("class") or "").split())
            for name, attributes in self.tags
        )


def checked(
    cases: list[Case], change: Mapping[str, CaseResult] | None = None
) -> tuple[CheckReport, dict[tuple[str, str], Observed]]:
    """The report on cases against the recorded Lean, and what was observed."""
    lean = find("recorded")
    found = parse_results(lean.evaluate("".join(case.to_text() for case in cases)))
    found |= change or {}
    observed: dict[tuple[str, str], Observed] = {}

    def keep(result: Observed) -> None:
        observed[result.case.name, result.which] = result

    reports = [check_case(case, found[case.name], DEFINITIONS, 0, keep) for case in cases]
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
    """The page that the command writes of a few cases."""
    path = tmp_path_factory.mktemp("page") / "a page ü.html"
    arguments = [part for label in LABELS for part in ("--case", label)]
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


def test_page_says_verdict_lean_and_digest(page: str) -> None:
    text = " ".join(" ".join(Reader(page).text).split())
    assert f"All {len(LABELS)} cases hold" in text
    assert "recorded evaluations by" in text
    assert DEFINITIONS.sha256 in text
    assert DEFINITIONS.toolchain in text
    for label in LABELS:
        assert text.count(label) == 2
    for statement in Result:
        assert statement.statement in text


def test_each_result_has_its_figures_with_texts_for_who_does_not_see_them(page: str) -> None:
    read = Reader(page)
    images = [attributes for tag, attributes in read.tags if tag == "svg"]
    shown = [a for a in images if a.get("role") == "img"]
    assert all(a.get("aria-label") for a in shown)
    assert all(a.get("aria-hidden") == "true" for a in images if a not in shown)
    scatters = [a for a in shown if (a["aria-label"] or "").startswith("Scatter")]
    maps = [a for a in shown if (a["aria-label"] or "").startswith("Heat map")]
    assert len(maps) == 3 * 4 * len(LABELS)
    overflowed_entirely = 1
    assert len(scatters) == 4 * len(LABELS) - overflowed_entirely
    assert read.count("rect", "overflow")
    assert read.count("rect", "zero")
    assert read.count("path", "beyond") == 0


def test_figures_are_true_to_the_report() -> None:
    cases = [SUITE[label] for label in LABELS]
    report, observed = checked(cases)
    for case in report.cases:
        for which, tensor in case.tensors.items():
            found = observed[case.name, which]
            assert found.shape == tensor.shape
            assert sum(error is None for error in found.errors) == tensor.overflowed
            worst = found.worst()
            made = made_of(found, DEFINITIONS)
            if worst is None:
                assert made is None
                continue
            error = found.errors[worst]
            assert error is not None
            assert float(error / found.bounds[worst]) == tensor.error_ratio
            assert made is not None
            assert made.bound == number(found.bounds[worst])
            assert sum(share for _, share, _ in made.parts) == pytest.approx(100, abs=0.05)
            maps = figures(found).maps
            assert [len(m.cells) for m in maps] == [len(found.errors)] * 3
            assert all(m.cells[worst].title == maps[0].cells[worst].title for m in maps)


def test_a_broken_bound_is_marked_and_told() -> None:
    case = SUITE["binary32-basic"]
    text = find("recorded").evaluate(case.to_text())
    result = parse_results(text)[case.name]
    tensor = result.tensors["weight"]
    small = replace(tensor, bound=tuple(bound / 2**10 for bound in tensor.bound))
    wrong = replace(result, tensors={**result.tensors, "weight": small})
    report, observed = checked([case, SUITE["binary32-one-by-one"]], {case.name: wrong})
    assert not report.passed
    page = render(report, observed, DEFINITIONS)
    read = Reader(page)
    beyond = sum(e > b for e, b in zip(*errors_and_bounds(observed, case), strict=True))
    assert beyond > 0
    crosses = 3 * beyond + 3 + beyond
    assert read.count("path", "beyond") <= crosses
    assert read.count("path", "beyond") > 3 * beyond
    text = " ".join(read.text)
    assert "1 of 2 cases do not hold" in text
    assert "true error beyond the bound" in text
    assert "beyond its bound" in text
    assert f"{beyond} beyond the bound" in page


def errors_and_bounds(
    observed: Mapping[tuple[str, str], Observed], case: Case
) -> tuple[list[Fraction], list[Fraction]]:
    found = observed[case.name, "weight"]
    return [error or Fraction(0) for error in found.errors], list(found.bounds)


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
    page = render(report_of([refused, renamed], evil), observed, DEFINITIONS)
    read = Reader(page)
    assert read.count("script") == 0
    assert "<script" not in page
    assert " ".join(read.text).count(evil) >= 8


def test_a_check_that_was_stopped_says_so() -> None:
    report, observed = checked([SUITE["binary32-one-by-one"]])
    stopped = report.model_copy(update={"stopped": "interrupted", "missing": ("next#1", "last#2")})
    text = " ".join(" ".join(Reader(render(stopped, observed, DEFINITIONS)).text).split())
    assert "Stopped early: 1 of 3 cases were checked" in text
    assert "Not checked: next#1, last#2" in text
    assert "hold ·" not in text


def test_a_check_of_nothing_is_not_a_pass() -> None:
    assert "No case was checked" in render(report_of([]), {}, DEFINITIONS)


def test_sources_are_those_of_the_definitions_and_stand_where_it_says(page: str) -> None:
    shown = "".join(Reader(page).text)
    names = [r.lean.bound for r in Result] + [r.lean.entry for r in Result]
    for name in (*names, *LAW_SOURCES):
        found = source(name, DEFINITIONS)
        assert DEFINITIONS.declarations[name].source in shown
        file, line = found.place.removeprefix("lean/").split(":")
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


@pytest.mark.parametrize(
    "shape",
    [(1,), (7,), (100,), (1, 1, 1, 24), (2, 3, 4, 5), (8, 1, 3, 3), (64, 2, 3, 3), (3, 40, 1, 1),
     (1, 1, 5, 200), (40, 40, 3, 3), (1, 1, 70, 70)],
)  # fmt: skip
def test_every_entry_has_a_place_of_its_own_in_the_figure(shape: tuple[int, ...]) -> None:
    found = layout(shape, "oi")
    places = np.array(found.places)
    assert len(places) == np.prod(shape)
    assert len(np.unique(np.round(places / found.cell, 3), axis=0)) == len(places)
    assert places[:, 0].max() + found.cell <= WIDTH + 1e-6
    assert places[:, 1].max() + found.cell <= found.height + 1e-6
    assert found.cell > 0.5
    assert found.labels
    if len(shape) == 4:
        panel = places.reshape(-1, *shape[2:], 2)
        assert np.allclose(np.diff(panel[..., 0], axis=2), found.cell)
        assert np.allclose(np.diff(panel[..., 1], axis=1), found.cell)


def test_large_tensors_are_images() -> None:
    shape = (40, 40, 3, 3)
    count = int(np.prod(shape))
    assert count > LARGEST
    numbers = [None if k == 0 else Fraction(k % 5, 7) for k in range(count)]
    drawn = heatmap(
        "error", numbers, [""] * count, [False] * count, layout(shape, "oi"), zero="exact"
    )
    assert drawn.cells == ()
    png = base64.b64decode(drawn.image)
    assert png.startswith(b"\x89PNG")
    assert len(png) < 200_000
    assert drawn.image_width <= WIDTH
    assert "1 overflowed" in drawn.alt


def test_scales_reach_below_the_least_float() -> None:
    tiny = Fraction(1, 2**3000)
    assert log10(tiny) == pytest.approx(-903.09, abs=0.01)
    scale = Scale.over([tiny, Fraction(1)])
    assert scale is not None
    assert (scale.at(log10(tiny)), scale.at(0.0)) == (0.0, 1.0)
    assert Scale.over([]) is None
    assert RATIO.at(log10(Fraction(1, 10**9))) == 0.0
    assert colour(0.0) != colour(1.0)
    assert decade(-12) == "10⁻¹²"
    drawn = scatter([tiny, Fraction(0)], [Fraction(1)] * 2, ["a", "b"], [False] * 2)
    assert drawn is not None
    assert drawn.exact
    assert drawn.points[1].x < drawn.left < drawn.points[0].x


def test_points_at_one_place_are_one_and_say_how_many() -> None:
    drawn = scatter([Fraction(1)] * 3, [Fraction(2)] * 3, ["a", "b", "c"], [False] * 3)
    assert drawn is not None
    assert [point.title for point in drawn.points] == ["a, and 2 more here"]
    assert scatter([None], [Fraction(1)], ["a"], [False]) is None


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
        open_page(tmp_path / "page.html")


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
    page = render(report, observed, DEFINITIONS)
    entries = sum(len(result.errors) for result in observed.values())
    size = f"{len(SUITE)} cases and {entries} entries, is {len(page.encode()) / 1e6:.0f} MB."
    assert size in " ".join(DOCUMENT.read_text("utf-8").split())
    assert page.count('class="case-section"') == len(SUITE)


def test_the_pictures_that_the_document_shows_are_there_and_small() -> None:
    text = DOCUMENT.read_text("utf-8")
    for name in ("report.png", "report-phone.png"):
        assert text.count(name) >= 2
        picture = (DOCUMENT.parent / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= 300_000
