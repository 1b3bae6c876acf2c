"""A real OpenAI-compatible server on loopback: `transformers serve`, with a tiny model of our own making."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.config import Models, Settings
from assistant.providers import chat_model
from tests.assistant.tiny_models import tiny_folder

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The server's address and its model's name; skips where the server cannot be had or does not come up."""
    command = Path(sys.executable).with_name("transformers")
    if not command.is_file():
        pytest.skip("no `transformers` command beside this Python; install transformers[serving]")
    folder = tiny_folder(tmp_path_factory.mktemp("served"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder.parent / "server.log"
    arguments = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with log.open("wb") as sink:
        environment = os.environ | {"HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen([str(command), *arguments], stdout=sink, stderr=sink, env=environment)
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1", str(folder)
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            pytest.skip(f"`transformers serve` ended by itself: {' '.join(last)}")
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.skip("`transformers serve` did not come up within two minutes")


@pytest.fixture
def model(address: tuple[str, str], tmp_path: Path) -> Any:
    base, name = address
    models = Models(base_url=base, retries=0)
    return chat_model(f"openai:{name}", Settings(home=tmp_path, cache=tmp_path, models=models))


def test_it_answers_and_counts(model: Any) -> None:
    answer = model.invoke("Hello", max_tokens=8, temperature=0)
    assert answer.usage_metadata["input_tokens"] > len("Hello")
    assert 1 <= answer.usage_metadata["output_tokens"] <= 8
    assert answer.response_metadata["crossroads_model"].startswith("openai:")


def test_it_streams_what_it_answers(model: Any) -> None:
    chunks = list(model.stream("Hello", max_tokens=8, temperature=0))
    whole = model.invoke("Hello", max_tokens=8, temperature=0).text
    # random weights write random bytes: half a character at the end is shown by one and not by the other
    assert "".join(chunk.text for chunk in chunks).rstrip("\ufffd") == whole.rstrip("\ufffd")
    assert any(chunk.usage_metadata for chunk in chunks)


def test_a_closed_stream_leaves_it_answering(model: Any) -> None:
    stream = model.stream("Hello", max_tokens=200)
    next(stream)
    stream.close()
    assert model.invoke("Hello", max_tokens=4).usage_metadata["output_tokens"] >= 1
