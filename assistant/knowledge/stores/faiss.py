"""Chunks in FAISS: an exact index in memory over vectors that lie beside the chunks, in the same SQLite file.

A vector is written in the transaction that writes its chunk, so a kill leaves both or neither, and nothing is pickled.
The index is exact (inner products over all unit vectors) and built anew when the store is opened: 100,000 vectors of
384 numbers take 150 MB of memory. What other processes wrote is noticed before every search.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assistant.knowledge.stores.fts import WordIndex
from assistant.knowledge.stores.worded import WordedStore, check_lengths
from assistant.knowledge.types import Chunk, Vectors, Where

BATCH = 5000
"""Vectors read into the index at once."""


class FaissStore(WordedStore):
    """A `ChunkStore` in a folder."""

    kind = "faiss"
    label = "FAISS"

    def __init__(
        self, path: Path, fingerprint: str, dimensions: int, timeout: float = 10.0,
        on_put: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(path, fingerprint, dimensions, timeout, on_put)
        self._lock = threading.Lock()
        self._open: dict[str, _Index] = {}
        with self._asking("opening it"):
            import faiss  # noqa: F401 - fails here and now where it is not installed

            self.version = version("faiss-cpu")
            path.mkdir(parents=True, exist_ok=True)

    def ready(self) -> bool:
        """Whether the folder is there."""
        return self._place.is_dir()

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Insert or overwrite, in one transaction."""
        check_lengths(chunks, vectors)
        with self._asking("storing chunks"):
            if chunks:
                self._index(collection).put(chunks, np.asarray(vectors, dtype=np.float32))
        self._told(chunks)

    def remove(self, collection: str, document_id: str, *, everywhere: bool = True) -> None:
        """Delete a document's chunks, those of other embedding models too where `everywhere`."""
        with self._asking("deleting a document"):
            for space in self._spaces(collection, everywhere):
                self._index(collection, space).remove(document_id)

    def drop(self, collection: str) -> None:
        """Delete a collection, in the spaces of other embedding models too."""
        with self._asking("deleting a collection"), self._lock:
            for space in self._spaces(collection):
                name = self._name(collection, space)
                if name in self._open:
                    self._open.pop(name).close()
                self._index(collection, space).drop()

    def clear(self) -> None:
        """Delete everything kept for this embedding model."""
        with self._asking("deleting an embedding model's chunks"):
            self.close()
            for path in self._place.glob(f"{self._space}-*.db"):
                WordIndex(path, self._timeout).drop()

    def near(self, collection: str, vector: Vectors, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → cosine of the nearest chunks: exactly the nearest."""
        index = self._index(collection)
        with self._asking("searching"):
            allowed = index.allowed(where)
            if allowed == [] or not index.count():
                return {}
            only = None if allowed is None else index.numbers(allowed)
            found = self._fresh(collection).search(vector, limit, only)
            names = index.named(list(found))
        return {names[number]: cosine for number, cosine in found.items() if number in names}

    def get(self, collection: str, chunk_ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
        """The chunks that are there, with their vectors."""
        with self._asking("reading chunks"):
            index = self._index(collection)
            chunks, vectors = index.get(chunk_ids), index.vectors(chunk_ids)
        return {name: (chunks[name], vectors[name]) for name in vectors if name in chunks}

    def close(self) -> None:
        """Let go of the indexes in memory."""
        with self._lock:
            for index in self._open.values():
                index.close()
            self._open.clear()

    def _fresh(self, collection: str) -> _Index:
        """The collection's index with everything written so far."""
        path = self._place / f"{self._name(collection)}.db"
        with self._lock:
            known = self._open.get(path.stem)
            if known is None or known.inode != path.stat().st_ino:  # dropped and filled again by somebody else
                if known is not None:
                    known.close()
                known = self._open[path.stem] = _Index(path, self._dimensions, self._timeout)
            return known


class _Index:
    """One collection in memory."""

    def __init__(self, path: Path, dimensions: int, timeout: float) -> None:
        import faiss

        self.inode = path.stat().st_ino
        self._database = sqlite3.connect(path, timeout=timeout, check_same_thread=False)
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))
        self._held: set[int] = set()
        self._seen = (-1, -1)
        self._lock = threading.Lock()

    def search(self, vector: Vectors, limit: int, only: list[int] | None) -> dict[int, float]:
        """Number of a vector → cosine, nearest first, of all or `only` some."""
        import faiss

        with self._lock:
            self._catch_up()
            wanted: dict[str, Any] = {}
            if only is not None:
                chosen = faiss.IDSelectorBatch(np.asarray(only, dtype=np.int64))
                wanted["params"] = faiss.SearchParameters(sel=chosen)  # type: ignore[call-arg]  # left out of its stub
            asked = np.ascontiguousarray(vector.reshape(1, -1), dtype=np.float32)
            scores, numbers = self._index.search(asked, limit, **wanted)
        return {int(n): float(score) for n, score in zip(numbers[0], scores[0], strict=True) if n >= 0}

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _catch_up(self) -> None:
        """Read what was added and forget what was deleted since the last search."""
        import faiss

        now = self._version()
        if now == self._seen:
            return
        there = {int(row[0]) for row in self._database.execute("SELECT number FROM vectors")}
        if gone := self._held - there:
            self._index.remove_ids(faiss.IDSelectorBatch(np.fromiter(gone, dtype=np.int64)))
        fresh = sorted(there - self._held)
        for start in range(0, len(fresh), BATCH):
            self._add(fresh[start], fresh[min(start + BATCH, len(fresh)) - 1])
        self._held, self._seen = there, now

    def _add(self, first: int, last: int) -> None:
        query = "SELECT number, vector FROM vectors WHERE number BETWEEN ? AND ? ORDER BY number"
        rows = [row for row in self._database.execute(query, (first, last)) if row[0] not in self._held]
        if rows:
            vectors = np.stack([np.frombuffer(blob, dtype=np.float32) for _, blob in rows])
            self._index.add_with_ids(vectors, np.asarray([number for number, _ in rows], dtype=np.int64))
            self._held.update(int(number) for number, _ in rows)

    def _version(self) -> tuple[int, int]:
        """Changes with every commit of another connection; ours here only reads."""
        (data,) = self._database.execute("PRAGMA data_version").fetchone()
        (newest,) = self._database.execute("SELECT coalesce(max(number), 0) FROM vectors").fetchone()
        return int(data), int(newest)
