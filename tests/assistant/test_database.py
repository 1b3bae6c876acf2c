"""The engine behind `records.db`, and what it says when the disk fails it."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from assistant.config import Settings
from assistant.database import open_database, storage_errors, writing
from assistant.stores import close, keep_latest, open_saver
from graphs.errors import BusyError, StorageError


def test_readers_do_not_wait_for_a_writer(home: Path) -> None:
    engine = open_database(Settings(home=home))
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with writing(engine) as connection, engine.connect() as reader:
        connection.execute(text("INSERT INTO t VALUES (2)"))
        assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 1
    engine.dispose()


def test_writers_wait_their_turn(home: Path) -> None:
    engine = open_database(Settings(home=home))
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (0)"))

    def add_one() -> None:
        for _ in range(20):
            with writing(engine) as connection:
                value = connection.execute(text("SELECT x FROM t")).scalar_one()
                connection.execute(text("UPDATE t SET x = :x"), {"x": value + 1})

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT x FROM t")).scalar() == 80
    engine.dispose()


def test_foreign_keys_hold(home: Path) -> None:
    engine = open_database(Settings(home=home))
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


def test_a_failed_transaction_leaves_nothing(home: Path) -> None:
    engine = open_database(Settings(home=home))
    with contextlib.suppress(RuntimeError), writing(engine) as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        raise RuntimeError
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master WHERE name = 't'")).scalar() == 0
    engine.dispose()


def test_a_file_that_is_no_database_is_named(home: Path) -> None:
    home.mkdir()
    (home / "records.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(StorageError, match=r"records\.db"):
        open_database(Settings(home=home))


def test_a_home_that_is_a_file_is_named(home: Path) -> None:
    home.write_text("in the way")
    with pytest.raises(StorageError, match="home"):
        open_database(Settings(home=home))


def test_a_full_database_disk_is_said_plainly(home: Path) -> None:
    engine = open_database(Settings(home=home))

    def fill() -> None:
        with writing(engine) as connection:
            connection.execute(text("PRAGMA max_page_count = 8"))
            connection.execute(text("CREATE TABLE t (x)"))
            for _ in range(1000):
                connection.execute(text("INSERT INTO t VALUES (zeroblob(1000))"))

    with pytest.raises(StorageError, match="is full"):
        fill()
    engine.dispose()


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "is full"), (errno.EROFS, "cannot be written")])
def test_errors_of_the_disk_have_a_cure(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(StorageError, match=said) as raised, storage_errors(tmp_path):
        raise OSError(number, "trouble")
    assert raised.value.cure


def test_a_lock_held_too_long_is_busy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.database.BUSY_SECONDS", 0.1)
    engine = open_database(Settings(home=home))
    other = sqlite3.connect(home / "records.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError), writing(engine):
        pass
    other.close()
    engine.dispose()


def test_what_need_not_be_flushed_yet_is_flushed_by_the_next_that_must(home: Path) -> None:
    engine = open_database(Settings(home=home))
    found = []
    for flushed in (True, False, False, True):
        with writing(engine, flushed=flushed) as connection:
            found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    with engine.connect() as connection:
        connection.begin()
        found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    assert found == [2, 1, 1, 2, 2]  # 2 is FULL, 1 is NORMAL
    engine.dispose()


def test_the_last_write_of_a_turn_flushes_its_conversation(home: Path) -> None:
    from langgraph.checkpoint.base import empty_checkpoint

    settings = Settings(home=home)
    open_database(settings).dispose()
    saver: Any = open_saver(settings)
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    for _ in range(2):
        saver.put(config, empty_checkpoint(), {}, {})
    said: list[str] = []
    saver.conn.set_trace_callback(said.append)
    keep_latest(saver, "t")
    saver.conn.set_trace_callback(None)
    begun = [line.split()[0] if "synchronous" not in line else line for line in said]
    assert begun[0] == "PRAGMA synchronous=FULL"
    assert begun[-2:] == ["COMMIT", "PRAGMA synchronous=NORMAL"]
    assert "DELETE" in begun
    assert len(list(saver.list(config))) == 1
    close(saver)
