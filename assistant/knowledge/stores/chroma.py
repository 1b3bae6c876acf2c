"""Chunks in an embedded Chroma, where no Weaviate can be had.

Chroma keeps the vectors. Its embedded mode has no BM25, so `worded.py` brings that half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.knowledge.stores.chroma_folder import borrow, give_back
from assistant.knowledge.stores.fts import WordIndex
from assistant.knowledge.stores.worded import WordedStore, check_lengths
from assistant.knowledge.types import Chunk, Vectors, Where
from graphs.errors import StoreError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateHNSWConfiguration
    from chromadb.api.models.Collection import Collection

BATCH = 1000


class ChromaStore(WordedStore):
    """A `ChunkStore` in a folder."""

    kind = "chroma"
    label = "Chroma"

    def __init__(
        self, path: Path, fingerprint: str, dimensions: int, timeout: float = 10.0,
        on_put: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(path, fingerprint, dimensions, timeout, on_put)
        self._closed = False
        with self._asking("opening it"):
            self.version = version("chromadb")
            self._folder = borrow(path)
            self._place = self._folder.path
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
        check_lengths(chunks, vectors)
        for start in range(0, len(chunks), BATCH):
            part = {chunk.chunk_id: row for row, chunk in enumerate(chunks[start : start + BATCH], start)}
            own = np.asarray(vectors)[list(part.values())]
            with self._asking("storing chunks"), self._folder.writing() as client:
                _vectors(client, self._name(collection)).upsert(ids=list(part), embeddings=own)
                self._index(collection).put([chunks[row] for row in part.values()])
        self._told(chunks)

    def remove(self, collection: str, document_id: str, *, everywhere: bool = True) -> None:
        """Delete a document's chunks, those of other embedding models too where `everywhere`."""
        with self._asking("deleting a document"), self._folder.writing() as client:
            for space in self._spaces(collection, everywhere):
                gone = sorted(self._index(collection, space).remove(document_id))
                for start in range(0, len(gone), BATCH):
                    _vectors(client, self._name(collection, space)).delete(ids=gone[start : start + BATCH])

    def drop(self, collection: str) -> None:
        """Delete a collection, in the spaces of other embedding models too."""
        with self._asking("deleting a collection"), self._folder.writing() as client:
            held = {one.name for one in client.list_collections()}
            for space in self._spaces(collection):
                self._index(collection, space).drop()
                if self._name(collection, space) in held:
                    client.delete_collection(self._name(collection, space))

    def clear(self) -> None:
        """Delete everything kept for this embedding model."""
        with self._asking("deleting an embedding model's chunks"), self._folder.writing() as client:
            for path in self._place.glob(f"{self._space}-*.db"):
                WordIndex(path, self._timeout).drop()
            for one in client.list_collections():
                if one.name.startswith(f"{self._space}-"):
                    client.delete_collection(one.name)

    def near(self, collection: str, vector: Vectors, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → cosine of the nearest chunks."""
        index = self._index(collection)
        with self._asking("searching"):
            allowed = index.allowed(where)
            if allowed == [] or not index.count():
                return {}
            with self._folder.reading() as client:
                cosines = _nearest(_vectors(client, self._name(collection)), vector, limit, allowed)
            known = index.known(list(cosines))
        return {name: cosine for name, cosine in cosines.items() if name in known}

    def get(self, collection: str, chunk_ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
        """The chunks that are there, with their vectors."""
        with self._asking("reading chunks"):
            chunks = self._index(collection).get(chunk_ids)
            if not chunks:
                return {}
            with self._folder.reading() as client:
                held = _vectors(client, self._name(collection))
                found = held.get(ids=list(chunks), include=["embeddings"])
            own: Any = found["embeddings"]
        return {
            name: (chunks[name], np.asarray(row, dtype=np.float32))
            for name, row in zip(found["ids"], own, strict=True)
        }  # fmt: skip

    def close(self) -> None:
        """Let go of Chroma's files."""
        if not self._closed:
            self._closed = True
            give_back(self._folder)


def _vectors(client: ClientAPI, name: str) -> Collection:
    graph: CreateHNSWConfiguration = {"space": "cosine", "ef_search": 256, "ef_construction": 128, "max_neighbors": 32}
    return client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": graph})


def _nearest(held: Collection, vector: Vectors, limit: int, allowed: list[str] | None) -> dict[str, float]:
    limit = min(limit, held.count() if allowed is None else len(allowed))
    if not limit:
        return {}
    wanted: dict[str, Any] = {} if allowed is None else {"ids": allowed}
    found = held.query(
        query_embeddings=np.asarray(vector).reshape(1, -1), n_results=limit, include=["distances"], **wanted
    )
    distances = found["distances"] or [[]]
    return {name: 1.0 - float(far) for name, far in zip(found["ids"][0], distances[0], strict=True)}
