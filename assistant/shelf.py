"""The knowledge base as the rest of the application meets it: what is loaded can be seen before models are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.config import Settings
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.jobs import Jobs
from assistant.knowledge.types import DocumentInfo, StoredDocument, StoreStats
from assistant.resources import Lazy
from graphs.errors import CrossroadsError, NotFoundError

if TYPE_CHECKING:
    from assistant.knowledge.base import KnowledgeBase


class Shelf:
    """A `KnowledgeBase` that lists and shows documents at once, and opens for everything else at its first use."""

    def __init__(self, settings: Settings, catalogue: Catalogue, knowledge: Lazy[KnowledgeBase]) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._lazy = knowledge

    def documents(self, collection: str = "") -> list[DocumentInfo]:
        """The searchable documents; of every collection where none is named."""
        return self._catalogue.list(collection)

    def document(self, document_id: str) -> StoredDocument:
        """A document with its text. Raises `NotFoundError`."""
        document = self._catalogue.get(document_id)
        if document is None:
            raise NotFoundError(f"There is no document {document_id!r}.", "`crossroads knowledge list` shows them.")
        return document

    def collections(self) -> list[str]:
        """The collections that hold documents, and the default one."""
        return sorted({*self._catalogue.counts(), self._settings.knowledge.collection})

    @property
    def jobs(self) -> Jobs:
        """What is being loaded and what was."""
        return Jobs(self._catalogue.engine)

    def stats(self) -> StoreStats:
        """What the store is and what is loaded; the address only of a store that is open."""
        return self._lazy.get().stats() if self._lazy.ready else stored(self._settings, self._catalogue)

    def __getattr__(self, name: str) -> Any:
        """Everything else a `KnowledgeBase` does. Raises the `CrossroadsError` opening it fails with."""
        return getattr(self._lazy.get(), name)


def stored(settings: Settings, catalogue: Catalogue) -> StoreStats:
    """What a home holds, without opening its store."""
    kind, number = store_of(settings)
    counts = catalogue.counts()
    return StoreStats(
        kind=kind,
        version=number,
        url=settings.store.url,
        documents=sum(documents for documents, _ in counts.values()),
        chunks=sum(chunks for _, chunks in counts.values()),
        collections={name: documents for name, (documents, _) in counts.items()},
    )


def store_of(settings: Settings) -> tuple[str, str]:
    """Kind and version of the store the settings mean; the kind is `none` where none can be had."""
    from assistant.knowledge.stores import choose, version_of

    try:
        kind = choose(settings)
    except CrossroadsError:
        return "none", ""
    return kind, version_of(kind)
