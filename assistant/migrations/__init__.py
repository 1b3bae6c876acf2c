"""The tables of the home's database, brought from any earlier version to this one. Nothing is lost on the way.

A new table or column: change the `Table` beside its code (list a new module in `assistant/tables.py`), add a file
`versions/vNNNN_WHAT.py` that makes the same change to an existing database, and set `HEAD` to its number. A test
compares what the files make with what the tables say.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect as look_at
from sqlalchemy import text

from assistant.database import writing
from graphs.errors import StorageError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

HEAD = "0002"
"""The version this code needs; the last file of `versions/`."""
_LOCK = 0x63726F7373  # one number that all of ours ask Postgres for
_KEPT_IN = "alembic_version"


def bring_up(engine: Engine) -> None:
    """Make or change what is missing; in an instant where nothing is. Raises `StorageError` for a newer database.

    Everything happens in one transaction: a killed process leaves the database as it was.
    """
    with engine.connect() as connection:
        if version_of(connection) == HEAD:
            return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _bring_up(connection)


def version_of(connection: Connection) -> str:
    """The version a database is at; empty where it has never been told."""
    if not look_at(connection).has_table(_KEPT_IN):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {_KEPT_IN}")).scalar()  # noqa: S608 - a constant
    return str(found or "")


def config_for(connection: Connection) -> Config:
    """Alembic's configuration over a connection that is in a transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _bring_up(connection: Connection) -> None:
    version = version_of(connection)
    if version == HEAD:
        return  # another process did it while this one waited
    if not version and not look_at(connection).get_table_names():
        _make(connection)
        return
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(config_for(connection), "head")
    except CommandError:
        raise StorageError(
            f"The database is of version {version!r}, which this Crossroads (version {HEAD!r}) does not know.",
            "It was last used by a newer one: install that, or restore a copy made before.",
        ) from None


def _make(connection: Connection) -> None:
    """A new database, all at once."""
    from assistant.tables import metadata

    metadata.create_all(connection)
    connection.execute(text(f"CREATE TABLE {_KEPT_IN} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {_KEPT_IN} VALUES (:head)"), {"head": HEAD})  # noqa: S608 - a constant
