"""The BM25 half where the vector store has none: one SQLite file with a full-text index (FTS5) per collection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from pathlib import Path

from assistant.knowledge.types import Chunk

_COLUMNS = [field.name for field in fields(Chunk)]
_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS chunks (
    chunk_id TEXT PRIMARY KEY, document_id TEXT NOT NULL, source TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, heading TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks (document_id);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    text, title, heading, content='chunks', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON chunks BEGIN
    INSERT INTO words (rowid, text, title, heading) VALUES (new.rowid, new.text, new.title, new.heading);
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON chunks BEGIN
    INSERT INTO words (words, rowid, text, title, heading)
    VALUES ('delete', old.rowid, old.text, old.title, old.heading);
END;
"""
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_MARKS = ", ".join("?" for _ in _COLUMNS)
_MANY = 500
"""Values in one `IN (…)`; SQLite allows more, but older builds only 999."""


class WordIndex:
    """The chunks of one collection, found by their words. A file that is not there is an empty collection."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path, self._timeout = path, timeout

    def put(self, chunks: Sequence[Chunk]) -> None:
        """Insert or overwrite, all or nothing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as database, database:
            database.executescript(_SCHEMA)
            self._delete(database, [chunk.chunk_id for chunk in chunks])
            database.executemany(
                f"INSERT INTO chunks ({_NAMES}) VALUES ({_MARKS})",  # noqa: S608 - constants
                {chunk.chunk_id: astuple(chunk) for chunk in chunks}.values(),
            )

    def remove(self, document_id: str) -> set[str]:
        """Delete a document's chunks; returns their ids."""
        gone = self.ids(document_id)
        if gone:
            with closing(self._open()) as database, database:
                self._delete(database, sorted(gone))
        return gone

    def drop(self) -> None:
        """Delete the file."""
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def ids(self, document_id: str) -> set[str]:
        """The ids of a document's chunks."""
        with self._reading() as database:
            rows = database.execute("SELECT chunk_id FROM chunks WHERE document_id = ?", (document_id,))
            return {str(row[0]) for row in rows}

    def count(self) -> int:
        """Number of chunks."""
        with self._reading() as database:
            return int(database.execute("SELECT count(*) FROM chunks").fetchone()[0])

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """The chunks of these ids that are there."""
        found: dict[str, Chunk] = {}
        with self._reading() as database:
            for start in range(0, len(ids), _MANY):
                part = ids[start : start + _MANY]
                marks = ", ".join("?" for _ in part)
                rows = database.execute(f"SELECT {_NAMES} FROM chunks WHERE chunk_id IN ({marks})", part)  # noqa: S608
                found.update({row[0]: Chunk(*row) for row in rows})
        return found

    def search(self, text: str, limit: int) -> dict[str, float]:
        """Chunk id → BM25 of the best chunks that have any word of `text`; more is better."""
        words = dict.fromkeys(re.findall(r"\w+", text.lower()))
        if not words:
            return {}
        query = " OR ".join(f'"{word}"' for word in words)
        with self._reading() as database:
            rows = database.execute(
                "SELECT chunks.chunk_id, -bm25(words) AS score FROM words JOIN chunks ON chunks.rowid = words.rowid "
                "WHERE words MATCH ? ORDER BY score DESC, chunks.chunk_id LIMIT ?",
                (query, limit),
            )
            return {str(name): float(score) for name, score in rows}

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The database; an empty one in memory where there is no file."""
        with closing(self._open() if self._path.exists() else sqlite3.connect(":memory:")) as database:
            if not self._path.exists():
                database.executescript(_SCHEMA)
            yield database

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=self._timeout)

    @staticmethod
    def _delete(database: sqlite3.Connection, ids: Sequence[str]) -> None:
        database.executemany("DELETE FROM chunks WHERE chunk_id = ?", [(name,) for name in ids])
