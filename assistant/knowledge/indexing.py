"""Bring documents into catalogue and store together, and mend what a killed process left half done."""

from __future__ import annotations

import fcntl
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.config import Settings
from assistant.database import storage_errors
from assistant.knowledge.catalogue import Catalogue, Task
from assistant.knowledge.chunking import Sizes, approximate_token_starts, split
from assistant.knowledge.originals import Originals
from assistant.knowledge.types import Chunk, ChunkStore, DocumentInfo, Loaded, Vectors
from graphs.errors import Cancelled, StoreError

VERSION = 2
"""Raise it when chunks or their vectors come out differently, so that stored documents are indexed again."""

_EMBED_AT_ONCE = 128
"""Chunks embedded between two looks at the cancel event."""
_STORE_PATIENCE = 15.0
"""Seconds a store that fails while writing gets to come back."""


class Progress(Protocol):
    """Hears how many of how many chunks are embedded."""

    def __call__(self, done: int, total: int, /) -> None:
        """`done` of `total` chunks have their vectors."""
        ...


def identity(embeddings: Embeddings) -> tuple[str, int]:
    """What names an embedding model and how long its vectors are; asks the model where it does not say."""
    dimensions = getattr(embeddings, "dimensions", None) or len(embeddings.embed_query("dimensions"))
    fingerprint = getattr(embeddings, "fingerprint", None)
    if fingerprint is None:
        names = [str(getattr(embeddings, name, "")) for name in ("name", "model", "model_name")]
        fingerprint = hashlib.sha256(" ".join([type(embeddings).__name__, *names]).encode()).hexdigest()[:16]
    return str(fingerprint), int(dimensions)


def embed(embeddings: Embeddings, texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (len(texts), dimensions), from any LangChain `Embeddings`."""
    fast: Callable[[Sequence[str]], Vectors] | None = getattr(embeddings, "embed", None)
    if fast is not None:
        return fast(texts)
    vectors = np.asarray(embeddings.embed_documents(list(texts)), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-12)
    return unit


def embedded_text(chunk: Chunk) -> str:
    """What the vector of a chunk is made from: where it stands, then its text. The cited text stays the exact span."""
    place = " › ".join(part for part in (chunk.title, chunk.heading) if part)
    return f"{place}\n{chunk.text}"


class Indexer:
    """Writes documents; one at a time over all threads and processes that share a home."""

    def __init__(self, settings: Settings, catalogue: Catalogue, store: ChunkStore, embeddings: Embeddings) -> None:
        self.catalogue = catalogue
        self.store = store
        self.embeddings = embeddings
        self.originals = Originals(settings.home / "files")
        most = getattr(embeddings, "max_tokens", 512)
        tokens = min(settings.knowledge.chunk_tokens, (most - 2) * 4 // 5)
        self.sizes = Sizes(tokens, min(settings.knowledge.chunk_overlap, tokens // 2))
        fingerprint, _ = identity(embeddings)
        parts = [store.kind, settings.store.url, fingerprint, f"{tokens}+{self.sizes.overlap}", f"v{VERSION}"]
        self.indexed = " ".join(part for part in parts if part)
        self._run = settings.home / "run"
        self._mutex = threading.Lock()

    def split(self, loaded: Loaded, document_id: str, source: str) -> list[Chunk]:
        """The document's chunks, sized by the embedding model's own tokens where they can be counted."""
        starts = getattr(self.embeddings, "token_starts", approximate_token_starts)
        return split(loaded, document_id, source, self.sizes, starts)

    def embed(
        self, chunks: Sequence[Chunk], cancel: threading.Event | None = None, tell: Progress | None = None
    ) -> Vectors:
        """The chunks' vectors. Raises `Cancelled` between two batches when `cancel` is set."""
        parts: list[Vectors] = []
        for start in range(0, len(chunks), _EMBED_AT_ONCE):
            if cancel is not None and cancel.is_set():
                raise Cancelled
            batch = chunks[start : start + _EMBED_AT_ONCE]
            parts.append(embed(self.embeddings, [embedded_text(chunk) for chunk in batch]))
            if tell is not None:
                tell(start + len(batch), len(chunks))
        return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)

    def add(
        self, collection: str, sha256: str, data: bytes, loaded: Loaded, chunks: list[Chunk], vectors: Vectors
    ) -> None:
        """Make a document searchable and remove older ones of its source. Interrupted, the next `mend` completes it."""
        source, document_id = chunks[0].source, chunks[0].document_id
        with self.exclusive():
            known = self.catalogue.get(document_id, any_state=True) is not None
            self.originals.keep(data, sha256, loaded.media_type)
            self.catalogue.begin(collection, source, sha256, loaded)
            self._put(collection, document_id, chunks, vectors, known)

    def vectors_of(self, info: DocumentInfo, loaded: Loaded, chunks: Sequence[Chunk]) -> Vectors | None:
        """The stored vectors of a document, where they are those of `chunks`: same places, titles and headings."""
        before = self.split(loaded, info.document_id, info.source)
        same = [(a.start, a.end, embedded_text(a)) for a in before] == [
            (b.start, b.end, embedded_text(b)) for b in chunks
        ]
        if not same or info.title != loaded.title:
            return None
        held = self.store.get(info.collection, [chunk.chunk_id for chunk in before])
        if len(held) != len(before):
            return None
        return np.stack([held[chunk.chunk_id][1] for chunk in before])

    def remove(self, tasks: Sequence[Task]) -> None:
        """Take documents marked `deleting` out of the store, then out of the catalogue."""
        for task in tasks:
            self.store.remove(task.collection, task.document_id)
            orphan = self.catalogue.forget(task.document_id)
            if orphan:
                self.originals.discard(orphan)

    def mend(self, cancel: threading.Event) -> int:
        """Finish what was left half done and index again what the store lost. Returns how many documents it touched."""
        with self.exclusive():
            self.remove([task for task in self.catalogue.unfinished(self.indexed) if task.state == "deleting"])
            self.originals.sweep(self.catalogue.sha256s())
        self._find_lost()
        tasks = self.catalogue.unfinished(self.indexed)
        for task in tasks:
            if cancel.is_set():
                break
            self._index_again(task, cancel)
        return len(tasks)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to write documents; the kernel takes it from a process that dies."""
        with storage_errors(self._run):
            self._run.mkdir(parents=True, exist_ok=True)
            file = (self._run / "documents.lock").open("a")
        with self._mutex, file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _find_lost(self) -> None:
        """Mark documents whose chunks are not all in the store; asked one by one only where the sums differ."""
        for collection, (_, chunks) in self.catalogue.counts().items():
            if self.store.count(collection) < chunks:
                lost = [
                    info.document_id
                    for info in self.catalogue.list(collection)
                    if len(self.store.chunk_ids(collection, info.document_id)) != info.chunks
                ]
                self.catalogue.mark_unindexed(lost)

    def _index_again(self, task: Task, cancel: threading.Event) -> None:
        document = self.catalogue.get(task.document_id, any_state=True)
        if document is None:
            return
        info = document.info
        loaded = Loaded(document.text, info.title, info.media_type, document.pages)
        chunks = self.split(loaded, info.document_id, info.source)
        vectors = self.embed(chunks, cancel)
        with self.exclusive():
            if any(left.document_id == task.document_id for left in self.catalogue.unfinished(self.indexed)):
                self._put(task.collection, task.document_id, chunks, vectors, known=True)

    def _put(self, collection: str, document_id: str, chunks: Sequence[Chunk], vectors: Vectors, known: bool) -> None:
        def write(clean: bool) -> None:
            if clean:  # chunks of other sizes may be left from another time
                self.store.remove(collection, document_id, everywhere=False)
            self.store.put(collection, chunks, vectors)

        try:
            write(known)
        except StoreError:
            if not self._store_is_back():
                raise
            write(clean=True)  # a store that died half way may hold chunks it takes for whole
        self.remove(self.catalogue.finish(document_id, len(chunks), self.indexed))

    def _store_is_back(self) -> bool:
        deadline = time.monotonic() + _STORE_PATIENCE
        while time.monotonic() < deadline:
            if self.store.ready():
                return True
            time.sleep(0.2)
        return False
