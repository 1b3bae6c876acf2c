"""The values of the knowledge base, and the door every vector store stands behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (n, dimensions), rows of unit length."""


@dataclass(frozen=True)
class Page:
    """One page of a document, as a span of its text."""

    number: int
    start: int
    end: int


@dataclass(frozen=True)
class Loaded:
    """What a loader made of a file: the text that is stored and cited from now on."""

    text: str
    title: str
    media_type: str
    pages: tuple[Page, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """A span of a document as it is embedded and found: `document.text[start:end] == text`."""

    chunk_id: str
    document_id: str
    source: str
    title: str
    text: str
    start: int
    end: int
    page: int | None = None
    heading: str = ""


@dataclass(frozen=True)
class Hit:
    """A chunk a search found. `score` is the fused one (this search only), `similarity` the cosine."""

    chunk: Chunk
    score: float
    similarity: float


@dataclass(frozen=True)
class DocumentInfo:
    """A document of the catalogue, without its text."""

    document_id: str
    collection: str
    source: str
    title: str
    media_type: str
    sha256: str
    characters: int
    chunks: int
    added: str
    """ISO 8601, UTC."""
    pages: int = 0


@dataclass(frozen=True)
class StoredDocument:
    """A document with the text its citations point into."""

    info: DocumentInfo
    text: str
    pages: tuple[Page, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A source that could not be ingested, and why."""

    source: str
    error: str


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did."""

    documents: int = 0
    chunks: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class IngestProgress:
    """One step of an ingest. `state` is one of read, split, embedded, done, unchanged, failed."""

    source: str
    state: str
    detail: str = ""
    finished: int = 0
    """How many sources are finished, failed ones included."""
    total: int = 0


@dataclass(frozen=True)
class StoreStats:
    """What a store is and holds."""

    kind: str
    version: str
    url: str
    documents: int = 0
    chunks: int = 0
    collections: dict[str, int] = field(default_factory=dict)
    """Collection → number of documents."""


class ChunkStore(Protocol):
    """The door every vector store stands behind; one conformance suite judges them all.

    Ids are ours, so repeating a `put` overwrites and never doubles. Every method raises
    `graphs.errors.StoreError` within the store's timeout when the store is out of reach.
    """

    kind: str
    version: str
    url: str

    def ready(self) -> bool:
        """Whether the store answers now. Never raises."""
        ...

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Insert or overwrite chunks; returns when they are stored and found by searches."""
        ...

    def remove(self, collection: str, document_id: str) -> None:
        """Delete all chunks of a document; unknown ids are fine."""
        ...

    def drop(self, collection: str) -> None:
        """Delete a collection with everything in it; unknown names are fine."""
        ...

    def search(self, collection: str, text: str, vector: Vectors, k: int, alpha: float) -> list[Hit]:
        """The best `k` chunks by hybrid search: `alpha` is the vectors' share, 0 is BM25 alone. Best first."""
        ...

    def count(self, collection: str) -> int:
        """Number of chunks; 0 for an unknown collection."""
        ...

    def chunk_ids(self, collection: str, document_id: str) -> set[str]:
        """The ids of a document's stored chunks."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
