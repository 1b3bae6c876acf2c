"""The providers' real libraries against a server that misbehaves on purpose, on loopback."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Models, Settings
from assistant.providers import chat_model, embeddings
from assistant.providers.guarded import GuardedChatModel
from graphs.errors import (
    CrossroadsError,
    MissingKeyError,
    ModelError,
    ModelTimeoutError,
    RateLimitedError,
    RefusedError,
    TooLongError,
    UsageError,
)

TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."


class Server(http.server.ThreadingHTTPServer):
    """Answers every POST with `status` and `body`; `hang` keeps it silent until it is let go."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 500
        self.body: dict[str, Any] = {"error": {"message": "it broke", "type": "server_error", "code": None}}
        self.headers: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.hang = threading.Event()
        self.hang.set()
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(json.loads(body or b"{}"))
        self.server.paths.append(self.path)
        self.server.hang.wait(30)
        answer = json.dumps(self.server.body).encode()
        try:
            self.send_response(self.server.status)
            for name, value in self.server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:  # whoever asked has gone
            return

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    monkeypatch.setenv("ANTHROPIC_API_URL", server.address)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.address)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "test")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.address)
    monkeypatch.setenv("OLLAMA_HOST", server.address)
    yield server
    server.hang.set()
    server.shutdown()
    server.server_close()
    thread.join()


PROVIDERS = ("openai:m", "azure_openai:m", "anthropic:m", "ollama:m")


def ask(name: str, server: Server, folder: Path, streaming: bool = False, **models: Any) -> Any:
    base = f"{server.address}/v1" if name.startswith("openai:") else ""
    settings = Settings(home=folder, cache=folder, models=Models(**{"base_url": base, "retries": 0, **models}))
    model = chat_model(name, settings)
    assert isinstance(model, GuardedChatModel)
    model._pause = lambda _: None
    return list(model.stream("hello")) if streaming else model.invoke("hello")


STATUSES = [
    (401, "bad key", RefusedError),
    (400, TOO_LONG, TooLongError),
    (429, "slow down", RateLimitedError),
    (503, "overloaded", ModelError),
    (403, "not yours", RefusedError),
    (404, "no such model", RefusedError),
    (413, "request too large", TooLongError),
    (400, "temperature must be below 2", RefusedError),
    (408, "too slow", ModelTimeoutError),
    (500, "it broke", ModelError),
]
CASES = [(status, "openai:m", streaming) for status in STATUSES for streaming in (False, True)]
CASES += [(status, name, True) for status in STATUSES[:4] for name in PROVIDERS[1:]]
CASES += [(STATUSES[0], name, False) for name in PROVIDERS[1:]]


@pytest.mark.parametrize(("case", "name", "streaming"), CASES)
def test_each_status_is_its_error(
    case: tuple[int, str, type[CrossroadsError]], name: str, streaming: bool, server: Server, tmp_path: Path
) -> None:
    server.status, message, error = case
    server.body = {"error": message if name.startswith("ollama") else {"message": message, "type": "x", "code": None}}
    with pytest.raises(error) as caught:
        ask(name, server, tmp_path, streaming)
    assert name in caught.value.message
    assert caught.value.cure


def test_a_used_up_quota_is_not_a_rate_limit(server: Server, tmp_path: Path) -> None:
    server.status = 429
    kind = "insufficient_quota"
    server.body = {"error": {"message": "You exceeded your quota", "type": kind, "code": kind}}
    with pytest.raises(RefusedError, match="quota"):
        ask("openai:m", server, tmp_path)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_silent_server_times_out(name: str, server: Server, tmp_path: Path) -> None:
    server.hang.clear()
    with pytest.raises(ModelTimeoutError, match=r"0\.3 s"):
        ask(name, server, tmp_path, timeout=0.3)
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_address_where_nobody_listens_is_named_as_such(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    for variable in ("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OLLAMA_HOST"):
        monkeypatch.setenv(variable, server.address)
    with pytest.raises(ModelTimeoutError, match="cannot be reached"):
        ask(name, server, tmp_path)


def test_the_library_does_not_retry_behind_our_back(server: Server, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(ModelError):
        ask("openai:m", server, tmp_path, retries=2)
    assert len(server.asked) == 3


def test_a_rate_limit_that_asks_for_minutes_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    server.status, server.headers = 429, {"Retry-After": "600"}
    with pytest.raises(RateLimitedError):
        ask("openai:m", server, tmp_path, retries=2)
    assert len(server.asked) == 1


def test_ollama_gets_sampling_in_its_own_words(server: Server, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path, models=Models(retries=0))
    with pytest.raises(ModelError):
        chat_model("ollama:m", settings).invoke("hi", max_tokens=7, temperature=0.5, repetition_penalty=1.1)
    assert server.asked[0]["options"] == {"num_predict": 7, "temperature": 0.5, "repeat_penalty": 1.1}


@pytest.mark.parametrize("name", ["openai:m", "azure_openai:m", "anthropic:m"])
def test_a_missing_key_names_its_variable(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError, match="_API_KEY"):
        chat_model(name, Settings(home=tmp_path, cache=tmp_path))


@pytest.mark.parametrize("name", ["nonesuch:m", "m", "openai:", ":m", ""])
def test_a_name_without_a_known_provider_lists_them(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="local, hf, openai"):
        chat_model(name, Settings(home=tmp_path, cache=tmp_path))


def test_embeddings_of_a_compatible_server_have_unit_length(server: Server, tmp_path: Path) -> None:
    server.status = 200
    server.body = {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [3.0, 4.0]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
    settings = Settings(home=tmp_path, cache=tmp_path, models=Models(base_url=f"{server.address}/v1"))
    assert embeddings("openai:m", settings).embed_query("x") == pytest.approx([0.6, 0.8])


def test_embeddings_of_azure_go_to_the_deployment_of_that_name(server: Server, tmp_path: Path) -> None:
    server.status = 200
    vectors = [{"object": "embedding", "index": place, "embedding": [3.0, 4.0]} for place in range(2)]
    server.body = {"object": "list", "model": "m", "data": vectors, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    model = embeddings("azure_openai:depot", Settings(home=tmp_path, cache=tmp_path))
    assert model.embed_documents(["a warranty", "a rose"]) == [pytest.approx([0.6, 0.8])] * 2
    assert server.asked[-1]["input"] == ["a warranty", "a rose"]
    assert server.paths[-1].startswith("/openai/deployments/depot/embeddings")


def test_embeddings_fail_with_the_same_errors(server: Server, tmp_path: Path) -> None:
    server.status = 401
    settings = Settings(home=tmp_path, cache=tmp_path, models=Models(base_url=f"{server.address}/v1", retries=0))
    with pytest.raises(RefusedError):
        embeddings("openai:m", settings).embed_documents(["x"])


def test_a_provider_without_embeddings_lists_those_that_have_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ollama"):
        embeddings("anthropic:m", Settings(home=tmp_path, cache=tmp_path))
