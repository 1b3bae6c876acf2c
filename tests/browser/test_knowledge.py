"""The Knowledge area in a real browser: by keyboard, in every size, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from tests.assistant.knowledge.shelf import open_shelf
from tests.fake_assistant import GUIDE, FakeAssistant

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Any], str]) -> Iterator[str]:
    from assistant.ui import mount

    folder = tmp_path_factory.mktemp("files")
    (folder / "guide.md").write_text(GUIDE * 4)
    (folder / "orders.csv").write_text("id,customer,total\n1,Ann,10\n2,Bob,20\n")
    (folder / "broken.pdf").write_text("%PDF-1.4 broken")
    fake = FakeAssistant(tmp_path_factory.mktemp("ui"), [])
    with open_shelf(tmp_path_factory.mktemp("home")) as shelf:
        shelf.ingest([folder])
        fake.knowledge = shelf
        yield serve(mount(FastAPI(), fake))


def opened(open_page: Callable[..., Any], address: str, size: str = "wide") -> Any:
    """The page with the area open."""
    watched = open_page(address, size)
    watched.page.click(".tabs a >> text=Knowledge")
    watched.page.wait_for_selector("#kb-documents")
    return watched


def test_a_search_a_preview_and_a_delete_by_keyboard(address: str, open_page: Callable[..., Any]) -> None:
    watched = opened(open_page, address)
    page = watched.page
    page.fill("#kb-form [name=q]", "When should I fine-tune?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#kb-hits tbody tr")
    assert "q=When" in page.url
    watched.shot("knowledge-search")
    page.go_back()
    page.wait_for_selector("#kb-documents")
    page.focus("#kb-documents a >> text=guide.md")
    page.keyboard.press("Enter")
    page.wait_for_selector(".kb-passages li")
    watched.shot("knowledge-preview")
    page.click("a >> text=Back to the documents")
    page.wait_for_selector("#kb-documents")
    page.focus("[aria-label='Delete orders.csv']")
    page.keyboard.press("Enter")
    page.click("#sure-yes")
    page.wait_for_function("!document.querySelector('#kb-documents').textContent.includes('orders.csv')")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", ["wide", "tablet", "phone"])
def test_it_fits_every_screen(size: str, dark: bool, address: str, open_page: Callable[..., Any]) -> None:
    watched = opened(open_page, address, size)
    page = watched.page
    if dark:
        page.emulate_media(color_scheme="dark")
    watched.shot(f"knowledge-{size}{'-dark' if dark else ''}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_screen_reader_finds_names_for_everything(address: str, open_page: Callable[..., Any]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(open_page, address).page
    result = Axe().run(page, context="#area")
    assert [item["id"] for item in result.response["violations"]] == []
