"""Accounts, sessions, tokens, invitations, the log; conversations and votes belong to a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them. Rows from before belong to nobody, until the first account takes them over."""
    for table in ("threads", "votes"):
        op.add_column(table, sa.Column("person", sa.String, nullable=False, server_default=""))
        op.create_index(f"ix_{table}_person", table, ["person"])
    _accounts()
    for table in ("sessions", "invitations"):
        op.create_table(
            table,
            sa.Column("digest", sa.String, primary_key=True),
            sa.Column("person", sa.String, nullable=False),
            sa.Column("expires", sa.Float, nullable=False),
        )
        op.create_index(f"ix_{table}_person", table, ["person"])
    _tokens()
    op.create_table(
        "secret_values",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    _audit()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("person", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("folded", sa.String, nullable=False, unique=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("disabled", sa.Integer, nullable=False),
        sa.Column("password", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
    )
    op.create_index("ix_accounts_subject", "accounts", ["subject"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String, primary_key=True),
        sa.Column("digest", sa.String, nullable=False, unique=True),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("ix_tokens_person", "tokens", ["person"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("via", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_person", "audit", ["person"])
    from assistant.people.tables import APPEND_ONLY

    for statement in APPEND_ONLY.get(op.get_bind().dialect.name, []):
        op.execute(statement)
