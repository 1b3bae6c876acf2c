"""What stores share that keep vectors only: the chunks themselves and their words lie in SQLite files of the home.

One file per collection and embedding model (`fts.py`). It also decides what exists: a vector without its chunk is not
a hit.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistant.knowledge.stores import hybrid
from assistant.knowledge.stores.fts import WordIndex
from assistant.knowledge.types import Chunk, Hit, Vectors, Where
from graphs.errors import StoreError


class WordedStore:
    """The half of a `ChunkStore` that needs no vectors. Safe to use from several threads and processes."""

    kind = ""
    version = ""
    label = ""
    """What a person calls it."""

    def __init__(
        self, folder: Path, fingerprint: str, dimensions: int, timeout: float, on_put: Callable[[], None] | None
    ) -> None:
        self.url = str(folder)
        self._place = folder
        self._timeout, self._on_put, self._dimensions = timeout, on_put, dimensions
        self._space = hashlib.sha256(f"{fingerprint}/{dimensions}".encode()).hexdigest()[:8]

    def alive(self) -> bool:
        """Whether the folder is there."""
        return self._place.is_dir()

    def words(self, collection: str, text: str, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → BM25 of the best chunks."""
        with self._asking("searching"):
            return self._index(collection).search(text, limit, where)

    def search(
        self, collection: str, text: str, vector: Vectors, k: int, alpha: float, where: Where | None = None
    ) -> list[Hit]:
        """Hybrid search; see `hybrid.search`."""
        return hybrid.search(self, collection, text, vector, k, alpha, where)  # type: ignore[arg-type]

    def count(self, collection: str) -> int:
        """Number of chunks of a collection."""
        with self._asking("counting"):
            return self._index(collection).count()

    def chunk_ids(self, collection: str, document_id: str) -> set[str]:
        """The ids of a document's chunks."""
        with self._asking("listing a document's chunks"):
            return self._index(collection).ids(document_id)

    def _index(self, collection: str, space: str = "") -> WordIndex:
        return WordIndex(self._place / f"{self._name(collection, space)}.db", self._timeout)

    def _name(self, collection: str, space: str = "") -> str:
        """Name of a collection's files; two names that differ in case only must not meet on a disk that ignores it."""
        return f"{space or self._space}-{hashlib.sha256(collection.encode()).hexdigest()[:12]}"

    def _spaces(self, collection: str, everywhere: bool = True) -> list[str]:
        """The embedding models that have chunks in this collection."""
        if not everywhere:
            return [self._space]
        end = self._name(collection).partition("-")[2]
        return [path.name.partition("-")[0] for path in self._place.glob(f"*-{end}.db")]

    def _told(self, chunks: Sequence[Chunk]) -> None:
        if chunks and self._on_put:
            self._on_put()

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Every failure inside becomes a `StoreError` that says what was being done and where."""
        try:
            yield
        except (StoreError, ValueError, TypeError):
            raise
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The {self.label} store in {self.url} failed while {what}: {error}",
                             "Free space on the disk, or mend the folder's rights.") from error  # fmt: skip
        except Exception as error:  # these libraries raise classes of many kinds
            words = " ".join(str(error).split())[:300]
            raise StoreError(f"The {self.label} store in {self.url} failed while {what}: {words}",
                             "Try again; else move the folder away and ingest again.") from error  # fmt: skip


def check_lengths(chunks: Sequence[Chunk], vectors: Vectors) -> None:
    """Raises `ValueError` where there is not one vector for each chunk."""
    if len(chunks) != len(vectors):
        raise ValueError(f"{len(chunks)} chunks, but {len(vectors)} vectors")
