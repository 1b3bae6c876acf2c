"""Move a home's chunks, with their vectors, from one store to another: nothing is embedded anew.

Document by document in the order of their ids. A document whose chunks are all in the target is skipped, so a
migration that was killed goes on where it stopped. Only when every document was counted in the target do the catalogue
and the home's note change over; the old store keeps its chunks until `--delete-old`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.config import Settings, Store
from assistant.database import open_database
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.indexing import Indexer, identity
from assistant.knowledge.stores import KINDS, Kind, choose, open_store, settled
from assistant.knowledge.types import ChunkStore, DocumentInfo
from graphs.errors import StoreError, UsageError

Tell = Callable[[int, int, str], None]
"""Documents done, documents in all, what was done."""


@dataclass(frozen=True)
class Migration:
    """What a migration did."""

    source: str
    target: str
    documents: int
    chunks: int
    copied: int
    """Documents that were not in the target yet."""
    setting: str
    """What must be set from now on; empty where the home remembers it by itself."""


def migrate(
    settings: Settings, embeddings: Embeddings, to: str, url: str = "", key: str = "", *,
    delete_old: bool = False, tell: Tell = lambda *_: None,
) -> Migration:  # fmt: skip
    """Copy every document's chunks into the store `to` (at `url`, with `key`, where it is a server) and change over.

    Raises `UsageError` where source and target are the same, `StoreError` where one of them fails or chunks are lost.
    """
    target_settings = _target(settings, to, url, key)
    fingerprint, dimensions = identity(embeddings)
    engine = open_database(settings)
    source = open_store(settings, fingerprint=fingerprint, dimensions=dimensions)
    try:
        target = open_store(target_settings, fingerprint=fingerprint, dimensions=dimensions, settle=False)
        try:
            move = _Move(settings, Catalogue(engine), source, target, embeddings)
            found = move.run(target_settings, tell)
            if delete_old:
                source.clear()
        finally:
            target.close()
    finally:
        source.close()
        engine.dispose()
    return found


def _target(settings: Settings, to: str, url: str, key: str) -> Settings:
    if to not in KINDS:
        raise UsageError(f"There is no store {to!r}.", f"There are {', '.join(KINDS)}.")
    store = settings.store.model_copy(update={"kind": to, "url": url, "api_key": key})
    wanted = settings.model_copy(update={"store": Store(**store.model_dump())})
    if (choose(settings), settings.store.url) == (to, url):
        raise UsageError(f"The documents are in {to} already.", "Name another store, or another --url.")
    return wanted


class _Move:
    def __init__(
        self, settings: Settings, catalogue: Catalogue, source: ChunkStore, target: ChunkStore, embeddings: Embeddings
    ) -> None:
        self.settings, self.catalogue, self.source, self.target = settings, catalogue, source, target
        self.before = Indexer(settings, catalogue, source, embeddings)
        self.embeddings = embeddings

    def run(self, target_settings: Settings, tell: Tell) -> Migration:
        after = Indexer(target_settings, self.catalogue, self.target, self.embeddings)
        if left := self.catalogue.unfinished(self.before.indexed):
            raise StoreError(
                f"{len(left)} documents are not whole in {self.source.kind} yet.",
                "Let `crossroads serve` finish them, or load them again, then migrate.",
            )
        copied = 0
        with self.before.exclusive():  # nobody writes documents meanwhile
            documents = sorted(self.catalogue.list(), key=lambda info: info.document_id)
            for number, info in enumerate(documents, 1):
                copied += self._copy(info)
                tell(number, len(documents), info.source)
            self._count(documents)
            kind = cast(Kind, self.target.kind)
            self.catalogue.reindexed(self.before.indexed, after.indexed)
            settled(self.settings, kind)
        return Migration(
            self.source.kind, self.target.kind, len(documents), sum(info.chunks for info in documents), copied,
            _setting(self.settings, target_settings),
        )  # fmt: skip

    def _copy(self, info: DocumentInfo) -> bool:
        ids = self.source.chunk_ids(info.collection, info.document_id)
        if len(ids) != info.chunks:
            raise StoreError(
                f"{self.source.kind} holds {len(ids)} of {info.chunks} chunks of {info.source!r}.",
                "Load it again, then migrate.",
            )
        if self.target.chunk_ids(info.collection, info.document_id) == ids:
            return False
        held = self.source.get(info.collection, sorted(ids))
        if set(held) != ids:
            raise StoreError(f"{self.source.kind} does not give {info.source!r} back whole.", "Load it again.")
        self.target.remove(info.collection, info.document_id, everywhere=False)
        ordered = sorted(held.values(), key=lambda pair: pair[0].start)
        self.target.put(info.collection, [chunk for chunk, _ in ordered], np.stack([vector for _, vector in ordered]))
        return True

    def _count(self, documents: list[DocumentInfo]) -> None:
        for info in documents:
            there = len(self.target.chunk_ids(info.collection, info.document_id))
            if there != info.chunks:
                raise StoreError(
                    f"{self.target.kind} holds {there} of {info.chunks} chunks of {info.source!r}.",
                    "Migrate again: what is there is not copied twice.",
                )


def _setting(before: Settings, after: Settings) -> str:
    wanted: dict[str, Any] = {}
    if before.store.url != after.store.url:
        wanted["store.url"] = after.store.url
    if before.store.kind not in ("auto", after.store.kind) or after.store.kind == "pinecone":
        wanted["store.kind"] = after.store.kind
    return ", ".join(f"{name} = {value!r}" for name, value in wanted.items())
