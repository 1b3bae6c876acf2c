"""One turn under way: the graph runs on a thread of its own, its events are read from here.

The thread of its own lets any thread read the events, lets a reader walk away without losing the turn, and lets a
stop take effect while the reader waits.
"""

from __future__ import annotations

import contextvars
import errno
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from graphs.answer import Answer
from graphs.errors import Cancelled, CrossroadsError, StorageError
from graphs.events import Event, Failed, Final

log = logging.getLogger(__name__)

_CLOSE_SECONDS = 10.0

Work = Callable[[Callable[[Event], None]], Answer]
"""Does the turn, passing its events on as they come; returns when the turn is saved."""
Ended = Callable[["TurnRun", float], None]
"""Is told of a turn that is over, and of its seconds. Must not fail."""


class TurnRun(Iterator[Event]):
    """The events of one turn; the last is `Final` or `Failed`. Closing it stops the turn; what was written is kept."""

    def __init__(self, thread_id: str, cancel: threading.Event, work: Work, release: Callable[[], None]) -> None:
        self.thread_id = thread_id
        self.error: CrossroadsError | None = None
        self.answer: Answer | None = None
        self._cancel = cancel
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._over = False
        self._ended: list[Ended] = []
        mine = contextvars.copy_context()  # whose turn it is
        self._thread = threading.Thread(target=mine.run, args=(self._run, work, release), name="turn", daemon=True)

    def start(self, ended: Sequence[Ended] = ()) -> TurnRun:
        """Begin; each of `ended` is called once the turn is saved, before its last event. Returns itself."""
        self._ended = list(ended)
        self._thread.start()
        return self

    def __next__(self) -> Event:
        if self._over:
            raise StopIteration
        event = self._events.get()
        self._over = isinstance(event, Final | Failed)
        return event

    def close(self) -> None:
        """Stop the turn and wait until it is saved."""
        self._cancel.set()
        self.join()

    def stop(self) -> None:
        """Ask the turn to stop; its last event says what had been written by then."""
        self._cancel.set()

    def join(self) -> None:
        """Wait until the turn is over, for a bounded time."""
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    def _run(self, work: Work, release: Callable[[], None]) -> None:
        last: Event
        began = time.perf_counter()
        try:
            self.answer = work(self._events.put)
            last = Final(answer=self.answer)
        except BaseException as error:
            self.error = explain(error)
            last = Failed(error=self.error.as_json()["error"], thread_id=self.thread_id)
        finally:
            release()
        for ended in self._ended:
            ended(self, time.perf_counter() - began)
        self._events.put(last)


class StoppedError(CrossroadsError):
    """The turn was stopped before there was anything to keep."""

    type = "stopped"


def explain(error: BaseException) -> CrossroadsError:
    """Any exception as an error with a cure; one nobody foresaw is logged with its traceback."""
    if isinstance(error, CrossroadsError):
        return error
    if isinstance(error, Cancelled):
        return StoppedError("The work was stopped before anything was written.", "Start it again when you like.")
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or (isinstance(error, sqlite3.Error) and "full" in str(error)):
        return StorageError("The disk is full, so the turn could not be saved.", "Free some space and ask again.")
    if type(error).__module__.startswith("psycopg"):
        return StorageError(f"The database of database.url cannot be used: {error}.", "Start it, then ask again.")
    if isinstance(error, sqlite3.Error | PermissionError | DBAPIError):
        return StorageError(f"The turn could not be saved: {error}.", "See `crossroads doctor`.")
    log.error("a turn failed in a way nobody foresaw", exc_info=error)
    return CrossroadsError(
        f"Something went wrong that nobody foresaw: {type(error).__name__}: {error}.",
        "Try again; if it happens again, the log says where it failed.",
    )
