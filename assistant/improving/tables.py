"""The tables of improving: what became of each answer while models are compared in use. No text is in them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from assistant.database import metadata

signals = Table(
    "live_signals",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("answer_id", String, nullable=False, unique=True),
    Column("model", String, nullable=False),
    Column("ungrounded", Integer),
    Column("down", Integer),
    Index("live_signals_by_model", "model", "position"),
)
