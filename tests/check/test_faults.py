"""Everything that docs/faults.md says happens when something is wrong, as a user would see it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from faults import FAULTS, Fault
from faults.page import PAGE, render
from faults.sandbox import Sandbox

ALL = [fault for faults in FAULTS.values() for fault in faults]


@pytest.fixture(scope="module")
def checks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Fault, Future[None]]]:
    """Run the checks of the faults that pytest has selected, on all processors."""
    folder = tmp_path_factory.mktemp("Prüf stand ")
    checkout = Sandbox.copy_package(folder)
    chosen = {
        item.callspec.params["fault"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_it_ends_as_said"
    }
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            fault: pool.submit(fault.check, Sandbox(folder / f"größe {number}", checkout))
            for number, fault in enumerate(ALL)
            if fault in chosen
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.what)
def test_it_ends_as_said(fault: Fault, checks: Mapping[Fault, Future[None]]) -> None:
    checks[fault].result()


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "python tests/faults_page.py --write"


def test_no_two_rows_are_the_same() -> None:
    assert len({(fault.what, fault.command) for fault in ALL}) == len(ALL)
