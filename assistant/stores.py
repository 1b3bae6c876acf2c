"""LangGraph's saver and store: SQLite files of the home, or one Postgres where `database.url` names it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from graphs.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.store.base import BaseStore

    from assistant.config import Settings

_BUSY_SECONDS = 30.0
_CONNECTIONS = 8


def open_saver(settings: Settings) -> BaseCheckpointSaver[Any]:
    """LangGraph's saver; it stores plain values and messages only. Raises `StorageError`."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    plain = JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None)
    if settings.database.url:
        kept: BaseCheckpointSaver[Any] = _postgres("checkpoint", settings, plain)
        return kept
    from langgraph.checkpoint.sqlite import SqliteSaver

    path = settings.home / "threads.db"
    try:
        saver = SqliteSaver(sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_SECONDS), serde=plain)
        saver.setup()
        saver.conn.execute("PRAGMA synchronous=NORMAL")  # a dozen steps a turn; `keep_latest` flushes them at its end
    except sqlite3.Error as error:
        raise _damaged(str(path), error) from error
    return saver


def open_store(settings: Settings) -> BaseStore:
    """LangGraph's store, for what is remembered across conversations. Raises `StorageError`."""
    if settings.database.url:
        store: BaseStore = _postgres("store", settings, None)
        return store
    from langgraph.store.sqlite import SqliteStore

    path = settings.home / "memory.db"
    try:
        connection = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_SECONDS, isolation_level=None)
        opened = SqliteStore(connection)
        opened.setup()
    except sqlite3.Error as error:
        raise _damaged(str(path), error) from error
    return opened


def close(opened: Any) -> None:
    """Let go of a saver's or a store's connections."""
    opened.conn.close()


def keep_latest(saver: Any, thread_id: str) -> None:
    """Keep the last checkpoint only: each holds the whole conversation, so keeping all grows with its square.

    With it the turn is on disk: SQLite writes its log in order, so flushing the last transaction flushes those before.
    """
    if type(saver).__name__ != "SqliteSaver":
        saver.prune([thread_id])
        return
    with saver.lock:
        saver.conn.execute("PRAGMA synchronous=FULL")
        try:
            with saver.conn:
                _forget_earlier(saver.conn, thread_id)
        finally:
            saver.conn.execute("PRAGMA synchronous=NORMAL")


def _forget_earlier(connection: sqlite3.Connection, thread_id: str) -> None:
    found = connection.execute("SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = ?", (thread_id,))
    last = found.fetchone()[0]
    if last is not None:
        connection.execute("DELETE FROM writes WHERE thread_id = ? AND checkpoint_id < ?", (thread_id, last))
        connection.execute("DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_id < ?", (thread_id, last))


def _postgres(kind: str, settings: Settings, serde: Any) -> Any:
    """A saver or a store over a pool of connections. Raises `SettingsError`, `StorageError`."""
    try:
        from langgraph.checkpoint.postgres import PostgresSaver
        from langgraph.store.postgres import PostgresStore
        from psycopg.rows import dict_row
        from psycopg_pool import ConnectionPool, PoolTimeout
    except ImportError:
        cure = "Install it: pip install 'crossroads-assistant[postgres]'."
        raise SettingsError("database.url is set, but the Postgres driver is not installed.", cure) from None
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = ConnectionPool(
        plain_url(settings), kwargs=options, max_size=_CONNECTIONS, open=False, check=ConnectionPool.check_connection,
        configure=_unflushed if kind == "checkpoint" else None,
    )  # fmt: skip
    try:
        pool.open(wait=True, timeout=10.0)
        opened = PostgresSaver(pool, serde=serde) if kind == "checkpoint" else PostgresStore(pool)
        opened.setup()
    except PoolTimeout as error:
        pool.close()
        raise StorageError(
            "The database of database.url does not answer.", "Start it, or correct the address."
        ) from error
    return opened


def _unflushed(connection: Any) -> None:
    """Steps wait for no disk: the row that completes a turn is flushed, and with it everything before it."""
    connection.execute("SET synchronous_commit TO off")


def plain_url(settings: Settings) -> str:
    """The address as Postgres' own library takes it: without SQLAlchemy's name of the driver."""
    return settings.database.url.replace("postgresql+psycopg://", "postgresql://", 1)


def _damaged(path: str, error: Exception) -> StorageError:
    cure = "See `crossroads doctor`; if the file is damaged, restore a copy of it."
    return StorageError(f"{path!r} cannot be used: {error}.", cure)
