"""Chunks in Pinecone: the vectors in an index of its service, the chunks and their words in files of the home.

`store.url` is the host of an index with the cosine metric and the embedding model's dimension, as Pinecone's console
shows it. One namespace per collection and embedding model. Vectors go there with the ids of their chunks and
documents; text never does. Pinecone shows what was written some moments later: `put` waits until it can be read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

import numpy as np

from assistant.config import Settings
from assistant.knowledge.stores.fts import WordIndex
from assistant.knowledge.stores.worded import WordedStore, check_lengths
from assistant.knowledge.types import Chunk, Vectors, Where
from graphs.errors import StoreError

BATCH = 100
"""Vectors sent, read or deleted at once: 100 × 1536 numbers stay below the 2 MB of a request."""
MOST = 10_000
"""Hits one query may return, and values one `$in` may name."""
_SEEN_SECONDS = 30.0
_CURE = "Look at the index in Pinecone's console, and at store.url and store.api_key."


class PineconeStore(WordedStore):
    """A `ChunkStore` on one index of Pinecone."""

    kind = "pinecone"
    label = "Pinecone"

    def __init__(
        self, settings: Settings, fingerprint: str, dimensions: int, on_put: Callable[[], None] | None = None
    ) -> None:
        folder = settings.home / "store" / "pinecone"
        super().__init__(folder, fingerprint, dimensions, settings.store.timeout, on_put)
        self.url = settings.store.url
        self.version = version("pinecone")
        self._vectors = _connect(settings)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with self._asking("connecting"):
                self._check_dimension()
        except BaseException:
            self.close()
            raise

    def ready(self) -> bool:
        """Whether the index answers now."""
        try:
            with self._asking("asking whether it is ready"):
                self._vectors.describe_index_stats()
        except StoreError:
            return False
        return True

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Insert or overwrite: the vectors first, then the chunks that make them count."""
        check_lengths(chunks, vectors)
        space = self._name(collection)
        for start in range(0, len(chunks), BATCH):
            part = {chunk.chunk_id: row for row, chunk in enumerate(chunks[start : start + BATCH], start)}
            rows = [
                {
                    "id": name,
                    "values": np.asarray(vectors[row], dtype=np.float32).tolist(),
                    "metadata": {"document_id": chunks[row].document_id},
                }
                for name, row in part.items()
            ]
            with self._asking("storing chunks"):
                self._vectors.upsert(vectors=rows, namespace=space)
                self._await(space, set(part))
                self._index(collection).put([chunks[row] for row in part.values()])
        self._told(chunks)

    def remove(self, collection: str, document_id: str, *, everywhere: bool = True) -> None:
        """Delete a document's chunks, those of other embedding models too where `everywhere`."""
        with self._asking("deleting a document"):
            for space in self._spaces(collection, everywhere):
                index = self._index(collection, space)
                gone = sorted(index.ids(document_id))
                for start in range(0, len(gone), BATCH):
                    self._vectors.delete(ids=gone[start : start + BATCH], namespace=self._name(collection, space))
                index.remove(document_id)  # last: until then a second try knows what to delete

    def drop(self, collection: str) -> None:
        """Delete a collection, in the spaces of other embedding models too."""
        from pinecone.exceptions import NotFoundException

        with self._asking("deleting a collection"):
            for space in self._spaces(collection):
                with suppress(NotFoundException):  # nothing was ever put there
                    self._vectors.delete(delete_all=True, namespace=self._name(collection, space))
                self._index(collection, space).drop()

    def clear(self) -> None:
        """Delete everything kept for this embedding model."""
        from pinecone.exceptions import NotFoundException

        with self._asking("deleting an embedding model's chunks"):
            for path in self._place.glob(f"{self._space}-*.db"):
                with suppress(NotFoundException):
                    self._vectors.delete(delete_all=True, namespace=path.stem)
                WordIndex(path, self._timeout).drop()

    def near(self, collection: str, vector: Vectors, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → cosine of the nearest chunks."""
        index = self._index(collection)
        with self._asking("searching"):
            allowed = index.allowed(where)
            if allowed == [] or not index.count():
                return {}
            narrowed: dict[str, Any] = {}
            if where.documents is not None and len(where.documents) <= MOST:
                narrowed["filter"] = {"document_id": {"$in": sorted(where.documents)}}
            found = self._vectors.query(
                vector=vector.reshape(-1).tolist(), top_k=limit if allowed is None else MOST,
                namespace=self._name(collection), **narrowed,
            )  # fmt: skip
            there = set(allowed) if allowed is not None else index.known([one.id for one in found.matches])
        kept = [(one.id, float(one.score)) for one in found.matches if one.id in there]
        return dict(kept[:limit])

    def get(self, collection: str, chunk_ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
        """The chunks that are there, with their vectors."""
        with self._asking("reading chunks"):
            chunks = self._index(collection).get(chunk_ids)
            held = self._read(self._name(collection), list(chunks))
        return {name: (chunks[name], vector) for name, vector in held.items()}

    def close(self) -> None:
        """Let go of the connection."""
        self._vectors.close()

    def _read(self, space: str, ids: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for start in range(0, len(ids), BATCH):
            page = self._vectors.fetch(ids=list(ids[start : start + BATCH]), namespace=space).vectors
            found.update({name: np.asarray(one.values, dtype=np.float32) for name, one in page.items()})
        return found

    def _await(self, space: str, ids: set[str]) -> None:
        deadline, pause = time.monotonic() + _SEEN_SECONDS, 0.05
        while missing := ids - set(self._read(space, sorted(ids))):
            if time.monotonic() > deadline:
                raise StoreError(f"Pinecone at {self.url} does not show {len(missing)} vectors it took.", "Try again.")
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def _check_dimension(self) -> None:
        held = self._vectors.describe_index_stats().dimension
        if held and held != self._dimensions:
            raise StoreError(
                f"The Pinecone index at {self.url} takes vectors of {held} numbers, "
                f"but the embedding model makes {self._dimensions}.",
                "Make an index of that dimension, and put its host into store.url.",
            )

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        with super()._asking(what), _explained(self.url, what):
            yield


def try_index(settings: Settings) -> None:
    """Ask the index the settings name. Raises `StoreError` where it does not answer."""
    index = _connect(settings)
    try:
        with _explained(settings.store.url, "asking for its statistics"):
            index.describe_index_stats()
    finally:
        index.close()


def _connect(settings: Settings) -> Any:
    key = settings.store.api_key or os.environ.get("PINECONE_API_KEY", "")
    if not (settings.store.url and key):
        raise StoreError("A Pinecone store needs the host of an index and a key.",
                         "Set store.url and store.api_key (or PINECONE_API_KEY).")  # fmt: skip
    from pinecone import Pinecone, RetryConfig

    client = Pinecone(api_key=key, timeout=settings.store.timeout, retry_config=RetryConfig(max_retries=1))
    return client.index(host=settings.store.url)


@contextmanager
def _explained(url: str, what: str) -> Iterator[None]:
    from pinecone.exceptions import PineconeException

    try:
        yield
    except PineconeException as error:
        words = " ".join(str(error).split())[:300]
        if getattr(error, "status_code", 0) in (401, 403):
            raise StoreError(f"Pinecone at {url} refused the key.", "Set store.api_key to a key it accepts.") from error
        raise StoreError(f"Pinecone at {url} failed while {what}: {words}", _CURE) from error
