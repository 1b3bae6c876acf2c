"""A chunk store in one JSON file, and a knowledge base over it: quick, and there again after a kill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from assistant.config import Settings
from assistant.database import open_database
from assistant.knowledge.base import KnowledgeBase
from assistant.knowledge.catalogue import Catalogue
from assistant.knowledge.types import Chunk, Hit, Vectors, Where
from assistant.providers.embedding import HashedWords
from graphs.errors import StoreError
from graphs.words import content_words


class FileStore:
    """Keeps `{collection: {chunk_id: [chunk, vector]}}` in a file. `down` makes it a store out of reach."""

    kind = "file"
    version = "1"
    url = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.down = False
        self.puts = 0

    def ready(self) -> bool:
        return not self.down

    def alive(self) -> bool:
        return not self.down

    def clear(self) -> None: ...

    def put(self, collection: str, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        held = self._read()
        assert vectors.shape == (len(chunks), 384)
        for chunk, vector in zip(chunks, vectors, strict=True):
            held.setdefault(collection, {})[chunk.chunk_id] = [asdict(chunk), vector.tolist()]
        self.puts += 1
        self._write(held)

    def remove(self, collection: str, document_id: str, *, everywhere: bool = True) -> None:
        held = self._read()
        kept = {key: row for key, row in held.get(collection, {}).items() if row[0]["document_id"] != document_id}
        self._write({**held, collection: kept})

    def drop(self, collection: str) -> None:
        held = self._read()
        held.pop(collection, None)
        self._write(held)

    def search(
        self, collection: str, text: str, vector: Vectors, k: int, alpha: float, where: Where | None = None
    ) -> list[Hit]:
        assert vector.shape == (384,)
        rows = self._read().get(collection, {}).values()
        wanted = where.documents if where else None
        rows = [row for row in rows if wanted is None or row[0]["document_id"] in wanted]
        hits = [Hit(Chunk(**chunk), *[float(np.dot(vector, held))] * 2) for chunk, held in rows]
        return sorted(hits, key=lambda hit: -hit.score)[:k]

    def words(self, collection: str, text: str, limit: int, where: Where) -> dict[str, float]:
        wanted = content_words(text)
        rows = self._read().get(collection, {})
        shared = {key: float(len(wanted & content_words(row[0]["text"]))) for key, row in rows.items()}
        best = sorted((key for key in shared if shared[key]), key=lambda key: -shared[key])[:limit]
        return {key: shared[key] for key in best}

    def get(self, collection: str, chunk_ids: Sequence[str]) -> dict[str, tuple[Chunk, Vectors]]:
        rows = self._read().get(collection, {})
        return {
            key: (Chunk(**rows[key][0]), np.asarray(rows[key][1], dtype=np.float32)) for key in chunk_ids if key in rows
        }

    def count(self, collection: str) -> int:
        return len(self._read().get(collection, {}))

    def chunk_ids(self, collection: str, document_id: str) -> set[str]:
        rows = self._read().get(collection, {})
        return {key for key, row in rows.items() if row[0]["document_id"] == document_id}

    def close(self) -> None: ...

    def _read(self) -> dict[str, dict[str, Any]]:
        if self.down:
            raise StoreError("The store at 'file' does not answer.", "Start it again.")
        held: dict[str, dict[str, Any]] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return held

    def _write(self, held: dict[str, dict[str, Any]]) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(held))
        partial.replace(self.path)


def open_shelf(home: Path, **knowledge: Any) -> KnowledgeBase:
    """A knowledge base with word-hash embeddings in a home; call `mend()` for what an open does by itself."""
    settings = Settings(home=home, knowledge=knowledge)
    catalogue = Catalogue(open_database(settings))
    return KnowledgeBase(settings, catalogue, FileStore(home / "store.json"), HashedWords())
