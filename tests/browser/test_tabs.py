"""Moving between the chat and the areas beside it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from assistant.ui import tabs
from assistant.ui.tabs.tab import Tab
from tests.fake_assistant import GUIDE, FakeAssistant, document

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Any], str]) -> Iterator[str]:
    from assistant.ui import mount

    patch = pytest.MonkeyPatch()
    shelf = Tab("shelf", "Shelf", lambda assistant, query: "<p id=inside>What is kept</p>", script=False)
    patch.setattr(tabs, "TABS", (shelf,))
    fake = FakeAssistant(tmp_path_factory.mktemp("tabs"), [document("guide.md", GUIDE, title="Guide")])
    yield serve(mount(FastAPI(), fake))  # type: ignore[arg-type]
    patch.undo()


def test_a_click_opens_an_area_and_back_leads_to_the_chat(address: str, open_page: Callable[..., Any]) -> None:
    page = open_page(address).page
    page.click(".tabs a >> text=Shelf")
    page.wait_for_selector("#inside")
    assert page.url.endswith("?tab=shelf")
    assert page.title() == "Shelf – Crossroads"
    assert not page.is_visible("#ask")
    page.wait_for_function("document.getElementById('foot').textContent.includes('on this computer')")
    assert page.get_attribute(".tabs a >> text=Shelf", "aria-current") == "page"
    page.go_back()
    page.wait_for_selector("#ask", state="visible")
    assert not page.is_visible("#area")


@pytest.mark.parametrize("size", ["wide", "tablet", "phone"])
def test_the_row_of_areas_fits_every_screen(size: str, address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address, size)
    watched.shot(f"tabs-{size}")
    page = watched.page
    assert page.is_visible(".tabs a >> text=Shelf")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click(".tabs a >> text=Shelf")
    page.wait_for_selector("#inside")
    watched.shot(f"area-{size}")


def test_an_area_that_does_not_exist_says_so(address: str, open_page: Callable[..., Any]) -> None:
    watched = open_page(address)
    page = watched.page
    page.evaluate("history.pushState(null, '', './?tab=garage'); dispatchEvent(new PopStateEvent('popstate'))")
    page.wait_for_selector("#area [role=alert]")
    assert "garage" in page.inner_text("#area")
    assert [error for error in watched.errors if "404" not in error] == []
    watched.errors.clear()  # the browser itself reports the answer 404
