"""The real `crossroads serve`, with fake models."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.cli.output import quiet
from assistant.config import Settings
from assistant.service import Client, find_service
from assistant.serving import serve
from graphs.errors import SettingsError

FAKE = [
    "--set",
    "models.chat=fake:reader?delay=0.02",
    "--set",
    "models.embedding=fake:words",
    "--set",
    "store.linger=1",
]


class Running:
    """A service process that said it is ready."""

    def __init__(self, home: Path) -> None:
        self.home = home
        command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--json", "--home", str(home), *FAKE]
        self.log = home.parent / "serve.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.url = json.loads(line)["url"]

    def turns(self, thread_id: str) -> list[dict[str, Any]]:
        """A conversation as the service tells it."""
        service = find_service(self.home)
        assert service is not None
        turns: list[dict[str, Any]] = Client(service).run("threads/show", {"thread_id": thread_id}, quiet)["turns"]
        return turns

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
        return code


def crossroads(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assistant", *arguments, "--home", str(home), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = Running(tmp_path_factory.mktemp("served") / "home")
    yield started
    if started.process.poll() is None:
        started.end(signal.SIGTERM)


def test_page_and_api_share_the_port(running: Running) -> None:
    assert httpx.get(running.url, timeout=30).headers["content-type"].startswith("text/html")
    assert httpx.get(f"{running.url}/ready", timeout=30).json() == {"ready": True, "waiting": {}}


def test_a_new_home_answers_from_the_documentation(running: Running) -> None:
    done = crossroads("ask", "When should I fine-tune rather than retrieve?", "--path", "rag", home=running.home)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert any(item["passage"]["source"].endswith(".md") for item in answer["evidence"])
    assert done.returncode == 0
    assert done.stderr == ""


def test_documentation_that_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for expected in (True, False):
        started = Running(home)
        documents = json.loads(crossroads("knowledge", "list", home=home).stdout)["documents"]
        if documents:
            crossroads("knowledge", "delete", "--collection", "documents", home=home)
        started.end(signal.SIGTERM)
        assert bool(documents) is expected


def test_a_second_service_of_the_home_is_refused(running: Running) -> None:
    done = crossroads("serve", "--port", "0", home=running.home)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert error["type"] == "busy"
    assert running.url in error["message"]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        done = crossroads("serve", "--port", port, home=tmp_path / "home")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["type"]) == (1, "busy")
    assert port in error["message"]
    assert "--port" in error["cure"]


def test_the_open_network_wants_a_key(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0") as caught:
        serve(Settings(home=home, serve={"host": "0.0.0.0"}), print, print)  # noqa: S104
    assert "serve.api_key" in caught.value.cure


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    started = Running(tmp_path / "home")
    assert started.end(number) == 0
    assert find_service(started.home) is None
    assert not (started.home / "run" / "service.json").exists()
    assert "Traceback" not in started.log.read_text()


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--home", str(tmp_path / "home"), *FAKE]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) in (0, 130)
    assert "Traceback" not in rest
    assert find_service(tmp_path / "home") is None


def test_a_killed_service_keeps_what_it_acknowledged_and_starts_again(tmp_path: Path) -> None:
    first = Running(tmp_path / "home")
    kept = json.loads(crossroads("ask", "hello", "--path", "zero_shot", home=first.home).stdout)
    service = find_service(first.home)
    assert service is not None
    asked = {"question": "hello " * 100, "thread_id": kept["thread_id"], "path": "zero_shot"}
    bearer = {"authorization": f"Bearer {service.token}"}
    with httpx.stream("POST", f"{first.url}/own/ask", json=asked, headers=bearer, timeout=60) as response:
        assert next(response.iter_lines())
        first.end(signal.SIGKILL)
    second = Running(first.home)
    again = json.loads(crossroads("ask", "hello", "--thread", kept["thread_id"], home=first.home).stdout)
    turns = second.turns(kept["thread_id"])
    second.end(signal.SIGTERM)
    assert again["thread_id"] == kept["thread_id"]
    assert [turn["answer"] and turn["answer"]["answer_id"] for turn in turns] == [
        kept["answer_id"],
        None,
        again["answer_id"],
    ]
