"""Axe over the whole page: the chat with an answer and its details, and every area there is, in both lights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assistant.http.application import build_application
from assistant.records import Request
from assistant.ui.tabs import TABS
from tests.assistant.home_fakes import open_fake
from tests.eval.runs import sample_record, write_made_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Gradio turns them on, and drops an event loop
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Any], str]) -> Iterator[str]:
    from assistant.evaluation_runs import runs_folder

    home = tmp_path_factory.mktemp("axe") / "home"
    with open_fake(home) as assistant:
        first = assistant.ask(Request(question="How long does the warranty last?"))
        assistant.ask(Request(question="hello", thread_id=first.thread_id))
        assistant.facts.add("I work in Basel.")
        write_made_run(runs_folder(home) / "tower", [sample_record(n, n / 8) for n in range(8)], "2026-01-01T10:00:00")
        yield serve(build_application(assistant, "a-token", page=True))


def serious(page: Any) -> list[tuple[str, str]]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: install the `dev` group")
    found = axe.Axe().run(page).response["violations"]
    return [(one["id"], one["impact"]) for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
@pytest.mark.parametrize("tab", [tab.name for tab in TABS])
def test_every_area_has_nothing_serious(
    tab: str, size: str, scheme: str, address: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(address, size, scheme).page
    page.goto(f"{address}/?tab={tab}")
    page.wait_for_selector("#area h1")
    assert serious(page) == []


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_a_conversation_has_nothing_serious(
    size: str, scheme: str, address: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(address, size, scheme).page
    page.fill("#ask", "How long does the warranty last?")
    page.press("#ask", "Enter")
    page.wait_for_selector(".turn .answer")
    for closed in page.query_selector_all(".turn details:not([open]) > summary"):
        closed.click()
    assert serious(page) == []
