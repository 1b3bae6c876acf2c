"""The embedded Weaviate: one server per home, on loopback, with a key of its own, shared by every command.

Whoever uses the server holds a `Lease`. The first one starts it; a keeper process (`weaviate_keeper.py`) owns it and
stops it after `settings.store.linger` seconds without a lease. Killing a user, the keeper or the server at any moment
leaves nothing that the next lease does not put right.

What listens where: HTTP, gossip and Raft on 127.0.0.1 only. Weaviate 1.38 gives its gRPC and its internal data port no
address to bind to, so these two listen on every interface; both refuse whoever does not have this home's random key.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.knowledge import weaviate_binary
from assistant.knowledge.weaviate_keeper import STOP_SECONDS, Job, lock, started
from graphs.errors import StorageError, StoreError

HOST = "127.0.0.1"
START_SECONDS = 60.0
"""How long a server may take until it answers; a big store is read from disk first."""
_KEEPER = Path(__file__).with_name("weaviate_keeper.py")
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "GOMEMLIMIT", "GOMAXPROCS", "GOGC", "LOG_LEVEL")


@dataclass(frozen=True)
class Running:
    """A server that runs, and how to reach it."""

    pid: int
    pid_started: str
    keeper: int
    http_port: int
    grpc_port: int
    key: str
    started: str
    """ISO 8601, UTC."""

    @property
    def url(self) -> str:
        """Where its HTTP interface is."""
        return f"http://{HOST}:{self.http_port}"


@dataclass(frozen=True)
class _Places:
    """The files of one home's server."""

    run: Path
    data: Path

    @property
    def record(self) -> Path:
        return self.run / "weaviate.json"

    @property
    def users(self) -> Path:
        return self.run / "weaviate.users"

    @property
    def start_lock(self) -> Path:
        return self.run / "weaviate.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.run / "weaviate.keeper"

    @property
    def log(self) -> Path:
        return self.run / "weaviate.log"


class Lease:
    """Keeps the home's server up until `close`; `server()` says where it is, starting it again when it died."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = _places(settings)
        self._known: Running | None = None
        self._file = open(self._places.users, "a")  # noqa: SIM115 - open for as long as the lease holds
        if not lock(self._file, fcntl.LOCK_SH, STOP_SECONDS + 5):
            self._file.close()
            raise StoreError(f"The Weaviate of {settings.home} does not finish stopping.", _log_cure(self._places))
        self._touch()

    def server(self) -> Running:
        """The running server, started first if there is none.

        Asked again, it only looks whether the process lives: one that is slow to answer must not be started anew.
        Raises `StoreError` when it cannot be started, with the end of its log.
        """
        if self._known and _alive(self._known):
            return self._known
        self._known = _answering(_read(self._places))
        if self._known is None or _free(self._places.keeper_lock):
            self._known = _start_once(self._settings, self._places)
        return self._known

    def close(self) -> None:
        """Let go of the server; it stops when nobody else uses it for a while."""
        if self._file.closed:
            return
        self._touch()
        if self._places.run.is_dir() and _alive(_read(self._places)) and _free(self._places.keeper_lock):
            with contextlib.suppress(StoreError):
                _start_once(self._settings, self._places)  # its keeper was killed: nobody would stop it
        self._file.close()

    def _touch(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._places.users)


def lease(settings: Settings) -> Lease:
    """A claim on this home's server. Starts nothing by itself; `Lease.server` does."""
    return Lease(settings)


def status(settings: Settings) -> Running | None:
    """The server of this home if one runs and answers; starts nothing."""
    run = settings.home / "run"
    return _answering(_read(_Places(run, _data(settings)))) if run.is_dir() else None


def stop(settings: Settings) -> bool:
    """Stop this home's server now, whoever uses it, and wait until it is gone. Says whether one ran."""
    places = _places(settings)
    with open(places.start_lock, "a") as start:
        if not lock(start, fcntl.LOCK_EX, START_SECONDS):
            raise StoreError(f"The Weaviate of {settings.home} is being started by another command.", "Try again.")
        known = _read(places)
        if known is None or not _alive(known):
            return False
        _end(known, places)
    return True


def _data(settings: Settings) -> Path:
    return settings.home / "store" / "weaviate"


def _places(settings: Settings) -> _Places:
    places = _Places(settings.home / "run", _data(settings))
    try:
        places.run.mkdir(parents=True, exist_ok=True)
        places.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{settings.home} cannot be written: {error}.", "Free space or mend its rights.") from None
    return places


def _read(places: _Places) -> Running | None:
    try:
        record = json.loads(places.record.read_text())
        return Running(**{field.name: record[field.name] for field in fields(Running)})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _alive(known: Running | None) -> bool:
    return known is not None and bool(known.pid_started) and started(known.pid) == known.pid_started


def _answering(known: Running | None) -> Running | None:
    """The recorded server if its process is the recorded one and it takes our key."""
    if known is None or not _alive(known):
        return None
    return known if _get(known, "/v1/meta") == 200 else None


def _ready(known: Running) -> bool:
    return _get(known, "/v1/.well-known/ready") == 200 and _listens(known.grpc_port)


def _get(known: Running, path: str) -> int:
    connection = http.client.HTTPConnection(HOST, known.http_port, timeout=2)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {known.key}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _free(path: Path) -> bool:
    """Whether nobody holds the exclusive lock of this file."""
    with open(path, "a") as file:
        return lock(file, fcntl.LOCK_SH, seconds=0)


def _start_once(settings: Settings, places: _Places) -> Running:
    """Under the start lock: take the server another command started meanwhile, adopt an orphan, or start one."""
    with open(places.start_lock, "a") as start:
        if not lock(start, fcntl.LOCK_EX, START_SECONDS + STOP_SECONDS):
            raise StoreError(
                f"Another command has been starting the Weaviate of {settings.home} for long.", "Try again."
            )
        known = _read(places)
        alive = _alive(known)
        if known and alive and _wait_until_ready(known):
            return known if not _free(places.keeper_lock) else _launch(settings, places, adopt=known)
        if known and alive:
            _end(known, places)
        _await_old_keeper(places)
        _end_stray(places)
        try:
            return _launch(settings, places)
        except StoreError:
            if "address already in use" not in _last_words(places):
                raise
            return _launch(settings, places)  # somebody took one of the ports in the meantime


def _await_old_keeper(places: _Places) -> None:
    with open(places.keeper_lock, "a") as file:
        if not lock(file, fcntl.LOCK_SH, STOP_SECONDS + 5):
            raise StoreError(f"An earlier Weaviate on {places.data} does not finish stopping.", _log_cure(places))


def _wait_until_ready(known: Running) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _ready(known):
            return _get(known, "/v1/meta") == 200
        if not _alive(known):
            return False
        time.sleep(0.02)
    return False


def _launch(settings: Settings, places: _Places, adopt: Running | None = None) -> Running:
    binary = weaviate_binary.find(settings)
    if binary is None and adopt is None:
        raise StoreError("There is no Weaviate binary.", "Run `make setup`, or set store.kind to 'chroma'.")
    if adopt is None and places.log.exists():
        places.log.replace(places.log.with_suffix(".log.1"))
    _run_keeper(_job(settings, places, binary, adopt), places)
    known = _read(places)
    if known is None or not _wait_until_ready(known):
        if known is not None:
            _end(known, places)
        raise StoreError(f"The embedded Weaviate did not start: {_last_words(places)}", _log_cure(places))
    return known


def _run_keeper(job: Job, places: _Places) -> None:
    """Start a keeper, which becomes nobody's child; returns when its record stands or it has failed."""
    log = os.open(places.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        subprocess.run(
            [sys.executable, "-I", str(_KEEPER)], input=json.dumps(asdict(job)).encode(), stdout=subprocess.PIPE,
            stderr=log, start_new_session=True, cwd="/", timeout=START_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise StoreError("The keeper of the embedded Weaviate does not start.", _log_cure(places)) from None
    finally:
        os.close(log)


def _job(settings: Settings, places: _Places, binary: Path | None, adopt: Running | None) -> Job:
    ports = [adopt.http_port, adopt.grpc_port, 0, 0, 0, 0] if adopt else _free_ports(6)
    key = adopt.key if adopt else secrets.token_urlsafe(32)
    began = adopt.started if adopt else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Job(
        command=[str(binary), "--host", HOST, "--port", str(ports[0]), "--scheme", "http"],
        environment=_environment(places, ports, key),
        log=str(places.log),
        record=str(places.record),
        about={"http_port": ports[0], "grpc_port": ports[1], "key": key, "started": began},
        users=str(places.users),
        start_lock=str(places.start_lock),
        keeper_lock=str(places.keeper_lock),
        linger=settings.store.linger,
        adopt=adopt.pid if adopt else 0,
    )


def _environment(places: _Places, ports: list[int], key: str) -> dict[str, str]:
    """What the server is told. Nothing of ours but a few harmless variables is passed on."""
    _, grpc, gossip, data, raft, raft_rpc = (str(port) for port in ports)
    ours = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        "GOMEMLIMIT": str(_memory_limit()),
        "LOG_LEVEL": "warning",
        **ours,
        "PERSISTENCE_DATA_PATH": str(places.data),
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
        "AUTHENTICATION_APIKEY_USERS": "crossroads",
        "AUTHORIZATION_ADMINLIST_ENABLED": "true",
        "AUTHORIZATION_ADMINLIST_USERS": "crossroads",
        "GRPC_PORT": grpc,
        "CLUSTER_HOSTNAME": "crossroads",
        "CLUSTER_BIND_ADDR": HOST,
        "CLUSTER_ADVERTISE_ADDR": HOST,
        "CLUSTER_GOSSIP_BIND_PORT": gossip,
        "CLUSTER_DATA_BIND_PORT": data,
        "CLUSTER_BASIC_AUTH_USERNAME": "crossroads",
        "CLUSTER_BASIC_AUTH_PASSWORD": key,
        "RAFT_PORT": raft,
        "RAFT_INTERNAL_RPC_PORT": raft_rpc,
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_TIMEOUTS_MULTIPLIER": "1",  # a single node has nobody to wait for: up in 2-3 s instead of 5-10 s
        "ENABLE_MODULES": "",
        "GO_PROFILING_DISABLE": "true",
        "DISABLE_TELEMETRY": "true",
        "DISK_USE_WARNING_PERCENTAGE": "97",
        "DISK_USE_READONLY_PERCENTAGE": "99",  # a person's disk is often fuller than the default of 90
    }


def _memory_limit() -> int:
    """Bytes Go may use before it collects harder: a quarter of the machine, from 512 MiB to 4 GiB."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(min(max(whole // 4, 512 << 20), 4 << 30))


def _free_ports(number: int) -> list[int]:
    """Free ports; the fourth follows the third, because Weaviate derives its data port from its gossip port."""
    while True:
        with contextlib.ExitStack() as stack:
            ports = [_bind(stack, 0) for _ in range(number)]
            with contextlib.suppress(OSError, OverflowError):
                ports[3] = _bind(stack, ports[2] + 1)
                return ports


def _bind(stack: contextlib.ExitStack, port: int) -> int:
    listener = stack.enter_context(socket.socket())
    listener.bind((HOST, port))
    return int(listener.getsockname()[1])


def _end(known: Running, places: _Places) -> None:
    """End the recorded server, through its keeper if it has one, wait until it is gone, and take its record away."""
    if not _free(places.keeper_lock):
        _signal(known.keeper, signal.SIGTERM)
    elif _alive(known):
        _signal(known.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _alive(known) and time.monotonic() < deadline:
        time.sleep(0.02)
    if _alive(known):
        _signal(known.pid, signal.SIGKILL)
    _await_old_keeper(places)
    places.record.unlink(missing_ok=True)


def _end_stray(places: _Places) -> None:
    """End a server on our data that no record speaks of: its keeper was killed before it could write one."""
    import psutil

    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error):
            ours = str(process.info["name"]).startswith("weaviate")
            if ours and process.environ().get("PERSISTENCE_DATA_PATH") == str(places.data):
                process.terminate()
                process.wait(STOP_SECONDS)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _last_words(places: _Places) -> str:
    with contextlib.suppress(OSError):
        lines: list[str] = places.log.read_text(errors="replace").strip().splitlines()
        if lines:
            return _message(lines[-1])[:300]
    return "it said nothing."


def _message(line: str) -> str:
    with contextlib.suppress(ValueError, AttributeError):
        entry: dict[str, Any] = json.loads(line)
        return str(entry.get("error") or entry.get("msg") or line)
    return line


def _log_cure(places: _Places) -> str:
    return f"Its log is {places.log}."
