"""Several parser processes, so that files are read side by side."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assistant.knowledge.loaders import kind_of, load, ocr
from assistant.knowledge.loaders.pdf import ScanError
from assistant.knowledge.loaders.worker import MEMORY_MB, SECONDS, Worker
from assistant.knowledge.types import Loaded

_HARMLESS = frozenset({"text", "markdown"})
_SMALL = 2**18


class Pool:
    """At most `size` parser processes, started as they are needed. Safe under threads, each of which uses one."""

    def __init__(self, size: int = 0, seconds: float = SECONDS, memory_mb: int = MEMORY_MB) -> None:
        self.size = size or min(4, os.cpu_count() or 1)
        self._workers = [Worker(seconds, memory_mb) for _ in range(self.size)]
        self._free: queue.LifoQueue[Worker] = queue.LifoQueue()  # the last one used is the one that runs already
        for worker in reversed(self._workers):
            self._free.put(worker)

    def load(self, data: bytes, name: str, declared: str = "", cancel: threading.Event | None = None) -> Loaded:
        """As `loaders.load`: small plain text here, everything else in a process, scans by text recognition.

        Raises `DocumentError`, and `Cancelled` when `cancel` is set meanwhile.
        """
        if not data.strip() or (len(data) <= _SMALL and kind_of(data, name, declared) in _HARMLESS):
            return load(data, name, declared=declared)
        with self._one() as worker:
            try:
                loaded = worker.load(data, name, declared, cancel)
            except ScanError:
                if not ocr.available():
                    raise
                return worker.load(data, name, declared, cancel, recognize=True)
            if loaded.metadata.get("scanned_pages") and ocr.available():
                return worker.load(data, name, declared, cancel, recognize=True)
            return loaded

    def tables(self, data: bytes, name: str) -> list[dict[str, Any]]:
        """As `Worker.tables`."""
        with self._one() as worker:
            return worker.tables(data, name)

    def close(self) -> None:
        """Stop the processes."""
        for worker in self._workers:
            worker.close()

    @contextmanager
    def _one(self) -> Iterator[Worker]:
        worker = self._free.get()
        try:
            yield worker
        finally:
            self._free.put(worker)
