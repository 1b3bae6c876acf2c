"""The guard that keeps tests off the network, tried on addresses of documentation ranges."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

ELSEWHERE = ("192.0.2.1", 80)


def test_another_machine_is_refused_by_address() -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        client.connect(ELSEWHERE)


def test_connect_ex_is_refused_too() -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        client.connect_ex(ELSEWHERE)


def test_names_of_other_machines_are_not_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)


def test_loopback_is_let_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_home_is_this_tests_own(tmp_path: Path) -> None:
    assert Path(os.environ["CROSSROADS_HOME"]).parent == tmp_path


def test_working_folder_is_empty() -> None:
    assert list(Path.cwd().iterdir()) == []
