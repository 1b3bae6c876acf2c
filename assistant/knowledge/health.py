"""Whether the store answers, known beforehand: a question must not wait for a store that is down.

A store that answered lately is trusted; else it is asked, and has little time. Once it is down, nobody waits for it any
more: a thread looks every second whether it is back, and starts an embedded one again.
"""

from __future__ import annotations

import logging
import threading
import time

from assistant.knowledge.types import ChunkStore
from graphs.errors import StoreError

TRUST_SECONDS = 0.2
"""Long enough for one turn to ask once: a store that stops answering within it keeps one turn for `store.timeout`."""
LOOK_SECONDS = 1.0
log = logging.getLogger(__name__)


class Health:
    """What is known of one store. Safe under threads."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._answered = time.monotonic()
        self._looking: threading.Thread | None = None

    def check(self) -> None:
        """Raises `StoreError` at once, or within a second, where the store does not answer."""
        with self._lock:
            if self._looking is None:
                if time.monotonic() - self._answered < TRUST_SECONDS or self._store.alive():
                    self._answered = time.monotonic()
                    return
                self._down()
        raise StoreError(
            f"The {self._store.kind} store at {self._store.url or 'the home'} does not answer.",
            "It is looked for every second; if it is a server of yours, start it.",
        )

    @property
    def down(self) -> bool:
        """Whether the store is known to be out of reach."""
        return self._looking is not None

    def failed(self) -> None:
        """A call failed just now: trust the store no more until it was asked."""
        self._answered = float("-inf")

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        looking = self._looking
        if looking is not None:
            looking.join()

    def _down(self) -> None:
        log.warning("The %s store at %s does not answer.", self._store.kind, self._store.url)
        self._looking = threading.Thread(target=self._look, name="store-health", daemon=True)
        self._looking.start()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            if self._store.ready():
                log.info("The %s store at %s is back.", self._store.kind, self._store.url)
                break
        with self._lock:
            self._answered = time.monotonic()
            self._looking = None
