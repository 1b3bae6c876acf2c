"""The page's endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.knowledge.types import IngestProgress
from assistant.ui.headers import SafeHeaders
from assistant.ui.routes import ui_router
from tests.fake_assistant import GUIDE, FakeAssistant, document

OURS = {"x-crossroads": "page"}


@pytest.fixture
def assistant(tmp_path: Path) -> FakeAssistant:
    fake = FakeAssistant(tmp_path, [document("choosing-a-path.md", GUIDE, title="Choosing a path")])
    fake.pause = 0
    return fake


@pytest.fixture
def client(assistant: FakeAssistant) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(ui_router(assistant))
    app.add_middleware(SafeHeaders)
    with TestClient(app) as client:
        yield client


def ask(client: TestClient, question: str, **wishes: str) -> list[dict[str, Any]]:
    started = client.post("/ui/runs", json={"question": question, **wishes}, headers=OURS).json()
    return [json.loads(line) for line in client.get(f"/ui/runs/{started['run']}").text.splitlines()]


def test_a_question_is_answered_line_by_line(client: TestClient, assistant: FakeAssistant) -> None:
    assistant.pause = 0.01
    kinds = [line["type"] for line in ask(client, "When should I fine-tune?")]
    assert kinds[-1] == "final"
    assert "status" in kinds
    assert "draft" in kinds


def test_a_run_can_be_watched_from_its_beginning_again(client: TestClient) -> None:
    started = client.post("/ui/runs", json={"question": "Again?"}, headers=OURS).json()
    first = client.get(f"/ui/runs/{started['run']}").text.splitlines()[-1]
    second = client.get(f"/ui/runs/{started['run']}").text.splitlines()[-1]
    assert json.loads(first)["html"] == json.loads(second)["html"]


def test_the_draft_is_as_safe_as_the_answer(client: TestClient) -> None:
    html = "".join(line.get("html", "") for line in ask(client, "evil"))
    assert "<script" not in html
    assert "<img" not in html


def test_a_failed_run_names_the_question_that_waits_for_an_answer(client: TestClient, assistant: FakeAssistant) -> None:
    last = ask(client, "fail now")[-1]
    assert last["type"] == "failed"
    assert last["question_id"] == assistant.threads.turns(last["thread"])[-1].question_id


@pytest.mark.parametrize("question", ["", "   ", "refuse this"])
def test_a_wrong_question_is_refused_with_its_cure(client: TestClient, question: str) -> None:
    response = client.post("/ui/runs", json={"question": question}, headers=OURS)
    assert response.status_code == 400
    assert response.json()["error"]["cure"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ui/runs"),
        ("POST", "/ui/runs/x/stop"),
        ("POST", "/ui/threads/x"),
        ("DELETE", "/ui/threads/x"),
        ("DELETE", "/ui/documents/x"),
        ("POST", "/ui/uploads"),
        ("POST", "/ui/answers/x/vote"),
    ],
)
def test_other_sites_cannot_change_anything(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path, json={}).status_code in {403, 422}


def test_the_state_holds_a_stored_conversation_again(client: TestClient) -> None:
    thread = ask(client, "When should I fine-tune?")[-1]["thread"]
    state = client.get("/ui/state", params={"thread": thread}).json()
    assert "When should I fine-tune?" in state["chat"]
    assert "form of the answer" in state["chat"]
    assert 'aria-current="page"' in state["sidebar"]


def test_an_unknown_conversation_is_not_found(client: TestClient) -> None:
    assert client.get("/ui/state", params={"thread": "nowhere"}).status_code == 404


def test_nothing_loaded_is_said(client: TestClient, assistant: FakeAssistant) -> None:
    assistant.knowledge.stored.clear()
    assert "No documents are loaded yet" in client.get("/ui/state").json()["chat"]


def test_what_is_still_loading_is_said_without_waiting_for_it(
    client: TestClient, assistant: FakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened_too_early(*given: object) -> None:
        raise AssertionError("the page must not wait for the knowledge base")

    assistant.awaited = {"knowledge base": "still loading"}
    for name in ("documents", "stats"):
        monkeypatch.setattr(assistant.knowledge, name, opened_too_early)
    state = client.get("/ui/state").json()
    assert state["loading"] == ["knowledge base"]
    assert "opening your documents" in state["footer"]


def test_what_cannot_be_loaded_says_why(client: TestClient, assistant: FakeAssistant) -> None:
    assistant.awaited = {"chat model local:x": "'local:x' is not here. Run `crossroads models pull`."}
    state = client.get("/ui/state").json()
    assert "crossroads models pull" in state["chat"]
    assert state["loading"] == []


def test_search_finds_words_of_a_question(client: TestClient) -> None:
    ask(client, "just a walrus")
    ask(client, "just a teapot")
    html = client.get("/ui/threads", params={"search": "walrus"}).json()["html"]
    assert "walrus" in html
    assert "teapot" not in html


def test_a_hostile_title_stays_text(client: TestClient) -> None:
    thread = ask(client, "just ask")[-1]["thread"]
    title = '"><img src=x onerror=alert(1)>'
    assert client.post(f"/ui/threads/{thread}", json={"title": title}, headers=OURS).status_code == 200
    assert "<img" not in client.get("/ui/threads").json()["html"]


def test_a_deleted_conversation_is_gone(client: TestClient) -> None:
    thread = ask(client, "just ask")[-1]["thread"]
    assert client.delete(f"/ui/threads/{thread}", headers=OURS).status_code == 200
    assert client.get("/ui/state", params={"thread": thread}).status_code == 404


@pytest.mark.parametrize("kind", ["markdown", "json"])
def test_an_export_is_a_file(client: TestClient, kind: str) -> None:
    thread = ask(client, "just ask")[-1]["thread"]
    response = client.get(f"/ui/threads/{thread}/export", params={"format": kind})
    assert response.headers["content-disposition"].startswith("attachment")
    assert "just ask" in response.text


def test_a_vote_with_its_comment_is_stored(client: TestClient, assistant: FakeAssistant) -> None:
    thread = ask(client, "just ask")[-1]["thread"]
    answer = assistant.threads.turns(thread)[-1].answer
    assert answer is not None
    vote = {"thread_id": thread, "vote": "down", "comment": " too short "}
    assert client.post(f"/ui/answers/{answer.answer_id}/vote", json=vote, headers=OURS).status_code == 200
    stored = assistant.feedback.votes[answer.answer_id]
    assert (stored.vote, stored.comment) == ("down", "too short")


def test_a_vote_for_an_unknown_answer_is_refused(client: TestClient) -> None:
    thread = ask(client, "just ask")[-1]["thread"]
    response = client.post("/ui/answers/x/vote", json={"thread_id": thread, "vote": "up"}, headers=OURS)
    assert response.status_code == 404


def test_an_upload_tells_each_file_its_outcome(client: TestClient) -> None:
    files = [("files", ("good.txt", b"good")), ("files", ("broken.pdf", b"broken"))]
    started = client.post("/ui/uploads", files=files, headers=OURS).json()
    lines = [json.loads(line) for line in client.get(f"/ui/uploads/{started['upload']}").text.splitlines()]
    assert lines[-1]["over"]
    assert (lines[-1]["files"], lines[-1]["failed"]) == (2, 1)
    assert "readable PDF" in lines[-1]["html"]


def test_a_deleted_document_is_gone(client: TestClient) -> None:
    assert client.delete("/ui/documents/doc-choosing-a-path", headers=OURS).status_code == 200
    assert client.get("/ui/documents").json()["count"] == 0


def test_everything_forbids_loading_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/ui/state").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy
    assert "https:" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("address", ["file:///etc/passwd", "/etc/passwd", "ftp://example.org/a", ""])
def test_only_web_addresses_are_fetched(client: TestClient, address: str) -> None:
    response = client.post("/ui/uploads/address", json={"address": address}, headers=OURS)
    assert response.status_code == 400
    assert "https://" in response.json()["error"]["cure"]


def test_a_web_address_is_handed_to_the_ingest(
    client: TestClient, assistant: FakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], str]] = []

    def ingest(sources: list[str], collection: str, on_progress: Callable[[IngestProgress], None]) -> None:
        asked.append((sources, collection))
        on_progress(IngestProgress(sources[0], "done"))

    monkeypatch.setattr(assistant.knowledge, "ingest", ingest)
    wanted = {"address": "https://example.org/page", "collection": "web"}
    started = client.post("/ui/uploads/address", json=wanted, headers=OURS).json()
    last = json.loads(client.get(f"/ui/uploads/{started['upload']}").text.splitlines()[-1])
    assert asked == [(["https://example.org/page"], "web")]
    assert last["failed"] == 0
