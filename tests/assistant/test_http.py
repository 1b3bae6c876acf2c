from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from assistant.app import Assistant
from assistant.service import Client
from graphs.errors import NotFoundError, UsageError
from tests.assistant.conftest import TOKEN, Served
from tests.assistant.home_fakes import WARRANTY, open_fake

QUESTION = "How long does the warranty last?"
COMPLETIONS = "/v1/chat/completions"


@pytest.fixture
def http_client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


def body(**more: Any) -> dict[str, Any]:
    return {"model": "crossroads", "messages": [{"role": "user", "content": QUESTION}], **more}


def test_the_official_client_gets_an_answer_with_its_citations(served: Served) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client:
        completion = client.chat.completions.create(**body())
    assert "24 months" in completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    beside = completion.model_extra["crossroads"]
    assert "text" not in beside
    citation = beside["citations"][0]
    assert WARRANTY[citation["start"] : citation["end"]] == citation["snippet"]


@pytest.mark.parametrize("path", ["rag", "zero_shot"])
def test_the_official_client_streams_the_text_that_stands(served: Served, path: str) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client:
        asked = body(model=f"crossroads:{path}", stream=True, stream_options={"include_usage": True})
        chunks = list(client.chat.completions.create(**asked))
        whole = client.chat.completions.create(**body(model=f"crossroads:{path}")).choices[0].message.content
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole
    assert len([piece for piece in pieces if piece]) > 3
    assert chunks[-1].usage.total_tokens > 0
    assert chunks[-1].model_extra["crossroads"]["route"]["path"] == path
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_the_official_client_lists_the_models(served: Served) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client:
        names = [model.id for model in client.models.list()]
        assert client.models.retrieve("crossroads:rag").id == "crossroads:rag"
    assert {"crossroads", "crossroads:rag", "crossroads:zero_shot"} <= set(names)
    assert "crossroads:clarify" not in names


def test_the_official_client_raises_its_own_errors(served: Served) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match="gpt-x"):
            client.chat.completions.create(**body(model="gpt-x"))
        with pytest.raises(openai.BadRequestError, match="empty"):
            client.chat.completions.create(model="crossroads", messages=[{"role": "user", "content": " "}])


def test_messages_sent_along_are_the_conversation(http_client: httpx.Client, assistant: Assistant) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "24 months."},
        {"role": "user", "content": [{"type": "text", "text": "And do repairs extend it?"}]},
    ]
    answer = http_client.post(COMPLETIONS, json=body(messages=messages)).json()
    assert answer["crossroads"]["question"] != "And do repairs extend it?"  # it was made to stand alone
    assert assistant.threads.list() == []


def test_a_stored_conversation_goes_on(http_client: httpx.Client, assistant: Assistant) -> None:
    from assistant.records import Request

    thread_id = assistant.ask(Request(question=QUESTION)).thread_id
    answer = http_client.post(COMPLETIONS, json=body(thread_id=thread_id)).json()
    assert answer["crossroads"]["thread_id"] == thread_id
    assert len(assistant.threads.turns(thread_id)) == 2


@pytest.mark.parametrize(
    ("sent", "parameter"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "pirate", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages.0"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    http_client: httpx.Client, sent: dict[str, Any], parameter: str
) -> None:
    response = http_client.post(COMPLETIONS, json=body(**sent))
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith(parameter)


def test_a_cut_answer_says_so(http_client: httpx.Client) -> None:
    asked = body(model="crossroads:zero_shot", max_tokens=2)
    assert http_client.post(COMPLETIONS, json=asked).json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("chat", "status"),
    [
        ("fake:fail-rate-limit", 429),
        ("fake:fail-timeout", 504),
        ("fake:fail-refused", 502),
        ("fake:fail-key", 503),
        ("fake:fail-too-long", 400),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failing_model_has_its_status(home: Path, chat: str, status: int, stream: bool) -> None:
    with open_fake(home, chat=chat) as assistant:
        server = Served(assistant)
        response = httpx.post(
            server.url + COMPLETIONS, json=body(stream=stream, model="crossroads:zero_shot"), timeout=60
        )
        server.stop()
    assert response.status_code == status
    assert response.json()["error"]["cure"]


def test_a_model_that_fails_midway_ends_the_stream_with_an_error(home: Path) -> None:
    with open_fake(home, chat="fake:fail-midway") as assistant:
        server = Served(assistant)
        asked = body(stream=True, model="crossroads:zero_shot")
        lines = httpx.post(server.url + COMPLETIONS, json=asked, timeout=60).text.strip().split("\n\n")
        server.stop()
    assert "error" in json.loads(lines[-1].removeprefix("data: "))


def test_a_stream_that_takes_long_shows_signs_of_life(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.http.chat_completions.PATIENCE_SECONDS", 0.05)
    with open_fake(home, chat="fake:reader?delay=0.02") as assistant:
        server = Served(assistant)
        text = httpx.post(server.url + COMPLETIONS, json=body(stream=True, model="crossroads:rag"), timeout=60).text
        server.stop()
    assert text.startswith(": still working")
    assert "24" in text
    assert text.endswith("data: [DONE]\n\n")


def test_a_client_that_leaves_stops_the_answer(home: Path) -> None:
    with open_fake(home, chat="fake:script?delay=0.05&text=" + "word+" * 400) as assistant:
        server = Served(assistant)
        parts = urlsplit(server.url)
        thread_id = assistant.threads.create("first")
        data = json.dumps(body(stream=True, model="crossroads:zero_shot", thread_id=thread_id)).encode()
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            connection.sendall(head.encode() + f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            assert b"200 OK" in connection.recv(1000)
        until = time.monotonic() + 15
        while not (turns := assistant.threads.turns(thread_id))[0].answer and time.monotonic() < until:
            time.sleep(0.05)
        server.stop()
    assert turns[0].answer is not None
    assert turns[0].answer.stopped


def test_curl_works(served: Served) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    command = ["curl", "-s", served.url + COMPLETIONS, "-H", "content-type: application/json", "-d", json.dumps(body())]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert "24 months" in answer["choices"][0]["message"]["content"]


def test_health_says_that_the_process_lives(http_client: httpx.Client) -> None:
    assert http_client.get("/health").json()["status"] == "ok"


def test_ready_says_what_is_missing(http_client: httpx.Client) -> None:
    response = http_client.get("/ready")
    assert response.status_code == 503
    assert "knowledge base" in response.json()["waiting"]


def test_a_foreign_host_name_is_refused(http_client: httpx.Client) -> None:
    response = http_client.get("/v1/models", headers={"host": "evil.example"})
    assert response.status_code == 421


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_another_sites_page_is_refused(http_client: httpx.Client, headers: dict[str, str]) -> None:
    assert http_client.post(COMPLETIONS, json=body(), headers=headers).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_another_page_may_send_unasked_is_refused(http_client: httpx.Client, kind: str) -> None:
    headers = {"content-type": kind}
    response = http_client.post(COMPLETIONS, content=json.dumps(body()), headers=headers)
    assert response.status_code == 415


def test_nothing_is_open_to_other_origins(http_client: httpx.Client) -> None:
    response = http_client.get("/v1/models", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_a_body_too_large_is_refused(served: Served) -> None:
    parts = urlsplit(served.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    parts_of_it = (b" " * 1_000_000 for _ in range(9))
    connection.request("POST", COMPLETIONS, parts_of_it, {"content-type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(http_client: httpx.Client, content: bytes) -> None:
    response = http_client.post(COMPLETIONS, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400


def test_only_the_homes_own_commands_may_name_files_to_read(home: Path, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("The gate is green.", encoding="utf-8")
    asked = {"sources": [str(tmp_path / "note.md")]}
    with open_fake(home, serve={"api_key": "secret"}) as assistant:
        server = Served(assistant)
        for given, status in (("secret", 403), (TOKEN, 200)):
            bearer = {"authorization": f"Bearer {given}"}
            assert httpx.post(f"{server.url}/own/ingest", json=asked, headers=bearer).status_code == status
        server.stop()


def test_where_a_key_is_set_it_is_asked_of_everyone(home: Path) -> None:
    with open_fake(home, serve={"api_key": "secret"}) as assistant:
        server = Served(assistant)
        basic = "Basic " + base64.b64encode(b"anyone:secret").decode()
        given = ["", "Bearer wrong", "Bearer secret", basic]
        codes = [httpx.get(f"{server.url}/v1/models", headers={"authorization": it}).status_code for it in given]
        health = httpx.get(f"{server.url}/health").status_code
        server.stop()
    assert codes == [401, 401, 200, 200]
    assert health == 200


def test_our_client_gets_events_and_the_result(served: Served) -> None:
    events: list[dict[str, Any]] = []
    result = Client(served.service).run("ask", {"question": QUESTION}, events.append)
    assert {"routed", "found", "token", "status"} <= {event["type"] for event in events}
    assert "24 months" in result["answer"]["text"]
    assert result["store"] == "list"


def test_our_client_raises_the_error_of_the_service(served: Served) -> None:
    with pytest.raises(NotFoundError, match="nope"):
        Client(served.service).run("ask", {"question": QUESTION, "thread_id": "nope"}, print)
    with pytest.raises(UsageError, match="'path'"):
        Client(served.service).run("ask", {"question": QUESTION, "path": "sideways"}, print)
    with pytest.raises(UsageError, match="thread_id"):
        Client(served.service).run("threads/show", {}, print)


def test_our_client_loads_documents_and_sees_how_far_it_is(served: Served, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("The gate is green.", encoding="utf-8")
    events: list[dict[str, Any]] = []
    report = Client(served.service).run("ingest", {"sources": [str(tmp_path / "note.md")]}, events.append)
    assert report["documents"] == 1
    assert [event["state"] for event in events] == ["done"]


def test_a_vote_is_stored_over_the_api(served: Served, assistant: Assistant) -> None:
    client = Client(served.service)
    answer = client.run("ask", {"question": QUESTION}, print)["answer"]
    vote = {"thread_id": answer["thread_id"], "answer_id": answer["answer_id"], "vote": "up", "comment": "good"}
    client.run("feedback/record", vote, print)
    stored = assistant.feedback.get(answer["answer_id"])
    assert stored is not None
    assert stored.comment == "good"
