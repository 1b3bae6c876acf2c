"""The engine behind `HOME/records.db`: documents, conversations, votes and whatever else is a row.

SQLite in WAL mode: readers never wait for a writer, a writer waits its turn, and a killed process loses nothing
that was committed.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from assistant.config import Settings
from graphs.errors import BusyError, SettingsError, StorageError

metadata = MetaData()
"""All tables of the home's database. Each is defined beside the code that uses it; `assistant/tables.py` lists them."""
BUSY_SECONDS = 15
_FULL = {errno.ENOSPC, errno.EDQUOT}
_LITTLE = 1 << 20  # bytes: with less than this free, SQLite may call a full disk an I/O error


def open_database(settings: Settings) -> Engine:
    """The engine over `settings.home / "records.db"`; the folder is made where it is missing.

    Raises `StorageError` where the home cannot be written or the file is not a database.
    """
    if settings.database.url:
        return _postgres(settings)
    path = settings.home / "records.db"
    with storage_errors(settings.home):
        settings.home.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    return _current(engine)


def _postgres(settings: Settings) -> Engine:
    """The engine over the Postgres of `database.url`. Raises `SettingsError`, `StorageError`."""
    from assistant.stores import plain_url

    address = plain_url(settings).replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        engine = create_engine(address, pool_pre_ping=True, pool_size=10, max_overflow=30)  # a turn holds one
    except (ArgumentError, NoSuchModuleError):
        cure = "Write postgresql://USER:PASSWORD@HOST/DATABASE, or leave it empty for SQLite."
        raise SettingsError("database.url is no address of a Postgres database.", cure) from None
    except ImportError:
        cure = "Install it: pip install 'crossroads-assistant[postgres]'."
        raise SettingsError("database.url is set, but the Postgres driver is not installed.", cure) from None
    settings.home.mkdir(parents=True, exist_ok=True)
    event.listen(engine, "handle_error", _out_of_reach)
    return _current(engine)


def _current(engine: Engine) -> Engine:
    """The engine, its tables brought to what this version needs."""
    from assistant.migrations import bring_up

    try:
        bring_up(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine, *, flushed: bool = True) -> Iterator[Connection]:
    """A transaction that may read first and write later; it takes the write lock at once, so it never fails half-way.

    With `flushed` it is on disk when the block ends, and with it everything before it; without, a killed process loses
    nothing either, but a machine without power may. For what something flushed follows before anybody is told.

    Raises `StorageError` for a full or read-only disk, `BusyError` where another process holds the lock too long.
    """
    options = {"crossroads_begin": "IMMEDIATE", "crossroads_flushed": flushed}
    with storage_errors(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        if not flushed and engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
        yield connection


@contextmanager
def storage_errors(where: Path | Engine) -> Iterator[None]:
    """Turn what a full disk, missing rights or a broken database file raise into errors with a cure.

    `where` is the folder that is written, or the engine of the database that lies in it.
    """
    if isinstance(where, Engine) and where.dialect.name == "postgresql":
        yield  # `_out_of_reach` has seen to it
        return
    folder = Path(str(where.url.database)).parent if isinstance(where, Engine) else where
    try:
        yield
    except OSError as error:
        raise _from_system(error, folder) from error
    except DBAPIError as error:
        raise _from_database(error, folder) from error


def _out_of_reach(context: ExceptionContext) -> None:
    """A Postgres that does not answer is an error with a cure, wherever it is noticed."""
    if isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError) and not context.is_pre_ping:
        first = next(iter(str(context.original_exception).strip().splitlines()), "it does not answer")
        message = f"The database of database.url cannot be used: {first}."
        raise StorageError(message, "Start it, or correct the address.") from context.original_exception


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late to choose its kind
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    kind, flushed = options.get("crossroads_begin", "DEFERRED"), options.get("crossroads_flushed", True)
    if connection.info.get("flushed", True) != flushed:  # what a connection of the pool was set to last
        connection.connection.cursor().execute(f"PRAGMA synchronous={'FULL' if flushed else 'NORMAL'}")
        connection.info["flushed"] = flushed
    connection.exec_driver_sql(f"BEGIN {kind}")


def _from_system(error: OSError, folder: Path) -> StorageError | OSError:
    if error.errno in _FULL:
        return StorageError(f"The disk that holds {str(folder)!r} is full.", "Free some space, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = str(error.filename or folder)
        return StorageError(f"{where!r} cannot be written.", "Give yourself the right to, or set CROSSROADS_HOME.")
    return StorageError(f"{str(folder)!r} cannot be used: {error}.", "Look at the folder, or set CROSSROADS_HOME.")


def _from_database(error: DBAPIError, folder: Path) -> StorageError | BusyError:
    text = str(error.orig)
    if "locked" in text:
        return BusyError(f"The records in {str(folder)!r} are in use by another process.", "Try again in a moment.")
    if "full" in text or ("disk I/O" in text and shutil.disk_usage(folder).free < _LITTLE):
        return StorageError(f"The disk that holds {str(folder)!r} is full.", "Free some space, then try again.")
    if "readonly" in text or "unable to open" in text:
        return StorageError(
            f"{str(folder)!r} cannot be written.", "Give yourself the right to, or set CROSSROADS_HOME."
        )
    return StorageError(
        f"{str(folder / 'records.db')!r} cannot be used: {text}.",
        "Move the file away (it is rebuilt empty) or restore a copy.",
    )
