"""A real browser against a real server on loopback. Everything the page asks for is recorded."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

# Read before the tests' own environment is cleared.
_NAMED = os.environ.get("CROSSROADS_CHROMIUM", "")
_SHOTS = os.environ.get("CROSSROADS_SCREENSHOTS", "")
_KNOWN = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CURE = "install Debian's `chromium`, or name a Chromium in CROSSROADS_CHROMIUM"
SIZES = {"wide": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; skips with the cure where there is none."""
    path = _NAMED or next((found for name in _KNOWN if (found := shutil.which(name))), "")
    if not path or not Path(path).exists():
        pytest.skip(f"no Chromium: {CURE}")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: install the `dev` group")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves an ASGI application on a free loopback port and gives its address."""
    import uvicorn

    running: list[tuple[Any, threading.Thread]] = []

    def start(app: Any) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 60
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(10)


class Watched:
    """A page that remembers every address it asked for and every error it met."""

    def __init__(self, page: Any, shots: Path) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        self._shots = shots
        page.on("request", lambda request: self._requested(request.url))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(15_000)

    def _requested(self, address: str) -> None:
        if address.startswith(("http", "ws")) and urlsplit(address).hostname != "127.0.0.1":
            self.elsewhere.append(address)

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def shot(self, name: str) -> None:
        """A screenshot for people to look at."""
        self.page.screenshot(path=str(self._shots / f"{name}.png"))


@pytest.fixture
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    folder = Path(_SHOTS) if _SHOTS else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def open_page(browser: Any, shots: Path) -> Iterator[Callable[..., Watched]]:
    """Opens pages; when the test is over, none may have asked another machine or met an error."""
    opened: list[Watched] = []

    def open_one(address: str, size: str = "wide", scheme: str = "light") -> Watched:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        watched = Watched(context.new_page(), shots)
        opened.append(watched)
        watched.page.goto(address)
        watched.page.wait_for_selector("#chat :is(.empty, .turn)")
        return watched

    yield open_one
    for watched in opened:
        watched.page.context.close()
        assert watched.elsewhere == []
        assert watched.errors == []
