"""One turn at a time in a conversation, across every process of the home."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from graphs.errors import BusyError


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
            raise BusyError(
                f"The conversation {thread_id!r} is still being answered.", "Wait for that answer, or stop it first."
            ) from None
        if _still_there(path, descriptor):
            return _releaser(path, descriptor)
        os.close(descriptor)  # the holder before us removed the file between our opening and locking it


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
