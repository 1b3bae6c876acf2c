"""The tables of people. Passwords are kept as argon2 hashes, everything else that opens a door as sha256."""

from __future__ import annotations

from sqlalchemy import DDL, Column, Float, Integer, String, Table, event

from assistant.database import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("person", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("disabled", Integer, nullable=False),
    Column("password", String, nullable=False),  # empty: cannot sign in with one
    Column("subject", String, nullable=False, index=True),  # issuer and subject of a single sign-on
    Column("created", String, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("expires", Float, nullable=False),
)
invitations = Table(
    "invitations",
    metadata,
    Column("digest", String, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("expires", Float, nullable=False),
)
tokens = Table(
    "tokens",
    metadata,
    Column("token_id", String, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
    Column("person", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created", String, nullable=False),
    Column("expires", Float, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("at", String, nullable=False, index=True),
    Column("person", String, nullable=False, index=True),  # the id alone, so that nothing is left to rewrite
    Column("via", String, nullable=False),
    Column("action", String, nullable=False),
    Column("about", String, nullable=False),
    Column("outcome", String, nullable=False),
)
secret_values = Table(
    "secret_values",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

_REFUSE = "the log is append-only"
APPEND_ONLY: dict[str, list[str]] = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS audit_keeps_{what.lower()} BEFORE {what} ON audit "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_keeps() RETURNS trigger AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSE}'; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE TRIGGER audit_keeps BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_keeps()",
    ],
}
"""What makes the database itself refuse to change or delete a line of the log."""

for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(audit, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
