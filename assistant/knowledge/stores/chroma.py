"""Chunks in an embedded Chroma, where no Weaviate can be had.

Chroma keeps the vectors. Its embedded mode has no BM25, so the chunks themselves and their words live in one SQLite
file per collection (`fts.py`), which also decides what exists: a vector without its chunk is not a hit. The two halves
are fused as Weaviate does it, by relative score.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.knowledge.stores.chroma_folder import borrow, give_back
from assistant.knowledge.stores.fts import WordIndex
from assistant.knowledge.types import Chunk, Hit, Vectors
from graphs.errors import StoreError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateHNSWConfiguration
    from chromadb.api.models.Collection import Collection

CANDIDATES = 100
"""How many each half of a search brings to the fusion, at least; Weaviate takes as many."""
BATCH = 1000


class ChromaStore:
    """A `ChunkStore` in a folder. Safe to use from several threads and processes."""

    kind = "chroma"

    def __init__(
        self, path: Path, fingerprint: str, dimensions: int, timeout: float = 10.0,
        on_put: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.url = str(path)
        self._timeout, self._on_put = timeout, on_put
        self._space = hashlib.sha256(f"{fingerprint}/{dimensions}".encode()).hexdigest()[:8]
        self._closed = False
        with self._asking("opening it"):
            self.version = version("chromadb")
            self._folder = borrow(path)
            try:
                with self._folder.reading():
                    pass
            except BaseException:
                self.close()
                raise

    def ready(self) -> bool:
        """Whether the folder can be used."""
        try:
            with self._asking("asking whether it is ready"), self._folder.reading() as client:
                return client.heartbeat() > 0 and self._folder.path.is_dir()
        except StoreError:
            return False

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Insert or overwrite: the vectors first, then in one transaction the chunks that make them count."""
        if len(chunks) != len(vectors):
            raise ValueError(f"{len(chunks)} chunks, but {len(vectors)} vectors")
        for start in range(0, len(chunks), BATCH):
            part = {chunk.chunk_id: row for row, chunk in enumerate(chunks[start : start + BATCH], start)}
            own = np.asarray(vectors)[list(part.values())]
            with self._asking("storing chunks"), self._folder.writing() as client:
                _vectors(client, _name(collection, self._space)).upsert(ids=list(part), embeddings=own)
                self._words(collection).put([chunks[row] for row in part.values()])
        if chunks and self._on_put:
            self._on_put()

    def remove(self, collection: str, document_id: str) -> None:
        """Delete a document's chunks, those of other embedding models too."""
        with self._asking("deleting a document"), self._folder.writing() as client:
            for space in self._spaces(collection):
                gone = sorted(self._words(collection, space).remove(document_id))
                for start in range(0, len(gone), BATCH):
                    _vectors(client, _name(collection, space)).delete(ids=gone[start : start + BATCH])

    def drop(self, collection: str) -> None:
        """Delete a collection, in the spaces of other embedding models too."""
        with self._asking("deleting a collection"), self._folder.writing() as client:
            held = {one.name for one in client.list_collections()}
            for space in self._spaces(collection):
                self._words(collection, space).drop()
                if _name(collection, space) in held:
                    client.delete_collection(_name(collection, space))

    def search(self, collection: str, text: str, vector: Vectors, k: int, alpha: float) -> list[Hit]:
        """Hybrid search: each half's scores are stretched to 0–1 and added with their shares."""
        index = self._words(collection)
        with self._asking("searching"):
            if not index.count():
                return []
            with self._folder.reading() as client:
                held = _vectors(client, _name(collection, self._space))
                depth = max(k, CANDIDATES)
                cosines = _nearest(held, vector, depth) if alpha > 0 else {}
                fused = fuse(cosines, index.search(text, depth) if alpha < 1 else {}, alpha)
                chunks = index.get(list(fused))
                best = [name for name in fused if name in chunks][:k]
                cosines |= _cosines(held, [name for name in best if name not in cosines], vector)
        return [Hit(chunks[name], fused[name], cosines.get(name, 0.0)) for name in best]

    def count(self, collection: str) -> int:
        """Number of chunks of a collection."""
        with self._asking("counting"):
            return self._words(collection).count()

    def chunk_ids(self, collection: str, document_id: str) -> set[str]:
        """The ids of a document's chunks."""
        with self._asking("listing a document's chunks"):
            return self._words(collection).ids(document_id)

    def close(self) -> None:
        """Let go of Chroma's files."""
        if not self._closed:
            self._closed = True
            give_back(self._folder)

    def _words(self, collection: str, space: str = "") -> WordIndex:
        return WordIndex(self._folder.path / f"{_name(collection, space or self._space)}.db", self._timeout)

    def _spaces(self, collection: str) -> list[str]:
        """The embedding models that have chunks in this collection."""
        return [path.name.partition("-")[0] for path in self._folder.path.glob(f"*{_name(collection, '')}.db")]

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Every failure inside becomes a `StoreError` that says what was being done and where."""
        try:
            yield
        except (StoreError, ValueError, TypeError):
            raise
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The Chroma store in {self.url} failed while {what}: {error}",
                             "Free space on the disk, or mend the folder's rights.") from error  # fmt: skip
        except Exception as error:  # Chroma's Rust half raises classes of many kinds
            words = " ".join(str(error).split())[:300]
            raise StoreError(f"The Chroma store in {self.url} failed while {what}: {words}",
                             "Try again; else move the folder away and ingest again.") from error  # fmt: skip


def _vectors(client: ClientAPI, name: str) -> Collection:
    graph: CreateHNSWConfiguration = {"space": "cosine", "ef_search": 256, "ef_construction": 128, "max_neighbors": 32}
    return client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": graph})


def _nearest(held: Collection, vector: Vectors, limit: int) -> dict[str, float]:
    limit = min(limit, held.count())
    if not limit:
        return {}
    found = held.query(query_embeddings=np.asarray(vector).reshape(1, -1), n_results=limit, include=["distances"])
    distances = found["distances"] or [[]]
    return {name: 1.0 - float(far) for name, far in zip(found["ids"][0], distances[0], strict=True)}


def _cosines(held: Collection, ids: list[str], vector: Vectors) -> dict[str, float]:
    if not ids:
        return {}
    found = held.get(ids=ids, include=["embeddings"])
    own: Any = found["embeddings"]
    return {name: float(np.asarray(row) @ vector.reshape(-1)) for name, row in zip(found["ids"], own, strict=True)}


def fuse(cosines: Mapping[str, float], words: Mapping[str, float], alpha: float) -> dict[str, float]:
    """Relative-score fusion of the two halves of a search, best first; ties in the order of the ids."""
    near, found = _stretched(cosines), _stretched(words)
    scores = {name: alpha * near.get(name, 0.0) + (1 - alpha) * found.get(name, 0.0) for name in {**near, **found}}
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


def _stretched(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores from 0 (the worst found) to 1 (the best); all 1 where they do not differ."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {name: (score - low) / (high - low) if high > low else 1.0 for name, score in scores.items()}


def _name(collection: str, space: str) -> str:
    """Name of a collection's files; two names that differ in case only must not meet on a disk that ignores case."""
    return f"{space}-{hashlib.sha256(collection.encode()).hexdigest()[:12]}"
