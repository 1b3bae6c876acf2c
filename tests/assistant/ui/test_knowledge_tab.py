"""The Knowledge area: what is loaded, in what state, how it is split, and what a search finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.knowledge.base import KnowledgeBase
from assistant.ui.routes import ui_router
from tests.assistant.knowledge.shelf import open_shelf
from tests.fake_assistant import FakeAssistant

OURS = {"x-crossroads": "page"}
GUIDE = (
    "# Warranty\n\n"
    + "The warranty lasts 24 months from delivery. " * 60
    + "\n\n## <b>Repairs</b>\n\nRepairs extend it.\n"
)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[KnowledgeBase]:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "guide.md").write_text(GUIDE)
    (folder / "orders.csv").write_text("id,total\n1,10\n2,20\n")
    (folder / "<img src=x>.pdf").write_text("%PDF-1.4 broken")
    with open_shelf(tmp_path / "home") as knowledge:
        knowledge.ingest([folder])
        yield knowledge


@pytest.fixture
def client(tmp_path: Path, shelf: KnowledgeBase) -> TestClient:
    fake = FakeAssistant(tmp_path / "ui", [])
    fake.knowledge = shelf
    app = FastAPI()
    app.include_router(ui_router(fake))
    return TestClient(app)


def area(client: TestClient, **query: str) -> str:
    html: str = client.get("/ui/tabs/knowledge", params=query).json()["html"]
    return html


def test_every_document_has_its_state_and_a_failed_one_its_reason(client: TestClient) -> None:
    html = area(client)
    assert html.count("<td>Ready<") == 2
    assert "is a damaged PDF" in html
    assert "2 documents, 1 not loaded" in html


def test_names_and_headings_of_documents_are_shown_as_text(client: TestClient, shelf: KnowledgeBase) -> None:
    guide = next(info for info in shelf.documents() if info.source.endswith("guide.md"))
    html = area(client) + area(client, document=guide.document_id) + area(client, q="<script>alert(1)</script> repairs")
    assert "<img" not in html
    assert "<b>Repairs" not in html
    assert "<script" not in html


def test_only_the_failed_ones_can_be_shown(client: TestClient) -> None:
    html = area(client, only="failed")
    assert "guide.md" not in html
    assert "is a damaged PDF" in html


def test_a_preview_shows_every_passage_and_what_two_share(client: TestClient, shelf: KnowledgeBase) -> None:
    guide = next(info for info in shelf.documents() if info.source.endswith("guide.md"))
    html = area(client, document=guide.document_id)
    assert html.count('<li class="panel">') == guide.chunks > 2
    shared = re.search(r"<mark>(.+?)</mark>", html, re.DOTALL)
    assert shared is not None
    assert shared[1].startswith("The warranty lasts")


def test_a_search_shows_the_scores_of_both_halves(client: TestClient) -> None:
    html = area(client, q="How long does the warranty last?")
    assert "<th scope=col class=num>Meaning<th scope=col class=num>Words" in html
    assert re.search(r"<td class=num>\d\.\d{3}<td class=num>\d\.\d{3}<td class=num>\d+\.\d\d", html)
    assert "guide.md" in html


def test_a_search_in_all_collections_shows_each_by_itself(
    client: TestClient, shelf: KnowledgeBase, tmp_path: Path
) -> None:
    (tmp_path / "other.md").write_text("The warranty of pumps lasts 12 months.")
    shelf.ingest([tmp_path / "other.md"], "pumps")
    documents, pumps = area(client, q="How long does the warranty last?").split("In the collection ")[1:]
    assert documents.startswith("documents")
    assert "guide.md" in documents
    assert "12 months" not in documents
    assert pumps.startswith("pumps")
    assert "12 months" in pumps


def test_a_search_narrowed_to_another_collection_finds_nothing(client: TestClient) -> None:
    assert "Nothing was found" in area(client, q="warranty", collection="other")


def test_a_document_can_be_deleted(client: TestClient, shelf: KnowledgeBase) -> None:
    document = shelf.documents()[0]
    assert client.post("/ui/tabs/knowledge/delete", json={"document_id": document.document_id}).status_code == 403
    answer = client.post("/ui/tabs/knowledge/delete", json={"document_id": document.document_id}, headers=OURS)
    assert answer.json() == {"deleted": 1}
    assert document.document_id not in {info.document_id for info in shelf.documents()}


def test_a_failed_file_that_was_mended_can_be_loaded_again(client: TestClient, shelf: KnowledgeBase) -> None:
    from assistant.knowledge.overview import overview
    from tests.assistant.knowledge.files import pdf

    failed = next(item for item in overview(shelf) if item.state == "failed")
    Path(failed.source).write_bytes(pdf("A page."))
    body = {"source": failed.source, "collection": failed.collection}
    assert client.post("/ui/tabs/knowledge/again", json=body, headers=OURS).json() == {"from": "source"}
    wait_until(lambda: len(shelf.documents()) == 3)
    assert [item.state for item in overview(shelf)] == ["ready"] * 3


def test_a_document_is_embedded_anew_when_it_is_loaded_again(client: TestClient, shelf: KnowledgeBase) -> None:
    guide = next(info for info in shelf.documents() if info.source.endswith("guide.md"))
    before = shelf.store.puts  # type: ignore[attr-defined]
    body = {"source": guide.source, "collection": guide.collection, "document_id": guide.document_id}
    assert client.post("/ui/tabs/knowledge/again", json=body, headers=OURS).json() == {"from": "source"}
    wait_until(lambda: shelf.store.puts > before)  # type: ignore[attr-defined]


def test_a_file_that_was_never_loaded_cannot_be_named(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("The secret.")
    body = {"source": str(tmp_path / "secret.txt"), "collection": "documents"}
    answer = client.post("/ui/tabs/knowledge/again", json=body, headers=OURS)
    assert answer.status_code == 404
    assert "was never loaded" in answer.json()["error"]["message"]


def wait_until(condition: object) -> None:
    """Return when it holds; fail after a long while."""
    import time

    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)
