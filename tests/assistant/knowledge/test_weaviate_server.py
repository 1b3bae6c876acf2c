"""The embedded Weaviate itself: shared, private, and put right after every kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from assistant.config import Settings, Store
from assistant.knowledge import weaviate_binary, weaviate_server
from assistant.knowledge.weaviate_server import Running, lease, status, stop
from graphs.errors import StorageError, StoreError

CACHE = Path(os.environ.get("CROSSROADS_CACHE") or Settings().cache)
pytestmark = [pytest.mark.weaviate, pytest.mark.timeout(90)]
needs_weaviate = pytest.mark.skipif(
    weaviate_binary.find(Settings(cache=CACHE)) is None,
    reason=f"no Weaviate binary in {CACHE / 'bin'}; `make setup` gets it",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    made = Settings(home=tmp_path_factory.mktemp("home"), cache=CACHE, store=Store(kind="weaviate", linger=60))
    yield made
    stop(made)
    assert status(made) is None


@pytest.fixture
def running(settings: Settings) -> Iterator[Running]:
    held = lease(settings)
    yield held.server()
    held.close()


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)


@needs_weaviate
def test_everybody_shares_one_server(settings: Settings, running: Running) -> None:
    second = lease(settings)

    assert second.server() == running
    assert status(settings) == running
    second.close()


@needs_weaviate
def test_commands_that_start_at_once_start_one(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from assistant.config import Settings, Store\n"
        "from assistant.knowledge.weaviate_server import lease\n"
        "held = lease(Settings(home=Path(sys.argv[1]), cache=Path(sys.argv[2]), store=Store(linger=1)))\n"
        "print(held.server().pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(CACHE)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    pids = {user.stdout.readline() for user in users if user.stdout}
    for user in users:
        user.communicate()
    while status(Settings(home=tmp_path)):  # it goes by itself after `linger`
        time.sleep(0.1)

    assert len(pids) == 1


@needs_weaviate
def test_the_key_is_for_its_owner_only(settings: Settings, running: Running) -> None:
    record = settings.home / "run" / "weaviate.json"

    assert record.stat().st_mode & 0o777 == 0o600
    assert not any(running.key in argument for argument in psutil.Process(running.pid).cmdline())
    assert not any(running.key in argument for argument in psutil.Process(running.keeper).cmdline())


@needs_weaviate
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_the_key_nothing_is_told(running: Running, headers: dict[str, str]) -> None:
    for path in ("/v1/meta", "/v1/schema", "/v1/objects", "/v1/nodes"):
        assert httpx.get(f"{running.url}{path}", headers=headers).status_code == 401


@needs_weaviate
def test_grpc_without_the_key_is_refused(running: Running) -> None:
    import grpc
    from weaviate.proto.v1.v6300.v1 import search_get_pb2, weaviate_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{running.grpc_port}") as channel:
        stub = weaviate_pb2_grpc.WeaviateStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Search(search_get_pb2.SearchRequest(collection="Chunk"), timeout=5)

    assert "unauthorized" in caught.value.details()


@needs_weaviate
def test_beyond_loopback_only_ports_that_want_the_key_are_open(running: Running) -> None:
    listening = [c.laddr for c in psutil.Process(running.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    datagrams = [c.laddr for c in psutil.Process(running.pid).net_connections("udp")]
    open_wide = {where.port for where in listening if where.ip != "127.0.0.1"}

    assert [where for where in datagrams if where.ip != "127.0.0.1"] == []
    assert running.grpc_port in open_wide
    [data_port] = open_wide - {running.grpc_port}
    assert httpx.get(f"http://127.0.0.1:{data_port}/nodes/status").status_code in (401, 404)
    assert httpx.get(f"http://127.0.0.1:{data_port}/indices/Chunk/shards/a/objects").status_code == 401


@needs_weaviate
def test_a_killed_server_is_started_again(settings: Settings) -> None:
    held = lease(settings)
    first = held.server()
    kill(first.pid)

    second = held.server()

    assert second.pid != first.pid
    assert second.key != first.key
    held.close()


@needs_weaviate
def test_a_server_whose_keeper_was_killed_is_adopted(settings: Settings, running: Running) -> None:
    kill(running.keeper)
    second = lease(settings)

    adopted = second.server()

    assert (adopted.pid, adopted.key) == (running.pid, running.key)
    assert psutil.pid_exists(adopted.keeper)
    assert adopted.keeper != running.keeper
    second.close()


@needs_weaviate
def test_the_last_user_of_an_orphan_leaves_it_a_keeper(settings: Settings) -> None:
    held = lease(settings)
    first = held.server()
    kill(first.keeper)

    held.close()

    left = status(settings)
    assert left
    assert left.pid == first.pid
    assert psutil.pid_exists(left.keeper)


@needs_weaviate
def test_a_server_no_record_speaks_of_gives_way(settings: Settings) -> None:
    held = lease(settings)
    first = held.server()
    kill(first.keeper)
    (settings.home / "run" / "weaviate.json").unlink()
    held.close()

    second = lease(settings)

    assert second.server().pid != first.pid
    assert not psutil.pid_exists(first.pid)
    second.close()


@needs_weaviate
def test_a_stale_record_does_not_harm_whoever_has_its_number_now(settings: Settings) -> None:
    stop(settings)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        record = (
            '{"pid": %d, "pid_started": "1", "keeper": %d, "http_port": 1, "grpc_port": 1, "key": "", "started": ""}'
        )
        (settings.home / "run" / "weaviate.json").write_text(record % (stranger.pid, stranger.pid))

        assert not stop(settings)
        held = lease(settings)
        assert held.server().pid != stranger.pid

        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)
    held.close()


@needs_weaviate
def test_it_starts_beside_another_home(settings: Settings, running: Running, tmp_path: Path) -> None:
    other = Settings(home=tmp_path, cache=CACHE, store=Store(linger=60))
    held = lease(other)

    server = held.server()

    assert server.pid != running.pid
    assert status(settings) == running
    held.close()
    assert stop(other)
    assert status(other) is None


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    assert status(Settings(home=tmp_path / "new")) is None
    assert not stop(Settings(home=tmp_path))


def test_without_a_binary_the_error_says_so(tmp_path: Path) -> None:
    held = lease(Settings(home=tmp_path / "home", cache=tmp_path / "cache"))

    with pytest.raises(StoreError, match="no Weaviate binary") as caught:
        held.server()

    assert "make setup" in caught.value.cure
    held.close()


def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", cache=tmp_path / "cache")
    binary = weaviate_binary.place(settings)
    binary.parent.mkdir(parents=True)
    binary.write_text('#!/bin/sh\necho \'{"level":"fatal","msg":"no space left on device"}\'\nexit 1\n')
    binary.chmod(0o755)
    held = lease(settings)

    with pytest.raises(StoreError, match="no space left on device") as caught:
        held.server()

    assert "weaviate.log" in caught.value.cure
    held.close()


def test_a_record_without_a_mark_is_no_running_server(tmp_path: Path) -> None:
    gone = Running(pid=2**22 + 1, pid_started="", keeper=0, http_port=1, grpc_port=1, key="", started="")

    assert not weaviate_server._alive(gone)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, not a folder")

    with pytest.raises(StorageError, match="home"):
        lease(Settings(home=tmp_path / "home"))


def test_ports_are_free_and_the_data_port_follows_gossip() -> None:
    ports = weaviate_server._free_ports(6)

    assert len(set(ports)) == 6
    assert ports[3] == ports[2] + 1
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[0]))
