"""Any earlier home is brought to the tables of this version, and loses nothing on the way."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from assistant.config import Settings
from assistant.database import open_database
from assistant.migrations import HEAD, config_for, version_of
from assistant.people.audit import Audit
from assistant.people.caller import LOCAL
from assistant.tables import metadata
from graphs.errors import StorageError
from tests.assistant.home_fakes import open_fake
from tests.assistant.test_postgres import Cluster, needs_postgres
from tests.assistant.test_postgres import cluster as cluster

OLD = (Path(__file__).parent / "old_records.sql").read_text(encoding="utf-8")
"""The records of a home as they were before migrations were kept."""
Open = Callable[[], Engine]


def old_home(home: Path) -> None:
    home.mkdir(parents=True)
    with sqlite3.connect(home / "records.db") as connection:
        connection.executescript(OLD)
    connection.close()


def all_of(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - one of our tables


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        names = [str(name) for name in sorted(metadata.tables)]
        there = [name for name in names if f"CREATE TABLE {name} " in OLD]
        return {name: [tuple(row) for row in connection.execute(select(metadata.tables[name]))] for name in there}


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_an_old_home_is_taken_along_whole(home: Path) -> None:
    old_home(home)
    with sqlite3.connect(home / "records.db") as before:
        known = {name: all_of(before, name) for name in ("grades", "turns", "answers")}
        threads, votes = all_of(before, "threads"), all_of(before, "votes")
    before.close()
    engine = open_database(Settings(home=home))
    after = rows(engine)
    assert {name: after[name] for name in known} == known
    assert after["threads"] == [(*row, "") for row in threads]
    assert after["votes"] == [(*row, "") for row in votes]
    assert differences(engine) == []
    engine.dispose()
    with open_fake(home) as assistant:
        assert {grade.grader for grade, _ in assistant.grading.store.current()} == {"ann", "bob"}
        assert len(assistant.threads.list()) == 2
        assert len(assistant.feedback.list()) == 1


def test_the_oldest_homes_get_the_column_they_lack(home: Path) -> None:
    old_home(home)
    with sqlite3.connect(home / "records.db") as connection:
        connection.execute("ALTER TABLE documents DROP COLUMN metadata")
        connection.execute("DROP TABLE examples")
    connection.close()
    engine = open_database(Settings(home=home))
    assert differences(engine) == []
    engine.dispose()


def test_a_new_home_has_the_tables_the_files_make(home: Path) -> None:
    engine = open_database(Settings(home=home))
    with engine.connect() as connection:
        assert version_of(connection) == HEAD
        assert ScriptDirectory.from_config(config_for(connection)).get_current_head() == HEAD
    engine.dispose()


def test_several_processes_at_once_bring_up_one_home(home: Path) -> None:
    old_home(home)
    failed: list[BaseException] = []

    def bring_up() -> None:
        try:
            open_database(Settings(home=home)).dispose()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=bring_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_home_of_a_newer_version_is_left_alone(home: Path) -> None:
    engine = open_database(Settings(home=home))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StorageError, match="9999"):
        open_database(Settings(home=home))


def _log_refuses_to_be_changed(engine: Engine) -> None:
    Audit(engine).add(LOCAL, "something")
    for statement in ("UPDATE audit SET action = 'nothing'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    assert [line.action for line in Audit(engine).list()] == ["something"]


@pytest.mark.parametrize("old", [False, True])
def test_the_log_cannot_be_changed_even_by_sql(home: Path, old: bool) -> None:
    if old:
        old_home(home)
    engine = open_database(Settings(home=home))
    _log_refuses_to_be_changed(engine)
    engine.dispose()


@pytest.fixture
def postgres(cluster: Cluster, home: Path) -> Open:
    cluster.run("createdb", "-h", "127.0.0.1", "-p", str(cluster.port), "-U", "crossroads", "migrated")
    settings = Settings(home=home, database={"url": cluster.url("migrated")})
    return lambda: open_database(settings)


@needs_postgres
def test_postgres_comes_to_the_same_tables_new_and_step_by_step(postgres: Open) -> None:
    engine = postgres()
    assert differences(engine) == []
    _log_refuses_to_be_changed(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.execute(text("CREATE TABLE others (x INTEGER)"))  # not a new database: step by step
    engine.dispose()
    engine = postgres()
    assert [one for one in differences(engine) if "others" not in str(one)] == []
    _log_refuses_to_be_changed(engine)
    engine.dispose()
