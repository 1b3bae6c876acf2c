"""The areas beside the chat: their links, their fragments, their own endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from assistant.ui import tabs
from assistant.ui.routes import ui_router
from assistant.ui.tabs.tab import Tab
from graphs.errors import UsageError
from tests.fake_assistant import FakeAssistant


def _fragment(assistant: Any, query: Mapping[str, str]) -> str:
    if "odd" in query:
        raise UsageError("'odd' is no choice.", "Leave it out.")
    return f"<p>{len(assistant.knowledge.documents())} documents</p>"


def _routes(router: APIRouter, assistant: Any) -> None:
    @router.get("/count")
    def count() -> int:
        return len(assistant.knowledge.documents())


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(tabs, "TABS", (Tab("shelf", "Shelf & co", _fragment, _routes, script=False),))
    app = FastAPI()
    app.include_router(ui_router(FakeAssistant(tmp_path, [])))  # type: ignore[arg-type]
    return TestClient(app)


def test_an_area_is_drawn_below_its_heading(client: TestClient) -> None:
    found = client.get("/ui/tabs/shelf").json()
    assert found == {"title": "Shelf & co", "html": "<h1>Shelf &amp; co</h1><p>0 documents</p>", "script": False}


def test_an_area_has_endpoints_of_its_own(client: TestClient) -> None:
    assert client.get("/ui/tabs/shelf/count").json() == 0


def test_an_unknown_area_is_named_with_those_that_are_there(client: TestClient) -> None:
    answer = client.get("/ui/tabs/garage")
    assert answer.status_code == 404
    assert "'garage'" in answer.json()["error"]["message"]
    assert "shelf" in answer.json()["error"]["cure"]


def test_an_area_that_refuses_says_why(client: TestClient) -> None:
    answer = client.get("/ui/tabs/shelf?odd=1")
    assert answer.status_code == 400
    assert answer.json()["error"]["cure"] == "Leave it out."


def test_the_links_lead_from_the_chat_to_every_area(client: TestClient) -> None:
    assert '<a href="./" data-tab="">Chat</a>' in tabs.links()
    assert '<a href="./?tab=shelf" data-tab="shelf">Shelf &amp; co</a>' in tabs.links()


def test_every_area_that_ships_has_the_script_it_names() -> None:
    folder = Path(tabs.__file__).parent.parent / "static" / "tabs"
    assert [tab.name for tab in tabs.TABS if tab.script and not (folder / f"{tab.name}.js").is_file()] == []
