"""An embedded Chroma in a folder that several processes may use.

Chroma's persistent client keeps its graph in memory and does not notice what another process writes; written from two,
the graph on disk could lose one's work. Here writers take turns under a file lock and leave a mark, and whoever finds
another mark than the last one it knows opens the folder anew.
"""

from __future__ import annotations

import fcntl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.knowledge.weaviate_keeper import lock
from graphs.errors import StoreError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

TURN_SECONDS = 60.0
"""How long a writer waits for another one's batch."""
_opened: dict[Path, ChromaFolder] = {}
_opening = threading.Lock()


class ChromaFolder:
    """One per folder and process, because Chroma shares a client per folder as well. Use `borrow` and `give_back`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.users = 0
        self._lock = threading.RLock()
        self._client: ClientAPI | None = None
        self._seen = ""

    @contextmanager
    def reading(self) -> Iterator[ClientAPI]:
        """A client that sees everything written so far."""
        with self._lock:
            yield self._fresh()

    @contextmanager
    def writing(self) -> Iterator[ClientAPI]:
        """A client that sees everything written so far, while nobody else writes."""
        with self._lock, open(self.path / "write.lock", "a") as turn:
            if not lock(turn, fcntl.LOCK_EX, TURN_SECONDS):
                raise StoreError(f"Another process has been writing to {self.path} for long.", "Try again.")
            client = self._fresh()
            self._mark()  # before as well, lest a kill in between leave the others unaware
            try:
                yield client
            finally:
                self._mark()

    def close(self) -> None:
        """Stop Chroma in this process."""
        with self._lock:
            if self._client is not None:
                self._client.close()  # type: ignore[attr-defined]  # on the class, not on its interface
            self._client = None

    def _fresh(self) -> ClientAPI:
        last = self._last_mark()
        if self._client is None or last != self._seen:
            self.close()
            self._client = _client(self.path)
            self._seen = last
        return self._client

    def _last_mark(self) -> str:
        try:
            return (self.path / "last-write").read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def _mark(self) -> None:
        mark = uuid.uuid4().hex
        part = self.path / "last-write.part"
        part.write_text(mark, encoding="ascii")
        part.replace(self.path / "last-write")
        self._seen = mark


def borrow(path: Path) -> ChromaFolder:
    """This process's access to the folder, which is made if it is not there."""
    path.mkdir(parents=True, exist_ok=True)
    with _opening:
        folder = _opened.setdefault(path.resolve(), ChromaFolder(path.resolve()))
        folder.users += 1
        return folder


def give_back(folder: ChromaFolder) -> None:
    """The last one to give it back stops Chroma."""
    with _opening:
        folder.users -= 1
        if folder.users == 0:
            _opened.pop(folder.path, None)
            folder.close()


def _client(path: Path) -> ClientAPI:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(path=str(path), settings=Settings(anonymized_telemetry=False))
