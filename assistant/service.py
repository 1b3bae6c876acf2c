"""The one running `serve` of a home: its lock, its address, and a client for it.

Imported on every command's start, so it needs the standard library alone.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from graphs.errors import BusyError, CrossroadsError, StorageError

_START_SECONDS = 30.0  # how long a client waits for the address of a service that is starting
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Service:
    """Where the service of a home listens, and the secret that proves a client may read the home."""

    url: str
    pid: int
    token: str


@contextmanager
def only_service(home: Path) -> Iterator[None]:
    """Hold the home's service lock. Raises `BusyError` naming the address and process that hold it.

    The lock is the kernel's: it is gone with the process, however that ends.
    """
    descriptor = _open_lock(home)
    try:
        if not _lock(descriptor, patience=0.5):
            raise _already_served(home)
        _address_file(home).unlink(missing_ok=True)  # left by a service that was killed
        yield
    finally:
        os.close(descriptor)


def announce(home: Path, url: str) -> Service:
    """Write down where this process listens. Only for the holder of `only_service`."""
    service = Service(url=url, pid=os.getpid(), token=secrets.token_urlsafe(32))
    path = _address_file(home)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(service), file)
    temporary.replace(path)
    return service


def withdraw(home: Path) -> None:
    """Remove the address again."""
    _address_file(home).unlink(missing_ok=True)


def find_service(home: Path) -> Service | None:
    """The running service of a home; waits for the address of one that is just starting. None where there is none."""
    if not (home / "run" / "serve.lock").exists():
        return None
    until = time.monotonic() + _START_SECONDS
    while _is_locked(home):
        service = _read_address(home)
        if service:
            return service
        if time.monotonic() > until:
            raise BusyError(
                f"The service of {str(home)!r} is starting but does not listen yet.", "Try again in a moment."
            )
        time.sleep(0.05)
    return None


class Client:
    """Calls a running service. Values are plain JSON."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def run(self, operation: str, arguments: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> Any:
        """The result of an operation; its events are passed on as they come. An interrupt stops the work there too.

        Raises the `CrossroadsError` it failed with, `BusyError` where the service went away.
        """
        connection = self._connect()
        try:
            body = json.dumps(arguments).encode()
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.service.token}"}
            connection.request("POST", f"/own/{operation}", body, headers)
            response = connection.getresponse()
            while line := response.readline():
                record = _parse(line)
                if "event" not in record:
                    return _result(record)
                on_event(record["event"])
        except (OSError, http.client.HTTPException) as error:
            raise self._gone() from error
        finally:
            connection.close()
        raise self._gone()

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.service.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
        except OSError as error:
            raise self._gone() from error
        if connection.sock:
            connection.sock.settimeout(None)  # an answer may take as long as it takes
        return connection

    def _gone(self) -> BusyError:
        return BusyError(
            f"The service at {self.service.url} (process {self.service.pid}) stopped while it was at work.",
            "Start `crossroads serve` again, or repeat the command without it.",
        )


def error_from_json(record: dict[str, Any]) -> CrossroadsError:
    """The error an `error` object stands for, as the class of its type."""
    found = record.get("error")
    if not isinstance(found, dict):
        return CrossroadsError(f"The service answered {str(record)[:200]!r}.", "See what `crossroads doctor` says.")
    made = CrossroadsError.__new__(_classes().get(str(found.get("type")), CrossroadsError))
    CrossroadsError.__init__(made, str(found.get("message", "")), str(found.get("cure", "")))
    return made


def private_folder(home: Path, name: str) -> Path:
    """A folder of the home, made where it is missing, that only its owner may enter. Raises `StorageError`."""
    folder = home / name
    try:
        home.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"The home {str(home)!r} cannot be written: {reason}.",
            "Choose another with --home, or give yourself the right to write there.",
        ) from None
    return folder


def _classes() -> dict[str, type[CrossroadsError]]:
    found: dict[str, type[CrossroadsError]] = {}
    waiting = [CrossroadsError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.type, kind)
        waiting += kind.__subclasses__()
    return found


def _result(record: dict[str, Any]) -> Any:
    if "result" not in record:
        raise error_from_json(record)
    return record["result"]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {"error": {"type": "error", "message": f"The service answered {line[:200]!r}.", "cure": "Restart it."}}
    return value if isinstance(value, dict) else {"result": value}


def _open_lock(home: Path) -> int:
    path = private_folder(home, "run") / "serve.lock"
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(
            f"{str(path)!r} cannot be written: {error.strerror}.", "Choose another folder with --home."
        ) from None


def _lock(descriptor: int, patience: float) -> bool:
    """Take the lock; a client that looks whether it is held holds it for an instant, so one refusal proves nothing."""
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)


def _is_locked(home: Path) -> bool:
    try:
        descriptor = os.open(home / "run" / "serve.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _address_file(home: Path) -> Path:
    return home / "run" / "service.json"


def _read_address(home: Path) -> Service | None:
    try:
        found = json.loads(_address_file(home).read_text(encoding="utf-8"))
        return Service(url=found["url"], pid=found["pid"], token=found["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _already_served(home: Path) -> BusyError:
    service = _read_address(home)
    where = f"at {service.url} by process {service.pid}" if service else "by a process that is just starting"
    cure = "Use that one, stop it, or serve another folder with --home."
    return BusyError(f"The home {str(home)!r} is already served {where}.", cure)
