"""The tables of what is known about graders. Both are append-only: of each key the latest row counts."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, String, Table

from assistant.database import metadata

gold = Table(
    "gold_grades",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("answer_id", String, nullable=False, index=True),
    Column("grader", String, nullable=False),
    Column("scores", String, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("by", String, nullable=False),
    Column("created", String, nullable=False),
)
weights = Table(
    "grader_weights",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("grader", String, nullable=False, index=True),
    Column("weight", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("by", String, nullable=False),
    Column("created", String, nullable=False),
)
