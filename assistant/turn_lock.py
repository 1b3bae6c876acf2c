"""One turn at a time in a conversation: across every process of the home, or of the Postgres it is kept in."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from graphs.errors import BusyError, StorageError


def take_turn(folder: Path, thread_id: str) -> Callable[[], None]:
    """Hold a conversation until the function that is returned is called. Raises `BusyError` while another turn does.

    The lock is the kernel's: a killed process holds none. Its file is removed with it.
    """
    path = folder / f"{thread_id}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise _busy(thread_id) from None
        if _still_there(path, descriptor):
            return _releaser(path, descriptor)
        os.close(descriptor)  # the holder before us removed the file between our opening and locking it


def take_turn_on_postgres(engine: Engine, thread_id: str) -> Callable[[], None]:
    """As `take_turn`, for services on several machines that share one Postgres.

    The lock is an advisory one of a connection that is held for the turn, so a killed process holds none.
    """
    key = int.from_bytes(hashlib.sha256(thread_id.encode()).digest()[:8], "big", signed=True)
    connection = engine.connect()
    held = connection.execute(select(func.pg_try_advisory_lock(key))).scalar()
    connection.commit()  # the lock is the session's; an open transaction would hold back Postgres' cleaning
    if not held:
        connection.close()
        raise _busy(thread_id)

    def release() -> None:
        try:
            connection.execute(select(func.pg_advisory_unlock(key)))
            connection.commit()
        except (DBAPIError, StorageError):  # the connection broke, and the lock is gone with it
            connection.invalidate()
        finally:
            connection.close()

    return release


def _busy(thread_id: str) -> BusyError:
    return BusyError(
        f"The conversation {thread_id!r} is still being answered.", "Wait for that answer, or stop it first."
    )


def _releaser(path: Path, descriptor: int) -> Callable[[], None]:
    def release() -> None:
        path.unlink(missing_ok=True)
        os.close(descriptor)

    return release


def _still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
