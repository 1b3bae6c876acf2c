"""The values of the knowledge base, and the door every vector store stands behind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Shape (n, dimensions), rows of unit length."""


_STOPWORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with".split()
)


@dataclass(frozen=True)
class Page:
    """One page, slide, sheet or chapter of a document, as a span of its text."""

    number: int
    start: int
    end: int
    label: str = ""
    """Its own name, such as that of a sheet."""


@dataclass(frozen=True)
class Loaded:
    """What a loader made of a file: the text that is stored and cited from now on."""

    text: str
    title: str
    media_type: str
    pages: tuple[Page, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of itself, in JSON's types: `authors`, `created`, `modified` (ISO 8601), `language`,
    `headings`, `tables` and whatever else its format knows. One can filter by it."""


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
class Where:
    """What a search is narrowed to. Nothing given narrows nothing."""

    documents: frozenset[str] | None = None
    """Only chunks of these documents; the catalogue says which ones a source, a date or a format means."""
    heading: str = ""
    """Only chunks under headings that have all these words."""
    pages: tuple[int, int] | None = None
    """Only chunks on pages from the first to the second number."""

    @property
    def heading_words(self) -> list[str]:
        """The words of `heading` that narrow: without those Weaviate leaves out of its index."""
        return [word for word in re.findall(r"\w+", self.heading.lower()) if word not in _STOPWORDS]


@dataclass(frozen=True)
class Hit:
    """A chunk a search found. `score` is the fused one (this search only), `similarity` the cosine."""

    chunk: Chunk
    score: float
    similarity: float
    words: float = 0.0
    """What the half that looks for words gave it (BM25); 0 where that half did not find it."""
    vector: Vectors | None = field(default=None, compare=False, repr=False)
    """Its own unit vector, for whoever wants hits that differ."""


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
    metadata: Mapping[str, Any] = field(default_factory=dict)


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
class Alike:
    """A document that says nearly the same as one that was there before."""

    source: str
    like: str
    share: float
    """Estimated share of runs of five words they have in common."""


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did."""

    documents: int = 0
    chunks: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    seconds: float = 0.0
    moved: int = 0
    """Of the documents: those that were loaded before from a file that has since been moved or renamed."""
    deleted: int = 0
    """Documents whose files are gone, where the ingest follows deletions."""
    similar: tuple[Alike, ...] = ()


@dataclass(frozen=True)
class IngestProgress:
    """One step of an ingest. `state` is one of read, split, embedded, done, unchanged, moved, deleted, failed."""

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

    def alive(self) -> bool:
        """Whether the store answers within a fraction of a second. Starts nothing, never raises."""
        ...

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Insert or overwrite chunks; returns when they are stored and found by searches."""
        ...

    def remove(self, collection: str, document_id: str, *, everywhere: bool = True) -> None:
        """Delete all chunks of a document, those of other embedding models too where `everywhere`."""
        ...

    def drop(self, collection: str) -> None:
        """Delete a collection with everything in it; unknown names are fine."""
        ...

    def near(self, collection: str, vector: Vectors, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → cosine of the nearest chunks: the half of a search that looks for meaning."""
        ...

    def words(self, collection: str, text: str, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → BM25 of the best chunks that have any word of `text`: the half that looks for words."""
        ...

    def get(self, collection: str, chunk_ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
        """The chunks of these ids that are there, with their unit vectors."""
        ...

    def search(
        self, collection: str, text: str, vector: Vectors, k: int, alpha: float, where: Where | None = None
    ) -> list[Hit]:
        """The best `k` chunks by hybrid search: `alpha` is the vectors' share, 0 is BM25 alone. Best first."""
        ...

    def count(self, collection: str) -> int:
        """Number of chunks; 0 for an unknown collection."""
        ...

    def chunk_ids(self, collection: str, document_id: str) -> set[str]:
        """The ids of a document's stored chunks."""
        ...

    def clear(self) -> None:
        """Delete everything kept for this embedding model, in every collection."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
