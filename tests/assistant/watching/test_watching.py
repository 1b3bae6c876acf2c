"""What a service shows its operators: counts that add up, and a log that holds nothing anybody asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from assistant.app import Assistant
from assistant.config import Settings
from assistant.http.application import build_application
from assistant.watching.log import Log
from tests.assistant.conftest import TOKEN

SECRET = "Is the pangolin called Ferdinand?"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def client(assistant: Assistant, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(assistant, "not_ready", dict)
    with Log(settings) as log:
        assistant.ended.append(log.turn_ended)
        application = build_application(assistant, TOKEN, page=False, log=log)
        yield TestClient(application, base_url="http://127.0.0.1", headers={"authorization": f"Bearer {TOKEN}"})


def ask(client: TestClient, question: str, model: str = "crossroads:rag") -> None:
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    assert client.post("/v1/chat/completions", json=body).status_code == 200


def values(client: TestClient) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(sample.name, *sorted(sample.labels.values())): sample.value for one in families for sample in one.samples}


def lines(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "logs" / "serve.jsonl").read_text().splitlines()]


def test_turns_and_requests_are_counted(client: TestClient) -> None:
    ask(client, "How long does the warranty last?")
    ask(client, "How long does the warranty last?")
    ask(client, SECRET)
    client.get("/nowhere")
    found = values(client)
    assert found["crossroads_turns_total", "answered", "rag"] == 2
    assert found["crossroads_turns_total", "abstained", "rag"] == 1
    assert found["crossroads_turn_seconds_count", "whole"] == 3
    assert found["crossroads_http_requests_total", "/v1/chat/completions", "200", "POST"] == 3
    assert found["crossroads_http_requests_total", "404", "GET", "other"] == 1
    assert found["crossroads_tokens_total", "prompt"] >= 0


def test_the_log_tells_of_turns_and_requests_without_their_content(client: TestClient, home: Path) -> None:
    ask(client, "How long does the warranty last?")
    ask(client, SECRET)
    turns = [line for line in lines(home) if line["event"] == "turn"]
    requests = [line for line in lines(home) if line["event"] == "request"]
    assert [turn["outcome"] for turn in turns] == ["answered", "abstained"]
    assert turns[0]["path"] == "rag"
    assert turns[0]["answer_id"]
    assert [(line["route"], line["status"]) for line in requests] == [("/v1/chat/completions", 200)] * 2
    whole = (home / "logs" / "serve.jsonl").read_text()
    assert "angolin" not in whole
    assert "24 months" not in whole


def test_what_others_log_is_written_without_its_words(home: Path, settings: Settings) -> None:
    with Log(settings):
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("elsewhere").exception("failed on %s", SECRET)
    (line,) = lines(home)
    assert (line["logger"], line["error"], line["level"]) == ("elsewhere", "ValueError", "error")
    assert line["traceback"]
    assert "angolin" not in json.dumps(line)


def test_texts_are_written_where_they_are_asked_for(assistant: Assistant, home: Path) -> None:
    with Log(Settings(home=home, logs={"text": True})) as log:
        assistant.ended.append(log.turn_ended)
        ask(
            TestClient(build_application(assistant, TOKEN, page=False), base_url="http://127.0.0.1"),
            "How long does the warranty last?",
        )
    assert "24 months" in lines(home)[0]["text"]


def test_no_log_where_none_is_wanted(home: Path) -> None:
    with Log(Settings(home=home, logs={"to": "off"})) as log:
        log.event("turn")
    assert not (home / "logs").exists()
