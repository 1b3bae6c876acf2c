"""Another embedding model: documents are embedded anew in the background, and the old vectors answer meanwhile.

`store/model.json` names the model every document has vectors of. Where the settings name another one, the old model and
its part of the store stay in use for searches until the last document is done; then the note is written anew and the
old vectors are deleted. Killed in between, the next start goes on: documents say themselves with what they are indexed.
Documents loaded during the change are embedded by the new model alone, and are found when the change is over.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from assistant.config import Settings
from assistant.knowledge.indexing import Indexer, identity
from assistant.knowledge.types import ChunkStore
from graphs.errors import CrossroadsError, ModelError

log = logging.getLogger(__name__)


@dataclass
class ModelChange:
    """A change that is under way."""

    settings: Settings
    store: ChunkStore
    embeddings: Embeddings
    new: tuple[ChunkStore, Embeddings]
    _done: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def side(self) -> tuple[ChunkStore, Embeddings]:
        """What searches use now."""
        return self.new if self._done else (self.store, self.embeddings)

    def over(self) -> None:
        """Every document is embedded anew: switch, and delete the old vectors. Raises `StoreError`."""
        with self._lock:
            if not self._done:
                _write(self.settings, self.new[1])
                self._done = True
                log.info("All documents are embedded by %s now.", self.settings.models.embedding)
                self.store.clear()

    def close(self) -> None:
        """Let go of the old part of the store."""
        self.store.close()


def begin_change(settings: Settings, indexer: Indexer) -> ModelChange | None:
    """The change this home needs; None where its documents have vectors of the model in the settings, or where the
    old model cannot be had any more (then documents are found as they are embedded anew).
    """
    before = _read(settings)
    fingerprint, _ = identity(indexer.embeddings)
    if not indexer.catalogue.counts() or before is None or before["fingerprint"] == fingerprint:
        _write(settings, indexer.embeddings)
        return None
    from assistant.knowledge.stores import open_store
    from assistant.providers import embeddings

    try:
        old = embeddings(before["name"], settings)
        old_fingerprint, dimensions = identity(old)
        if old_fingerprint != before["fingerprint"]:
            log.warning("The model %s is not the one it was, so documents are found as they are done.", before["name"])
            return None
        store = open_store(settings, fingerprint=old_fingerprint, dimensions=dimensions)
    except CrossroadsError as error:
        log.warning("%s cannot answer meanwhile: %s", before["name"], error)
        return None
    log.info("Documents are embedded anew by %s; %s answers meanwhile.", settings.models.embedding, before["name"])
    return ModelChange(settings, store, old, (indexer.store, indexer.embeddings))


def remembered_identity(settings: Settings, embeddings: Embeddings) -> tuple[str, int]:
    """As `identity`; of a model that is out of reach now, the length of its vectors as this home noted it.

    So a home opens while its model's provider is down, and its documents are searched by words meanwhile.
    Raises `ModelError` where the home has not met the model.
    """
    try:
        return identity(embeddings)
    except ModelError:
        known = _read(settings)
        if known is None or known["name"] != settings.models.embedding or not known["dimensions"]:
            raise
        embeddings.dimensions = known["dimensions"]  # type: ignore[attr-defined]
        return identity(embeddings)


def _note(settings: Settings) -> Path:
    return settings.home / "store" / "model.json"


def _read(settings: Settings) -> dict[str, Any] | None:
    try:
        held = json.loads(_note(settings).read_text(encoding="utf-8"))
        about = {"name": str(held["name"]), "fingerprint": str(held["fingerprint"])}
        return {**about, "dimensions": int(held.get("dimensions", 0))}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(settings: Settings, embeddings: Embeddings) -> None:
    fingerprint, dimensions = identity(embeddings)
    known = _read(settings)
    if known is not None and known["fingerprint"] == fingerprint:
        return
    note = _note(settings)
    note.parent.mkdir(parents=True, exist_ok=True)
    part = note.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    about = {"name": settings.models.embedding, "fingerprint": fingerprint, "dimensions": dimensions}
    part.write_text(json.dumps(about), encoding="utf-8")
    part.replace(note)
