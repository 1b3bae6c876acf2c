"""The area Evaluation in a real browser: start, watch, compare, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from assistant import evaluation_runs
from assistant.ui.tabs import evaluation
from tests.eval.runs import failed_record, sample_record, write_made_run
from tests.fake_assistant import GUIDE, FakeAssistant, document

pytestmark = pytest.mark.browser
SLOW = "import sys, time\nprint('1 of 4', file=sys.stderr, flush=True)\ntime.sleep(2)\nprint('4 of 4', file=sys.stderr)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Any], str]) -> Iterator[str]:
    from assistant.ui import mount

    patch = pytest.MonkeyPatch()
    patch.setattr(evaluation_runs, "command_of", lambda *_: [sys.executable, "-c", SLOW])
    patch.setattr(evaluation, "_suites", lambda: [("smoke", "smoke: the documentation, two minutes")])
    patch.setattr("eval.suite.find_suite", Path)
    fake = FakeAssistant(tmp_path_factory.mktemp("evaluation"), [document("guide.md", GUIDE, title="Guide")])
    runs = evaluation_runs.runs_folder(fake.settings.home)
    old = [sample_record(n, 0.4 + n / 20, text="The tower is tall. It is red.") for n in range(8)]
    new = [sample_record(n, 0.5 + n / 20, text="The tower is very tall. It is red.") for n in range(7)]
    write_made_run(runs / "tower-1", old, "2026-01-01T10:00:00")
    write_made_run(runs / "tower-2", [*new, failed_record(7)], "2026-01-02T10:00:00")
    yield serve(mount(FastAPI(), fake))  # type: ignore[arg-type]
    patch.undo()


def opened(watched: Any) -> Any:
    """The page with the area open."""
    watched.page.click(".tabs a >> text=Evaluation")
    watched.page.wait_for_selector("#start-run")
    return watched


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("tablet", "dark"), ("phone", "light")])
def test_runs_and_their_comparison_fit_every_screen(
    size: str, scheme: Any, address: str, open_page: Callable[..., Any]
) -> None:
    watched = opened(open_page(address, size, scheme))
    page = watched.page
    watched.shot(f"evaluation-{size}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.check('input[name="run"][value="tower-2"]')
    page.check('input[name="before"][value="tower-1"]')
    page.click("text=Compare the two chosen")
    page.wait_for_selector(".run-samples details")
    page.click(".run-samples summary >> nth=0")
    watched.shot(f"evaluation-compared-{size}-{scheme}")
    assert "before=tower-1" in page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.go_back()
    page.wait_for_selector("#start-run")


def test_choosing_one_run_only_is_answered_with_what_to_do(address: str, open_page: Callable[..., Any]) -> None:
    page = opened(open_page(address)).page
    page.click("text=Compare the two chosen")
    page.wait_for_function("document.getElementById('alert').textContent.includes('Two different runs')")


def test_a_run_is_started_and_watched(address: str, open_page: Callable[..., Any]) -> None:
    watched = opened(open_page(address))
    page = watched.page
    page.click("#start-run button")
    page.wait_for_function("document.getElementById('run-line')?.textContent.includes('1 of 4')")
    watched.shot("evaluation-running")
    page.wait_for_function("document.getElementById('status').textContent.includes('done')")
    assert not page.is_visible("#run-live")


def test_a_report_opens_styled_and_asks_for_nothing_else(address: str, open_page: Callable[..., Any]) -> None:
    watched = opened(open_page(address))
    page = watched.page
    page.goto(f"{address}/{page.get_attribute('#compare-runs a', 'href')}", wait_until="load", timeout=60_000)
    assert page.inner_text("h1") == "tower"
    assert page.evaluate("getComputedStyle(document.querySelector('.number')).textAlign") == "right"
    page.click("main > details:first-of-type > summary")
    watched.shot("evaluation-report")
