"""The card says what the record says, in the form the hub reads; a push is taken by a stand-in of the hub."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from graphs.errors import ModelError
from training.card import card
from training.publish import push
from training.registry import GateVerdict, ModelVersion, Registry

RECIPE = {"stage": "sft", "rank": 8, "packages": {"torch": "2.13"}, "out": "/somewhere"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    source = tmp_path / "source"
    source.mkdir()
    (source / "adapter_model.safetensors").write_bytes(b"abc")
    found = Registry(tmp_path / "models")
    version = ModelVersion(
        name="house",
        version="",
        kind="adapter",
        base="hf:org/base",
        data_sha256="d" * 64,
        recipe=RECIPE,
        metrics={"f1": 71.25},
        licence="Apache-2.0",
        parent="1",
    )
    found.add(source, version)
    return found


def test_the_front_matter_is_what_the_hub_reads(registry: Registry) -> None:
    text = card(registry.show("house"))
    front = yaml.safe_load(text.split("---")[1])
    assert (front["license"], front["base_model"], front["library_name"]) == ("apache-2.0", "org/base", "peft")
    assert front["pipeline_tag"] == "text-generation"
    assert front["model-index"][0]["results"][0]["metrics"] == [{"type": "f1", "value": 71.25}]


def test_the_card_tells_lineage_results_gate_and_files(registry: Registry) -> None:
    registry.judge("house", "1", GateVerdict(verdict="fail", reasons=["f1 fell by 2"]))
    text = card(registry.show("house"))
    for part in ("`hf:org/base`", "continues `1`", "| f1 | 71.25 |", "rank: 8", "d" * 64, "torch 2.13", "f1 fell by 2"):
        assert part in text
    assert "ba7816bf" in text
    assert "/somewhere" not in text


class Hub(BaseHTTPRequestHandler):
    """Takes a commit as the Hugging Face hub does."""

    taken: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("authorization") != "Bearer good":
            return self._say(401, {"error": "who are you?"})
        if self.path == "/api/repos/create":
            return self._say(200, {"url": "https://huggingface.co/me/house", "id": "me/house"})
        if self.path == "/api/validate-yaml":
            return self._say(200, {"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            listed = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
            return self._say(200, {"files": listed})
        if "/commit/" in self.path:
            self.taken += [json.loads(line) for line in body.splitlines()]
            return self._say(
                200, {"commitUrl": "https://huggingface.co/me/house/commit/1", "commitOid": "1", "pullRequestUrl": None}
            )
        return self._say(404, {})

    def do_GET(self) -> None:
        if self.headers.get("authorization") != "Bearer good":
            return self._say(401, {"error": "who are you?"})
        return self._say(200, {"id": "me/house", "sha": "0", "siblings": [], "xetEnabled": False})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _say(self, code: int, value: dict[str, object]) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    Hub.taken = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_push_carries_files_and_card(registry: Registry, hub: str) -> None:
    where = push(registry, "house", "1", "me/house", endpoint=hub, token="good")
    assert where.endswith("/commit/1")
    paths = {part["value"]["path"] for part in Hub.taken if part["key"] == "file"}  # type: ignore[index]
    assert paths == {"README.md", "adapter_model.safetensors", "version.json"}


def test_a_refused_push_says_why(registry: Registry, hub: str) -> None:
    with pytest.raises(ModelError, match="me/house"):
        push(registry, "house", "1", "me/house", endpoint=hub, token="bad")
