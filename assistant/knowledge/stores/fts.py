"""The BM25 half where the vector store has none: one SQLite file with a full-text index (FTS5) per collection."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from assistant.knowledge.types import Chunk, Vectors, Where

_COLUMNS = [field.name for field in fields(Chunk)]
_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS chunks (
    chunk_id TEXT PRIMARY KEY, document_id TEXT NOT NULL, source TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, heading TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks (document_id);
CREATE TRIGGER IF NOT EXISTS forgotten AFTER DELETE ON chunks BEGIN
    DELETE FROM vectors WHERE chunk_id = old.chunk_id;
END;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    text, title, heading, content='chunks', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON chunks BEGIN
    INSERT INTO words (rowid, text, title, heading) VALUES (new.rowid, new.text, new.title, new.heading);
END;
CREATE TABLE IF NOT EXISTS vectors (
    number INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id TEXT NOT NULL UNIQUE, vector BLOB NOT NULL
);
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON chunks BEGIN
    INSERT INTO words (words, rowid, text, title, heading)
    VALUES ('delete', old.rowid, old.text, old.title, old.heading);
END;
"""
_BEST = (
    "SELECT chunks.chunk_id, -bm25(words) AS score FROM words JOIN chunks ON chunks.rowid = words.rowid "
    "WHERE words MATCH ?{condition} ORDER BY score DESC, chunks.chunk_id LIMIT ?"
)
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_MARKS = ", ".join("?" for _ in _COLUMNS)
_MANY = 500
"""Values in one `IN (…)`; SQLite allows more, but older builds only 999."""


class WordIndex:
    """The chunks of one collection, found by their words. A file that is not there is an empty collection."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path, self._timeout = path, timeout

    def put(self, chunks: Sequence[Chunk], vectors: Vectors | None = None) -> None:
        """Insert or overwrite, all or nothing; with their vectors where these are kept here as well."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as database, database:
            database.executescript(_SCHEMA)
            self._delete(database, [chunk.chunk_id for chunk in chunks])
            database.executemany(
                f"INSERT INTO chunks ({_NAMES}) VALUES ({_MARKS})",  # noqa: S608 - constants
                {chunk.chunk_id: astuple(chunk) for chunk in chunks}.values(),
            )
            if vectors is not None:
                own = {chunk.chunk_id: vector.tobytes() for chunk, vector in zip(chunks, vectors, strict=True)}
                database.executemany("INSERT INTO vectors (chunk_id, vector) VALUES (?, ?)", own.items())

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

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The vectors of these ids that are kept here."""
        rows = self._of("chunk_id, vector", "chunk_id", ids)
        return {str(name): np.frombuffer(blob, dtype=np.float32) for name, blob in rows}

    def numbers(self, ids: Sequence[str]) -> list[int]:
        """The numbers of these ids' vectors."""
        return [int(row[0]) for row in self._of("number", "chunk_id", ids)]

    def named(self, numbers: Sequence[int]) -> dict[int, str]:
        """Number → chunk id of the vectors that are there."""
        return {int(number): str(name) for number, name in self._of("number, chunk_id", "number", numbers)}

    def _of(self, columns: str, key: str, values: Sequence[str] | Sequence[int]) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM vectors WHERE {key} IN (SELECT value FROM json_each(?))"  # noqa: S608
        with self._reading() as database:
            return database.execute(query, (json.dumps(list(values)),)).fetchall()

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there."""
        query = "SELECT chunk_id FROM chunks WHERE chunk_id IN (SELECT value FROM json_each(?))"
        with self._reading() as database:
            return {str(row[0]) for row in database.execute(query, (json.dumps(list(ids)),))}

    def allowed(self, where: Where) -> list[str] | None:
        """The ids `where` leaves; None where it narrows nothing."""
        condition, values = _narrowed(where)
        if not condition:
            return None
        with self._reading() as database:
            rows = database.execute(f"SELECT chunk_id FROM chunks WHERE 1{condition}", values)  # noqa: S608
            return [str(row[0]) for row in rows]

    def search(self, text: str, limit: int, where: Where) -> dict[str, float]:
        """Chunk id → BM25 of the best chunks that have any word of `text`; more is better."""
        words = dict.fromkeys(re.findall(r"\w+", text.lower()))
        if not words:
            return {}
        query = " OR ".join(f'"{word}"' for word in words)
        condition, values = _narrowed(where)
        with self._reading() as database:
            rows = database.execute(_BEST.replace("{condition}", condition), (query, *values, limit))
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


def _narrowed(where: Where) -> tuple[str, list[str | int]]:
    """The conditions of `where` on the table `chunks`, and their values."""
    condition, values = "", list[str | int]()
    if where.documents is not None:
        condition += " AND chunks.document_id IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(sorted(where.documents)))
    if heading := where.heading_words:
        condition += " AND chunks.rowid IN (SELECT rowid FROM words WHERE words MATCH ?)"
        values.append("heading : (" + " AND ".join(f'"{word}"' for word in heading) + ")")
    if where.pages is not None:
        condition += " AND chunks.page BETWEEN ? AND ?"
        values += where.pages
    return condition, values
