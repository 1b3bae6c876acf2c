"""What targets and scorers said before, by a hash of everything it depends on. One SQLite file; plain JSON."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from graphs.errors import StorageError


def key_of(*parts: Any) -> str:
    """The hash of plain values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cache:
    """Values by key; safe to use from several threads and processes. Close it when done."""

    def __init__(self, path: Path | None) -> None:
        """`None` keeps nothing beyond the process. Raises `StorageError` where the file cannot be used."""
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=30)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        except (sqlite3.Error, OSError) as error:
            cure = "Delete the file: it is a cache, and is made anew."
            raise StorageError(f"The evaluation cache {str(path)!r} cannot be used: {error}.", cure) from None

    def get(self, key: str) -> Any:
        """The value, or None."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, value: Any) -> None:
        """Keep a value; on disk when this returns."""
        text = json.dumps(value, ensure_ascii=False)
        with self._lock, self._connection:
            self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, text))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
