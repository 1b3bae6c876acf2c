"""An assistant over the real graph with documents made of words, and a service that offers it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from assistant.app import Assistant
from assistant.http.application import build_application
from assistant.service import Service
from tests.assistant.home_fakes import open_fake

TOKEN = "the-token-of-this-test"


@pytest.fixture
def assistant(home: Path) -> Iterator[Assistant]:
    """Answers from one document about a warranty."""
    with open_fake(home) as opened:
        yield opened


class Served:
    """A real HTTP server on loopback around an assistant."""

    def __init__(self, assistant: Assistant) -> None:
        application = build_application(assistant, TOKEN, page=False)
        self._server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.service = Service(f"http://127.0.0.1:{port}", 0, TOKEN)
        self.url = self.service.url

    def stop(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def served(assistant: Assistant) -> Iterator[Served]:
    """The assistant behind HTTP."""
    server = Served(assistant)
    yield server
    server.stop()
