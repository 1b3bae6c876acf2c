"""What every test stands on: no network but this machine's own, a home of its own, nobody's settings or keys."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

_KEYS = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "WEAVIATE_API_KEY")
_KEPT = ("CROSSROADS_CACHE", "CROSSROADS_DATA")


class LiveNetworkError(RuntimeError):
    """A test tried to reach another machine. Not an OSError, so that nothing takes it for a server that is down."""

    def __init__(self, address: object) -> None:
        super().__init__(f"Tests may reach this machine only, not {address!r}. Use a fake, or a server on 127.0.0.1.")


def is_local(address: object) -> bool:
    """Whether a socket address is a Unix socket or on loopback."""
    if isinstance(address, str | bytes):
        return True
    host = str(address[0]) if isinstance(address, tuple) and address else ""
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _no_live_network() -> Iterator[None]:
    """Lets only Unix sockets and loopback through, for every test and every thread it leaves behind."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if not is_local(address):
            raise LiveNetworkError(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if not is_local(address):
            raise LiveNetworkError(address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, port: Any, *others: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name != "0.0.0.0" and name != "::" and not is_local((name, port)):  # noqa: S104
            raise LiveNetworkError((name, port))
        return look_up(host, port, *others, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture(scope="session", autouse=True)
def _nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable, `crossroads.toml`, `.env` or key of whoever runs the tests; the cache of models stays theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name in _KEYS or (name.startswith("CROSSROADS_") and name not in _KEPT):
                patch.delenv(name)
        for kept in _KEPT:
            if os.environ.get(kept):
                patch.setenv(kept, str(Path(os.environ[kept]).absolute()))
        patch.setenv("CROSSROADS_HOME", str(tmp_path_factory.mktemp("session-home")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _loops_of_gradio() -> Iterator[None]:
    """Gradio sets an event loop for every page it builds and drops it; kept and closed here, none is found unclosed."""
    loops: list[asyncio.AbstractEventLoop] = []
    set_event_loop = asyncio.set_event_loop

    def kept(loop: asyncio.AbstractEventLoop | None) -> None:
        loops.extend([loop] if loop else [])
        set_event_loop(loop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "set_event_loop", kept)
        yield
    for loop in loops:
        if not loop.is_running():
            loop.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own, and an empty folder to work in."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CROSSROADS_HOME", str(folder))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The public data sets; skips where there are none."""
    named = os.environ.get("CROSSROADS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}; set CROSSROADS_DATA to their folder")
    return folder
